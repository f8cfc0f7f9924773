import { isDeepStrictEqual } from "node:util";
import { at } from "../base/tree";
import { type MeshObject, apiGroup } from "./object";

/*
 * What cannot be changed in place. The API server refuses a change (kubernetes/kubernetes, pkg/apis/<group>/validation), so the
 * Kubernetes provider replaces the object (pulumi-kubernetes, provider/pkg/provider/diff.go), and an upgrade by Helm fails.
 */

/** Paths by group and kind. */
const immutableFields: Readonly<Record<string, readonly string[]>> = {
  "/PersistentVolumeClaim": ["spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"],
  // The data may change: enableSecretMutable is on, and Secrets of charts are changed by Helm.
  "/Secret": ["type"],
  "/Service": ["spec.clusterIP"],
  "apps/DaemonSet": ["spec.selector"],
  "apps/Deployment": ["spec.selector"],
  "apps/ReplicaSet": ["spec.selector"],
  "apps/StatefulSet": ["spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"],
  "batch/Job": ["spec.selector", "spec.template", "spec.completions"],
  "rbac.authorization.k8s.io/ClusterRoleBinding": ["roleRef"],
  "rbac.authorization.k8s.io/RoleBinding": ["roleRef"],
  "storage.k8s.io/StorageClass": ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"],
};

/** Kinds whose content is final once the object says so (`immutable: true`). */
const sealable: Readonly<Record<string, readonly string[]>> = {
  "/ConfigMap": ["immutable", "data", "binaryData"],
  "/Secret": ["immutable", "data", "stringData"],
};

/** Paths of what differs between two states of an object and cannot be changed in place. */
export function immutableChanges(before: Identified, after: Identified): string[] {
  const kind = `${apiGroup(after.apiVersion)}/${after.kind ?? ""}`;
  const sealed = at(before, "immutable") === true ? (sealable[kind] ?? []) : [];
  return [...(immutableFields[kind] ?? []), ...sealed].filter(
    (path) => !isDeepStrictEqual(at(before, ...path.split(".")), at(after, ...path.split("."))),
  );
}

type Identified = Pick<MeshObject, "apiVersion" | "kind">;

/** Annotation by which Helm leaves an object of a release behind. */
const helmPolicy = "helm.sh/resource-policy";

/** Whether nothing deletes an object that its release no longer has. */
export function isKept({ metadata }: Pick<MeshObject, "metadata">): boolean {
  return metadata.annotations?.[helmPolicy] === "keep";
}
