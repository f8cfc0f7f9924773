import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { type EnvoyAdmin, configurationProblem } from "../gateway/acceptance";
import { bootstrap, clustersResponse, envoyFiles, listenersResponse } from "../gateway/envoy-config";
import type { GatewaySettings } from "../gateway/main";
import { choosePort, freeNumber } from "./address";
import type { Meta } from "./api";
import type { Kubelet } from "./kubelet";
import type { BoundedLog } from "./log";
import { type Backend, type Service, containerPort, isSelected } from "./network";
import { Part, type PartSpec } from "./part";
import { type Container, type Pod, byAge, containerOf, environmentOf, isRunnable } from "./pod";
import {
  agent,
  bootstrapTemplate,
  inFolder,
  inboundSocket,
  isCaptured,
  istiodOf,
  podInfo,
  sharedCertificates,
  sidecarConfiguration,
  sidecarOf,
} from "./sidecar";
import { dataFolder, keepCertificatesPath } from "./state";
import type { Application } from "../workload";
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
  /** What it is there for: one that takes its place has the same. */
  readonly role: string;
  readonly number: number;
  readonly folder: string;
  readonly parts: Part[];
  readonly applications: readonly Application[];
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

/** Below the data folder, in which the supervisor works. */
const trafficFolder = "traffic";

/** Folder with configuration that istiod reads beside the cluster's. */
export const istioConfigurationFolder = (folder: string) => join(dataFolder(folder), "istio-configuration");

/**
 * Real processes behind pods: every gateway, and every pod of a namespace that is in the mesh or that GatewayHosts route to, each
 * with the sidecar that istiod gave it. What is beyond {@link mostPods} stays simulated.
 */
export class Traffic {
  private readonly instances = new Map<string, Instance>();
  private readonly timer: NodeJS.Timeout;
  /** All applications, in one process. */
  private readonly workload: Part;
  private readonly applicationsPath: string;
  /** Addresses in use, also by what is about to start. */
  private readonly numbers = new Map<string, number>();
  private busy: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly context: TrafficContext,
    private readonly view: () => TrafficView,
  ) {
    emptyFolder(istioConfigurationFolder(context.folder));
    const folder = emptyFolder(join(dataFolder(context.folder), "applications"));
    this.applicationsPath = join(folder, "applications.json");
    this.workload = this.part(
      nodeProgram("applications", context.programs.workload, [this.applicationsPath], folder),
    ).start();
    this.timer = setInterval(() => this.trigger(), lookMilliseconds);
  }

  get parts(): Part[] {
    return [this.workload, ...[...this.instances.values()].flatMap(({ parts }) => parts)];
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
    await this.workload.stop(stopGraceMilliseconds);
  }

  private part(spec: PartSpec): Part {
    return new Part(spec, this.context.tether, this.context.log(spec.name), () => this.context.changed());
  }

  /** Has the sidecars of a namespace listen where this machine lets them; written once, before the first of them starts. */
  private configureSidecars(namespace: string): void {
    const file = join(istioConfigurationFolder(this.context.folder), `${namespace}.yaml`);
    if (!existsSync(file)) {
      writeFileSync(file, JSON.stringify(sidecarConfiguration(namespace)));
    }
  }

  private trigger(): void {
    this.busy ??= this.reconcile()
      .catch((error: unknown) => this.context.note(`traffic: ${(error as Error).message}`))
      .finally(() => (this.busy = undefined));
  }

  private async reconcile(): Promise<void> {
    const view = this.view();
    // For the whole mesh, long before a sidecar starts; and again for each namespace, should this one not be the mesh's root.
    view.pods
      .filter(({ metadata }) => metadata.labels?.["app"] === "istiod")
      .forEach(({ metadata }) => this.configureSidecars(metadata.namespace ?? ""));
    const wanted = wantedPods(view);
    for (const [key, instance] of this.instances) {
      // While its successor starts, the one before goes on: a kubelet, too, lets it finish.
      const isReplaced = [...wanted].some(
        ([other, { role }]) => role === instance.role && this.instances.get(other)?.ready !== true,
      );
      if (!wanted.has(key) && !(isReplaced && instance.ready)) {
        await this.stop(key);
      }
    }
    await Promise.all([...wanted].map(([key, one]) => this.follow(key, one, view)));
    await this.tellGateways(view, wanted);
  }

  private async follow(key: string, wanted: Wanted, view: TrafficView): Promise<void> {
    if (this.closed) {
      return;
    }
    const instance = this.instances.get(key) ?? (await this.start(key, wanted, view));
    if (instance === undefined) {
      return;
    }
    instance.pods = [wanted.pod];
    if (Date.now() - instance.syncedAt > syncMilliseconds) {
      instance.syncedAt = Date.now();
      await this.writeFiles(wanted.pod, instance.folder);
    }
    await this.look(key, instance);
  }

  /** Looks how its processes are. */
  private async look(key: string, instance: Instance): Promise<void> {
    const [first] = instance.ports.values();
    const isOpen =
      instance.inbound === undefined
        ? first !== undefined && (await accepts({ host: instance.address, port: first }))
        : await accepts({ path: instance.inbound.path });
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
    { kind, role, pod, ports }: Wanted,
    view: TrafficView,
  ): Promise<Instance | undefined> {
    const sidecar = sidecarOf(pod);
    const istiod = sidecar === undefined ? undefined : istiodOf(pod, sidecar);
    const istiodAddress = view.services.find(
      ({ metadata }) => metadata.name === istiod?.name && metadata.namespace === istiod.namespace,
    )?.spec.clusterIP;
    if (sidecar !== undefined && istiodAddress === undefined) {
      return undefined;
    }
    const number = freeNumber([...this.numbers.values()], firstNumber);
    this.numbers.set(key, number);
    this.configureSidecars(pod.metadata.namespace ?? "");
    const address = this.context.address(number);
    // The path of a socket must be short.
    const name = key.length > 70 ? createHash("sha256").update(key).digest("hex").slice(0, 16) : key;
    const folder = emptyFolder(join(dataFolder(this.context.folder), trafficFolder, name));
    const local = new Map<number, number>();
    for (const port of ports) {
      local.set(port, await choosePort(address, port));
    }
    await this.writeFiles(pod, folder);
    const names = { key, pod, folder, address };
    const { specs, envoy } = kind === "gateway" ? await this.gateway(names, local) : { specs: [], envoy: undefined };
    const sidecars = sidecar === undefined ? [] : [await this.sidecar(names, sidecar, istiodAddress!)];
    const parts = [...specs, ...sidecars].map((spec) => this.part(spec).start());
    this.context.note(`${key} starts on ${address}`);
    const instance: Instance = {
      ...{ pods: [pod], role, number, address, folder, parts, ports: local },
      ...{ syncedAt: Date.now(), ready: false, problem: starting, problemSince: undefined },
      applications:
        kind === "gateway"
          ? []
          : [...local.values()].map((port) => ({
              ...{ address, port, namespace: pod.metadata.namespace ?? "", pod: pod.metadata.name },
            })),
      // Without rules of its network nothing leads to the sidecar.
      ...(sidecar === undefined || kind === "gateway" || containerOf(pod, "istio-init") === undefined
        ? {}
        : { inbound: { path: join(trafficFolder, name, inboundSocket), captures: (port) => isCaptured(pod, port) } }),
      ...(envoy === undefined
        ? {}
        : { envoy: { ...envoy, part: parts.find(({ spec }) => spec.name === `${key}-envoy`)! } }),
    };
    this.instances.set(key, instance);
    this.writeApplications();
    return instance;
  }

  private writeApplications(): void {
    const applications = [...this.instances.values()].flatMap((instance) => instance.applications);
    writeChanged(dirname(this.applicationsPath), basename(this.applicationsPath), JSON.stringify(applications));
  }

  private async stop(key: string): Promise<void> {
    const instance = this.instances.get(key);
    if (instance === undefined) {
      return;
    }
    instance.ready = false;
    this.context.changed();
    await Promise.all(instance.parts.map((part) => part.stop(stopGraceMilliseconds)));
    this.instances.delete(key);
    this.numbers.delete(key);
    this.writeApplications();
    this.context.note(`${key} stopped`);
    this.context.changed();
  }

  /** Envoy, and what stands for EnRoute. */
  private async gateway(
    { key, pod, folder, address }: Names,
    ports: ReadonlyMap<number, number>,
  ): Promise<{ specs: PartSpec[]; envoy: Omit<GatewayEnvoy, "part"> }> {
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

  /** The agent of a sidecar, which starts its Envoy. */
  private async sidecar(
    { key, pod, folder, address }: Names,
    sidecar: Container,
    istiodAddress: string,
  ): Promise<PartSpec> {
    const { programs } = this.context;
    const template = join(folder, "bootstrap-template.json");
    writeFileSync(template, bootstrapTemplate(readFileSync(programs.bootstrapTemplate, "utf8"), address));
    const ports = {
      admin: await choosePort(address, 15000),
      prometheus: await choosePort(address, 15090),
      status: await choosePort(address, 15021),
    };
    return agent(`${key}-sidecar`, {
      ...{ pod, sidecar, folder, istiodAddress, binary: programs.pilotAgent },
      envoy: { binary: programs.envoy, template, address, ports },
    });
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

interface Wanted {
  readonly kind: "gateway" | "workload";
  readonly role: string;
  readonly pod: Pod;
  /** Container ports. */
  readonly ports: readonly number[];
}

/** So many pods have processes at most, as each takes about 100 MiB; a Deployment that is scaled up goes on in name only. */
export const mostPods = 24;

/**
 * By `<namespace>_<pod>` (`<namespace>_gateway_<pod>` for a gateway's), the pods that have processes, and the ports that they are
 * reached at: gateways first, then the oldest.
 */
export function wantedPods({ pods, services, gatewayHosts }: TrafficView): Map<string, Wanted> {
  const running = pods.filter((pod) => isRunning(pod) && isRunnable(pod)).sort(byAge);
  const namespaces = new Set([
    ...running.filter((pod) => sidecarOf(pod) !== undefined).map(({ metadata }) => metadata.namespace),
    ...gatewayHosts.map(({ metadata }) => metadata.namespace),
  ]);
  const workloads = running.filter((pod) => !isGateway(pod) && namespaces.has(pod.metadata.namespace));
  const wanted = [
    ...running.filter(isGateway).map((pod): [string, Wanted] => {
      const role = `${pod.metadata.namespace}_gateway`;
      return [`${role}_${pod.metadata.name}`, { kind: "gateway", role, pod, ports: [8080, 8443] }];
    }),
    ...workloads.map((pod): [string, Wanted] => {
      const key = `${pod.metadata.namespace}_${pod.metadata.name}`;
      return [key, { kind: "workload", role: roleOf(pod), pod, ports: portsOf(pod, services) }];
    }),
  ];
  return new Map(wanted.slice(0, mostPods));
}

/** Ports that a pod is reached at: those of its containers, and those that Services send to. */
function portsOf(pod: Pod, services: TrafficView["services"]): number[] {
  const isTcp = ({ protocol }: { protocol?: string }) => (protocol ?? "TCP") === "TCP";
  const declared = pod.spec.containers
    .flatMap(({ ports }) => (ports ?? []).filter(isTcp))
    .map((port) => port.containerPort);
  const targeted = services
    .filter((service) => isSelected(service, pod))
    .flatMap(({ spec }) => (spec.ports ?? []).filter(isTcp))
    .map(({ port, targetPort }) => containerPort(pod, targetPort ?? port));
  return [...new Set([...targeted, ...declared])].filter((port) => port > 0);
}

/** What pods have in common of which one takes the other's place: a Deployment's, whatever its generation. */
function roleOf({ metadata: { namespace, name, labels } }: Pod): string {
  const hash = labels?.["pod-template-hash"];
  return `${namespace}_${hash === undefined ? name : name.split(`-${hash}-`)[0]}`;
}

const isRunning = ({ status }: Pod) => status?.phase === "Running";

/** The key of the processes that stand for a gateway's pod, as in {@link wantedPods}. */
function gatewayKey({ metadata: { namespace, name } }: Pod): string {
  return `${namespace}_gateway_${name}`;
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

function accepts(target: { host: string; port: number } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...target, timeout: 1000 });
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
