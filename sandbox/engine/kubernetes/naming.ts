// The names of objects whose declaration gives none.

import { createHash, randomBytes } from "node:crypto";
import { isMap, mapAt, textAt, withAt, type TreeMap } from "./tree";

/** Marks a name that the provider made up. */
export const autonamedAnnotation = "pulumi.com/autonamed";

/** What the engine says about names. */
export interface Naming {
  /** The name of the resource in the program. */
  readonly resourceName: string;
  /** Makes the same name again in the update that follows a preview. */
  readonly seed: Uint8Array;
  /** The engine's own rule, where the project has one. */
  readonly rule?: { readonly mode: "propose" | "enforce" | "disable"; readonly name: string };
}

/** Whether the provider made up the object's name. */
export function isAutonamed(object: TreeMap): boolean {
  return textAt(object, "metadata", "annotations", autonamedAnnotation) === "true";
}

/**
 * The object with a name: its own; else the one that was made up for it before; else a new one.
 * @throws Error if the project forbids to make up names
 */
export function named(inputs: TreeMap, oldInputs: TreeMap, naming: Naming): TreeMap {
  const metadata = inputs["metadata"];
  // What is not known may hold a name.
  if (metadata !== undefined && metadata !== null && !isMap(metadata)) return inputs;
  if (isNamed(mapAt(inputs, "metadata"))) return inputs;
  if (isAutonamed(oldInputs)) return withName(inputs, textAt(oldInputs, "metadata", "name"));
  if (isNamed(mapAt(oldInputs, "metadata"))) return inputs;
  switch (naming.rule?.mode) {
    case "disable":
      throw new Error("autonaming is disabled, resource requires the .metadata.name field to be set");
    case "propose":
    case "enforce":
      return withName(inputs, naming.rule.name);
    case undefined:
      return withName(inputs, `${naming.resourceName}-${suffix(naming.seed)}`);
  }
}

function isNamed(metadata: TreeMap): boolean {
  return (metadata["name"] ?? "") !== "" || (metadata["generateName"] ?? "") !== "";
}

function withName(inputs: TreeMap, name: string): TreeMap {
  const annotated = withAt(inputs, ["metadata", "annotations", autonamedAnnotation], "true");
  return withAt(annotated, ["metadata", "name"], name);
}

/** Eight hexadecimal digits: from the seed, or random without one. */
export function suffix(seed: Uint8Array = new Uint8Array()): string {
  if (seed.length === 0) return randomBytes(4).toString("hex");
  return createHash("sha256").update(seed).digest("hex").slice(0, 8);
}
