import { parseDocument } from "yaml";
import { type KubernetesObject, type OwnedObject, type Tree, at, isTree, treeAt } from "./objects";

/*
 * What a render holds beside what it means. Two steps: `settled` takes out what differs between two renders of the same
 * input; `canonical` also removes what follows from another change, which shows it.
 */

/** A random value of Kiali's chart, which draws a new key at every render where none is given. */
export const randomValue = "[random at every render]";

/** Fields that the cluster or a controller fills in, and checksums: those are judged by what they are of. */
function isFilledIn(key: string): boolean {
  return key === "caBundle" || key === "creationTimestamp" || key.startsWith("checksum/");
}

/** Keys below which an empty map means the same as none. Elsewhere it can mean a lot: an empty selector selects everything. */
const emptyIsNone = new Set([
  "annotations",
  "labels",
  "resources",
  "securityContext",
  "nodeSelector",
  "affinity",
  "values",
]);

/** Lists whose order means something although their items have names. */
const ordered = new Set(["initContainers", "routes", "rules", "hosts"]);

/** The object with its texts parsed, keys and named lists in order, and without what differs from render to render. */
export function settled({ object, release }: Pick<OwnedObject, "object" | "release">, isKeyRandom = false): Tree {
  const tree = settle(object, "", isText(object)) as Tree;
  if (isKeyRandom && release !== undefined && object.kind === "ConfigMap") {
    const token = treeAt(tree, "data", "config.yaml", "login_token");
    if (typeof token["signing_key"] === "string") token["signing_key"] = randomValue;
  }
  return tree;
}

/** Which texts of an object hold a structure. */
function isText({ kind, apiVersion }: KubernetesObject): (path: string) => boolean {
  if (kind === "ConfigMap") return (path) => path.startsWith("/data/");
  if (apiVersion.startsWith("enroute.saaras.io/")) return (path) => path === "/spec/config";
  return (path) => path.includes("/annotations/");
}

function settle(value: unknown, path: string, holdsStructure: (path: string) => boolean): unknown {
  if (typeof value === "string") {
    if (!holdsStructure(path)) return value;
    const structure = structureOf(value);
    return structure === undefined ? value.trimEnd() : settle(structure, path, () => false);
  }
  if (Array.isArray(value))
    return sortNamed(
      value.map((item) => settle(item, `${path}/`, holdsStructure)),
      lastKey(path),
    );
  if (!isTree(value)) return value;
  const entries = Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
    if (item === null || item === undefined || isFilledIn(key)) return [];
    const plain = settle(item, `${path}/${key}`, holdsStructure);
    return isTree(plain) && Object.keys(plain).length === 0 && emptyIsNone.has(key) ? [] : [[key, plain]];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => compareKeys(a, b)));
}

/** By the alphabet, but the name first: the rest belongs to it. */
function compareKeys(a: string, b: string): number {
  return a === "name" ? -1 : b === "name" ? 1 : a < b ? -1 : 1;
}

function lastKey(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

const structures = new Map<string, unknown>();

/** The structure in a text of JSON or YAML; undefined where the text is just a text. */
function structureOf(text: string): unknown {
  if (!/^\s*[[{]/.test(text) && !/^(#.*\n|\s)*(- |["']?[\w./-]+["']?:(\s|$))/.test(text)) return undefined;
  if (!structures.has(text)) {
    let content: unknown;
    try {
      content = JSON.parse(text);
    } catch {
      const document = parseDocument(text, { uniqueKeys: false });
      content = document.errors.length === 0 ? document.toJS() : undefined;
    }
    structures.set(text, typeof content === "object" && content !== null ? content : undefined);
  }
  return structures.get(text);
}

/** Lists of named items in the order of the names, and the words of a rule in theirs: the cluster does not care. */
function sortNamed(items: unknown[], key: string): unknown[] {
  if (["apiGroups", "resources", "verbs", "nonResourceURLs", "resourceNames"].includes(key))
    return [...items].sort((a, b) => (String(a) < String(b) ? -1 : 1));
  if (ordered.has(key)) return items;
  const names = items.map((item) => at(item, "name"));
  const areNames = names.every((name) => typeof name === "string");
  if (!areNames || new Set(names).size < names.length) return items;
  return [...items].sort((a, b) => (String(at(a, "name")) < String(at(b, "name")) ? -1 : 1));
}

const versionLabels = ["helm.sh/chart", "app.kubernetes.io/version", "version", "chart"];

/** Of Kiali's configuration, what its server reads of `deployment`; the rest repeats the Deployment's fields. */
const kialiDeploymentKeys = [
  "accessible_namespaces",
  "cluster_wide_access",
  "instance_name",
  "namespace",
  "view_only_mode",
];

/** What is left of a settled object when what follows from another change is taken out; undefined where that is nothing. */
export function canonical(tree: Tree, release: string | undefined): Tree | undefined {
  if (release === undefined) return tree;
  if (tree["kind"] === "ConfigMap" && at(tree, "data", "original-values") !== undefined) return undefined;
  const metadata = treeAt(tree, "metadata");
  const labels = treeAt(metadata, "labels");
  // Elsewhere, such as in a pod template, a new label restarts pods.
  const isCharted = "helm.sh/chart" in labels;
  const own = Object.entries(labels).filter(([key]) => !(isCharted && versionLabels.includes(key)));
  const result: Tree = {
    ...tree,
    metadata: { ...metadata, ...(own.length > 0 ? { labels: Object.fromEntries(own) } : {}) },
  };
  if (own.length === 0) delete (result["metadata"] as Tree)["labels"];
  const kiali = treeAt(tree, "data", "config.yaml");
  if (tree["kind"] === "ConfigMap" && isTree(kiali["deployment"]) && isTree(kiali["external_services"])) {
    const read = Object.entries(treeAt(kiali, "deployment")).filter(([key]) => kialiDeploymentKeys.includes(key));
    result["data"] = { ...treeAt(tree, "data"), "config.yaml": { ...kiali, deployment: Object.fromEntries(read) } };
  }
  return result;
}
