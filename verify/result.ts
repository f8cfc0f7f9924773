import type { Severity } from "../base/finding";

/** What a check came to. `unknown` is "could not tell": neither proof nor fault, and never counted as passed. */
export type Status = "passed" | "failed" | "unknown";

/** The outcome of one check. */
export interface Result {
  /** Stable name, such as `strict/mesh-wide`; docs/verify.md describes each. */
  check: string;
  /** What holds where the check passes. */
  title: string;
  status: Status;
  /** How much a failure matters. */
  severity: Severity;
  /** What was seen. */
  evidence: string;
  /** What to do about it; missing where it passed. */
  fix?: string;
}

/** What a check is called and what its failure means. */
export interface CheckDefinition {
  check: string;
  title: string;
  /** @default "error" */
  severity?: Severity;
  /** What to do where it fails, unless a problem has a fix of its own. */
  fix: string;
}

/** Thrown by the body of a check that cannot be decided, with the reason. */
export class CannotTell extends Error {
  constructor(
    message: string,
    readonly fix = "",
  ) {
    super(message);
  }
}

/**
 * Runs the body of a check. Whatever it reports by `problem` makes the check fail; a {@link CannotTell} leaves it undecided,
 * unless a problem was found before; else it passed, and the returned text is its evidence.
 */
export function judge(
  definition: CheckDefinition,
  body: (problem: (what: string, fix?: string) => void) => string,
): Result {
  const problems: { what: string; fix: string }[] = [];
  const { check, title, severity = "error", fix } = definition;
  const result = (status: Status, evidence: string, remedy?: string): Result => ({
    check,
    title,
    status,
    severity,
    evidence,
    ...(remedy === undefined || remedy === "" ? {} : { fix: remedy }),
  });
  let evidence = "";
  let undecided: CannotTell | undefined;
  try {
    evidence = body((what, ownFix = fix) => problems.push({ what, fix: ownFix }));
  } catch (error) {
    if (!(error instanceof CannotTell)) throw error;
    undecided = error;
  }
  if (problems.length > 0)
    return result(
      "failed",
      problems.map(({ what }) => what).join("; "),
      [...new Set(problems.map((problem) => problem.fix))].join("; "),
    );
  if (undecided !== undefined) return result("unknown", undecided.message, undecided.fix);
  return result("passed", evidence);
}

/** "1 pod", "2 pods". */
export function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

/** A list cut short, for evidence. */
export function listed(names: readonly string[], most = 8): string {
  return names.length <= most ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}
