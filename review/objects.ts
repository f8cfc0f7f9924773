import { apiGroup } from "../mesh/object";
import type { PolicyObject } from "../policy/rule";

export { type Tree, at, isTree, plain, textsAt, treeAt, treesAt } from "../base/tree";
export { apiGroup, titleOf as title } from "../mesh/object";
export { podTemplateOf as podTemplate } from "../mesh/pod-template";

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
  /** URL of the chart repository; undefined where `chart` names it. */
  repository?: string;
  values: Record<string, unknown>;
  skipCrds?: boolean;
  /** What becomes of the type of its Services after the chart was rendered. */
  serviceType?: string;
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
  /** Only labels and the like of an object of another owner (`NamespacePatch`). */
  patch?: boolean;
}

/** What identifies an object in a cluster. The version of its API does not: all versions of a kind are one object. */
export function identity({ apiVersion, kind, metadata }: KubernetesObject): string {
  return [apiGroup(apiVersion), kind, metadata.namespace ?? "", metadata.name].join("/");
}
