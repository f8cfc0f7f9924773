// Deletes objects.

import { AwaitError, untilGone } from "./await";
import { ApiError, isNotFound, type Client } from "./client";
import { UnreachableError } from "./cluster";
import { InitFailedError } from "./errors";
import { isPatchType, kindName, kindOf, kindOfType, parseId, type Kind } from "./kinds";
import { unreachableError, type Operation } from "./operation";
import { writeState, type State } from "./state";
import { textAt } from "./tree";
import * as write from "./write";

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
    throw new InitFailedError(error.message, {
      id,
      state: writeState(error.live, old.markedInputs, old.apiVersion, old.fieldManager),
      reasons: error.reasons,
    });
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
      { cause: error },
    );
  }
}
