import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "../sandbox/cluster";
import { descendants, residentBytes } from "../sandbox/processes";
import { runTethered } from "../sandbox/tethered";

/** Runs a command; an error with all that it said where it fails. Returns its output and how long it took, in seconds. */
export async function timed(
  sandbox: Sandbox,
  env: NodeJS.ProcessEnv,
  command: string,
  args: readonly string[],
): Promise<{ seconds: number; stdout: string }> {
  const begin = performance.now();
  // Helm prefers a folder of the chart's name, such as one of the checkout's.
  const options = { env, cwd: sandbox.folder };
  const { code, stdout, stderr } = await runTethered(sandbox.binaries.tether, command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with exit code ${code}:\n${stdout}${stderr}`);
  return { seconds: (performance.now() - begin) / 1000, stdout };
}

/** Writes a project of its own beside the sandbox's. Returns the environment in which pulumi works on it. */
export function writeProgram(
  sandbox: Sandbox,
  env: NodeJS.ProcessEnv,
  name: string,
  program: string,
): NodeJS.ProcessEnv {
  const folder = join(sandbox.folder, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "Pulumi.yaml"),
    JSON.stringify({ name, runtime: { name: "nodejs", options: { typescript: true } }, main: "index.ts" }),
  );
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { noCheck: true, skipLibCheck: true } }),
  );
  writeFileSync(join(folder, "index.ts"), program);
  return { ...env, PULUMI_OPTION_CWD: folder };
}

/** Most memory that the program, a process below this one, has while something runs; in bytes, 0 where the platform does not tell. */
export async function peakOfProgram<Result>(run: () => Promise<Result>): Promise<{ result: Result; bytes: number }> {
  let bytes = 0;
  const timer = setInterval(() => {
    for (const { pid } of descendants(process.pid)) if (isProgram(pid)) bytes = Math.max(bytes, residentBytes(pid));
  }, 100);
  try {
    return { result: await run(), bytes };
  } finally {
    clearInterval(timer);
  }
}

function isProgram(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("@pulumi/pulumi/cmd/run/");
  } catch {
    return false;
  }
}
