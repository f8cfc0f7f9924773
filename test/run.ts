import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { buildBinaries, buildTool } from "../sandbox/build";
import { reportTo } from "../sandbox/progress";

/*
 * `npm test`: static checks, unit tests, then engine tests with the real Pulumi CLI against the sandbox's control plane. The
 * engine tests build what is missing. Each file of them is a process with a sandbox of its own.
 */
const root = join(__dirname, "..");

/** How many files of engine tests run side by side: they wait about as long as they work. */
const sideBySide = Math.max(3, availableParallelism());

/**
 * Run one after the other on one cluster: the kinds of Istio stay when a stack goes. An API server that is killed while they are made
 * has been seen to take minutes until it says that they are established, longer than a stack's time limit.
 */
const inOneCluster = ["rollout", "healing"].map((name) => `test/engine/${name}.test.ts`);

/** The engine tests that take minutes, so that none of them begins last. Each prints its time. */
const longestFirst = [
  ...["rollout", "embedding"].map((name) => `test/engine/${name}.test.ts`),
  ...["fixes", "faults"].map((name) => `test/faults/${name}.test.ts`),
  ...["ownership", "adoption", "leaks", "drill", "live", "certificates"].map((name) => `test/engine/${name}.test.ts`),
  "test/faults/stacks.test.ts",
];

const command = new Command("npm test --")
  .description("Checks formatting, lint and types, then runs the tests. Without options, all of it.")
  .option("--unit", "the unit tests alone: about half a minute on two cores, and nothing is built")
  .option("--engine", "the engine tests alone, on sandboxes of their own")
  .option("--grep <pattern>", "only tests whose title matches")
  .parse();
const options = command.opts<{ unit?: true; engine?: true; grep?: string }>();
const partly = options.unit === true || options.engine === true || options.grep !== undefined;

/** How a run of mocha ended; its reporter sends it. */
export interface Outcome {
  passed: number;
  failed: number;
}

async function main(): Promise<void> {
  const outcomes: Outcome[] = [];
  if (!partly) {
    check("formatting", "prettier/bin/prettier.cjs", "--check", "--log-level", "warn", ".");
    check("lint", "eslint/bin/eslint.js", ".", "--max-warnings", "0");
    check("types", "typescript/bin/tsc", "--noEmit", "--noCheck", "false", "--project", root);
  }
  if (options.engine !== true) outcomes.push(await mocha(["test/unit/**/*.test.ts"], true));
  if (options.unit !== true) {
    const report = reportTo(process.stderr);
    await buildBinaries({ report });
    await buildTool("certManager", { report });
    await buildTool("helm4", { report });
    await buildTool("yamlLanguage", { report });
    await buildTool("sdkGenerator", { report });
    const files = ["test/engine", "test/faults"].flatMap((folder) =>
      readdirSync(join(root, folder)).flatMap((file) => (file.endsWith(".test.ts") ? [`${folder}/${file}`] : [])),
    );
    const rank = (file: string) => longestFirst.indexOf(file) + 1 || longestFirst.length + 1;
    files.sort((one, other) => rank(one) - rank(other));
    const isJoined = (file: string) => inOneCluster.includes(file);
    const jobs = files.flatMap((file) =>
      !isJoined(file) ? [[file]] : file === inOneCluster[0] ? [[...inOneCluster]] : [],
    );
    // A pattern finds little, and most files would be a process for nothing.
    const waiting = options.grep === undefined ? jobs : [files];
    const next = async (): Promise<void> => {
      for (let specs = waiting.shift(); specs !== undefined; specs = waiting.shift())
        outcomes.push(await mocha(specs, options.grep !== undefined));
    };
    await Promise.all(Array.from({ length: sideBySide }, next));
  }
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0 || passed === 0) process.exitCode = 1;
}

/** Runs mocha. A run that ends badly without a failed test, such as by a crash, counts as one failure. */
async function mocha(specs: string[], isShown: boolean): Promise<Outcome> {
  const isEngine = specs.some((spec) => !spec.startsWith("test/unit"));
  const args = [
    join(root, "node_modules/mocha/bin/mocha.js"),
    "--reporter",
    join(__dirname, "reporter.ts"),
    // A lot, or a pattern, may leave one of two runs without a test; none at all is found out at the end.
    ...(options.grep === undefined ? [] : ["--grep", options.grep]),
    // --exit: clients keep connections to a control plane that is gone by then, and would hold the process.
    // --parallel: the files of unit tests share nothing, and many of them wait for processes of their own.
    ...(isEngine
      ? ["--exit", "--require", "tsx", "--require", join(__dirname, "engine/hooks.ts")]
      : ["--parallel", "--jobs", String(availableParallelism())]),
    ...specs,
  ];
  // Engine tests count temporary files, and those of another lot are not theirs. Others keep tsx's cache, which lies there, too.
  const temporary = isEngine ? mkdtempSync(join(tmpdir(), "enroute-test-")) : undefined;
  const begin = Date.now();
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: temporary === undefined ? process.env : { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", isShown ? "inherit" : "pipe", isShown ? "inherit" : "pipe", "ipc"],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => chunks.push(text));
  let counts: Outcome | undefined;
  child.on("message", (message: Outcome) => (counts = message));
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  process.on("SIGINT", pass).on("SIGTERM", pass);
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve(status ?? 1));
  });
  process.off("SIGINT", pass).off("SIGTERM", pass);
  if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  const seconds = Math.round((Date.now() - begin) / 1000);
  process.stdout.write(
    [...chunks, ...(options.grep === undefined && isEngine ? [`  ${specs.join(" ")}: ${seconds} s\n\n`] : [])].join(""),
  );
  const { passed, failed } = counts ?? { passed: 0, failed: 0 };
  // Of a pattern, mocha takes a file without a test for a failure.
  const isPattern = options.grep !== undefined && counts !== undefined;
  return { passed, failed: code !== 0 && failed === 0 && !isPattern ? 1 : failed };
}

function check(what: string, script: string, ...args: string[]): void {
  console.log(`checking ${what}`);
  const { status, error } = spawnSync(process.execPath, [join(root, "node_modules", script), ...args], {
    cwd: root,
    stdio: "inherit",
  });
  if (error !== undefined) throw error;
  if (status !== 0) {
    console.log(`${what}: see above\n0 passed, 1 failed`);
    process.exit(1);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
});
