#!/usr/bin/env node
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import completion from "@bomb.sh/tab/commander";
import { Command, InvalidArgumentError, Option } from "commander";
import type * as review from "../review/cli";
import type { Finding } from "../verify/finding";
import { exitCode, reportText } from "../verify/report";
import { type ChangeResult, Environment, type RunOptions } from "./environment";
import { isRolloutError } from "./errors";
import { foreignLockHours, isClean, recoveryText, standingOf, statusText } from "./status";
import { changesText, openView } from "./view";

/** Exit codes, the same for every command. */
const exit = { failed: 1, notRun: 3, interrupted: 130 };

/** What stopped a command before it touched anything. */
const beforeAnything = new Set([
  "settings-invalid",
  "project-not-found",
  "pulumi-missing",
  "stack-not-found",
  "stack-locked",
  "not-deployed",
  "passphrase-wrong",
  "backend-unavailable",
  "state-damaged",
  "cluster-unreachable",
  "cluster-not-ready",
]);

interface CommonOptions {
  stack: string;
  cwd: string;
  json?: true;
}

const isTerminal = () => process.stdout.isTTY && process.stdin.isTTY;
const useColour = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
const print = (value: unknown) => console.log(typeof value === "string" ? value : JSON.stringify(value, undefined, 2));

function environmentOf({ stack, cwd }: CommonOptions, more: { createIfMissing?: boolean } = {}): Environment {
  return new Environment({ stack, project: resolve(cwd), ...more });
}

/** Runs an operation with its progress on the screen, and with Ctrl-C: once to stop gracefully, twice to drop everything. */
async function watched<Result>(
  { stack, json }: CommonOptions,
  operation: (options: RunOptions) => Promise<Result>,
): Promise<Result> {
  // With --json the standard output is the result's alone.
  const view = openView(json === true ? withoutTerminal(process.stderr) : process.stdout, stack, { colour: useColour });
  const stop = new AbortController();
  const kill = new AbortController();
  const interrupt = () => {
    if (stop.signal.aborted) {
      view.note("dropping everything: what was being done is in an unknown state (enroute-istio recover looks at it)");
      kill.abort();
    } else {
      view.note("stopping: what is being done is finished, nothing more is begun. Ctrl-C again drops everything");
      stop.abort();
    }
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    return await operation({ onEvent: view.take, signal: stop.signal, killSignal: kill.signal });
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    view.close();
  }
}

function withoutTerminal(stream: NodeJS.WriteStream) {
  return { write: (text: string) => stream.write(text) };
}

interface ChangeOptions extends CommonOptions {
  yes?: true;
  parallel?: number;
  refresh?: true;
  policyPack?: string[];
  policyPackConfig?: string[];
  message?: string;
  create?: true;
  remove?: true;
  expectNoChanges?: true;
}

const engineOptions = ({
  parallel,
  refresh,
  policyPack,
  policyPackConfig,
  message,
  expectNoChanges,
}: ChangeOptions) => ({
  ...(parallel === undefined ? {} : { parallel }),
  ...(refresh === undefined ? {} : { refresh }),
  ...(policyPack === undefined ? {} : { policyPacks: policyPack.map((folder) => resolve(folder)) }),
  ...(policyPackConfig === undefined ? {} : { policyPackConfigs: policyPackConfig.map((file) => resolve(file)) }),
  ...(message === undefined ? {} : { message }),
  ...(expectNoChanges === undefined ? {} : { expectNoChanges }),
});

async function runPreview({ expectNoChanges, ...options }: ChangeOptions): Promise<void> {
  const environment = environmentOf(options);
  const result = await watched(options, (watch) => environment.preview({ ...watch, ...engineOptions(options) }));
  if (options.json === true) print(result);
  else print(changeText(result));
  if (expectNoChanges === true && result.hasChanges) process.exitCode = exit.failed;
}

function changeText({ resources, changes }: ChangeResult): string {
  const lines = resources.map(({ resource: { type, name }, change, differs }) => {
    const why = differs.length === 0 || change === "create" ? "" : `: ${differs.join(", ")}`;
    return `  ${change.padEnd(8)} ${type} ${name}${why}`;
  });
  return [...lines, changesText(changes, "preview")].join("\n");
}

async function runUp(options: ChangeOptions): Promise<void> {
  const environment = environmentOf(options, { createIfMissing: options.create === true });
  if (!(await agreed(options, "up", (watch) => environment.preview({ ...watch, ...engineOptions(options) })))) return;
  const { outputs, ...result } = await watched(options, (watch) =>
    environment.up({ ...watch, ...engineOptions(options) }),
  );
  if (options.json === true) print({ ...result, outputs });
  else printOutputs(outputs);
}

async function runDestroy(options: ChangeOptions): Promise<void> {
  const environment = environmentOf(options);
  if (!(await agreed(options, "destroy", () => environment.outputs()))) return;
  const kept = (await environment.outputs()).keptOnDestroy?.value ?? [];
  const result = await watched(options, (watch) =>
    environment.destroy({ ...watch, ...engineOptions(options), remove: options.remove === true }),
  );
  if (options.json === true) print({ ...result, kept });
  else if (kept.length > 0) print(["left in the cluster:", ...kept.map((what) => `  ${what}`)].join("\n"));
}

/** Whether the person wants it: said by --yes, or asked at a terminal after a look at what would change. */
async function agreed(
  options: ChangeOptions,
  what: "up" | "destroy",
  look: (watch: RunOptions) => Promise<unknown>,
): Promise<boolean> {
  if (options.yes === true) return true;
  if (!isTerminal() || options.json === true) {
    console.error(
      `Nobody can be asked here.\n  fix: look at enroute-istio preview --stack ${options.stack}, then say --yes`,
    );
    process.exitCode = exit.notRun;
    return false;
  }
  if (what === "up") {
    const result = (await watched(options, look)) as ChangeResult;
    print(changeText(result));
  } else await look({});
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  const question =
    what === "up" ? `Roll this out on ${options.stack}?` : `Take the whole rollout of ${options.stack} away?`;
  // A person who means it types the name of what is destroyed.
  const wanted = what === "up" ? "yes" : options.stack;
  const answer = await asking.question(`${question} Type ${wanted} to go on: `);
  asking.close();
  if (answer.trim() !== wanted) print("Nothing was changed.");
  return answer.trim() === wanted;
}

function printOutputs(outputs: object): void {
  for (const [name, value] of Object.entries(outputs)) {
    const text = String(value);
    print(text.includes("\n") ? `${name}:\n${text.trimEnd().replace(/^/gm, "  ")}` : `${name.padEnd(24)} ${text}`);
  }
}

async function runOutputs(options: CommonOptions, name: string | undefined): Promise<void> {
  const environment = environmentOf(options);
  const outputs = await environment.outputs();
  if (name === undefined) {
    if (options.json === true) print(outputs);
    else printOutputs(outputs);
    return;
  }
  const found = (outputs as Record<string, { value: unknown } | undefined>)[name];
  if (found === undefined) {
    const names = Object.keys(outputs).join(", ");
    const { summary, next = "run up again" } = names === "" ? standingOf(await environment.status()) : { summary: "" };
    console.error(
      names === ""
        ? `Stack ${options.stack} has no outputs: ${summary}.\n  fix: ${next}`
        : `Stack ${options.stack} has no output ${name}.\n  fix: choose one of ${names}`,
    );
    process.exitCode = exit.notRun;
    // Who asks for one value by its name gets it, as from pulumi stack output.
  } else
    print(
      options.json === true || typeof found.value !== "string" ? JSON.stringify(found.value) : found.value.trimEnd(),
    );
}

async function runStatus(options: CommonOptions): Promise<void> {
  const environment = environmentOf(options);
  const [status, outputs] = [await environment.status(), await environment.outputs()];
  if (options.json === true) return print({ ...status, versions: outputs.versions });
  print(statusText(status, outputs, options.stack));
}

interface VerifyCliOptions extends CommonOptions {
  days: number;
  dialServices?: true;
  strict?: true;
}

async function runVerify({ days, dialServices, strict, ...options }: VerifyCliOptions): Promise<void> {
  const report = await environmentOf(options).verify({ days, dialServices: dialServices === true });
  print(options.json === true ? report : reportText(report, { colour: useColour }));
  process.exitCode = exitCode(report, strict === true);
}

async function runPreflight({ strict, ...options }: CommonOptions & { strict?: true }): Promise<void> {
  const findings = await environmentOf(options).preflight();
  const errors = findings.filter(({ severity }) => severity === "error").length;
  print(options.json === true ? { ready: errors === 0, findings } : findingsText(findings, options.stack));
  process.exitCode = errors > 0 || (strict === true && findings.length > 0) ? exit.failed : 0;
}

function findingsText(findings: readonly Finding[], stack: string): string {
  const lines = findings.map(
    ({ check, severity, problem, fix }) => `${severity.padEnd(7)}  ${check}  ${problem}\n         fix: ${fix}`,
  );
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  const warned = `${warnings} warning${warnings === 1 ? "" : "s"}`;
  const summary =
    errors === 0
      ? `The cluster is ready for stack ${stack}${warnings === 0 ? "." : `, with ${warned}.`}`
      : `The cluster is not ready for stack ${stack}: ${errors} error${errors === 1 ? "" : "s"}, ${warned}.`;
  return [...lines, summary].join("\n");
}

async function runRecover({ yes, ...options }: CommonOptions & { yes?: true }): Promise<void> {
  const recovery = await environmentOf(options).recover({ apply: yes === true });
  if (!isClean(recovery) && !recovery.done) process.exitCode = exit.failed;
  print(options.json === true ? recovery : recoveryText(recovery, options.stack));
}

async function runReview(_options: object, command: Command): Promise<void> {
  // A program of its own, with its own options; loaded where it is used.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { run } = require("../review/cli") as typeof review;
  await run(command.args);
}

function wholeNumber(least: number, what: string) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) throw new InvalidArgumentError(what);
    return value;
  };
}

function common(command: Command): Command {
  return command
    .requiredOption("-s, --stack <name>", "stack whose settings and cluster are meant")
    .addOption(
      new Option("-C, --cwd <folder>", "folder of the Pulumi project")
        .env("PULUMI_OPTION_CWD")
        .default(".", "this folder"),
    )
    .option("--json", "machine-readable result on the standard output; progress goes to the error output")
    .showHelpAfterError();
}

const collect = (value: string, before: string[] = []) => [...before, value];
const parallel = () =>
  new Option("-p, --parallel <count>", "how many resources are worked on side by side").argParser(
    wholeNumber(1, "a whole number from 1"),
  );
const policyPack = () =>
  new Option("--policy-pack <folder>", "judge the change by a policy pack; may be given again").argParser(collect);
const policyPackConfig = () =>
  new Option(
    "--policy-pack-config <file>",
    "JSON file with the levels of a policy pack; given again, the next pack's",
  ).argParser(collect);
const codes = (...lines: string[]) => `
Exit codes:
${lines.map((line) => `  ${line}`).join("\n")}
`;
const usual = [
  "0    done",
  "1    it failed half-way; what was done stays done, and running it again goes on",
  "3    nothing was touched: no such stack, wrong settings, a cluster that is not ready",
  "130  interrupted; what was left is said",
];

/** The whole command line. */
export function commandLine(): Command {
  const program = new Command("enroute-istio")
    .description(
      "End-to-end encryption for a Kubernetes ingress: client to EnRoute gateway by TLS, gateway to workload by Istio's mutual TLS.\n" +
        "Every command works on one stack: an environment with its settings (stacks/Pulumi.<stack>.yaml) and its cluster.",
    )
    .version(version())
    .enablePositionalOptions()
    .addHelpText(
      "after",
      `
The life of a stack:
  enroute-istio preflight --stack dev    is the cluster ready? every finding with its fix
  enroute-istio preview   --stack dev    what would change
  enroute-istio up        --stack dev    roll out; asks first
  enroute-istio verify    --stack dev    are both legs encrypted, everywhere?
  enroute-istio outputs   --stack dev    the gateway's address, the CA for clients, …
  enroute-istio destroy   --stack dev    take it away again

Which cluster is never taken from the shell: the stack names it. Backend and secrets are pulumi's own
(PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE, pulumi login).
Completion: source <(enroute-istio completion bash)`,
    );

  common(program.command("preview"))
    .description("what an update would change; changes nothing")
    .addOption(policyPack())
    .addOption(policyPackConfig())
    .addOption(parallel())
    .option("-r, --refresh", "look at the cluster for changes by other hands first")
    .option("--expect-no-changes", "exit code 1 if anything would change")
    .addHelpText("after", codes(...usual))
    .action(runPreview);

  common(program.command("up"))
    .description("roll out; what is there and right stays untouched")
    .option("-y, --yes", "do not ask")
    .option("--create", "create the stack if there is none of this name")
    .addOption(policyPack())
    .addOption(policyPackConfig())
    .addOption(parallel())
    .option("-r, --refresh", "look at the cluster for changes by other hands first; renews certificates that are due")
    .option("-m, --message <text>", "kept in the stack's history")
    .option("--expect-no-changes", "fail if anything had to change (by then it has been changed)")
    .addHelpText(
      "after",
      `
On a terminal it shows the components of the rollout, what each waits for and how long it takes; elsewhere a line for each
change. Ctrl-C once stops gracefully, and says what was left; twice drops everything.
${codes(...usual)}
Examples:
  enroute-istio up --stack dev
  enroute-istio up --stack prod --yes --json > result.json`,
    )
    .action(runUp);

  common(program.command("destroy"))
    .description("take the rollout away; says what it leaves in the cluster, and why")
    .option("-y, --yes", "do not ask")
    .option("--remove", "remove the stack and its history from the backend as well")
    .addOption(parallel())
    .option("-m, --message <text>", "kept in the stack's history")
    .addHelpText("after", codes(...usual))
    .action(runDestroy);

  common(program.command("outputs"))
    .description("what the last update told: the gateway's address, the CA for clients, …")
    .argument("[name]", "one output alone, as it is")
    .addHelpText(
      "after",
      `
Secret outputs show as [secret], unless one is asked for by its name.

Example:
  enroute-istio outputs caCertificate --stack dev > ca.pem`,
    )
    .action((name: string | undefined, options: CommonOptions) => runOutputs(options, name));

  common(program.command("status"))
    .description("the last operation, versions, and what was cut off; does not look at the cluster")
    .action(runStatus);

  common(program.command("verify"))
    .description("prove that both legs, client to gateway and gateway to workload, are encrypted")
    .option("--strict", "a warning counts as a failure; exit code 2 if not everything could be told")
    .option(
      "--days <count>",
      "warn of certificates that end within so many days",
      wholeNumber(0, "a whole number of days"),
      14,
    )
    .option("--dial-services", "connect to cluster IPs directly; for use inside the cluster or with a route into it")
    .addHelpText(
      "after",
      `
Each line is a check: passed, FAILED, warning, or "could not tell", which is never counted as passed.
docs/verify.md describes each of them, with its evidence and its fix. Changes nothing.
${codes(
  "0  nothing failed",
  "1  a check failed (with --strict: or warned)",
  "2  with --strict: nothing failed, but not everything could be told",
  "3  nothing could be verified: no such stack, nothing of it deployed, or its cluster cannot be reached",
)}
Examples:
  enroute-istio verify --stack prod
  enroute-istio verify --stack prod --json > report.json`,
    )
    .action(runVerify);

  common(program.command("preflight"))
    .description("find out whether the cluster is ready for the rollout of a stack")
    .option("--strict", "a warning counts as an error")
    .addHelpText(
      "after",
      `
Lists everything that stands against a rollout at once, each with its cause and its fix. preview and up look at the same by
themselves, but for the chart repositories, which the engine asks anyway. Changes nothing.
${codes("0  ready (perhaps with warnings)", "1  not ready", "3  it could not be looked at: no such stack, or wrong settings")}`,
    )
    .action(runPreflight);

  common(program.command("recover"))
    .description(
      "put right what an update that was cut off (killed, power lost, runner gone) left between Pulumi and Helm",
    )
    .option("-y, --yes", "do it; a lock that a killed update left is taken away")
    .addHelpText(
      "after",
      `
Without --yes it only says what it would do. No object of the rollout is deleted. While another update holds the stack's lock
it refuses, and says whose it is: its process runs on this host, or it is of another host and less than ${foreignLockHours} hours old.
${codes(
  "0  nothing was in the way, or it was put right",
  "1  something is in the way (without --yes)",
  "3  it could not be looked at: no such stack, wrong settings, no cluster, an update that is running",
)}
Example:
  enroute-istio recover --stack prod          # what is in the way?
  enroute-istio recover --stack prod --yes && enroute-istio up --stack prod`,
    )
    .action(runRecover);

  program
    .command("review")
    .description("judge a change for a pull request: what differs from another revision, risks, policy findings")
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .passThroughOptions()
    .argument("[options...]", "see enroute-istio review --help")
    .action((_args: string[], options: object, command: Command) => runReview(options, command));

  completeStacks(program);
  for (const command of [program, ...program.commands])
    command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exit.notRun));
  return program;
}

/** Adds `completion <shell>`; it completes commands, options, and the stacks that this folder has files for. */
function completeStacks(program: Command): void {
  const root = completion(program, { completionCommandName: "completion" });
  for (const command of root.commands.values()) {
    const stack = command.options.get("stack");
    if (stack !== undefined) stack.handler = (complete) => stackFiles().forEach((name) => complete(name, "stack"));
  }
}

/** Stacks that the project in this folder has files for. */
function stackFiles(): string[] {
  const folder = process.env["PULUMI_OPTION_CWD"] ?? ".";
  return [folder, join(folder, "stacks")].flatMap((place) => {
    try {
      return readdirSync(place).flatMap((file) => /^Pulumi\.(.+)\.ya?ml$/.exec(file)?.[1] ?? []);
    } catch {
      return [];
    }
  });
}

function version(): string {
  // By the package's own name: the sources and what is built from them lie differently deep.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return (require("enroute-istio/package.json") as { version: string }).version;
}

async function main(): Promise<void> {
  const wantsJson = process.argv.includes("--json");
  try {
    await commandLine().parseAsync();
  } catch (error) {
    if (!isRolloutError(error)) {
      // A stack trace helps only with what should not have happened.
      console.error(error);
      process.exitCode = exit.failed;
      return;
    }
    if (wantsJson) print({ error });
    console.error(`${error.message}\n  fix: ${error.next}`);
    const isInterrupted = error.code === "interrupted";
    process.exitCode = isInterrupted ? exit.interrupted : beforeAnything.has(error.code) ? exit.notRun : exit.failed;
  }
}

if (require.main === module) void main();
