import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readState } from "../../sandbox/cluster/state";
import type { Sandbox } from "../../sandbox/cluster";
import { istioVersion } from "../../sandbox/go/modules";
import { nextIstioVersion, serveChartRepository } from "./chart-repository";
import { TrafficLog, outputs } from "./drill";
import { pulumi, run, succeed } from "./sandbox-fixture";
import { editStack, makeStack } from "./stacks";

export type UpgradeRound =
  /** To the next minor version by revision, up to the end. */
  | "forth"
  /** Back from the middle: the new one is there, and what has moved to it moves back. */
  | "back from the middle"
  /** Back to the version before, up to the end. */
  | "back"
  /** A minor version where the control plane is. */
  | "in place"
  /** An image of the gateway's pod changes, so that it is rolled out. */
  | "the gateway"
  /** The new istiod dies while workloads restart. */
  | "a death half-way"
  /** Namespaces move to a revision that is not there, past preflight: a drill that must fail. */
  | "skipping the phases";

export interface UpgradeDrillOptions {
  readonly sandbox: Sandbox;
  readonly stack: string;
  readonly rounds: readonly UpgradeRound[];
  /** Replicas of the gateway. */
  readonly replicas?: number;
  readonly workers?: number;
  readonly report?: (line: string) => void;
}

export interface RoundReport {
  readonly round: UpgradeRound;
  readonly seconds: number;
  readonly requests: number;
  readonly failures: number;
  /** Sent again on a new connection, as a gateway's pod that ended had closed the one before. */
  readonly resent: number;
  readonly reasons: Readonly<Record<string, number>>;
  /** Between two answers in a row, in milliseconds. */
  readonly longestGap: number;
}

const cli = join(__dirname, "../../cli/main.ts");
const tsx = join(__dirname, "../../node_modules/tsx/dist/cli.mjs");

type Config = Record<string, Record<string, unknown>>;

/** Takes a mesh from one Istio to another and back, with requests going through both legs all the while. */
export async function upgradeDrill(options: UpgradeDrillOptions): Promise<RoundReport[]> {
  const { sandbox, stack, rounds, report = () => {} } = options;
  const repository = await serveChartRepository(sandbox.binaries);
  try {
    await makeStack(stack, (config) => prepare(config as Config, repository.url, options), "sandbox", sandbox);
    await up(options);
    const found: RoundReport[] = [];
    for (const round of rounds) {
      report(`${round}: it begins`);
      const traffic = new TrafficLog(await outputs(options), options.workers ?? 4, { resends: true });
      await traffic.begin();
      const started = Date.now();
      try {
        await play[round](options);
        // What comes late still counts.
        await sleep(2000);
      } finally {
        await traffic.end();
      }
      found.push({ round, seconds: (Date.now() - started) / 1000, ...traffic.summary() });
      report(roundText(found.at(-1)!));
    }
    return found;
  } finally {
    repository.close();
  }
}

/** No more than traffic needs; the charts in two versions. */
function prepare(config: Config, chartRepository: string, { replicas = 2 }: UpgradeDrillOptions): void {
  delete config["prometheus"];
  delete config["kiali"];
  config["istio"] = { ...config["istio"], chartRepository };
  config["gateway"] = { ...config["gateway"], replicas };
}

const play: Record<UpgradeRound, (options: UpgradeDrillOptions) => Promise<unknown>> = {
  forth: (options) => upgrade(options, nextIstioVersion, "--yes", "--restart"),
  async "back from the middle"(options) {
    // Install and move, and no restart; then some have moved, and all go back.
    await upgrade(options, nextIstioVersion, "--yes");
    await upgrade(options, nextIstioVersion, "--yes", "--restart", "--next");
    await upgrade(options, istioVersion, "--yes", "--restart");
  },
  back: (options) => upgrade(options, istioVersion, "--yes", "--restart"),
  async "in place"(options) {
    const versionTo = (version: string) => (config: object) => {
      const { istio } = config as Config;
      const revisions = istio!["revisions"] as Record<string, unknown>[] | undefined;
      if (revisions === undefined) istio!["version"] = version;
      else revisions[0]!["version"] = version;
    };
    for (const version of [nextIstioVersion, istioVersion]) {
      await editStack(options.stack, versionTo(version), options.stack, options.sandbox);
      await up(options);
      await restart(options, "bookinfo", "enroute-system");
    }
  },
  async "the gateway"(options) {
    const images = (config: object) => {
      const { gateway } = config as Config;
      gateway!["images"] = { ...(gateway!["images"] as object), redis: { tag: "7.4.2" } };
    };
    await editStack(options.stack, images, options.stack, options.sandbox);
    await up(options);
  },
  async "a death half-way"(options) {
    const done = { yet: false };
    let killed = 0;
    const killer = (async () => {
      for (; !done.yet && killed < 2; await sleep(200)) {
        const [pid] = newIstiods(options.sandbox);
        if (pid === undefined) continue;
        await sleep(4000);
        process.kill(pid, "SIGKILL");
        killed++;
        options.report?.(`istiod, process ${pid}, is killed`);
        await sleep(10_000);
      }
    })();
    try {
      // A phase that fails as nobody answers is done again.
      for (let attempt = 1; ; attempt++) {
        const ended = await tryUpgrade(options, nextIstioVersion, "--yes", "--restart");
        if (ended.code === 0) break;
        if (attempt === 4) throw new Error(`the upgrade did not get through:\n${ended.stdout}${ended.stderr}`);
        options.report?.(`attempt ${attempt} stopped, and is done again`);
        await sleep(5000);
      }
    } finally {
      done.yet = true;
      await killer;
    }
    if (killed === 0) throw new Error("no new istiod was there to be killed");
  },
  async "skipping the phases"(options) {
    const { sandbox } = options;
    for (const label of ["istio-injection-", `istio.io/rev=not-there`])
      await succeed("kubectl", ["label", "namespace", "bookinfo", label, "--overwrite"], { sandbox });
    await restart(options, "bookinfo");
  },
};

/** Processes of istiods of other revisions than the default one. */
function newIstiods({ folder }: Sandbox): number[] {
  return (readState(folder)?.parts ?? []).flatMap(({ name, process: { pid } }) =>
    name.startsWith("istiod-") && !name.includes("_default_") ? [pid] : [],
  );
}

function tryUpgrade({ sandbox, stack }: UpgradeDrillOptions, to: string, ...more: string[]) {
  const args = [tsx, cli, "upgrade", "--stack", stack, "--to", to, "--dial-services", ...more];
  return run(process.execPath, args, { sandbox, cwd: join(sandbox.folder, "project") });
}

async function upgrade(options: UpgradeDrillOptions, to: string, ...more: string[]): Promise<void> {
  const { code, stdout, stderr } = await tryUpgrade(options, to, ...more);
  // 2: it waits for restarts.
  if (code !== 0 && !(code === 2 && !more.includes("--restart")))
    throw new Error(`upgrade --to ${to} ended with ${code}:\n${stdout}${stderr}`);
}

async function restart({ sandbox }: UpgradeDrillOptions, ...namespaces: string[]): Promise<void> {
  for (const namespace of namespaces) {
    await succeed("kubectl", ["-n", namespace, "rollout", "restart", "deployment"], { sandbox });
    await succeed("kubectl", ["-n", namespace, "rollout", "status", "deployment", "--timeout=120s"], { sandbox });
  }
}

async function up({ sandbox, stack }: UpgradeDrillOptions): Promise<void> {
  const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--stack", stack], { sandbox });
  if (code !== 0) throw new Error(`pulumi up failed:\n${stdout}${stderr}`);
}

/** A report of a round for people. */
export function roundText({ round, seconds, requests, failures, resent, reasons, longestGap }: RoundReport): string {
  const why = Object.entries(reasons).map(([reason, times]) => `\n    ${times} × ${reason}`);
  return `${round.padEnd(22)} ${requests} requests in ${seconds.toFixed(0)} s, ${failures} failed, ${resent} sent again, longest gap ${longestGap} ms${why.join("")}`;
}
