import type { Command } from "commander";
import { reportText, summaryWith } from "../../base/report";
import { type CheckOptions, checking, runChecks } from "../checks";
import { exitHelp, exitOfReport } from "../exit-codes";
import { environmentOf } from "../options";
import { print, useColour } from "../terminal";

/** Whether a cluster is ready. */
export function preflightCommand(program: Command): void {
  checking(program.command("preflight"))
    .description("check whether the cluster is ready for the rollout of a stack")
    .option("--strict", "a warning counts as an error; exit code 2 if not everything could be decided")
    .addHelpText(
      "after",
      `
Each line is a check: passed, FAILED, warning, or "could not tell", which is never counted as passed. Everything that
stands in the way of a rollout is named at once, each with its cause and its fix. preview and up run the same checks, except
those of the chart repositories, which the engine contacts anyway. docs/verify.md describes each check. Changes nothing.
${exitHelp({
  done: "ready (perhaps with warnings)",
  failed: "not ready (with --strict: or a warning)",
  undecided: "with --strict: nothing was found, but not everything could be decided",
  notRun: "nothing was checked: no such stack, or wrong settings",
})}
Examples:
  enroute-istio preflight --stack prod
  enroute-istio preflight --stack prod --only cluster/rights --only charts
  enroute-istio preflight --list`,
    )
    .action((options: PreflightCliOptions, command: Command) => runChecks("preflight", options, command, runPreflight));
}

interface PreflightCliOptions extends CheckOptions {
  strict?: true;
}

async function runPreflight({ strict, only, ...options }: PreflightCliOptions & { stack: string }): Promise<void> {
  const report = await environmentOf(options).preflightReport(only === undefined ? {} : { only });
  const summary = summaryWith(report, {
    passed: `the cluster is ready for stack ${options.stack}`,
    failed: `the cluster is NOT ready for stack ${options.stack}`,
    unknown: `nothing found against the rollout of stack ${options.stack}, but some checks could not be decided`,
  });
  print(options.json === true ? report : reportText(report, { colour: useColour, summary }));
  process.exitCode = exitOfReport(report, strict === true);
}
