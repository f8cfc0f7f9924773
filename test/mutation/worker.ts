import Module from "node:module";
import { transformSync } from "esbuild";
import Mocha from "mocha";

/*
 * Runs test files in a process that keeps what it has loaded, with one file of the product having another text. What goes into an
 * endless loop is ended by the parent.
 */

/** What to run. */
export interface Job {
  /** The file that has another text; none for a run of what there is. */
  file?: string;
  text?: string;
  /** In their order; the first failure ends the run. */
  tests: string[];
  /** Files that may not be kept: the file, and those that import it, however far up. */
  dependents: string[];
}

/** What it came to. */
export interface Outcome {
  /** What failed first, and its test file. */
  failure?: { test: string; title: string; message: string };
  /** Milliseconds of each test file that ran. */
  durations: Record<string, number>;
}

type Compiled = NodeJS.Module & { _compile(code: string, file: string): void };
type Extension = (module: Compiled, file: string) => void;
const extensions = (Module as unknown as { _extensions: Record<string, Extension> })._extensions;

let job: Job;
const load = extensions[".ts"]!;
extensions[".ts"] = (module, file) => {
  if (file !== job.file) return load(module, file);
  const { code } = transformSync(job.text!, { loader: "ts", format: "cjs", target: "node20", sourcefile: file });
  module._compile(code, file);
};

/** Before a run for the mistake to be seen, afterwards for it not to be seen in the next. */
function forget(): void {
  for (const path of job.dependents) delete require.cache[path];
}

async function run(): Promise<Outcome> {
  const durations: Record<string, number> = {};
  for (const test of job.tests) {
    const start = Date.now();
    delete require.cache[test];
    const mocha = new Mocha({ bail: true, timeout: 60_000, reporter: Mocha.reporters.Base });
    mocha.addFile(test);
    try {
      // By require, which forgets a file when it is told to; what mocha offers to others may use import.
      (mocha as unknown as { loadFiles(): void }).loadFiles();
    } catch (error) {
      return { failure: { test, title: "its files cannot be loaded", message: String(error) }, durations };
    }
    const failure = await new Promise<Outcome["failure"]>((resolve) => {
      let first: Outcome["failure"];
      mocha
        .run(() => resolve(first))
        .on("fail", (failed: Mocha.Runnable, error: Error) => {
          first ??= { test, title: failed.fullTitle(), message: String(error.message) };
        });
    });
    durations[test] = Date.now() - start;
    if (failure !== undefined) return { failure, durations };
  }
  return { durations };
}

process.on("message", (message: Job) => {
  job = message;
  forget();
  run().then(
    (outcome) => {
      forget();
      process.send!(outcome);
    },
    (error: unknown) =>
      process.send!({ failure: { test: "", title: "the run", message: String(error) }, durations: {} }),
  );
});
// The parent waits for it: what is compiled by then is not compiled for each job.
process.send!("ready");
