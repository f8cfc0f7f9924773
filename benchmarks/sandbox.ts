/**
 * How long the sandbox takes, and how much memory: npm run bench:sandbox -- [runs]
 *
 * Each run starts a sandbox of its own, rolls the stack `sandbox` out on it, previews it again without a change, and ends
 * it. The binaries are built beforehand, and one run goes unmeasured, to warm up the caches of files and bundles.
 */
import { rmSync } from "node:fs";
import { startSandbox } from "../sandbox/cluster";
import { sandboxEnvironment } from "../sandbox/environment";
import { residentBytesBelow } from "../sandbox/processes";
import { reportTo } from "../sandbox/progress";
import { runTethered } from "../sandbox/tethered";
import { median } from "./median";

const measures = {
  "cluster ready (startSandbox)": "s",
  "memory of all its processes, empty": "MiB",
  "pulumi up from nothing": "s",
  "from nothing to the whole rollout": "s",
  "memory of all its processes, rolled out": "MiB",
  "pulumi preview without a change": "s",
  "pulumi up without a change": "s",
  "down, until the last process is gone": "s",
} as const;
type Measure = keyof typeof measures;

async function measure(name: string): Promise<Record<Measure, number>> {
  const begin = Date.now();
  const sandbox = await startSandbox({ name, tied: true, traffic: true });
  const results: Partial<Record<Measure, number>> = { "cluster ready (startSandbox)": seconds(begin) };
  const memory = () => residentBytesBelow(sandbox.pids()) / 1024 / 1024;
  try {
    results["memory of all its processes, empty"] = memory();
    const env = await sandboxEnvironment(sandbox);
    const pulumi = async (...args: string[]) => {
      const started = Date.now();
      const command = [...args, "--stack", "sandbox", "--non-interactive"];
      const { code, stdout, stderr } = await runTethered(sandbox.binaries.tether, "pulumi", command, { env });
      if (code !== 0) {
        throw new Error(`pulumi ${command.join(" ")} ended with exit code ${code}:\n${stdout}${stderr}`);
      }
      return seconds(started);
    };
    await pulumi("stack", "select", "--create");
    results["pulumi up from nothing"] = await pulumi("up", "--yes", "--skip-preview");
    results["from nothing to the whole rollout"] = seconds(begin);
    results["memory of all its processes, rolled out"] = memory();
    results["pulumi preview without a change"] = await pulumi("preview", "--expect-no-changes");
    results["pulumi up without a change"] = await pulumi("up", "--yes", "--skip-preview", "--expect-no-changes");
  } finally {
    const stopping = Date.now();
    await sandbox.stop();
    results["down, until the last process is gone"] = seconds(stopping);
    rmSync(sandbox.folder, { recursive: true, force: true });
  }
  return results as Record<Measure, number>;
}

const seconds = (since: number) => (Date.now() - since) / 1000;

async function main(): Promise<void> {
  const report = reportTo(process.stderr);
  const runs = Number(process.argv[2] ?? 5);
  if (!Number.isInteger(runs) || runs < 1) {
    throw new Error("usage: npm run bench:sandbox -- [number of runs]");
  }
  const results: Record<Measure, number>[] = [];
  for (let run = 0; run <= runs; run++) {
    report(run === 0 ? "warming up" : `run ${run} of ${runs}`);
    const result = await measure(`bench-${process.pid}`);
    if (run > 0) {
      results.push(result);
    }
  }
  console.log(
    `median of ${runs} runs (lowest … highest), ${process.platform} ${process.arch}, Node.js ${process.versions.node}`,
  );
  for (const [name, unit] of Object.entries(measures) as [Measure, string][]) {
    const values = results.map((result) => result[name]);
    const [middle, low, high] = [median(values), Math.min(...values), Math.max(...values)].map((value) =>
      value.toFixed(unit === "s" ? 1 : 0),
    );
    console.log(`${name.padEnd(42)} ${`${middle} ${unit}`.padStart(9)}  (${low} … ${high})`);
  }
}

main().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
