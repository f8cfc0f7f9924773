import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { type ConfigMap, LocalWorkspace, Stack } from "@pulumi/pulumi/automation";
import { RecoveryError } from "../recovery/error";
import { SettingsError } from "../settings/error";
import { atFolder, loadSettings } from "../settings/load";
import { type Settings } from "../settings/schema";
import type { Refusal } from "../stacks/program";
import {
  type RolloutError,
  type RolloutErrorCode,
  classify,
  explanations,
  failure,
  isRolloutError,
  recoveryError,
  settingsError,
  stopOf,
  stoppedLooking,
} from "./errors";
import { EventTranslator, type Phase, type RolloutEvent, isComponent, shortType } from "./events";
import * as lazy from "./lazy";
import { PulumiCommandError, pulumiCommand } from "./pulumi-command";
import type { Operation, Outcome, Request, StackRecovery } from "./request";
import { watchWaits } from "./waits";

export interface Control {
  onEvent: (event: RolloutEvent) => void;
  /** Stops gracefully: what is being done is finished, nothing new is begun. */
  signal: AbortSignal;
  /** Ends the tools at once. */
  kill: AbortSignal;
}

const phases: Partial<Record<Operation, Phase>> = {
  preview: "preview",
  up: "update",
  refresh: "refresh",
  destroy: "destroy",
};

/** Runs one operation with the Automation API. Throws nothing but {@link RolloutError}. */
export async function run(request: Request, control: Control): Promise<Outcome> {
  const folder = request.project ?? temporaryProject(request.projectName);
  try {
    const stack = await open(request, folder, control.kill);
    const phase = phases[request.operation];
    return phase === undefined
      ? await read(stack, request, folder)
      : await operate(stack, request, folder, phase, control);
  } catch (error) {
    // What only reads knows of no signal: its pulumi ends badly when it is dropped.
    if (control.kill.aborted && !isRolloutError(error)) throw stoppedLooking(request.stack, control.kill);
    throw explained(error, request);
  } finally {
    if (request.project === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** The engine wants a project; settings that come as an object never touch a file. */
function temporaryProject(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "enroute-istio-"));
  writeFileSync(join(folder, "Pulumi.yaml"), `name: ${name}\nruntime: nodejs\n`);
  return folder;
}

async function open(request: Request, folder: string, kill: AbortSignal): Promise<Stack> {
  // The environment may name another folder for every pulumi; what was asked for here goes first.
  const own = { PULUMI_OPTION_CWD: folder, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const command = await pulumiCommand({ ...request.env, ...own }, kill, { history: request.operation === "status" });
  const workspace = await LocalWorkspace.create({ workDir: folder, envVars: own, pulumiCommand: command });
  const isCreating = request.createIfMissing && ["preview", "up"].includes(request.operation);
  if (isCreating) await create(command, request, folder);
  return Stack.select(request.stack, workspace);
}

async function create(command: object, { stack, secretsProvider }: Request, folder: string): Promise<void> {
  const { run } = command as { run: (args: string[], cwd: string, env: Record<string, string>) => Promise<unknown> };
  const provider = secretsProvider === undefined ? [] : ["--secrets-provider", secretsProvider];
  try {
    await run(["stack", "init", stack, "--no-select", ...provider], folder, {});
  } catch (error) {
    // A lock hides from `init` that the stack is there; the operation itself says what is the matter with it.
    if (!/already exists|stack is currently locked/.test((error as Error).message)) throw error;
  }
}

async function operate(
  stack: Stack,
  request: Request,
  folder: string,
  phase: Phase,
  { onEvent, signal, kill }: Control,
): Promise<Outcome> {
  const events = new EventTranslator(request.stack, phase, onEvent);
  let refused: Refusal | undefined;
  const waits = watchWaits(events);
  const options = {
    onEvent: (event: Parameters<typeof events.take>[0]) => events.take(event),
    signal,
    color: "never",
    suppressOutputs: true,
    suppressProgress: true,
    ...pick(request, "parallel", "message", "refresh", "expectNoChanges", "policyPacks", "policyPackConfigs"),
  } as const;
  const withProgram = {
    ...options,
    program: () =>
      inProgram(request, folder, events, {
        onRefusal: (why) => (refused = why),
        onSettings: (settings) => waits.lookAt(settings),
      }),
  };
  events.start();
  try {
    if (signal.aborted) throw new Error("interrupted before it began");
    const outputs = request.operation === "up" ? (await stack.up(withProgram)).outputs : undefined;
    if (request.operation === "preview") await stack.preview(withProgram);
    if (request.operation === "refresh") await stack.refresh(options);
    if (request.operation === "destroy") {
      await stack.destroy(options);
      if (request.remove === true) await stack.workspace.removeStack(request.stack, { preserveConfig: true });
    }
    events.finish("succeeded");
    return { changes: events.counts, changed: events.changed, ...(outputs === undefined ? {} : { outputs }) };
  } catch (error) {
    events.finish(signal.aborted ? "interrupted" : "failed");
    if (refused !== undefined) throw refusalError(refused, request);
    throw operationError(error, events, { signal, kill });
  } finally {
    waits.stop();
  }
}

interface Hooks {
  onRefusal: (why: Refusal) => void;
  onSettings: (settings: Settings) => void;
}

/** The same program as `pulumi up` runs, watched: which components there are, and what each waits for. */
async function inProgram(request: Request, folder: string, events: EventTranslator, hooks: Hooks) {
  const { program } = lazy.program();
  const components = new Map<pulumi.Resource, Parameters<typeof events.planned>[0]>();
  const outermost = new Map<pulumi.Resource, pulumi.Resource>();
  pulumi.runtime.registerStackTransformation(({ resource, type, name, opts }) => {
    const outer = opts.parent === undefined ? undefined : outermost.get(opts.parent);
    outermost.set(resource, outer ?? resource);
    const component = outer === undefined ? undefined : components.get(outer);
    if (component !== undefined) component.resources += isComponent(type) ? 0 : 1;
    else if (isComponent(type)) {
      const dependencies = Array.isArray(opts.dependsOn) ? (opts.dependsOn as unknown[]) : [];
      const waitsFor = dependencies.flatMap((needed) => components.get(needed as pulumi.Resource)?.component ?? []);
      components.set(resource, { component: { type: shortType(type), name }, resources: 0, waitsFor });
    }
    return undefined;
  });
  const outputs = await program({
    folder,
    onRefusal: hooks.onRefusal,
    onSettings: hooks.onSettings,
    ...pick(request, "settings", "kubeconfig"),
  });
  for (const component of components.values()) events.planned(component);
  return outputs;
}

async function read(stack: Stack, request: Request, folder: string): Promise<Outcome> {
  const nothing = { changes: {}, changed: [] };
  if (request.operation === "outputs") return { ...nothing, outputs: await stack.outputs() };
  if (request.operation === "settings") return { ...nothing, settings: await settingsOfStack(stack, request, folder) };
  if (request.operation === "recover") return { ...nothing, recovery: await recovered(stack, request, folder) };
  const [info, exported] = [await stack.info(), (await stack.exportStack()) as Exported];
  const { resources = [], pending_operations: pending = [] } = exported.deployment ?? {};
  const last = info === undefined ? undefined : { ...pick(info, "kind", "result", "message") };
  return {
    ...nothing,
    status: {
      ...(last === undefined || info === undefined
        ? {}
        : { last: { ...last, startTime: info.startTime.toISOString(), endTime: info.endTime.toISOString() } }),
      resources: resources.filter(({ type }) => !isComponent(type) && !/^pulumi:(pulumi:Stack|providers:)/.test(type))
        .length,
      pending: pending.map(({ type, resource }) => `${type} ${resource.urn.split("::").slice(2).join(" ")}`),
    },
  };
}

async function recovered(stack: Stack, request: Request, folder: string): Promise<StackRecovery> {
  try {
    return await recoverStack(stack, request, folder);
  } catch (error) {
    throw error instanceof RecoveryError ? recoveryError(error) : error;
  }
}

async function recoverStack(stack: Stack, request: Request, folder: string): Promise<StackRecovery> {
  const { inspect, recover, damagedState, restore } = lazy.recovery();
  const done = request.apply === true;
  // First of all: without its state file not even the settings of a stack can be read.
  const damaged = await damagedState(stack.workspace, request.stack);
  const restored = damaged === undefined ? {} : { stateOf: damaged.from.toISOString() };
  if (damaged !== undefined && !done) return { ...restored, forget: [], pending: [], done };
  if (damaged !== undefined) restore(damaged);
  const settings = request.settings ?? (await settingsOfStack(stack, request, folder));
  const { foreign, ...found } = await inspect(stack, settings, request.adopt);
  if (done) await recover(stack, settings, { ...found, foreign });
  return { ...restored, ...found, ...(foreign.length === 0 ? {} : { foreign }), done };
}

async function settingsOfStack(stack: Stack, request: Request, folder: string): Promise<Settings> {
  return atFolder(settingsFrom(await stack.getAllConfig(), request), folder);
}

interface Exported {
  deployment?: {
    resources?: { type: string }[];
    pending_operations?: { type: string; resource: { urn: string } }[];
  };
}

function settingsFrom(config: ConfigMap, { projectName, stack, kubeconfig }: Request): Settings {
  try {
    const settings = loadSettings({
      project: projectName,
      stack,
      values: Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value])),
      secretKeys: Object.keys(config).filter((key) => config[key]!.secret === true),
    });
    return kubeconfig === undefined ? settings : { ...settings, kubeconfig };
  } catch (error) {
    throw error instanceof SettingsError ? settingsError(error) : error;
  }
}

function refusalError(refused: Refusal, { stack }: Request): RolloutError {
  if (refused instanceof SettingsError) return settingsError(refused);
  const { findings } = refused;
  const errors = findings.filter(({ severity }) => severity === "error");
  const isUnreachable = errors.every(({ check }) => /^cluster\/(reachable|kubeconfig|context|answers)$/.test(check));
  const code = isUnreachable ? "cluster-unreachable" : "cluster-not-ready";
  const wedged = errors.every(({ check }) => check === "releases/unfinished");
  const text = errors.map(({ problem }) => problem).join("; ");
  const next = errors.map(({ fix }) => fix).join("; ");
  return wedged
    ? failure("release-wedged", `stack ${stack}: ${text}`, next, {})
    : failure(code, `stack ${stack}: ${text}`, next, { findings });
}

function operationError(
  error: unknown,
  events: EventTranslator,
  { signal, kill }: Pick<Control, "signal" | "kill">,
): RolloutError {
  const left = events.left();
  const text = textOf(error);
  if (signal.aborted) {
    const { code, cause } = stopOf(signal);
    const { next } = explanations.interrupted;
    const known =
      left.unfinished.length === 0 ? "nothing was left half-done" : `left unfinished: ${left.unfinished.join(", ")}`;
    const unknown = "it was dropped at once, so what the engine was doing is not known for sure";
    const message = `${cause}; ${left.changed} resources were changed before, ${kill.aborted ? `${unknown} (${known})` : known}`;
    return failure(code, message, kill.aborted ? "recover the stack, then run it again" : next, left, text);
  }
  const unproven = events.errors.find(({ text: said }) => /of its verification failed:/.test(said));
  if (unproven !== undefined) {
    const { cause, next } = explanations["verification-failed"];
    return failure("verification-failed", cause, next, {}, unproven.text);
  }
  return classify({ text, errors: events.errors, violations: events.violations, left });
}

/** Causes that say all that there is to say; the tool's own words are in the detail. */
const selfEvident: RolloutErrorCode[] = ["stack-not-found", "stack-locked", "passphrase-wrong", "pulumi-missing"];

function explained(error: unknown, { stack }: Request): RolloutError {
  if (isRolloutError(error) && !selfEvident.includes(error.code)) return error;
  const known = isRolloutError(error)
    ? error
    : classify({ text: textOf(error), errors: [], violations: [], left: { unfinished: [], changed: 0 } });
  const { code, message, next, about, detail } = known;
  const cause = selfEvident.includes(code) ? explanations[code].cause : message;
  return failure(code, `stack ${stack}: ${cause}`, next, about as never, detail);
}

function textOf(error: unknown): string {
  if (error instanceof PulumiCommandError) return error.message.trim();
  return error instanceof Error ? error.message : String(error);
}

function pick<Whole extends object, Key extends keyof Whole>(whole: Whole, ...keys: Key[]): Pick<Whole, Key> {
  return Object.fromEntries(keys.flatMap((key) => (whole[key] === undefined ? [] : [[key, whole[key]]]))) as Pick<
    Whole,
    Key
  >;
}
