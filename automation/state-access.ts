import { setTimeout as sleep } from "node:timers/promises";
import type { Workspace } from "@pulumi/pulumi/automation";
import { RecoveryError } from "../recovery/error";
import { type StackLock, isLive, lockText, parseLocks, plainLock, readLocks } from "../recovery/locks";
import { type StatePlace, findDamage, statePlace } from "../recovery/state-file";
import {
  type RolloutError,
  type RolloutErrorCode,
  explanations,
  failure,
  isRolloutError,
  recoveryError,
} from "./errors";
import type { Target } from "./request";

/** How long a state that another update is writing is read again, in milliseconds. */
const patience = 20_000;
/** How often something is tried again that nothing is in the way of. */
const mostTries = 5;
/** How often unreadable files are read again before they count as damaged, and the pause between. */
const looks = { count: 5, milliseconds: 200 };

/** How a stack's state is reached. */
export interface Access {
  stack: string;
  /** Where a file backend keeps it; undefined for another backend. */
  place: () => Promise<StatePlace | undefined>;
}

export function accessOf(
  workspace: Workspace,
  { stack, projectName, env }: Pick<Target, "stack" | "projectName" | "env">,
): Access {
  let known: Promise<StatePlace | undefined> | undefined;
  const find = async () => {
    const url = env["PULUMI_BACKEND_URL"] || (await workspace.whoAmI()).url;
    return statePlace({ url, folder: workspace.workDir }, { project: projectName, stack });
  };
  return { stack, place: () => (known ??= find()) };
}

/** What the files of a stack look like. */
export interface Seen {
  locks: readonly StackLock[];
  isDamaged: boolean;
}

/** Whether an operation that failed is worth another try: what was in its way has gone, or is just being written. Pure. */
export function isPassing(code: RolloutErrorCode, { locks, isDamaged }: Seen, takesLock: boolean): boolean {
  if (code === "stack-locked") return locks.length === 0;
  if (code !== "state-damaged") return false;
  // An operation that needs the lock has to wait for the other update anyway.
  return locks.some(isLive) ? !takesLock : !isDamaged;
}

/**
 * Does `action`, and again where it met a file that another update was just writing, or a lock that has gone since. (The file
 * backend writes a file's attributes in two steps: a read in between fails with "failed to load checkpoint: EOF".)
 */
export async function steadily<Result>(
  { place }: Access,
  action: () => Promise<Result>,
  {
    codeOf,
    takesLock,
    isUntouched = () => true,
    signal,
  }: {
    codeOf: (error: unknown) => RolloutErrorCode;
    /** Whether it takes the stack's lock, and so cannot run beside another update. */
    takesLock: boolean;
    /** Whether nothing was done yet. */
    isUntouched?: () => boolean;
    signal: AbortSignal;
  },
): Promise<Result> {
  const deadline = Date.now() + patience;
  for (let free = 1; ;) {
    try {
      return await action();
    } catch (error) {
      const code = isRolloutError(error) ? error.code : codeOf(error);
      const isOver = () => signal.aborted || Date.now() > deadline || !isUntouched();
      if (isOver() || (code !== "stack-locked" && code !== "state-damaged")) throw error;
      const found = await place();
      if (found === undefined) throw error;
      const seen = await lookAt(found);
      if (!isPassing(code, seen, takesLock) || isOver()) throw error;
      if (!seen.locks.some(isLive) && free++ === mostTries) throw error;
      // Two that began at the same moment hold each other up: not in step.
      await sleep(50 + Math.random() * 500);
    }
  }
}

async function lookAt(place: StatePlace): Promise<Seen> {
  const isDamaged = () => {
    try {
      return findDamage(place) !== undefined;
    } catch {
      // There is no whole copy either.
      return true;
    }
  };
  for (let left = looks.count; left > 0 && isDamaged(); left--) await sleep(looks.milliseconds);
  // The lock first: an update that ends in between leaves a state that is whole.
  return { locks: readLocks(place), isDamaged: isDamaged() };
}

/** The error of a stack that is locked: by whom, since when, whether the update still runs, and what to do. */
export function lockedFailure(stack: string, locks: readonly StackLock[], detail?: string): RolloutError {
  const live = locks.filter(isLive);
  const about = { locks: locks.map(plainLock) };
  const [cause, next] =
    live.length === 0
      ? [`an update was killed and left its lock: ${locks.map(lockText).join("; ")}`, "recover the stack"]
      : [
          `another update is running: ${live.map(lockText).join("; ")}`,
          live.some(({ state }) => state === "unseen")
            ? "wait for it to end; if its host is gone for good, take the lock away with " +
              `pulumi cancel --yes --stack ${stack}, then recover the stack`
            : "wait for it to end, then try again",
        ];
  return failure("stack-locked", `stack ${stack}: ${cause}`, next, about, detail);
}

/** Whether an error already names who holds the stack's lock. */
export function isExplained(error: RolloutError): boolean {
  return error.code === "stack-locked" && error.about.locks.length > 0;
}

/** The error of a stack that is locked or cannot be read, with what its locks and files show: whose, since when, what to do. */
export async function explainAccess(error: RolloutError, { stack, place }: Access): Promise<RolloutError> {
  const { code, detail } = error;
  if ((code !== "stack-locked" && code !== "state-damaged") || isExplained(error)) return error;
  let found: StatePlace | undefined;
  try {
    found = await place();
  } catch {
    // Unreadable: the error stays as it is.
    return error;
  }
  const locks = found === undefined ? parseLocks(detail ?? "") : readLocks(found);
  if (locks.some(isLive) || (code === "stack-locked" && locks.length > 0)) return lockedFailure(stack, locks, detail);
  if (code === "stack-locked") return error;
  const withNext = (next: string) => error.retold({ next });
  const copy = "put a whole copy of it back with pulumi stack import";
  if (found === undefined) return withNext(`${copy}: the bucket's folder .pulumi/backups has them`);
  try {
    return withNext(
      findDamage(found) === undefined
        ? `its files are whole, so that recovering changes nothing: pulumi state repair, or ${copy}: ${found.folder}/backups has them`
        : explanations[code].next,
    );
  } catch (damage) {
    if (damage instanceof RecoveryError) return recoveryError(damage);
    throw damage;
  }
}
