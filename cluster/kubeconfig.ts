import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve, sep } from "node:path";
import { asList, asText, asTree, at, treeAt } from "../base/tree";
import { parseYaml } from "../base/yaml";

/* Kubeconfigs as client-go reads and merges them (k8s.io/client-go v0.34, tools/clientcmd: loader.go and client_config.go). */

type Tree = Record<string, unknown>;

/** An entry of a kubeconfig with the folder that its paths start from. */
interface Entry {
  value: Tree;
  folder: string;
}

/** What one or several kubeconfigs say together. */
export interface Kubeconfig {
  clusters: Map<string, Entry>;
  users: Map<string, Entry>;
  contexts: Map<string, Entry>;
  current: string;
}

/** What a context leads to. */
export interface Target {
  context: string;
  cluster: Tree;
  /** Empty for a context without a user: requests go in without credentials. */
  user: Tree;
  /** Paths as they stand in the kubeconfig, relative to its folder. */
  relative: string[];
}

/** `~` and `~/…` as the provider takes them: the home of this user, also without HOME in the environment. */
export function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}

/** The files that count where a stack names none: all of KUBECONFIG, or the usual one. */
export function usualFiles(environment: NodeJS.ProcessEnv = process.env): string[] {
  const named = (environment["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  return named.length > 0 ? [...new Set(named)] : [join(homedir(), ".kube/config")];
}

/** Reads files that count together. One that is missing is left out; of one name, the first file's entry counts. */
export function readKubeconfigs(files: readonly string[]): Kubeconfig {
  const all = files
    .filter((file) => existsSync(file))
    .map((file) => parseKubeconfig(readFileSync(file, "utf8"), dirname(resolve(file))));
  const merged = (key: "clusters" | "users" | "contexts") =>
    new Map([...all].reverse().flatMap((one) => [...one[key]]));
  return {
    ...{ clusters: merged("clusters"), users: merged("users"), contexts: merged("contexts") },
    current: all.find(({ current }) => current !== "")?.current ?? "",
  };
}

/** Reads the text of a kubeconfig; an empty one says nothing. Throws where it is none. */
export function parseKubeconfig(text: string, folder: string): Kubeconfig {
  const content = parseYaml(text) ?? {};
  if (typeof content !== "object" || Array.isArray(content)) throw new Error("it is no kubeconfig");
  const entries = (key: string, part: string) => {
    const items = asList(at(content, key)).map((item) => [String(at(item, "name")), treeAt(item, part)] as const);
    const names = items.map(([name]) => name);
    // As client-go (0.36, tools/clientcmd/api/v1/conversion.go).
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new Error(`duplicate name ${JSON.stringify(twice)} in ${key}`);
    return new Map(items.map(([name, value]) => [name, { value, folder }]));
  };
  return {
    ...{
      clusters: entries("clusters", "cluster"),
      users: entries("users", "user"),
      contexts: entries("contexts", "context"),
    },
    current: asText(at(content, "current-context")) ?? "",
  };
}

const clusterFiles = ["certificate-authority"];
const userFiles = ["client-certificate", "client-key", "tokenFile"];

/** What a context leads to, with its paths made absolute; undefined where there is no such context, or no cluster of it. */
export function targetOf(kubeconfig: Kubeconfig, context: string): Target | undefined {
  const chosen = kubeconfig.contexts.get(context)?.value;
  const cluster = kubeconfig.clusters.get(String(chosen?.["cluster"]));
  if (chosen === undefined || cluster === undefined || asText(cluster.value["server"]) === undefined) return undefined;
  const user = kubeconfig.users.get(String(chosen["user"])) ?? { value: {}, folder: "." };
  const relative: string[] = [];
  const placed = (entry: Entry, keys: string[]): Tree => {
    const place = (path: unknown) => {
      const text = asText(path);
      if (text === undefined || isAbsolute(text)) return path;
      relative.push(text);
      return resolve(entry.folder, text);
    };
    const files = keys.flatMap((key) => (key in entry.value ? [[key, place(entry.value[key])]] : []));
    const exec = asTree(entry.value["exec"]);
    // A bare name is looked for on the PATH.
    const command = asText(exec["command"]);
    const isPath = command?.includes(sep) === true;
    return {
      ...entry.value,
      ...(Object.fromEntries(files) as Tree),
      ...(isPath ? { exec: { ...exec, command: place(command) } } : {}),
    };
  };
  return { context, cluster: withScheme(placed(cluster, clusterFiles)), user: placed(user, userFiles), relative };
}

/** A server without a scheme is asked in clear text, as kubectl does: its TLS settings are read only where the scheme says so. */
function withScheme(cluster: Tree): Tree {
  const server = String(cluster["server"]);
  return /^[a-z][a-z\d+.-]*:\/\//i.test(server) ? cluster : { ...cluster, server: `http://${server}` };
}

/**
 * Where Pulumi's provider (4.25, pkg/provider) does not do as kubectl does with the same kubeconfig, and so would not reach the cluster
 * that is looked at from here; undefined where both are the same.
 *
 * @param kubeconfig as the settings have it
 * @param folder that the provider runs in
 */
export function providerProblem(
  kubeconfig: string,
  target: Target,
  folder: string,
): { problem: string; fix: string } | undefined {
  const { relative, user, cluster, context } = target;
  const isPath = kubeconfig !== "" && !kubeconfig.includes("\n");
  if (isPath && relative.length > 0 && resolve(dirname(expandHome(kubeconfig))) !== resolve(folder))
    return {
      problem: `kubeconfig ${kubeconfig} names ${relative.join(", ")} by relative paths: kubectl starts them from its folder, and Pulumi's provider from the program's`,
      fix: `make it one file: kubectl config view --flatten --raw --kubeconfig ${kubeconfig} > flat.kubeconfig; or leave kubeconfig out, and name the file in KUBECONFIG`,
    };
  if (kubeconfig === "" && Object.keys(user).length === 0 && String(cluster["server"]).startsWith("https:"))
    return {
      problem: `context ${context} has no user: Pulumi's provider asks for a user name at a terminal then, and has none`,
      fix: "name a user in the context, or set enroute-istio:kubeconfig to its file, by which requests go in without credentials",
    };
  return undefined;
}
