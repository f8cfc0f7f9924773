import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type EnvoyAdmin, configurationProblem } from "../gateway/acceptance";
import { bootstrap, clustersResponse, envoyFiles, listenersResponse } from "../gateway/envoy-config";
import type { GatewaySettings } from "../gateway/main";
import { choosePort, freeNumber } from "./address";
import type { Meta } from "./api";
import type { Kubelet } from "./kubelet";
import type { BoundedLog } from "./log";
import { type Backend, type Service, containerPort, isSelected } from "./network";
import { Part, type PartSpec } from "./part";
import { type Pod, containerOf, environmentOf, groupPods } from "./pod";
import {
  agent,
  bootstrapTemplate,
  inFolder,
  istiodOf,
  podInfo,
  sharedCertificates,
  sidecarConfiguration,
  sidecarOf,
} from "./sidecar";
import { dataFolder, keepCertificatesPath } from "./state";
import { type ClusterAccess, emptyFolder, serviceAccountToken, writeChanged, writeVolumes } from "./volumes";

/** Programs that carry the traffic. */
export interface TrafficPrograms {
  readonly envoy: string;
  readonly pilotAgent: string;
  /** Istio's template of Envoy's bootstrap. */
  readonly bootstrapTemplate: string;
  /** Bundles to run with Node.js: what stands for EnRoute, and for an application. */
  readonly gateway: string;
  readonly workload: string;
}

export interface TrafficContext {
  readonly folder: string;
  readonly programs: TrafficPrograms;
  readonly tether: string;
  readonly access: ClusterAccess;
  readonly kubelet: Kubelet;
  readonly address: (n: number) => string;
  readonly log: (name: string) => BoundedLog;
  readonly note: (text: string) => void;
  /** Called when a process came, went, or became ready. */
  readonly changed: () => void;
}

export interface GatewayHostRoutes {
  readonly metadata: Meta;
  readonly spec: { readonly routes?: readonly { readonly services?: readonly { readonly name: string }[] }[] };
}

/** What the cluster holds now. */
export interface TrafficView {
  readonly pods: readonly Pod[];
  readonly services: readonly (Service & { readonly metadata: Meta })[];
  readonly gatewayHosts: readonly GatewayHostRoutes[];
}

interface Instance extends Backend {
  pods: Pod[];
  readonly number: number;
  readonly folder: string;
  readonly parts: Part[];
  /** File in istiod's folder of configuration. */
  readonly sidecarFile?: string;
  /** Envoy of a gateway, and the folder of its configuration. */
  readonly envoy?: GatewayEnvoy;
  syncedAt: number;
  /** Whether it can be connected to. */
  ready: boolean;
  /** Why its pods are not ready. */
  problem: string | undefined;
  /** Since when Envoy works with another configuration than it was given. */
  problemSince: number | undefined;
}

interface GatewayEnvoy {
  readonly folder: string;
  readonly admin: EnvoyAdmin;
  readonly part: Part;
}

const lookMilliseconds = 400;
/** How long Envoy may take to start, and for a new configuration, before it counts as a problem. */
const acceptMilliseconds = 2000;
const starting = "it is starting";
const syncMilliseconds = 1000;
const stopGraceMilliseconds = 1500;
/** The first of the addresses that these processes listen on; istiods are below. */
const firstNumber = 60;

/** Folder with configuration that istiod reads beside the cluster's. */
export const istioConfigurationFolder = (folder: string) => join(dataFolder(folder), "istio-configuration");

/**
 * Real processes behind the pods that carry a request: the gateway's, and those of the Services that GatewayHosts route to. One
 * set for each generation of a Deployment; the others stay simulated.
 */
export class Traffic {
  private readonly instances = new Map<string, Instance>();
  private readonly timer: NodeJS.Timeout;
  private busy: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly context: TrafficContext,
    private readonly view: () => TrafficView,
  ) {
    emptyFolder(istioConfigurationFolder(context.folder));
    this.timer = setInterval(() => this.trigger(), lookMilliseconds);
  }

  get parts(): Part[] {
    return [...this.instances.values()].flatMap(({ parts }) => parts);
  }

  /** What can be connected to, the oldest first. */
  get backends(): Backend[] {
    return [...this.instances.values()].filter(({ ready }) => ready);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    await this.busy;
    await Promise.all([...this.instances.keys()].map((key) => this.stop(key)));
  }

  private trigger(): void {
    this.busy ??= this.reconcile()
      .catch((error: unknown) => this.context.note(`traffic: ${(error as Error).message}`))
      .finally(() => (this.busy = undefined));
  }

  private async reconcile(): Promise<void> {
    const view = this.view();
    const wanted = wantedPods(view);
    for (const [key, instance] of this.instances) {
      // While its successor starts, the one before goes on: a kubelet, too, lets it finish.
      const isReplaced = [...wanted].some(
        ([other, { role }]) => role === roleOf(key) && this.instances.get(other)?.ready !== true,
      );
      if (!wanted.has(key) && !(isReplaced && instance.ready)) {
        await this.stop(key);
      }
    }
    for (const [key, { pods, ports, kind }] of wanted) {
      if (this.closed) {
        return;
      }
      const instance = this.instances.get(key) ?? (await this.start(key, kind, pods, ports, view));
      if (instance === undefined) {
        continue;
      }
      instance.pods = pods;
      if (Date.now() - instance.syncedAt > syncMilliseconds) {
        instance.syncedAt = Date.now();
        await this.writeFiles(pods[0]!, instance.folder);
      }
      await this.look(key, instance);
    }
    await this.tellGateways(view, wanted);
  }

  /** Looks how its processes are. */
  private async look(key: string, instance: Instance): Promise<void> {
    const isOpen = await accepts(instance.address, [...instance.ports.values()][0]!);
    const problem = await problemOf(instance.envoy, isOpen);
    instance.problemSince = problem === undefined ? undefined : (instance.problemSince ?? Date.now());
    // A start, and each new configuration, take Envoy a moment.
    const isMoment = Date.now() - (instance.problemSince ?? 0) < acceptMilliseconds;
    if (problem !== instance.problem && !isMoment) {
      instance.problem = problem;
      if (problem !== undefined) {
        this.context.note(`${key}: ${problem}`);
      }
    }
    // Connected to for the first time it is when all is well; then, as Envoy, it goes on with what it had accepted.
    const ready = isOpen && (instance.ready || problem === undefined);
    if (ready !== instance.ready) {
      instance.ready = ready;
      this.context.note(`${key} is ${ready ? "ready" : "not ready"} on ${instance.address}`);
      this.context.changed();
    }
  }

  /** Tells of the gateway's pods how their Envoy is; pods without processes, as of an older generation, are simulated. */
  private async tellGateways({ pods }: TrafficView, wanted: ReadonlyMap<string, Wanted>): Promise<void> {
    const tell = (pod: Pod): Promise<void> => {
      const key = gatewayKey(pod);
      const instance = this.instances.get(key);
      if (instance?.envoy === undefined) {
        const why = wanted.has(key) ? "the Service of its istiod is not there" : undefined;
        return this.context.kubelet.tell(pod, envoyState(why === undefined, 0, true), why);
      }
      const { problem } = instance;
      const { state, restarts } = instance.envoy.part;
      const states = envoyState(problem === undefined, restarts, state !== undefined);
      return this.context.kubelet.tell(pod, states, problem === starting ? undefined : problem);
    };
    const gateways = pods.filter((pod) => isRunning(pod) && isGateway(pod));
    await Promise.all(gateways.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(tell));
  }

  private async start(
    key: string,
    kind: Wanted["kind"],
    pods: Pod[],
    ports: readonly number[],
    view: TrafficView,
  ): Promise<Instance | undefined> {
    const [pod] = pods as [Pod];
    const sidecar = sidecarOf(pod);
    const istiod = sidecar === undefined ? undefined : istiodOf(pod, sidecar);
    const istiodAddress = view.services.find(
      ({ metadata }) => metadata.name === istiod?.name && metadata.namespace === istiod.namespace,
    )?.spec.clusterIP;
    if (sidecar !== undefined && istiodAddress === undefined) {
      return undefined;
    }
    const number = freeNumber(
      [...this.instances.values()].map((instance) => instance.number),
      firstNumber,
    );
    const address = this.context.address(number);
    const folder = emptyFolder(join(dataFolder(this.context.folder), "traffic", key));
    const local = new Map<number, number>();
    for (const port of ports) {
      local.set(port, await choosePort(address, port));
    }
    await this.writeFiles(pod, folder);
    const names = { key, pod, folder, address };
    const specs =
      kind === "gateway"
        ? await this.gateway(names, local, istiodAddress)
        : await this.workload(names, local, istiodAddress);
    const parts = specs.specs.map((spec) =>
      new Part(spec, this.context.tether, this.context.log(spec.name), () => this.context.changed()).start(),
    );
    this.context.note(`${key} starts on ${address}`);
    const instance: Instance = {
      ...{ pods, number, address, folder, parts, ports: local, syncedAt: Date.now(), ready: false },
      ...{ problem: starting, problemSince: undefined },
      ...(specs.sidecarFile === undefined ? {} : { sidecarFile: specs.sidecarFile }),
      ...(specs.envoy === undefined
        ? {}
        : { envoy: { ...specs.envoy, part: parts.find(({ spec }) => spec.name === `${key}-envoy`)! } }),
    };
    this.instances.set(key, instance);
    return instance;
  }

  private async stop(key: string): Promise<void> {
    const instance = this.instances.get(key);
    if (instance === undefined) {
      return;
    }
    instance.ready = false;
    this.context.changed();
    await Promise.all(instance.parts.map((part) => part.stop(stopGraceMilliseconds)));
    if (instance.sidecarFile !== undefined) {
      writeFileSync(instance.sidecarFile, "");
    }
    this.instances.delete(key);
    this.context.note(`${key} stopped`);
    this.context.changed();
  }

  /** Envoy, what stands for EnRoute, and the agent that gets its certificate. */
  private async gateway(
    { key, pod, folder, address }: Names,
    ports: ReadonlyMap<number, number>,
    istiodAddress: string | undefined,
  ): Promise<Specs> {
    const { programs, access } = this.context;
    const sidecar = sidecarOf(pod);
    const reader = containerOf(pod, "cert-server");
    const output = sidecar === undefined ? undefined : environmentOf(pod, sidecar)["OUTPUT_CERTS"];
    // The reader sees the volume at a path of its own; here both are below one folder, so it is the writer's path that counts.
    const isShared =
      sidecar !== undefined && reader !== undefined && sharedCertificates(sidecar, output, reader) !== undefined;
    if (sidecar !== undefined && output !== undefined) {
      emptyFolder(inFolder(folder, output));
    }
    writeChanged(folder, "token", await serviceAccountToken(access, pod));
    const settings: GatewaySettings = {
      serverUrl: access.serverUrl,
      certificateAuthority: access.certificateAuthority.toString(),
      tokenPath: join(folder, "token"),
      folder: join(folder, "envoy"),
      address,
      httpPort: ports.get(8080)!,
      httpsPort: ports.get(8443)!,
      ...(isShared ? { meshFolder: inFolder(folder, output!) } : {}),
      keepCertificatesPath: keepCertificatesPath(this.context.folder),
    };
    writeChanged(folder, "gateway.json", JSON.stringify(settings));
    writeChanged(settings.folder, envoyFiles.listeners, JSON.stringify(listenersResponse([])));
    writeChanged(settings.folder, envoyFiles.clusters, JSON.stringify(clustersResponse([])));
    const admin = await choosePort(address, 9001);
    writeChanged(
      settings.folder,
      "bootstrap.json",
      JSON.stringify(bootstrap(pod.metadata.name, settings.folder, address, admin)),
    );
    return {
      envoy: { folder: settings.folder, admin: { address, port: admin } },
      specs: [
        ...(sidecar === undefined
          ? []
          : [
              agent(`${key}-agent`, {
                pod,
                sidecar,
                folder,
                binary: programs.pilotAgent,
                istiodAddress: istiodAddress!,
              }),
            ]),
        nodeProgram(`${key}-enroute`, programs.gateway, [join(folder, "gateway.json")], folder),
        {
          name: `${key}-envoy`,
          command: programs.envoy,
          args: [
            ...[
              "--config-path",
              join(settings.folder, "bootstrap.json"),
              "--concurrency",
              "1",
              "--log-level",
              "warning",
            ],
            ...["--disable-hot-restart", "--drain-time-s", "5"],
          ],
          cwd: folder,
        },
      ],
    };
  }

  /** An application, and the sidecar before it where istiod has injected one. */
  private async workload(
    { key, pod, folder, address }: Names,
    ports: ReadonlyMap<number, number>,
    istiodAddress: string | undefined,
  ): Promise<Specs> {
    const { programs } = this.context;
    const sidecar = sidecarOf(pod);
    const names = [pod.metadata.namespace ?? "", pod.metadata.name];
    if (sidecar === undefined) {
      const applications = [...ports].map(([port, localPort]) =>
        nodeProgram(`${key}-app-${port}`, programs.workload, [address, String(localPort), ...names], folder),
      );
      return { specs: applications };
    }
    const ingress: { port: number; application: number }[] = [];
    for (const localPort of ports.values()) {
      ingress.push({ port: localPort, application: await choosePort("127.0.0.1", 0) });
    }
    const sidecarFile = join(istioConfigurationFolder(this.context.folder), `${key}.yaml`);
    writeFileSync(sidecarFile, JSON.stringify(sidecarConfiguration(pod, key.replaceAll("_", "-"), address, ingress)));
    const template = join(folder, "bootstrap-template.json");
    writeFileSync(template, bootstrapTemplate(readFileSync(programs.bootstrapTemplate, "utf8"), address));
    const envoy = {
      binary: programs.envoy,
      template,
      address,
      ports: {
        admin: await choosePort(address, 15000),
        prometheus: await choosePort(address, 15090),
        status: await choosePort(address, 15021),
      },
    };
    const options = { pod, sidecar, folder, binary: programs.pilotAgent, istiodAddress: istiodAddress!, envoy };
    return {
      specs: [
        ...ingress.map(({ port, application }) =>
          nodeProgram(`${key}-app-${port}`, programs.workload, ["127.0.0.1", String(application), ...names], folder),
        ),
        agent(`${key}-sidecar`, options),
      ],
      sidecarFile,
    };
  }

  /** What a kubelet puts into the pod: volumes, and the token by which istiod knows the pod. */
  private async writeFiles(pod: Pod, folder: string): Promise<void> {
    const sidecar = sidecarOf(pod);
    if (sidecar === undefined) {
      return;
    }
    await writeVolumes(this.context.access, pod, sidecar, folder);
    Object.entries(podInfo(pod)).forEach(([name, text]) => writeChanged(join(folder, "etc/istio/pod"), name, text));
    const tokens = join(folder, "var/run/secrets/tokens");
    if (!existsSync(join(tokens, "istio-token"))) {
      writeChanged(tokens, "istio-token", await serviceAccountToken(this.context.access, pod, "istio-ca"));
    }
  }
}

interface Names {
  readonly key: string;
  readonly pod: Pod;
  readonly folder: string;
  readonly address: string;
}

interface Specs {
  readonly specs: PartSpec[];
  readonly sidecarFile?: string;
  readonly envoy?: Omit<GatewayEnvoy, "part">;
}

interface Wanted {
  readonly kind: "gateway" | "workload";
  /** What it is there for: one that takes its place has the same. */
  readonly role: string;
  readonly pods: Pod[];
  /** Container ports. */
  readonly ports: readonly number[];
}

const roleOf = (key: string) => key.slice(0, key.lastIndexOf("_"));

/** By `<namespace>_<what>_<generation>`, the pods that take part in traffic, and the ports that they are reached at. */
export function wantedPods({ pods, services, gatewayHosts }: TrafficView): Map<string, Wanted> {
  const running = pods.filter(isRunning);
  const wanted = new Map<string, Wanted>();
  const add = (kind: Wanted["kind"], name: string, members: Pod[], ports: readonly number[]) => {
    const newest = [...groupPods(members)].at(-1);
    if (newest === undefined || ports.length === 0) {
      return;
    }
    const [group, groupMembers] = newest;
    const [pod] = groupMembers as [Pod];
    const role = `${pod.metadata.namespace}_${name}`;
    wanted.set(`${role}_${group.split("_").at(-1)}`, { kind, role, pods: groupMembers, ports });
  };
  const gateways = running.filter((pod) => isGateway(pod));
  for (const namespace of new Set(gateways.map(({ metadata }) => metadata.namespace))) {
    add(
      "gateway",
      "gateway",
      gateways.filter(({ metadata }) => metadata.namespace === namespace),
      [8080, 8443],
    );
  }
  for (const host of gatewayHosts) {
    for (const name of (host.spec.routes ?? []).flatMap(({ services: targets }) => targets?.[0]?.name ?? [])) {
      const service = services.find(
        ({ metadata }) => metadata.name === name && metadata.namespace === host.metadata.namespace,
      );
      if (service === undefined) {
        continue;
      }
      const members = running.filter((pod) => !isGateway(pod) && isSelected(service, pod));
      const ports = (service.spec.ports ?? []).flatMap(({ port, targetPort, protocol }) =>
        (protocol ?? "TCP") === "TCP" && members[0] !== undefined
          ? [containerPort(members[0], targetPort ?? port)]
          : [],
      );
      add(
        "workload",
        name,
        members,
        [...new Set(ports)].filter((port) => port > 0),
      );
    }
  }
  return wanted;
}

const isRunning = ({ status }: Pod) => status?.phase === "Running";

/** The key of the processes that stand for a gateway's pod, as in {@link wantedPods}. */
function gatewayKey({ metadata: { namespace, name, labels } }: Pod): string {
  return `${namespace}_gateway_${labels?.["pod-template-hash"] ?? name}`;
}

const envoyState = (ready: boolean, restarts: number, isRunning: boolean) =>
  new Map([["envoy", { ready, restarts, isRunning }]]);

/** Why it is not ready. */
async function problemOf(envoy: GatewayEnvoy | undefined, isOpen: boolean): Promise<string | undefined> {
  if (envoy === undefined) {
    return isOpen ? undefined : "nothing listens yet";
  }
  const problem = await configurationProblem(envoy.folder, envoy.admin);
  return (
    problem ?? (isOpen ? undefined : "Envoy has no listener yet: what stands for EnRoute has not read the cluster")
  );
}

function isGateway(pod: Pod): boolean {
  return containerOf(pod, "enroute") !== undefined && containerOf(pod, "envoy") !== undefined;
}

function nodeProgram(name: string, program: string, args: readonly string[], cwd: string): PartSpec {
  return {
    name,
    command: process.execPath,
    args: ["--max-old-space-size=64", "--max-semi-space-size=2", program, ...args],
    cwd,
  };
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .on("connect", () => end(true))
      .on("error", () => end(false))
      .on("timeout", () => end(false));
  });
}
