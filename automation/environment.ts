import { join, resolve } from "node:path";
import { defined } from "../base/defined";
import type { Finding } from "../base/issue";
import { fullStackName, projectDefinition } from "../base/project-files";
import type { Report } from "../base/report";
import { SettingsError } from "../settings/error";
import { resolved } from "../settings/marks";
import type { Settings, SettingsInput } from "../settings/schema";
import type { PreflightReport } from "../verify/preflight";
import type { CheckingCommand } from "../verify/registry";
import type { CheckDescription } from "../verify/select";
import type { Receipt } from "../verify/receipt/receipt";
import { type AdoptOptions, type Adoption, type Place, adopt } from "./adoption";
import { explanations, failure, isRolloutError, settingsError, stoppedReading, unreachableError } from "./errors";
import { EventTranslator } from "./event-translator";
import * as lazy from "./lazy";
import {
  type ChangeResult,
  type DestroyOptions,
  type EnvironmentOptions,
  type PreflightOptions,
  type PreviewOptions,
  type RunOptions,
  type UpOptions,
  type UpResult,
  type VerifyRunOptions,
  changeResult,
} from "./options";
import { type Outputs, outputsOf } from "./outputs";
import type { ChangeInput, ClusterLeft, Input, Operation, Result, StackRecovery, StackStatus, Target } from "./request";
import { standingOf } from "./status";
import { type Upgrade, type UpgradeOptions, upgrade } from "./upgrade";
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

  /**
   * For a cluster that is gone for good: returns what the stack had in it, and with `apply` removes that from the state. What
   * only the state has stays, such as the CA's key, for another cluster; with `remove` the stack and its history go as well.
   *
   * @param unseen also where nobody can look for the cluster, as its kubeconfig or context went with it
   * @throws {RolloutError} `cluster-answers`, if the cluster of the settings or of the state answers, if only by a refusal;
   * `cluster-unreachable`, where nobody could look; `stack-locked`, while an update runs.
   */
  async forget({
    apply = false,
    unseen = false,
    remove = false,
    ...options
  }: RunOptions & { apply?: boolean; unseen?: boolean; remove?: boolean } = {}): Promise<ClusterLeft> {
    return this.run("forget", { apply, unseen, remove }, options);
  }

  /**
   * Takes over what somebody installed by hand, with Helm, or by a stack that is gone: returns what it found, what cannot be taken
   * over, and what the first update would change. With `apply` it writes the stack file that reproduces what runs, and brings
   * the objects into the state. Nothing in the cluster changes. A stack file, or settings, that are there already are kept.
   */
  adopt(options: AdoptOptions = {}): Promise<Adoption> {
    const { project, settings } = this.options;
    return adopt(
      {
        stack: this.stack,
        projectName: this.projectName(),
        ...defined({ project: project === undefined || settings !== undefined ? undefined : resolve(project) }),
        settings: () => this.settings(options),
        run: (operation, input, place) => this.run(operation, input, options, { place }),
      },
      options,
    );
  }

  /**
   * Goes from one Istio to another without an outage, phase by phase: returns what is left to do, and with `apply` does the next phase,
   * in the stack's file and by an update, and verifies it. Settings that came as an object come back edited. Docs: upgrades.md.
   *
   * @throws {RolloutError} `settings-invalid`, where a minor version would be skipped; `cluster-not-ready`, where the phase comes too
   * early: nothing was touched then. `verification-failed`, with the report, where the phase is done and a check failed.
   */
  upgrade(options: UpgradeOptions): Promise<Upgrade> {
    const { project, settings } = this.options;
    const { dialServices, sample, timeout, ...run } = options;
    const at = (given: SettingsInput | undefined) =>
      given === undefined ? (this as Environment) : new Environment({ ...this.options, settings: given });
    return upgrade(
      {
        stack: this.stack,
        projectName: this.projectName(),
        ...defined({
          project: project === undefined || settings !== undefined ? undefined : resolve(project),
          given: settings as SettingsInput | undefined,
        }),
        settings: () => this.settings(run),
        up: (message, given) => at(given).up({ ...run, message }),
        verify: (given) => at(given).verify({ ...run, ...defined({ dialServices, sample, timeout }) }),
      },
      options,
    );
  }

  /** The settings, checked and with defaults filled in. */
  async settings(options: RunOptions = {}): Promise<Settings> {
    return (await this.ownSettings()) ?? this.run("settings", {}, options);
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
  async verify(options: RunOptions & VerifyRunOptions = {}): Promise<Report> {
    return (await this.receipt(options)).report;
  }

  /** As {@link verify}, with its receipt: the report, and hosts, workloads, certificates and versions as they were seen. */
  async receipt(options: RunOptions & VerifyRunOptions = {}): Promise<Receipt> {
    lazy.registry().requireChecks("verify", options.only);
    const { settings, outputs: deployed } = await this.run("deployed", {}, options, { endThread: true });
    const outputs = outputsOf(deployed);
    const caCertificate = outputs.caCertificate?.value;
    const unfinished = Object.keys(outputs).length === 0 ? await this.unfinished(options) : undefined;
    const { verifyWithReceipt, VerifyError } = lazy.verify();
    const events = new EventTranslator(this.stack, "verify", options.onEvent ?? (() => {}));
    events.start();
    try {
      const running = verifyWithReceipt(settings, {
        ...options,
        stack: this.stack,
        owner: this.ownerMark(),
        ...defined({ caCertificate, unfinished }),
      });
      const receipt = await this.untilStopped(running, options);
      events.finish(receipt.report.status === "failed" ? "failed" : "succeeded");
      return receipt;
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

  private async run<Name extends Operation>(
    operation: Name,
    input: Input<Name>,
    { onEvent, signal, killSignal }: RunOptions,
    { endThread = false, place }: { endThread?: boolean; place?: Place | undefined } = {},
  ): Promise<Result<Name>> {
    return work({ operation, target: await this.target(place), input }, { onEvent, signal, killSignal, endThread });
  }

  private async target(place: Place = {}): Promise<Target> {
    const { stack, secretsProvider, createIfMissing = false, kubeconfig, project } = this.options;
    const settings = place.settings ?? (await this.ownSettings());
    return {
      stack: place.stack ?? stack,
      projectName: this.projectName(),
      env: { ...this.env(), ...place.env },
      createIfMissing: place.createIfMissing ?? createIfMissing,
      ...defined({
        project: project === undefined || settings !== undefined ? undefined : resolve(project),
        settings,
        kubeconfig: kubeconfig === undefined ? undefined : resolve(kubeconfig),
        secretsProvider,
      }),
    };
  }

  /** The settings that came as an object, checked; undefined where a stack file has them. */
  private async ownSettings(): Promise<Settings | undefined> {
    const { settings, stack, kubeconfig } = this.options;
    if (settings === undefined) return undefined;
    try {
      const own = kubeconfig === undefined ? settings : { ...settings, kubeconfig: resolve(kubeconfig) };
      return lazy.settings().settingsOf(await resolved(own), { project: this.projectName(), stack });
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

  /** The stack's name as its objects carry it; `*` for an organization that is not known. */
  private ownerMark(): string {
    return fullStackName(this.stack, () => this.projectName());
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
