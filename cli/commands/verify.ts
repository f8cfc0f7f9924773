import { writeFileSync } from "node:fs";
import { extname } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { defined } from "../../base/defined";
import { reportText } from "../../base/report";
import { type CheckOptions, checking, runChecks } from "../checks";
import { exitHelp, exitOfReport } from "../exit-codes";
import { receiptHtml } from "../../automation";
import { collect, environmentOf, wholeNumber } from "../options";
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
    .option(
      "--report <file>",
      "write the receipt as a page for people (.html) or as data (.json); may be given again",
      (file: string, before?: string[]) => collect(receiptFile(file), before),
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
  enroute-istio verify --stack prod --json > results.json
  enroute-istio verify --stack prod --report prod.html --report prod.json
  enroute-istio verify --stack prod --sample 50
  enroute-istio verify --stack prod --only hosts --only strict/mesh-wide
  enroute-istio verify --list`,
    )
    .action((options: VerifyCliOptions, command: Command) => runChecks("verify", options, command, runVerify));
}

interface VerifyCliOptions extends CheckOptions {
  days: number;
  dialServices?: true;
  report?: string[];
  strict?: true;
  sample?: number;
}

function receiptFile(file: string): string {
  if ([".html", ".json"].includes(extname(file))) return file;
  throw new InvalidArgumentError("a file name that ends with .html or .json");
}

async function runVerify(options: VerifyCliOptions & { stack: string }) {
  const { days, dialServices, strict, sample, only, report: files = [], ...common } = options;
  const receipt = await environmentOf(common).receipt({
    days,
    dialServices: dialServices === true,
    ...defined({ sample, only }),
  });
  const { report } = receipt;
  for (const file of files)
    writeFileSync(
      file,
      extname(file) === ".html" ? receiptHtml(receipt) : `${JSON.stringify(receipt, undefined, 2)}\n`,
    );
  print(common.json === true ? report : reportText(report, { colour: useColour }));
  for (const file of files) console.error(`receipt: ${file}`);
  process.exitCode = exitOfReport(report, strict === true);
}
