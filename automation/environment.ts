import { join, resolve } from "node:path";
import type { Finding } from "../base/issue";
import { projectDefinition } from "../base/project-files";
import type { Report } from "../base/report";
import { SettingsError } from "../settings/error";
import type { Settings } from "../settings/schema";
import type { PreflightReport } from "../verify/preflight";
import type { CheckingCommand } from "../verify/registry";
import type { CheckDescription } from "../verify/select";
import type { VerifyOptions } from "../verify/verify";
import { type AdoptOptions, type Adoption, type Place, adopt } from "./adoption";
import { explanations, failure, isRolloutError, settingsError, stoppedLooking } from "./errors";
import { EventTranslator } from "./events";
import * as lazy from "./lazy";
import type {
  ChangeResult,
  DestroyOptions,
  EnvironmentOptions,
  PreflightOptions,
  PreviewOptions,
  RunOptions,
  UpOptions,
  UpResult,
} from "./options";
import { type Outputs, outputsOf } from "./outputs";
import type { Operation, Outcome, Request, StackRecovery, StackStatus } from "./request";
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

/** One environment: a cluster that gets, or has, the rollout. Makes nothing and looks at nothing before it is asked to. */
export class Environment {
  readonly stack: string;

  constructor(private readonly options: EnvironmentOptions) {
    this.stack = options.stack;
  }

  /** What an update would change. */
  async preview(options: PreviewOptions = {}): Promise<ChangeResult> {
    return changeResult(await this.run("preview", options, options));
  }

  /** Rolls out. What is there already and right stays untouched. */
  async up(options: UpOptions = {}): Promise<UpResult> {
    if ((options.policyPacks ?? []).length > 0) await this.preview(options);
    const outcome = await this.run("up", options, options);
    return { ...changeResult(outcome), outputs: outputsOf(outcome.outputs ?? {}) };
  }

  /** Brings the state in line with the cluster. Changes nothing in the cluster. */
  async refresh(options: RunOptions = {}): Promise<ChangeResult> {
    return changeResult(await this.run("refresh", options));
  }

  /** Takes the rollout away again; the outputs say beforehand what it leaves (`keptOnDestroy`). */
  async destroy(options: DestroyOptions = {}): Promise<ChangeResult> {
    return changeResult(await this.run("destroy", options, options));
  }

  /** What the last update told. */
  async outputs(options: RunOptions = {}): Promise<Outputs> {
    return outputsOf((await this.run("outputs", options)).outputs ?? {});
  }

  /** What is known of the stack without looking at its cluster. */
  async status(options: RunOptions = {}): Promise<StackStatus> {
    return (await this.run("status", options)).status!;
  }

  /**
   * Looks at what an operation that was cut off left between Pulumi and Helm, and with `apply` puts it right, so that the next
   * update goes on. No object of the rollout is deleted. A lock that a killed update left is taken away. A release that
   * nothing of the stack names is left as it is, unless `adopt` lists it (`namespace/name`).
   *
   * @throws {RolloutError} `stack-locked`, while another update holds the stack's lock: whose, since when, and how that is known.
   */
  async recover({
    apply = false,
    adopt = [],
    ...options
  }: RunOptions & { apply?: boolean; adopt?: string[] } = {}): Promise<StackRecovery> {
    return (await this.run("recover", options, { apply, adopt })).recovery!;
  }

  /**
   * Takes over what somebody installed by hand, with Helm, or by a stack that is gone: says what it found, what cannot be taken
   * over, and what the first update would change; with `apply` it writes the stack file that reproduces what runs, and brings
   * the objects into the state. Nothing in the cluster changes. A stack file, or settings, that are there already are kept.
   */
  adopt(options: AdoptOptions = {}): Promise<Adoption> {
    const { project, backend } = this.options;
    return adopt(
      {
        stack: this.stack,
        projectName: this.projectName(),
        ...(project === undefined || this.options.settings !== undefined ? {} : { project: resolve(project) }),
        ...(backend === undefined ? {} : { backend }),
        settings: () => this.settings(options),
        run: (operation, place) => this.run(operation, options, place?.request ?? {}, place),
      },
      options,
    );
  }

  /** The settings, checked and with defaults filled in. */
  async settings(options: RunOptions = {}): Promise<Settings> {
    return this.given() ?? (await this.run("settings", options)).settings!;
  }

  /** Looks whether the cluster is ready for the rollout, and gives what stands against it. Changes nothing. */
  async preflight(options: PreflightOptions = {}): Promise<Finding[]> {
    return (await this.preflightReport(options)).findings;
  }

  /** The same, with the evidence of each check. */
  async preflightReport({ charts = true, only, ...options }: PreflightOptions = {}): Promise<PreflightReport> {
    lazy.registry().requireChecks("preflight", only);
    const settings = await this.settings(options);
    const wanted = { charts, ...(only === undefined ? {} : { only }) };
    return this.untilStopped(lazy.preflight().preflightReport(settings, wanted), options);
  }

  /**
   * Proves that both legs are encrypted, or shows where they are not: a report, also of failures. Changes nothing.
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
      const looking = verify(settings, {
        ...options,
        ...(caCertificate === undefined ? {} : { caCertificate }),
        owner:
          this.stack.split("/").length === 3 ? this.stack : `*/${this.projectName()}/${this.stack.split("/").pop()}`,
        ...(unfinished === undefined ? {} : { unfinished }),
      });
      const report = await this.untilStopped(looking, options);
      events.finish(report.status === "failed" ? "failed" : "succeeded");
      return report;
    } catch (error) {
      events.finish(isRolloutError(error) ? "interrupted" : "failed");
      if (!(error instanceof VerifyError)) throw error;
      const { finding } = error;
      throw failure("cluster-unreachable", `stack ${this.stack}: ${finding.problem}`, finding.fix, {
        findings: [finding],
      });
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
    return { evidence: `${summary}; no update has come to its end, so there are no outputs`, fix: next };
  }

  /** What only looks at the cluster is dropped as soon as a signal says so: nothing is left half-done. */
  private async untilStopped<Result>(looking: Promise<Result>, { signal, killSignal }: RunOptions): Promise<Result> {
    // Not AbortSignal.any: on Node.js 20 a signal of it that nobody else holds is collected, and never fires.
    const signals = [signal, killSignal].filter((given) => given !== undefined);
    const listening = new AbortController();
    const stopped = new Promise<never>((_, reject) => {
      for (const stop of signals) {
        const end = () => reject(stoppedLooking(this.stack, stop));
        if (stop.aborted) end();
        stop.addEventListener("abort", end, { signal: listening.signal });
      }
    });
    try {
      return await Promise.race([looking, stopped]);
    } finally {
      listening.abort();
    }
  }

  private async run(
    operation: Operation,
    { onEvent, signal, killSignal, parallel }: RunOptions,
    more: Partial<UpOptions & DestroyOptions & Pick<Request, "apply" | "adopt" | "draft">> = {},
    place: Place = {},
  ): Promise<Outcome> {
    const settings = place.settings ?? this.given();
    const { stack, secretsProvider, kubeconfig } = this.options;
    const createIfMissing = place.createIfMissing ?? this.options.createIfMissing ?? false;
    const project = this.options.project === undefined ? undefined : resolve(this.options.project);
    const request: Request = {
      operation,
      stack: place.stack ?? stack,
      projectName: this.projectName(),
      env: { ...this.env(), ...place.env },
      createIfMissing,
      ...(project === undefined || settings !== undefined ? {} : { project }),
      ...(settings === undefined ? {} : { settings }),
      ...(kubeconfig === undefined ? {} : { kubeconfig: resolve(kubeconfig) }),
      ...(secretsProvider === undefined ? {} : { secretsProvider }),
      ...(parallel === undefined ? {} : { parallel }),
      ...Object.fromEntries(
        (["policyPacks", "policyPackConfigs"] as const).flatMap((key) =>
          more[key] === undefined ? [] : [[key, more[key].map((path) => resolve(path))]],
        ),
      ),
      ...Object.fromEntries(
        (["message", "refresh", "expectNoChanges", "remove", "apply", "adopt", "draft"] as const).flatMap((key) =>
          more[key] === undefined ? [] : [[key, more[key]]],
        ),
      ),
    };
    return work(request, { onEvent, signal, killSignal });
  }

  /** The settings that came as an object, checked; undefined where a stack file has them. */
  private given(): Settings | undefined {
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

  private env(): Record<string, string> {
    const { backend, passphrase, env } = this.options;
    const own = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const secrets =
      passphrase === undefined
        ? []
        : [
            ["PULUMI_CONFIG_PASSPHRASE", passphrase],
            ["PULUMI_CONFIG_PASSPHRASE_FILE", ""],
          ];
    // What has an option of its own goes last.
    return Object.fromEntries([
      ...own,
      ...Object.entries(env ?? {}),
      ...(backend === undefined ? [] : [["PULUMI_BACKEND_URL", backend]]),
      ...secrets,
    ]) as Record<string, string>;
  }
}

function changeResult({ changes, changed }: Outcome): ChangeResult {
  return { changes, resources: changed, hasChanges: changed.length > 0 };
}
