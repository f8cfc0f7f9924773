import { rmSync } from "node:fs";
import { version as packagedVersion } from "@pulumi/kubernetes/package.json";
import { type Sandbox, sandboxFolder, startSandbox } from "../../sandbox/cluster";
import { sandboxEnvironment } from "../../sandbox/environment";
import { type Report, reportTo } from "../../sandbox/progress";
import { type Ended, runTethered } from "../../sandbox/tethered";

/** Told on a terminal only: in a log of tests the progress of a start is noise, but minutes of building are not. */
const report: Report = reportTo(process.stderr);

let shared: Promise<Sandbox> | undefined;
const environments = new Map<string, Promise<NodeJS.ProcessEnv>>();
let failed = false;

/**
 * One sandbox for all test files of a mocha process, started when the first one asks for it, and stopped by the hooks in
 * `hooks.ts` (it also ends by itself with the process). The first build takes minutes, so call it in a `before` hook
 * without a time limit.
 */
export function sharedSandbox(): Promise<Sandbox> {
  shared ??= startSandbox({ name: `test-${process.pid}`, tied: true, report });
  return shared;
}

/** Stops the shared sandbox, if there is one; its logs stay if a test failed. */
export async function stopSharedSandbox(): Promise<void> {
  const sandbox = await shared?.catch(() => undefined);
  shared = undefined;
  if (sandbox === undefined) {
    return;
  }
  await sandbox.stop();
  if (failed) {
    report(`the logs of the sandbox are in ${sandbox.folder}/logs`);
  } else {
    rmSync(sandbox.folder, { recursive: true, force: true });
  }
}

export function noteFailure(): void {
  failed = true;
}

export interface RunOptions {
  readonly sandbox?: Sandbox;
  /** Folder to work in; for pulumi, that of the project. */
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** Runs a command (kubectl, helm, pulumi, …) against the shared or the given sandbox. Does not throw if it fails. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const sandbox = options.sandbox ?? (await sharedSandbox());
  const env = { ...(await environmentOf(sandbox)), ...options.env };
  const { cwd, signal } = options;
  return runTethered(sandbox.binaries.tether, command, args, {
    env: cwd === undefined ? env : { ...env, PULUMI_OPTION_CWD: cwd },
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** As `run`, but a failure of the command is an error with all that it said. Returns its standard output. */
export async function succeed(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) {
    throw new Error(`${command} ${args.join(" ")} ended with exit code ${code}:\n${stdout}${stderr}`);
  }
  return stdout;
}

/** The environment in which pulumi, and what uses it, works on the shared sandbox and nothing else. */
export async function sandboxVariables(): Promise<Record<string, string>> {
  const variables = Object.entries(await environmentOf(await sharedSandbox()));
  return Object.fromEntries(variables.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** The version of the kubernetes provider in use, for a program of a test's own to ask for. */
export async function kubernetesPluginVersion(): Promise<string> {
  return (await sandboxVariables())["ENROUTE_SANDBOX_KUBERNETES_VERSION"] ?? packagedVersion;
}

/** Runs `pulumi` in the sandbox's project, or in `cwd`. Does not throw if it fails. */
export function pulumi(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return run("pulumi", [...args, "--non-interactive"], { ...options, env: { NO_COLOR: "1", ...options.env } });
}

/** Deletes the folder of a sandbox that a test made. */
export function deleteFolder(name: string): void {
  rmSync(sandboxFolder(name), { recursive: true, force: true });
}

function environmentOf(sandbox: Sandbox): Promise<NodeJS.ProcessEnv> {
  // By the cluster, not by the folder: a sandbox that was started anew needs its project anew.
  const key = `${sandbox.folder} ${sandbox.pids()[0]}`;
  const environment = environments.get(key) ?? sandboxEnvironment(sandbox, report);
  environments.set(key, environment);
  return environment;
}
