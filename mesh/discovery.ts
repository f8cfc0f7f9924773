import { type LabelSelector, satisfies } from "./label-selector";

/*
 * Which namespaces istiod looks at: `discoverySelectors` of the mesh's configuration. Of others it knows no policy, no Service and no
 * pod, and gives them no root certificate; the root namespace is no exception (pkg/kube/namespace/filter.go of istio/istio).
 */

/** What is lost in a namespace that istiod does not look at. */
export const undiscovered =
  "istiod would know nothing in it: no policy counts there, and without those of the root namespace STRICT is off everywhere";

/** The label by which the API server names each namespace. */
const nameLabel = "kubernetes.io/metadata.name";

/**
 * Whether istiod looks at a namespace: one of the selectors must match, and without any, it looks at all. Undefined where that
 * takes labels that are not known (`complete: false`).
 */
export function isDiscovered(
  selectors: readonly LabelSelector[] | undefined,
  { name, labels }: { name: string; labels: Readonly<Record<string, string>> },
  complete = true,
): boolean | undefined {
  if (selectors === undefined || selectors.length === 0) return true;
  const answers = selectors.map((selector) => satisfies(selector, { ...labels, [nameLabel]: name }, complete));
  return answers.includes(true) ? true : answers.includes(undefined) ? undefined : false;
}

/** The selectors of a mesh configuration; undefined where it has none. */
export function discoverySelectorsOf(meshConfig: unknown): LabelSelector[] | undefined {
  const { discoverySelectors } = (meshConfig ?? {}) as { discoverySelectors?: unknown };
  if (!Array.isArray(discoverySelectors)) return undefined;
  return discoverySelectors as LabelSelector[];
}

/** A selector that matches a namespace by its name alone, for the text of a fix. */
export function selectorByName(...names: string[]): string {
  return `{ matchExpressions: [{ key: ${nameLabel}, operator: In, values: [${names.join(", ")}] }] }`;
}
