import type { EngineEvent, Stack } from "@pulumi/pulumi/automation";
import { defined } from "../base/defined";
import {
  LockedError,
  type StackLock,
  holdingLock,
  isLive,
  judgeUnseen,
  parseLocks,
  plainLock,
  readLocks,
  removeLocks,
} from "../recovery/locks";
import { type StatePlace, findDamage, restore } from "../recovery/state-file";
import type { Settings } from "../settings/schema";
import { EventTranslator, isComponent } from "./event-translator";
import * as lazy from "./lazy";
import type { RunnablePulumi } from "./pulumi-command";
import type { StackRecovery, StackStatus } from "./request";
import { type Access, lockedFailure } from "./state-access";

/** A stack, and how to read it. */
export interface Reading {
  stack: Stack;
  command: RunnablePulumi;
  folder: string;
  access: Access;
  settings: () => Promise<Settings>;
}

interface Exported {
  deployment?: {
    resources?: { type: string }[];
    pending_operations?: { type: string; resource: { urn: string } }[];
  };
}

/** What is known of a stack without reading its cluster. */
export async function statusOf({ stack, access }: Pick<Reading, "stack" | "access">): Promise<StackStatus> {
  const [info, exported] = [await stack.info(), (await stack.exportStack()) as Exported];
  const { resources = [], pending_operations: pending = [] } = exported.deployment ?? {};
  const place = await access.place();
  const last = info && {
    ...{ kind: info.kind, result: info.result, message: info.message },
    ...{ startTime: info.startTime.toISOString(), endTime: info.endTime.toISOString() },
  };
  const isPlumbing = (type: string) => isComponent(type) || /^pulumi:(pulumi:Stack|providers:)/.test(type);
  return {
    ...defined({ last }),
    resources: resources.filter(({ type }) => !isPlumbing(type)).length,
    pending: pending.map(({ type, resource }) => `${type} ${resource.urn.split("::").slice(2).join(" ")}`),
    locks: place === undefined ? serviceLocks(info) : readLocks(place).map(plainLock),
  };
}

/**
 * What a killed operation left behind; with `apply`, it is repaired. On a file backend that happens under the stack's lock, so
 * that no update and no second recovery runs meanwhile.
 *
 * @param cluster how the engine is to ask another cluster than the state names; settings can be read by then
 * @throws {RolloutError} `stack-locked`, while an update holds the lock, or may still hold it.
 */
export async function recoverStack(
  reading: Reading,
  {
    apply,
    adopt = [],
    cluster = () => Promise.resolve({}),
  }: { apply: boolean; adopt?: readonly string[]; cluster?: () => Promise<{ runProgram?: true }> },
): Promise<StackRecovery> {
  const { stack, access, settings } = reading;
  const { inspect, forget } = lazy.recovery();
  const { place, locks, live, unlock } = await locksOf(reading);
  if (live) throw lockedFailure(access.stack, locks);
  const damage = place === undefined ? undefined : findDamage(place);
  const left = {
    ...defined({ stateOf: damage?.state?.from.toISOString() }),
    locks,
    cutShort: damage?.others ?? [],
  };
  // Without its state file not even the settings of a stack can be read.
  if (damage !== undefined && !apply) return { ...left, forget: [], pending: [], done: false };
  // Before anything is touched: there is such a stack, and its cluster can be reached.
  const seen = damage === undefined ? await inspect(stack, await settings(), adopt) : undefined;
  if (seen !== undefined && !apply) return { ...left, ...seen, done: false };
  await unlock();
  const repair = async () => {
    const still = place === undefined ? undefined : findDamage(place);
    if (still !== undefined) restore(still);
    const known = await settings();
    const found = await inspect(stack, known, adopt);
    await forget(known, found);
    return found;
  };
  try {
    const found = await (place === undefined ? repair() : holdingLock(place, repair));
    const events = new EventTranslator(access.stack, "refresh", () => {});
    const options = { clearPendingCreates: true, onEvent: (event: EngineEvent) => events.take(event) };
    await stack.refresh({ ...options, ...(await cluster()) });
    const refreshed = events.changed.map(({ resource: { type, name }, change }) => ({
      resource: `${type} ${name}`,
      change,
    }));
    return { ...left, ...found, refreshed, done: true };
  } catch (error) {
    throw error instanceof LockedError ? lockedFailure(access.stack, error.locks) : error;
  }
}

/** The locks of a stack, whether an update may still hold one, and how to take away those that were left behind. */
export async function locksOf(reading: Reading): Promise<{
  /** Where a file backend keeps the stack. */
  place: StatePlace | undefined;
  locks: StackLock[];
  live: boolean;
  unlock: () => Promise<void>;
}> {
  const place = await reading.access.place();
  const files = place === undefined ? [] : readLocks(place);
  const locks = place === undefined ? await locksElsewhere(reading) : files.map(plainLock);
  const unlock = async () => {
    if (place === undefined && locks.length > 0) await reading.stack.cancel();
    removeLocks(files);
  };
  return { place, locks, live: locks.some(isLive), unlock };
}

/** The locks that another backend than a folder shows. */
async function locksElsewhere({ stack, command, folder, access }: Reading): Promise<StackLock[]> {
  const { url = "" } = await stack.workspace.whoAmI();
  if (/^https?:/.test(url)) return serviceLocks(await stack.info());
  // A bucket names them only to who wants the lock; a stack that is there is not created again.
  await stack.exportStack();
  try {
    await command.run(["stack", "init", access.stack, "--no-select"], folder, {});
    return [];
  } catch (error) {
    return parseLocks((error as Error).message);
  }
}

/** Pulumi's service names no process, only that an update is in progress. */
function serviceLocks(last: { result: string; startTime: Date } | undefined): StackLock[] {
  return last?.result === "in-progress"
    ? [judgeUnseen({ since: last.startTime }, new Date(), "the backend says that it is in progress")]
    : [];
}
