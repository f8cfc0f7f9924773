import { isDeepStrictEqual } from "node:util";
import { at, isTree, plain } from "../base/tree";
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
  "apiextensions.k8s.io/CustomResourceDefinition": ["spec.scope"],
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
  const kind = kindOf(after);
  const sealed = at(before, "immutable") === true ? (sealable[kind] ?? []) : [];
  return [...(immutableFields[kind] ?? []), ...sealed].filter(
    (path) => !isDeepStrictEqual(at(before, ...path.split(".")), at(after, ...path.split("."))),
  );
}

type Identified = Pick<MeshObject, "apiVersion" | "kind">;

const kindOf = ({ apiVersion, kind = "" }: Identified) => `${apiGroup(apiVersion)}/${kind}`;

/** What of an object cannot be changed in place, by path. */
export type FixedFields = Record<string, unknown>;

/** Whether objects of a kind have anything that cannot be changed in place. */
export function hasFixedFields(object: Identified): boolean {
  return kindOf(object) in immutableFields || kindOf(object) in sealable;
}

/** What of an object cannot be changed in place; nothing else of it, such as the data of a Secret. */
export function fixedFields(object: Identified): FixedFields {
  const kind = kindOf(object);
  const given = [...(immutableFields[kind] ?? []), "immutable"].flatMap((path) => {
    const value = at(object, ...path.split("."));
    return value === undefined ? [] : [[path, value] as const];
  });
  return { ...(kind === "/Secret" ? { type: "Opaque" } : {}), ...Object.fromEntries(given) };
}

/** Why an object that is there cannot become a planned one, in words. What the planned one leaves open, the API server has filled in. */
export function fixedDifferences(live: FixedFields, planned: FixedFields): string[] {
  const texts = Object.entries(planned).flatMap(([path, value]) => {
    const isSame = path.endsWith("selector") ? isDeepStrictEqual(live[path], value) : contains(live[path], value);
    return isSame || path === "immutable" ? [] : [`${path} is ${plain(live[path])}, and would be ${plain(value)}`];
  });
  return live["immutable"] === true ? [...texts, "it is immutable"] : texts;
}

function contains(live: unknown, planned: unknown): boolean {
  if (Array.isArray(planned))
    return (
      Array.isArray(live) &&
      live.length === planned.length &&
      planned.every((item, index) => contains(live[index], item))
    );
  if (isTree(planned)) return Object.entries(planned).every(([key, item]) => contains(at(live, key), item));
  return isDeepStrictEqual(live, planned);
}

/** Annotation by which Helm leaves an object of a release behind. */
const helmPolicy = "helm.sh/resource-policy";

/** Whether nothing deletes an object that its release no longer has. */
export function isKept({ metadata }: Pick<MeshObject, "metadata">): boolean {
  return metadata.annotations?.[helmPolicy] === "keep";
}
