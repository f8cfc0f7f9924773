import type { Command } from "commander";
import { type ChangeOptions, changeExits, changing, engineOptions, environmentOf } from "../options";
import { agreed, print, watched } from "../terminal";

/** Destroys the rollout. */
export function destroyCommand(program: Command): void {
  changing(program.command("destroy"))
    .description("destroy the rollout; lists what stays in the cluster, and why")
    .option("-y, --yes", "do not ask")
    .option("--remove", "also remove the stack and its history from the backend")
    .option("-m, --message <text>", "message for the stack's history")
    .addHelpText(
      "after",
      `\nWhere another stack has taken over an object, nothing is deleted, and each such object is named.\n${changeExits}`,
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
