import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type ProcessId, isAlive, thisProcess } from "./processes";

/**
 * Runs `work` while no other process of this machine holds the lock file `path`. The lock of a process that is gone is
 * taken over.
 *
 * @param waiting is called once, with the holder, if the lock has to be waited for.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, waiting?: (holder: ProcessId) => void) {
  const own = `${path}.${randomUUID()}`;
  let told = false;
  // Complete before it appears under its name, so that nobody ever reads half a lock.
  writeFileSync(own, JSON.stringify(thisProcess()));
  try {
    while (!tryLink(own, path)) {
      const content = readIfThere(path);
      if (content === undefined) {
        continue;
      }
      const holder = JSON.parse(content) as ProcessId;
      if (!isAlive(holder)) {
        removeStale(path, content, `${own}.stale`);
        continue;
      }
      if (!told) {
        waiting?.(holder);
        told = true;
      }
      await sleep(100);
    }
  } finally {
    rmSync(own, { force: true });
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Removes the lock with this content; one that somebody else has taken in the meantime is put back. */
function removeStale(path: string, content: string, aside: string): void {
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readFileSync(aside, "utf8") !== content) {
    tryLink(aside, path);
  }
  rmSync(aside, { force: true });
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") {
      return false;
    }
    throw error;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
