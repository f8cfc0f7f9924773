// Which fields of which kinds cannot be changed in place.

import type { Change } from "./diff";
import { groupOf, type Kind } from "./kinds";
import { isWithin, parsePath, type Path } from "./paths";
import { isMap, type Tree } from "./tree";

/** What of the provider's configuration decides about replacements. */
export interface Mutability {
  /** Changed data of a Secret is an update. */
  readonly secrets: boolean;
  /** Changed data of a ConfigMap is an update. */
  readonly configMaps: boolean;
}

const always = ["kind", "metadata.name", "metadata.namespace"];

const podFields = [
  "activeDeadlineSeconds",
  "tolerations",
  // Not fields of their own but lists, some of whose elements' fields can be changed.
  "containers",
  "initContainers",
];

const containerFields = [
  "args",
  "command",
  "env",
  "envFrom",
  "image",
  "imagePullPolicy",
  "lifecycle",
  "livenessProbe",
  "name",
  "ports",
  "readinessProbe",
  "resources",
  "securityContext",
  "startupProbe",
  "stdin",
  "stdinOnce",
  "terminationMessagePath",
  "terminationMessagePolicy",
  "tty",
  "volumeDevices",
  "volumeMounts",
  "workingDir",
];

const storageClass = ["parameters", "provisioner"];
const roleBinding = ["roleRef"];

const table: Record<string, readonly string[]> = {
  "/Service": ["spec.clusterIP"],
  "/PersistentVolumeClaim": [
    "spec.accessModes",
    "spec.resources.limits",
    "spec.selector",
    "spec.storageClassName",
    "spec.volumeName",
  ],
  "/Pod": ["containers", "initContainers"].flatMap((list) =>
    containerFields.map((field) => `spec.${list}[*].${field}`),
  ),
  "apps/Deployment": ["spec.selector"],
  "apps/DaemonSet": ["spec.selector"],
  "apps/ReplicaSet": ["spec.selector"],
  "apps/StatefulSet": [
    "spec.podManagementPolicy",
    "spec.revisionHistoryLimit",
    "spec.selector",
    "spec.serviceName",
    "spec.volumeClaimTemplates",
  ],
  "batch/Job": ["spec.completions", "spec.manualSelector", "spec.selector", "spec.template"],
  "rbac.authorization.k8s.io/ClusterRoleBinding": roleBinding,
  "rbac.authorization.k8s.io/RoleBinding": roleBinding,
  "storage.k8s.io/StorageClass": storageClass,
};

/** The paths of a kind that force a replacement; a change at or under one of them does. */
export function forceNewPaths(kind: Kind, inputs: Tree, mutable: Mutability): Path[] {
  return [...always, ...ofKind(kind, inputs, mutable)].map(parsePath);
}

function ofKind(kind: Kind, inputs: Tree, mutable: Mutability): readonly string[] {
  const immutable = isMap(inputs) && inputs["immutable"] === true;
  const key = `${groupOf(kind.apiVersion)}/${kind.kind}`;
  if (key === "/Secret") {
    return mutable.secrets && !immutable ? ["type"] : ["type", "data", "stringData"];
  }
  if (key === "/ConfigMap") return mutable.configMaps && !immutable ? [] : ["data", "binaryData"];
  if (kind.apiVersion === "policy/v1beta1" && kind.kind === "PodDisruptionBudget") return ["spec"];
  return table[key] ?? [];
}

/** Whether a change forces a replacement: it lies at or under such a path, or it adds a whole parent that holds one. */
export function forcesNew(change: Change, kind: Kind, paths: readonly Path[]): boolean {
  if (paths.some((path) => isWithin(change.path, path) || (change.kind === "add" && holds(change, path)))) return true;
  return kind.apiVersion === "v1" && kind.kind === "Pod" && isFixedPodField(change.path);
}

function holds(change: Change, path: Path): boolean {
  return isWithin(path, change.path) && hasPath(change.value, path.slice(change.path.length));
}

function hasPath(value: Tree | undefined, [step, ...rest]: Path): boolean {
  if (value === undefined) return false;
  if (step === undefined) return true;
  if (Array.isArray(value)) {
    return step === "*" ? value.some((item) => hasPath(item, rest)) : hasPath(value[Number(step)], rest);
  }
  return isMap(value) && Object.hasOwn(value, step) && hasPath(value[step], rest);
}

// Of a pod's spec only a few fields can be changed.
function isFixedPodField([top, field, ...rest]: Path): boolean {
  if (top !== "spec" || field === undefined) return false;
  // A container that comes or goes is a change of its list.
  if (field === "containers" || field === "initContainers") return rest.length <= 1;
  return !podFields.includes(String(field));
}
