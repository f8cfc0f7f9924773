import type { RolloutError, RolloutErrorCode } from "../automation/errors";
import type { Report } from "../base/report";

/** Exit codes, the same for every command. */
export const exit = {
  done: 0,
  failed: 1,
  /** With --strict: nothing failed, but not everything could be decided. */
  undecided: 2,
  notRun: 3,
  interrupted: 130,
} as const;

/** The lines of a command's help about its exit codes. */
export function exitHelp(meanings: Partial<Record<keyof typeof exit, string>>): string {
  const rows = Object.entries(exit).flatMap(([name, code]) => {
    const meaning = meanings[name as keyof typeof exit];
    return meaning === undefined ? [] : [[String(code), meaning] as const];
  });
  const width = Math.max(...rows.map(([code]) => code.length));
  return `\nExit codes:\n${rows.map(([code, meaning]) => `  ${code.padEnd(width)}  ${meaning}\n`).join("")}`;
}

/** What stopped a command before it touched anything. */
const beforeAnything: ReadonlySet<RolloutErrorCode> = new Set<RolloutErrorCode>([
  "settings-invalid",
  "project-not-found",
  "pulumi-missing",
  "stack-not-found",
  "stack-locked",
  "not-deployed",
  "passphrase-wrong",
  "backend-unavailable",
  "state-damaged",
  "cluster-unreachable",
  "cluster-not-ready",
  "cluster-answers",
]);

export function exitOfError({ code }: RolloutError): number {
  if (code === "interrupted") return exit.interrupted;
  return beforeAnything.has(code) ? exit.notRun : exit.failed;
}

/**
 * Exit code of a verification: 0 if nothing failed, 1 if something did. What could not be decided does not fail it, unless
 * `strict`: then a warning counts as a failure, and 2 means that nothing failed, but not everything could be decided.
 */
export function exitOfReport({ failed, warnings, unknown }: Report, strict = false): number {
  if (failed > 0 || (strict && warnings > 0)) return exit.failed;
  return strict && unknown > 0 ? exit.undecided : exit.done;
}
