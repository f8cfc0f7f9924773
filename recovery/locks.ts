import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { processStart } from "./process-start";
import type { StatePlace } from "./state-file";

/** A lock of the stack, and whether the update that took it may still run. */
export interface StackLock {
  /** Who took it; undefined where the lock does not say. */
  holder?: { user: string; host: string; pid: number };
  /** When it was taken, RFC 3339 in UTC. */
  since: string;
  /** `running`: seen at work. `unseen`: young, and out of this host's sight. `left-behind`: its update was killed. */
  state: "running" | "unseen" | "left-behind";
  /** How that is known. */
  why: string;
}

/** Whether the update that took a lock may still run. */
export const isLive = ({ state }: StackLock) => state !== "left-behind";

/** A lock in the folder of a file backend. */
export interface LockFile extends StackLock {
  file: string;
}

/** Another update holds the lock. */
export class LockedError extends Error {
  constructor(readonly locks: readonly StackLock[]) {
    super(locks.map(lockText).join("; "));
    this.name = "LockedError";
  }
}

/**
 * For so long the lock of another host counts as live: its process cannot be seen from here. The longest rollout is three
 * releases in a row with `timeoutSeconds: 3600`, the last with as much again for its roll-back: four hours, and two to spare.
 */
export const foreignLockHours = 6;

/** For so long a lock that cannot be read counts as one that is just being written. */
export const writingSeconds = 60;

/** A process that began so much later than the lock was taken has only inherited the number: clocks may be set in between. */
export const clockSlackSeconds = 60;

/** What a lock is judged by. */
export interface Surroundings {
  now: Date;
  /** Name of this host. */
  host: string;
  /** When the process with this number on this host began; undefined if there is none. */
  processStart: (pid: number) => Date | "unknown" | undefined;
}

const here = (): Surroundings => ({ now: new Date(), host: hostname(), processStart });

/** Whether the update that took a lock may still run. Pure. */
export function judgeLock(
  { holder, since }: { holder?: StackLock["holder"] | undefined; since: Date },
  { now, host, processStart: startOf }: Surroundings,
): StackLock {
  const verdict = (state: StackLock["state"], why: string): StackLock => ({
    ...(holder === undefined ? {} : { holder }),
    since: since.toISOString(),
    state,
    why,
  });
  if (holder === undefined) {
    const age = now.getTime() - since.getTime();
    return age < writingSeconds * 1000
      ? verdict("running", "the lock is just being written")
      : verdict("left-behind", `the lock was cut short ${duration(age)} ago`);
  }
  if (holder.host !== host) return judgeUnseen({ holder, since }, now, `${holder.host} cannot be seen from ${host}`);
  const began = startOf(holder.pid);
  if (began === undefined) return verdict("left-behind", "its process is gone");
  if (began !== "unknown" && began.getTime() > since.getTime() + clockSlackSeconds * 1000)
    return verdict(
      "left-behind",
      `its process is gone, and process ${holder.pid} of today began ${began.toISOString()}`,
    );
  return verdict("running", "its process is running");
}

/** As {@link judgeLock}, for an update whose process cannot be seen: by its age alone. */
export function judgeUnseen(
  { holder, since }: { holder?: StackLock["holder"] | undefined; since: Date },
  now: Date,
  reason: string,
): StackLock {
  const age = now.getTime() - since.getTime();
  const isYoung = age < foreignLockHours * 3_600_000;
  return {
    ...(holder === undefined ? {} : { holder }),
    since: since.toISOString(),
    state: isYoung ? "unseen" : "left-behind",
    why: `${reason}; it began ${duration(age)} ago, and an update takes ${isYoung ? "up to" : "no more than"} ${foreignLockHours} hours`,
  };
}

/** The locks of a stack in the folder `.pulumi` of a file backend. */
export function readLocks(place: StatePlace, surroundings = here()): LockFile[] {
  const folder = lockFolder(place);
  return namesIn(folder)
    .filter((name) => !name.endsWith(".attrs"))
    .flatMap((name) => {
      const file = join(folder, name);
      const seen = readLock(file);
      return seen === undefined ? [] : [{ ...judgeLock(seen, surroundings), file }];
    });
}

/** The locks that Pulumi's own refusal names: all that can be known of those in a bucket. */
export function parseLocks(text: string, surroundings = here()): StackLock[] {
  return [...text.matchAll(/: created by (.+)@(\S+) \(pid (\d+)\) at (\S+)$/gm)].map(([, user, host, pid, since]) =>
    judgeLock({ holder: { user: user!, host: host!, pid: Number(pid) }, since: new Date(since!) }, surroundings),
  );
}

/** Takes away locks that were left behind; live ones stay. */
export function removeLocks(locks: readonly LockFile[]): void {
  for (const lock of locks) {
    if (isLive(lock)) continue;
    rmSync(lock.file, { force: true });
    rmSync(`${lock.file}.attrs`, { force: true });
  }
}

/**
 * Holds the stack's lock in the way that Pulumi does, while `work` runs: no update begins meanwhile, and of two that hold it at
 * once one gives way.
 *
 * @throws {@link LockedError}, if another update holds it.
 */
export async function holdingLock<Result>(place: StatePlace, work: () => Promise<Result>): Promise<Result> {
  const folder = lockFolder(place);
  mkdirSync(folder, { recursive: true });
  const name = `${randomUUID()}.json`;
  const file = join(folder, name);
  const content = { pid: process.pid, username: userName(), hostname: hostname(), timestamp: new Date().toISOString() };
  // Written in full before it appears under its name: half of it is never read.
  const partial = join(place.folder, name);
  writeFileSync(partial, JSON.stringify(content));
  renameSync(partial, file);
  try {
    const others = readLocks(place).filter((lock) => lock.file !== file);
    if (others.length > 0) throw new LockedError(others);
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** A lock without what only its backend knows. */
export function plainLock({ holder, since, state, why }: StackLock): StackLock {
  return { ...(holder === undefined ? {} : { holder }), since, state, why };
}

/** Whose lock it is, since when, and how it is known whether its update still runs. */
export function lockText({ holder, since, why }: StackLock): string {
  const who = holder === undefined ? "an unknown holder" : `${holder.user}@${holder.host} (pid ${holder.pid})`;
  return `${who} since ${since}: ${why}`;
}

function lockFolder({ folder, project, name }: StatePlace): string {
  return join(folder, "locks", "organization", project, name);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    // Pulumi makes the folder with the first lock. A folder that may not be read does not prove that there is none.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** What a lock file holds; only its age if it cannot be read, and undefined if it has just gone. */
function readLock(file: string): { holder?: StackLock["holder"] | undefined; since: Date } | undefined {
  try {
    const since = statSync(file).mtime;
    const text = readFileSync(file, "utf8");
    try {
      const { username, hostname: host, pid, timestamp } = JSON.parse(text) as Record<string, unknown>;
      const taken = new Date(String(timestamp));
      if (typeof pid !== "number" || typeof host !== "string" || Number.isNaN(taken.getTime())) return { since };
      return { holder: { user: String(username), host, pid }, since: taken };
    } catch {
      return { since };
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return "unknown";
  }
}

/** `12 seconds`, `3 minutes`, `7 hours`. */
function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [amount, unit] =
    seconds < 120 ? [seconds, "second"] : seconds < 7200 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  const whole = Math.floor(amount);
  return `${whole} ${unit}${whole === 1 ? "" : "s"}`;
}
