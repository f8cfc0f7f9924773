// Creates objects.

import { setTimeout as sleep } from "node:timers/promises";
import type { Properties } from "../wire";
import { ApiError, isNotFound, UnknownKindError, type Client } from "./client";
import { InitFailedError } from "./errors";
import { idOf, isPatchType, kindName, kindOf, type Kind } from "./kinds";
import { awaited, isForced, writeFailure, type Operation } from "./operation";
import { fieldManagerOf, writeState } from "./state";
import { bareMap, containsUnknown, textAt, without, type TreeMap } from "./tree";
import * as write from "./write";

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
    const dry = await createOnce(operation, client, object, fieldManager, isPatch);
    return writeState(without(dry, "status"), inputs, kindOf(object).apiVersion, fieldManager);
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
  const text = writeFailure(error, fieldManager);
  return new Error(`resource "${urn}" was not successfully created by the Kubernetes API server: ${text}${hint}`);
}
