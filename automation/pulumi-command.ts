import { spawn } from "node:child_process";
import { PulumiCommand } from "@pulumi/pulumi/automation";
import { version } from "@pulumi/pulumi/package.json";
import { defined } from "../base/defined";
import { sdkProblem } from "../base/sdk";
import { failure } from "./errors";
import { killTree } from "./process-tree";

/** How a `pulumi` command ended, in the Automation API's form. */
interface Result {
  stdout: string;
  stderr: string;
  code: number;
}

/** `pulumi` with the method that the SDK calls; its own type marks it internal (3.246 and 3.276). */
export type RunnablePulumi = PulumiCommand & {
  run: (args: string[], cwd: string, additional: Record<string, string>) => Promise<Result>;
};

/** A command of `pulumi` that failed. */
export class PulumiCommandError extends Error {
  constructor(
    readonly stdout: string,
    readonly stderr: string,
    readonly code: number,
  ) {
    super(stderr.trim() === "" ? stdout : stderr);
  }
}

/**
 * `pulumi` as the Automation API runs it, but
 * - in a process group of its own, so that a Ctrl-C at a terminal reaches the caller of this library only: pulumi
 *   takes a second one as the order to drop everything;
 * - it can be ended for good (`kill`), with its plugins;
 * - it selects no stack. Every command names its stack, and a selection would change what the user's own `pulumi` works on;
 * - it reads no history but where that is wanted: the SDK asks for it at the end of every operation.
 *
 * @throws if the command is missing, or older than the SDK needs; if the SDK would not call `run`.
 */
export async function pulumiCommand(
  env: NodeJS.ProcessEnv,
  kill: AbortSignal,
  { history }: { history: boolean },
): Promise<RunnablePulumi> {
  const found = await (known.get(env["PATH"]) ?? look(env["PATH"]));
  refuseOthers(found);
  const run = (
    args: string[],
    cwd: string,
    additional: Record<string, string>,
    onOutput?: (text: string) => void,
    onError?: (text: string) => void,
    signal?: AbortSignal,
  ): Promise<Result> =>
    args[0] === "stack" && (args[1] === "select" || (args[1] === "history" && !history))
      ? Promise.resolve({ stdout: "[]", stderr: "", code: 0 })
      : runCommand({
          command: found.command,
          args: [...args, "--non-interactive"],
          cwd,
          env: { ...env, ...additional, PULUMI_AUTOMATION_API: "true" },
          kill,
          ...defined({ onOutput, onError, signal }),
        });
  // The class cannot be derived from: its constructor is private.
  return Object.assign(Object.create(found) as PulumiCommand, { run });
}

/** A `run` that the SDK does not call would be ignored, and with it all of the above. */
export function refuseOthers(command: object, installed = version): void {
  const isCalled = "run" in command && typeof command.run === "function" && command.run.length >= 3;
  const problem = sdkProblem(installed, isCalled ? [] : ["run of PulumiCommand in automation"]);
  if (problem !== undefined)
    throw failure("operation-failed", problem, "install a version that is tested; nothing was touched", {});
}

/** Version and place of `pulumi` by `PATH`: asking it for its version is a process of its own. */
const known = new Map<string | undefined, Promise<PulumiCommand>>();

function look(path: string | undefined): Promise<PulumiCommand> {
  const found = PulumiCommand.get();
  known.set(path, found);
  found.catch(() => known.delete(path));
  return found;
}

interface Command {
  command: string;
  args: string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  onOutput?: (text: string) => void;
  onError?: (text: string) => void;
  signal?: AbortSignal;
  kill: AbortSignal;
}

function runCommand({ command, args, cwd, env, onOutput, onError, signal, kill }: Command): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const output = { stdout: "", stderr: "" };
    const listeners = { stdout: onOutput, stderr: onError };
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (text: string) => {
        output[name] += text;
        listeners[name]?.(text);
      });
    const interrupt = () => child.kill("SIGINT");
    const end = () => {
      if (child.pid !== undefined) killTree(child.pid);
    };
    const tidy = () => {
      signal?.removeEventListener("abort", interrupt);
      kill.removeEventListener("abort", end);
    };
    signal?.addEventListener("abort", interrupt);
    kill.addEventListener("abort", end);
    if (signal?.aborted === true) interrupt();
    if (kill.aborted) end();
    child.on("error", (error) => {
      tidy();
      reject(new PulumiCommandError("", error.message, -1));
    });
    child.on("close", (code) => {
      tidy();
      if (code === 0) resolve({ ...output, code });
      else reject(new PulumiCommandError(output.stdout, output.stderr, code ?? -1));
    });
  });
}
