import { join, resolve } from "node:path";
import { defined } from "../base/defined";
import type { Finding } from "../base/issue";
import { projectDefinition } from "../base/project-files";
import type { Report } from "../base/report";
import { SettingsError } from "../settings/error";
import type { Settings, SettingsInput } from "../settings/schema";
import type { PreflightReport } from "../verify/preflight";
import type { CheckingCommand } from "../verify/registry";
import type { CheckDescription } from "../verify/select";
import type { VerifyOptions } from "../verify/verify";
import { explanations, failure, isRolloutError, settingsError, stoppedReading, unreachableError } from "./errors";
import { EventTranslator } from "./event-translator";
import type { Change, ResourceRef, RolloutEvent } from "./events";
import * as lazy from "./lazy";
import { type Outputs, outputsOf } from "./outputs";
import type { ChangeInput, Changes, Input, Operation, Result, StackRecovery, StackStatus, Target } from "./request";
import { standingOf } from "./status";
import { work } from "./workers";

/**
 * Folder of the policy pack that comes with this package (docs/review.md has its rules), for {@link PreviewOptions.policyPacks}.
 * It needs the package `@pulumi/policy`.
 */
export const policyPack = join(__dirname, "../policy");

/** The checks of `verify` or `preflight`, without running them. */
export function listChecks(command: CheckingCommand): CheckDescription[] {
  return lazy.registry().listChecks(command);
}

export interface PreflightOptions extends RunOptions {
  /** Ask the chart repositories, too. @default true */
  charts?: boolean;
  /** Run these checks alone: ids such as `cluster/rights`, and groups such as `mesh`. @default all that the stack is for */
  only?: readonly string[];
}

/** Where an environment is, and how it is run. */
export interface EnvironmentOptions {
  /** Name of the stack; `organization/project/stack` where the backend has organizations. */
  stack: string;
  /** Folder of a Pulumi project with the stack's file (`Pulumi.<stack>.yaml`). Give this or `settings`. */
  project?: string;
  /** The settings as an object; they stay in memory, and in the state, encrypted where secret. `kubeconfig` must be absolute. */
  settings?: SettingsInput;
  /** Name of the Pulumi project, with `settings`. @default "enroute-istio" */
  projectName?: string;
  /** URL of the backend that keeps the state, such as `s3://…`, `file:///…` or `https://api.pulumi.com`. @default that of the environment */
  backend?: string;
  /** Secrets provider of a stack that is created, such as `awskms://…`. @default the backend's own */
  secretsProvider?: string;
  /** Passphrase of the secrets provider `passphrase`. @default that of the environment */
  passphrase?: string;
  /** Path of a kubeconfig file, in the place of the one in the settings. */
  kubeconfig?: string;
  /** `preview` and `up` create the stack if the backend has none of this name. @default false */
  createIfMissing?: boolean;
  /** Further environment variables for pulumi and its plugins, such as a cloud's credentials. */
  env?: Readonly<Record<string, string>>;
}

/** Options of everything that takes a while. */
export interface RunOptions {
  /** Gets the progress. */
  onEvent?: (event: RolloutEvent) => void;
  /** Stops gracefully: what is being done is finished, nothing more is begun. `AbortSignal.timeout(…)` gives a time limit. */
  signal?: AbortSignal;
  /** Drops everything at once, as a second Ctrl-C does; for when the graceful way takes too long. */
  killSignal?: AbortSignal;
  /** How many resources are worked on side by side. @default the engine's */
  parallel?: number;
}

export interface PreviewOptions extends RunOptions {
  /** First reads what others changed in the cluster. @default false */
  refresh?: boolean;
  /** Folders of policy packs to judge the change by. `up` then previews first, because rules about the whole stack run last. */
  policyPacks?: string[];
  /** JSON files with settings of the policy packs, such as levels: one for each, in the same order. */
  policyPackConfigs?: string[];
}

export interface UpOptions extends PreviewOptions {
  /** Kept in the stack's history. */
  message?: string;
  /** Fails (`changes-found`) if anything had to change, after changing it; `preview` shows it before. @default false */
  expectNoChanges?: boolean;
}

export interface DestroyOptions extends RunOptions {
  /** Removes the stack and its history from the backend afterwards. @default false */
  remove?: boolean;
  message?: string;
}

/** A resource that changes. */
export interface ResourceChange {
  resource: ResourceRef;
  change: Change;
  /** Paths of the properties that differ. */
  differs: string[];
}

export interface ChangeResult {
  /** How many resources, by what happens to them. */
  changes: Partial<Record<Change, number>>;
  /** Each resource that changes. */
  resources: ResourceChange[];
  /** Whether anything changes. */
  hasChanges: boolean;
}

export interface UpResult extends ChangeResult {
  outputs: Outputs;
}

/** One environment: a cluster with, or for, the rollout. The constructor creates and reads nothing. */
export class Environment {
  readonly stack: string;

  constructor(private readonly options: EnvironmentOptions) {
    this.stack = options.stack;
  }

  /** What an update would change. */
  async preview(options: PreviewOptions = {}): Promise<ChangeResult> {
    return changeResult(await this.run("preview", changeInput(options), options));
  }

  /** Rolls out. What is already right stays untouched. */
  async up(options: UpOptions = {}): Promise<UpResult> {
    if ((options.policyPacks ?? []).length > 0) await this.preview(options);
    const result = await this.run("up", changeInput(options), options);
    return { ...changeResult(result), outputs: outputsOf(result.outputs) };
  }

  /** Brings the state in line with the cluster. Changes nothing in the cluster. */
  async refresh(options: RunOptions = {}): Promise<ChangeResult> {
    return changeResult(await this.run("refresh", changeInput(options), options));
  }

  /** Destroys the rollout; the output `keptOnDestroy` lists what stays. */
  async destroy(options: DestroyOptions = {}): Promise<ChangeResult> {
    const { remove } = options;
    return changeResult(await this.run("destroy", { ...changeInput(options), ...defined({ remove }) }, options));
  }

  /** The outputs of the last update. */
  async outputs(options: RunOptions = {}): Promise<Outputs> {
    return outputsOf(await this.run("outputs", {}, options));
  }

  /** What is known of the stack without reading its cluster. */
  async status(options: RunOptions = {}): Promise<StackStatus> {
    return this.run("status", {}, options);
  }

  /**
   * Finds what a killed operation left between Pulumi and Helm, and with `apply` repairs it, so that the next update goes on. No
   * object of the rollout is deleted; a lock that a killed update left is removed. A release that nothing of the stack names
   * stays as it is, unless `adopt` lists it (`namespace/name`).
   *
   * @throws {RolloutError} `stack-locked`, while another update holds the stack's lock: whose, since when, and how that is known.
   */
  async recover({
    apply = false,
    adopt = [],
    ...options
  }: RunOptions & { apply?: boolean; adopt?: string[] } = {}): Promise<StackRecovery> {
    return this.run("recover", { apply, adopt }, options);
  }

  /** The settings, checked and with defaults filled in. */
  async settings(options: RunOptions = {}): Promise<Settings> {
    return this.ownSettings() ?? this.run("settings", {}, options);
  }

  /** Checks whether the cluster is ready for the rollout, and returns what stands in the way. Changes nothing. */
  async preflight(options: PreflightOptions = {}): Promise<Finding[]> {
    return (await this.preflightReport(options)).findings;
  }

  /** The same, with the evidence of each check. */
  async preflightReport({ charts = true, only, ...options }: PreflightOptions = {}): Promise<PreflightReport> {
    lazy.registry().requireChecks("preflight", only);
    const settings = await this.settings(options);
    return this.untilStopped(lazy.preflight().preflightReport(settings, { charts, ...defined({ only }) }), options);
  }

  /**
   * Checks that both legs are encrypted; the report also holds failures. Changes nothing.
   *
   * A rollout that was left half-way is verified as far as it came, with the failed check `stack/rolled-out`.
   *
   * @throws {RolloutError} `not-deployed`, `cluster-unreachable`, and what keeps the stack from being read.
   */
  async verify(options: RunOptions & Omit<VerifyOptions, "caCertificate" | "unfinished"> = {}): Promise<Report> {
    lazy.registry().requireChecks("verify", options.only);
    const [settings, outputs] = await Promise.all([this.settings(options), this.outputs(options)]);
    const caCertificate = outputs.caCertificate?.value;
    const unfinished = Object.keys(outputs).length === 0 ? await this.unfinished(options) : undefined;
    const { verify, VerifyError } = lazy.verify();
    const events = new EventTranslator(this.stack, "verify", options.onEvent ?? (() => {}));
    events.start();
    try {
      const running = verify(settings, {
        ...options,
        ...defined({ caCertificate, unfinished }),
      });
      const report = await this.untilStopped(running, options);
      events.finish(report.status === "failed" ? "failed" : "succeeded");
      return report;
    } catch (error) {
      events.finish(isRolloutError(error) ? "interrupted" : "failed");
      if (!(error instanceof VerifyError)) throw error;
      throw unreachableError(this.stack, error);
    }
  }

  /** Why a stack has no outputs, although something of it is deployed. */
  private async unfinished(options: RunOptions): Promise<{ evidence: string; fix: string }> {
    const {
      summary,
      next = "run up again: it goes on from there",
      isDeployed,
    } = standingOf(await this.status(options));
    if (!isDeployed) throw failure("not-deployed", `stack ${this.stack}: ${summary}`, next, {});
    return { evidence: `${summary}; no update has finished, so there are no outputs`, fix: next };
  }

  /** Stops waiting as soon as a signal fires: reading leaves nothing half-done. */
  private async untilStopped<Result>(reading: Promise<Result>, { signal, killSignal }: RunOptions): Promise<Result> {
    // Not AbortSignal.any: on Node.js 20 a signal of it that nobody else holds is collected, and never fires.
    const signals = [signal, killSignal].filter((one) => one !== undefined);
    const listening = new AbortController();
    const stopped = new Promise<never>((_, reject) => {
      for (const stop of signals) {
        const end = () => reject(stoppedReading(this.stack, stop));
        if (stop.aborted) end();
        stop.addEventListener("abort", end, { signal: listening.signal });
      }
    });
    try {
      return await Promise.race([reading, stopped]);
    } finally {
      listening.abort();
    }
  }

  private run<Name extends Operation>(operation: Name, input: Input<Name>, options: RunOptions): Promise<Result<Name>> {
    return work({ operation, target: this.target(), input }, options);
  }

  private target(): Target {
    const { stack, secretsProvider, createIfMissing = false, kubeconfig, project, settings } = this.options;
    return {
      stack,
      projectName: this.projectName(),
      env: this.env(),
      createIfMissing,
      ...defined({
        project: project === undefined || settings !== undefined ? undefined : resolve(project),
        settings: this.ownSettings(),
        kubeconfig: kubeconfig === undefined ? undefined : resolve(kubeconfig),
        secretsProvider,
      }),
    };
  }

  /** The settings that came as an object, checked; undefined where a stack file has them. */
  private ownSettings(): Settings | undefined {
    const { settings, stack, kubeconfig } = this.options;
    if (settings === undefined) return undefined;
    try {
      const own = kubeconfig === undefined ? settings : { ...settings, kubeconfig: resolve(kubeconfig) };
      return lazy.settings().settingsOf(own, { project: this.projectName(), stack });
    } catch (error) {
      throw error instanceof SettingsError ? settingsError(error) : error;
    }
  }

  private projectName(): string {
    const { settings, project, projectName = "enroute-istio" } = this.options;
    if (settings !== undefined) return projectName;
    const { cause, next } = explanations["project-not-found"];
    const definition = project === undefined ? undefined : projectDefinition(resolve(project));
    if (definition === undefined)
      throw failure(
        "project-not-found",
        project === undefined ? `environment ${this.stack} has neither project nor settings` : `${cause} ${project}`,
        next,
        {},
      );
    return String(definition.name);
  }

  /** What has an option of its own goes last. */
  private env(): Record<string, string> {
    const { backend: PULUMI_BACKEND_URL, passphrase: PULUMI_CONFIG_PASSPHRASE, env } = this.options;
    const PULUMI_CONFIG_PASSPHRASE_FILE = PULUMI_CONFIG_PASSPHRASE === undefined ? undefined : "";
    const own = { PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE, PULUMI_CONFIG_PASSPHRASE_FILE };
    return { ...defined({ ...process.env }), ...env, ...defined(own) };
  }
}

function changeInput(options: UpOptions): ChangeInput {
  const { parallel, refresh, message, expectNoChanges, policyPacks, policyPackConfigs } = options;
  const absolute = (paths: string[] | undefined) => paths?.map((path) => resolve(path));
  return defined({
    ...{ parallel, refresh, message, expectNoChanges },
    policyPacks: absolute(policyPacks),
    policyPackConfigs: absolute(policyPackConfigs),
  });
}

function changeResult({ changes, changed }: Changes): ChangeResult {
  return { changes, resources: changed, hasChanges: changed.length > 0 };
}
