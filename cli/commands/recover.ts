import type { Command } from "commander";
import { exit } from "../exit-codes";
import { type CommonOptions, codes, common, environmentOf } from "../options";
import { print } from "../terminal";

/** Puts right what a cut-off update left. */
export function recoverCommand(program: Command): void {
  common(program.command("recover"))
    .description(
      "put right what an update that was cut off (killed, power lost, runner gone) left between Pulumi and Helm",
    )
    .option("-y, --yes", "do it; also takes the stack's lock away, so make sure that no update is running elsewhere")
    .option(
      "--adopt <release...>",
      "let Helm forget these releases (namespace/name), too, which run and which nothing of the stack names: the next update takes their objects over",
    )
    .addHelpText(
      "after",
      `
Without --yes it only says what it would do. No object of the rollout is deleted. Releases that neither the stack's state nor an
operation of its own names belong to somebody else, and are left as they are.
${codes(
  "0  nothing was in the way, or it was put right",
  "1  something is in the way (without --yes), or belongs to somebody else",
  "3  it could not be looked at: no such stack, wrong settings, no cluster",
)}
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
  const { stack } = options;
  const recovery = await environmentOf(options).recover({ apply: yes === true, adopt });
  const { stateOf, forget, pending, foreign = [], done } = recovery;
  const isClean = stateOf === undefined && forget.length + pending.length === 0;
  if ((!isClean && !done) || foreign.length > 0) process.exitCode = exit.failed;
  if (options.json === true) return print(recovery);
  for (const { namespace, name, why } of foreign)
    print(
      `Helm release ${namespace}/${name} ${why}.\n  It is left as it is. Agree with its owner, then uninstall it, or take it over: --adopt ${namespace}/${name}`,
    );
  if (stateOf !== undefined)
    print(
      `The state file of stack ${stack} is cut short. Its copy of ${stateOf} ${done ? "took" : "can take"} its place.`,
    );
  for (const { namespace, name, revisions, why } of forget)
    print(
      `Helm release ${namespace}/${name} ${why}.\n  Helm forgets revision ${revisions.join(", ")}; its objects stay.`,
    );
  for (const operation of pending) print(`The engine never finished: ${operation}.`);
  if (isClean && foreign.length === 0) print(`Nothing of stack ${stack} was cut off.`);
  // In a checkout this command goes by the name of npm's script.
  const command = process.env["npm_lifecycle_event"] === "recover" ? "npm run recover --" : "enroute-istio recover";
  if (!isClean && !done) print(`Put it right with: ${command} --stack ${stack} --yes`);
  if (done) print(`The lock of stack ${stack} is free and its state is fresh. Go on with: pulumi up --stack ${stack}`);
}
