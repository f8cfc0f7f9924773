import { verifyChecks } from "./checks";
import { preflightChecks } from "./preflight/checks";
import { preflightReaders } from "./preflight/readers";
import { verifyReaders } from "./readers";
import { type CheckDescription, describeChecks, select } from "./select";

/*
 * The registry of checks: what `--list` shows and docs/verify.md is made of.
 *
 * To add a check:
 * 1. Write it as data with `verifyCheck` (verify/checks/) or `preflightCheck` (verify/preflight/), in the file of its group: id
 *    `<group>/<name>` (never renamed), title (what holds where it passes), severity, needs, subject, fix, docs, and a pure `run`. What
 *    the mesh means is asked of mesh/, not decided in the check.
 * 2. A new fact takes a line in VerifyFacts or PreflightFacts (define.ts) and a reader beside it (readers.ts, view.ts): it is read
 *    once, and only where a selected check needs it.
 * 3. Put it into the list at the end of its file; a new group, into checks/index.ts or preflight/checks.ts.
 * 4. Evidence is what was seen, never what the settings ask for. An object that another check reports as missing: throw
 *    `notThere`. What cannot be decided: throw CannotTell. Neither ever counts as passed.
 * 5. Seed a fault for it in test/unit/verify/ (a test fails where a check has none) and, for verify, in test/faults/table.ts;
 *    then `npm run docs`.
 */

export type CheckingCommand = "verify" | "preflight";

/** Every check of a command, in the order of its report. */
export function listChecks(command: CheckingCommand): CheckDescription[] {
  return command === "verify"
    ? describeChecks(verifyChecks, verifyReaders)
    : describeChecks(preflightChecks, preflightReaders);
}

/**
 * Refuses names of checks that a command does not have, before anything is read for it.
 *
 * @throws UnknownCheckError with the nearest name.
 */
export function requireChecks(command: CheckingCommand, only: readonly string[] | undefined): void {
  select(listChecks(command), only);
}
