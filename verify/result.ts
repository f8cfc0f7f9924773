import type { Severity } from "../base/finding";
import type { Result, Status } from "../base/report";

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
