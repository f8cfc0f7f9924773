import { stackNameOf } from "../base/project-files";
import { asText } from "../base/tree";
import type { MeshObject } from "../mesh/object";

/*
 * What a rule is. A rule judges objects: rendered Kubernetes objects, and the resources of a Pulumi program in the same
 * form. It knows nothing of the engine, so that reviews and tests use the very same rules.
 */

/** A Kubernetes object, or a resource of the program in that form: a Helm release is of kind `Release`. */
export interface PolicyObject extends MeshObject {
  apiVersion: string;
  kind: string;
  [key: string]: unknown;
}

/** What happens on a finding: it is reported, it stops the update, or the rule is not run. */
export type Level = "advisory" | "mandatory" | "disabled";

export interface PolicyOptions {
  /** Name of the stack; some rules are for production only, see {@link isProduction}. */
  environment: string;
  /** Levels by name of the rule, over the rules' own. @default none */
  levels?: Partial<Record<string, Level>>;
  /** @default the time of the call */
  now?: Date;
  /** The objects of the last deployment, for the rules about changes; without them those find nothing. */
  previous?: readonly PolicyObject[];
  /** Objects that the stack gives up (`deletionProtection.except`), as `Kind namespace/name`. @default none */
  deletions?: readonly string[];
}

/** One thing that is wrong. */
export interface Violation {
  /** Name of the rule. */
  rule: string;
  level: "advisory" | "mandatory";
  /** `Kind namespace/name`, or `Kind name` outside of namespaces. */
  object: string;
  /** What is wrong, and why that matters. Never holds key material. */
  message: string;
  /** What to do about it. */
  fix: string;
}

/** What a rule finds. */
export interface Finding {
  object: PolicyObject | string;
  message: string;
  fix: string;
}

export interface Rule {
  /** In kebab case; the key of levels and of `--policy-pack-config`. */
  name: string;
  description: string;
  /** Level where the environment does not say another. */
  level: Level;
  /**
   * `object`: each object is judged by itself, before it is touched. `stack`: all together, at the end of a preview.
   * `change`: against the last deployment, which a review knows and the engine does not show to a pack.
   */
  scope: "object" | "stack" | "change";
  find(objects: readonly PolicyObject[], options: PolicyOptions): Finding[];
}

/** Whether an environment is production: a stack named `prod` or `production`, also with a suffix such as `prod-eu`. */
export function isProduction(environment: string): boolean {
  return /^prod(uction)?([-_.]|$)/.test(stackNameOf(environment));
}

/** Stands for what only the update will know, such as a certificate that is not issued yet. */
export const unknownValue = "(known after the update)";

/** A Helm release, by the name of its chart without its place. */
export function isRelease(object: PolicyObject, chart?: string): boolean {
  return object.kind === "Release" && (chart === undefined || asText(object["chart"])?.split("/").pop() === chart);
}
