import { type Command, Option } from "commander";
import { exitHelp } from "../exit-codes";
import type * as review from "../review";

/** Judges a change for a pull request. */
export function reviewCommand(program: Command): void {
  program
    .command("review")
    .description(
      "judge a change for a pull request: what changes in the cluster, whether an encrypted leg gets weaker, policy findings",
    )
    .requiredOption("-s, --stack <name>", "stack to review")
    .option("-b, --base <git ref>", "branch, tag or commit to compare with; see below")
    .option("--json", "print everything as JSON; without it, Markdown for a comment")
    .option("--strict", "also refuse a leg that gets weaker, and advisory findings")
    .option("--comment <file>", "also write the Markdown to a file, or the error if there is no review")
    .option("--preview <file>", "output of pulumi preview, to include in the Markdown")
    .option("-o, --output <folder>", "instead of comparing, write the objects of the working tree for Argo CD or Flux")
    .option("--refresh", "pull charts again; otherwise each version is pulled once")
    .addOption(
      new Option("--chart-repository <url>", "take every chart from here, on both sides: a mirror, for example").env(
        "ENROUTE_ISTIO_CHART_REPOSITORY",
      ),
    )
    .addOption(
      new Option("-C, --cwd <folder>", "folder of the Pulumi project, in a git clone")
        .env("ENROUTE_ISTIO_REVIEW_CWD")
        .default(process.env["PULUMI_OPTION_CWD"] ?? ".", "PULUMI_OPTION_CWD, or this folder"),
    )
    .addHelpText(
      "after",
      `
It renders the stack's objects at the base and in the working tree, charts included, compares them, and judges them by the
policies. It needs git and helm, no cluster and no secrets, and changes nothing.

The base is where this branch left <git ref>: the merge-base of it and HEAD. Without --base that of the main branch is
taken (origin/HEAD, origin/main, origin/master, main, master), and on the main branch itself the commit before. The working
tree is taken as it is, committed or not. Each side is rendered by its own program and its own settings.

docs/review.md describes the marks, and the set-up for pull requests and GitOps.
${exitHelp({
  done: "the policies let it pass",
  failed: "a mandatory policy refuses it (with --strict: or a leg gets weaker, or there is an advisory finding)",
  notRun: "there is no review: no such stack or base, wrong settings, a chart that cannot be pulled, no helm or git",
})}
Examples:
  enroute-istio review --stack prod                             # this branch against the main one
  enroute-istio review --stack prod --base v1.4.0 --json
  enroute-istio review --stack prod --output ../manifests/prod  # for Argo CD or Flux`,
    )
    .showHelpAfterError()
    .action(runReview);
}

async function runReview(options: review.ReviewOptions): Promise<void> {
  // Loaded where it is used: the other commands start without it.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { run } = require("../review") as typeof review;
  await run(options);
}
