import { reasonAnnotation } from "../base/annotations";
import { asText, at, treeAt } from "../base/tree";
import type { MeshObject } from "./object";

/*
 * What a PeerAuthentication makes Istio do: ComposePeerAuthentication in istio/istio, pilot/pkg/security/authn/policy_applier.go.
 */

export type MtlsMode = "UNSET" | "DISABLE" | "PERMISSIVE" | "STRICT";

/** `ignored`: with a selector in the root namespace, where Istio has no policies for workloads. */
export type PolicyScope = "mesh" | "namespace" | "workload" | "ignored";

export type PeerAuthenticationObject = Pick<MeshObject, "metadata" | "spec">;

/** Labels by which a policy selects workloads; none for a policy of a namespace, or of the mesh. */
export function selectorOf(policy: PeerAuthenticationObject): Record<string, string> {
  return treeAt(policy.spec, "selector", "matchLabels") as Record<string, string>;
}

/** Whether a stack has made a policy, or taken it over: each of a stack's says why it is there. */
export function isDeclared({ metadata }: Pick<PeerAuthenticationObject, "metadata">): boolean {
  return metadata.annotations?.[reasonAnnotation] !== undefined;
}

/** What a policy is for. Without a root namespace, nothing tells which policy is the mesh's. */
export function scopeOf(policy: PeerAuthenticationObject, rootNamespace: string | undefined): PolicyScope {
  const isSelective = Object.keys(selectorOf(policy)).length > 0;
  const isInRoot = rootNamespace !== undefined && policy.metadata.namespace === rootNamespace;
  if (isInRoot) return isSelective ? "ignored" : "mesh";
  return isSelective ? "workload" : "namespace";
}

/** The mode of a policy for all ports, or for one. */
export interface PolicyMode {
  /** Where it stands, such as `portLevelMtls.9102.mode`. */
  path: string;
  port?: number;
  /** As the policy says it, `UNSET` where it says nothing. */
  mode: string;
  /** 0: mutual TLS alone; 1: plain text as well; 2: no mutual TLS. */
  weakness: number;
}

/** Istio's own mode, where no policy says another. */
const istioDefault: MtlsMode = "PERMISSIVE";

/** How much less than mutual TLS a mode asks for; a word that is none of Istio's is taken to be the worst. */
export function weaknessOf(mode: string): number {
  return ["STRICT", "PERMISSIVE"].includes(mode) ? Number(mode === "PERMISSIVE") : 2;
}

/**
 * The modes of a policy. One that says nothing inherits: a port from its workload, a workload from its namespace, a namespace
 * from the mesh, whose own policy is judged by itself; above the mesh stands Istio's default, PERMISSIVE.
 */
export function modesOf(
  policy: PeerAuthenticationObject,
  rootNamespace: string | undefined,
): [all: PolicyMode, ...ports: PolicyMode[]] {
  const scope = scopeOf(policy, rootNamespace);
  const own = modeAt(policy.spec, "mtls");
  const inherited = scope === "mesh" ? weaknessOf(istioDefault) : 0;
  const weakness = (mode: string, parent: number) =>
    scope === "ignored" ? 0 : mode === "UNSET" ? parent : weaknessOf(mode);
  const all = weakness(own, inherited);
  return [
    { path: "mtls.mode", mode: own, weakness: all },
    // Istio refuses them without a selector (ValidatePeerAuthentication); who has written them meant to take plain text.
    ...Object.entries(treeAt(policy.spec, "portLevelMtls")).map(([port, setting]) => {
      const mode = modeAt(setting);
      return { path: `portLevelMtls.${port}.mode`, port: Number(port), mode, weakness: weakness(mode, all) };
    }),
  ];
}

/** The modes by which a policy lets workloads take plain text. */
export function weakModes(policy: PeerAuthenticationObject, rootNamespace: string | undefined): PolicyMode[] {
  return modesOf(policy, rootNamespace).filter(({ weakness }) => weakness > 0);
}

function modeAt(value: unknown, ...path: string[]): string {
  return asText(at(value, ...path, "mode")) ?? "UNSET";
}

/** In the order in which Istio prefers policies that compete: the oldest, then by name (`sortConfigByCreationTime`). */
export function byAge<Policy extends PeerAuthenticationObject>(policies: readonly Policy[]): Policy[] {
  const age = ({ metadata }: Policy) =>
    `${metadata.creationTimestamp ?? ""} ${metadata.name}.${metadata.namespace ?? ""}`;
  return [...policies].sort((a, b) => (age(a) < age(b) ? -1 : 1));
}

/** The policies for the whole mesh, the one that Istio obeys first. */
export function meshPolicies<Policy extends PeerAuthenticationObject>(
  policies: readonly Policy[],
  rootNamespace: string,
): Policy[] {
  return byAge(policies.filter((policy) => scopeOf(policy, rootNamespace) === "mesh"));
}
