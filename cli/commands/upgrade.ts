import type { Command } from "commander";
import { type Upgrade, type UpgradeOptions, upgradeText, waitingLines } from "../../automation/upgrade";
import { exit, exitHelp } from "../exit-codes";
import { type CommonOptions, common, environmentOf } from "../options";
import { agreed, print, watched } from "../terminal";

/** Istio, phase by phase. */
export function upgradeCommand(program: Command): void {
  common(program.command("upgrade"))
    .description("go from one Istio to another without an outage: beside the old one, phase by phase")
    .requiredOption("--to <version>", "exact version of Istio to go to; the one before, to go back")
    .option("-y, --yes", "do every phase that is left without asking, one after the other")
    .option("--next", "do the next phase only")
    .option("--restart", "restart the workloads that have the sidecar of before, one after the other")
    .option("--dial-services", "verify by Services' addresses, from inside the cluster")
    .addHelpText(
      "after",
      `
It prints the phases that are left, and what each changes: install the new control plane beside the old one, move tags, namespaces
and the default, restart the workloads, take the old one away. Each is an edit of the stack's file and an update, and is verified; the
first failed check stops it, and says how to go back. A phase that comes too early is refused before anything is touched.
Without --restart it stops where workloads have to restart, and names them with the commands.
${exitHelp({
  done: "nothing is left to do, or with --next the phase is done",
  failed: "a phase failed, or what was verified after it",
  undecided: "it waits for restarts of workloads",
  notRun: "nothing was touched: a minor version would be skipped, no such stack, a cluster that is not ready",
  interrupted: "interrupted",
})}
Examples:
  enroute-istio upgrade --stack prod --to 1.32.0              # shows the phases, and asks before each
  enroute-istio upgrade --stack prod --to 1.32.0 --next --yes # the next one
  enroute-istio upgrade --stack dev --to 1.32.0 --yes --restart
  enroute-istio upgrade --stack prod --to 1.31.0              # back`,
    )
    .action(runUpgrade);
}

interface UpgradeCliOptions extends CommonOptions {
  to: string;
  yes?: true;
  next?: true;
  restart?: true;
  dialServices?: true;
}

async function runUpgrade({ to, next, restart, dialServices, ...options }: UpgradeCliOptions): Promise<void> {
  const environment = environmentOf(options);
  const tell = (text: string) => (options.json === true ? console.error(text) : print(text));
  const how: UpgradeOptions = {
    ...{ to, restart: restart === true, dialServices: dialServices === true },
    onRestart: ({ namespace, kind, name }) => tell(`restarting ${kind} ${namespace}/${name}`),
  };
  let found: Upgrade = await environment.upgrade(how);
  tell(upgradeText(found, options.stack, to));
  for (let phase = found.phases[0]; phase !== undefined; phase = found.phases[0]) {
    if (phase.name === "restart" && restart !== true) {
      tell(
        ["Restart these, then run it again; or have it done with --restart:", ...waitingLines(found.waiting)].join(
          "\n",
        ),
      );
      process.exitCode = exit.undecided;
      break;
    }
    tell(`\nNext: ${phase.title}`);
    if (!(await agreed(options, "upgrade", () => Promise.resolve()))) return;
    found = await watched(options, (watch) => environment.upgrade({ ...watch, ...how, apply: true }));
    tell(`Done: ${phase.title}.${verifiedText(found)}`);
    if (next === true) break;
  }
  if (options.json === true) print(found);
  else if (found.phases.length === 0 && found.done !== undefined)
    print(`Stack ${options.stack} has Istio ${to}. Commit its file.`);
}

function verifiedText({ report }: Upgrade): string {
  if (report === undefined) return "";
  const { passed, warnings, unknown } = report;
  return ` Verified: ${passed} passed, ${warnings} warned, ${unknown} could not be told.`;
}
