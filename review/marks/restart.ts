import { unavailable } from "../kubernetes";
import type { KubernetesObject, Tree } from "../objects";
import { type Mark, type Surroundings, mark } from "./mark";

/** Fewest pods of a workload, before and after. */
export function fewestPods({ kind, metadata }: KubernetesObject, { before, after }: Surroundings): [number, number] {
  const pods = (side: typeof before) => side.minimumPods(kind, metadata.namespace, metadata.name) ?? 1;
  return [pods(before), pods(after)];
}

/** What it costs that the pods of a workload are replaced. */
export function restartMark(object: KubernetesObject, tree: Tree, surroundings: Surroundings): Mark {
  // Whether it grows or shrinks before or after the restart is open.
  const pods = Math.min(...fewestPods(object, surroundings));
  const down = unavailable(object.kind, tree, pods);
  const isGateway = object.metadata.namespace === surroundings.gatewayNamespace;
  if (pods > 0 && down >= pods) {
    const all = pods === 1 ? "its only pod restarts" : `all ${pods} pods restart`;
    return mark("outage", "outage", `${all} at once${isGateway ? ": no host is served meanwhile" : ""}`);
  }
  const left = pods - down;
  const connections = isGateway ? "; open connections of clients are cut" : "";
  const text = `pods restart in turn, ${left} of ${pods} keep${left === 1 ? "s" : ""} serving${connections}`;
  return mark("notice", "restart", text);
}
