import type { Issue, Severity } from "../base/issue";
import type { Result, Status } from "../base/report";
import type { Settings } from "../settings/schema";

/** A text, or one that depends on the stack. */
export type Text<Context> = string | ((context: Context) => string);

/** Reports that something is wrong. Subject, fix and severity are the check's own, unless said otherwise. */
export type Problem = (problem: string, own?: Partial<Pick<Issue, "subject" | "fix" | "severity">>) => void;

/** A check, as data. verify/registry.ts says how to add one. */
export interface Check<Facts, Context, Need extends keyof Facts = keyof Facts> {
  /** `<group>/<name>`: stable, since stacks' outputs and people's scripts name it. */
  readonly id: string;
  /** What holds where it passes. */
  readonly title: string;
  /** The worst that its issues can be. @default "error" */
  readonly severity?: Severity;
  /** The facts that it looks at: nothing else is read for it. */
  readonly needs: readonly Need[];
  /** What it is about, unless an issue says it more exactly. */
  readonly subject: Text<Context>;
  /** What to do where it fails, unless an issue has a fix of its own. */
  readonly fix: Text<Context>;
  /** The stacks that it is for. @default every stack */
  readonly when?: { readonly text: string; readonly holds: (settings: Settings) => boolean };
  /** For docs/verify.md, as Markdown: what it looks at, more exactly than the title, and what to do. */
  readonly docs: { readonly meaning: string; readonly fix: string };
  /**
   * Judges the facts. Pure: reports by `problem` what is wrong, throws {@link CannotTell} where it cannot be decided, and
   * returns the evidence: what was seen, never what the settings ask for.
   */
  run(facts: Pick<Facts, Need>, context: Context, problem: Problem): string;
}

/** Thrown by a check that cannot be decided, with the reason. */
export class CannotTell extends Error {
  constructor(
    message: string,
    readonly fix = "",
  ) {
    super(message);
  }
}

/** Thrown by a check whose object is not there: another check fails for that, and this one never passes. */
export function notThere(what: string, check: string): CannotTell {
  return new CannotTell(`${what}: nothing to look at`, `see ${check}`);
}

/** Runs a check. Issues make it fail; a {@link CannotTell} leaves it undecided, unless an issue was found before. */
export function judge<Facts, Context>(check: Check<Facts, Context>, facts: Facts, context: Context): Result {
  const { id, title, severity = "error" } = check;
  const textOf = (text: Text<Context>) => (typeof text === "string" ? text : text(context));
  const issues: Issue[] = [];
  const result = (status: Status, evidence: string, fix = "", worst = severity): Result => ({
    id,
    check: id,
    title,
    status,
    severity: worst,
    evidence,
    ...(fix === "" ? {} : { fix }),
    issues,
  });
  let evidence = "";
  let undecided: CannotTell | undefined;
  try {
    evidence = check.run(facts, context, (problem, own = {}) =>
      issues.push({ id, severity, subject: textOf(check.subject), problem, fix: textOf(check.fix), ...own }),
    );
  } catch (error) {
    if (!(error instanceof CannotTell)) throw error;
    undecided = error;
  }
  if (issues.length > 0)
    return result(
      "failed",
      issues.map(({ problem }) => problem).join("; "),
      [...new Set(issues.map(({ fix }) => fix))].join("; "),
      issues.some((issue) => issue.severity === "error") ? "error" : "warning",
    );
  if (undecided !== undefined) return result("unknown", undecided.message, undecided.fix);
  return result("passed", evidence);
}
