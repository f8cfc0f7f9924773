/* The one shape in which the mesh's questions are asked: an object of a cluster, of a chart or of the program. */

/** What rules read of `metadata`. */
export interface ObjectMetadata {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  creationTimestamp?: string;
}

/** A Kubernetes object as far as it identifies itself; `apiVersion` and `kind` are missing from the items of a list. */
export interface MeshObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMetadata;
  spec?: unknown;
}

/** `namespace/name`, or `name` outside of namespaces. */
export function placeOf({ metadata: { name, namespace } }: Pick<MeshObject, "metadata">): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** `Kind namespace/name`: how people, findings and `deletionProtection.except` name an object. */
export function titleOf(object: { kind: string; metadata: ObjectMetadata }): string {
  return `${object.kind} ${placeOf(object)}`;
}

/** Group of an API version; empty for the core group. */
export function apiGroup(apiVersion: string | undefined): string {
  return apiVersion?.includes("/") === true ? apiVersion.split("/")[0]! : "";
}

/** Name of the workload that a pod belongs to, by the names that Kubernetes' controllers give pods; a pod's own where it has none. */
export function workloadOf({ metadata: { name, labels = {} } }: Pick<MeshObject, "metadata">): string {
  const hash = labels["pod-template-hash"];
  if (hash !== undefined) return name.split(`-${hash}-`)[0]!;
  // A StatefulSet's pods are numbered, a DaemonSet's have five random characters; both have a revision.
  return labels["controller-revision-hash"] === undefined ? name : name.replace(/-[^-]+$/, "");
}
