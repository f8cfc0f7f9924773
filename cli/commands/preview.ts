import type { Command } from "commander";
import { exit } from "../exit-codes";
import { type ChangeOptions, changeExits, changing, engineOptions, environmentOf, policyOptions } from "../options";
import { changeText, print, watched } from "../terminal";

/** What an update would change. */
export function previewCommand(program: Command): void {
  policyOptions(changing(program.command("preview")))
    .description("show what an update would change; changes nothing")
    .option("-r, --refresh", "first read what others changed in the cluster")
    .option("--expect-no-changes", "exit code 1 if anything would change")
    .addHelpText("after", changeExits)
    .action(runPreview);
}

async function runPreview({ expectNoChanges, ...options }: ChangeOptions): Promise<void> {
  const environment = environmentOf(options);
  const result = await watched(options, (watch) => environment.preview({ ...watch, ...engineOptions(options) }));
  if (options.json === true) print(result);
  else print(changeText(result));
  if (expectNoChanges === true && result.hasChanges) process.exitCode = exit.failed;
}
