// What creating, reading, updating and deleting objects have in common.

import type { Properties } from "../wire";
import { AwaitError, untilReady, type Wait } from "./await";
import type { Client } from "./client";
import { UnreachableError, type Cluster } from "./cluster";
import { messageOf } from "./errors";
import type { Settings } from "./settings";
import { textAt, type TreeMap } from "./tree";
import { isConflict } from "./write";

/** A resource, and what the engine wants of it. */
export interface Operation {
  readonly cluster: Cluster;
  readonly urn: string;
  readonly type: string;
  readonly preview: boolean;
  readonly wait: Wait;
}

/** What reading an object gives; without an id if it is gone. */
export interface Found {
  readonly id: string;
  readonly state: Properties;
  readonly inputs: Properties;
}

/** The answer about an object that is gone. */
export const gone: Found = { id: "", state: {}, inputs: {} };

/** Waits for a written object. Whatever goes wrong then, the object is there: `failure` must keep its state. */
export async function awaited(
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

/** Whether an apply of these inputs takes fields over from other managers. */
export function isForced(cluster: Cluster, inputs: TreeMap): boolean {
  return (
    cluster.settings.enablePatchForce || textAt(inputs, "metadata", "annotations", "pulumi.com/patchForce") === "true"
  );
}

/** What went wrong in a write: an apply's conflict with the way out of it. */
export function writeFailure(error: unknown, fieldManager: string): string {
  if (!isConflict(error)) return messageOf(error);
  const guide =
    "https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources";
  return [
    `server-side apply field conflict detected, see ${guide} for troubleshooting help`,
    `The resource managed by field manager "${fieldManager}" had an apply conflict: ${error.message}`,
  ].join("\n");
}

/** What a cluster out of reach means for a refresh: an error, unless the settings say otherwise. */
export function unreachableRead(settings: Settings, error: unknown, old: Found): Found {
  if (!(error instanceof UnreachableError)) throw error;
  if (settings.deleteUnreachable) return gone;
  if (settings.skipUpdateUnreachable) return old;
  throw unreachableError(error);
}

/** The error about a cluster out of reach, with the way out. */
export function unreachableError(error: UnreachableError): Error {
  return new Error(
    `${error.message}\nIf the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"`,
  );
}
