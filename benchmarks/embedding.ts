/**
 * The library against the bare CLI: npm run bench:embedding -- [runs] [environments]
 *
 * One stack: no-change `pulumi preview` and `up` by the CLI against `Environment.preview()` and `.up()`, runs of the two taking
 * turns. Many: no-change previews of `environments` stacks, one CLI run after the other against one process that does a few
 * at a time; and how much memory that process takes, as it goes.
 *
 * The library and the CLI's program are both compiled before: the package's `dist`, and the checkout's index.ts through
 * Pulumi's own loader, as people run them.
 */
import { execFileSync, fork } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cpus } from "node:os";
import { parse } from "yaml";
import type { Environment as EnvironmentClass, forEachEnvironment as forEach } from "../automation";
import { type Sandbox, startSandbox } from "../sandbox/cluster";
import { sandboxEnvironment } from "../sandbox/environment";
import { residentBytes } from "../sandbox/processes";
import { reportTo } from "../sandbox/progress";
import { runTethered } from "../sandbox/tethered";
import { median } from "./median";

const root = join(__dirname, "..");
const report = reportTo(process.stderr);

/** What the other process, which uses the library as an application does, is asked to do, and answers. */
interface Job {
  project: string;
  operation: "preview" | "up";
  stacks: string[];
  concurrency: number;
}
interface Done {
  seconds: number;
  /** Resident memory of the process in MiB, by number of stacks that were done. */
  memory: number[];
}

async function application(): Promise<void> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const library = require("enroute-istio") as {
    Environment: typeof EnvironmentClass;
    forEachEnvironment: typeof forEach;
  };
  process.on("message", (job: Job) => {
    void (async () => {
      const begin = Date.now();
      const memory: number[] = [];
      const environments = job.stacks.map((stack) => new library.Environment({ stack, project: job.project }));
      const settled = await library.forEachEnvironment(
        environments,
        async (environment) => {
          const result = await environment[job.operation]();
          if (result.hasChanges)
            throw new Error(`${environment.stack} has changes: ${JSON.stringify(result.resources)}`);
          memory.push(residentBytes(process.pid) / 1024 / 1024);
        },
        { concurrency: job.concurrency },
      );
      const failed = settled.find(({ ok }) => !ok);
      if (failed !== undefined && !failed.ok) throw failed.error;
      process.send!({ seconds: (Date.now() - begin) / 1000, memory } satisfies Done);
    })().catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });
  process.send!("ready");
  await new Promise(() => {});
}

async function measure(runs: number, count: number): Promise<void> {
  report("building the package");
  execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  const sandbox = await startSandbox({ name: `bench-${process.pid}`, tied: true, report });
  try {
    await compare(sandbox, runs, count);
  } finally {
    await sandbox.stop();
    rmSync(sandbox.folder, { recursive: true, force: true });
  }
}

async function compare(sandbox: Sandbox, runs: number, count: number): Promise<void> {
  const env = await sandboxEnvironment(sandbox, report);
  const project = join(sandbox.folder, "project");
  const pulumi = async (...args: string[]): Promise<number> => {
    const begin = Date.now();
    const { code, stdout, stderr } = await runTethered(
      sandbox.binaries.tether,
      "pulumi",
      [...args, "--non-interactive"],
      { env },
    );
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with exit code ${code}:\n${stdout}${stderr}`);
    return (Date.now() - begin) / 1000;
  };
  const child = fork(__filename, ["application"], { env, execArgv: ["--import", require.resolve("tsx")] });
  const answer = <Answer>() =>
    new Promise<Answer>((resolve, reject) => {
      const end = () => reject(new Error("the application ended"));
      child.once("exit", end).once("message", (message) => {
        child.off("exit", end);
        resolve(message as Answer);
      });
    });
  await answer();
  const library = async (job: Omit<Job, "project">): Promise<Done> => {
    child.send({ project, ...job } satisfies Job);
    return answer<Done>();
  };

  const name = "sandbox";
  await pulumi("stack", "select", "--create", name);
  report("rolling out");
  await pulumi("up", "--yes", "--skip-preview", "--stack", name);
  const results: Record<string, number[]> = {};
  const note = (what: string, seconds: number) => (results[what] = [...(results[what] ?? []), seconds]);
  for (let run = 0; run <= runs; run++) {
    report(run === 0 ? "warming up" : `one stack, run ${run} of ${runs}`);
    const pairs = [
      ["preview, CLI", () => pulumi("preview", "--expect-no-changes", "--stack", name)],
      [
        "preview, library",
        async () => (await library({ operation: "preview", stacks: [name], concurrency: 1 })).seconds,
      ],
      ["up, CLI", () => pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", name)],
      ["up, library", async () => (await library({ operation: "up", stacks: [name], concurrency: 1 })).seconds],
    ] as const;
    for (const [what, how] of pairs) {
      const seconds = await how();
      if (run > 0) note(what, seconds);
    }
  }

  // Stacks of the same cluster whose state is a copy of the first one's: to the engine each is a stack without changes.
  report(`making ${count} stacks`);
  const names = Array.from({ length: count }, (_, index) => `many-${index}`);
  const exported = await exportState(sandbox, env, name);
  for (const stack of names) await copyStack(sandbox, env, { from: name, to: stack, state: exported });
  const alone: number[] = [];
  report(`${count} previews by the CLI, one after the other`);
  for (const stack of names) alone.push(await pulumi("preview", "--expect-no-changes", "--stack", stack));
  const byCli = alone.reduce((sum, seconds) => sum + seconds, 0);
  const rows: [string, string][] = [];
  for (const concurrency of [1, 2, 4]) {
    report(`${count} previews in one process, ${concurrency} at a time`);
    const { seconds, memory } = await library({ operation: "preview", stacks: names, concurrency });
    const course = [1, 2, 3, 4].map((quarter) => memory[Math.ceil((memory.length * quarter) / 4) - 1]!.toFixed(0));
    rows.push([
      `${count} previews, library, ${concurrency} at a time`,
      `${seconds.toFixed(1)} s: ${(byCli / seconds).toFixed(2)}× faster; memory after each quarter ${course.join(", ")} MiB`,
    ]);
  }
  child.kill();
  const table: [string, string][] = Object.entries(results).map(([what, values]) => [
    what,
    `${median(values).toFixed(2)} s (median of ${runs})`,
  ]);
  const overhead = (what: string) =>
    `${((median(results[`${what}, library`]!) / median(results[`${what}, CLI`]!) - 1) * 100).toFixed(0)} %`;
  table.push(["overhead of preview", overhead("preview")], ["overhead of up", overhead("up")]);
  table.push([`${count} previews, CLI, one after the other`, `${byCli.toFixed(1)} s`], ...rows);
  console.log(`${cpus().length} cores, Node.js ${process.version}`);
  for (const [what, value] of table) console.log(`${what.padEnd(48)} ${value}`);
}

async function exportState(sandbox: Sandbox, env: NodeJS.ProcessEnv, stack: string): Promise<string> {
  const { stdout } = await runTethered(sandbox.binaries.tether, "pulumi", ["stack", "export", "--stack", stack], {
    env,
  });
  return stdout;
}

interface Copy {
  from: string;
  to: string;
  state: string;
}

async function copyStack(sandbox: Sandbox, env: NodeJS.ProcessEnv, { from, to, state }: Copy): Promise<void> {
  const folder = join(sandbox.folder, "project/stacks");
  const settings = parse(readFileSync(join(folder, `Pulumi.${from}.yaml`), "utf8")) as object;
  writeFileSync(join(folder, `Pulumi.${to}.yaml`), JSON.stringify(settings));
  const file = join(sandbox.folder, `${to}.json`);
  writeFileSync(
    file,
    state
      .replaceAll(`urn:pulumi:${from}::`, `urn:pulumi:${to}::`)
      .replaceAll(`enroute-istio-${from}`, `enroute-istio-${to}`),
    { mode: 0o600 },
  );
  for (const args of [
    ["stack", "init", to],
    ["stack", "import", "--file", file, "--stack", to],
  ]) {
    const { code, stdout, stderr } = await runTethered(
      sandbox.binaries.tether,
      "pulumi",
      [...args, "--non-interactive"],
      { env },
    );
    if (code !== 0) throw new Error(stdout + stderr);
  }
}

const [first, second] = process.argv.slice(2);
if (first === "application") void application();
else
  measure(Number(first ?? 5), Number(second ?? 20)).catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
