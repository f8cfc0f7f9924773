import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { choosePort } from "./address";
import { type Api, ApiError } from "./api";
import { type Pod, discoveryContainer, environmentOf, groupPods, isReady, statusPatch } from "./istiod-pod";
import type { BoundedLog } from "./log";
import type { Backend } from "./network";
import { Part } from "./part";
import { contextName, dataFolder, istiodHoldPath } from "./state";
import { kubeconfig } from "./control-plane";

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

interface Instance extends Backend {
  pods: Pod[];
  readonly part: Part;
  readonly number: number;
  readonly startedAt: number;
  ready: boolean;
}

export interface IstiodContext {
  readonly name: string;
  readonly folder: string;
  readonly binary: string;
  readonly tether: string;
  readonly delaySeconds: number;
  readonly serverUrl: string;
  readonly certificateAuthority: Buffer;
  readonly api: Api;
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
      const ready = !this.isHeld(instance) && (await isAnswering(instance.address, instance.ports.get(8080)!));
      if (ready !== instance.ready) {
        instance.ready = ready;
        this.context.note(`${instance.part.spec.name} is ${ready ? "ready" : "not ready"}`);
        // Before the pods are: who waits for them will use the Service at once.
        this.context.changed();
      }
      await Promise.all(pods.map((pod) => this.tell(pod, instance)));
    }
  }

  private async start(key: string, pods: Pod[]): Promise<Instance> {
    const [pod] = pods as [Pod];
    const number = this.freeNumber();
    const address = this.context.address(number);
    const folder = join(dataFolder(this.context.folder), "istiod", key);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    await this.writeVolumes(pod, folder);
    await this.writeKubeconfig(pod, folder);

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
        env: { GOGC: "50", ...environmentOf(pod) },
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
    const instance = { pods, part, number, address, ports, startedAt: Date.now(), ready: false };
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

  /** The Secrets and ConfigMaps that the pod mounts, below the process's folder: istiod's own paths are relative. */
  private async writeVolumes(pod: Pod, folder: string): Promise<void> {
    for (const { name, mountPath } of discoveryContainer(pod).volumeMounts ?? []) {
      const volume = pod.spec.volumes?.find((volume) => volume.name === name);
      const source = volume?.secret ?? volume?.configMap;
      if (source === undefined) {
        continue;
      }
      const kind = volume?.secret === undefined ? "configmaps" : "secrets";
      const objectName = volume?.secret?.secretName ?? volume?.configMap?.name ?? "";
      const data = await this.dataOf(kind, pod.metadata.namespace ?? "", objectName, source.optional ?? false);
      const target = join(folder, mountPath);
      for (const [key, content] of Object.entries(data)) {
        mkdirSync(target, { recursive: true, mode: 0o700 });
        writeFileSync(join(target, key), Buffer.from(content, kind === "secrets" ? "base64" : "utf8"), { mode: 0o600 });
      }
    }
  }

  private async dataOf(
    kind: "secrets" | "configmaps",
    namespace: string,
    name: string,
    optional: boolean,
  ): Promise<Record<string, string>> {
    try {
      const object = await this.context.api.get<{ data?: Record<string, string> }>(
        `/api/v1/namespaces/${namespace}/${kind}/${name}`,
      );
      return object.data ?? {};
    } catch (error) {
      if (error instanceof ApiError && error.status === 404 && optional) {
        return {};
      }
      throw error;
    }
  }

  /** istiod acts as its own service account, so a right that the chart forgot is missed here as well. */
  private async writeKubeconfig(pod: Pod, folder: string): Promise<void> {
    const { namespace = "" } = pod.metadata;
    const account = pod.spec.serviceAccountName ?? "default";
    const request = await this.context.api.post<{ status: { token: string } }>(
      `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      // A year: nobody renews it.
      { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 365 * 24 * 3600 } },
    );
    const { name, serverUrl, certificateAuthority } = this.context;
    const content = kubeconfig(contextName(name), serverUrl, certificateAuthority, request.status.token);
    writeFileSync(join(folder, "kubeconfig"), content, { mode: 0o600 });
  }

  private freeNumber(): number {
    const taken = new Set([...this.instances.values()].map(({ number }) => number));
    let number = firstNumber;
    while (taken.has(number)) {
      number++;
    }
    return number;
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

  private async tell(pod: Pod, instance: Instance): Promise<void> {
    if (pod.status?.phase !== "Running") {
      // KWOK has not started it yet.
      return;
    }
    const restarts = instance.part.restarts;
    const told = pod.status.containerStatuses?.[0]?.restartCount ?? 0;
    if (isReady(pod) === instance.ready && (told === restarts || instance.part.state === undefined)) {
      return;
    }
    const patch = statusPatch(
      pod,
      instance.ready,
      restarts,
      instance.part.state !== undefined,
      new Date().toISOString(),
    );
    const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/status`;
    try {
      await this.context.api.patch(path, patch);
    } catch (error) {
      // It may have been deleted just now.
      if (!(error instanceof ApiError && error.status === 404)) {
        throw error;
      }
    }
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
