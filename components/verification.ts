import * as pulumi from "@pulumi/pulumi";
import { type Report, type ReportSummary, failuresText, summaryOf, summaryText } from "../base/report";
import { refusal } from "./refusal";

export interface VerificationArgs {
  /** Certificate of the CA that clients trust, PEM, where it is known. */
  caCertificate: pulumi.Input<string | undefined>;
  /** Verifies the cluster. */
  verify: (known: { caCertificate?: string; leaving: string[] }) => Promise<Report>;
  /** What this update will delete, `Kind namespace/name`: the engine does so at its end. @default nothing */
  leaving?: () => Promise<string[]>;
}

/**
 * Verifies the cluster at the end of `pulumi up`; runs after everything in `dependsOn`. If it fails, the update fails,
 * with everything that was rolled out and every output kept. A preview does not run it.
 */
export class Verification extends pulumi.ComponentResource {
  /** What it came to, failed or not. */
  readonly summary: pulumi.Output<ReportSummary>;

  constructor(name: string, args: VerificationArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:verify:Verification", name, {}, opts);
    if (pulumi.runtime.isDryRun()) {
      this.summary = pulumi.output(pulumi.unknown) as pulumi.Output<ReportSummary>;
    } else {
      // The engine gives a name to what is registered, and this is registered when all that it depends on is done.
      const report = pulumi.all([this.urn, args.caCertificate]).apply(async ([, caCertificate]) => {
        const leaving = (await args.leaving?.()) ?? [];
        return {
          leaving,
          found: await args.verify({ leaving, ...(caCertificate === undefined ? {} : { caCertificate }) }),
        };
      });
      this.summary = report.apply(({ found }) => summaryOf(found));
      // Beside the summary and not in it: the outputs are written down even where this fails the update.
      report.apply(({ found, leaving }) => this.report(found, leaving));
    }
    this.registerOutputs({});
  }

  private async report(report: Report, leaving: string[]): Promise<void> {
    if (report.status === "failed") throw refusal([failuresText(report), ...heldBack(leaving)].join("\n"));
    await pulumi.log.info(summaryText(report), this);
    const doubts = failuresText(report);
    if (doubts !== "") await pulumi.log.warn(doubts, this);
  }
}

/** What is not deleted, as the update fails before it comes to that. */
function heldBack(leaving: string[]): string[] {
  if (leaving.length === 0) return [];
  return [
    `Not deleted, as an update deletes last, and only where nothing failed: ${leaving.join(", ")}.`,
    "  fix: put right what failed, then pulumi up, which deletes them; or delete them first, by an update with verifyAfterUp: false",
  ];
}
