import type { Command } from "commander";
import { listChecks } from "../automation/environment";
import { exit } from "./exit-codes";
import { type CommonOptions, collect, withProject } from "./options";
import { print } from "./terminal";

/* What verify and preflight have in common: some checks alone, and the list of all. */

export interface CheckOptions extends Omit<CommonOptions, "stack"> {
  stack?: string;
  only?: string[];
  list?: true;
}

export function checking(command: Command): Command {
  return withProject(command)
    .option("-s, --stack <name>", "stack whose settings and cluster are meant; needed but for --list")
    .option(
      "--only <check>",
      "run this check alone, or this group of them (hosts, or hosts/*); may be given again",
      collect,
    )
    .option("--list", "show every check: its severity, what it looks at, and what holds where it passes");
}

/**
 * Does what a command's options ask for: the list, or the checks of a stack. An id that does not exist is refused like any other
 * option that is wrong.
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
  const looksAt = ({ needs, dials }: (typeof checks)[number]) =>
    [...needs, ...dials.map((what) => `connects to ${what}`)].join(", ") || "the connection itself";
  const widest = (texts: string[]) => Math.max(...texts.map((text) => text.length));
  const width = widest(checks.map(({ id }) => id));
  return checks
    .flatMap((check) => [
      `${check.id.padEnd(width)}  ${check.severity.padEnd(7)}  ${check.title}`,
      `${" ".repeat(width)}           ${check.when === undefined ? "" : `only with ${check.when}; `}looks at: ${looksAt(check)}`,
    ])
    .join("\n");
}
