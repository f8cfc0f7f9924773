import { type PolicyObject, asRecord, at } from "../policy/rule";

export { at, nameOf as title, podTemplate } from "../policy/rule";

/** An object of the cluster as it would be applied, in the form in which policies judge it. */
export type KubernetesObject = PolicyObject;

/** A Helm release of the program: the arguments of a Pulumi `helm.v3.Release`. */
export interface Release {
  /** Name of the Pulumi resource: the same one on both sides is the same release, even if its name in the cluster changes. */
  resource: string;
  name: string;
  namespace: string;
  /** Name of the chart, or its whole `oci://` reference. */
  chart: string;
  /** Exact version of the chart. */
  version: string;
  /** URL of the chart repository; undefined where `chart` says it all. */
  repository?: string;
  values: Record<string, unknown>;
  skipCrds?: boolean;
}

/** An object together with where it comes from. */
export interface OwnedObject {
  object: KubernetesObject;
  /** Name of the Helm release that it belongs to; undefined where the program itself makes it. */
  release?: string;
  /** Whether the engine refuses to delete or replace it, for objects that the program itself makes. */
  protect?: boolean;
  /** Type and name of the Pulumi resource, for objects that the program itself makes: the same one on both sides is the same resource. */
  resource?: string;
  /** Earlier types of that resource: a change from one is an update. */
  formerTypes?: string[];
  /** The engine keeps the name in the cluster that the resource has. */
  keepsName?: boolean;
  /** From the `crds/` folder of a chart: Helm installs such an object once, and never changes or deletes it. */
  installedOnce?: boolean;
  /** Only labels and the like of an object that somebody else owns (`NamespacePatch`). */
  patch?: boolean;
}

/** What identifies an object in a cluster. The version of its API does not: all versions of a kind are one object. */
export function identity({ apiVersion, kind, metadata }: KubernetesObject): string {
  return [apiGroup(apiVersion), kind, metadata.namespace ?? "", metadata.name].join("/");
}

/** Group of an API version; empty for the core group. */
export function apiGroup(apiVersion: string): string {
  return apiVersion.includes("/") ? apiVersion.split("/")[0]! : "";
}

export type Tree = Record<string, unknown>;

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The branch below some keys; empty where there is none. */
export function treeAt(value: unknown, ...keys: (string | number)[]): Tree {
  return asRecord(at(value, ...keys));
}

/** The list below some keys, of trees only; empty where there is none. */
export function treesAt(value: unknown, ...keys: (string | number)[]): Tree[] {
  const found = at(value, ...keys);
  return Array.isArray(found) ? found.filter(isTree) : [];
}

/** The list of texts below some keys; empty where there is none. */
export function textsAt(value: unknown, ...keys: (string | number)[]): string[] {
  const found = at(value, ...keys);
  return Array.isArray(found) ? found.filter((item) => typeof item === "string") : [];
}

/** A value in words: scalars as they are, structures as JSON, `none` where there is nothing. */
export function plain(value: unknown): string {
  if (value === undefined || value === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}
