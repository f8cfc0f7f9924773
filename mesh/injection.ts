import type { MeshObject, ObjectMetadata } from "./object";

/*
 * Which pods get a sidecar: istiod's webhooks select namespaces (istio/istio, mutatingwebhook.yaml of the chart istiod), and
 * istiod itself leaves some out (injectRequired in pkg/kube/inject/inject.go).
 */

/**
 * How pods of a namespace join the mesh. A union, because with both labels on a namespace Istio obeys `istio-injection`
 * and ignores the revision.
 * - `enabled`: the default revision injects (label `istio-injection=enabled`)
 * - `{ revision }`: the control plane of that revision, or revision tag, injects (label `istio.io/rev`)
 * - `none`: pods stay outside the mesh
 */
export type Injection = "enabled" | "none" | { revision: string };

/** On a namespace: `enabled` for the sidecar of the default revision. */
export const injectionLabel = "istio-injection";
/**
 * Names a control plane: on a namespace, the revision or tag that it follows; on what belongs to one, and as an annotation on a pod with its
 * sidecar, the revision.
 */
export const revisionLabel = "istio.io/rev";

/** Labels by which a namespace joins the mesh. */
export const injectionLabelKeys: readonly string[] = [injectionLabel, revisionLabel];

/** The labels that an injection choice puts on a namespace. */
export function injectionLabels(injection: Injection): Record<string, string> {
  if (injection === "none") return {};
  return injection === "enabled" ? { [injectionLabel]: "enabled" } : { [revisionLabel]: injection.revision };
}

/** Namespaces whose pods istiod never injects, whatever their labels (IgnoredNamespaces in pkg/kube/inject/initializer.go). */
export const neverInjected: readonly string[] = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

export interface NamespaceObject {
  metadata: Pick<ObjectMetadata, "name" | "labels">;
}

/**
 * The revision that gives pods of a namespace their sidecars; undefined where none does. `istio-injection` has the last word
 * where it is there at all: the webhook of a revision asks for namespaces without it.
 */
export function injectorOf({ metadata: { name, labels = {} } }: NamespaceObject): string | undefined {
  if (neverInjected.includes(name)) return undefined;
  const word = labels[injectionLabel];
  if (word !== undefined) return word === "enabled" ? "default" : undefined;
  return labels[revisionLabel] === "" ? undefined : labels[revisionLabel];
}

/** Whether pods of a namespace get a sidecar. */
export function isInjected(namespace: NamespaceObject): boolean {
  return injectorOf(namespace) !== undefined;
}

/** Whether a namespace has both labels, of which Istio obeys `istio-injection` alone. */
export function hasBothLabels({ metadata: { labels = {} } }: NamespaceObject): boolean {
  return injectionLabelKeys.every((key) => key in labels);
}

/** The labels of a namespace that Istio reads, such as `istio-injection=enabled`; empty without any. */
export function injectionText(labels: Record<string, string>): string {
  return injectionLabelKeys.flatMap((key) => (labels[key] === undefined ? [] : [`${key}=${labels[key]}`])).join(", ");
}

export const optOutKey = "sidecar.istio.io/inject";

/** Whether a pod, or a pod template, refuses its sidecar. The label is preferred to the annotation; only `false` refuses. */
export function isOptedOut(pod: { metadata?: Partial<MeshObject["metadata"]> } | undefined): boolean {
  const { labels, annotations } = pod?.metadata ?? {};
  return (labels?.[optOutKey] ?? annotations?.[optOutKey]) === "false";
}
