import { type Command, Option } from "commander";
import { adoptionText } from "../../automation/adoption-text";
import { defined } from "../../base/defined";
import { exit, exitHelp } from "../exit-codes";
import { type CommonOptions, common, environmentOf } from "../options";
import { print, watched } from "../terminal";

/** Takes over what somebody installed. */
export function adoptCommand(program: Command): void {
  common(program.command("adopt"))
    .description("take over what somebody installed by hand, with Helm, or by a stack that is gone; requests go on")
    .option("-y, --yes", "do it: write the stack file, and bring the objects into the state")
    .option("--context <name>", "context of the cluster, for a stack file that does not name one yet")
    .option("--kubeconfig <file>", "kubeconfig of the cluster, for the same")
    .addOption(
      new Option("--chart-repository <url>", "take every chart from here, such as from a mirror").env(
        "ENROUTE_ISTIO_CHART_REPOSITORY",
      ),
    )
    .option(
      "--take-over-from <stack>",
      "a stack that is gone (organization/project/stack), whose objects become this one's",
    )
    .option("--force", "replace the settings of the stack file; without it, those that are there are kept")
    .addHelpText(
      "after",
      `
Reads from the cluster: Helm's releases with their values, namespaces, PeerAuthentications, GlobalConfig, GatewayHosts with their Secrets,
Ingresses and the right to list them. Shows what it found, what cannot be taken over and the steps to that, the stack file that reproduces
what runs, and what the first update would change: the engine itself computes it, on a state that is thrown away. Without --yes nothing is written.
With --yes the stack file is written (one that has settings is kept, and compared) and the objects are brought into the
state by pulumi import. The cluster stays as it is until the first update.
${exitHelp({
  done: "it can be taken over (without --yes), or it was",
  failed: "something stands against it, and is named with its steps; nothing was written",
  notRun: "nothing was examined: no cluster, wrong settings, a stack that is locked",
  interrupted: "interrupted",
})}
Examples:
  enroute-istio adopt --stack prod --context prod            # what would become the stack's?
  enroute-istio adopt --stack prod --context prod --yes
  enroute-istio up    --stack prod`,
    )
    .action(runAdopt);
}

interface AdoptCliOptions extends CommonOptions {
  yes?: true;
  context?: string;
  kubeconfig?: string;
  chartRepository?: string;
  takeOverFrom?: string;
  force?: true;
}

async function runAdopt(options: AdoptCliOptions): Promise<void> {
  const { yes, force, context, kubeconfig, chartRepository, takeOverFrom } = options;
  const adoption = await watched(options, ({ signal, killSignal }) =>
    environmentOf(options).adopt({
      ...defined({ context, kubeconfig, chartRepository, takeOverFrom, signal, killSignal }),
      ...{ apply: yes === true, force: force === true },
    }),
  );
  if (adoption.issues.some(({ severity }) => severity === "error")) process.exitCode = exit.failed;
  print(options.json === true ? adoption : adoptionText(adoption, options.stack));
}
