import { setTimeout as sleep } from "node:timers/promises";
import type { Finding } from "../base/issue";
import { type Report, type Result, reportOf } from "../base/report";
import { type Cluster, openCluster, unreachable } from "../cluster/client";
import type { Settings } from "../settings/schema";
import { type Check, judge } from "./check";
import { verifyChecks } from "./checks";
import type { Probes, VerifyCheck, VerifyContext, VerifyFacts } from "./checks/define";
import { readFacts } from "./facts";
import { withoutLeaving } from "./leaving";
import { verifyReaders } from "./readers";
import { type Inspection, type Receipt, receiptOf } from "./receipt/receipt";
import { select } from "./select";
import type { ClusterView } from "./view";

export interface VerifyOptions {
  /** Run these checks alone: ids such as `hosts/tls`, and groups such as `hosts`. @default all of them */
  only?: readonly string[];
  /** Points out certificates that end within so many days. @default 14 */
  days?: number;
  /** The moment to judge validity by. @default now */
  now?: Date;
  /** Certificate of the CA that clients trust (stack output `caCertificate`), PEM. @default that of the settings, if any */
  caCertificate?: string;
  /**
   * Connect to Services' cluster IPs directly: for whoever is inside the cluster, or has a route into it. Otherwise istiod
   * is reached through the API server's port-forward. @default false
   */
  dialServices?: boolean;
  /** Verify again while something fails, for so many seconds: right after a rollout the cluster may still be settling. @default 0 */
  settleSeconds?: number;
  /** The stack's name, `organization/project/stack`; `*` for an organization that is not known. @default that of the claim */
  owner?: string;
  /**
   * Objects (`Kind namespace/name`) that the update which is running will delete when this is over: judged is what will be there
   * then. @default none
   */
  leaving?: readonly string[];
  /** Why the stack is not rolled out altogether, and what helps: becomes the failed check `stack/rolled-out`. */
  unfinished?: { evidence: string; fix: string };
  /** How long each connection to the gateway and to istiod may take, in milliseconds. @default 3000 */
  timeout?: number;
  /**
   * Ask istiod about so many pods of workloads at most, from as many workloads as possible, and connect to so many of their ports; the
   * report says what was left out. @default all of them
   */
  sample?: number;
}

/** The cluster cannot be looked at. */
export class VerifyError extends Error {
  constructor(readonly finding: Finding) {
    super(`${finding.problem}\n  fix: ${finding.fix}`);
    this.name = "VerifyError";
  }
}

/**
 * Looks whether both legs of a stack are encrypted: client → gateway, and gateway → workload. Changes nothing in the cluster.
 *
 * @throws VerifyError if the cluster cannot be reached at all. What can only partly be seen is reported as "could not tell".
 * @throws UnknownCheckError if `only` names a check that does not exist.
 */
export async function verify(settings: Settings, options: VerifyOptions = {}): Promise<Report> {
  return (await inspect(settings, options)).report;
}

/** As {@link verify}, with the receipt: what was proven, of what, and by what. */
export async function verifyWithReceipt(
  settings: Settings,
  { stack, ...options }: VerifyOptions & { stack: string },
): Promise<Receipt> {
  return receiptOf(await inspect(settings, options), { stack });
}

async function inspect(settings: Settings, options: VerifyOptions): Promise<Inspection> {
  // What takes dialling is only asked for where it can be done, or by its name.
  const isPossible = ({ needs }: VerifyCheck) => options.dialServices === true || !needs.includes("workloadLeg");
  const checks = select(verifyChecks, options.only).filter((check) => options.only !== undefined || isPossible(check));
  const cluster = openCluster(settings);
  if ("problem" in cluster) throw new VerifyError(cluster);
  let kubernetes: string;
  try {
    kubernetes = (await cluster.get<{ gitVersion: string }>("/version")).gitVersion;
  } catch (error) {
    throw new VerifyError(unreachable(settings, cluster, error));
  }
  const deadline = Date.now() + (options.settleSeconds ?? 0) * 1000;
  for (;;) {
    const { results, facts, context } = await runOnce(checks, cluster, settings, options);
    const partial = { run: results.map(({ id }) => id), of: verifyChecks.length };
    const report = reportOf(results, options.only === undefined ? undefined : partial);
    if (report.status !== "failed" || Date.now() >= deadline) return { report, facts, context, kubernetes };
    await sleep(2000);
  }
}

async function runOnce(checks: readonly VerifyCheck[], cluster: Cluster, settings: Settings, options: VerifyOptions) {
  const { dialServices = false, timeout = 3000, sample = Infinity } = options;
  const source = { cluster, settings, dialServices, timeout, sample };
  const needs = checks.flatMap((check) => check.needs);
  // A check sees no more than it needs, so what is missing here is never looked at.
  const read = (await readFacts(verifyReaders, source, needs)) as VerifyFacts;
  const facts = withoutLeaving(read, options.leaving ?? []);
  const context = contextOf(settings, options);
  const results = [
    ...(options.unfinished === undefined ? [] : [judge(rolledOut(options.unfinished), {}, context)]),
    ...checks.map((check) => judge(check, facts, context)),
  ];
  return { results, facts, context };
}

/** Every check, on what was seen. Pure. */
export function allChecks(
  view: ClusterView,
  settings: Settings,
  probes: Probes,
  options: VerifyOptions = {},
): Result[] {
  const context = contextOf(settings, options);
  return [
    ...(options.unfinished === undefined ? [] : [judge(rolledOut(options.unfinished), {}, context)]),
    ...verifyChecks.map((check) => judge(check, { ...view, ...probes }, context)),
  ];
}

/**
 * Fails where the caller, who knows the stack's updates, says that none has come to its end. Not in the registry: the cluster
 * alone does not tell.
 */
function rolledOut({ evidence, fix }: NonNullable<VerifyOptions["unfinished"]>): Check<object, VerifyContext, never> {
  return {
    id: "stack/rolled-out",
    title: "an update has come to its end",
    needs: [],
    subject: "the stack",
    fix,
    docs: { meaning: "an update has come to its end", fix },
    run(_facts, _context, problem) {
      problem(evidence);
      return "";
    },
  };
}

function contextOf(
  settings: Settings,
  { now = new Date(), days = 14, caCertificate, owner }: VerifyOptions,
): VerifyContext {
  const provided = "caCertificate" in settings.certificate ? settings.certificate.caCertificate : undefined;
  return { settings, now, days, caCertificate: caCertificate ?? provided, owner };
}
