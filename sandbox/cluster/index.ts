import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { type Binaries, buildBinaries, packageChart } from "../build";
import { installEnvoy } from "../envoy";
import { withLock } from "../lock";
import { allGone, isAlive, signal } from "../processes";
import { type Report, duration } from "../progress";
import {
  type SandboxState,
  type SupervisorConfig,
  contextName,
  dataFolder,
  istiodHoldPath,
  keepCertificatesPath,
  kubeconfigPath,
  logFolder,
  readState,
  recordingFolder,
} from "./state";
import type { TrafficPrograms } from "./traffic";

export interface SandboxOptions {
  /** Tells sandboxes of one checkout apart. Default "default". */
  readonly name?: string;
  /** Folder for all that it writes. Default `<checkout>/.sandbox/<name>`. */
  readonly folder?: string;
  /** Number of simulated nodes. Default 3. */
  readonly nodes?: number;
  /** Ends the sandbox together with the process that starts it, however that ends. Default false: it stays. */
  readonly tied?: boolean;
  /**
   * Runs real processes behind the pods on the way of a request: the gateway's Envoy with its Istio agent, and the workloads that
   * GatewayHosts route to, each behind its real sidecar. Default false: all pods but istiod's are simulated.
   */
  readonly traffic?: boolean;
  /** Keeps each istiod from being ready for so many seconds after its start. Default 0. */
  readonly istiodDelaySeconds?: number;
  readonly report?: Report;
}

/** A sandbox that runs. */
export interface Sandbox {
  readonly name: string;
  readonly folder: string;
  /** Path of a kubeconfig with an administrator's rights, readable by its owner only. */
  readonly kubeconfig: string;
  readonly context: string;
  readonly serverUrl: string;
  /** URL of the Helm repository with the Istio charts and our own. */
  readonly chartRepository: string;
  readonly serviceCidr: string;
  /** Whether requests can be sent through it: see {@link SandboxOptions.traffic}. One that runs already stays as it is. */
  readonly traffic: boolean;
  readonly binaries: Binaries;
  /** Whether it was running before it was asked for. */
  readonly reused: boolean;
  /** Process ids of the supervisor and everything that it runs, as of now. */
  readonly pids: () => number[];
  /** Keeps istiod from being ready: for so many seconds after its start, until further notice, or no longer. */
  readonly holdIstiod: (hold: boolean | number) => void;
  /** Has the gateway go on with the certificates of the mesh that it has, as gateways do that read their files once; or no longer. */
  readonly keepGatewayCertificates: (keep: boolean) => void;
  /**
   * Records all that passes through Service addresses, on both legs of a request. The function that it returns ends that, and
   * gives what was recorded by address (`<cluster IP>:<port>`).
   */
  readonly record: () => () => ReadonlyMap<string, Buffer>;
  /** Ends all processes and deletes the cluster's data; logs stay. */
  readonly stop: () => Promise<void>;
}

const checkout = resolve(__dirname, "../..");
const checkName = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** The folder of the sandbox with this name. */
export function sandboxFolder(name: string): string {
  if (!checkName.test(name)) {
    throw new Error(
      `the name of a sandbox is 1 to 32 lowercase letters, digits and inner hyphens, not ${JSON.stringify(name)}`,
    );
  }
  return join(checkout, ".sandbox", name);
}

/** Starts a sandbox, or finds the one that runs already. Builds the binaries first, if they are not built yet. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const name = options.name ?? "default";
  const folder = resolve(options.folder ?? sandboxFolder(name));
  const report = options.report ?? (() => {});
  const binaries = await buildBinaries({ report });
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, "starting.lock");
  const waiting = ({ pid }: { pid: number }) => report(`process ${pid} is starting or stopping this sandbox; waiting`);
  const { state, reused } = await withLock(
    lock,
    async () => {
      const running = findSandbox(folder);
      if (running?.status === "ready") {
        return { state: running, reused: true };
      }
      await clear(folder, report);
      return { state: await launch(name, folder, binaries, options, report), reused: false };
    },
    waiting,
  );
  return {
    name,
    folder,
    kubeconfig: kubeconfigPath(folder),
    context: contextName(name),
    serverUrl: state.serverUrl,
    chartRepository: state.chartRepository,
    serviceCidr: state.serviceCidr,
    traffic: state.traffic,
    binaries,
    reused,
    pids: () => pidsOf(readState(folder)),
    holdIstiod: (hold) => holdIstiod(folder, hold),
    keepGatewayCertificates: (keep) =>
      keep ? writeFileSync(keepCertificatesPath(folder), "") : rmSync(keepCertificatesPath(folder), { force: true }),
    record: () => record(recordingFolder(folder)),
    stop: () => stopSandbox(folder, report),
  };
}

/** The state of the sandbox in this folder, if its supervisor is alive. */
export function findSandbox(folder: string): SandboxState | undefined {
  const state = readState(folder);
  return state !== undefined && isAlive(state.supervisor) ? state : undefined;
}

/** Process ids of a sandbox: the supervisor's, and of each part its own and its tether's. */
export function pidsOf(state: SandboxState | undefined): number[] {
  return state === undefined ? [] : processesOf(state).map(({ pid }) => pid);
}

/**
 * Ends the sandbox in this folder, if there is one, and deletes the data of its cluster, also that of one that did not
 * end well. Logs stay.
 */
export async function stopSandbox(folder: string, report: Report = () => {}): Promise<void> {
  if (!existsSync(folder)) {
    return;
  }
  await withLock(join(folder, "starting.lock"), () => clear(folder, report));
}

/** What goes with the cluster: Pulumi's state describes objects that are no more. The project stays: somebody may have changed it. */
const perishable = ["data", "state", "charts", "kubeconfig", "sandbox.json"];
const switches = [istiodHoldPath, keepCertificatesPath, recordingFolder];

/** Ends the processes of a sandbox that somebody is still starting, without waiting for that somebody. */
export async function abandonSandbox(folder: string): Promise<void> {
  const state = findSandbox(folder);
  if (state !== undefined) {
    await endProcesses(state, () => {});
  }
}

/** The passphrase of the Pulumi state, and of what is encrypted in the stacks of the project. */
export const passphrasePath = (folder: string) => join(folder, "passphrase");

async function clear(folder: string, report: Report): Promise<void> {
  const state = readState(folder);
  if (state !== undefined) {
    await endProcesses(state, report);
  }
  const paths = [...perishable.map((name) => join(folder, name)), ...switches.map((path) => path(folder))];
  paths.forEach((path) => rmSync(path, { recursive: true, force: true }));
}

const processesOf = ({ supervisor, parts }: SandboxState) => [
  supervisor,
  ...parts.flatMap(({ process, tether }) => [tether, process]),
];

async function endProcesses(state: SandboxState, report: Report): Promise<void> {
  if (state.status === "ready" && !isAlive(state.supervisor)) {
    report("the sandbox had not been stopped properly; its data is deleted");
  }
  signal(state.supervisor, "SIGTERM");
  // It ends its parts one after the other, each within a few seconds.
  if (!(await allGone([state.supervisor], 20_000))) {
    report("the supervisor does not end by itself; killing it");
    signal(state.supervisor, "SIGKILL");
  }
  // Whoever the supervisor leaves is killed by its tether; this is for the case that somebody killed those, too.
  const all = processesOf(state);
  if (!(await allGone(all, 5000))) {
    all.forEach((id) => signal(id, "SIGKILL"));
    await allGone(all, 5000);
  }
}

async function launch(
  name: string,
  folder: string,
  binaries: Binaries,
  options: SandboxOptions,
  report: Report,
): Promise<SandboxState> {
  const started = Date.now();
  report(`starting the cluster "${name}"…`);
  mkdirSync(dataFolder(folder), { recursive: true, mode: 0o700 });
  mkdirSync(logFolder(folder), { recursive: true });
  readdirSync(logFolder(folder)).forEach((file) => rmSync(join(logFolder(folder), file)));
  packageCharts(folder, binaries);
  const program = await bundle(folder, "cluster/supervisor");
  const traffic = options.traffic === true ? await trafficPrograms(folder, binaries, report) : undefined;
  const { controlplane, kwok, pilotDiscovery, helm, tether } = binaries;
  const config: SupervisorConfig = {
    name,
    folder,
    nodes: options.nodes ?? 3,
    tied: options.tied ?? false,
    istiodDelaySeconds: options.istiodDelaySeconds ?? 0,
    charts: join(folder, "charts"),
    ...(traffic === undefined ? {} : { traffic }),
    binaries: { controlplane, kwok, pilotDiscovery, helm, tether },
  };
  const configPath = join(dataFolder(folder), "supervisor.json");
  writeFileSync(configPath, JSON.stringify(config));
  const log = openSync(join(logFolder(folder), "supervisor.log"), "a");
  // A small heap: it forwards bytes and keeps a few objects.
  const child = spawn(process.execPath, ["--max-old-space-size=96", "--max-semi-space-size=2", program, configPath], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
  });
  child.unref();
  const state = await ready(child, folder);
  if (options.tied !== true) {
    child.disconnect();
  }
  child.channel?.unref();
  report(`the cluster "${name}" is ready after ${duration(Date.now() - started)}`);
  return state;
}

/** Waits until the supervisor says that the sandbox is ready, or ends. */
async function ready(child: ChildProcess, folder: string): Promise<SandboxState> {
  for (;;) {
    const state = readState(folder);
    if (state?.supervisor.pid === child.pid && state?.status === "ready") {
      return state;
    }
    if (child.exitCode !== null || child.signalCode !== null) {
      const why = state?.error ?? `its supervisor ended (${child.signalCode ?? `exit code ${child.exitCode}`})`;
      throw new Error(`the sandbox did not start: ${why}. Its logs are in ${logFolder(folder)}`);
    }
    await sleep(50);
  }
}

/** Makes one file without dependencies, which starts sooner and takes less memory than a transpiler at run time. */
async function bundle(folder: string, program: string): Promise<string> {
  const outfile = join(dataFolder(folder), `${program.replace("/", "-")}.cjs`);
  const entryPoints = [join(__dirname, "..", `${program}.ts`)];
  await build({
    entryPoints,
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    logLevel: "error",
  });
  return outfile;
}

async function trafficPrograms(folder: string, binaries: Binaries, report: Report): Promise<TrafficPrograms> {
  const [envoy, gateway, workload] = await Promise.all([
    installEnvoy(report),
    bundle(folder, "gateway/main"),
    bundle(folder, "workload"),
  ]);
  const { pilotAgent, bootstrapTemplate } = binaries;
  return { envoy, pilotAgent, bootstrapTemplate, gateway, workload };
}

/** The repository's content: Istio's charts, packaged when the binaries were built, and our own as they are now. */
function packageCharts(folder: string, { helm, charts }: Binaries): void {
  const target = join(folder, "charts");
  cpSync(charts, target, { recursive: true });
  const sources = join(checkout, "sandbox", "charts");
  for (const chart of existsSync(sources) ? readdirSync(sources) : []) {
    if (existsSync(join(sources, chart, "Chart.yaml"))) {
      packageChart(helm, join(sources, chart), target);
    }
  }
}

function holdIstiod(folder: string, hold: boolean | number): void {
  if (hold === false) {
    rmSync(istiodHoldPath(folder), { force: true });
  } else {
    writeFileSync(istiodHoldPath(folder), hold === true ? "" : String(hold));
  }
}

function record(recordings: string): () => ReadonlyMap<string, Buffer> {
  rmSync(recordings, { recursive: true, force: true });
  mkdirSync(recordings, { mode: 0o700 });
  return () => {
    const files = readdirSync(recordings);
    const recorded = new Map(files.map((name) => [name.replace("_", ":"), readFileSync(join(recordings, name))]));
    rmSync(recordings, { recursive: true });
    return recorded;
  };
}
