// Which cluster, as whom: kubeconfig text or files, resolved as kubectl does. (@kubernetes/client-node would bring its whole
// generated API and an HTTP library along, and this process is started for every run.)

import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { isMap, listAt, mapAt, mapMap, textAt, type Tree, type TreeMap } from "./tree";

/** How the provider's configuration chooses the cluster. */
export interface Choice {
  /** A kubeconfig's path (`~` is allowed) or text; absent: KUBECONFIG, ~/.kube/config, or the pod's own account. */
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly cluster?: string;
}

/** A cluster and an account on it, with the entries of the kubeconfig that say how to reach it. */
export interface Target {
  /** The API server's URL. */
  readonly server: string;
  readonly cluster: TreeMap;
  readonly user: TreeMap;
  /** The context's namespace; "" if it has none. */
  readonly namespace: string;
}

/** @throws Error if the kubeconfig is unreadable or names no cluster */
export function resolveTarget(choice: Choice, env: NodeJS.ProcessEnv = process.env): Target {
  const config = loadConfig(choice.kubeconfig, env);
  const contextName = choice.context ?? textAt(config, "current-context");
  const context = entry(config, "context", contextName);
  if (context === undefined && (choice.context ?? "") !== "") {
    throw new Error(`context "${contextName}" does not exist`);
  }
  const clusterName = choice.cluster ?? textAt(context, "cluster");
  const cluster = entry(config, "cluster", clusterName);
  if (cluster === undefined) {
    throw new Error(
      clusterName === ""
        ? "invalid configuration: no configuration has been provided, try setting KUBECONFIG"
        : `cluster "${clusterName}" does not exist`,
    );
  }
  return {
    server: textAt(cluster, "server").replace(/\/+$/, ""),
    cluster,
    user: entry(config, "user", textAt(context, "user")) ?? {},
    namespace: textAt(context, "namespace"),
  };
}

/** A kubeconfig that holds this target only. */
export function writeKubeconfig(target: Target): string {
  const name = "default";
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name, cluster: target.cluster }],
    users: [{ name, user: target.user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: target.namespace } }],
  });
}

function loadConfig(setting: string | undefined, env: NodeJS.ProcessEnv): TreeMap {
  if (setting !== undefined && setting !== "") {
    const path = setting.replace(/^~(?=\/|$)/, homedir());
    return isFile(path) ? readConfig(path) : parseConfig(setting, process.cwd());
  }
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  const paths = listed.length > 0 ? listed : [join(homedir(), ".kube", "config")];
  const found = paths.filter((path) => existsSync(path));
  return found.length > 0 ? mergeConfigs(found.map(readConfig)) : podConfig(env);
}

function isFile(path: string): boolean {
  // A kubeconfig's text is no path, and longer than one may be.
  return path.length < 4096 && !path.includes("\n") && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false);
}

function readConfig(path: string): TreeMap {
  return parseConfig(readFileSync(path, "utf8"), dirname(resolve(path)));
}

function parseConfig(text: string, folder: string): TreeMap {
  let config: unknown;
  try {
    config = parse(text);
  } catch {
    // The parser's message quotes the text, which holds credentials.
    throw new Error("failed to parse kubeconfig: it is no YAML");
  }
  if (!isMap(config as Tree))
    throw new Error("failed to parse kubeconfig: it is neither a file's path nor a kubeconfig");
  return absolutePaths(config as TreeMap, folder);
}

// Paths in a kubeconfig start at its own folder.
function absolutePaths(config: TreeMap, folder: string): TreeMap {
  const fix = (value: Tree, key: string): Tree => {
    if (Array.isArray(value)) return value.map((item) => fix(item, ""));
    if (isMap(value)) return mapMap(value, fix);
    const isPath = ["certificate-authority", "client-certificate", "client-key", "tokenFile"].includes(key);
    return isPath && typeof value === "string" && !isAbsolute(value) ? join(folder, value) : value;
  };
  return mapMap(config, fix);
}

// The first file that names something wins.
function mergeConfigs(configs: TreeMap[]): TreeMap {
  const current = configs.map((config) => textAt(config, "current-context")).find((name) => name !== "");
  const all = (key: string): Tree[] => configs.flatMap((config) => listAt(config, key));
  return {
    "current-context": current ?? "",
    clusters: all("clusters"),
    users: all("users"),
    contexts: all("contexts"),
  };
}

function podConfig(env: NodeJS.ProcessEnv): TreeMap {
  const host = env["KUBERNETES_SERVICE_HOST"];
  const folder = "/var/run/secrets/kubernetes.io/serviceaccount";
  if (host === undefined || !existsSync(join(folder, "token"))) return {};
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${env["KUBERNETES_SERVICE_PORT"] ?? "443"}`;
  const namespace = readFileSync(join(folder, "namespace"), "utf8").trim();
  return {
    "current-context": "pod",
    clusters: [{ name: "pod", cluster: { server, "certificate-authority": join(folder, "ca.crt") } }],
    users: [{ name: "pod", user: { tokenFile: join(folder, "token") } }],
    contexts: [{ name: "pod", context: { cluster: "pod", user: "pod", namespace } }],
  };
}

function entry(config: TreeMap, kind: "cluster" | "context" | "user", name: string): TreeMap | undefined {
  const found = listAt(config, `${kind}s`).find((item) => textAt(item, "name") === name);
  return found === undefined ? undefined : mapAt(found, kind);
}
