/**
 * What encryption costs: npm run bench:traffic -- [rounds]
 *
 * Requests go through the gateway's Envoy and the workload's sidecar, in turn encrypted on both legs and in plain text on both, in one
 * run. CPU is that of the two Envoys. Plain text takes what nobody should do: PERMISSIVE, no GlobalConfig, a host without TLS.
 */
import { readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import autocannon from "autocannon";
import { type Sandbox, startSandbox } from "../sandbox/cluster";
import { sandboxEnvironment } from "../sandbox/environment";
import { cpuSeconds, descendants } from "../sandbox/processes";
import { reportTo } from "../sandbox/progress";
import { clientIdentity, sendRequest } from "../sandbox/request";
import { runTethered } from "../sandbox/tethered";
import { median } from "./median";

const host = "bookinfo.sandbox.example";
const plainHost = "plain.sandbox.example";
const seconds = 5;
const connections = 8;

interface Figures {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuPerThousand: number;
}

async function main(): Promise<void> {
  const report = reportTo(process.stderr);
  const rounds = Number(process.argv[2] ?? 5);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("usage: npm run bench:traffic -- [number of rounds]");
  const sandbox = await startSandbox({ name: `bench-${process.pid}`, tied: true, traffic: true });
  try {
    await measure(sandbox, rounds, report);
  } finally {
    await sandbox.stop();
    rmSync(sandbox.folder, { recursive: true, force: true });
  }
}

async function measure(sandbox: Sandbox, rounds: number, report: (line: string) => void): Promise<void> {
  const env = await sandboxEnvironment(sandbox);
  const run = async (command: string, ...args: string[]) => {
    const { code, stdout, stderr } = await runTethered(sandbox.binaries.tether, command, args, { env });
    if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with exit code ${code}:\n${stdout}${stderr}`);
    return stdout;
  };
  await run("pulumi", "stack", "select", "--create", "sandbox", "--non-interactive");
  const started = Date.now();
  await run("pulumi", "up", "--yes", "--skip-preview", "--stack", "sandbox", "--non-interactive");
  const text = await run("pulumi", "stack", "output", "--json", "--stack", "sandbox");
  const { gatewayAddress: address, caCertificate: ca } = JSON.parse(text) as {
    gatewayAddress: string;
    caCertificate: string;
  };
  const manifests = {
    globalConfig: await run("kubectl", "get", "globalconfig", "mesh", "--namespace=enroute-system", "--output=json"),
    plainHost: JSON.stringify({
      apiVersion: "enroute.saaras.io/v1",
      kind: "GatewayHost",
      metadata: { name: "plain", namespace: "bookinfo" },
      spec: {
        virtualhost: { fqdn: plainHost },
        routes: [{ conditions: [{ prefix: "/" }], services: [{ name: "productpage", port: 9080 }] }],
      },
    }),
  };
  const path = (name: string) => join(sandbox.folder, `${name}.json`);
  for (const [name, manifest] of Object.entries(manifests)) {
    const { metadata, ...rest } = JSON.parse(manifest) as { metadata: { name: string; namespace: string } };
    const { name: object, namespace } = metadata;
    writeFileSync(path(name), JSON.stringify({ ...rest, metadata: { name: object, namespace } }));
  }
  const setMode = (mode: string) =>
    run(
      ...(["kubectl", "patch", "peerauthentication/default", "--namespace=istio-system", "--type=merge"] as const),
      "--patch",
      JSON.stringify({ spec: { mtls: { mode } } }),
    );
  const variants = {
    encrypted: {
      set: async () => {
        await run("kubectl", "apply", "--server-side", "--force-conflicts", "--filename", path("globalConfig"));
        await setMode("STRICT");
      },
      // What must be so before anything is measured.
      isSet: async () => clientIdentity(await sendRequest({ address, host, ca })) !== undefined,
      load: { url: `https://${address}`, servername: host, host, tlsOptions: { ca } },
    },
    "plain text": {
      set: async () => {
        await setMode("PERMISSIVE");
        await run("kubectl", "delete", "globalconfig", "--all", "--namespace=enroute-system");
        await run("kubectl", "apply", "--server-side", "--filename", path("plainHost"));
      },
      isSet: async () => {
        const { status, echo } = await sendRequest({ address, host: plainHost });
        return status === 200 && echo?.clientCertificate === undefined;
      },
      load: { url: `http://${address}`, host: plainHost },
    },
  };
  await until(variants.encrypted.isSet);
  console.log(`first encrypted request ${((Date.now() - started) / 1000).toFixed(1)} s after the start of pulumi up`);
  const envoys = sandbox
    .pids()
    .flatMap((pid) => [pid, ...descendants(pid).map((child) => child.pid)])
    .filter((pid, index, all) => all.indexOf(pid) === index && readlinkSync(`/proc/${pid}/exe`).endsWith("/envoy"));
  const figures: Record<string, Figures[]> = {};
  for (let round = 0; round <= rounds; round++) {
    for (const [name, variant] of Object.entries(variants)) {
      await variant.set();
      await until(variant.isSet);
      report(round === 0 ? `warming up: ${name}` : `round ${round} of ${rounds}: ${name}`);
      const before = envoys.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
      const { host: name_, ...load } = variant.load;
      const result = await autocannon({
        ...load,
        headers: { host: name_ },
        connections,
        duration: round === 0 ? 2 : seconds,
      });
      const cpu = envoys.reduce((sum, pid) => sum + cpuSeconds(pid), 0) - before;
      const bad = result.non2xx + result.errors + result.timeouts;
      if (bad > 0) throw new Error(`${bad} of ${result.requests.total} requests failed: ${name}`);
      if (round > 0)
        (figures[name] ??= []).push({
          perSecond: result.requests.average,
          p50: result.latency.p50,
          p99: result.latency.p99,
          cpuPerThousand: (cpu / result.requests.total) * 1000,
        });
    }
  }
  print(figures, rounds);
}

function print(figures: Record<string, Figures[]>, rounds: number): void {
  const rows: [keyof Figures, string, number][] = [
    ["perSecond", "requests per second", 0],
    ["p50", "latency, median, ms", 1],
    ["p99", "latency, 99th percentile, ms", 1],
    ["cpuPerThousand", "CPU of both Envoys per 1,000 requests, s", 3],
  ];
  console.log(
    `median of ${rounds} rounds of ${seconds} s with ${connections} connections, ${process.platform} ${process.arch}`,
  );
  console.log(
    `${"".padEnd(44)}${Object.keys(figures)
      .map((name) => name.padStart(12))
      .join("")}${"ratio".padStart(8)}`,
  );
  for (const [key, title, digits] of rows) {
    const values = Object.values(figures).map((list) => list.map((one) => one[key]));
    const [encrypted = [], plain = []] = values;
    const ratio = median(encrypted.map((value, index) => value / (plain[index] ?? NaN)));
    console.log(
      `${title.padEnd(44)}${values.map((list) => median(list).toFixed(digits).padStart(12)).join("")}${ratio.toFixed(2).padStart(8)}`,
    );
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
    if (await isSo().catch(() => false)) return;
    if (Date.now() > deadline) throw new Error("the sandbox does not come to the state that is to be measured");
  }
}

main().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
