import { spawn, spawnSync } from "node:child_process";
import { constants } from "node:os";
import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { closest, distance } from "fastest-levenshtein";
import { cacheFolder } from "./build";
import { type Sandbox, abandonSandbox, findSandbox, sandboxFolder, startSandbox, stopSandbox } from "./cluster";
import { logFolder } from "./cluster/state";
import { mostNodes } from "./cluster/nodes";
import { NoEnvoyError, installEnvoy } from "./envoy";
import { prepareWorkplace, unusableLine } from "./environment";
import type { SandboxProject } from "./project";
import { residentBytes, residentBytesBelow } from "./processes";
import { reportTo } from "./progress";
import { commandOf, deploy, show, startOf } from "./show";

const report = reportTo(process.stderr);

/** Ends with the message alone; a stack trace helps nobody who only uses this. */
class UserError extends Error {}

interface UpOptions {
  readonly nodes: number;
  readonly stack: string;
  readonly deploy: boolean;
  readonly traffic: boolean;
}

async function up(name: string, options: UpOptions): Promise<void> {
  const folder = sandboxFolder(name);
  const interrupt = new AbortController();
  const isInterrupted = () => interrupt.signal.aborted;
  let sandbox: Sandbox | undefined;
  const onSignal = () => {
    if (isInterrupted()) {
      return;
    }
    process.exitCode = 130;
    report("interrupted: ending what was started");
    const isOurs = sandbox === undefined && findSandbox(folder)?.status !== "ready";
    interrupt.abort();
    if (sandbox === undefined) {
      // Whoever is building or starting ends with this process.
      void (isOurs ? abandonSandbox(folder) : Promise.resolve()).finally(() => process.exit());
    }
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onSignal);

  try {
    const traffic = options.traffic && (await hasEnvoy());
    sandbox = await startSandbox({ name, nodes: options.nodes, traffic, report });
    if (sandbox.reused) {
      report(`the sandbox "${name}" is running already`);
    }
    const { env, project, standIns } = await prepareWorkplace(sandbox, report);
    if (standIns.length > 0) {
      report(
        `stand-ins of this sandbox, not the official ones: ${standIns.join(", ")} (docs/sandbox.md: what they leave out)`,
      );
    }
    const stack = options.deploy ? options.stack : undefined;
    refuseUnusable(project, stack);
    if (stack !== undefined) {
      if (project.changed.has(stack)) {
        report(
          `the stack "${stack}" has changes that were made in the sandbox; to drop them delete ${project.fileOf(stack)}`,
        );
      }
      await deploy(sandbox, env, stack, interrupt.signal, report);
    }
    if (!isInterrupted()) {
      await show(sandbox, env, stack, interrupt.signal);
    }
  } catch (error) {
    // What an interruption breaks is no news.
    if (!isInterrupted()) {
      throw error;
    }
  }
  if (isInterrupted() && sandbox?.reused === false) {
    await sandbox.stop();
    report("the sandbox is stopped");
  }
}

const notRunning = (name: string) => `The sandbox "${name}" is not running. Start it with: ${startOf(name)}`;

/** Stops before a stack is used whose file has a mistake; of others it tells in a line. */
function refuseUnusable({ unusable }: SandboxProject, used: string | undefined): void {
  for (const [stack, why] of unusable) {
    if (stack === used) {
      throw new UserError(why);
    }
    report(unusableLine(why));
  }
}

/** The stack that a command works on, as far as the command says so: by --stack, or as pulumi by what is selected. */
function stackUsed(command: string, args: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const named = args.findIndex((arg) => arg === "--stack" || arg === "-s");
  const joined = args.find((arg) => arg.startsWith("--stack="));
  if (named >= 0 || joined !== undefined) {
    return joined?.slice("--stack=".length) ?? args[named + 1];
  }
  if (command !== "pulumi" || args[0] === "stack") {
    return undefined;
  }
  return spawnSync("pulumi", ["stack", "--show-name", "--non-interactive"], { env, encoding: "utf8" }).stdout.trim();
}

/** Whether live traffic is to be had; if not, says so, and the sandbox goes without. */
async function hasEnvoy(): Promise<boolean> {
  try {
    await installEnvoy(report);
    return true;
  } catch (error) {
    if (!(error instanceof NoEnvoyError)) throw error;
    report(`no live traffic in this sandbox, every pod is simulated: ${error.message}`);
    return false;
  }
}

async function down(name: string): Promise<void> {
  const folder = sandboxFolder(name);
  const wasRunning = findSandbox(folder) !== undefined;
  await stopSandbox(folder, report);
  report(wasRunning ? `the sandbox "${name}" is stopped` : `the sandbox "${name}" was not running`);
}

function status(name: string): void {
  const state = findSandbox(sandboxFolder(name));
  if (state === undefined) {
    console.log(notRunning(name));
    process.exitCode = 3;
    return;
  }
  const mebibytes = (bytes: number) => Math.round(bytes / 1024 / 1024);
  const rows = [
    { name: "supervisor", pid: state.supervisor.pid, restarts: 0, MiB: mebibytes(residentBytes(state.supervisor.pid)) },
    ...state.parts.map(({ name, process, tether, restarts }) => ({
      name,
      pid: process.pid,
      restarts,
      MiB: mebibytes(residentBytesBelow([tether.pid, process.pid])),
    })),
  ];
  console.log(`The sandbox "${name}" is ${state.status}.`);
  console.log(`  API server        ${state.serverUrl}`);
  console.log(`  chart repository  ${state.chartRepository}`);
  console.log(`  Service addresses ${state.serviceCidr}`);
  console.log(`  kubeconfig        ${join(sandboxFolder(name), "kubeconfig")}`);
  for (const { name, pid, restarts, MiB } of rows) {
    const again = restarts === 0 ? "" : `, restarted ${restarts} times`;
    console.log(`  ${name.padEnd(44)} process ${String(pid).padStart(8)}  ${String(MiB).padStart(5)} MiB${again}`);
  }
  console.log(`  together ${rows.reduce((sum, { MiB }) => sum + MiB, 0)} MiB`);
}

async function execute(name: string, [command, ...args]: readonly string[]): Promise<void> {
  if (findSandbox(sandboxFolder(name))?.status !== "ready") {
    throw new UserError(notRunning(name));
  }
  const sandbox = await startSandbox({ name, report });
  const { env, project } = await prepareWorkplace(sandbox, report);
  if (project.unusable.size > 0) {
    refuseUnusable(project, stackUsed(command!, args, env));
  }
  const child = spawn(command!, args, { env, cwd: callersFolder(), stdio: "inherit" });
  // From a terminal the command gets these itself.
  const pass = (signal: NodeJS.Signals) =>
    void (process.stdin.isTTY && signal === "SIGINT" ? false : child.kill(signal));
  process.on("SIGINT", pass).on("SIGTERM", pass).on("SIGHUP", pass);
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "ENOENT" ? new UserError(`There is no command "${command}".`) : error),
    );
    child.on("close", (code, signal) => resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]));
  });
}

/** Where the person is: npm runs its scripts in the package's folder. */
function callersFolder(): string {
  const { npm_lifecycle_event: script, INIT_CWD: folder } = process.env;
  return script === "sandbox" && folder !== undefined ? folder : process.cwd();
}

function logs(name: string, part: string | undefined, lines: number): void {
  const folder = logFolder(sandboxFolder(name));
  const parts = existsSync(folder)
    ? readdirSync(folder).flatMap((file) => (file.endsWith(".log") ? file.slice(0, -".log".length) : []))
    : [];
  if (part === undefined) {
    console.log(parts.length === 0 ? `The sandbox "${name}" has no logs.` : `${commandOf(name)} logs <part>, one of:`);
    parts.forEach((name) => console.log(`  ${name}`));
    return;
  }
  const found = parts.filter((name) => name === part || name.startsWith(`${part}-`));
  if (found.length === 0) {
    throw new UserError(`There is no log of "${part}". There are: ${parts.join(", ") || "none"}.`);
  }
  for (const one of found) {
    const text = readFileSync(join(folder, `${one}.log`), "utf8")
      .trimEnd()
      .split("\n");
    console.log(text.slice(-lines).join("\n"));
  }
}

async function clean(name: string, cache: boolean): Promise<void> {
  await down(name);
  rmSync(sandboxFolder(name), { recursive: true, force: true });
  report(`deleted ${sandboxFolder(name)}`);
  if (cache) {
    rmSync(cacheFolder(), { recursive: true, force: true });
    report(`deleted ${cacheFolder()}: the next start builds everything again`);
  }
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > mostNodes) {
    throw new InvalidArgumentError(`a whole number from 1 to ${mostNodes}`);
  }
  return value;
}

const program = new Command("npm run sandbox --")
  .description(
    "A Kubernetes control plane with istiod, Helm and Pulumi on this machine: no containers, no cloud, and no internet but " +
      "for the package registries during the first build.",
  )
  .option("--name <name>", "which sandbox; several can run side by side", "default")
  .enablePositionalOptions()
  .showHelpAfterError();

function refuseWords([word]: readonly string[]): void {
  if (word === undefined) {
    return;
  }
  const isStack = existsSync(join(__dirname, "..", "stacks", `Pulumi.${word}.yaml`));
  const names = program.commands.map((command) => command.name());
  const near = closest(word, names);
  const hint = isStack
    ? `to roll out the stack of this name: --stack ${word}`
    : distance(word, near) <= 2
      ? `did you mean ${near}?`
      : `there are: ${names.join(", ")}`;
  program.error(`error: unknown command '${word}'; ${hint}`);
}

const selected = () => program.opts<{ name: string }>().name;

program
  .command("up", { isDefault: true })
  .description("build what is not built yet, start the sandbox, roll out a stack, and show what came of it")
  .option("--nodes <count>", `number of simulated nodes, up to ${mostNodes}`, count, 3)
  .option("--stack <name>", "stack to roll out", "sandbox")
  .option("--no-deploy", "start the sandbox only")
  .option("--no-traffic", "simulate every pod: no gateway, sidecar or application to send a request through")
  // The default command gets the words that are no command's name.
  .allowExcessArguments()
  .action((options: UpOptions, { args }: Command) => {
    refuseWords(args);
    return up(selected(), options);
  });
program
  .command("down")
  .description(
    "end all processes; the cluster's data and the state of its stacks go, logs and what was changed in its stacks stay",
  )
  .action(() => down(selected()));
program
  .command("status")
  .description("what runs, where, and how much memory it takes; exit code 3 if nothing does")
  .action(() => status(selected()));
program
  .command("exec")
  .description("run a command against the sandbox, in this folder: pulumi, kubectl, helm, … (put -- before it)")
  .argument("<command...>")
  .passThroughOptions()
  .action((command: string[]) => execute(selected(), command));
program
  .command("logs")
  .description("the last lines of the log of a part; without a part, what parts there are")
  .argument("[part]")
  .option("--lines <count>", "how many", (text) => Number(text), 100)
  .action((part: string | undefined, { lines }: { lines: number }) => logs(selected(), part, lines));
program
  .command("clean")
  .description("down, and delete the sandbox's folder with its logs and changed stacks as well")
  .option("--cache", "delete the built binaries, too", false)
  .action(({ cache }: { cache: boolean }) => clean(selected(), cache));

program.parseAsync().catch((error: unknown) => {
  report(
    error instanceof UserError || process.env["DEBUG"] === undefined
      ? String((error as Error).message)
      : String((error as Error).stack),
  );
  process.exitCode = 1;
});
