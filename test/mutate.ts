import { type ChildProcess, fork } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { Imports } from "./mutation/imports";
import { type Mutant, mutantsOf, mutated, sample } from "./mutation/mutants";
import type { Job, Outcome } from "./mutation/worker";

/*
 * `npm run mutate`: whether the unit tests would notice a mistake in what guards encryption. Each mutant is one small mistake in
 * one file; the unit tests that import the file have to fail.
 */
const root = join(__dirname, "..");

/** Where the rules are. */
const places = ["mesh", "verify/checks", "policy/rules", "settings/rules.ts"];

const number = (least: number) => (text: string) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new InvalidArgumentError(`Not a whole number from ${least} on.`);
  return value;
};

const command = new Command("npm run mutate --")
  .description(
    "Makes small mistakes in mesh/, the checks, the policies and the settings' rules, one at a time, and runs the unit tests that import the file. Prints the mistakes that no test notices. Prose (strings with spaces, templates) and types are left alone.",
  )
  .argument("[places...]", "files or folders to make mistakes in", places)
  .option("--count <number>", "how many mistakes to try", number(1), 200)
  .option("--seed <number>", "which of them: the same number, the same mistakes", number(0), 1)
  .option("--threshold <percent>", "how many of them have to be noticed, or the exit code is 1", number(0), 95)
  .option("--jobs <number>", "processes side by side", number(1), Math.min(2, availableParallelism()))
  .option("--verbose", "prints what notices each mistake")
  .parse();
const options = command.opts<{ count: number; seed: number; threshold: number; jobs: number; verbose?: true }>();

/** A process that runs tests; another takes its place where a mistake does not let it end. */
class Worker {
  private child: ChildProcess | undefined;
  /** Jobs that the process has done: what it loads again and again it never gives back. */
  private done = 0;

  async run(job: Job, limit: number): Promise<Outcome> {
    if (++this.done % 20 === 0) this.stop();
    const child = (this.child ??= await start());
    return new Promise((resolve) => {
      const end = (outcome: Outcome) => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve(outcome);
      };
      const give = (title: string) => {
        this.stop();
        end({ failure: { test: "", title, message: "" }, durations: {} });
      };
      const timer = setTimeout(() => give(`no end within ${Math.round(limit / 1000)} s`), limit);
      child.once("message", (outcome: Outcome) => end(outcome));
      child.once("exit", (code, signal) => give(`the process ended with ${code ?? signal}`));
      child.send(job);
    });
  }

  stop(): void {
    this.child?.kill("SIGKILL");
    this.child = undefined;
  }
}

function start(): Promise<ChildProcess> {
  const child = fork(join(__dirname, "mutation/worker.ts"), {
    cwd: root,
    execArgv: ["--require", "tsx"],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  return new Promise((resolve, reject) => {
    child.once("message", () => resolve(child));
    child.once("exit", (code) => reject(new Error(`the worker ended with ${code}`)));
  });
}

async function main(): Promise<void> {
  const files = command.processedArgs.flat().flatMap((place: string) => filesIn(join(root, place)));
  const all = files.flatMap((file) => mutantsOf(file, readFileSync(file, "utf8")));
  const chosen = sample(all, options.count, options.seed);
  console.log(`${chosen.length} of ${all.length} mistakes in ${files.length} files, seed ${options.seed}`);

  const imports = new Imports();
  const tests = filesIn(join(root, "test/unit")).filter((file) => file.endsWith(".test.ts"));
  const below = new Map(tests.map((test) => [test, imports.below(test)]));
  const needed = tests.filter((test) => chosen.some(({ file }) => below.get(test)!.has(file)));
  const workers = Array.from({ length: options.jobs }, () => new Worker());
  try {
    const usual = await measure(workers[0]!, needed);
    const total = needed.reduce((sum, test) => sum + usual[test]!, 0);
    console.log(`${needed.length} test files import them, and pass in ${Math.round(total / 1000)} s`);
    if (options.verbose === true)
      for (const test of [...needed].sort((one, other) => usual[other]! - usual[one]!).slice(0, 5))
        console.log(`       ${Math.round(usual[test]! / 1000)} s ${relative(root, test)}`);

    const lived: Mutant[] = [];
    const queue = [...chosen];
    let tried = 0;
    const work = async (worker: Worker) => {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const { file } = mutant;
        const related = needed.filter((test) => below.get(test)!.has(file));
        // The quick ones that are near first: most mistakes end there.
        const effort = (test: string) => below.get(test)!.get(file)! * 1000 + usual[test]!;
        related.sort((a, b) => effort(a) - effort(b));
        const limit = 20_000 + 5 * related.reduce((sum, test) => sum + usual[test]!, 0);
        const text = mutated(readFileSync(file, "utf8"), mutant);
        const again = dependents(below, file);
        const attempt = (rest: string[]) => worker.run({ file, text, tests: rest, dependents: again }, limit);
        let { failure } = await attempt(related);
        // A long test may fail because the machine is busy: then it fails without the mistake too, and says nothing.
        while (failure !== undefined && (usual[failure.test] ?? 0) > 2000) {
          const control = await worker.run({ tests: [failure.test], dependents: again }, limit);
          if (control.failure === undefined) break;
          ({ failure } = await attempt(related.slice(related.indexOf(failure.test) + 1)));
        }
        tried++;
        if (failure === undefined) lived.push(mutant);
        if (failure === undefined || options.verbose === true)
          console.log(`${failure === undefined ? "LIVED " : "killed"} ${tried}/${chosen.length} ${describe(mutant)}`);
        if (failure !== undefined && options.verbose === true)
          console.log(`       by ${relative(root, failure.test)}: ${failure.title}`);
      }
    };
    await Promise.all(workers.map(work));

    const killed = chosen.length - lived.length;
    const percent = (100 * killed) / chosen.length;
    for (const mutant of lived.sort((a, b) => a.file.localeCompare(b.file) || a.start - b.start))
      console.log(`lived: ${describe(mutant)}`);
    console.log(
      `${killed} of ${chosen.length} were noticed: ${percent.toFixed(1)} % (threshold ${options.threshold} %)`,
    );
    if (percent < options.threshold) process.exitCode = 1;
  } finally {
    for (const worker of workers) worker.stop();
  }
}

/** How long each test file takes without a mistake. One that fails would notice every mistake, and so none. */
async function measure(worker: Worker, tests: string[]): Promise<Record<string, number>> {
  const { failure, durations } = await worker.run({ tests, dependents: [] }, 600_000);
  if (failure !== undefined)
    throw new Error(`${relative(root, failure.test)} fails as it is: ${failure.title}: ${failure.message}`);
  return durations;
}

/** Everything between test files and a file: it has to be loaded again to see the mistake. */
function dependents(below: Map<string, Map<string, number>>, file: string): string[] {
  const imports = new Imports();
  const between = [...below.values()].filter((steps) => steps.has(file)).flatMap((steps) => [...steps.keys()]);
  return [...new Set(between)].filter((candidate) => imports.below(candidate).has(file));
}

function describe({ file, line, original, replacement }: Mutant): string {
  const short = (text: string) => (text.length > 80 ? `${text.slice(0, 80)}…` : text).replace(/\s+/g, " ");
  return `${relative(root, file)}:${line}  ${short(original)}  →  ${replacement === "" ? "(nothing)" : short(replacement)}`;
}

function filesIn(place: string): string[] {
  if (place.endsWith(".ts")) return [place];
  return readdirSync(place, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(place, name))
    .sort();
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
});
