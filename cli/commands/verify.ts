import type { Command } from "commander";
import { reportText } from "../../base/report";
import { exitOfReport } from "../exit-codes";
import { type CommonOptions, codes, common, environmentOf, wholeNumber } from "../options";
import { print, useColour } from "../terminal";

/** The proof that both legs are encrypted. */
export function verifyCommand(program: Command): void {
  common(program.command("verify"))
    .description("prove that both legs, client to gateway and gateway to workload, are encrypted")
    .option("--strict", "a warning counts as a failure; exit code 2 if not everything could be told")
    .option(
      "--days <count>",
      "warn of certificates that end within so many days",
      wholeNumber(0, "a whole number of days"),
      14,
    )
    .option("--dial-services", "connect to cluster IPs directly; for use inside the cluster or with a route into it")
    .addHelpText(
      "after",
      `
Each line is a check: passed, FAILED, warning, or "could not tell", which is never counted as passed.
docs/verify.md describes each of them, with its evidence and its fix. Changes nothing.
${codes(
  "0  nothing failed",
  "1  a check failed (with --strict: or warned)",
  "2  with --strict: nothing failed, but not everything could be told",
  "3  nothing could be verified: no such stack, never deployed, or its cluster cannot be reached",
)}
Examples:
  enroute-istio verify --stack prod
  enroute-istio verify --stack prod --json > report.json`,
    )
    .action(runVerify);
}

interface VerifyCliOptions extends CommonOptions {
  days: number;
  dialServices?: true;
  strict?: true;
}

async function runVerify({ days, dialServices, strict, ...options }: VerifyCliOptions): Promise<void> {
  const report = await environmentOf(options).verify({ days, dialServices: dialServices === true });
  print(options.json === true ? report : reportText(report, { colour: useColour }));
  process.exitCode = exitOfReport(report, strict === true);
}
