import { Command } from "commander";
import { packageVersion } from "../base/version";
import { adoptCommand } from "./commands/adopt";
import { destroyCommand } from "./commands/destroy";
import { forgetCommand } from "./commands/forget";
import { outputsCommand } from "./commands/outputs";
import { preflightCommand } from "./commands/preflight";
import { previewCommand } from "./commands/preview";
import { recoverCommand } from "./commands/recover";
import { reviewCommand } from "./commands/review";
import { statusCommand } from "./commands/status";
import { upCommand } from "./commands/up";
import { upgradeCommand } from "./commands/upgrade";
import { verifyCommand } from "./commands/verify";
import { completeStacks } from "./completion";
import { exit } from "./exit-codes";

/** The whole command line. */
export function commandLine(): Command {
  const program = new Command("enroute-istio")
    .description(
      "End-to-end encryption for a Kubernetes ingress: client to EnRoute gateway by TLS, gateway to workload by Istio's mutual TLS.\n" +
        "Every command works on one stack: an environment with its settings (stacks/Pulumi.<stack>.yaml) and its cluster.",
    )
    .version(packageVersion())
    .enablePositionalOptions()
    .addHelpText(
      "after",
      `
The life of a stack:
  enroute-istio preflight --stack dev    is the cluster ready? every finding with its fix
  enroute-istio preview   --stack dev    what would change
  enroute-istio up        --stack dev    roll out; asks first
  enroute-istio verify    --stack dev    are both legs encrypted, everywhere?
  enroute-istio outputs   --stack dev    the gateway's address, the CA for clients, …
  enroute-istio destroy   --stack dev    destroy it again

The stack names its cluster; the shell's current context is never used. Backend and secrets are pulumi's own
(PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE, pulumi login).
Completion: source <(enroute-istio completion bash)`,
    );

  for (const add of commands) add(program);

  completeStacks(program);
  for (const command of [program, ...program.commands])
    command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exit.notRun));
  return program;
}

/** In the order of the help. */
const commands = [
  previewCommand,
  upCommand,
  upgradeCommand,
  destroyCommand,
  outputsCommand,
  statusCommand,
  verifyCommand,
  preflightCommand,
  recoverCommand,
  forgetCommand,
  adoptCommand,
  reviewCommand,
];
