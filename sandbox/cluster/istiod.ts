import { readFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { choosePort, freeNumber } from "./address";
import type { Kubelet } from "./kubelet";
import type { BoundedLog } from "./log";
import type { Backend } from "./network";
import { Part } from "./part";
import { type Pod, discoveryContainer, environmentOf, groupPods } from "./pod";
import { dataFolder, istiodHoldPath } from "./state";
import { type ClusterAccess, emptyFolder, writeKubeconfig, writeVolumes } from "./volumes";

/** Container port of istiod → the flag that moves it. */
const portFlags = {
  8080: "httpAddr",
  15010: "grpcAddr",
  15012: "secureGRPCAddr",
  15014: "monitoringAddr",
  15017: "httpsAddr",
};
const probeMilliseconds = 400;
const stopGraceMilliseconds = 4000;
/** A kubelet takes up to a minute until a change of a Secret is in the files that are mounted from it. */
const syncMilliseconds = 2000;

interface Instance extends Backend {
  pods: Pod[];
  readonly part: Part;
  readonly number: number;
  readonly folder: string;
  readonly startedAt: number;
  /** When its mounted files were last compared with the cluster. */
  syncedAt: number;
  ready: boolean;
}

export interface IstiodContext {
  readonly folder: string;
  readonly binary: string;
  readonly tether: string;
  readonly delaySeconds: number;
  readonly access: ClusterAccess;
  readonly kubelet: Kubelet;
  /** Environment over what the pod asks for. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes what else istiod is to find in its folder. */
  readonly writeExtras: (pod: Pod, folder: string) => Promise<void>;
  /** 127.x.1.n of this sandbox. */
  readonly address: (n: number) => string;
  readonly log: (name: string) => BoundedLog;
  readonly note: (text: string) => void;
  /** Called when a process came, went, or changed its readiness. */
  readonly changed: () => void;
}

/** The first of the addresses that istiods listen on. */
const firstNumber = 20;

/**
 * Runs the real istiod behind the pods that are labelled as such: for each generation of each revision that has a pod
 * on a node, one process. The pods are ready when that process says so.
 */
export class Istiods {
  private readonly instances = new Map<string, Instance>();
  private readonly timer: NodeJS.Timeout;
  private busy: Promise<void> = Promise.resolve();
  private again = false;
  private closed = false;

  constructor(
    private readonly context: IstiodContext,
    private readonly pods: () => readonly Pod[],
  ) {
    this.timer = setInterval(() => this.trigger(), probeMilliseconds);
  }

  get parts(): Part[] {
    return [...this.instances.values()].map(({ part }) => part);
  }

  /** The processes that are ready, the oldest first. */
  get backends(): Backend[] {
    return [...this.instances.values()].filter(({ ready }) => ready);
  }

  /** Has the processes and the pods looked at; one look at a time. */
  trigger(): void {
    if (this.again || this.closed) {
      return;
    }
    this.again = true;
    this.busy = this.busy.then(async () => {
      this.again = false;
      try {
        await this.reconcile();
      } catch (error) {
        this.context.note(`istiod: ${(error as Error).message}`);
      }
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    await this.busy;
    await Promise.all([...this.instances.keys()].map((key) => this.stop(key)));
  }

  private async reconcile(): Promise<void> {
    const groups = groupPods(this.pods());
    for (const key of this.instances.keys()) {
      if (!groups.has(key)) {
        await this.stop(key);
      }
    }
    for (const [key, pods] of groups) {
      if (this.closed) {
        return;
      }
      const instance = this.instances.get(key) ?? (await this.start(key, pods));
      instance.pods = pods;
      if (Date.now() - instance.syncedAt > syncMilliseconds) {
        instance.syncedAt = Date.now();
        await this.writeFiles(pods[0]!, instance.folder);
      }
      const ready = !this.isHeld(instance) && (await isAnswering(instance.address, instance.ports.get(8080)!));
      if (ready !== instance.ready) {
        instance.ready = ready;
        this.context.note(`${instance.part.spec.name} is ${ready ? "ready" : "not ready"}`);
        // Before the pods are: who waits for them will use the Service at once.
        this.context.changed();
      }
      const { restarts, state } = instance.part;
      const container = { ready, restarts, isRunning: state !== undefined };
      await Promise.all(
        pods.map((pod) =>
          this.context.kubelet.tell(pod, new Map(pod.spec.containers.map(({ name }) => [name, container]))),
        ),
      );
    }
  }

  private async start(key: string, pods: Pod[]): Promise<Instance> {
    const [pod] = pods as [Pod];
    const number = freeNumber(
      [...this.instances.values()].map((instance) => instance.number),
      firstNumber,
    );
    const address = this.context.address(number);
    const folder = emptyFolder(join(dataFolder(this.context.folder), "istiod", key));
    await this.writeFiles(pod, folder);
    await writeKubeconfig(this.context.access, pod, folder);

    const ports = new Map<number, number>();
    const flags: string[] = [];
    for (const [port, flag] of Object.entries(portFlags)) {
      const local = await choosePort(address, Number(port));
      ports.set(Number(port), local);
      flags.push(`--${flag}=${address}:${local}`);
    }
    flags.push(`--ctrlz_address=${address}`, `--ctrlz_port=${await choosePort(address, 9876)}`);

    const name = `istiod-${key}`;
    const part = new Part(
      {
        name,
        command: this.context.binary,
        // Of a flag that is given twice, the last one counts.
        args: [
          ...(discoveryContainer(pod).args ?? ["discovery"]),
          "--kubeconfig=kubeconfig",
          "--shutdownDuration=1s",
          ...flags,
        ],
        env: { GOGC: "50", ...environmentOf(pod, discoveryContainer(pod)), ...this.context.env },
        cwd: folder,
      },
      this.context.tether,
      this.context.log(name),
      () => {
        this.context.changed();
        this.trigger();
      },
    ).start();
    this.context.note(`${name} starts on ${address}`);
    const startedAt = Date.now();
    const instance = { pods, part, number, address, ports, folder, startedAt, syncedAt: startedAt, ready: false };
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
    await instance.part.stop(stopGraceMilliseconds);
    this.instances.delete(key);
    this.context.note(`${instance.part.spec.name} stopped`);
    this.context.changed();
  }

  /** What the pod mounts, below the process's folder: istiod's own paths are relative. */
  private async writeFiles(pod: Pod, folder: string): Promise<void> {
    await writeVolumes(this.context.access, pod, discoveryContainer(pod), folder);
    await this.context.writeExtras(pod, folder);
  }

  /** Held back by the file, else by the option that the sandbox was started with. */
  private isHeld({ startedAt }: Instance): boolean {
    let seconds = this.context.delaySeconds;
    try {
      const text = readFileSync(istiodHoldPath(this.context.folder), "utf8").trim();
      seconds = text === "" ? Infinity : Number(text);
    } catch {
      // No such file.
    }
    return Date.now() - startedAt < seconds * 1000;
  }
}

/** istiod's readiness probe. */
function isAnswering(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host, port, path: "/ready", timeout: 2000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("error", () => resolve(false));
    request.on("timeout", () => request.destroy());
  });
}
