/**
 * How long `verify` takes, and how much memory: npm run bench:verify -- [runs] [pods]
 *
 * On a sandbox with live traffic and the stack `sandbox`, the built command as a process of its own: first as it is rolled out, then
 * with so many further pods in the mesh (1,500), which KWOK runs in name only. The engine's own processes, which read the stack's
 * settings and outputs, count towards the time but not towards the memory.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startSandbox } from "../sandbox/cluster";
import { sandboxEnvironment } from "../sandbox/environment";
import { reportTo } from "../sandbox/progress";
import { runTethered } from "../sandbox/tethered";
import { median } from "./median";

const root = join(__dirname, "..");
const report = reportTo(process.stderr);

interface Run {
  seconds: number;
  mebibytes: number;
  summary: string;
}

async function main(): Promise<void> {
  const [runs, pods] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 1500)];
  if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(pods) || pods < 1)
    throw new Error("usage: npm run bench:verify -- [number of runs] [number of pods]");
  report("building the command…");
  execFileSync(process.execPath, [join(root, "build.mjs")], { stdio: "inherit" });
  const name = `bench-${process.pid}`;
  // A node takes 110 pods.
  const sandbox = await startSandbox({ name, tied: true, traffic: true, nodes: Math.ceil(pods / 100) + 1, report });
  try {
    const env = await sandboxEnvironment(sandbox);
    const must = async (command: string, ...args: string[]) => {
      const { code, stdout, stderr } = await runTethered(sandbox.binaries.tether, command, args, { env });
      if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with exit code ${code}:\n${stdout}${stderr}`);
      return stdout;
    };
    await must("pulumi", "stack", "select", "--create", "sandbox", "--non-interactive");
    await must("pulumi", "up", "--yes", "--skip-preview", "--stack", "sandbox", "--non-interactive");
    await sleep(3000);
    console.log(
      `${process.platform} ${process.arch}, Node.js ${process.versions.node}, median of ${runs} runs (lowest … highest)`,
    );
    await show("the stack `sandbox`", runs, env);
    const load = ["--namespace=bookinfo", "deployment/load"];
    await must(
      "kubectl",
      "create",
      "deployment",
      "load",
      "--namespace=bookinfo",
      "--image=load:1",
      `--replicas=${pods}`,
    );
    report(`waiting for ${pods} pods…`);
    // That they are there is enough: where they run, the nodes' CPU is spoken for before the last of them.
    await must("kubectl", "wait", ...load, `--for=jsonpath={.status.replicas}=${pods}`, "--timeout=300s");
    await sleep(30_000);
    await show(`with ${pods} more pods`, runs, env);
  } finally {
    await sandbox.stop();
    rmSync(sandbox.folder, { recursive: true, force: true });
  }
}

async function show(title: string, runs: number, env: NodeJS.ProcessEnv): Promise<void> {
  const results: Run[] = [];
  // The first one warms up caches of files.
  for (let run = 0; run <= runs; run++) results.push(await measure(env));
  const [, ...counted] = results;
  const text = (of: (run: Run) => number, digits: number) => {
    const values = counted.map(of);
    const [middle, low, high] = [median(values), Math.min(...values), Math.max(...values)].map((each) =>
      each.toFixed(digits),
    );
    return `${middle} (${low} … ${high})`;
  };
  console.log(
    `${title.padEnd(24)} ${text(({ seconds }) => seconds, 1)} s   ${text(({ mebibytes }) => mebibytes, 0)} MiB   ${counted[0]!.summary}`,
  );
}

/** One run of the command; its peak of memory is what the kernel says just before it ends. */
async function measure(env: NodeJS.ProcessEnv): Promise<Run> {
  const args = [join(root, "dist/cli/main.js"), "verify", "--stack", "sandbox", "--dial-services"];
  const started = Date.now();
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  let mebibytes = 0;
  const timer = setInterval(() => (mebibytes = Math.max(mebibytes, peakOf(child))), 10);
  await new Promise((resolve) => child.on("close", resolve));
  clearInterval(timer);
  return { seconds: (Date.now() - started) / 1000, mebibytes, summary: output.trim().split("\n").at(-1) ?? "" };
}

function peakOf({ pid }: ChildProcess): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // gone
  }
}

main().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
