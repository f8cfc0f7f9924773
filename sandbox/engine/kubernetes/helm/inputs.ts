// The inputs of a helm.sh/v3:Release, completed; and the flags of Helm that they mean.

import { homedir } from "node:os";
import { join } from "node:path";
import { at, isMap, listAt, mapAt, numberAt, textAt, withAt, without, type Tree, type TreeMap } from "../tree";

const flags = [
  "allowNullValues",
  "atomic",
  "cleanupOnFail",
  "createNamespace",
  "dependencyUpdate",
  "devel",
  "disableCRDHooks",
  "disableOpenapiValidation",
  "disableWebhooks",
  "forceUpdate",
  "lint",
  "recreatePods",
  "renderSubchartNotes",
  "replace",
  "resetValues",
  "reuseValues",
  "skipAwait",
  "skipCrds",
  "takeOwnership",
  "verify",
  "waitForJobs",
];

const texts = ["chart", "description", "keyring", "name", "namespace", "postrender", "version"];

const defaultTimeout = 300;

/**
 * The inputs as the provider keeps them: with every flag, text and number, defaults filled in, and all values in one place.
 * @param valueFiles the parsed valueYamlFiles, in order
 */
export function completed(inputs: TreeMap, valueFiles: readonly Tree[], defaultNamespace: string): TreeMap {
  const declared = without(inputs, "compat", "valueYamlFiles", "resourceNames", "status", "checksum");
  const zero = new Map<string, Tree>();
  for (const key of flags) zero.set(key, false);
  for (const key of texts) zero.set(key, "");
  const result: TreeMap = { ...Object.fromEntries(zero), ...withoutNulls(declared) };
  if (result["namespace"] === "") result["namespace"] = defaultNamespace;
  if (numberAt(result, "timeout") === undefined && typeof result["timeout"] !== "symbol") {
    result["timeout"] = result["skipAwait"] === true ? 0 : defaultTimeout;
  }
  if (result["verify"] === true && result["keyring"] === "") {
    result["keyring"] = join(homedir(), ".gnupg", "pubring.gpg");
  }
  const values = inputs["values"] ?? {};
  // Values that are not known cannot be merged.
  result["values"] = isMap(values)
    ? [...valueFiles, values].reduce<TreeMap>((all, more) => merged(all, more), {})
    : values;
  return result;
}

function withoutNulls(object: TreeMap): TreeMap {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

/** One set of values on top of another, as Helm does it: objects merge, everything else replaces. */
export function merged(base: TreeMap, top: Tree): TreeMap {
  const result = { ...base };
  for (const [key, value] of Object.entries(isMap(top) ? top : {})) {
    const below = result[key];
    result[key] = isMap(below) && isMap(value) ? merged(below, value) : value;
  }
  return result;
}

/** The flags of "helm install". */
export function installFlags(inputs: TreeMap): string[] {
  return [
    ...commonFlags(inputs),
    ...flag(inputs, "createNamespace", "--create-namespace"),
    ...flag(inputs, "replace", "--replace"),
    ...flag(inputs, "disableWebhooks", "--no-hooks"),
    ...flag(inputs, "skipCrds", "--skip-crds"),
  ];
}

/** The flags of "helm upgrade". */
export function upgradeFlags(inputs: TreeMap): string[] {
  return [
    ...commonFlags(inputs),
    ...flag(inputs, "cleanupOnFail", "--cleanup-on-fail"),
    ...flag(inputs, "forceUpdate", "--force"),
    ...flag(inputs, "recreatePods", "--recreate-pods"),
    ...flag(inputs, "resetValues", "--reset-values"),
    ...flag(inputs, "reuseValues", "--reuse-values"),
    ...flag(inputs, "disableCRDHooks", "--no-hooks"),
    ...["--history-max", String(numberAt(inputs, "maxHistory") ?? 0)],
  ];
}

/** The flags of "helm uninstall". */
export function uninstallFlags(inputs: TreeMap): string[] {
  const waits = inputs["atomic"] === true || inputs["skipAwait"] !== true;
  return waits ? ["--wait", ...timeoutFlag(inputs)] : timeoutFlag(inputs);
}

function commonFlags(inputs: TreeMap): string[] {
  const waits = inputs["skipAwait"] !== true;
  return [
    ...timeoutFlag(inputs),
    ...(waits ? ["--wait", ...flag(inputs, "waitForJobs", "--wait-for-jobs")] : []),
    ...flag(inputs, "atomic", "--atomic"),
    ...flag(inputs, "dependencyUpdate", "--dependency-update"),
    ...flag(inputs, "devel", "--devel"),
    ...flag(inputs, "disableOpenapiValidation", "--disable-openapi-validation"),
    ...flag(inputs, "renderSubchartNotes", "--render-subchart-notes"),
    ...flag(inputs, "takeOwnership", "--take-ownership"),
    ...text(inputs, "description", "--description"),
    ...text(inputs, "postrender", "--post-renderer"),
  ];
}

function timeoutFlag(inputs: TreeMap): string[] {
  return ["--timeout", `${numberAt(inputs, "timeout") ?? 0}s`];
}

function flag(inputs: TreeMap, key: string, name: string): string[] {
  return inputs[key] === true ? [name] : [];
}

function text(inputs: TreeMap, key: string, name: string): string[] {
  const value = textAt(inputs, key);
  return value === "" ? [] : [name, value];
}

/** The declared value files: their text, or the path of each. */
export function valueFiles(inputs: TreeMap): ({ text: string } | { path: string })[] {
  return listAt(inputs, "valueYamlFiles").map((asset) => {
    if (typeof at(asset, "text") === "string") return { text: textAt(asset, "text") };
    const path = textAt(asset, "path");
    if (path === "") throw new Error("valueYamlFiles must be assets made of files or of text");
    return { path };
  });
}

/** The old inputs' version in place of the new one, where changes of the version are ignored. */
export function withIgnoredVersion(news: TreeMap, state: TreeMap, ignoreChanges: readonly string[]): TreeMap {
  const version = at(state, "version");
  return ignoreChanges.includes("version") && version !== undefined ? withAt(news, ["version"], version) : news;
}

/** Namespace and name of a release. */
export function placeOf(inputs: TreeMap): { namespace: string; name: string } {
  return { namespace: textAt(inputs, "namespace"), name: textAt(inputs, "name") };
}

/** The chart, its version and where to find it. */
export interface ChartSource {
  readonly chart: string;
  readonly version: string;
  readonly devel: boolean;
  readonly repo: string;
  readonly username: string;
  readonly password: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly verify: boolean;
  readonly keyring: string;
  readonly dependencyUpdate: boolean;
}

/** Where the inputs say the chart is. */
export function chartSource(inputs: TreeMap): ChartSource {
  const repository = mapAt(inputs, "repositoryOpts");
  const part = (key: string): string => textAt(repository, key);
  return {
    chart: textAt(inputs, "chart"),
    version: textAt(inputs, "version"),
    devel: inputs["devel"] === true,
    repo: part("repo"),
    username: part("username"),
    password: part("password"),
    caFile: part("caFile"),
    certFile: part("certFile"),
    keyFile: part("keyFile"),
    verify: inputs["verify"] === true,
    keyring: textAt(inputs, "keyring"),
    dependencyUpdate: inputs["dependencyUpdate"] === true,
  };
}
