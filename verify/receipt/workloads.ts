import type { Pod } from "../../cluster/kinds";
import { isOptedOut } from "../../mesh/injection";
import { livePods } from "../checks/injection";
import type { VerifyFacts } from "../checks/define";
import type { Read } from "../facts";

/** A workload of the mesh and how it was proven. */
export interface Workload {
  namespace: string;
  /** Name of its Deployment or the like; of a bare pod, its own. */
  name: string;
  pods: number;
  /** Pods whose sidecar is ready. */
  ready: number;
  /** What was seen of it, one proof a line. */
  proof: string[];
}

/** The workloads of the mesh's namespaces, the gateway's first. Pods outside the mesh by their own word are among them. */
export function workloadsOf({ pods = {} }: Partial<VerifyFacts>, namespaces: readonly string[]): Workload[] {
  return namespaces.flatMap((namespace) => {
    const groups = new Map<string, Pod[]>();
    for (const pod of livePods(value(pods[namespace]) ?? [])) {
      const name = ownerOf(pod);
      groups.set(name, [...(groups.get(name) ?? []), pod]);
    }
    return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, group]) => workload(namespace, name, group));
  });
}

function workload(namespace: string, name: string, pods: Pod[]): Workload {
  const optedOut = pods.filter((pod) => isOptedOut(pod)).length;
  const ready = pods.filter(isSidecarReady).length;
  const proof =
    optedOut > 0 ? [`${optedOut} of ${pods.length} refuse a sidecar`] : [`sidecar ready in ${ready} of ${pods.length}`];
  return { namespace, name, pods: pods.length, ready, proof };
}

/** A pod's name without what the controllers of Kubernetes add to their own: a hash of the template, and five characters. */
function ownerOf({ metadata: { name, labels = {} } }: Pod): string {
  const hash = labels["pod-template-hash"] ?? labels["controller-revision-hash"];
  const cut = hash === undefined ? -1 : name.lastIndexOf(`-${hash}-`);
  if (cut > 0) return name.slice(0, cut);
  return name.replace(/-(\d+|[a-z0-9]{5})$/, "");
}

function isSidecarReady({ status }: Pod): boolean {
  const containers = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  return containers.some(({ name, ready }) => name === "istio-proxy" && ready);
}

function value<Value>(read: Read<Value> | undefined): Value | undefined {
  return read?.state === "read" ? read.value : undefined;
}
