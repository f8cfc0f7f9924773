import type { Command } from "commander";
import { type ChangeOptions, changeExits, changing, engineOptions, environmentOf, policyOptions } from "../options";
import { agreed, print, printOutputs, watched } from "../terminal";

/** The rollout. */
export function upCommand(program: Command): void {
  policyOptions(changing(program.command("up")))
    .description("roll out; what is already right stays untouched")
    .option("-y, --yes", "do not ask")
    .option("--create", "create the stack if it does not exist")
    .option("-r, --refresh", "first read what others changed in the cluster; renews certificates that are due")
    .option("-m, --message <text>", "message for the stack's history")
    .option("--expect-no-changes", "fail if anything had to change (after changing it)")
    .addHelpText(
      "after",
      `
On a terminal it shows the components of the rollout, what each waits for and how long it takes; elsewhere it prints a line
for each change. Ctrl-C once stops gracefully and lists what was left; twice drops everything.
${changeExits}
Examples:
  enroute-istio up --stack dev
  enroute-istio up --stack prod --yes --json > result.json`,
    )
    .action(runUp);
}

async function runUp(options: ChangeOptions): Promise<void> {
  const environment = environmentOf(options, { createIfMissing: options.create === true });
  if (!(await agreed(options, "up", (watch) => environment.preview({ ...watch, ...engineOptions(options) })))) return;
  const { outputs, ...result } = await watched(options, (watch) =>
    environment.up({ ...watch, ...engineOptions(options) }),
  );
  if (options.json === true) print({ ...result, outputs });
  else printOutputs(outputs);
}
