/**
 * The process that owns a sandbox: it starts everything else, keeps it running, plays what no program of Kubernetes
 * plays here, and ends it all. Started by startSandbox, detached, with the path of its configuration.
 */
import { execFile } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { parse } from "yaml";
import { thisProcess } from "../processes";
import { type Range, choosePort, claimRange } from "./address";
import { Api, ApiError, type Meta, type View } from "./api";
import {
  type Endpoints,
  apiServer,
  controllerManager,
  egressConfiguration,
  etcd,
  files,
  kubeconfig,
  scheduler,
} from "./control-plane";
import { Istiods } from "./istiod";
import { Kubelet } from "./kubelet";
import { kwok, kwokConfiguration } from "./kwok";
import { BoundedLog } from "./log";
import { ServiceNetwork, type Service, routesOf } from "./network";
import { nodeManifest } from "./nodes";
import { Part, type PartSpec } from "./part";
import type { Pod } from "./pod";
import { serveCharts } from "./repository";
import { meshConfiguration } from "./sidecar";
import {
  type SandboxState,
  type SupervisorConfig,
  contextName,
  dataFolder,
  kubeconfigPath,
  logFolder,
  recordingFolder,
  writeState,
} from "./state";
import { type GatewayHostRoutes, Traffic, istioConfigurationFolder } from "./traffic";
import { type ClusterAccess, writeChanged } from "./volumes";

const readyMilliseconds = 90_000;

/** The path of a socket must be short, which that of a checkout may not be: both ends work in the data folder. */
const egressSocket = "egress.sock";

class Supervisor {
  private readonly log: BoundedLog;
  private readonly core: Part[] = [];
  private readonly network: ServiceNetwork;
  private istiods: Istiods | undefined;
  private traffic: Traffic | undefined;
  private views: View<unknown>[] = [];
  private api: Api | undefined;
  private range: Range | undefined;
  private charts: Server | undefined;
  private ending: Promise<void> | undefined;
  private state: SandboxState;

  constructor(private readonly config: SupervisorConfig) {
    this.log = new BoundedLog(join(logFolder(config.folder), "supervisor.log"));
    this.network = new ServiceNetwork((text) => this.log.note(text), recordingFolder(config.folder));
    this.state = {
      status: "starting",
      supervisor: thisProcess(),
      serverUrl: "",
      chartRepository: "",
      serviceCidr: "",
      traffic: config.traffic !== undefined,
      parts: [],
    };
  }

  async start(): Promise<void> {
    const { folder, binaries } = this.config;
    this.publish({});
    process.chdir(dataFolder(folder));
    this.range = await claimRange();
    const endpoints = await this.endpoints(this.range);
    const serverUrl = `https://${endpoints.server.address}:${endpoints.server.port}`;
    const token = randomBytes(32).toString("hex");
    this.writeFiles(token);
    await this.network.serveProxy(egressSocket);

    this.run(etcd(binaries.controlplane, folder, endpoints));
    this.run(apiServer(binaries.controlplane, folder, endpoints));
    const chartRepository = await this.serveCharts(this.range.address(3));
    this.publish({ serverUrl, chartRepository, serviceCidr: this.range.serviceCidr });

    const authority = await this.certificate();
    this.api = new Api(serverUrl, authority, token);
    const config = kubeconfig(contextName(this.config.name), serverUrl, authority, token);
    writeFileSync(kubeconfigPath(folder), config, { mode: 0o600 });
    await this.until("the API server is ready", async () => (await this.api!.get("/readyz")) === "ok");

    this.run(controllerManager(binaries.controlplane, folder));
    this.run(scheduler(binaries.controlplane, folder));
    this.run(kwok(binaries.kwok, folder, this.range.address(4)));
    await this.addNodes(this.api);
    const access = {
      api: this.api,
      serverUrl,
      certificateAuthority: authority,
      contextName: contextName(this.config.name),
    };
    this.watchCluster(access);
    await this.until("nodes and service accounts are ready", () => this.isUsable(this.api!));
    this.publish({ status: "ready" });
    this.log.note("ready");
  }

  /** Ends everything, in the order of who needs whom. Returns when it is gone. */
  stop(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
  }

  fail(error: Error): Promise<void> {
    this.log.note(error.stack ?? error.message);
    this.publish({ status: "failed", error: error.message });
    return this.stop();
  }

  private async end(): Promise<void> {
    if (this.state.status !== "failed") {
      this.publish({ status: "stopping" });
    }
    await this.traffic?.close();
    await this.istiods?.close();
    this.views.forEach((view) => view.close());
    this.network.close();
    this.charts?.close();
    this.charts?.closeAllConnections();
    this.api?.close();
    const [store, server, ...rest] = this.core;
    await Promise.all(rest.map((part) => part.stop(1500)));
    await server?.stop(2500);
    await store?.stop(1500);
    this.range?.release();
    this.publish({});
    this.log.note("stopped");
  }

  private run(spec: PartSpec): void {
    const part = new Part(spec, this.config.binaries.tether, this.partLog(spec.name), () => this.publish({}));
    this.core.push(part.start());
  }

  private partLog(name: string): BoundedLog {
    return new BoundedLog(join(logFolder(this.config.folder), `${name}.log`));
  }

  private publish(change: Partial<SandboxState>): void {
    const parts = [...this.core, ...(this.istiods?.parts ?? []), ...(this.traffic?.parts ?? [])].flatMap(
      (part) => part.state ?? [],
    );
    this.state = { ...this.state, ...change, parts };
    writeState(this.config.folder, this.state);
  }

  private async endpoints({ address, serviceCidr }: Range): Promise<Endpoints> {
    const [store, server] = [address(1), address(2)];
    return {
      etcdClient: `http://${store}:${await choosePort(store, 2379)}`,
      etcdPeer: `http://${store}:${await choosePort(store, 2380)}`,
      server: { address: server, port: await choosePort(server, 6443) },
      serviceCidr,
    };
  }

  /** Credentials and configuration, made anew for each start. */
  private writeFiles(token: string): void {
    const { serviceAccountKey, tokens, egress, kwok } = files(this.config.folder);
    mkdirSync(dataFolder(this.config.folder), { recursive: true, mode: 0o700 });
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    writeFileSync(serviceAccountKey, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    writeFileSync(tokens, `${token},admin,admin,"system:masters"\n`, { mode: 0o600 });
    writeFileSync(kwok, kwokConfiguration(this.config.nodes, this.config.traffic !== undefined));
    writeFileSync(egress, egressConfiguration(egressSocket));
  }

  private async serveCharts(address: string): Promise<string> {
    const port = await choosePort(address, 8879);
    const url = `http://${address}:${port}`;
    const { charts, binaries } = this.config;
    await promisify(execFile)(binaries.helm, ["repo", "index", charts, "--url", url], { cwd: dirname(charts) });
    this.charts = await serveCharts(charts, address, port);
    return url;
  }

  /** The API server's certificate, with that of the authority that signed it; it makes both while it starts. */
  private async certificate(): Promise<Buffer> {
    const { certificate } = files(this.config.folder);
    const isComplete = () =>
      existsSync(certificate) && readFileSync(certificate, "utf8").split("-----END CERTIFICATE-----").length === 3;
    await this.until("the API server has a certificate", () => Promise.resolve(isComplete()));
    return readFileSync(certificate);
  }

  private async addNodes(api: Api): Promise<void> {
    const { gitVersion } = await api.get<{ gitVersion: string }>("/version");
    for (let index = 1; index <= this.config.nodes; index++) {
      await api.post("/api/v1/nodes", nodeManifest(index, gitVersion));
    }
  }

  private watchCluster(access: ClusterAccess): void {
    const { config } = this;
    const { api } = access;
    const problem = (error: Error) => this.log.note(`watch: ${error.message}`);
    const withTraffic = config.traffic !== undefined;
    const services = api.view<Service & { metadata: Meta }>("/api/v1/services", () => route(), problem);
    // Without traffic no other pod has a process.
    const podsPath = withTraffic ? "/api/v1/pods" : "/api/v1/pods?labelSelector=app%3Distiod";
    const pods = api.view<Pod>(podsPath, () => this.istiods?.trigger(), problem);
    const common = {
      folder: config.folder,
      tether: config.binaries.tether,
      access,
      kubelet: new Kubelet(api),
      address: (n: number) => this.range!.address(n),
      log: (name: string) => this.partLog(name),
      note: (text: string) => this.log.note(text),
      changed: () => {
        route();
        this.publish({});
      },
    };
    this.istiods = new Istiods(
      {
        ...common,
        binary: config.binaries.pilotDiscovery,
        delaySeconds: config.istiodDelaySeconds,
        // Envoy as released lacks Istio's own filters.
        env: withTraffic ? { PILOT_ENABLE_METADATA_EXCHANGE: "false" } : {},
        writeExtras: (pod, folder) =>
          withTraffic ? this.writeMeshConfiguration(access, pod, folder) : Promise.resolve(),
      },
      () => pods.items().filter(({ metadata }) => metadata.labels?.["app"] === "istiod"),
    );
    this.views = [services, pods];
    if (config.traffic !== undefined) {
      // Until EnRoute is installed there is no such kind, which is no news.
      const quiet = (error: Error) => (error instanceof ApiError && error.status === 404 ? undefined : problem(error));
      const hosts = api.view<GatewayHostRoutes>("/apis/enroute.saaras.io/v1/gatewayhosts", () => {}, quiet);
      this.views.push(hosts);
      this.traffic = new Traffic({ ...common, programs: config.traffic }, () => ({
        pods: pods.items(),
        services: services.items(),
        gatewayHosts: hosts.items(),
      }));
    }
    const route = () => {
      const backends = [...(this.istiods?.backends ?? []), ...(this.traffic?.backends ?? [])];
      this.network.update(routesOf(services.items(), backends));
    };
  }

  /** What istiod reads in its folder instead of the cluster's mesh configuration, which it follows. */
  private async writeMeshConfiguration({ api }: ClusterAccess, pod: Pod, folder: string): Promise<void> {
    const revision = pod.metadata.labels?.["istio.io/rev"] ?? "default";
    const name = revision === "default" ? "istio" : `istio-${revision}`;
    const map = await api.get<{ data?: { mesh?: string } }>(
      `/api/v1/namespaces/${pod.metadata.namespace}/configmaps/${name}`,
    );
    const mesh = meshConfiguration(
      parse(map.data?.mesh ?? "{}") as object,
      istioConfigurationFolder(this.config.folder),
    );
    writeChanged(join(folder, "etc/istio/config"), "mesh", JSON.stringify(mesh));
  }

  /** Pods can be made, and find a node. */
  private async isUsable(api: Api): Promise<boolean> {
    type Node = { spec: { taints?: unknown[] }; status: { conditions?: { type: string; status: string }[] } };
    const nodes = await api.get<{ items: Node[] }>("/api/v1/nodes");
    const isReady = ({ spec, status }: Node) =>
      (spec.taints ?? []).length === 0 &&
      status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
    if (!nodes.items.every(isReady)) {
      return false;
    }
    await api.get("/api/v1/namespaces/default/serviceaccounts/default");
    return true;
  }

  /** Tries until it is so; what goes wrong in between counts as "not yet". */
  private async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + readyMilliseconds;
    let last = "";
    while (this.ending === undefined) {
      try {
        if (await isSo()) {
          return;
        }
      } catch (error) {
        last = `: ${(error as Error).message}`;
      }
      if (Date.now() > deadline) {
        throw new Error(
          `waited ${readyMilliseconds / 1000} s until ${what}${last}; see ${logFolder(this.config.folder)}`,
        );
      }
      await sleep(50);
    }
    throw new Error("stopped while starting");
  }
}

async function main(): Promise<void> {
  const config = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as SupervisorConfig;
  const supervisor = new Supervisor(config);
  let code = 0;
  const end = () => void supervisor.stop().then(() => process.exit(code));
  process.on("SIGTERM", end).on("SIGINT", end);
  // The channel to the starter: until the sandbox is ready, or for good if it is tied, its end is ours.
  let isUp = false;
  process.on("disconnect", () => {
    if (config.tied || !isUp) {
      end();
    }
  });
  const fail = (error: Error) => {
    code = 1;
    void supervisor.fail(error).then(() => process.exit(code));
  };
  process.on("uncaughtException", fail).on("unhandledRejection", (reason) => fail(reason as Error));
  try {
    await supervisor.start();
    isUp = true;
  } catch (error) {
    fail(error as Error);
  }
}

void main();
