import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { type ConfigMap, LocalWorkspace, Stack } from "@pulumi/pulumi/automation";
import { defined } from "../base/defined";
import { stackFile } from "../base/project-files";
import { RecoveryError } from "../recovery/error";
import { isThere } from "../recovery/state-file";
import { SettingsError } from "../settings/error";
import { atFolder, loadSettings } from "../settings/load";
import { type Settings } from "../settings/schema";
import type { Refusal } from "../stacks/program";
import { type Failed, classify, codeOf } from "./classify";
import {
  type RolloutError,
  type RolloutErrorCode,
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
import { PulumiCommandError, type RunnablePulumi, pulumiCommand } from "./pulumi-command";
import type { Operation, Outcome, Request } from "./request";
import { type Reading, recoverStack, statusOf } from "./stack-state";
import { type Access, accessOf, explainAccess, isExplained, steadily } from "./state-access";
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
  let access: Access | undefined;
  try {
    const { workspace, command } = await open(request, folder, control.kill);
    const reached = (access = accessOf(workspace, request));
    const phase = phases[request.operation];
    const patiently = { codeOf: codeOfError, signal: control.signal };
    if (request.createIfMissing && ["preview", "up", "import"].includes(request.operation))
      await steadily(reached, () => create(command, request, { folder, access: reached }), {
        ...patiently,
        takesLock: true,
      });
    const stack = await Stack.select(request.stack, workspace);
    if (request.operation === "destroy") await refuseOthers(stack, request, folder);
    if (phase !== undefined) return await operate(stack, { request, folder, phase, access: reached }, control);
    const settings = () => settingsOf(stack, request, folder);
    const reading = { stack, command, folder, access: reached, settings };
    return await steadily(reached, () => read(request, reading).catch(inOurShape), {
      ...patiently,
      takesLock: ["recover", "import"].includes(request.operation),
    });
  } catch (error) {
    // What only reads knows of no signal: its pulumi ends badly when it is dropped.
    if (control.kill.aborted && !isRolloutError(error)) throw stoppedLooking(request.stack, control.kill);
    throw await explained(error, request, access);
  } finally {
    if (request.project === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** A destroy deletes nothing that another stack has taken over. Settings that cannot be read do not keep a stack from going. */
async function refuseOthers(stack: Stack, request: Request, folder: string): Promise<void> {
  const settings = await settingsOf(stack, request, folder).catch(() => undefined);
  const findings = settings === undefined ? [] : await lazy.destroyable().takenByOthers(stack, settings);
  if (findings.length === 0) return;
  const text = findings.map(({ problem }) => problem).join("; ");
  const next = findings.map(({ fix }) => fix).join("; ");
  throw failure("cluster-not-ready", `stack ${request.stack}: nothing was deleted: ${text}`, next, { findings });
}

/** The engine wants a project; settings that come as an object never touch a file. */
function temporaryProject(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "enroute-istio-"));
  writeFileSync(join(folder, "Pulumi.yaml"), `name: ${name}\nruntime: nodejs\n`);
  return folder;
}

async function open(request: Request, folder: string, kill: AbortSignal) {
  // The environment may name another folder for every pulumi; what was asked for here goes first.
  const own = { PULUMI_OPTION_CWD: folder, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const history = ["status", "recover"].includes(request.operation);
  const command = await pulumiCommand({ ...request.env, ...own }, kill, { history });
  return { workspace: await LocalWorkspace.create({ workDir: folder, envVars: own, pulumiCommand: command }), command };
}

/** `pulumi stack init`: it takes the stack's lock before it sees whether there is such a stack already. */
async function create(
  command: RunnablePulumi,
  { stack, secretsProvider }: Request,
  { folder, access }: Pick<Reading, "folder" | "access">,
): Promise<void> {
  const provider = secretsProvider === undefined ? [] : ["--secrets-provider", secretsProvider];
  try {
    await command.run(["stack", "init", stack, "--no-select", ...provider], folder, {});
  } catch (error) {
    const { message } = error as Error;
    if (/already exists/.test(message)) return;
    // A lock hides from `init` that the stack is there; the operation itself says what is the matter with it.
    if (!/stack is currently locked/.test(message)) throw error;
    const place = await access.place();
    if (place !== undefined && !isThere(place)) throw error;
  }
}

async function operate(
  stack: Stack,
  { request, folder, phase, access }: { request: Request; folder: string; phase: Phase; access: Access },
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
    const outputs = await steadily(
      access,
      async () => {
        if (request.operation === "up") return (await stack.up(withProgram)).outputs;
        if (request.operation === "preview") await stack.preview(withProgram);
        if (request.operation === "refresh") await stack.refresh(options);
        if (request.operation === "destroy") {
          await stack.destroy(options);
          // Stopped between two steps, the engine (3.246) says that a destroy has succeeded, though most is still there.
          if (signal.aborted) throw new Error("stopped between two steps");
        }
        return undefined;
      },
      { codeOf: codeOfError, takesLock: phase !== "preview", isUntouched: () => !events.hasBegun, signal },
    );
    if (request.operation === "destroy" && request.remove === true)
      await stack.workspace.removeStack(request.stack, { preserveConfig: true });
    events.finish("succeeded");
    return { changes: events.counts, changed: events.changed, ...(outputs === undefined ? {} : { outputs }) };
  } catch (error) {
    events.finish(signal.aborted ? "interrupted" : "failed");
    if (refused !== undefined) throw refusalError(refused, request);
    throw operationError(error, events, { signal, kill, namespaceOf: waits.namespaceOf });
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

function inOurShape(error: unknown): never {
  throw error instanceof RecoveryError ? recoveryError(error) : error;
}

async function read(request: Request, reading: Reading): Promise<Outcome> {
  const { stack, settings } = reading;
  const nothing = { changes: {}, changed: [] };
  if (request.operation === "outputs") return { ...nothing, outputs: await stack.outputs() };
  if (request.operation === "settings") return { ...nothing, settings: await settings() };
  if (request.operation === "draft")
    return { ...nothing, draft: await lazy.adoption().draftStack(request, reading.folder, request.draft!) };
  if (request.operation === "import")
    return { ...nothing, imported: await lazy.adoption().importStack(reading, request) };
  if (request.operation === "recover")
    return {
      ...nothing,
      recovery: await recoverStack(reading, { apply: request.apply === true, adopt: request.adopt ?? [] }),
    };
  return { ...nothing, status: await statusOf(reading) };
}

async function settingsOf(stack: Stack, request: Request, folder: string): Promise<Settings> {
  return request.settings ?? atFolder(settingsFrom(await stack.getAllConfig(), request, folder), folder);
}

function settingsFrom(config: ConfigMap, { projectName, stack, kubeconfig }: Request, folder: string): Settings {
  try {
    const settings = loadSettings({
      project: projectName,
      stack,
      ...defined({ file: stackFile(folder, stack) }),
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
  { signal, kill, namespaceOf }: Pick<Control, "signal" | "kill"> & Required<Pick<Failed, "namespaceOf">>,
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
  return classify({
    text,
    errors: events.errors.map((one) => ({ ...one, ...events.waitOf(one.resource) })),
    violations: events.violations,
    left,
    namespaceOf,
  });
}

/** Causes that say all that there is to say; the tool's own words are in the detail. */
const selfEvident: RolloutErrorCode[] = ["stack-not-found", "stack-locked", "passphrase-wrong", "pulumi-missing"];

async function explained(error: unknown, { stack }: Request, access: Access | undefined): Promise<RolloutError> {
  const known = isRolloutError(error)
    ? error
    : classify({ text: textOf(error), errors: [], violations: [], left: { unfinished: [], changed: 0 } });
  const { code, message, next, about, detail } = known;
  const cause = selfEvident.includes(code) ? explanations[code].cause : message;
  const isWhole = isExplained(known) || (isRolloutError(error) && !selfEvident.includes(code));
  const told = isWhole ? known : failure(code, `stack ${stack}: ${cause}`, next, about as never, detail);
  return access === undefined ? told : explainAccess(told, access);
}

function codeOfError(error: unknown): RolloutErrorCode {
  return codeOf(textOf(error));
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
