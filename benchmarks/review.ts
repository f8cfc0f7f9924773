import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { run } from "../review/run";
import { buildBinaries } from "../sandbox/build";
import { reportTo } from "../sandbox/progress";
import { Checkout } from "../test/engine/checkout";
import { nextIstioVersion, serveChartRepository } from "../test/engine/chart-repository";
import { median } from "./median";

/*
 * How long a reviewer waits for `npm run review` of one environment, as a command of its own: the first time, when charts are
 * pulled, and with charts cached, for a change of settings, for a new Istio, and for a change of the program.
 */
const rounds = 3;
const root = join(__dirname, "..");

async function main(): Promise<void> {
  const binaries = await buildBinaries({ report: reportTo(process.stderr) });
  const repository = await serveChartRepository(binaries);
  const checkout = new Checkout(repository.url);
  const scratch = mkdtempSync(join(tmpdir(), "enroute-review-benchmark-"));
  const path = [dirname(binaries.helm), process.env["PATH"]].join(delimiter);
  const env = { ...process.env, PATH: path, XDG_CACHE_HOME: scratch };
  const seconds = async () => {
    const started = performance.now();
    const cli = ["--require", "tsx/cjs", join(root, "cli/main.ts"), "review", "--cwd", checkout.folder];
    const { code, stderr } = await run(process.execPath, [...cli, "--stack", "staging", "--base", "main", "--json"], {
      cwd: root,
      env,
    });
    if (code !== 0) throw new Error(stderr);
    return (performance.now() - started) / 1000;
  };
  const measure = async (what: string, change: () => void) => {
    checkout.reset();
    change();
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) times.push(await seconds());
    console.log(
      `${what.padEnd(40)} ${median(times).toFixed(1)} s  (${times.map((time) => time.toFixed(1)).join(", ")})`,
    );
  };
  try {
    console.log(`npm run review of one environment, median of ${rounds}; at most 10 s are wanted with charts cached`);
    console.log(`${"charts not cached, once".padEnd(40)} ${(await seconds()).toFixed(1)} s`);
    await measure("settings changed", () =>
      checkout.edit("staging", (config) => ((config["gateway"] as Record<string, unknown>)["replicas"] = 3)),
    );
    await measure("another version of Istio", () =>
      checkout.edit(
        "staging",
        (config) => ((config["istio"] as Record<string, unknown>)["version"] = nextIstioVersion),
      ),
    );
    await measure("program changed, so both of them run", () => checkout.touchProgram());
  } finally {
    repository.close();
    checkout.delete();
    rmSync(scratch, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
