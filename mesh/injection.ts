/**
 * How pods of a namespace join the mesh. A union, because with both labels on a namespace Istio obeys `istio-injection`
 * and ignores the revision.
 * - `enabled`: the default revision injects (label `istio-injection=enabled`)
 * - `{ revision }`: the control plane of that revision, or revision tag, injects (label `istio.io/rev`)
 * - `none`: pods stay outside the mesh
 */
export type Injection = "enabled" | "none" | { revision: string };

/** The labels that an injection choice puts on a namespace. */
export function injectionLabels(injection: Injection): Record<string, string> {
  if (injection === "none") return {};
  return injection === "enabled" ? { "istio-injection": "enabled" } : { "istio.io/rev": injection.revision };
}
