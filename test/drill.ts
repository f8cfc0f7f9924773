import { Command, InvalidArgumentError } from "commander";
import { rmSync } from "node:fs";
import { type Sandbox, startSandbox } from "../sandbox/cluster";
import { reportTo } from "../sandbox/progress";
import { drill, drillText } from "./engine/drill";
import { roundText, upgradeDrill } from "./engine/upgrade-drill";

function whole(least: number, most: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`a whole number from ${least} to ${most}`);
    return value;
  };
}

const program = new Command("npm run drill --").description("Exercises, on a sandbox of their own, with live traffic.");

program
  .command("rotate")
  .description(
    "send requests through both legs without a pause, while workload certificates rotate, the certificate towards clients is " +
      "renewed, and the root of the mesh is changed by its phases; not one request may fail",
  )
  .option("--rotations <count>", "how often the gateway's certificate of the mesh must change", whole(1, 100), 5)
  .option("--ttl <minutes>", "life of a workload certificate; it is renewed at half of it", whole(1, 60), 1)
  .option("--workers <count>", "how many clients send requests side by side", whole(1, 64), 4)
  .option("--no-root", "leave the root of the mesh as it is")
  .option("--keep-certificates", "have the gateway go on with its first certificate: the drill must fail then")
  .addHelpText(
    "after",
    `
Exit codes:
  0  no request failed, and everything that was to rotate has rotated
  1  a request failed, or an update, or something did not rotate

It takes about twelve seconds to start, half the ttl for each rotation, and three times the ttl for the root.`,
  )
  .action(rotate);

const rounds = ["the gateway", "forth", "back", "back from the middle", "in place", "a death half-way"] as const;

program
  .command("upgrade")
  .description(
    "send requests through both legs without a pause, while Istio is upgraded by revision and back, from the middle and from the end, " +
      "in place, and with an istiod that dies half-way, and while the gateway gets another image; not one request may fail",
  )
  .option("--replicas <count>", "replicas of the gateway", whole(1, 5), 2)
  .option("--workers <count>", "how many clients send requests side by side", whole(1, 64), 4)
  .option("--skip-phases", "restart a namespace that follows a revision which is not there: the drill must fail then")
  .addHelpText(
    "after",
    `
Both versions are the istiod of this checkout, under two version numbers: its module is the only one that is built here.

Exit codes:
  0  no request failed, and every round came to its end
  1  a request failed, or a round did not get through`,
  )
  .action(upgrade);

interface UpgradeOptions {
  readonly replicas: number;
  readonly workers: number;
  readonly skipPhases?: true;
}

async function upgrade({ skipPhases, ...options }: UpgradeOptions): Promise<void> {
  await onSandbox(async (sandbox, report) => {
    const found = await upgradeDrill({
      ...{ sandbox, stack: "drill", ...options, report },
      rounds: skipPhases === true ? ["skipping the phases"] : rounds,
    });
    for (const round of found) console.log(roundText(round));
    const failures = found.reduce((sum, round) => sum + round.failures, 0);
    console.log(failures === 0 ? "No request failed." : `FAILED: ${failures} requests.`);
    if (failures > 0) process.exitCode = 1;
  });
}

/** Runs a drill on a sandbox of its own, which goes afterwards. */
async function onSandbox(work: (sandbox: Sandbox, report: (line: string) => void) => Promise<void>): Promise<void> {
  const report = reportTo(process.stderr);
  const sandbox = await startSandbox({ name: `drill-${process.pid}`, tied: true, traffic: true, report });
  const interrupt = () => void sandbox.stop().finally(() => process.exit(130));
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    await work(sandbox, (line) => report(`${new Date().toISOString()}  ${line}`));
  } finally {
    await sandbox.stop();
    rmSync(sandbox.folder, { recursive: true, force: true });
  }
}

interface RotateOptions {
  readonly rotations: number;
  readonly ttl: number;
  readonly workers: number;
  readonly root: boolean;
  readonly keepCertificates?: true;
}

async function rotate(options: RotateOptions): Promise<void> {
  await onSandbox(async (sandbox, report) => {
    const found = await drill({
      ...{ sandbox, stack: "drill", ttl: `${options.ttl}m`, report },
      ...{ rotations: options.rotations, workers: options.workers, changeRoot: options.root },
      renewServingCertificate: true,
      keepGatewayCertificates: options.keepCertificates === true,
    });
    console.log(drillText(found));
    console.log(
      found.failures === 0 ? "No request failed." : `FAILED: ${found.failures} of ${found.requests} requests.`,
    );
    if (found.failures > 0) process.exitCode = 1;
  });
}

program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
