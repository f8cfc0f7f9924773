import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { Command, Option } from "commander";
import { ReviewError } from "../review/error";
import { manifests, writeManifests } from "../review/gitops";
import { failureMarkdown, markdown } from "../review/markdown";
import { isRefused, review } from "../review/review";
import { renderHead } from "../review/sides";
import { exit } from "./exit-codes";

interface Options {
  stack: string;
  base?: string;
  cwd: string;
  json?: true;
  output?: string;
  comment?: string;
  preview?: string;
  refresh?: true;
  chartRepository?: string;
  strict?: true;
}

const program = new Command("review")
  .description(
    "Shows what a change of a stack really does: renders its objects at the base and in the working tree, charts included,\n" +
      "and tells which of them change, whether an encrypted leg gets weaker, and what it costs in outage. Then judges them by\n" +
      "the policies. Needs git and helm, no cluster and no secrets; changes nothing.",
  )
  .requiredOption("-s, --stack <name>", "stack to review")
  .option("-b, --base <git ref>", "branch, tag or commit to compare with; see below")
  .option("--json", "everything that was found, machine-readable; without it, Markdown for a comment")
  .option("--strict", "a leg that gets weaker and an advisory finding count as refused too")
  .option("--comment <file>", "also write the Markdown into a file, and the error where there is no review")
  .option("--preview <file>", "output of pulumi preview, to be shown in the Markdown too")
  .option("-o, --output <folder>", "instead of comparing, write the objects of the working tree for Argo CD or Flux")
  .option("--refresh", "pull charts anew; without it each version of a chart is pulled once")
  .addOption(
    new Option("--chart-repository <url>", "take every chart from here, on both sides, such as from a mirror").env(
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
The base is where this branch left <git ref>: the merge-base of it and HEAD. Without --base that of the main branch is
taken (origin/HEAD, origin/main, origin/master, main, master), and on the main branch itself the commit before. The working
tree is taken as it is, committed or not. Each side is rendered by its own program and its own settings.

docs/review.md says what the marks mean, and how to set this up for pull requests and for GitOps.

Exit codes:
  0  the policies let it pass
  1  a mandatory policy refuses it (with --strict: or a leg gets weaker, or there is an advisory finding)
  3  there is no review: no such stack or base, wrong settings, a chart that cannot be had, no helm or git

Examples:
  npm run --silent review -- --stack prod                       # this branch against the main one
  npm run --silent review -- --stack prod --base v1.4.0 --json
  npm run review -- --stack prod --output ../manifests/prod     # for Argo CD or Flux`,
  )
  .showHelpAfterError();

async function main({ stack, base, cwd, json, strict, output, comment, preview, ...render }: Options): Promise<void> {
  const project = resolve(cwd);
  if (output !== undefined) {
    const side = await renderHead(project, stack, render);
    const written = manifests(side);
    writeManifests(resolve(output), stack, written);
    console.log(`${written.files.size} objects of stack ${stack} are in ${output}.`);
    for (const { title, reason } of written.leftOut) console.log(`Left out: ${title} ${reason}.`);
    return;
  }
  const found = await review({ project, stack, ...render, ...(base === undefined ? {} : { base }) });
  const text = markdown(found, preview === undefined ? {} : { preview: readPreview(preview) });
  if (comment !== undefined) writeFileSync(comment, text);
  console.log(json === true ? JSON.stringify(found, undefined, 2) : text);
  const { weaker, policies } = found;
  const isDoubtful =
    Object.values(weaker).some((list) => list.length > 0) || policies.added.length + policies.standing.length > 0;
  if (isRefused(found) || (strict === true && isDoubtful)) process.exitCode = exit.failed;
}

function readPreview(path: string): string {
  try {
    // Colours mean nothing in a comment.
    return stripVTControlCharacters(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ReviewError(
      `The output of a preview cannot be read: ${(error as Error).message}`,
      "name it with --preview",
    );
  }
}

program.action(main).exitOverride((error) => process.exit(error.exitCode === 0 ? exit.done : exit.notRun));

/** Runs the command with the arguments that follow its name. Never throws; the exit code says how it ended. */
export async function run(args: string[]): Promise<void> {
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    // A stack trace helps only with what should not have happened.
    console.error(error instanceof ReviewError ? error.message : error);
    const { comment, stack } = program.opts<Partial<Options>>();
    if (comment !== undefined) writeFileSync(comment, failureMarkdown(stack ?? "", (error as Error).message));
    process.exitCode = exit.notRun;
  }
}

if (require.main === module) void run(process.argv.slice(2));
