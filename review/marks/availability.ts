import { isDeepStrictEqual } from "node:util";
import { type Tree, at, plain, treeAt } from "../objects";
import { podTemplate } from "./pods";
import { type Changed, type Mark, type Marker, type SideView, type Surroundings, mark } from "./mark";

/** Whether fewer pods serve than before, and what a change costs while it is rolled out. */
export const availabilityMarks: Marker = (changed, surroundings) => {
  switch (changed.object.kind) {
    case "PodDisruptionBudget":
      return budget(changed);
    case "HorizontalPodAutoscaler":
      return autoscaler(changed);
    case "Deployment":
    case "StatefulSet":
      return [...fewerPods(changed, surroundings), ...restart(changed, surroundings)];
    case "DaemonSet":
      return restart(changed, surroundings);
    default:
      return [];
  }
};

function budget({ before, after }: Changed): Mark[] {
  if (before === undefined) return [];
  if (after === undefined)
    return [mark("danger", "availability", "without the budget, draining nodes may take all pods at once")];
  const limit = (tree: Tree, key: string) => at(tree, "spec", key);
  const isLess = (was: unknown, is: unknown) => Number.parseFloat(plain(is)) < Number.parseFloat(plain(was));
  const [least, most] = [
    [limit(before, "minAvailable"), limit(after, "minAvailable")],
    [limit(before, "maxUnavailable"), limit(after, "maxUnavailable")],
  ];
  if (isLess(least[0], least[1]))
    return [
      mark(
        "danger",
        "availability",
        `at least ${plain(least[0])} → ${plain(least[1])} pods stay up while nodes are drained`,
      ),
    ];
  if (isLess(most[1], most[0]))
    return [
      mark(
        "danger",
        "availability",
        `up to ${plain(most[0])} → ${plain(most[1])} pods may go at once while nodes are drained`,
      ),
    ];
  return [mark("notice", "availability", "the disruption budget changes")];
}

function autoscaler({ before, after }: Changed): Mark[] {
  if (before === undefined) return [];
  if (after === undefined) return [mark("danger", "availability", "pods are no longer added by load")];
  const [was, is] = [at(before, "spec", "maxReplicas"), at(after, "spec", "maxReplicas")];
  return Number(is) < Number(was)
    ? [mark("danger", "availability", `grows to ${plain(was)} → ${plain(is)} pods at most`)]
    : [];
}

function fewerPods({ object, before, after }: Changed, { before: old, after: current }: Surroundings): Mark[] {
  if (before === undefined || after === undefined) return [];
  const { kind, metadata } = object;
  const pods = (side: SideView) => side.minimumPods(kind, metadata.namespace, metadata.name) ?? 1;
  const [was, is] = [pods(old), pods(current)];
  return is < was
    ? [mark("danger", "availability", `${was} → ${is} pods${is === 1 ? ": none is left when that one fails" : ""}`)]
    : [];
}

function restart({ object, before, after }: Changed, surroundings: Surroundings): Mark[] {
  const template = podTemplate(after);
  if (before === undefined || template === undefined || isDeepStrictEqual(podTemplate(before), template)) return [];
  return [restartMark(object, after!, surroundings)];
}

/** What it costs that the pods of a workload are replaced. */
export function restartMark(
  { kind, metadata }: Changed["object"],
  tree: Tree,
  { before, after, gatewayNamespace }: Surroundings,
): Mark {
  // Whether it grows or shrinks before or after the restart is not ours to say.
  const [was, is] = [before, after].map((side) => side.minimumPods(kind, metadata.namespace, metadata.name) ?? 1);
  const pods = Math.min(was!, is!);
  const down = unavailable(kind, tree, pods);
  const isGateway = metadata.namespace === gatewayNamespace;
  if (pods > 0 && down >= pods)
    return mark(
      "outage",
      "outage",
      `all ${pods === 1 ? "its only pod" : `${pods} pods`} restart${pods === 1 ? "s" : ""} at once${isGateway ? ": no host is served meanwhile" : ""}`.replace(
        "all its",
        "its",
      ),
    );
  const connections = isGateway ? "; open connections of clients are cut" : "";
  return mark(
    "notice",
    "restart",
    `pods restart in turn, ${pods - down} of ${pods} keep${pods - down === 1 ? "s" : ""} serving${connections}`,
  );
}

/** How many pods of a workload may be down during a rolling update. */
export function unavailable(kind: string, tree: Tree, pods: number): number {
  const strategy = treeAt(tree, "spec", kind === "Deployment" ? "strategy" : "updateStrategy");
  if (strategy["type"] === "Recreate") return pods;
  const setting = at(strategy, "rollingUpdate", "maxUnavailable");
  // Kubernetes' defaults: a quarter of a Deployment, rounded down; one pod of the others.
  const wanted = setting ?? (kind === "Deployment" ? "25%" : 1);
  const text = plain(wanted);
  const count = text.endsWith("%") ? Math.floor((Number.parseFloat(text) / 100) * pods) : Number(wanted);
  const surge = at(strategy, "rollingUpdate", "maxSurge");
  // With neither more nor fewer pods nothing could ever happen, so one may go.
  return kind === "Deployment" && count === 0 && (surge === 0 || surge === "0%") ? 1 : Math.min(count, pods);
}
