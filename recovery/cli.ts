import { resolve } from "node:path";
import { Command, Option } from "commander";
import { UserError, stackSettings } from "../verify/stack";
import { inspect, recover } from "./recover";
import { damagedState, restore } from "./state-file";

interface Options {
  stack: string;
  cwd: string;
  yes?: true;
  json?: true;
}

const program = new Command("npm run recover --")
  .description(
    "Puts right what an update that was cut off (killed, power lost, runner gone) left between Pulumi and Helm, so that the\n" +
      "next pulumi up goes on. Without --yes it only says what it would do. No object of the rollout is deleted.",
  )
  .requiredOption("-s, --stack <name>", "stack whose update was cut off")
  .addOption(
    new Option("-C, --cwd <folder>", "folder of the Pulumi project")
      .env("PULUMI_OPTION_CWD")
      .default(".", "this folder"),
  )
  .option("-y, --yes", "do it; also takes the stack's lock away, so make sure that no update is running elsewhere")
  .option("--json", "machine-readable output")
  .addHelpText(
    "after",
    `
Exit codes:
  0  nothing was in the way, or it was put right
  1  something is in the way (without --yes)
  3  it could not be looked at: no such stack, wrong settings, no cluster

Example:
  npm run recover -- --stack prod          # what is in the way?
  npm run recover -- --stack prod --yes && pulumi up --stack prod`,
  )
  .showHelpAfterError();

async function main({ stack, cwd, yes, json }: Options): Promise<void> {
  const options = { project: resolve(cwd), stack };
  // First of all: without its state file not even the settings of a stack can be read.
  const damaged = await damagedState(options);
  if (damaged !== undefined) {
    const what = `The state file of stack ${stack} is cut short. Its copy of ${damaged.from.toISOString()}`;
    if (yes !== true) {
      console.log(`${what} can take its place.\nPut it right with: npm run recover -- --stack ${stack} --yes`);
      process.exitCode = 1;
      return;
    }
    restore(damaged);
    console.error(`${what} took its place; the damaged one is kept beside it.`);
  }
  const settings = await stackSettings(options);
  const found = await inspect(options, settings);
  if (yes === true) await recover(options, settings, found);
  else if (found.forget.length + found.pending.length > 0) process.exitCode = 1;
  if (json === true) {
    console.log(JSON.stringify({ ...found, done: yes === true }, undefined, 2));
    return;
  }
  for (const { namespace, name, revisions, why } of found.forget)
    console.log(
      `Helm release ${namespace}/${name} ${why}.\n  Helm forgets revision ${revisions.join(", ")}; its objects stay.`,
    );
  for (const operation of found.pending) console.log(`The engine never finished: ${operation}.`);
  if (found.forget.length + found.pending.length === 0) console.log(`Nothing of stack ${stack} was cut off.`);
  else if (yes !== true) console.log(`Put it right with: npm run recover -- --stack ${stack} --yes`);
  if (yes === true)
    console.log(`The lock of stack ${stack} is free and its state is fresh. Go on with: pulumi up --stack ${stack}`);
}

program.action(main).exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 3));
program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = 3;
});
