import { type Finding, type Issue, findingOf, issueText } from "../../base/issue";
import { type Report, type Result, reportOf } from "../../base/report";
import type { ClusterAccess } from "../../cluster/access";
import { type Cluster, openCluster, unreachable } from "../../cluster/client";
import { providerProblem } from "../../cluster/kubeconfig";
import type { Settings } from "../../settings/schema";
import { CannotTell, judge } from "../check";
import { readFacts, readsOf } from "../facts";
import { select } from "../select";
import { chartFindings } from "./charts";
import { preflightChecks } from "./checks";
import { connectionChecks } from "./connection";
import type { PreflightCheck, PreflightContext, PreflightFacts } from "./define";
import { preflightReaders } from "./readers";
import { type StackView, claimantOf } from "./stack-view";
import type { ServerVersion } from "./versions";

export type { Finding } from "../../base/issue";
export type { StackView } from "./stack-view";

export interface PreflightOptions {
  /**
   * Ask the chart repositories, too. The program leaves that to the engine, which loads every chart during the preview
   * anyway; the command asks. @default false
   */
  charts?: boolean;
  /** Run these checks alone: ids such as `cluster/rights`, and groups such as `mesh`. @default all that the stack is for */
  only?: readonly string[];
  /** The moment to judge validity by. @default now */
  now?: Date;
  /** For a preview, which changes nothing: what these credentials may not change is a warning then. @default false */
  isPreview?: boolean;
  /** The stack itself: what it holds, and by which name it marks that. @default marks alone tell what is its own */
  stack?: StackView;
}

/** What preflight found, check by check. */
export interface PreflightReport extends Report {
  /** Whether nothing was found that stops a rollout. Of a partial run, it says nothing about the other checks. */
  ready: boolean;
  /** Every issue, errors first. */
  findings: Finding[];
}

/**
 * Looks at the cluster before anything is registered with the engine, so that what cannot work fails before anything is
 * touched. Returns every finding; one of severity `error` means that the rollout would fail. Changes nothing.
 */
export async function preflight(settings: Settings, options: PreflightOptions = {}): Promise<Finding[]> {
  return (await preflightReport(settings, options)).findings;
}

/**
 * The same, with the evidence of each check.
 *
 * @throws UnknownCheckError if `only` names a check that does not exist.
 */
export async function preflightReport(settings: Settings, options: PreflightOptions = {}): Promise<PreflightReport> {
  const { charts = false, only, now = new Date(), stack, isPreview = false } = options;
  const possible = preflightChecks.filter(({ withStack }) => isPossible(withStack, stack));
  // A group is what of it this run can look at; a check by its id is told of in any case.
  const selected = select(preflightChecks, only).filter(
    (check) => possible.includes(check) || only?.includes(check.id),
  );
  const asked = only === undefined ? selected.filter((check) => isFor(check, settings, charts)) : selected;
  const results = await run(asked, { settings, now, stack, isPreview });
  const all = possible.filter((check) => isFor(check, settings, true)).length;
  const report = reportOf(results, only === undefined ? undefined : { run: results.map(({ id }) => id), of: all });
  const issues = results.flatMap((result) => result.issues);
  const findings = [...errorsOf(issues), ...issues.filter(({ severity }) => severity === "warning")].map(findingOf);
  return { ready: report.failed === 0, findings, ...report };
}

function isPossible(withStack: boolean | undefined, stack: StackView | undefined): boolean {
  return withStack === undefined || withStack === (stack !== undefined);
}

function isFor({ when, needs }: PreflightCheck, settings: Settings, charts: boolean): boolean {
  return (when === undefined || when.holds(settings)) && (charts || !needs.includes("charts"));
}

/** Runs checks. Where the cluster cannot be worked with, that is told whether it was asked for or not. */
async function run(
  checks: readonly PreflightCheck[],
  {
    settings,
    now,
    stack,
    isPreview,
  }: { settings: Settings; now: Date; stack: StackView | undefined; isPreview: boolean },
): Promise<Result[]> {
  const connected = await connect(settings, stack?.providerFolder);
  const connection = "issue" in connected ? connected : { server: connected.cluster.server };
  const isApart = ({ needs }: PreflightCheck) => needs.length > 0 && needs.every((need) => need === "charts");
  const possible = checks.filter(
    (check) => isPossible(check.withStack, stack) && ("server" in connection || isApart(check)),
  );
  const needs = possible.filter(({ when }) => when?.holds(settings) !== false).flatMap((check) => check.needs);
  const read =
    "issue" in connected
      ? { charts: needs.length > 0 ? await chartFindings(settings) : [] }
      : await readFacts(preflightReaders, { settings, stack, ...connected }, needs);
  // A check sees no more than it needs, so what is missing here is never looked at.
  const facts = read as PreflightFacts;
  const claimant = stack === undefined ? undefined : claimantOf(stack, settings);
  const context = { settings, claimant, now, isPreview, connection, ...readingsOf(facts) };
  const always = connectionChecks
    .map((check) => judge(check, facts, context))
    .filter(({ id, status }) => status === "failed" && !checks.some((check) => check.id === id));
  return [...always, ...checks.map((check) => judge(decidable(check, context, isApart(check)), facts, context))];
}

/** The check, or where it has nothing to look at, one that says so. */
function decidable(
  check: PreflightCheck,
  { settings, claimant, connection }: PreflightContext,
  isApart: boolean,
): PreflightCheck {
  const cannot = (reason: string, fix?: string): PreflightCheck => ({
    ...check,
    run() {
      throw new CannotTell(reason, fix);
    },
  });
  if (check.when?.holds(settings) === false) return cannot(`it is for stacks with ${check.when.text}`);
  if (check.withStack === true && claimant === undefined)
    return cannot("it takes the stack's state and program", "run pulumi preview");
  if (check.withStack === false && claimant !== undefined) return cannot("ownership/objects compares more");
  if ("server" in connection || isApart || connectionChecks.includes(check)) return check;
  return cannot("the cluster was not looked at", `see ${connection.issue.id}`);
}

async function connect(
  settings: Settings,
  providerFolder: string | undefined,
): Promise<{ cluster: Cluster; version: ServerVersion } | { issue: Issue }> {
  const cluster = openCluster(settings);
  if ("problem" in cluster) return { issue: cluster };
  const { target } = cluster.config as Partial<ClusterAccess>;
  const differs =
    providerFolder === undefined || target === undefined
      ? undefined
      : providerProblem(settings.kubeconfig, target, providerFolder);
  if (differs !== undefined)
    return { issue: { id: "cluster/kubeconfig", severity: "error", subject: "kubeconfig", ...differs } };
  try {
    return { cluster, version: await cluster.get("/version") };
  } catch (error) {
    return { issue: unreachable(settings, cluster, error) };
  }
}

/** How many facts were read from the cluster, and those that could not be, each once. */
function readingsOf(facts: Partial<PreflightFacts>): Pick<PreflightContext, "asked" | "unread"> {
  const keys = (Object.keys(facts) as (keyof PreflightFacts)[]).filter((key) => readsOf(facts[key]).length > 0);
  const unread = keys.flatMap((key) => {
    const failed = readsOf(facts[key]).find((one) => one.state === "unreadable");
    return failed === undefined ? [] : [{ ...failed, what: preflightReaders[key].what }];
  });
  return { asked: keys.length, unread };
}

/** The issues that stop a rollout. */
export function errorsOf<One extends Pick<Issue, "severity">>(findings: readonly One[]): One[] {
  return findings.filter(({ severity }) => severity === "error");
}

/** The error text of a preflight that did not pass: each finding with its check, as verify names it. */
export function preflightError(findings: readonly Issue[]): string {
  const lines = findings.map(
    (finding) => `  - ${finding.severity === "error" ? "FAILED" : "warning"}: ${finding.id}: ${issueText(finding)}`,
  );
  return [`The cluster is not ready for the rollout; nothing was changed.`, ...lines].join("\n");
}
