// Waits until an object is ready, or gone.

import { setTimeout as sleep } from "node:timers/promises";
import { isNotFound, UnknownKindError, type Client } from "./client";
import { groupOf, idOf, kindOf, type Kind } from "./kinds";
import * as ready from "./ready";
import { at, listAt, mapAt, textAt, type Tree, type TreeMap } from "./tree";
import { parseWaitFor, waitForPending } from "./wait-for";

/** An object did not become what was waited for: it exists, though. */
export class AwaitError extends Error {
  constructor(
    message: string,
    /** What was missing. */
    readonly reasons: string[],
    /** The object as last seen. */
    readonly live: TreeMap,
  ) {
    super(message);
  }
}

/** The conditions of a wait. */
export interface Wait {
  /** In seconds, from the resource's customTimeouts; 0 if it has none. */
  readonly timeout: number;
  /** Told what is missing, when that changes. */
  readonly onProgress: (missing: string) => void;
}

const defaultTimeout = 600;
const firstPause = 100;
const longestPause = 300;

/** The seconds to wait: customTimeouts, else the annotation, else ten minutes. */
export function timeoutSeconds(custom: number, inputs: Tree): number {
  if (custom > 0) return custom;
  const annotation = Number.parseInt(textAt(inputs, "metadata", "annotations", "pulumi.com/timeoutSeconds"), 10);
  return Number.isNaN(annotation) ? defaultTimeout : annotation;
}

/** Whether the user wants no wait. */
export function skipsAwait(inputs: Tree): boolean {
  return textAt(inputs, "metadata", "annotations", "pulumi.com/skipAwait") === "true";
}

/**
 * Waits until an object that was just written is ready, and returns it as it is then.
 * @throws AwaitError at the end of the time, or when it can no longer become ready
 */
export async function untilReady(client: Client, written: TreeMap, inputs: Tree, wait: Wait): Promise<TreeMap> {
  const check = skipsAwait(inputs) ? undefined : checkFor(written, inputs);
  if (check === undefined) return written;
  const kind = kindOf(written);
  const id = idOf(written);
  let live = written;
  const last = { missing: [] as string[] };
  const isReady = async (): Promise<boolean> => {
    last.missing = await check.pending(client, live);
    const failure = check.failure?.(live) ?? "";
    if (failure !== "") throw new AwaitError(`'${nameOf(live)}' failed: ${failure}`, [failure], live);
    return last.missing.length === 0;
  };
  const limit = check.limit ?? timeoutSeconds(wait.timeout, inputs);
  const outcome = await poll(client, limit, isReady, async () => {
    live = await client.get(kind, id);
    wait.onProgress(last.missing[0] ?? "");
  });
  if (outcome === "done") return live;
  const reasons = [...last.missing, ...(await podReasons(client, live))];
  const message =
    outcome === "cancelled"
      ? `Resource operation was cancelled for "${nameOf(live)}"`
      : check.limit === undefined
        ? `'${nameOf(live)}' timed out waiting to be Ready`
        : `Timeout occurred polling for '${nameOf(live)}'`;
  throw new AwaitError(message, reasons, live);
}

/** What an object still misses, looked at once. */
export async function missing(client: Client, live: TreeMap, inputs: Tree): Promise<string[]> {
  if (skipsAwait(inputs)) return [];
  const check = checkFor(live, inputs);
  const found = (await check?.pending(client, live)) ?? [];
  return found.length === 0 ? [] : [...found, ...(await podReasons(client, live))];
}

// Deleting these can be left unattended; the end of all others matters to what depends on them.
const leaves = new Set(
  ["v1/Namespace", "v1/Pod", "v1/ReplicationController", "batch/v1/Job"].concat(
    ["DaemonSet", "Deployment", "StatefulSet"].map((kind) => `apps/v1/${kind}`),
  ),
);

/** Waits until an object is gone. @throws AwaitError if it is still there at the end of the time */
export async function untilGone(client: Client, deleted: TreeMap, inputs: Tree, wait: Wait): Promise<void> {
  const kind = kindOf(deleted);
  if (skipsAwait(inputs) && leaves.has(`${kind.apiVersion}/${kind.kind}`)) return;
  let live = deleted;
  const uid = textAt(deleted, "metadata", "uid");
  const isGone = async (): Promise<boolean> => {
    try {
      live = await client.get(kind, idOf(deleted));
    } catch (error) {
      if (isNotFound(error) || error instanceof UnknownKindError) return true;
      throw error;
    }
    // A controller may have made a new one of the same name already.
    return uid !== "" && textAt(live, "metadata", "uid") !== uid;
  };
  const outcome = await poll(client, timeoutSeconds(wait.timeout, inputs), isGone, async () => {});
  if (outcome === "done") return;
  if (outcome === "cancelled") throw new AwaitError(`Resource operation was cancelled for "${nameOf(live)}"`, [], live);
  const finalizers = listAt(live, "metadata", "finalizers").map(String);
  const hint = finalizers.length === 0 ? [] : [`finalizers might be preventing deletion (${finalizers.join(", ")})`];
  throw new AwaitError("timed out waiting for the condition", hint, live);
}

interface ReadyCheck {
  readonly pending: (client: Client, live: TreeMap) => Promise<ready.Pending> | ready.Pending;
  /** Why the object can no longer become ready; "" while it can. */
  readonly failure?: (live: TreeMap) => string;
  /** A time limit of the kind's own, in seconds. */
  readonly limit?: number;
}

function checkFor(object: TreeMap, inputs: Tree): ReadyCheck | undefined {
  const own = textAt(inputs, "metadata", "annotations", "pulumi.com/waitFor");
  if (own !== "") {
    const conditions = parseWaitFor(own);
    return { pending: (_, live) => waitForPending(live, conditions) };
  }
  const { apiVersion, kind } = kindOf(object);
  if (kind === "Secret" && object["type"] !== "kubernetes.io/service-account-token") return undefined;
  const checks = checksByGroup[groupOf(apiVersion)] ?? {};
  return Object.hasOwn(checks, kind) ? checks[kind] : undefined;
}

const checksByGroup: Record<string, Record<string, ReadyCheck>> = {
  "": {
    Pod: { pending: (_, live) => ready.podPending(live) },
    Service: { pending: servicePending },
    Secret: { pending: (_, live) => ready.tokenSecretPending(live), limit: 5 },
    PersistentVolumeClaim: { pending: claimPending, limit: 300 },
  },
  apps: {
    Deployment: { pending: deploymentPending },
    StatefulSet: { pending: (_, live) => ready.statefulSetPending(live) },
    DaemonSet: { pending: (_, live) => ready.daemonSetPending(live) },
  },
  batch: { Job: { pending: (_, live) => ready.jobPending(live), failure: ready.jobFailure } },
  "networking.k8s.io": { Ingress: { pending: (_, live) => ready.ingressPending(live) } },
};

const apps = { apiVersion: "apps/v1" };
const core = { apiVersion: "v1" };

async function deploymentPending(client: Client, live: TreeMap): Promise<ready.Pending> {
  const namespace = textAt(live, "metadata", "namespace");
  const sets = await client.list({ ...apps, kind: "ReplicaSet" }, namespace, selectorOf(live));
  const owned = sets.filter(
    (set) => textAt(set, "metadata", "ownerReferences", 0, "uid") === textAt(live, "metadata", "uid"),
  );
  const names = ready.claimNames(at(live, "spec", "template", "spec"));
  const claims = await Promise.all(
    names.map((name) => client.find({ ...core, kind: "PersistentVolumeClaim" }, `${namespace}/${name}`)),
  );
  return ready.deploymentPending(
    live,
    owned,
    claims.filter((claim) => claim !== undefined),
  );
}

async function servicePending(client: Client, live: TreeMap): Promise<ready.Pending> {
  if (!ready.hasEndpoints(live)) return ready.servicePending(live, []);
  const kind: Kind = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" };
  const selector = `kubernetes.io/service-name=${nameOf(live)}`;
  return ready.servicePending(live, await client.list(kind, textAt(live, "metadata", "namespace"), selector));
}

async function claimPending(client: Client, live: TreeMap): Promise<ready.Pending> {
  const pending = ready.claimPending(live);
  const className = textAt(live, "spec", "storageClassName");
  if (pending.length === 0 || className === "") return pending;
  const storage = await client.find({ apiVersion: "storage.k8s.io/v1", kind: "StorageClass" }, className);
  return ready.claimPending(live, textAt(storage, "volumeBindingMode") === "WaitForFirstConsumer");
}

// What the pods of a workload say, which is what a user needs to know about a time-out.
async function podReasons(client: Client, live: TreeMap): Promise<string[]> {
  const selector = selectorOf(live);
  if (groupOf(kindOf(live).apiVersion) !== "apps" || selector === "" || client.signal.aborted) return [];
  try {
    return ready.podMessages(
      await client.list({ ...core, kind: "Pod" }, textAt(live, "metadata", "namespace"), selector),
    );
  } catch {
    // Only an explanation of an error that is reported anyway.
    return [];
  }
}

// Label selectors as the API takes them; expressions are left out, so it may find more than the workload's own.
function selectorOf(workload: TreeMap): string {
  return Object.entries(mapAt(workload, "spec", "selector", "matchLabels"))
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : ""}`)
    .join(",");
}

function nameOf(object: TreeMap): string {
  return textAt(object, "metadata", "name");
}

type Outcome = "done" | "timeout" | "cancelled";

// Short polling rather than a watch: simple, and an answer from a local API server takes a few milliseconds.
async function poll(
  client: Client,
  seconds: number,
  isDone: () => Promise<boolean>,
  refresh: () => Promise<void>,
): Promise<Outcome> {
  const end = Date.now() + seconds * 1000;
  let pause = firstPause;
  try {
    while (!(await isDone())) {
      if (Date.now() >= end) return "timeout";
      await sleep(Math.min(pause, Math.max(end - Date.now(), 1)), undefined, { signal: client.signal });
      pause = Math.min(pause * 1.5, longestPause);
      await refresh();
    }
    return "done";
  } catch (error) {
    if (client.signal.aborted) return "cancelled";
    throw error;
  }
}
