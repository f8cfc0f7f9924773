// Creates, reads, updates and deletes objects.

import { setTimeout as sleep } from "node:timers/promises";
import type { Properties } from "../wire";
import { AwaitError, missing, untilGone, untilReady, type Wait } from "./await";
import { ApiError, isNotFound, UnknownKindError, type Client } from "./client";
import { UnreachableError, type Cluster } from "./cluster";
import { InitFailedError, messageOf } from "./errors";
import { idOf, isPatchType, kindName, kindOf, kindOfType, parseId, type Kind } from "./kinds";
import { hasAdoptable, isForeign } from "./managed-fields";
import { parsePath } from "./paths";
import { fieldManagerOf, inputsOfImport, inputsOfLive, readState, writeState, type State } from "./state";
import { markObject } from "./secretness";
import { at, bareMap, containsUnknown, isMap, listAt, textAt, withAt, type Tree, type TreeMap } from "./tree";
import * as write from "./write";

/** A resource, and what the engine wants of it. */
export interface Operation {
  readonly cluster: Cluster;
  readonly urn: string;
  readonly type: string;
  readonly preview: boolean;
  readonly wait: Wait;
}

// An object's namespace or CRD may appear a little later than the object is asked for.
const createPauses = [0.25, 0.75, 2, 4, 8, 16, 32];

/** Creates an object. The answer to a preview has no id. */
export async function createObject(
  operation: Operation,
  inputs: Properties,
): Promise<{ id: string; state: Properties }> {
  const { cluster, urn, preview, wait } = operation;
  const object = bareMap(inputs);
  const kind = kindOf(object);
  const isPatch = isPatchType(operation.type, kind.kind);
  if (preview) return { id: "", state: await previewCreate(operation, inputs, isPatch) };
  const client = await cluster.reach();
  const fieldManager = fieldManagerOf(object);
  let made: TreeMap;
  try {
    made = await retried(client, () => createOnce(operation, client, object, fieldManager, isPatch));
  } catch (error) {
    throw creationError(urn, kind, error, fieldManager);
  }
  if (kind.kind === "CustomResourceDefinition") client.forgetKinds();
  const stateOf = (live: TreeMap): Properties => writeState(live, inputs, kind.apiVersion, fieldManager);
  const live = await awaited(client, made, object, wait, (last, reason, reasons) => {
    const message = `resource "${urn}" was successfully created, but the Kubernetes API server reported that it failed to fully initialize or become live: ${reason}`;
    return new InitFailedError(message, { id: idOf(made), state: stateOf(last), reasons });
  });
  return { id: idOf(made), state: stateOf(live) };
}

async function createOnce(
  { cluster, preview }: Operation,
  client: Client,
  object: TreeMap,
  fieldManager: string,
  isPatch: boolean,
): Promise<TreeMap> {
  if (!isPatch && !cluster.settings.upsertExistingObjects) return write.create(client, object, preview);
  return write.apply(client, object, { fieldManager, force: isForced(cluster, object), dryRun: preview });
}

async function previewCreate(operation: Operation, inputs: Properties, isPatch: boolean): Promise<Properties> {
  const object = bareMap(inputs);
  const client = await operation.cluster.ifReachable();
  if (isPatch || client === undefined || containsUnknown(object)) return inputs;
  const fieldManager = fieldManagerOf(object);
  try {
    const { status: _, ...dry } = await createOnce(operation, client, object, fieldManager, isPatch);
    return writeState(dry, inputs, kindOf(object).apiVersion, fieldManager);
  } catch (error) {
    // Creating it for real may well succeed: what is missing now can come in the same run.
    if (error instanceof UnknownKindError || isUntriable(error)) return inputs;
    throw creationError(operation.urn, kindOf(object), error, fieldManager);
  }
}

function isUntriable(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  const noNamespace = error.status === 404 && textAt(error.details, "kind") === "namespaces";
  const noDryRun = error.status === 400 && error.message.includes("does not support dry run");
  return error.status === 403 || noNamespace || noDryRun || error.reason === "AlreadyExists";
}

async function retried(client: Client, attempt: () => Promise<TreeMap>): Promise<TreeMap> {
  for (const pause of createPauses) {
    try {
      return await attempt();
    } catch (error) {
      if (!isNotFound(error) && !(error instanceof UnknownKindError)) throw error;
      await sleep(pause * 1000, undefined, { signal: client.signal });
    }
  }
  return attempt();
}

function creationError(urn: string, kind: Kind, error: unknown, fieldManager: string): Error {
  if (error instanceof UnknownKindError) {
    return new Error(
      `creation of resource "${urn}" with kind ${kindName(kind)} failed because the Kubernetes API server reported that the apiVersion for this resource does not exist. Verify that any required CRDs have been created: ${error.message}`,
    );
  }
  const hint =
    error instanceof ApiError && error.reason === "AlreadyExists"
      ? `\n\nThe object exists already, and was not made by this stack. Choose one:\n  - import it: the resource option "import"\n  - own only some of its fields: the "${kind.kind}Patch" resource\n  - take it over: upsertExistingObjects of the provider\n  - delete it, or give this resource another name`
      : "";
  const text = write.isConflict(error) ? conflictText(error, fieldManager) : messageOf(error);
  return new Error(`resource "${urn}" was not successfully created by the Kubernetes API server: ${text}${hint}`);
}

function conflictText(error: ApiError, fieldManager: string): string {
  const guide = "https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources";
  return [
    `server-side apply field conflict detected, see ${guide} for troubleshooting help`,
    `The resource managed by field manager "${fieldManager}" had an apply conflict: ${error.message}`,
  ].join("\n");
}

function isForced(cluster: Cluster, inputs: TreeMap): boolean {
  return cluster.settings.enablePatchForce || textAt(inputs, "metadata", "annotations", "pulumi.com/patchForce") === "true";
}

// Whatever goes wrong after an object was written, the object is there: its state must not be lost.
async function awaited(
  client: Client,
  made: TreeMap,
  inputs: TreeMap,
  wait: Wait,
  failure: (live: TreeMap, message: string, reasons: string[]) => Error,
): Promise<TreeMap> {
  try {
    return await untilReady(client, made, inputs, wait);
  } catch (error) {
    throw error instanceof AwaitError
      ? failure(error.live, error.message, error.reasons)
      : failure(made, messageOf(error), []);
  }
}

/** What reading an object gives; without an id if it is gone. */
export interface Found {
  readonly id: string;
  readonly state: Properties;
  readonly inputs: Properties;
}

const gone: Found = { id: "", state: {}, inputs: {} };

/** Reads an object: to import it, to look it up, or to see what has become of it. */
export async function readObject(
  operation: Operation,
  id: string,
  properties: Properties,
  engineInputs: Properties,
): Promise<Found> {
  const { cluster } = operation;
  const old = readState(properties, engineInputs);
  let client: Client;
  try {
    client = await cluster.reach();
  } catch (error) {
    return unreachableRead(cluster.settings, error, { id, state: properties, inputs: engineInputs });
  }
  const isImport = Object.keys(properties).length === 0 || Object.keys(old.inputs).length === 0;
  const kind = textAt(old.live, "kind") === "" ? kindOfType(operation.type) : kindOf(old.live);
  const live = await client.find(kind, id);
  if (live === undefined) return gone;
  const bareInputs = isImport ? inputsOfImport(live) : inputsOfLive(live, old.inputs);
  const inputs = markObject(bareInputs, isImport ? {} : old.markedInputs);
  const state = writeState(live, inputs, old.apiVersion || kind.apiVersion, fieldManagerOf(bareInputs, old));
  const reasons = isImport ? [] : await missing(client, live, bareInputs);
  if (reasons.length > 0) {
    const message = `Resource '${textAt(live, "metadata", "name")}' was created but failed to initialize`;
    throw new InitFailedError(message, { id, state, reasons, inputs });
  }
  return { id, state, inputs };
}

/** What a cluster out of reach means for a refresh: an error, unless the settings say otherwise. */
export function unreachableRead(settings: Cluster["settings"], error: unknown, old: Found): Found {
  if (!(error instanceof UnreachableError)) throw error;
  if (settings.deleteUnreachable) return gone;
  if (settings.skipUpdateUnreachable) return old;
  throw unreachableError(error);
}

function unreachableError(error: UnreachableError): Error {
  return new Error(
    `${error.message}\nIf the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"`,
  );
}

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
  const stateOf = (live: TreeMap): Properties => writeState(live, inputs, old.apiVersion || kind.apiVersion, fieldManager);
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
    if (preview && (error instanceof UnknownKindError || (error instanceof ApiError && error.status === 403))) return inputs;
    const live = await client.find(kind, id).catch(() => undefined);
    const text = write.isConflict(error) ? conflictText(error, fieldManager) : messageOf(error);
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
    isForced(cluster, object) || (preview && hasAdoptable(live)) || listAt(live, "metadata", "managedFields").length === 0;
  if (!isPatch && !preview) await write.adopt(client, live, fieldManager);
  const wanted = ignoreChanges.reduce((rest, path) => ignored(rest, live, path, fieldManager), object);
  return write.apply(client, wanted, { fieldManager, force, dryRun: preview });
}

// An ignored field stays as it is: it is left out where only others own it, and sent as it is where we do.
function ignored(object: TreeMap, live: TreeMap, text: string, fieldManager: string): TreeMap {
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
    return rest.length === 0 && value === undefined ? into : into.map((item, i) => (i === step ? put(item, rest, value) : item));
  }
  if (!isMap(into)) return into;
  if (rest.length === 0) return withAt(into, [step], value);
  const inner = into[step];
  return inner === undefined ? into : { ...into, [step]: put(inner, rest, value) };
}

/** Deletes an object and waits until it is gone; a Patch resource only gives up its fields. */
export async function deleteObject(operation: Operation, id: string, old: State): Promise<void> {
  const { cluster, wait } = operation;
  let client: Client;
  try {
    client = await cluster.reach();
  } catch (error) {
    if (error instanceof UnreachableError && cluster.settings.deleteUnreachable) return;
    throw error instanceof UnreachableError ? unreachableError(error) : error;
  }
  const kind = textAt(old.live, "kind") === "" ? kindOfType(operation.type) : kindOf(old.live);
  if (isPatchType(operation.type, kind.kind)) return releaseFields(client, kind, id, old.fieldManager);
  const { namespace, name } = parseId(id);
  const uid = textAt(old.live, "metadata", "uid");
  const target = { ...kind, metadata: { name, ...(namespace === "" ? {} : { namespace }), uid } };
  const policy = textAt(old.inputs, "metadata", "annotations", "pulumi.com/deletionPropagationPolicy");
  if (!(await write.remove(client, target, policy))) return;
  try {
    await untilGone(client, target, old.inputs, wait);
  } catch (error) {
    if (!(error instanceof AwaitError)) throw error;
    throw new InitFailedError(error.message, { id, state: writeState(error.live, old.markedInputs, old.apiVersion, old.fieldManager), reasons: error.reasons });
  }
  if (kind.kind === "CustomResourceDefinition") client.forgetKinds();
}

async function releaseFields(client: Client, kind: Kind, id: string, fieldManager: string): Promise<void> {
  // An apply to an absent object would make it.
  const live = await client.find(kind, id);
  if (live === undefined) return;
  try {
    await write.release(client, live, fieldManager);
  } catch (error) {
    if (isNotFound(error) || (error instanceof ApiError && error.status === 409 && !write.isConflict(error))) return;
    if (!(error instanceof ApiError) || error.reason !== "Invalid") throw error;
    throw new Error(
      `cannot release the fields of ${kindName(kind)} "${id}": this resource alone owns a required field. Use the resource option retainOnDelete, or transfer the field to another manager first: ${error.message}`,
    );
  }
}
