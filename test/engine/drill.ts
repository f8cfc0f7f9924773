import { X509Certificate } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import type { Sandbox } from "../../sandbox/cluster";
import { dataFolder } from "../../sandbox/cluster/state";
import { clientIdentity, sendRequest } from "../../sandbox/request";
import { pulumi, succeed } from "./sandbox-fixture";
import { editStack, makeStack } from "./stacks";

/** What the drill does while requests go through all the time. */
export interface DrillOptions {
  readonly sandbox: Sandbox;
  readonly stack: string;
  /** Life of the workload certificates, a Go duration of whole minutes. The agent renews at half of it. */
  readonly ttl: string;
  /** How often the gateway's certificate of the mesh must change. */
  readonly rotations: number;
  /** Renews the certificate towards clients by `pulumi up`. */
  readonly renewServingCertificate: boolean;
  /** Changes the root of the mesh, phase by phase. */
  readonly changeRoot: boolean;
  /** Has the gateway keep the first certificate, as gateways do that read their files once: a drill that must fail. */
  readonly keepGatewayCertificates?: boolean;
  readonly workers?: number;
  readonly report?: (line: string) => void;
}

/** A certificate that was presented by one of the three ends that have one. */
export interface Seen {
  readonly end: "gateway to clients" | "gateway to workloads" | "workload";
  readonly serialNumber: string;
  readonly issuer: string;
  /** ISO 8601. */
  readonly firstSeen: string;
}

export interface DrillReport {
  readonly requests: number;
  /** Requests that got no answer from the workload, or one from a workload that saw another client than the gateway. */
  readonly failures: number;
  /** Their reasons, and how often. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Between two answers in a row, in milliseconds. */
  readonly longestGap: number;
  /** From the start of the first `pulumi up` to the first answer of a workload, in seconds. */
  readonly firstRequest: number;
  readonly seconds: number;
  readonly certificates: readonly Seen[];
  /** Changes of the certificate that the gateway shows to workloads. */
  readonly rotations: number;
  /** Phases of the root's change that are done. */
  readonly phases: readonly string[];
}

const host = "bookinfo.sandbox.example";
const gatewayIdentity = "spiffe://cluster.local/ns/enroute-system/sa/enroute";
const observeMilliseconds = 500;

type Config = Record<string, Record<string, unknown>>;

/**
 * Rotates everything that can be rotated, with requests going through both legs all the while. Bounded: it ends by itself, and
 * throws where an update fails or something never comes.
 */
export async function drill(options: DrillOptions): Promise<DrillReport> {
  const { sandbox, stack, ttl, report = () => {} } = options;
  const started = Date.now();
  await makeStack(stack, (config) => prepare(config as Config, options), "sandbox", sandbox);
  await up(options);
  const traffic = new TrafficLog(await outputs(options), options.workers ?? 4);
  const firstRequest = (await traffic.begin()) - started;
  report(`the first request came through ${(firstRequest / 1000).toFixed(1)} s after the start of pulumi up`);
  if (options.keepGatewayCertificates === true) {
    sandbox.keepGatewayCertificates(true);
    report("the gateway keeps its certificate from now on");
  }
  const watch = new CertificateLog(sandbox, await serviceAddress(sandbox), () => traffic.presented());
  const phases: string[] = [];
  try {
    if (options.renewServingCertificate) {
      await change(
        options,
        (config) => (config["certificate"] = { ...config["certificate"], issuer: "generated", validity: "1440h" }),
      );
      report("the certificate towards clients is renewed");
    }
    if (options.changeRoot) {
      const roots = (names: string[], signer: string) => (config: Config) =>
        (config["istio"]!["ca"] = { issuer: "generated", roots: names, signer });
      for (const [phase, edit] of [
        ["add the new root", roots(["first", "second"], "first")],
        ["switch the signer", roots(["first", "second"], "second")],
        ["drop the old root", roots(["second"], "second")],
      ] as const) {
        await change(options, edit);
        phases.push(phase);
        report(`root of the mesh: ${phase}: done`);
      }
    }
    // As many as were asked for, and whatever a fault is made for must have had its time.
    const enough = () =>
      options.keepGatewayCertificates === true
        ? watch.rotations() >= options.rotations && traffic.failures > 0
        : watch.rotations() >= options.rotations;
    await until(enough, 60_000 + (options.rotations + 2) * ttlMilliseconds(ttl));
    report(`the gateway's certificate of the mesh has changed ${watch.rotations()} times`);
  } finally {
    await watch.end();
    await traffic.end();
  }
  return {
    ...traffic.summary(),
    firstRequest: firstRequest / 1000,
    seconds: (Date.now() - started) / 1000,
    certificates: watch.seen,
    rotations: watch.rotations(),
    phases,
  };
}

/** No more than traffic needs, and lives short enough to be rotated while somebody waits. */
function prepare(config: Config, { ttl, changeRoot }: DrillOptions): void {
  delete config["prometheus"];
  delete config["kiali"];
  config["gateway"]!["workloadCertificate"] = { ttl };
  config["istio"]!["meshConfig"] = { defaultConfig: { proxyMetadata: { SECRET_TTL: ttl } } };
  if (changeRoot) config["istio"]!["ca"] = { issuer: "generated", roots: ["first"], signer: "first" };
}

const ttlMilliseconds = (ttl: string) => Number(/^(\d+)m$/.exec(ttl)?.[1] ?? NaN) * 60_000;

/** Changes the stack and rolls the change out; where that comes too early, as often as it takes. */
async function change(options: DrillOptions, edit: (config: Config) => unknown): Promise<void> {
  const { sandbox, stack, ttl } = options;
  await editStack(stack, (config) => void edit(config as Config), stack, sandbox);
  const deadline = Date.now() + 120_000 + 3 * ttlMilliseconds(ttl);
  for (;;) {
    const refusal = await up(options, /may not (sign|go) yet/);
    if (refusal === undefined) return;
    if (Date.now() > deadline) throw new Error(`the change is refused still:\n${refusal}`);
    await sleep(5000);
  }
}

/** `pulumi up`. @returns what it said if it refused with words of this form; other failures are errors. */
async function up({ sandbox, stack }: DrillOptions, refusal?: RegExp): Promise<string | undefined> {
  const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--refresh", "--stack", stack], {
    sandbox,
  });
  const said = stdout + stderr;
  if (code === 0) return undefined;
  if (refusal?.test(said)) return said;
  throw new Error(`pulumi up failed:\n${said}`);
}

export interface Outputs {
  readonly gatewayAddress: string;
  readonly caCertificate: string;
}

export async function outputs({ sandbox, stack }: Pick<DrillOptions, "sandbox" | "stack">): Promise<Outputs> {
  return JSON.parse(await succeed("pulumi", ["stack", "output", "--json", "--stack", stack], { sandbox })) as Outputs;
}

async function serviceAddress(sandbox: Sandbox): Promise<string> {
  const args = ["get", "service", "productpage", "--namespace", "bookinfo", "--output=jsonpath={.spec.clusterIP}"];
  return succeed("kubectl", args, { sandbox });
}

/** Sends requests all the time, and keeps count. */
export class TrafficLog {
  requests = 0;
  failures = 0;
  private resent = 0;
  private readonly reasons: Record<string, number> = {};
  private longestGap = 0;
  private lastAnswer = 0;
  private ended = false;
  private certificate: X509Certificate | undefined;
  private running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly target: Outputs,
    private readonly workers: number,
    private readonly options: {
      /**
       * Sends a request again, once and on a new connection, where a connection that had served others was closed before a byte of the
       * answer came, as browsers and HTTP clients do (RFC 9112, 9.3.1). @default such a request has failed
       */
      readonly resends?: boolean;
    } = {},
  ) {}

  /** Waits for the first answer, which nobody counts. Returns its time. */
  async begin(): Promise<number> {
    let last: unknown;
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) {
      try {
        await this.request(undefined);
        this.lastAnswer = Date.now();
        this.running = Promise.all(Array.from({ length: this.workers }, () => this.work()));
        return this.lastAnswer;
      } catch (error) {
        last = error;
      }
    }
    throw new Error("no request came through within a minute", { cause: last });
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.running;
  }

  presented(): X509Certificate | undefined {
    return this.certificate;
  }

  summary() {
    const { requests, failures, reasons, longestGap, resent } = this;
    return { requests, failures, reasons, longestGap, resent };
  }

  private async work(): Promise<void> {
    while (!this.ended) {
      // A new connection every ten requests, so that each certificate has to stand up to a handshake.
      const agent = new Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
      for (let count = 0; count < 10 && !this.ended; count++) {
        this.requests++;
        try {
          await this.request(agent).catch((error: NodeJS.ErrnoException) => {
            if (this.options.resends !== true || count === 0 || error.code !== "ECONNRESET") throw error;
            this.resent++;
            return this.request(undefined);
          });
          const now = Date.now();
          this.longestGap = Math.max(this.longestGap, now - this.lastAnswer);
          this.lastAnswer = now;
        } catch (error) {
          this.failures++;
          const reason = (error as Error).message;
          this.reasons[reason] = (this.reasons[reason] ?? 0) + 1;
        }
        await sleep(20);
      }
      agent.destroy();
    }
  }

  private async request(agent: Agent | undefined): Promise<void> {
    const { gatewayAddress: address, caCertificate: ca } = this.target;
    const answer = await sendRequest({ address, host, ca, ...(agent === undefined ? {} : { agent }) });
    if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${answer.body.slice(0, 200)}`);
    const identity = clientIdentity(answer);
    if (identity !== gatewayIdentity) throw new Error(`the workload saw ${identity ?? "no certificate"}`);
    this.certificate = answer.presented ?? this.certificate;
  }
}

/** Looks at the certificates of the three ends all the time. */
class CertificateLog {
  readonly seen: Seen[] = [];
  private readonly fingerprints = new Set<string>();
  private ended = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly sandbox: Sandbox,
    private readonly workload: string,
    private readonly presented: () => X509Certificate | undefined,
  ) {
    this.running = this.observe();
  }

  rotations(): number {
    return Math.max(0, this.seen.filter(({ end }) => end === "gateway to workloads").length - 1);
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.running;
  }

  private async observe(): Promise<void> {
    while (!this.ended) {
      this.note("gateway to clients", this.presented());
      this.note("gateway to workloads", this.agentCertificate());
      this.note("workload", await serverCertificate(this.workload, 9080));
      await sleep(observeMilliseconds);
    }
  }

  private note(end: Seen["end"], certificate: X509Certificate | undefined): void {
    const key = certificate === undefined ? undefined : `${end} ${certificate.fingerprint256}`;
    if (key !== undefined && !this.fingerprints.has(key)) {
      this.fingerprints.add(key);
      const { serialNumber, issuer } = certificate!;
      this.seen.push({ end, serialNumber, issuer: issuer.replaceAll("\n", ", "), firstSeen: new Date().toISOString() });
    }
  }

  /** What the agent in the gateway's pod has written last: the public half. */
  private agentCertificate(): X509Certificate | undefined {
    const traffic = join(dataFolder(this.sandbox.folder), "traffic");
    const gateway = readdirSync(traffic).find((name) => name.includes("_gateway_"));
    try {
      return new X509Certificate(readFileSync(join(traffic, gateway ?? "", "etc/istio-certs/cert-chain.pem")));
    } catch {
      return undefined;
    }
  }
}

/** What a workload's sidecar presents to anybody, before it asks who that is. */
function serverCertificate(address: string, port: number): Promise<X509Certificate | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, rejectUnauthorized: false, ALPNProtocols: ["istio"], timeout: 2000 });
    const end = (certificate: X509Certificate | undefined) => {
      socket.destroy();
      resolve(certificate);
    };
    socket.on("secureConnect", () => end(socket.getPeerX509Certificate()));
    socket.on("error", () => end(undefined)).on("timeout", () => end(undefined));
  });
}

async function until(isSo: () => boolean, milliseconds: number): Promise<void> {
  for (const deadline = Date.now() + milliseconds; !isSo(); await sleep(200))
    if (Date.now() > deadline) throw new Error(`waited ${milliseconds / 1000} s in vain`);
}

/** A report for people. */
export function drillText(report: DrillReport): string {
  const perEnd = ["gateway to clients", "gateway to workloads", "workload"].flatMap((end) => [
    `certificates: ${end}`,
    ...report.certificates
      .filter((seen) => seen.end === end)
      .map(
        ({ serialNumber, issuer, firstSeen }) => `  ${firstSeen}  ${serialNumber}  issued by ${issuer || "(no name)"}`,
      ),
  ]);
  return [
    ...perEnd,
    `requests       ${report.requests} in ${report.seconds.toFixed(0)} s`,
    `failed         ${report.failures}${Object.entries(report.reasons)
      .map(([reason, count]) => `\n  ${count} × ${reason}`)
      .join("")}`,
    `longest gap    ${report.longestGap} ms between two answers`,
    `first request  ${report.firstRequest.toFixed(1)} s after the start of pulumi up`,
    `rotations      ${report.rotations} of the gateway's certificate of the mesh`,
    `root's change  ${report.phases.join(", ") || "not part of this drill"}`,
  ].join("\n");
}
