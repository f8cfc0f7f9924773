import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { errorsOf, preflight } from "./preflight";
import { exitCode, reportText } from "./report";
import { UserError, deployedStack, stackSettings } from "./stack";
import { VerifyError, verify } from "./verify";

/** Exit code where there was nothing to judge: no such stack, no cluster, a wrong option. */
const notRun = 3;

interface CommonOptions {
  stack: string;
  cwd: string;
  json?: true;
  strict?: true;
}

interface VerifyCliOptions extends CommonOptions {
  days: number;
  dialServices?: true;
}

const useColour = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;

async function runVerify(options: VerifyCliOptions): Promise<void> {
  const { settings, caCertificate } = await deployedStack({ project: resolve(options.cwd), stack: options.stack });
  const report = await verify(settings, {
    days: options.days,
    dialServices: options.dialServices === true,
    ...(caCertificate === undefined ? {} : { caCertificate }),
  });
  console.log(options.json === true ? JSON.stringify(report, undefined, 2) : reportText(report, { colour: useColour }));
  process.exitCode = exitCode(report, options.strict === true);
}

async function runPreflight(options: CommonOptions): Promise<void> {
  const settings = await stackSettings({ project: resolve(options.cwd), stack: options.stack });
  const findings = await preflight(settings, { charts: true });
  const errors = errorsOf(findings).length;
  if (options.json === true) console.log(JSON.stringify({ ready: errors === 0, findings }, undefined, 2));
  else {
    for (const { check, severity, problem, fix } of findings)
      console.log(`${severity.padEnd(7)}  ${check}  ${problem}\n         fix: ${fix}`);
    const warnings = findings.length - errors;
    console.log(
      errors === 0
        ? `The cluster is ready for stack ${options.stack}${warnings === 0 ? "." : `, with ${warnings} warning${warnings === 1 ? "" : "s"}.`}`
        : `The cluster is not ready for stack ${options.stack}: ${errors} error${errors === 1 ? "" : "s"}, ${warnings} warning${warnings === 1 ? "" : "s"}.`,
    );
  }
  process.exitCode = errors > 0 || (options.strict === true && findings.length > 0) ? 1 : 0;
}

function wholeDays(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 0) throw new InvalidArgumentError("a whole number of days");
  return days;
}

function common(command: Command): Command {
  return command
    .requiredOption("-s, --stack <name>", "stack whose settings and cluster are meant")
    .addOption(
      new Option("-C, --cwd <folder>", "folder of the Pulumi project")
        .env("PULUMI_OPTION_CWD")
        .default(".", "this folder"),
    )
    .option("--json", "machine-readable output")
    .showHelpAfterError();
}

const program = new Command("enroute-istio").description(
  "Looks at the cluster of a stack before a rollout (preflight) and after it (verify). Changes nothing.",
);

common(program.command("verify"))
  .description("prove that both legs, client to gateway and gateway to workload, are encrypted")
  .option("--strict", "a warning counts as a failure; exit code 2 if not everything could be told")
  .option("--days <count>", "warn of certificates that end within so many days", wholeDays, 14)
  .option("--dial-services", "connect to cluster IPs directly; for use inside the cluster or with a route into it")
  .addHelpText(
    "after",
    `
Each line is a check: passed, FAILED, warning, or "could not tell", which is never counted as passed.
docs/verify.md describes each of them, with its evidence and its fix.

Exit codes:
  0  nothing failed
  1  a check failed (with --strict: or warned)
  2  with --strict: nothing failed, but not everything could be told
  3  nothing could be verified: no such stack, never deployed, or its cluster cannot be reached

Examples:
  npm run verify -- --stack prod
  npm run --silent verify -- --stack prod --json > report.json`,
  )
  .action(runVerify);

common(program.command("preflight"))
  .description("find out whether the cluster is ready for the rollout of a stack")
  .option("--strict", "a warning counts as an error")
  .addHelpText(
    "after",
    `
Lists everything that stands against a rollout at once, each with its cause and its fix. pulumi preview and pulumi up look
at the same by themselves, but for the chart repositories, which the engine asks anyway.

Exit codes:
  0  ready (perhaps with warnings)
  1  not ready
  3  it could not be looked at: no such stack, or wrong settings

Examples:
  npm run preflight -- --stack prod
  npm run --silent preflight -- --stack prod --json`,
  )
  .action(runPreflight);

for (const command of [program, ...program.commands])
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : notRun));

program.parseAsync().catch((error: unknown) => {
  const isPlain = error instanceof UserError || error instanceof VerifyError;
  // A stack trace helps only with what should not have happened.
  console.error(isPlain ? error.message : error);
  process.exitCode = notRun;
});
