import type { Command } from "commander";
import { reportText } from "../../base/report";
import { type CheckOptions, checking, runChecks } from "../checks";
import { exitOfReport } from "../exit-codes";
import { codes, environmentOf, wholeNumber } from "../options";
import { print, useColour } from "../terminal";

/** The proof that both legs are encrypted. */
export function verifyCommand(program: Command): void {
  checking(program.command("verify"))
    .description("prove that both legs, client to gateway and gateway to workload, are encrypted")
    .option("--strict", "a warning counts as a failure; exit code 2 if not everything could be told")
    .option(
      "--days <count>",
      "warn of certificates that end within so many days",
      wholeNumber(0, "a whole number of days"),
      14,
    )
    .option("--dial-services", "connect to cluster IPs directly; for use inside the cluster or with a route into it")
    .option(
      "--sample <count>",
      "ask istiod about so many pods of workloads at most, from as many workloads as possible (default: all)",
      wholeNumber(1, "a whole number of pods, at least 1"),
    )
    .addHelpText(
      "after",
      `
Each line is a check: passed, FAILED, warning, or "could not tell", which is never counted as passed.
docs/verify.md describes each of them, with its evidence and its fix. Changes nothing.
With --only, the result says which checks were run, and nothing about the encryption of both legs.
${codes(
  "0  nothing failed",
  "1  a check failed (with --strict: or warned)",
  "2  with --strict: nothing failed, but not everything could be told",
  "3  nothing could be verified: no such stack, nothing of it deployed, or its cluster cannot be reached",
)}
Examples:
  enroute-istio verify --stack prod
  enroute-istio verify --stack prod --json > report.json
  enroute-istio verify --stack prod --sample 50
  enroute-istio verify --stack prod --only hosts --only strict/mesh-wide
  enroute-istio verify --list`,
    )
    .action((options: VerifyCliOptions, command: Command) => runChecks("verify", options, command, runVerify));
}

interface VerifyCliOptions extends CheckOptions {
  days: number;
  dialServices?: true;
  strict?: true;
  sample?: number;
}

async function runVerify({
  days,
  dialServices,
  strict,
  sample,
  only,
  ...options
}: VerifyCliOptions & { stack: string }) {
  const report = await environmentOf(options).verify({
    days,
    dialServices: dialServices === true,
    ...(sample === undefined ? {} : { sample }),
    ...(only === undefined ? {} : { only }),
  });
  print(options.json === true ? report : reportText(report, { colour: useColour }));
  process.exitCode = exitOfReport(report, strict === true);
}
