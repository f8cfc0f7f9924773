// Updates objects.

import type { Properties } from "../wire";
import { ApiError, UnknownKindError, type Client } from "./client";
import { InitFailedError } from "./errors";
import { idOf, isPatchType, kindOf } from "./kinds";
import { hasAdoptable, isForeign } from "./managed-fields";
import { awaited, isForced, writeFailure, type Operation } from "./operation";
import { parsePath } from "./paths";
import { fieldManagerOf, writeState, type State } from "./state";
import { at, bareMap, containsUnknown, isMap, listAt, withAt, type Tree, type TreeMap } from "./tree";
import * as write from "./write";

/** Updates an object in place and returns its new state. */
export async function updateObject(
  operation: Operation,
  id: string,
  old: State,
  inputs: Properties,
  ignoreChanges: readonly string[],
): Promise<Properties> {
  const { cluster, urn, preview, wait } = operation;
  const object = bareMap(inputs);
  const kind = kindOf(object);
  const fieldManager = fieldManagerOf(object, old);
  const stateOf = (live: TreeMap): Properties =>
    writeState(live, inputs, old.apiVersion || kind.apiVersion, fieldManager);
  if (preview && (containsUnknown(object) || (await cluster.ifReachable()) === undefined)) return inputs;
  const client = await cluster.reach();
  const failure = (live: TreeMap, reason: string, reasons: string[]): Error =>
    new InitFailedError(
      `the Kubernetes API server reported that "${id}" failed to fully initialize or become live: ${reason}`,
      { id, state: stateOf(live), reasons },
    );
  try {
    const made = await updateOnce(operation, client, object, fieldManager, ignoreChanges);
    if (kind.kind === "CustomResourceDefinition" && !preview) client.forgetKinds();
    return stateOf(preview ? made : await awaited(client, made, object, wait, failure));
  } catch (error) {
    if (error instanceof InitFailedError) throw error;
    if (preview && (error instanceof UnknownKindError || (error instanceof ApiError && error.status === 403)))
      return inputs;
    const live = await client.find(kind, id).catch(() => undefined);
    const text = writeFailure(error, fieldManager);
    throw live === undefined ? new Error(`update of resource "${urn}" failed: ${text}`) : failure(live, text, []);
  }
}

async function updateOnce(
  { cluster, type, preview }: Operation,
  client: Client,
  object: TreeMap,
  fieldManager: string,
  ignoreChanges: readonly string[],
): Promise<TreeMap> {
  const kind = kindOf(object);
  const live = await client.get(kind, idOf(object));
  if (kind.kind === "CustomResourceDefinition") return write.replace(client, object, live, preview);
  const isPatch = isPatchType(type, kind.kind);
  const force =
    isForced(cluster, object) ||
    (preview && hasAdoptable(live)) ||
    listAt(live, "metadata", "managedFields").length === 0;
  if (!isPatch && !preview) await write.adopt(client, live, fieldManager);
  const wanted = ignoreChanges.reduce((rest, path) => ignored(rest, live, path, fieldManager), object);
  return write.apply(client, wanted, { fieldManager, force, dryRun: preview });
}

/** An ignored field stays as it is: it is left out where only others own it, and sent as it is where we do. */
export function ignored(object: TreeMap, live: TreeMap, text: string, fieldManager: string): TreeMap {
  const path = parsePath(text);
  const found = at(live, ...path);
  if (path.includes("*") || found === undefined) return object;
  const value = isForeign(live, path, fieldManager) ? undefined : found;
  return put(object, path, value) as TreeMap;
}

function put(into: Tree, [step, ...rest]: readonly (string | number)[], value: Tree | undefined): Tree {
  if (step === undefined) return value ?? null;
  if (typeof step === "number") {
    if (!Array.isArray(into) || into[step] === undefined) return into;
    // An element of a list cannot be left out without moving the others.
    return rest.length === 0 && value === undefined
      ? into
      : into.map((item, i) => (i === step ? put(item, rest, value) : item));
  }
  if (!isMap(into)) return into;
  if (rest.length === 0) return withAt(into, [step], value);
  const inner = into[step];
  return inner === undefined ? into : { ...into, [step]: put(inner, rest, value) };
}
