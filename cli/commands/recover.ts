import type { Command } from "commander";
import { foreignLockHours, isClean, recoveryText } from "../../automation/status";
import { exit, exitHelp } from "../exit-codes";
import { type CommonOptions, common, environmentOf } from "../options";
import { print } from "../terminal";

/** Repairs what a killed update left. */
export function recoverCommand(program: Command): void {
  common(program.command("recover"))
    .description("repair what a killed update (crash, power loss, runner gone) left between Pulumi and Helm")
    .option("-y, --yes", "do it; this removes a lock that a killed update left")
    .option(
      "--adopt <release...>",
      "also take over these running releases (namespace/name), which nothing of the stack names: Helm forgets them, and the next update takes their objects over",
    )
    .addHelpText(
      "after",
      `
Without --yes it only shows what it would do. No object of the rollout is deleted. It refuses while another update holds the
stack's lock, and names the holder: a process on this host, or another host's update less than ${foreignLockHours} hours old.
Releases that neither the stack's state nor its operations name belong to others, and stay as they are.
${exitHelp({
  done: "nothing was in the way, or it was repaired",
  failed: "something is in the way (without --yes), or belongs to others",
  notRun: "nothing was examined: no such stack, wrong settings, no cluster, or an update is running",
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
