import type { Command } from "commander";
import { forgottenText } from "../../automation/status";
import { exitHelp } from "../exit-codes";
import { type CommonOptions, common, environmentOf } from "../options";
import { agreed, print, watched } from "../terminal";

/** A cluster that is gone for good. */
export function forgetCommand(program: Command): void {
  common(program.command("forget"))
    .description("have a stack forget a cluster that is gone for good: what was in it leaves the state")
    .option("-y, --yes", "do not ask")
    .option("--remove", "also remove the stack, its keys and its history from the backend")
    .option("--unseen", "also where nobody can look for the cluster, as its kubeconfig or context went with it")
    .addHelpText(
      "after",
      `
It refuses if anything answers at the cluster's address, if only with a refusal of the credentials: a living cluster is never
forgotten; destroy is for that. It lists what leaves the state, and what may be left outside of the cluster, such as a load
balancer. What only the state has stays, such as the CA's key, so that the stack can go on in another cluster.
${exitHelp({
  done: "forgotten",
  failed: "it failed half-way; running it again goes on",
  notRun: "nothing was touched: the cluster answers, nobody could look, no such stack, an update is running",
  interrupted: "interrupted",
})}
Examples:
  enroute-istio forget --stack dev             # lists what was in it, and asks
  enroute-istio forget --stack dev --remove    # and the stack goes as well`,
    )
    .action(runForget);
}

async function runForget({
  yes,
  remove = false,
  unseen = false,
  ...options
}: CommonOptions & { yes?: true; remove?: boolean; unseen?: boolean }): Promise<void> {
  const environment = environmentOf(options);
  const found = await environment.forget({ unseen });
  if (options.json !== true) print(forgottenText(found, options.stack));
  if (!(await agreed({ ...options, ...(yes === undefined ? {} : { yes }) }, "forget", () => Promise.resolve()))) return;
  const result = await watched(options, (watch) => environment.forget({ ...watch, apply: true, unseen, remove }));
  if (options.json === true) print(result);
  else
    print(
      remove
        ? `Stack ${options.stack} is gone.`
        : `Go on in another cluster with: enroute-istio up --stack ${options.stack}`,
    );
}
