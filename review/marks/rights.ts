import { type Tree, plain, textsAt, treeAt, treesAt } from "../objects";
import { type Changed, type Mark, type Marker, mark } from "./mark";

/** Whether somebody may do more than before. */
export const rightsMarks: Marker = (changed) => {
  switch (changed.object.kind) {
    case "Role":
    case "ClusterRole":
      return role(changed);
    case "RoleBinding":
    case "ClusterRoleBinding":
      return binding(changed);
    default:
      return [];
  }
};

/** One thing that a rule allows. */
interface Right {
  group: string;
  resource: string;
  /** Name of the only object; `*` for all. */
  name: string;
  verb: string;
}

/** What a role allows, one by one. */
export function rightsOf(tree: Tree | undefined): Right[] {
  return treesAt(tree, "rules").flatMap((rule) => {
    const names = textsAt(rule, "resourceNames");
    const urls = textsAt(rule, "nonResourceURLs").map((resource) => ({ group: "", resource, name: "*" }));
    const resources = textsAt(rule, "apiGroups").flatMap((group) =>
      textsAt(rule, "resources").flatMap((resource) =>
        (names.length === 0 ? ["*"] : names).map((name) => ({ group, resource, name })),
      ),
    );
    return [...resources, ...urls].flatMap((what) => textsAt(rule, "verbs").map((verb) => ({ ...what, verb })));
  });
}

function covers(wide: Right, narrow: Right): boolean {
  const resource =
    wide.resource === "*" ||
    wide.resource === narrow.resource ||
    (wide.resource.endsWith("/*") && narrow.resource.startsWith(wide.resource.slice(0, -1))) ||
    (wide.resource.startsWith("/") &&
      wide.resource.endsWith("*") &&
      narrow.resource.startsWith(wide.resource.slice(0, -1)));
  return (
    resource &&
    (wide.group === "*" || wide.group === narrow.group) &&
    (wide.name === "*" || wide.name === narrow.name) &&
    (wide.verb === "*" || wide.verb === narrow.verb)
  );
}

function role({ object, before, after }: Changed): Mark[] {
  if (after === undefined) return [];
  const old = rightsOf(before);
  const added = rightsOf(after).filter((right) => !old.some((wide) => covers(wide, right)));
  if (added.length === 0) return [];
  const scope =
    object.kind === "ClusterRole" ? "in every namespace where it is bound" : `in ${object.metadata.namespace}`;
  return [
    // A role that is bound to nobody allows nothing; who gets it is told at its binding.
    before === undefined
      ? mark("notice", "rights", `a new role, ${scope}: ${summary(added)}`)
      : mark("danger", "rights", `may also, ${scope}: ${summary(added)}`),
  ];
}

/** `get, list secrets; * gateways.networking.istio.io`, the first few of them. */
export function summary(rights: readonly Right[]): string {
  const byResource = new Map<string, string[]>();
  for (const { group, resource, name, verb } of rights) {
    const what = `${resource === "*" ? "everything" : resource}${group === "" ? "" : ` of ${group === "*" ? "any group" : group}`}${name === "*" ? "" : ` ${name}`}`;
    byResource.set(what, [...(byResource.get(what) ?? []), verb]);
  }
  const all = [...byResource].map(([what, verbs]) => `${[...new Set(verbs)].join(", ")} ${what}`);
  return `${all.slice(0, 6).join("; ")}${all.length > 6 ? `; and ${all.length - 6} more` : ""}`;
}

function binding({ object, before, after }: Changed): Mark[] {
  if (after === undefined) return [];
  const reference = (tree: Tree | undefined) =>
    `${plain(treeAt(tree, "roleRef")["kind"])} ${plain(treeAt(tree, "roleRef")["name"])}`;
  const subjects = (tree: Tree | undefined) =>
    treesAt(tree, "subjects").map(
      ({ kind, namespace, name }) =>
        `${plain(kind)} ${namespace === undefined ? "" : `${plain(namespace)}/`}${plain(name)}`,
    );
  const isOtherRole = before !== undefined && reference(before) !== reference(after);
  const added = subjects(after).filter((subject) => isOtherRole || !subjects(before).includes(subject));
  if (added.length === 0) return [];
  const where = object.kind === "ClusterRoleBinding" ? "in the whole cluster" : `in ${object.metadata.namespace}`;
  return [mark("danger", "rights", `${added.join(", ")} gets ${reference(after)} ${where}`)];
}
