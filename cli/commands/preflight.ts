import type { Command } from "commander";
import type { Finding } from "../../base/finding";
import { exit } from "../exit-codes";
import { type CommonOptions, codes, common, environmentOf } from "../options";
import { print } from "../terminal";

/** Whether a cluster is ready. */
export function preflightCommand(program: Command): void {
  common(program.command("preflight"))
    .description("find out whether the cluster is ready for the rollout of a stack")
    .option("--strict", "a warning counts as an error")
    .addHelpText(
      "after",
      `
Lists everything that stands against a rollout at once, each with its cause and its fix. preview and up look at the same by
themselves, but for the chart repositories, which the engine asks anyway. Changes nothing.
${codes("0  ready (perhaps with warnings)", "1  not ready", "3  it could not be looked at: no such stack, or wrong settings")}`,
    )
    .action(runPreflight);
}

async function runPreflight({ strict, ...options }: CommonOptions & { strict?: true }): Promise<void> {
  const findings = await environmentOf(options).preflight();
  const errors = findings.filter(({ severity }) => severity === "error").length;
  print(options.json === true ? { ready: errors === 0, findings } : findingsText(findings, options.stack));
  process.exitCode = errors > 0 || (strict === true && findings.length > 0) ? exit.failed : 0;
}

function findingsText(findings: readonly Finding[], stack: string): string {
  const lines = findings.map(
    ({ check, severity, problem, fix }) => `${severity.padEnd(7)}  ${check}  ${problem}\n         fix: ${fix}`,
  );
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  const warned = `${warnings} warning${warnings === 1 ? "" : "s"}`;
  const summary =
    errors === 0
      ? `The cluster is ready for stack ${stack}${warnings === 0 ? "." : `, with ${warned}.`}`
      : `The cluster is not ready for stack ${stack}: ${errors} error${errors === 1 ? "" : "s"}, ${warned}.`;
  return [...lines, summary].join("\n");
}
