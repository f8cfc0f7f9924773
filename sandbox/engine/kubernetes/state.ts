// What the engine keeps of an object between runs.

import { Secret, unknown as notKnown, type Properties, type Value } from "../wire";
import { suffix } from "./naming";
import { keepEmpty, pruneMap } from "./diff";
import { normalise } from "./normalise";
import { markObject } from "./secretness";
import { bareMap, isMap, textAt, withAt, without, type TreeMap } from "./tree";
import { isBuiltIn, kindOf } from "./kinds";

const inputsKey = "__inputs";
const apiVersionKey = "__initialApiVersion";
const managerKey = "__fieldManager";

/** A state, read. */
export interface State {
  /** What was declared. */
  readonly inputs: TreeMap;
  /** What was declared, with its secrets marked. */
  readonly markedInputs: Properties;
  /** The object as it was last seen. */
  readonly live: TreeMap;
  readonly apiVersion: string;
  /** "" in a state that was made without one. */
  readonly fieldManager: string;
}

/** Reads a state; the engine's own inputs stand in where it has none. */
export function readState(properties: Properties, engineInputs: Properties): State {
  const { [inputsKey]: kept, [apiVersionKey]: apiVersion, [managerKey]: manager, ...live } = properties;
  const markedInputs = unwrapped(kept) ?? engineInputs;
  return {
    inputs: bareMap(markedInputs),
    markedInputs,
    live: bareMap(live),
    apiVersion: textAt(bareMap({ apiVersion: apiVersion ?? "" }), "apiVersion"),
    fieldManager: textAt(bareMap({ manager: manager ?? "" }), "manager"),
  };
}

function unwrapped(value: Value | undefined): Properties | undefined {
  if (value instanceof Secret) return unwrapped(value.value);
  return value !== undefined && value !== notKnown && isMap(value as TreeMap) ? (value as Properties) : undefined;
}

/** Writes a state. */
export function writeState(live: TreeMap, inputs: Properties, apiVersion: string, fieldManager: string): Properties {
  return {
    ...markObject(live, inputs),
    [inputsKey]: markObject(bareMap(inputs), inputs),
    [apiVersionKey]: apiVersion,
    [managerKey]: fieldManager,
  };
}

/** The manager of an object's fields: the user's choice, the one it has, or a new one. */
export function fieldManagerOf(inputs: TreeMap, state?: State): string {
  const chosen = textAt(inputs, "metadata", "annotations", "pulumi.com/patchFieldManager");
  return chosen || state?.fieldManager || `pulumi-kubernetes-${suffix()}`;
}

/** The inputs that a live object stands for, as declared before: what only the cluster has stays out of them. */
export function inputsOfLive(live: TreeMap, oldInputs: TreeMap): TreeMap {
  const inputs = normalise(oldInputs);
  return keepEmpty(pruneMap(normalise(live), inputs), inputs) as TreeMap;
}

const ownAnnotations = ["deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"];

/** The inputs of an object that was never declared: of a custom resource, only what identifies it. */
export function inputsOfImport(live: TreeMap): TreeMap {
  const { apiVersion, kind } = kindOf(live);
  if (!isBuiltIn(apiVersion)) {
    const name = textAt(live, "metadata", "name");
    const namespace = textAt(live, "metadata", "namespace");
    return { apiVersion, kind, metadata: { name, ...(namespace === "" ? {} : { namespace }) } };
  }
  const inputs = without(normalise(live), "status");
  return ownAnnotations.reduce((rest, key) => withAt(rest, ["metadata", "annotations", key], undefined), inputs);
}
