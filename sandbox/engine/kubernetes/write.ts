// Writes objects: plain creates, server-side apply, replacement, release of owned fields, deletion.

import { ApiError, isNotFound, UnknownKindError, type Client } from "./client";
import { idOf, kindOf } from "./kinds";
import { adoptFields, hasAdoptable } from "./managed-fields";
import { at, isMap, textAt, withAt, type Tree, type TreeMap } from "./tree";

/** How an object is applied. */
export interface Apply {
  readonly fieldManager: string;
  /** Takes fields over from other managers. */
  readonly force: boolean;
  readonly dryRun: boolean;
}

const strictness = { fieldValidation: "Warn" };

/** Creates an object that must not exist yet. */
export async function create(client: Client, object: TreeMap, dryRun: boolean): Promise<TreeMap> {
  const place = { namespace: textAt(object, "metadata", "namespace") };
  return written(
    await client.request({
      method: "POST",
      path: await client.path(kindOf(object), place),
      query: { fieldManager: "pulumi-kubernetes", ...strictness, ...dryRunQuery(dryRun) },
      body: object,
    }),
  );
}

/** Server-side apply: creates the object, or makes it have these fields and no others of this manager. */
export async function apply(client: Client, object: TreeMap, how: Apply): Promise<TreeMap> {
  const { fieldManager, force, dryRun } = how;
  return written(
    await client.request({
      method: "PATCH",
      path: await client.path(kindOf(object), { id: idOf(object) }),
      query: { fieldManager, force: String(force), ...strictness, ...dryRunQuery(dryRun) },
      body: object,
      contentType: "application/apply-patch+yaml",
    }),
  );
}

/** Replaces an object as a whole, unless it has changed since `live` was read. */
export async function replace(client: Client, object: TreeMap, live: TreeMap, dryRun: boolean): Promise<TreeMap> {
  const version = at(live, "metadata", "resourceVersion");
  return written(
    await client.request({
      method: "PUT",
      path: await client.path(kindOf(object), { id: idOf(object) }),
      query: { fieldManager: "pulumi-kubernetes", ...strictness, ...dryRunQuery(dryRun) },
      body: withAt(object, ["metadata", "resourceVersion"], version),
    }),
  );
}

const adoptAttempts = 10;

/**
 * Moves the fields of plain writers to a manager of ours, so that its next apply can change and remove them. Controllers
 * write to the object all the time, so this may take some attempts.
 */
export async function adopt(client: Client, live: TreeMap, fieldManager: string): Promise<void> {
  for (let [current, left] = [live, adoptAttempts]; hasAdoptable(current); left--) {
    try {
      return await adoptOnce(client, current, fieldManager);
    } catch (error) {
      if (left <= 1 || !(error instanceof ApiError) || error.status !== 409) throw error;
      current = await client.get(kindOf(live), idOf(live));
    }
  }
}

async function adoptOnce(client: Client, live: TreeMap, fieldManager: string): Promise<void> {
  await client.request({
    method: "PATCH",
    path: await client.path(kindOf(live), { id: idOf(live) }),
    body: [
      { op: "replace", path: "/metadata/managedFields", value: adoptFields(live, fieldManager) },
      // Fails if the object has changed since.
      { op: "replace", path: "/metadata/resourceVersion", value: textAt(live, "metadata", "resourceVersion") },
    ],
    contentType: "application/json-patch+json",
  });
}

/** Gives up the fields that a manager owns: they go, unless others own them, too. The object stays. */
export async function release(client: Client, live: TreeMap, fieldManager: string): Promise<void> {
  const [namespace, name] = [textAt(live, "metadata", "namespace"), textAt(live, "metadata", "name")];
  // With the uid, an object that has gone meanwhile is not made anew.
  const uid = textAt(live, "metadata", "uid");
  const bare = { ...kindOf(live), metadata: { name, ...(namespace === "" ? {} : { namespace }), uid } };
  await apply(client, bare, { fieldManager, force: false, dryRun: false });
}

/** Deletes an object; false if there is none, or no such kind. */
export async function remove(client: Client, object: TreeMap, policy: string): Promise<boolean> {
  const known: Record<string, string> = { orphan: "Orphan", background: "Background" };
  const propagationPolicy = known[policy.toLowerCase()] ?? "Foreground";
  try {
    await client.request({
      method: "DELETE",
      path: await client.path(kindOf(object), { id: idOf(object) }),
      body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy },
    });
    return true;
  } catch (error) {
    if (isNotFound(error) || error instanceof UnknownKindError) return false;
    throw error;
  }
}

/** Whether an apply was refused because others own the fields. */
export function isConflict(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 409 && error.message.startsWith("Apply failed with");
}

function dryRunQuery(dryRun: boolean): { dryRun?: string } {
  return dryRun ? { dryRun: "All" } : {};
}

function written(answer: Tree): TreeMap {
  if (!isMap(answer)) throw new Error("the API server's answer is no object");
  return answer;
}
