import { execFile } from "node:child_process";
import { promisify } from "node:util";

const start = promisify(execFile);

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
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { input = "", ...where } = options;
  const running = start(command, args, { ...where, encoding: "utf8", maxBuffer: Infinity });
  // A command that ends without reading its input breaks the pipe; its exit code shows why.
  running.child.stdin?.on("error", () => {}).end(input);
  try {
    return { code: 0, ...(await running) };
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code === "string" && code !== "ENOENT") throw error;
    // A command that was killed has no code.
    return { code: code === "ENOENT" ? undefined : ((code as number | null) ?? 1), stdout, stderr };
  }
}
