import { floating } from "../mesh/pod-template";
import { type Tree, at, plain, textsAt, treeAt, treesAt } from "./objects";

/* Facts about Kubernetes objects that marks ask for. */

/** Items by their names. */
export function named(items: readonly Tree[]): Map<string, Tree> {
  return new Map(items.map((item) => [plain(item["name"]), item]));
}

/** Containers of a pod template, those of its initialisation included. */
export function containers(template: Tree | undefined): Map<string, Tree> {
  return named(["initContainers", "containers"].flatMap((list) => treesAt(template, "spec", list)));
}

/** What an image is that does not say which bits are meant; undefined for one that does. */
export function driftOf(image: string): string | undefined {
  const found = floating(image);
  return found && (found.tag ?? "without a tag, which means latest");
}

/** An image without its tag and digest. */
export function placeOf(image: string): string {
  return image.replace(/@.*$/, "").replace(/:[^:/]+$/, "");
}

/** All ways in which a pod is less isolated than it could be; what most charts leave open counts for known containers alone. */
export function looseness(template: Tree | undefined, known: ReadonlyMap<string, unknown>): string[] {
  const spec = treeAt(template, "spec");
  const paths = treesAt(spec, "volumes").map((volume) => at(volume, "hostPath", "path"));
  const ofContainers = [...containers(template)].flatMap(([name, container]) => {
    const context = treeAt(container, "securityContext");
    const { runAsUser, runAsNonRoot, seccompProfile }: Tree = { ...treeAt(spec, "securityContext"), ...context };
    const seccomp = at(seccompProfile, "type");
    const isKnown = known.has(name);
    const facts: [boolean, string][] = [
      [context["privileged"] === true, "is privileged"],
      ...textsAt(context, "capabilities", "add").map((item): [boolean, string] => [true, `has capability ${item}`]),
      [runAsUser === 0, "runs as root"],
      [isKnown && runAsNonRoot !== true, "may run as root (runAsNonRoot is not set)"],
      [isKnown && context["readOnlyRootFilesystem"] !== true, "can write to its root file system"],
      [isKnown && context["allowPrivilegeEscalation"] !== false, "may gain privileges (allowPrivilegeEscalation)"],
      [isKnown && !textsAt(context, "capabilities", "drop").includes("ALL"), "keeps default capabilities"],
      [isKnown && (seccomp === undefined || seccomp === "Unconfined"), "has no seccomp profile"],
      ...treesAt(container, "ports").map(({ hostPort }): [boolean, string] => [
        typeof hostPort === "number",
        `takes port ${plain(hostPort)} of the node`,
      ]),
    ];
    return facts.flatMap(([isLoose, text]) => (isLoose ? [`container ${name} ${text}`] : []));
  });
  return [
    ...["Network", "PID", "IPC"]
      .filter((what) => spec[`host${what}`] === true)
      .map((what) => `shares the node's ${what}`),
    ...paths.filter((path) => typeof path === "string").map((path) => `mounts ${path} of the node`),
    ...ofContainers,
  ];
}

/** How many pods of a workload may be down during a rolling update. */
export function unavailable(kind: string, tree: Tree, pods: number): number {
  const strategy = treeAt(tree, "spec", kind === "Deployment" ? "strategy" : "updateStrategy");
  if (strategy["type"] === "Recreate") return pods;
  const { maxUnavailable, maxSurge } = treeAt(strategy, "rollingUpdate");
  // Kubernetes' defaults: a quarter of a Deployment, rounded down; one pod of the others.
  const wanted = plain(maxUnavailable ?? (kind === "Deployment" ? "25%" : 1));
  const count = wanted.endsWith("%") ? Math.floor((Number.parseFloat(wanted) / 100) * pods) : Number(wanted);
  // With neither more nor fewer pods nothing could ever happen, so one may go.
  return kind === "Deployment" && count === 0 && /^0%?$/.test(plain(maxSurge)) ? 1 : Math.min(count, pods);
}

/** One thing that a rule of a role allows; `*` is all. */
type Right = Record<"group" | "resource" | "name" | "verb", string>;

function rightsOf(rule: Tree): Right[] {
  const names = textsAt(rule, "resourceNames");
  const urls = textsAt(rule, "nonResourceURLs").map((resource) => ({ group: "", resource, name: "*" }));
  const resources = textsAt(rule, "apiGroups").flatMap((group) =>
    textsAt(rule, "resources").flatMap((resource) =>
      (names.length === 0 ? ["*"] : names).map((name) => ({ group, resource, name })),
    ),
  );
  return [...resources, ...urls].flatMap((what) => textsAt(rule, "verbs").map((verb) => ({ ...what, verb })));
}

function covers(wide: Right, narrow: Right): boolean {
  const keys = ["group", "name", "verb"] as const;
  const isPrefix = wide.resource.endsWith("/*") || /^\/.*\*$/.test(wide.resource);
  return (
    keys.every((key) => wide[key] === "*" || wide[key] === narrow[key]) &&
    (wide.resource === "*" ||
      wide.resource === narrow.resource ||
      (isPrefix && narrow.resource.startsWith(wide.resource.slice(0, -1))))
  );
}

/** What rules of a role allow beyond older ones: `get, list secrets; * gateways of networking.istio.io`, the first few. */
export function rightsBeyond(before: readonly Tree[], after: readonly Tree[]): string {
  const old = before.flatMap(rightsOf);
  const verbs = new Map<string, Set<string>>();
  for (const right of after.flatMap(rightsOf).filter((one) => !old.some((wide) => covers(wide, one)))) {
    const { group, resource, name, verb } = right;
    const from = group === "" ? "" : ` of ${group === "*" ? "any group" : group}`;
    const what = `${resource === "*" ? "everything" : resource}${from}${name === "*" ? "" : ` ${name}`}`;
    verbs.set(what, (verbs.get(what) ?? new Set()).add(verb));
  }
  const all = [...verbs].map(([what, of]) => `${[...of].join(", ")} ${what}`);
  return `${all.slice(0, 6).join("; ")}${all.length > 6 ? `; and ${all.length - 6} more` : ""}`;
}
