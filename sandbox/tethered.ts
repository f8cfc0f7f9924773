import { spawn } from "node:child_process";
import { constants } from "node:os";
import { createInterface } from "node:readline";

/** How a command ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TetheredOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Shows the output line by line as this makes it, or leaves a line out; returned it is whole. Default: shows nothing. */
  readonly show?: (line: string) => string | undefined;
  /** Asks the command to end (SIGINT, once); it is killed if it has not done so within `graceMilliseconds`. */
  readonly signal?: AbortSignal;
  readonly graceMilliseconds?: number;
}

/**
 * Runs a command that cannot outlive this process, and that a Ctrl-C at the terminal does not reach: whoever calls this
 * decides what an interruption means.
 */
export async function runTethered(
  tether: string,
  command: string,
  args: readonly string[],
  { env, cwd, show, signal, graceMilliseconds = 60_000 }: TetheredOptions,
): Promise<Ended> {
  const child = spawn(tether, ["--", command, ...args], {
    env,
    detached: true,
    stdio: ["pipe", "pipe", "pipe", "ignore"],
    ...(cwd === undefined ? {} : { cwd }),
  });
  const output = { stdout: "", stderr: "" };
  const input = child.stdin!;
  for (const name of ["stdout", "stderr"] as const) {
    child[name]!.setEncoding("utf8").on("data", (text: string) => (output[name] += text));
    if (show !== undefined) {
      createInterface({ input: child[name]! }).on("line", (line) => {
        const shown = show(line);
        if (shown !== undefined) {
          process[name].write(`${shown}\n`);
        }
      });
    }
  }
  input.on("error", () => {});
  let timer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    child.kill("SIGINT");
    timer = setTimeout(() => input.destroy(), graceMilliseconds);
  };
  signal?.addEventListener("abort", interrupt, { once: true });
  if (signal?.aborted === true) {
    interrupt();
  }
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]));
    });
    return { code, ...output };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", interrupt);
  }
}
