import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Binaries, packageChart } from "../../sandbox/build";
import { istioVersion } from "../../sandbox/go/modules";
import { serveCharts } from "../../sandbox/cluster/repository";

/** The next minor version of Istio after the one of the sandbox, of which there is no chart: the same one under its number. */
export const nextIstioVersion = istioVersion.replace(
  /^(\d+)\.(\d+)\..*$/,
  (_, major: string, minor: string) => `${major}.${Number(minor) + 1}.0`,
);

/** A chart repository on this machine, without a cluster: the sandbox's charts, and Istio's in two versions. */
export async function serveChartRepository({ helm, charts }: Binaries): Promise<{ url: string; close: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), "enroute-charts-"));
  cpSync(charts, folder, { recursive: true });
  for (const chart of ["base", "istiod"]) {
    execFileSync("tar", ["-xzf", `${chart}-${istioVersion}.tgz`], { cwd: folder });
    packageChart(helm, join(folder, chart), folder, nextIstioVersion);
  }
  const sources = join(__dirname, "../../sandbox/charts");
  for (const chart of readdirSync(sources)) packageChart(helm, join(sources, chart), folder);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  execFileSync(helm, ["repo", "index", folder, "--url", url], { stdio: "pipe" });
  const server = await serveCharts(folder, "127.0.0.1", port);
  const close = () => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, close };
}

/** The index of a repository names its own address, so the port must be known first. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => probe.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
