// The provider's configuration.

import type { Choice } from "./kubeconfig";
import { isMap, same, textAt, unknownValue, type Tree, type TreeMap } from "./tree";
import { resolveTarget } from "./kubeconfig";

/** What the provider is configured with. */
export interface Settings {
  readonly choice: Choice;
  /** The default namespace; "" leaves it to the kubeconfig. */
  readonly namespace: string;
  readonly enablePatchForce: boolean;
  readonly upsertExistingObjects: boolean;
  readonly enableConfigMapMutable: boolean;
  readonly enableSecretMutable: boolean;
  readonly deleteUnreachable: boolean;
  readonly skipUpdateUnreachable: boolean;
  /** Environment variables for Helm. */
  readonly helmEnv: Readonly<Record<string, string>>;
}

/** Names a key of the configuration and what is wrong with it. */
export interface Failure {
  readonly property: string;
  readonly reason: string;
}

/** @throws Error if JSON in the configuration is none */
export function readSettings(config: (key: string) => string | undefined, env = process.env): Settings {
  const flag = (key: string, variable: string): boolean => (config(key) ?? env[`PULUMI_K8S_${variable}`]) === "true";
  parseSettings("kubeClientSettings", config("kubeClientSettings"));
  const helm = parseSettings("helmReleaseSettings", config("helmReleaseSettings"));
  const helmKeys = [
    ["driver", "HELM_DRIVER", "DRIVER"],
    ["pluginsPath", "HELM_PLUGINS", "PLUGINS_PATH"],
    ["registryConfigPath", "HELM_REGISTRY_CONFIG", "REGISTRY_CONFIG_PATH"],
    ["repositoryConfigPath", "HELM_REPOSITORY_CONFIG", "REPOSITORY_CONFIG_PATH"],
    ["repositoryCache", "HELM_REPOSITORY_CACHE", "REPOSITORY_CACHE"],
  ] as const;
  const helmEnv = helmKeys
    .map(([key, name, variable]) => [name, textAt(helm, key) || (env[`PULUMI_K8S_HELM_${variable}`] ?? "")] as const)
    .filter(([, value]) => value !== "");
  const text = <Key extends string>(key: Key): { [key in Key]?: string } => {
    const value = config(key) ?? "";
    return value === "" ? {} : ({ [key]: value } as { [key in Key]?: string });
  };
  return {
    choice: { ...text("kubeconfig"), ...text("context"), ...text("cluster") },
    namespace: config("namespace") ?? "",
    enablePatchForce: flag("enablePatchForce", "ENABLE_PATCH_FORCE"),
    upsertExistingObjects: flag("upsertExistingObjects", "UPSERT_EXISTING_OBJECTS"),
    enableConfigMapMutable: flag("enableConfigMapMutable", "ENABLE_CONFIGMAP_MUTABLE"),
    enableSecretMutable: flag("enableSecretMutable", "ENABLE_SECRET_MUTABLE"),
    deleteUnreachable: flag("deleteUnreachable", "DELETE_UNREACHABLE"),
    skipUpdateUnreachable: flag("skipUpdateUnreachable", "SKIP_UPDATE_UNREACHABLE"),
    helmEnv: Object.fromEntries(helmEnv),
  };
}

function parseSettings(key: string, text: string | undefined): TreeMap {
  if (text === undefined || text === "") return {};
  try {
    const value = JSON.parse(text) as Tree;
    if (isMap(value)) return value;
  } catch {
    // Reported below.
  }
  throw new Error(`failed to unmarshal ${key} option: it is no JSON object`);
}

/** What is wrong with a configuration; this stand-in also refuses the modes that it leaves out. */
export function checkSettings(inputs: TreeMap, isDefaultProvider: boolean, env = process.env): Failure[] {
  const failures: Failure[] = [];
  const isSet = (key: string): boolean => (inputs[key] ?? "") !== "";
  if (isSet("renderYamlToDirectory")) {
    failures.push({ property: "renderYamlToDirectory", reason: "rendering YAML is not supported by this stand-in" });
  } else if (textAt(inputs, "alwaysRender") === "true") {
    failures.push({ property: "alwaysRender", reason: "alwaysRender requires renderYamlToDirectory" });
  }
  const serverSide = inputs["enableServerSideApply"] ?? env["PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY"] ?? "true";
  if (serverSide === "false" || serverSide === false) {
    failures.push({ property: "enableServerSideApply", reason: "client-side mode is not supported by this stand-in" });
  }
  if (textAt(inputs, "strictMode") === "true") {
    if (isDefaultProvider) {
      failures.push({ property: "strictMode", reason: "strict mode prohibits default provider" });
    } else {
      const missing = ["kubeconfig", "context"].filter((key) => !isSet(key));
      const reason = (key: string): string => `strict mode requires Provider "${key}" argument`;
      failures.push(...missing.map((key) => ({ property: key, reason: reason(key) })));
    }
  }
  return failures;
}

const clusterKeys = ["kubeconfig", "context", "cluster"];

/** What a changed configuration means: which keys differ, and which of them mean another cluster. */
export function diffSettings(olds: TreeMap, news: TreeMap): { diffs: string[]; replaces: string[] } {
  const unknownKey = clusterKeys.find((key) => news[key] === unknownValue);
  if (unknownKey !== undefined) return { diffs: [unknownKey], replaces: [unknownKey] };
  const keys = [...new Set([...Object.keys(olds), ...Object.keys(news)])];
  const diffs = keys.filter((key) => !same(olds[key], news[key])).sort();
  const oldIdentifier = olds["clusterIdentifier"];
  const newIdentifier = news["clusterIdentifier"];
  if (oldIdentifier !== undefined && newIdentifier !== undefined) {
    return { diffs, replaces: same(oldIdentifier, newIdentifier) ? [] : ["clusterIdentifier"] };
  }
  const [before, after] = [activeCluster(olds), activeCluster(news)];
  const isOther = before !== undefined && after !== undefined && !same(before, after);
  return { diffs, replaces: isOther ? diffs.filter((key) => clusterKeys.includes(key)) : [] };
}

function activeCluster(config: TreeMap): TreeMap | undefined {
  const choice = clusterKeys.map((key) => [key, textAt(config, key)]).filter(([, value]) => value !== "");
  try {
    return resolveTarget(Object.fromEntries(choice) as Choice).cluster;
  } catch {
    return undefined;
  }
}
