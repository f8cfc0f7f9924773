import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import {
  type ConfigMap,
  type EngineEvent,
  LocalWorkspace,
  type OutputMap,
  type PulumiFn,
  Stack,
} from "@pulumi/pulumi/automation";
import { defined } from "../base/defined";
import { stackFile } from "../base/project-files";
import { type Report, failuresText } from "../base/report";
import { RecoveryError } from "../recovery/error";
import { isThere } from "../recovery/state-file";
import { SettingsError } from "../settings/error";
import { atFolder, loadSettings } from "../settings/load";
import { type Settings } from "../settings/schema";
import type { Refusal } from "../stacks/program";
import type { VerifyError } from "../verify/verify";
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
  stoppedReading,
  unreachableError,
} from "./errors";
import { EventTranslator, isComponent, shortType } from "./event-translator";
import type { Phase, RolloutEvent } from "./events";
import * as lazy from "./lazy";
import { PulumiCommandError, type RunnablePulumi, pulumiCommand } from "./pulumi-command";
import type { ChangeInput, Changes, Input, Operation, Request, Result, Target } from "./request";
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

/** Whose operation it is, and how its caller stops it. */
interface Ending {
  target: Pick<Target, "stack">;
  control: Pick<Control, "signal" | "kill">;
}

/** An operation under way: its environment, and the stack as the Automation API has it. */
interface Session extends Reading, Ending {
  target: Target;
  control: Control;
  /** Whether a failure is passing, and how long to go on trying. */
  patience: { codeOf: (error: unknown) => RolloutErrorCode; signal: AbortSignal };
}

type Handler<Name extends Operation> = (session: Session, input: Input<Name>) => Promise<Result<Name>>;

/** Every operation. */
const handlers: { [Name in Operation]: Handler<Name> } = {
  preview: (session, input) =>
    changing(session, "preview", input, (options, program) => session.stack.preview({ ...options, program })),
  async up(session, input) {
    let outputs: OutputMap = {};
    const changes = await changing(session, "update", input, async (options, program) => {
      ({ outputs } = await session.stack.up({ ...options, program }));
    });
    return { ...changes, outputs };
  },
  refresh: (session, input) => changing(session, "refresh", input, (options) => session.stack.refresh(options)),
  destroy: ({ stack, ...session }, { remove, ...input }) =>
    changing({ stack, ...session }, "destroy", input, async (options) => {
      await stack.destroy(options);
      // Stopped between two steps, the engine (3.246) reports success of a destroy that left most in place.
      if (options.signal.aborted) throw new Error("stopped between two steps");
      if (remove === true) await stack.workspace.removeStack(session.target.stack, { preserveConfig: true });
    }),
  outputs: (session) => reading(session, () => session.stack.outputs()),
  settings: (session) => reading(session, () => session.settings()),
  status: (session) => reading(session, () => statusOf(session)),
  recover: (session, input) => reading(session, () => recoverStack(session, input), { takesLock: true }),
};

/** Operations that create the stack where that is wanted, and those that read its history. */
const creating: readonly Operation[] = ["preview", "up"];
const readingHistory: readonly Operation[] = ["status", "recover"];

/** Runs one operation with the Automation API. Throws nothing but {@link RolloutError}. */
export async function run<Name extends Operation>(
  { operation, target, input }: Request<Name>,
  control: Control,
): Promise<Result<Name>> {
  const folder = target.project ?? temporaryProject(target.projectName);
  let reached: Access | undefined;
  try {
    const { workspace, command } = await open(target, folder, control.kill, readingHistory.includes(operation));
    const access = (reached = accessOf(workspace, target));
    const patience = { codeOf: codeOfError, signal: control.signal };
    if (target.createIfMissing && creating.includes(operation))
      await steadily(access, () => create(command, target, { folder, access }), { ...patience, takesLock: true });
    const stack = await Stack.select(target.stack, workspace);
    const settings = () => settingsOf(stack, target, folder);
    return await handlers[operation]({ stack, command, folder, access, settings, target, control, patience }, input);
  } catch (error) {
    // Reading takes no signal: a pulumi that is dropped fails.
    if (control.kill.aborted && !isRolloutError(error)) throw stoppedReading(target.stack, control.kill);
    throw await explained(error, target, reached);
  } finally {
    if (target.project === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** What only reads, or takes the stack's lock itself. */
function reading<Value>(
  { access, patience }: Session,
  read: () => Promise<Value>,
  { takesLock = false }: { takesLock?: boolean } = {},
): Promise<Value> {
  const inOurShape = (error: unknown): never => {
    throw error instanceof RecoveryError ? recoveryError(error) : error;
  };
  return steadily(access, () => read().catch(inOurShape), { ...patience, takesLock });
}

/** The engine wants a project; settings that come as an object never touch a file. */
function temporaryProject(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "enroute-istio-"));
  writeFileSync(join(folder, "Pulumi.yaml"), `name: ${name}\nruntime: nodejs\n`);
  return folder;
}

async function open(target: Target, folder: string, kill: AbortSignal, history: boolean) {
  // The environment may name another folder for every pulumi; what was asked for here goes first.
  const own = { PULUMI_OPTION_CWD: folder, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const command = await pulumiCommand({ ...target.env, ...own }, kill, { history });
  return { workspace: await LocalWorkspace.create({ workDir: folder, envVars: own, pulumiCommand: command }), command };
}

/** `pulumi stack init`: it takes the stack's lock before it sees whether there is such a stack already. */
async function create(
  command: RunnablePulumi,
  { stack, secretsProvider }: Target,
  { folder, access }: Pick<Reading, "folder" | "access">,
): Promise<void> {
  const provider = secretsProvider === undefined ? [] : ["--secrets-provider", secretsProvider];
  try {
    await command.run(["stack", "init", stack, "--no-select", ...provider], folder, {});
  } catch (error) {
    const { message } = error as Error;
    if (/already exists/.test(message)) return;
    // Behind a lock, `init` does not see whether the stack exists; the operation itself reports what is wrong.
    if (!/stack is currently locked/.test(message)) throw error;
    const place = await access.place();
    if (place !== undefined && !isThere(place)) throw error;
  }
}

const engineOptions = (input: ChangeInput, events: EventTranslator, signal: AbortSignal) =>
  ({
    ...input,
    onEvent: (event: EngineEvent) => events.take(event),
    signal,
    color: "never",
    suppressOutputs: true,
    suppressProgress: true,
  }) as const;

/** Runs an operation of the engine: reports events, tries again while nothing was touched, explains a failure. */
async function changing(
  session: Session,
  phase: Exclude<Phase, "verify">,
  input: ChangeInput,
  operate: (options: ReturnType<typeof engineOptions>, program: PulumiFn) => Promise<unknown>,
): Promise<Changes> {
  const { onEvent, signal } = session.control;
  const events = new EventTranslator(session.target.stack, phase, onEvent);
  const waits = watchWaits(events);
  const why: Why = {};
  const program = () => inProgram(session, events, why, (settings) => waits.watch(settings));
  const attempt = { takesLock: phase !== "preview", isUntouched: () => !events.hasBegun, ...session.patience };
  events.start();
  try {
    if (signal.aborted) throw new Error("interrupted before it began");
    await steadily(session.access, () => operate(engineOptions(input, events, signal), program), attempt);
    events.finish("succeeded");
    return { changes: events.counts, changed: events.changed };
  } catch (error) {
    events.finish(signal.aborted ? "interrupted" : "failed");
    throw operationError(error, events, session, { ...why, namespaceOf: waits.namespaceOf });
  } finally {
    waits.stop();
  }
}

/** Why the program failed, where the program itself knows. */
interface Why {
  refusal?: Refusal;
  /** The report of the verification at the end of the update; or why there is none. */
  verified?: Report;
  unverified?: unknown;
}

/** The same program as `pulumi up` runs, watched: which components there are, and what each waits for. */
async function inProgram(
  { target, folder }: Session,
  events: EventTranslator,
  why: Why,
  onSettings: (settings: Settings) => void,
) {
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
    onRefusal: (refusal) => (why.refusal = refusal),
    onVerification: (report) =>
      void report.then(
        (verified) => (why.verified = verified),
        (error: unknown) => (why.unverified = error),
      ),
    onSettings,
    ...defined({ settings: target.settings, kubeconfig: target.kubeconfig }),
  });
  for (const component of components.values()) events.planned(component);
  return outputs;
}

async function settingsOf(stack: Stack, target: Target, folder: string): Promise<Settings> {
  return target.settings ?? atFolder(settingsFrom(await stack.getAllConfig(), target, folder), folder);
}

function settingsFrom(config: ConfigMap, { projectName, stack, kubeconfig }: Target, folder: string): Settings {
  try {
    const settings = loadSettings({
      project: projectName,
      stack,
      ...defined({ file: stackFile(folder, stack) }),
      values: Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value])),
      secretKeys: Object.entries(config).flatMap(([key, { secret }]) => (secret === true ? [key] : [])),
    });
    return kubeconfig === undefined ? settings : { ...settings, kubeconfig };
  } catch (error) {
    throw error instanceof SettingsError ? settingsError(error) : error;
  }
}

/** Checks of the way to the cluster: where nothing but these fail, it cannot be reached. */
const connectionChecks = ["cluster/reachable", "cluster/kubeconfig", "cluster/context", "cluster/answers"];

function refusalError(refusal: Refusal, stack: string): RolloutError {
  if (refusal instanceof SettingsError) return settingsError(refusal);
  const { findings } = refusal;
  const errors = findings.filter(({ severity }) => severity === "error");
  const message = `stack ${stack}: ${errors.map(({ problem }) => problem).join("; ")}`;
  const next = errors.map(({ fix }) => fix).join("; ");
  if (errors.every(({ check }) => check === "releases/unfinished")) return failure("release-wedged", message, next, {});
  const isUnreachable = errors.every(({ check }) => connectionChecks.includes(check));
  return failure(isUnreachable ? "cluster-unreachable" : "cluster-not-ready", message, next, { findings });
}

/** The error of an operation that failed: by what its caller, then its program, then the tools report. */
export function operationError(
  error: unknown,
  events: Pick<EventTranslator, "left" | "errors" | "violations" | "waitOf">,
  { target: { stack }, control: { signal, kill } }: Ending,
  { refusal, verified, unverified, namespaceOf }: Why & Pick<Failed, "namespaceOf">,
): RolloutError {
  if (refusal !== undefined) return refusalError(refusal, stack);
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
  if (unverified instanceof Error && "finding" in unverified) return unreachableError(stack, unverified as VerifyError);
  if (verified?.status === "failed") {
    const { cause, next } = explanations["verification-failed"];
    return failure("verification-failed", cause, next, { report: verified }, failuresText(verified));
  }
  return classify({
    text,
    errors: events.errors.map((one) => ({ ...one, ...events.waitOf(one.resource) })),
    violations: events.violations,
    left,
    ...defined({ namespaceOf }),
  });
}

/** Causes that need no more words; the tool's message is in the detail. */
const selfEvident: RolloutErrorCode[] = ["stack-not-found", "stack-locked", "passphrase-wrong", "pulumi-missing"];

async function explained(error: unknown, { stack }: Target, access: Access | undefined): Promise<RolloutError> {
  const known = isRolloutError(error)
    ? error
    : classify({ text: textOf(error), errors: [], violations: [], left: { unfinished: [], changed: 0 } });
  const { code, message } = known;
  const cause = selfEvident.includes(code) ? explanations[code].cause : message;
  const isWhole = isExplained(known) || (isRolloutError(error) && !selfEvident.includes(code));
  const named = isWhole ? known : known.retold({ message: `stack ${stack}: ${cause}` });
  return access === undefined ? named : explainAccess(named, access);
}

function codeOfError(error: unknown): RolloutErrorCode {
  return codeOf(textOf(error));
}

function textOf(error: unknown): string {
  if (error instanceof PulumiCommandError) return error.message.trim();
  return error instanceof Error ? error.message : String(error);
}
