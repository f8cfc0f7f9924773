import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { Command } from "commander";

/*
 * `npm test`: static checks, unit tests, then engine tests with the real Pulumi CLI against the sandbox's control plane. The
 * engine tests build what is missing.
 */
const root = join(__dirname, "..");

const command = new Command("npm test --")
  .description("Checks formatting, lint and types, then runs the tests. Without options, all of it.")
  .option("--unit", "the unit tests alone: seconds, and nothing is built")
  .option("--engine", "the engine tests alone, on a sandbox of their own")
  .option("--grep <pattern>", "only tests whose title matches")
  .parse();
const options = command.opts<{ unit?: true; engine?: true; grep?: string }>();
const partly = options.unit === true || options.engine === true || options.grep !== undefined;

if (!partly) {
  check("formatting", "prettier/bin/prettier.cjs", "--check", "--log-level", "warn", ".");
  check("lint", "eslint/bin/eslint.js", ".", "--max-warnings", "0");
  check("types", "typescript/bin/tsc", "--noEmit", "--noCheck", "false", "--project", root);
}
const specs = [
  ...(options.engine === true ? [] : ["test/unit/**/*.test.ts"]),
  ...(options.unit === true ? [] : ["test/engine/**/*.test.ts"]),
];
process.exitCode = run(
  "mocha/bin/mocha.js",
  "--reporter",
  join(__dirname, "reporter.ts"),
  ...(options.unit === true ? [] : ["--require", "tsx", "--require", join(__dirname, "engine/hooks.ts")]),
  ...(options.grep === undefined ? [] : ["--grep", options.grep]),
  ...specs,
);

function check(what: string, ...tool: [string, ...string[]]): void {
  console.log(`checking ${what}`);
  if (run(...tool) !== 0) {
    console.log(`${what}: see above\n0 passed, 1 failed`);
    process.exit(1);
  }
}

function run(script: string, ...args: string[]): number {
  const result = spawnSync(process.execPath, [join(root, "node_modules", script), ...args], {
    cwd: root,
    stdio: "inherit",
  });
  if (result.error !== undefined) throw result.error;
  return result.status ?? 1;
}
