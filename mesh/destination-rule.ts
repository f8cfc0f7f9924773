import { asList, asText, at, plain } from "../base/tree";
import type { MeshObject } from "./object";

/*
 * What a DestinationRule does to the TLS that sidecars speak to workloads (istio.io, reference of ClientTLSSettings). Without
 * `tls` they choose mutual TLS by themselves.
 */

export type DestinationRuleObject = Pick<MeshObject, "metadata" | "spec">;

/** A place of a rule at which it takes something off mutual TLS. */
export interface ClientTlsProblem {
  /** Path of the settings, such as `spec.trafficPolicy.tls`. */
  path: string;
  /** The same in words, such as `subset v1, port 9080`. */
  where: string;
  /** What the settings say, such as `mode is DISABLE`. */
  setting: string;
  /** How sidecars send requests then, such as `without TLS`. */
  effect: string;
  /** 1: encrypted, but not mutual; 2: plain text. */
  weakness: number;
}

/** Where a rule weakens TLS towards the mesh. Its members are namespaces; left out, every Service may be one of the mesh. */
export function clientTlsProblems(rule: DestinationRuleObject, members?: readonly string[]): ClientTlsProblem[] {
  const target = targetOf(rule);
  if (target === undefined) return [];
  if (members !== undefined && target.namespace !== undefined && !members.includes(target.namespace)) return [];
  return clientTls(rule).flatMap(({ tls, ...place }) => {
    const problem = problemOf(tls);
    return problem === undefined ? [] : [{ ...place, ...problem }];
  });
}

function problemOf(tls: unknown): Pick<ClientTlsProblem, "setting" | "effect" | "weakness"> | undefined {
  const mode = at(tls, "mode");
  if (mode === "DISABLE") return { setting: "mode is DISABLE", effect: "without TLS", weakness: 2 };
  if (at(tls, "insecureSkipVerify") === true)
    return {
      setting: "insecureSkipVerify is true",
      effect: "to whoever answers, unchecked",
      weakness: 1,
    };
  // MUTUAL brings certificates of its own, ISTIO_MUTUAL those of the mesh.
  if (mode === "SIMPLE")
    return { setting: "mode is SIMPLE", effect: "without a certificate of the client", weakness: 1 };
  return undefined;
}

/** The TLS settings of a rule, wherever they stand. */
function clientTls({ spec }: DestinationRuleObject): { path: string; where: string; tls: unknown }[] {
  const policies = [
    { path: "spec.trafficPolicy", where: "all traffic", policy: at(spec, "trafficPolicy") },
    ...asList(at(spec, "subsets")).map((subset, index) => ({
      path: `spec.subsets[${index}].trafficPolicy`,
      where: `subset ${asText(at(subset, "name")) ?? index}`,
      policy: at(subset, "trafficPolicy"),
    })),
  ];
  return policies.flatMap(({ path, where, policy }) => [
    { path: `${path}.tls`, where, tls: at(policy, "tls") },
    ...asList(at(policy, "portLevelSettings")).map((settings, index) => ({
      path: `${path}.portLevelSettings[${index}].tls`,
      where: `${where}, port ${plain(at(settings, "port", "number"))}`,
      tls: at(settings, "tls"),
    })),
  ]);
}

/** Domain of Services in clusters that set no other. */
const clusterDomain = "cluster.local";

/**
 * The Services of the cluster that a rule is for: those of one namespace, or of any; undefined for hosts outside. As Istio reads
 * a host (ResolveShortnameToFQDN in pilot/pkg/model/config.go): a name without dots is a Service of the rule's namespace.
 */
export function targetOf({ metadata, spec }: DestinationRuleObject): { namespace?: string } | undefined {
  const host = hostOf({ spec });
  const isWildcard = host.startsWith("*");
  if (!host.includes(".") && !isWildcard)
    return metadata.namespace === undefined ? {} : { namespace: metadata.namespace };
  // "*", "*.local" and the like take in every Service.
  if (isWildcard && `.svc.${clusterDomain}`.endsWith(host.slice(1))) return {};
  const namespace = /^[^.]+\.([^.]+)\.svc(\.|$)/.exec(host)?.[1];
  return namespace === undefined ? undefined : { namespace };
}

export function hostOf({ spec }: Pick<DestinationRuleObject, "spec">): string {
  return asText(at(spec, "host")) ?? "";
}
