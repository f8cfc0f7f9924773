import type { Severity } from "./finding";
import { count } from "./text";

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
  results: Result[];
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

export function reportOf(results: Result[]): Report {
  const failures = results.filter(({ status }) => status === "failed");
  const failed = failures.filter(({ severity }) => severity === "error").length;
  const unknown = results.filter(({ status }) => status === "unknown").length;
  return {
    status: failed > 0 ? "failed" : unknown > 0 ? "unknown" : "passed",
    passed: results.filter(({ status }) => status === "passed").length,
    failed,
    warnings: failures.length - failed,
    unknown,
    results,
  };
}

export function summaryOf({ status, passed, results }: Report): ReportSummary {
  const names = (wanted: Status, severity?: string) =>
    results
      .filter((result) => result.status === wanted && (severity === undefined || result.severity === severity))
      .map(({ check }) => check);
  return {
    status,
    passed,
    failed: names("failed", "error"),
    warnings: names("failed", "warning"),
    unknown: names("unknown"),
  };
}

const words: Record<Status, string> = { passed: "passed", failed: "FAILED", unknown: "could not tell" };
const colours: Record<string, number> = { passed: 32, failed: 31, warning: 33, unknown: 36 };

/** The report as a table for people: one line for each check, and one more with the fix where it takes one. */
export function reportText(report: Report, { colour = false }: { colour?: boolean } = {}): string {
  const paint = (key: string, text: string) => (colour ? `\u001b[${colours[key]}m${text}\u001b[0m` : text);
  const width = Math.max(...report.results.map(({ check }) => check.length));
  const lines = report.results.flatMap(({ check, title, status, severity, evidence, fix }) => {
    const isWarning = status === "failed" && severity === "warning";
    const word = (isWarning ? "warning" : words[status]).padEnd(words.unknown.length);
    const wanted = status === "failed" ? ` (wanted: ${title})` : "";
    return [
      `${paint(isWarning ? "warning" : status, word)}  ${check.padEnd(width)}  ${oneLine(evidence)}${wanted}`,
      ...(fix === undefined ? [] : [`${" ".repeat(words.unknown.length)}  ${" ".repeat(width)}  fix: ${oneLine(fix)}`]),
    ];
  });
  return [...lines, "", summaryText(report)].join("\n");
}

export function summaryText({ status, passed, failed, warnings, unknown }: Report): string {
  const counts = [
    `${passed} passed`,
    `${failed} failed`,
    ...(warnings === 0 ? [] : [`${warnings} warned`]),
    ...(unknown === 0 ? [] : [`${unknown} could not tell`]),
  ].join(", ");
  const meaning: Record<Status, string> = {
    passed: "both legs are encrypted",
    failed: "the encryption of both legs is NOT proven",
    unknown: "nothing speaks against both legs being encrypted, but not all of it could be seen from here",
  };
  return `${counts}: ${meaning[status]}`;
}

/** What failed, and what could not be told, with fixes; empty if all passed. */
export function failuresText({ status, failed, results }: Report): string {
  const rank = ({ status: one, severity }: Result) => (one === "unknown" ? 2 : severity === "warning" ? 1 : 0);
  const lines = results
    .filter((result) => result.status !== "passed")
    .sort((a, b) => rank(a) - rank(b))
    .map(({ check, status: one, severity, evidence, fix }) => {
      const word = one === "failed" && severity === "warning" ? "warning" : words[one];
      return `  - ${word}: ${check}: ${oneLine(evidence)}${fix === undefined ? "" : `\n      fix: ${oneLine(fix)}`}`;
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
