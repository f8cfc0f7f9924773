import { isDeepStrictEqual } from "node:util";
import { actionInForce, admitted, everybody } from "../../mesh/authorization";
import type { MeshObject } from "../../mesh/object";
import { containers, driftOf, looseness, named, placeOf, rightsBeyond } from "../kubernetes";
import { type Tree, at, plain, podTemplate, textsAt, treeAt, treesAt } from "../objects";
import { type Changed, type Mark, type Marker, type Surroundings, type Topic, mark } from "./mark";
import { fewestPods, restartMark } from "./restart";

/* What a reviewer must not overlook beside encryption: exposure, rights, kinds, webhooks, availability, images, isolation. */

/** A mark, and whether it holds. */
type Row = [holds: boolean, level: Mark["level"], topic: Topic, text: string];

interface Change extends Changed {
  isNew: boolean;
  isGone: boolean;
  isUpdate: boolean;
  /** The same of both sides. */
  both: <T>(read: (tree: Tree | undefined) => T) => [before: T, after: T];
}

type Judge = (change: Change, surroundings: Surroundings) => Row[];

/** The rows by kinds. */
const table: Record<string, Judge> = {
  Service: service,
  "Ingress Gateway HTTPRoute Route": ({ object: { kind }, isNew, isUpdate }) => [
    [isNew, "danger", "exposure", `a new ${kind}: what is behind it can be reached from outside`],
    [isUpdate, "notice", "exposure", `the ${kind} leads elsewhere, or for other hosts`],
  ],
  NetworkPolicy: ({ isGone, isUpdate }) => [
    [isGone, "danger", "exposure", "what the policy kept out can reach its pods now"],
    [isUpdate, "danger", "exposure", "another set of peers or ports is let through"],
  ],
  AuthorizationPolicy: authorization,
  "Role ClusterRole": ({ object: { kind, metadata }, both, isNew }) => {
    const rights = rightsBeyond(...both((tree) => treesAt(tree, "rules")));
    const scope = kind === "Role" ? `in ${metadata.namespace}` : "in every namespace where it is bound";
    return [
      // An unbound role allows nothing; its binding shows who gets it.
      [isNew && rights !== "", "notice", "rights", `a new role, ${scope}: ${rights}`],
      [!isNew && rights !== "", "danger", "rights", `may also, ${scope}: ${rights}`],
    ];
  },
  "RoleBinding ClusterRoleBinding": ({ object: { kind, metadata }, both, isUpdate }) => {
    const nameOf = ({ kind: what, namespace, name }: Tree) =>
      `${plain(what)} ${namespace === undefined ? "" : `${plain(namespace)}/`}${plain(name)}`;
    const [was, is] = both((tree) => nameOf(treeAt(tree, "roleRef")));
    const [old, current] = both((tree) => treesAt(tree, "subjects").map(nameOf));
    const gaining = added(isUpdate && was !== is ? [] : old, current).join(", ");
    const where = kind === "RoleBinding" ? `in ${metadata.namespace}` : "in the whole cluster";
    return [[gaining !== "", "danger", "rights", `${gaining} gets ${is} ${where}`]];
  },
  CustomResourceDefinition: definition,
  "MutatingWebhookConfiguration ValidatingWebhookConfiguration": webhooks,
  PodDisruptionBudget: ({ both, isGone, isUpdate }) => {
    const limit = (key: string) => both((tree) => plain(at(tree, "spec", key)));
    const [least, most] = [limit("minAvailable"), limit("maxUnavailable")];
    const isLess = Number.parseFloat(least[1]) < Number.parseFloat(least[0]);
    const isMore = Number.parseFloat(most[1]) > Number.parseFloat(most[0]);
    const [up, gone] = [least.join(" → "), most.join(" → ")];
    return [
      [isGone, "danger", "availability", "without the budget, draining nodes may take all pods at once"],
      [isLess, "danger", "availability", `at least ${up} pods stay up while nodes are drained`],
      [isMore && !isLess, "danger", "availability", `up to ${gone} pods may go at once while nodes are drained`],
      [isUpdate && !isLess && !isMore, "notice", "availability", "the disruption budget changes"],
    ];
  },
  HorizontalPodAutoscaler: ({ both, isGone }) => {
    const [was, is] = both((tree) => Number(at(tree, "spec", "maxReplicas")));
    return [
      [isGone, "danger", "availability", "pods are no longer added by load"],
      [is < was, "danger", "availability", `grows to ${was} → ${is} pods at most`],
    ];
  },
  "Deployment StatefulSet": ({ object, isUpdate }, surroundings) => {
    const [was, is] = fewestPods(object, surroundings);
    const alone = is === 1 ? ": none is left when that one fails" : "";
    return [[isUpdate && is < was, "danger", "availability", `${was} → ${is} pods${alone}`]];
  },
  "Deployment StatefulSet DaemonSet": ({ object, both, after, isUpdate }, surroundings) => {
    const [was, is] = both(podTemplate);
    if (!isUpdate || is === undefined || isDeepStrictEqual(was, is)) return [];
    const { level, topic, text } = restartMark(object, after!, surroundings);
    return [[true, level, topic, text]];
  },
};

/** Every kind has rows for the pods that it makes, and most have their own. */
export const generalMarks: Marker = (changed, surroundings) => {
  const [isNew, isGone] = [changed.before === undefined, changed.after === undefined];
  const both: Change["both"] = (read) => [read(changed.before), read(changed.after)];
  const change: Change = { ...changed, isNew, isGone, isUpdate: !isNew && !isGone, both };
  const own = Object.keys(table).filter((kinds) => kinds.split(" ").includes(changed.object.kind));
  const judges = [...own.map((kinds) => table[kinds]!), images, isolation];
  const rows = judges.flatMap((judge) => judge(change, surroundings));
  return rows.flatMap(([holds, ...row]) => (holds ? [mark(...row)] : []));
};

/** The items of the second list that the first has not. */
function added(before: readonly string[], after: readonly string[]): string[] {
  return after.filter((item) => !before.includes(item));
}

/** As {@link added}, and what the second list has no more; as texts. */
function differences(before: readonly string[], after: readonly string[]): { more: string; less: string } {
  return { more: added(before, after).join(", "), less: added(after, before).join(", ") };
}

/** Who may call workloads. A policy that is tried only, or is for a waypoint, counts as none. */
function authorization({ object, before, after }: Change): Row[] {
  const side = (tree: Tree | undefined) => {
    const policy = tree as MeshObject | undefined;
    const action = policy === undefined ? undefined : actionInForce(policy);
    return policy === undefined || action === undefined || action === "AUDIT"
      ? undefined
      : { action, who: admitted(policy) };
  };
  const [was, is] = [side(before), side(after)];
  const whose = `workloads of ${object.metadata.namespace}`;
  const [wasAllow, isAllow] = [was, is].map((one) => (one?.action === "ALLOW" ? one.who : undefined));
  const all = (who: readonly string[]) => (who.length === 0 ? "nobody" : who.join(", "));
  const gained = (from: string[] | undefined, to: string[] | undefined) =>
    from === undefined || to === undefined || from.includes(everybody) ? [] : added(from, to);
  const [gaining, losing] = [gained(wasAllow, isAllow), gained(isAllow, wasAllow)];
  const others = `the requests that ${whose} refuse`;
  const refused = (one: typeof was) => one !== undefined && one.action !== "ALLOW";
  const isChanged = !isDeepStrictEqual(treeAt(before, "spec"), treeAt(after, "spec"));
  return [
    [
      wasAllow === undefined && isAllow !== undefined,
      "outage",
      "outage",
      `${whose} take requests from ${all(isAllow ?? [])}, and from whom another ALLOW policy lets in: all others get 403`,
    ],
    [
      wasAllow !== undefined && isAllow === undefined,
      "danger",
      "exposure",
      `${whose} take requests from everybody, unless another ALLOW policy is left`,
    ],
    [gaining.length > 0, "danger", "exposure", `${all(gaining)} may call ${whose}`],
    [losing.length > 0, "outage", "outage", `${whose} refuse requests of ${all(losing)}: they get 403`],
    [refused(was) && !refused(is), "danger", "exposure", `what the policy refused is taken: ${others} are fewer`],
    [!refused(was) && refused(is), "outage", "outage", `${others} are more: they get 403`],
    [refused(was) && refused(is) && isChanged, "danger", "exposure", `${others} are others`],
  ];
}

function service({ both, isNew, isGone, isUpdate }: Change): Row[] {
  const [was, is] = both((tree) => plain(at(tree, "spec", "type") ?? "ClusterIP"));
  const [wasOutside, isOutside] = both((tree) => /^(NodePort|LoadBalancer)$/.test(plain(at(tree, "spec", "type"))));
  const ports = both((tree) =>
    treesAt(tree, "spec", "ports").map(({ port, protocol }) => `${plain(port)}/${plain(protocol ?? "TCP")}`),
  );
  const { more, less } = differences(...ports);
  const addresses = added(...both((tree) => textsAt(tree, "spec", "externalIPs"))).join(", ");
  const [from, to] = both((tree) => textsAt(tree, "spec", "loadBalancerSourceRanges"));
  const callers = from.length === 0 ? "" : to.length === 0 ? "anywhere" : added(from, to).join(", ");
  const notes = both((tree) => treeAt(tree, "metadata", "annotations"));
  const level = isOutside ? "danger" : "notice";
  const reachable = `reachable ${isOutside ? "from outside" : "inside"} the cluster`;
  const opened = `type ${isNew ? "" : `${was} → `}${is}, ports ${ports[1].join(", ")}`;
  const isOpened = isOutside && !wasOutside;
  const [isOther, isSame] = [isUpdate && was !== is, isUpdate && was === is];
  // Clouds decide by annotations whether a load balancer is internal.
  const isSetUpAgain = isUpdate && isOutside && !isDeepStrictEqual(...notes);
  return [
    [isGone, "outage", "outage", "nothing answers under its name any more"],
    [isOpened, "danger", "exposure", `${reachable}: ${opened}`],
    [isOther && !isOpened, level, "exposure", `type ${was} → ${is}`],
    [isSame && more !== "", level, "exposure", `${reachable}: port ${more}`],
    [isSame && less !== "", "outage", "outage", `port ${less} no longer answers`],
    [addresses !== "", "danger", "exposure", `takes traffic for ${addresses}`],
    [isUpdate && callers !== "", "danger", "exposure", `may be called from ${callers}`],
    [isSetUpAgain, "notice", "exposure", "its annotations, by which the cloud sets up the load balancer, change"],
  ];
}

function definition({ object: { metadata }, both, isUpdate }: Change): Row[] {
  const versions = both((tree) => named(treesAt(tree, "spec", "versions")));
  const having = (key: string) => versions.map((all) => [...all.keys()].filter((name) => all.get(name)![key] === true));
  const [[was], [is]] = having("storage") as [string[], string[]];
  const { more, less } = differences(...(having("served") as [string[], string[]]));
  const [old, current] = versions;
  const isOther = (name: string) =>
    old.has(name) && !isDeepStrictEqual(old.get(name)!["schema"], current.get(name)!["schema"]);
  const schemas = [...current.keys()].filter(isOther).join(", ");
  const convert = "there is no way back without converting them";
  const rows: Row[] = [
    [less !== "", "danger", "CRD", `version ${less} is no longer served; what still uses it fails`],
    [more !== "", "notice", "CRD", `version ${more} is served from now on`],
    [was !== is, "danger", "CRD", `objects are stored as ${is}, not ${was}; ${convert}`],
    [schemas !== "", "notice", "CRD", `schema of ${schemas} changes`],
  ];
  return rows.map(([holds, level, topic, text]) => [isUpdate && holds, level, topic, `${metadata.name}: ${text}`]);
}

function webhooks({ both }: Change): Row[] {
  const [old, current] = both((tree) => named(treesAt(tree, "webhooks")));
  return [...new Set([...old.keys(), ...current.keys()])].map((name) => {
    const [was, is] = [old.get(name), current.get(name)];
    const fields = Object.keys({ ...was, ...is }).filter((key) => !isDeepStrictEqual(was?.[key], is?.[key]));
    const words = (key: string) => `${plain(was?.[key])} → ${plain(is?.[key])}`;
    const isTree = (key: string) => typeof (was?.[key] ?? is?.[key]) === "object";
    const changes = fields.map((key) => `${key} ${isTree(key) ? "changes" : words(key)}`).join(", ");
    const asked = ` is asked from now on (failurePolicy ${plain(is?.["failurePolicy"] ?? "Fail")})`;
    const text = is === undefined ? " is no longer asked" : was === undefined ? asked : `: ${changes}`;
    return [!isDeepStrictEqual(was, is), "danger", "webhook", `${name}${text}`];
  });
}

function images({ both }: Change): Row[] {
  const [before, after] = both(podTemplate);
  const old = containers(before);
  return [...containers(after)].map(([name, { image }]) => {
    const [was, is] = [old.get(name)?.["image"], plain(image)];
    const isOther = typeof image === "string" && image !== was;
    const text = `container ${name}: ${typeof was === "string" ? `${was} → ` : "new, "}${is}`;
    const drift = driftOf(is);
    if (drift !== undefined) return [isOther, "danger", "image", `${text} (${drift}: other bits at every restart)`];
    if (typeof was === "string" && placeOf(was) !== placeOf(is))
      return [isOther, "danger", "image", `${text} (from another place)`];
    // All containers of a new workload are new; its creation shows that.
    return [isOther && before !== undefined, "notice", "image", text];
  });
}

function isolation({ both }: Change): Row[] {
  const [before, after] = both(podTemplate);
  const known = containers(before);
  const ways = added(looseness(before, known), looseness(after, known));
  return ways.map((text) => [true, "danger", "security context", text]);
}
