import type { Issue, Severity } from "./issue";
import { count, listed } from "./text";

/** What a check came to. `unknown` is "could not tell": neither proof nor fault, and never counted as passed. */
export type Status = "passed" | "failed" | "unknown";

/** The outcome of one check. */
export interface Result {
  /** Stable name, such as `strict/mesh-wide`; docs/verify.md describes each. */
  id: string;
  /** The same as `id`, under the first name of that key. */
  check: string;
  /** What holds where the check passes. */
  title: string;
  status: Status;
  /** How much it matters: the worst of its issues, or where there are none, the worst that they can be. */
  severity: Severity;
  /** What was seen. */
  evidence: string;
  /** What to do about it; missing where it passed. */
  fix?: string;
  /** What is wrong, one by one; empty unless it failed. */
  issues: Issue[];
}

/** Every result, and what they come to. */
export interface Report {
  /** `failed` if a check of severity error failed; else `unknown` if one could not tell; else `passed`. Warnings do not fail it. */
  status: Status;
  passed: number;
  failed: number;
  /** Failed checks of severity warning; not among `failed`. */
  warnings: number;
  /** Could not tell. */
  unknown: number;
  /** Of a run of some checks only: which, and of how many. Such a run never proves what all of them together prove. */
  partial?: PartialRun;
  results: Result[];
}

/** Which checks were run, of how many. */
export interface PartialRun {
  run: string[];
  of: number;
}

/** The same without evidence: alike as long as the same checks pass, so that it changes no stack without need. */
export interface ReportSummary {
  status: Status;
  passed: number;
  /** Names of the checks. */
  failed: string[];
  warnings: string[];
  unknown: string[];
}

export function reportOf(results: Result[], partial?: PartialRun): Report {
  const failures = results.filter(({ status }) => status === "failed");
  const failed = failures.filter(({ severity }) => severity === "error").length;
  const unknown = results.filter(({ status }) => status === "unknown").length;
  return {
    status: failed > 0 ? "failed" : unknown > 0 ? "unknown" : "passed",
    passed: results.filter(({ status }) => status === "passed").length,
    failed,
    warnings: failures.length - failed,
    unknown,
    ...(partial === undefined ? {} : { partial }),
    results,
  };
}

export function summaryOf({ status, passed, results }: Report): ReportSummary {
  const names = (wanted: Status, severity?: string) =>
    results
      .filter((result) => result.status === wanted && (severity === undefined || result.severity === severity))
      .map(({ id }) => id);
  return {
    status,
    passed,
    failed: names("failed", "error"),
    warnings: names("failed", "warning"),
    unknown: names("unknown"),
  };
}

const words: Record<Status, string> = { passed: "passed", failed: "FAILED", unknown: "could not tell" };
const colours = { passed: 32, failed: 31, warning: 33, unknown: 36 };

interface Line {
  kind: keyof typeof colours;
  name: string;
  text: string;
  fix: string | undefined;
}

/** The lines of a result: one, or where it failed, one for each issue. */
function linesOf({ id, title, status, evidence, fix, issues }: Result): Line[] {
  if (status !== "failed") return [{ kind: status, name: id, text: evidence, fix }];
  return issues.map((issue, index) => ({
    kind: issue.severity === "warning" ? "warning" : "failed",
    name: id,
    text: index === 0 ? `${issue.problem} (wanted: ${title})` : issue.problem,
    fix: issue.fix,
  }));
}

/** Of neighbours with the same reason and fix, the first says the one, and the last the other. */
function withoutRepeats(lines: Line[]): Line[] {
  const isSame = (one: Line, other: Line | undefined) =>
    one.fix === other?.fix &&
    one.kind === other?.kind &&
    (one.name === other.name || (one.kind === "unknown" && one.text === other.text));
  return lines.map((line, index) => ({
    ...line,
    text: line.kind === "unknown" && isSame(line, lines[index - 1]) ? "the same" : line.text,
    fix: isSame(line, lines[index + 1]) ? undefined : line.fix,
  }));
}

/** The report as a table for people: the checks with what was seen, and the fix below where it takes one. */
export function reportText(
  report: Report,
  { colour = false, summary = summaryText(report) }: { colour?: boolean; summary?: string } = {},
): string {
  const paint = (kind: Line["kind"], text: string) => (colour ? `\u001b[${colours[kind]}m${text}\u001b[0m` : text);
  const all = withoutRepeats(report.results.flatMap(linesOf));
  const width = Math.max(...all.map(({ name }) => name.length));
  const lines = all.flatMap(({ kind, name, text, fix }) => {
    const word = (kind === "warning" ? "warning" : words[kind]).padEnd(words.unknown.length);
    return [
      `${paint(kind, word)}  ${name.padEnd(width)}  ${oneLine(text)}`,
      ...(fix === undefined ? [] : [`${" ".repeat(words.unknown.length)}  ${" ".repeat(width)}  fix: ${oneLine(fix)}`]),
    ];
  });
  return [...lines, "", summary].join("\n");
}

/** How many checks passed, failed and so on. */
export function countsText({ passed, failed, warnings, unknown }: Report): string {
  return [
    `${passed} passed`,
    `${failed} failed`,
    ...(warnings === 0 ? [] : [`${warnings} warned`]),
    ...(unknown === 0 ? [] : [`${unknown} could not tell`]),
  ].join(", ");
}

/** The counts and what they mean. A partial run means nothing beyond its own checks. */
export function summaryWith(report: Report, meaning: Record<Status, string>): string {
  const { status, partial } = report;
  if (partial === undefined) return `${countsText(report)}: ${meaning[status]}`;
  const { run, of } = partial;
  return `${countsText(report)}: a partial run, ${run.length} of ${count(of, "check")}: ${listed(run, 12)}`;
}

/** The summary of a verification. */
export function summaryText(report: Report): string {
  return summaryWith(report, {
    passed: "both legs are encrypted",
    failed: "the encryption of both legs is NOT proven",
    unknown: "no failure found, but some checks could not be decided",
  });
}

/** What failed, and what could not be told, with fixes; empty if all passed. */
export function failuresText({ status, failed, results }: Report): string {
  const rank = ({ status: one, severity }: Result) => (one === "unknown" ? 2 : severity === "warning" ? 1 : 0);
  const lines = results
    .filter((result) => result.status !== "passed")
    .sort((a, b) => rank(a) - rank(b))
    .map(({ id, status: one, severity, evidence, fix }) => {
      const word = one === "failed" && severity === "warning" ? "warning" : words[one];
      return `  - ${word}: ${id}: ${oneLine(evidence)}${fix === undefined ? "" : `\n      fix: ${oneLine(fix)}`}`;
    });
  if (lines.length === 0) return "";
  const head =
    status === "failed"
      ? `The rollout is done, but ${count(failed, "check")} of its verification failed:`
      : "The verification found nothing wrong that must be put right, but:";
  return [head, ...lines].join("\n");
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ");
}
