import { resolve } from "node:path";
import { Command, Option } from "commander";
import { ReviewError } from "./error";
import { markdown } from "./markdown";
import { review } from "./review";

interface Options {
  stack: string;
  base?: string;
  cwd: string;
  json?: true;
  output?: string;
  refresh?: true;
  strict?: true;
}

const program = new Command("npm run review --")
  .requiredOption("-s, --stack <name>", "stack to review")
  .option("-b, --base <git ref>", "compare with where this branch left <git ref>; default: the main branch, see below")
  .addOption(
    new Option("-C, --cwd <folder>", "folder of the Pulumi project")
      .env("PULUMI_OPTION_CWD")
      .default(".", "this folder"),
  )
  .option("--json", "machine-readable output, in full")
  .option("--refresh", "pull charts anew even if they are cached")
  .showHelpAfterError();

async function main(options: Options): Promise<void> {
  const { stack, base, refresh } = options;
  const found = await review({
    project: resolve(options.cwd),
    stack,
    ...(base === undefined ? {} : { base }),
    ...(refresh === undefined ? {} : { refresh }),
  });
  console.log(options.json === true ? JSON.stringify(found, undefined, 2) : markdown(found));
}

program.action(main).exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 3));
program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof ReviewError ? error.message : error);
  process.exitCode = 3;
});
