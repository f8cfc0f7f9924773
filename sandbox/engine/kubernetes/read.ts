// Reads objects.

import type { Properties } from "../wire";
import { missing } from "./await";
import type { Client } from "./client";
import { InitFailedError } from "./errors";
import { kindOf, kindOfType } from "./kinds";
import { gone, unreachableRead, type Found, type Operation } from "./operation";
import { markObject } from "./secretness";
import { fieldManagerOf, inputsOfImport, inputsOfLive, readState, writeState } from "./state";
import { textAt } from "./tree";

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
