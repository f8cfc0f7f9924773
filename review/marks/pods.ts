import { type Tree, at, isTree, plain, textsAt, treeAt, treesAt } from "../objects";
import { type Changed, type Mark, type Marker, mark } from "./mark";

/** The pod template of a workload, or a pod itself; undefined for everything else. */
export function podTemplate(tree: Tree | undefined): Tree | undefined {
  if (tree === undefined) return undefined;
  if (tree["kind"] === "Pod") return tree;
  const template =
    tree["kind"] === "CronJob"
      ? at(tree, "spec", "jobTemplate", "spec", "template")
      : ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"].includes(plain(tree["kind"]))
        ? at(tree, "spec", "template")
        : undefined;
  return isTree(template) ? template : undefined;
}

/** Containers of a pod template by name, those of its initialisation included. */
function containers(template: Tree | undefined): Map<string, Tree> {
  const all = ["initContainers", "containers"].flatMap((list) => treesAt(template, "spec", list));
  return new Map(all.map((container) => [plain(container["name"]), container]));
}

/** Whether other software runs, or runs with fewer limits. */
export const podMarks: Marker = (changed) => {
  const after = podTemplate(changed.after);
  return after === undefined ? [] : [...images(podTemplate(changed.before), after), ...isolation(changed, after)];
};

/** What an image is that does not say which bits are meant; undefined for one that does. */
export function floating(image: string): string | undefined {
  if (image.includes("@sha256:")) return undefined;
  const tag = /:([^:/]+)$/.exec(image)?.[1];
  return tag === undefined ? "without a tag, which means latest" : tag === "latest" ? "latest" : undefined;
}

function images(before: Tree | undefined, after: Tree): Mark[] {
  const old = containers(before);
  return [...containers(after)].flatMap(([name, container]) => {
    const [was, is] = [old.get(name)?.["image"], container["image"]];
    if (typeof is !== "string" || was === is) return [];
    const drifts = floating(is);
    const text = `container ${name}: ${typeof was === "string" ? `${was} → ` : "new, "}${is}`;
    if (drifts !== undefined) return [mark("danger", "image", `${text} (${drifts}: other bits at every restart)`)];
    if (typeof was === "string" && place(was) !== place(is))
      return [mark("danger", "image", `${text} (from another place)`)];
    // All containers of a new workload are new; its creation says that.
    return before === undefined ? [] : [mark("notice", "image", text)];
  });
}

/** An image without its tag and digest. */
function place(image: string): string {
  return image.replace(/@.*$/, "").replace(/:[^:/]+$/, "");
}

function isolation({ before: workload }: Changed, after: Tree): Mark[] {
  const before = podTemplate(workload);
  const old = before === undefined ? [] : loose(before);
  // What every chart does is worth a line only where it was not so before; the rest also where it is new.
  const added = loose(after).filter(({ text, isAlwaysTold }) =>
    before === undefined ? isAlwaysTold : !old.some((was) => was.text === text),
  );
  const isNewContainer = ({ container }: Looseness) =>
    container !== undefined && before !== undefined && !containers(before).has(container);
  const told = added.filter((item) => item.isAlwaysTold || !isNewContainer(item));
  return told.map(({ text }) => mark("danger", "security context", text));
}

interface Looseness {
  text: string;
  container?: string;
  isAlwaysTold: boolean;
}

/** All ways in which a pod is less isolated than it could be. */
function loose(template: Tree): Looseness[] {
  const spec = treeAt(template, "spec");
  const pod = treeAt(spec, "securityContext");
  const facts: Looseness[] = [];
  const fact = (isLoose: boolean, text: string, isAlwaysTold: boolean, container?: string) => {
    if (isLoose) facts.push({ text, isAlwaysTold, ...(container === undefined ? {} : { container }) });
  };
  for (const key of ["hostNetwork", "hostPID", "hostIPC"])
    fact(spec[key] === true, `shares the node's ${key.slice(4)}`, true);
  for (const volume of treesAt(spec, "volumes")) {
    const path = at(volume, "hostPath", "path");
    fact(typeof path === "string", `mounts ${plain(path)} of the node`, true);
  }
  for (const [name, container] of containers(template)) {
    const context = treeAt(container, "securityContext");
    const of = (key: string) => context[key] ?? pod[key];
    const who = `container ${name}`;
    fact(context["privileged"] === true, `${who} is privileged`, true, name);
    for (const capability of textsAt(context, "capabilities", "add"))
      fact(true, `${who} has capability ${capability}`, true, name);
    fact(of("runAsUser") === 0, `${who} runs as root`, true, name);
    fact(of("runAsNonRoot") !== true, `${who} may run as root (runAsNonRoot is not set)`, false, name);
    fact(context["readOnlyRootFilesystem"] !== true, `${who} can write to its root file system`, false, name);
    fact(
      context["allowPrivilegeEscalation"] !== false,
      `${who} may gain privileges (allowPrivilegeEscalation)`,
      false,
      name,
    );
    fact(!textsAt(context, "capabilities", "drop").includes("ALL"), `${who} keeps default capabilities`, false, name);
    const seccomp = at(of("seccompProfile"), "type");
    fact(seccomp === undefined || seccomp === "Unconfined", `${who} has no seccomp profile`, false, name);
    for (const port of treesAt(container, "ports"))
      fact(
        typeof port["hostPort"] === "number",
        `${who} takes port ${plain(port["hostPort"])} of the node`,
        true,
        name,
      );
  }
  return facts;
}
