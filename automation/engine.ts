import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { type ConfigMap, type EngineEvent, LocalWorkspace, type PulumiFn, Stack } from "@pulumi/pulumi/automation";
import { defined } from "../base/defined";
import { encryptedIn } from "../base/encrypted";
import { programFolder, stackFile } from "../base/project-files";
import { RecoveryError } from "../recovery/error";
import { isThere } from "../recovery/state-file";
import { SettingsError } from "../settings/error";
import { atFolder, loadSettings } from "../settings/load";
import { hidingSecrets } from "../settings/marks";
import { type ExpectedRelease, expectedReleases } from "../settings/expected";
import { type Settings } from "../settings/schema";
import { type RolloutErrorCode, isRolloutError, recoveryError, settingsError, stoppedReading } from "./errors";
import { EventTranslator, isComponent, shortType } from "./event-translator";
import type { Phase, RolloutEvent } from "./events";
import { type Why, codeOfError, explained, operationError } from "./failures";
import * as lazy from "./lazy";
import { type RunnablePulumi, pulumiCommand } from "./pulumi-command";
import type { ChangeInput, Changes, Input, Operation, Request, Result, Target } from "./request";
import { type Reading, locksOf, recoverStack, statusOf } from "./stack-state";
import { type Access, accessOf, steadily } from "./state-access";

export interface Control {
  onEvent: (event: RolloutEvent) => void;
  /** Stops gracefully: what is being done is finished, nothing new is begun. */
  signal: AbortSignal;
  /** Ends the tools at once. */
  kill: AbortSignal;
}

/** What every change of the Automation API takes. */
type EngineOptions = ChangeInput & {
  onEvent: (event: EngineEvent) => void;
  signal: AbortSignal;
  color: "never";
  suppressOutputs: true;
  suppressProgress: true;
  /** The engine asks the cluster by the program's provider, not by the state's. */
  runProgram?: true;
};

/** An operation under way: its environment, and the stack as the Automation API has it. */
interface Session extends Reading {
  target: Target;
  control: Control;
  /** Whether a failure is passing, and how long to go on trying. */
  patience: { codeOf: (error: unknown) => RolloutErrorCode; signal: AbortSignal };
}

type Handler<Name extends Operation> = (session: Session, input: Input<Name>) => Promise<Result<Name>>;

/** Every operation. */
const handlers: { [Name in Operation]: Handler<Name> } = {
  preview: async (session, input) =>
    (await changing(session, "preview", input, (stack, options, program) => stack.preview({ ...options, program })))
      .changes,
  async up(session, input) {
    const { changes, value } = await changing(session, "update", input, (stack, options, program) =>
      stack.up({ ...options, program }),
    );
    return { ...changes, outputs: value.outputs };
  },
  refresh: async (session, input) =>
    (await changing(session, "refresh", input, (stack, options) => stack.refresh(options))).changes,
  async destroy(session, { remove, ...input }) {
    const { stack, control, target } = session;
    await reading(session, () => lazy.destroyable().refuseOthers(session));
    const { changes } = await changing(session, "destroy", input, async (_, options) => {
      await stack.destroy(options);
      // Stopped between two steps, the engine (3.246) reports success of a destroy that left most in place.
      if (control.signal.aborted) throw new Error("stopped between two steps");
      if (remove === true) await stack.workspace.removeStack(target.stack, { preserveConfig: true });
    });
    return changes;
  },
  outputs: (session) => reading(session, () => session.stack.outputs()),
  settings: (session) => reading(session, () => session.settings()),
  deployed: (session) =>
    reading(session, async () => {
      const [settings, outputs] = await Promise.all([session.settings(), session.stack.outputs()]);
      return { settings, outputs };
    }),
  status: (session) => reading(session, () => statusOf(session)),
  recover: (session, input) => {
    const cluster = () => elsewhere(session, "refresh", {});
    return reading(session, () => recoverStack(session, { ...input, cluster }), { takesLock: true });
  },
  async forget(session, { apply, unseen, remove }) {
    const { stack, target } = session;
    const { lookBehind, leftInState, stillThere } = lazy.forgetting();
    const found = await reading(session, () => lookBehind(session, { unseen }));
    if (!apply) return { ...found, done: false };
    await (await locksOf(session)).unlock();
    // The provider drops what it cannot reach, and nothing else: should the cluster be back, it is only read.
    stack.workspace.envVars = { ...stack.workspace.envVars, PULUMI_K8S_DELETE_UNREACHABLE: "true" };
    await changing(session, "refresh", {}, (_, options) => stack.refresh({ ...options, clearPendingCreates: true }));
    const left = await reading(session, () => leftInState(session));
    if (left.length > 0) throw stillThere(target.stack, left);
    if (remove) await stack.workspace.removeStack(target.stack, { preserveConfig: true, force: true });
    return { ...found, done: true };
  },
  draft: (session, input) => reading(session, () => lazy.adoption().draftStack(session, input)),
  import: (session) => reading(session, () => lazy.adoption().importStack(session), { takesLock: true }),
};

/** Operations that create the stack where that is wanted, and those that read its history. */
const creating: readonly Operation[] = ["preview", "up", "import"];
const readingHistory: readonly Operation[] = ["status", "recover"];

/** Runs one operation with the Automation API. Throws nothing but {@link RolloutError}. */
export async function run<Name extends Operation>(
  { operation, target, input }: Request<Name>,
  control: Control,
): Promise<Result<Name>> {
  const folder = target.project ?? temporaryProject(target.projectName);
  let reached: Access | undefined;
  let selected: Stack | undefined;
  try {
    const { workspace, command } = await open(target, folder, control.kill, readingHistory.includes(operation));
    const access = (reached = accessOf(workspace, target));
    const patience = { codeOf: codeOfError, signal: control.signal };
    if (target.createIfMissing && creating.includes(operation))
      await steadily(access, () => create(command, target, { folder, access }), { ...patience, takesLock: true });
    const stack = (selected = await Stack.select(target.stack, workspace));
    const settings = () => settingsOf(stack, target, folder);
    return await handlers[operation]({ stack, command, folder, access, settings, target, control, patience }, input);
  } catch (error) {
    // Reading takes no signal: a pulumi that is dropped fails.
    if (control.kill.aborted && !isRolloutError(error)) throw stoppedReading(target.stack, control.kill);
    const known = await explained(error, target, reached);
    if (selected === undefined || known.code !== "cluster-unreachable" || operation === "forget") throw known;
    throw await lazy.forgetting().withWayOut(known, selected);
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

/** Runs an operation of the engine: reports events, tries again while nothing was touched, explains a failure. */
async function changing<Value>(
  session: Session,
  phase: Exclude<Phase, "verify">,
  input: ChangeInput,
  operate: (stack: Stack, options: EngineOptions, program: PulumiFn) => Promise<Value>,
): Promise<{ changes: Changes; value: Value }> {
  const { stack, target, access, patience } = session;
  const { onEvent, signal } = session.control;
  const provider = await elsewhere(session, phase, input);
  const events = new EventTranslator(target.stack, phase, onEvent);
  events.hide = hidingSecrets(target.settings);
  let releases: ExpectedRelease[] = [];
  const why: Why = {};
  const cleanUps: (() => void)[] = [];
  const options = {
    ...input,
    onEvent: (event: EngineEvent) => events.take(event),
    signal,
    color: "never",
    suppressOutputs: true,
    suppressProgress: true,
    ...provider,
  } as const;
  const onSettings = (settings: Settings) => {
    events.hide = hidingSecrets(settings);
    releases = expectedReleases(settings);
  };
  const program = () => inProgram(session, events, { why, onSettings, onCleanUp: (cleanUp) => cleanUps.push(cleanUp) });
  events.start();
  try {
    if (signal.aborted) throw new Error("interrupted before it began");
    const takesLock = phase !== "preview";
    const isUntouched = () => !events.hasBegun;
    const value = await steadily(access, () => operate(stack, options, program), {
      ...patience,
      takesLock,
      isUntouched,
    });
    events.finish("succeeded");
    return { changes: { changes: events.counts, changed: events.changed }, value };
  } catch (error) {
    events.finish(signal.aborted ? "interrupted" : "failed");
    const namespaceOf = (release: string) => releases.find(({ name }) => name === release)?.namespace;
    throw operationError(error, events, session, { ...why, namespaceOf });
  } finally {
    cleanUps.forEach((cleanUp) => cleanUp());
  }
}

/**
 * Another kubeconfig than the state's counts for what the engine itself asks the cluster, too: for a refresh, also one before a change,
 * and for a destroy. The latter two have no program; the provider alone takes its place.
 */
async function elsewhere(
  session: Session,
  phase: Phase,
  { refresh }: ChangeInput,
): Promise<Pick<EngineOptions, "runProgram">> {
  const { stack, target } = session;
  if (target.kubeconfig === undefined) return {};
  const isBare = phase === "refresh" || phase === "destroy";
  if (isBare) {
    const settings = await reading(session, () => session.settings());
    stack.workspace.program = () => Promise.resolve(lazy.program().clusterAlone(settings));
  }
  return isBare || refresh === true ? { runProgram: true } : {};
}

interface Hooks {
  why: Why;
  onSettings: (settings: Settings) => void;
  onCleanUp: (cleanUp: () => void) => void;
}

/** The same program as `pulumi up` runs, watched: which components there are, and what each waits for. */
async function inProgram({ target, folder }: Session, events: EventTranslator, { why, onSettings, onCleanUp }: Hooks) {
  const { program } = lazy.program();
  const components = new Map<pulumi.Resource, Parameters<typeof events.planned>[0]>();
  const outermost = new Map<pulumi.Resource, pulumi.Resource>();
  pulumi.runtime.registerStackTransformation(({ resource, type, name, opts }) => {
    const outer = opts.parent === undefined ? undefined : outermost.get(opts.parent);
    outermost.set(resource, outer ?? resource);
    if (outer === undefined && isComponent(type))
      components.set(resource, { component: { type: shortType(type), name }, resources: 0, waitsFor: [] });
    const component = components.get(outer ?? resource);
    if (component === undefined) return undefined;
    component.resources += isComponent(type) ? 0 : 1;
    // What one of its resources waits for, it waits for, too; mostly that is one resource of another component.
    for (const needed of Array.isArray(opts.dependsOn) ? (opts.dependsOn as pulumi.Resource[]) : []) {
      const other = components.get(outermost.get(needed) ?? needed)?.component;
      if (other !== undefined && other !== component.component && !component.waitsFor.includes(other))
        component.waitsFor.push(other);
    }
    return undefined;
  });
  const outputs = await program({
    folder,
    providerFolder: programFolder(folder),
    onRefusal: (refusal) => (why.refusal = refusal),
    onVerification: (report) =>
      void report.then(
        (verified) => (why.verified = verified),
        (error: unknown) => (why.unverified = error),
      ),
    onSettings,
    onCleanUp,
    onWait: (release, wait) => {
      if (wait !== undefined && "text" in wait) events.releaseWaiting(release, wait);
    },
    ...defined({ settings: target.settings, kubeconfig: target.kubeconfig }),
  });
  for (const component of components.values()) events.planned(component);
  return outputs;
}

async function settingsOf(stack: Stack, target: Target, folder: string): Promise<Settings> {
  return target.settings ?? atFolder(settingsFrom(await stack.getAllConfig(), target, folder), folder);
}

function settingsFrom(config: ConfigMap, { projectName, stack, kubeconfig }: Target, folder: string): Settings {
  const values = Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value]));
  const secretKeys = Object.entries(config).flatMap(([key, { secret }]) => (secret === true ? [key] : []));
  const configuration = { project: projectName, stack, values, secretKeys };
  try {
    const settings = loadSettings({
      ...configuration,
      ...defined({ file: stackFile(folder, stack) }),
      encrypted: encryptedIn(folder, configuration),
    });
    return kubeconfig === undefined ? settings : { ...settings, kubeconfig };
  } catch (error) {
    throw error instanceof SettingsError ? settingsError(error) : error;
  }
}
