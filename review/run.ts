import { spawn } from "node:child_process";

export interface Ended {
  /** Exit code; undefined where the command is not on the PATH. */
  code: number | undefined;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Text for its standard input. @default nothing */
  input?: string;
}

/** Runs a command to its end. Does not throw if it fails. */
export function run(
  command: string,
  args: readonly string[],
  { input = "", ...options }: RunOptions = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: "pipe" });
    const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    child.stdout.on("data", (chunk: Buffer) => chunks.stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.stderr.push(chunk));
    const ended = (code: number | undefined): Ended => ({
      code,
      stdout: Buffer.concat(chunks.stdout).toString("utf8"),
      stderr: Buffer.concat(chunks.stderr).toString("utf8"),
    });
    child.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ENOENT" ? resolve(ended(undefined)) : reject(error),
    );
    child.on("close", (code) => resolve(ended(code ?? 1)));
    // A command that ends without reading its input breaks the pipe; how it ended says why.
    child.stdin.on("error", () => {}).end(input);
  });
}
