import type { Command } from "commander";
import { reportText } from "../../base/report";
import { type CheckOptions, checking, runChecks } from "../checks";
import { exitHelp, exitOfReport } from "../exit-codes";
import { environmentOf, wholeNumber } from "../options";
import { print, useColour } from "../terminal";

/** The proof that both legs are encrypted. */
export function verifyCommand(program: Command): void {
  checking(program.command("verify"))
    .description("prove that both legs, client to gateway and gateway to workload, are encrypted")
    .option("--strict", "a warning counts as a failure; exit code 2 if not everything could be decided")
    .option(
      "--days <count>",
      "warn of certificates that expire within this many days",
      wholeNumber(0, "a whole number of days"),
      14,
    )
    .option("--dial-services", "connect to cluster IPs directly; for use inside the cluster or with a route into it")
    .addHelpText(
      "after",
      `
Each line is a check: passed, FAILED, warning, or "could not tell", which is never counted as passed.
docs/verify.md describes each, with its evidence and its fix. Changes nothing.
With --only, the result names the checks that ran; it does not judge the encryption of both legs.
${exitHelp({
  done: "nothing failed",
  failed: "a check failed (with --strict: or warned)",
  undecided: "with --strict: nothing failed, but not everything could be decided",
  notRun: "nothing could be verified: no such stack, nothing of it deployed, or its cluster cannot be reached",
})}
Examples:
  enroute-istio verify --stack prod
  enroute-istio verify --stack prod --json > report.json
  enroute-istio verify --stack prod --only hosts --only strict/mesh-wide
  enroute-istio verify --list`,
    )
    .action((options: VerifyCliOptions, command: Command) => runChecks("verify", options, command, runVerify));
}

interface VerifyCliOptions extends CheckOptions {
  days: number;
  dialServices?: true;
  strict?: true;
}

async function runVerify({ days, dialServices, strict, only, ...options }: VerifyCliOptions & { stack: string }) {
  const report = await environmentOf(options).verify({
    days,
    dialServices: dialServices === true,
    ...(only === undefined ? {} : { only }),
  });
  print(options.json === true ? report : reportText(report, { colour: useColour }));
  process.exitCode = exitOfReport(report, strict === true);
}
