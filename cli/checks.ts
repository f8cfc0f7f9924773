import type { Command } from "commander";
import { listChecks } from "../automation/environment";
import { exit } from "./exit-codes";
import { type CommonOptions, collect, withProject } from "./options";
import { print } from "./terminal";

/* What verify and preflight share: a selection of checks, and the list of all. */

export interface CheckOptions extends Omit<CommonOptions, "stack"> {
  stack?: string;
  only?: string[];
  list?: true;
}

export function checking(command: Command): Command {
  return withProject(command)
    .option("-s, --stack <name>", "stack to check; required, except with --list")
    .option("--only <check>", "run only this check, or this group of checks (hosts, or hosts/*); repeatable", collect)
    .option("--list", "list every check: its severity, what it reads, and what holds where it passes");
}

/**
 * Prints the list, or runs the checks of a stack. An unknown id is refused like any other wrong option.
 */
export async function runChecks<Options extends CheckOptions>(
  name: "verify" | "preflight",
  options: Options,
  command: Command,
  run: (options: Options & { stack: string }) => Promise<void>,
): Promise<void> {
  if (options.list === true) {
    const checks = listChecks(name);
    print(options.json === true ? checks : listText(checks));
    return;
  }
  const { stack } = options;
  if (stack === undefined) command.error("error: required option '-s, --stack <name>' not specified");
  try {
    await run({ ...options, stack });
  } catch (error) {
    if (!(error instanceof Error && error.name === "UnknownCheckError")) throw error;
    const { message, fix } = error as Error & { fix: string };
    console.error(`error: option '--only <check>': ${message}\n  fix: ${fix}`);
    process.exitCode = exit.notRun;
  }
}

function listText(checks: ReturnType<typeof listChecks>): string {
  const reads = ({ needs, dials }: (typeof checks)[number]) =>
    [...needs, ...dials.map((what) => `connects to ${what}`)].join(", ") || "the connection itself";
  const widest = (texts: string[]) => Math.max(...texts.map((text) => text.length));
  const width = widest(checks.map(({ id }) => id));
  return checks
    .flatMap((check) => [
      `${check.id.padEnd(width)}  ${check.severity.padEnd(7)}  ${check.title}`,
      `${" ".repeat(width)}           ${check.when === undefined ? "" : `only with ${check.when}; `}reads: ${reads(check)}`,
    ])
    .join("\n");
}
