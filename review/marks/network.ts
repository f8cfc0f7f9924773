import { type Tree, at, plain, textsAt, treeAt, treesAt } from "../objects";
import { type Changed, type Mark, type Marker, mark } from "./mark";

/** Whether more can be reached than before. */
export const exposureMarks: Marker = (changed) => {
  const { object, before, after } = changed;
  switch (object.kind) {
    case "Service":
      return service(changed);
    case "Ingress":
    case "Gateway":
    case "HTTPRoute":
    case "Route":
      return after === undefined ? [] : exposed(changed);
    case "NetworkPolicy":
      return after === undefined
        ? [mark("danger", "exposure", "what the policy kept out can reach its pods now")]
        : before === undefined
          ? []
          : [mark("danger", "exposure", "another set of peers or ports is let through")];
    default:
      return [];
  }
};

function exposed({ object, before }: Changed): Mark[] {
  return [
    before === undefined
      ? mark("danger", "exposure", `a new ${object.kind}: what is behind it can be reached from outside`)
      : mark("notice", "exposure", `the ${object.kind} leads elsewhere, or for other hosts`),
  ];
}

const outside = ["NodePort", "LoadBalancer"];

function service({ before, after }: Changed): Mark[] {
  if (after === undefined) return [mark("outage", "outage", "nothing answers under its name any more")];
  const type = (tree: Tree | undefined) => plain(at(tree, "spec", "type") ?? "ClusterIP");
  const marks: Mark[] = [];
  const isOutside = outside.includes(type(after));
  const ports = (tree: Tree | undefined) =>
    treesAt(tree, "spec", "ports").map(({ port, protocol }) => `${plain(port)}/${plain(protocol ?? "TCP")}`);
  if (isOutside && !outside.includes(type(before)))
    marks.push(
      mark(
        "danger",
        "exposure",
        `reachable from outside the cluster: type ${before === undefined ? "" : `${type(before)} → `}${type(after)}, ports ${ports(after).join(", ")}`,
      ),
    );
  else if (type(before) !== type(after) && before !== undefined)
    marks.push(mark(isOutside ? "danger" : "notice", "exposure", `type ${type(before)} → ${type(after)}`));
  else if (before !== undefined) {
    const added = ports(after).filter((port) => !ports(before).includes(port));
    const gone = ports(before).filter((port) => !ports(after).includes(port));
    if (added.length > 0)
      marks.push(
        mark(
          isOutside ? "danger" : "notice",
          "exposure",
          `${isOutside ? "reachable from outside the cluster" : "reachable inside the cluster"}: port ${added.join(", ")}`,
        ),
      );
    if (gone.length > 0) marks.push(mark("outage", "outage", `port ${gone.join(", ")} no longer answers`));
  }
  const newIps = textsAt(after, "spec", "externalIPs").filter(
    (ip) => !textsAt(before, "spec", "externalIPs").includes(ip),
  );
  if (newIps.length > 0) marks.push(mark("danger", "exposure", `takes traffic for ${newIps.join(", ")}`));
  if (before === undefined) return marks;
  const ranges = (tree: Tree) => textsAt(tree, "spec", "loadBalancerSourceRanges");
  const widened = ranges(after).filter((range) => !ranges(before).includes(range));
  if (ranges(before).length > 0 && (ranges(after).length === 0 || widened.length > 0))
    marks.push(
      mark("danger", "exposure", `may be called from ${ranges(after).length === 0 ? "anywhere" : widened.join(", ")}`),
    );
  const annotations = (tree: Tree) => JSON.stringify(treeAt(tree, "metadata", "annotations"));
  // Clouds decide by annotations whether a load balancer is internal.
  if (isOutside && annotations(before) !== annotations(after))
    marks.push(mark("notice", "exposure", "its annotations, by which the cloud sets up the load balancer, change"));
  return marks;
}
