import { type Command, Option } from "commander";
import { adoptionText } from "../../automation/adoption-text";
import { exit } from "../exit-codes";
import { type CommonOptions, codes, common, environmentOf } from "../options";
import { print, watched } from "../terminal";

/** Takes over what somebody installed. */
export function adoptCommand(program: Command): void {
  common(program.command("adopt"))
    .description(
      "take over what somebody installed by hand, with Helm, or by a stack that is gone, without a pod or a request noticing",
    )
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
    .option("--force", "write the settings of the stack file anew; without it, those that are there are kept")
    .addHelpText(
      "after",
      `
Looks at the cluster: releases of Helm with the values that were given, namespaces, PeerAuthentications, GlobalConfig, GatewayHosts with
their Secrets. Says what it found, what cannot be taken over and the steps to that, the stack file that reproduces what runs, and
what the first update would change: the engine itself says it, on a state that is thrown away. Without --yes nothing is written.
With --yes the stack file is written (one that has settings is kept, and compared) and the objects are brought into the
state by pulumi import. The cluster stays as it is until the first update.
${codes(
  "0  it can be taken over (without --yes), or it was",
  "1  something stands against it, and is named with its steps; nothing was written",
  "3  it could not be looked at: no cluster, wrong settings, a stack that is locked",
  "130  interrupted",
)}
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
  const named = { context, kubeconfig, chartRepository, takeOverFrom };
  const adoption = await watched(options, ({ signal, killSignal }) =>
    environmentOf(options).adopt({
      ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)),
      ...{ apply: yes === true, force: force === true },
      ...(signal === undefined ? {} : { signal }),
      ...(killSignal === undefined ? {} : { killSignal }),
    }),
  );
  if (adoption.issues.some(({ severity }) => severity === "error")) process.exitCode = exit.failed;
  print(options.json === true ? adoption : adoptionText(adoption, options.stack));
}
