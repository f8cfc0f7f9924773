import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { issueText } from "../base/issue";
import { stackFile } from "../base/project-files";
import type { Report } from "../base/report";
import type { Settings, SettingsInput } from "../settings/schema";
import type { PhaseName, SettingsEdit, UpgradePhase } from "../settings/upgrade-plan";
import type { WaitingWorkload } from "../verify/restarts";
import { type RolloutErrorCode, failure, isRolloutError } from "./errors";
import * as lazy from "./lazy";
import type { ChangeResult, RunOptions, VerifyRunOptions } from "./options";

export type { PhaseName, SettingsEdit, UpgradePhase, WaitingWorkload };

export interface UpgradeOptions extends RunOptions, Pick<VerifyRunOptions, "dialServices" | "sample" | "timeout"> {
  /** Exact version of Istio to go to, such as `1.32.0`; the one before, to go back. */
  to: string;
  /** Does the next phase, and verifies. @default false: only says what is left to do */
  apply?: boolean;
  /** In the phase `restart`: restarts what waits for it, workload after workload. @default false: it stops there, and names them */
  restart?: boolean;
  /** How long the restart of one workload may take, in milliseconds. @default ten minutes */
  restartPatience?: number;
  /** Told before each restart of a workload. */
  onRestart?: (workload: WaitingWorkload) => void;
}

/** Where an upgrade stands. */
export interface Upgrade {
  /** The revision that the stack goes to. */
  revision: string;
  /** Versions that it comes from. */
  from: string[];
  /** What is left to do, the next phase first; empty where it is done. */
  phases: UpgradePhase[];
  /** Workloads whose pods still have the sidecar of before. */
  waiting: WaitingWorkload[];
  /** With `apply`: the phase that was done; missing where there was none, or it waits for restarts. */
  done?: PhaseName;
  /** With `apply`: what its update changed. */
  changes?: ChangeResult;
  /** With `apply`: what was verified after it. */
  report?: Report;
  /** The settings with the edits of that phase, where they came as an object: keep them for the next. */
  settings?: SettingsInput;
}

/** An environment, as far as an upgrade goes. */
export interface Upgrading {
  stack: string;
  projectName: string;
  /** Folder of the project; missing where the settings come as an object. */
  project?: string;
  /** The settings as they came, where they came as an object. */
  given?: SettingsInput;
  settings: () => Promise<Settings>;
  up: (message: string, given: SettingsInput | undefined) => Promise<ChangeResult>;
  verify: (given: SettingsInput | undefined) => Promise<Report>;
}

/** Errors of an update that has touched nothing: the stack's file goes back to what it was. */
const untouched: ReadonlySet<RolloutErrorCode> = new Set<RolloutErrorCode>([
  ...(["settings-invalid", "pulumi-missing", "plugin-missing", "stack-not-found", "stack-locked"] as const),
  ...([
    "passphrase-wrong",
    "backend-unavailable",
    "state-damaged",
    "cluster-unreachable",
    "cluster-not-ready",
  ] as const),
  ...(["chart-not-found", "chart-repository-unreachable", "policy-violated"] as const),
]);

/** Goes from one Istio to another: see `Environment.upgrade`. */
export async function upgrade(environment: Upgrading, options: UpgradeOptions): Promise<Upgrade> {
  const { apply = false, restart = false } = options;
  const before = await stateOf(environment, options, await environment.settings());
  const [next] = before.phases;
  if (!apply || next === undefined) return before;
  const back = `; to go back: enroute-istio upgrade --stack ${environment.stack} --to ${before.from[0] ?? options.to}`;
  if (next.name === "restart") {
    if (!restart) return before;
    await restartAll(environment, options, before.waiting, back);
    const report = await verified(environment, environment.given, next, back);
    return { ...(await stateOf(environment, options, await environment.settings())), done: next.name, report };
  }
  const undo = edit(environment, next.edits);
  const given =
    environment.given === undefined ? undefined : lazy.fileEdits().editedSettings(environment.given, next.edits);
  let changes: ChangeResult;
  try {
    changes = await environment.up(`Istio ${options.to}: ${next.title}`, given);
  } catch (error) {
    if (!isRolloutError(error)) throw error;
    if (untouched.has(error.code)) {
      undo();
      throw error;
    }
    throw error.retold({ next: `${error.next}${back}` });
  }
  const report = await verified(environment, given, next, back);
  const settings =
    given === undefined
      ? await environment.settings()
      : lazy.fileEdits().editedSettings(await environment.settings(), next.edits);
  const after = await stateOf(environment, options, settings);
  return { ...after, done: next.name, changes, report, ...(given === undefined ? {} : { settings: given }) };
}

/** What is left to do, by the settings and by the pods that run. */
async function stateOf(
  { stack }: Upgrading,
  { to }: UpgradeOptions,
  settings: Settings,
): Promise<Pick<Upgrade, "revision" | "from" | "phases" | "waiting">> {
  const plan = lazy.upgradePlan().planUpgrade(settings, to);
  if ("problem" in plan)
    throw failure("settings-invalid", `stack ${stack} cannot go to Istio ${to}: ${plan.problem}`, plan.fix, {
      problems: [{ key: "--to", found: to, allowed: plan.fix }],
    });
  if (plan.phases.length === 0) return { ...plan, waiting: [] };
  // Before the namespaces have moved, their pods wait for nothing.
  const moved = !plan.phases.some(({ name }) => name === "install" || name === "move");
  const waiting = moved ? await waitingOf(stack, settings) : [];
  const phases = plan.phases.filter(({ name }) => name !== "restart" || !moved || waiting.length > 0);
  return { ...plan, phases, waiting };
}

function clusterOf(stack: string, settings: Settings) {
  const cluster = lazy.cluster().openCluster(settings);
  if (!("problem" in cluster)) return cluster;
  throw failure("cluster-unreachable", `stack ${stack}: ${cluster.problem}`, cluster.fix, {
    findings: [cluster],
  });
}

async function waitingOf(stack: string, settings: Settings): Promise<WaitingWorkload[]> {
  try {
    return await lazy.restarts().waitingWorkloads(clusterOf(stack, settings), settings);
  } catch (error) {
    if (!(error instanceof lazy.cluster().ClusterError)) throw error;
    throw failure(
      "cluster-unreachable",
      `stack ${stack}: the pods could not be listed: ${error.message}`,
      "use credentials that may list pods in the mesh's namespaces",
      { findings: [] },
    );
  }
}

async function restartAll(
  environment: Upgrading,
  { restartPatience = 600_000, signal, onRestart }: UpgradeOptions,
  waiting: readonly WaitingWorkload[],
  back: string,
): Promise<void> {
  const settings = await environment.settings();
  const { restartWorkloads, RestartError } = lazy.restarts();
  try {
    await restartWorkloads(clusterOf(environment.stack, settings), waiting, {
      patience: restartPatience,
      signal,
      onRestart,
    });
  } catch (error) {
    if (!(error instanceof RestartError)) throw error;
    throw failure("operation-failed", error.message, `${error.fix}; then run it again${back}`, {});
  }
}

async function verified(
  environment: Upgrading,
  given: SettingsInput | undefined,
  { title }: UpgradePhase,
  back: string,
): Promise<Report> {
  const report = await environment.verify(given);
  if (report.failed === 0) return report;
  const failed = report.results.filter(({ status, severity }) => status === "failed" && severity === "error");
  const detail = failed.flatMap(({ issues }) => issues.map((issue) => `${issue.id}: ${issueText(issue)}`)).join("\n");
  throw failure(
    "verification-failed",
    `stack ${environment.stack}: ${title}: done, and ${failed.map(({ id }) => id).join(", ")} failed afterwards`,
    `put that right, and run it again${back}`,
    { report },
    detail,
  );
}

/** Edits the stack's file. Returns what puts it back. */
function edit({ project, stack, projectName }: Upgrading, edits: readonly SettingsEdit[]): () => void {
  if (project === undefined) return () => {};
  const path = join(project, stackFile(project, stack) ?? "");
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  try {
    writeFileSync(path, lazy.fileEdits().editedStackFile(text, projectName, edits));
  } catch (error) {
    throw failure(
      "settings-invalid",
      `${path} could not be changed: ${(error as Error).message}`,
      "put the file right",
      {
        problems: [],
      },
    );
  }
  return () => writeFileSync(path, text);
}

/** Where an upgrade stands, and what each phase would change, for a person. */
export function upgradeText({ phases, waiting, from, revision }: Upgrade, stack: string, to: string): string {
  if (phases.length === 0)
    return `Stack ${stack} has Istio ${to}, revision ${revision}, and no other: nothing is left to do.`;
  const steps = phases.flatMap(({ title, name, changes }, index) => [
    `${index + 1}. ${title}`,
    ...changes.map((text) => `     ${text}`),
    ...(name === "restart" && waiting.length > 0 ? waitingLines(waiting) : []),
  ]);
  return [`Stack ${stack}: from Istio ${from.join(", ")} to ${to}, phase by phase:`, ...steps].join("\n");
}

/** The workloads that wait for a restart, each with its pods and its command. */
export function waitingLines(waiting: readonly WaitingWorkload[]): string[] {
  return waiting.map(
    ({ pods, command }) => `     ${pods.map(({ pod, why }) => `${pod} (${why})`).join(", ")}: ${command}`,
  );
}
