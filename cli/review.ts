import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { defined } from "../base/defined";
import { ReviewError } from "../review/error";
import { manifests, writeManifests } from "../review/gitops";
import { failureMarkdown, markdown } from "../review/markdown";
import { isRefused, review } from "../review/review";
import { renderHead } from "../review/sides";
import { exit } from "./exit-codes";

/** Options of `enroute-istio review`. */
export interface ReviewOptions {
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

/** Runs a review. Never throws; the exit code says how it ended. */
export async function run(options: ReviewOptions): Promise<void> {
  try {
    await judge(options);
  } catch (error) {
    // A stack trace helps only with what should not have happened.
    console.error(error instanceof ReviewError ? error.message : error);
    const { comment, stack } = options;
    if (comment !== undefined) writeFileSync(comment, failureMarkdown(stack, (error as Error).message));
    process.exitCode = exit.notRun;
  }
}

async function judge({
  stack,
  base,
  cwd,
  json,
  strict,
  output,
  comment,
  preview,
  ...render
}: ReviewOptions): Promise<void> {
  const project = resolve(cwd);
  if (output !== undefined) {
    const side = await renderHead(project, stack, render);
    const written = manifests(side);
    writeManifests(resolve(output), stack, written);
    console.log(`${written.files.size} objects of stack ${stack} are in ${output}.`);
    for (const { title, reason } of written.leftOut) console.log(`Left out: ${title} ${reason}.`);
    return;
  }
  const found = await review(defined({ project, stack, ...render, base }));
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
