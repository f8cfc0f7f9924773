import type { Command } from "commander";
import { type ChangeOptions, codes, common, engineOptions, environmentOf, parallel, usual } from "../options";
import { agreed, print, watched } from "../terminal";

/** Takes the rollout away. */
export function destroyCommand(program: Command): void {
  common(program.command("destroy"))
    .description("take the rollout away; says what it leaves in the cluster, and why")
    .option("-y, --yes", "do not ask")
    .option("--remove", "remove the stack and its history from the backend as well")
    .addOption(parallel())
    .option("-m, --message <text>", "kept in the stack's history")
    .addHelpText(
      "after",
      `
Where another stack has taken over an object since, nothing is deleted, and each such object is named.
${codes(...usual)}`,
    )
    .action(runDestroy);
}

async function runDestroy(options: ChangeOptions): Promise<void> {
  const environment = environmentOf(options);
  if (!(await agreed(options, "destroy", () => environment.outputs()))) return;
  const kept = (await environment.outputs()).keptOnDestroy?.value ?? [];
  const result = await watched(options, (watch) =>
    environment.destroy({ ...watch, ...engineOptions(options), remove: options.remove === true }),
  );
  if (options.json === true) print({ ...result, kept });
  else if (kept.length > 0) print(["left in the cluster:", ...kept.map((what) => `  ${what}`)].join("\n"));
}
