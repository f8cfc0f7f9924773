/* Which nodes may take a pod, as far as nodes and the charts' values tell: the scheduler's filters NodeUnschedulable, TaintToleration, NodeAffinity. */

export interface Taint {
  key: string;
  value?: string;
  effect: string;
}

export interface SchedulingNode {
  metadata: { name: string; labels?: Record<string, string> };
  spec?: { unschedulable?: boolean; taints?: Taint[] };
}

export interface Toleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
}

/** Where the pods of a release may go. */
export interface Placement {
  nodeSelector: Record<string, string>;
  tolerations: readonly Toleration[];
  /** Architectures that its images are made for. @default any */
  architectures?: readonly string[];
}

/** Why a node takes no pod. */
export type NodeRefusal =
  | { by: "cordon" }
  | { by: "taint"; taint: Taint }
  | { by: "architecture"; architecture: string }
  | { by: "label"; label: string };

/** Taint of a cordoned node. */
const cordon = "node.kubernetes.io/unschedulable";

/** Why a node takes no pod that is placed so; undefined where it does, as far as that can be seen. */
export function nodeRefusal({ metadata, spec = {} }: SchedulingNode, placement: Placement): NodeRefusal | undefined {
  const { labels = {} } = metadata;
  if (spec.unschedulable === true) return { by: "cordon" };
  const architecture = labels["kubernetes.io/arch"];
  if (architecture !== undefined && placement.architectures?.includes(architecture) === false)
    return { by: "architecture", architecture };
  const os = labels["kubernetes.io/os"];
  const label = { "kubernetes.io/os": os ?? "linux", ...labels };
  const wanted = Object.entries({ "kubernetes.io/os": "linux", ...placement.nodeSelector });
  const missing = wanted.find(([key, value]) => (label as Record<string, string>)[key] !== value);
  if (missing !== undefined) return { by: "label", label: missing.join("=") };
  const taint = (spec.taints ?? []).find((one) => one.key !== cordon && !isTolerated(one, placement.tolerations));
  return taint === undefined ? undefined : { by: "taint", taint };
}

/** As ToleratesTaint of k8s.io/component-helpers; PreferNoSchedule keeps no pod away. */
function isTolerated({ key, value = "", effect }: Taint, tolerations: readonly Toleration[]): boolean {
  return (
    effect === "PreferNoSchedule" ||
    tolerations.some((one) => {
      if (one.effect && one.effect !== effect) return false;
      if (one.operator === "Exists") return !one.key || one.key === key;
      return one.key === key && (one.value ?? "") === value;
    })
  );
}

/** `dedicated=edge:NoSchedule`. */
export function taintText({ key, value, effect }: Taint): string {
  return `${key}${value === undefined || value === "" ? "" : `=${value}`}:${effect}`;
}
