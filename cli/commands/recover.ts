import type { Command } from "commander";
import { foreignLockHours, isClean, recoveryText } from "../../automation/status";
import { exit, exitHelp } from "../exit-codes";
import { type CommonOptions, common, environmentOf } from "../options";
import { print } from "../terminal";

/** Puts right what a cut-off update left. */
export function recoverCommand(program: Command): void {
  common(program.command("recover"))
    .description(
      "put right what an update that was cut off (killed, power lost, runner gone) left between Pulumi and Helm",
    )
    .option("-y, --yes", "do it; a lock that a killed update left is taken away")
    .option(
      "--adopt <release...>",
      "let Helm forget these releases (namespace/name), too, which run and which nothing of the stack names: the next update takes their objects over",
    )
    .addHelpText(
      "after",
      `
Without --yes it only says what it would do. No object of the rollout is deleted. While another update holds the stack's lock
it refuses, and says whose it is: its process runs on this host, or it is of another host and less than ${foreignLockHours} hours old.
Releases that neither the stack's state nor an operation of its own names belong to somebody else, and are left as they are.
${exitHelp({
  done: "nothing was in the way, or it was put right",
  failed: "something is in the way (without --yes), or belongs to somebody else",
  notRun: "it could not be looked at: no such stack, wrong settings, no cluster, an update that is running",
})}
Example:
  enroute-istio recover --stack prod          # what is in the way?
  enroute-istio recover --stack prod --yes && enroute-istio up --stack prod`,
    )
    .action(runRecover);
}

async function runRecover({
  yes,
  adopt = [],
  ...options
}: CommonOptions & { yes?: true; adopt?: string[] }): Promise<void> {
  const recovery = await environmentOf(options).recover({ apply: yes === true, adopt });
  const isInTheWay = !isClean(recovery) && !recovery.done;
  if (isInTheWay || recovery.foreign !== undefined) process.exitCode = exit.failed;
  print(options.json === true ? recovery : recoveryText(recovery, options.stack));
}
