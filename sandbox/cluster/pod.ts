import type { Meta } from "./api";

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly EnvVar[];
  readonly ports?: readonly {
    readonly name?: string;
    readonly containerPort: number;
    readonly protocol?: string;
  }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

export interface Pod {
  readonly metadata: Meta;
  readonly spec: {
    readonly nodeName?: string;
    readonly serviceAccountName?: string;
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly volumes?: readonly {
      readonly name: string;
      readonly secret?: { readonly secretName: string; readonly optional?: boolean };
      readonly configMap?: { readonly name: string; readonly optional?: boolean };
    }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly hostIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly restartCount: number;
      readonly ready?: boolean;
      readonly started?: boolean;
    }[];
  };
}

/**
 * Pods by the process that stands for them: one for each generation of each revision, so that the old and the new one
 * run side by side during a rolling update. Only pods that have a node; the oldest first.
 */
export function groupPods(pods: readonly Pod[]): Map<string, Pod[]> {
  const groups = new Map<string, Pod[]>();
  for (const pod of pods.filter(isRunnable).sort(byAge)) {
    const labels = pod.metadata.labels ?? {};
    const revision = labels["istio.io/rev"] ?? "default";
    const key = [pod.metadata.namespace, revision, labels["pod-template-hash"] ?? pod.metadata.name].join("_");
    groups.set(key, [...(groups.get(key) ?? []), pod]);
  }
  return groups;
}

/** Whether a pod has a node, and is neither over nor on its way out. */
export function isRunnable({ spec, status, metadata }: Pod): boolean {
  const isOver = status?.phase === "Succeeded" || status?.phase === "Failed";
  return spec.nodeName !== undefined && metadata.deletionTimestamp === undefined && !isOver;
}

export const byAge = (left: Pod, right: Pod) =>
  left.metadata.creationTimestamp.localeCompare(right.metadata.creationTimestamp) ||
  left.metadata.name.localeCompare(right.metadata.name);

/** A container, or a sidecar that is declared as an init container. */
export function containerOf(pod: Pod, name: string): Container | undefined {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((container) => container.name === name);
}

/** The container that istiod runs in. */
export function discoveryContainer(pod: Pod): Container {
  const container = containerOf(pod, "discovery") ?? pod.spec.containers[0];
  if (container === undefined) {
    throw new Error(`pod ${pod.metadata.name} has no container`);
  }
  return container;
}

/** The environment that a container asks for; its limits and credentials are left out. */
export function environmentOf(pod: Pod, container: Container): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env ?? []) {
    const resolved = value ?? fieldOf(pod, valueFrom?.fieldRef?.fieldPath);
    if (resolved !== undefined) {
      env[name] = resolved;
    }
  }
  // The file it names is that of a container.
  delete env["KUBECONFIG"];
  return env;
}

function fieldOf(pod: Pod, path: string | undefined): string | undefined {
  switch (path) {
    case "metadata.name":
      return pod.metadata.name;
    case "metadata.namespace":
      return pod.metadata.namespace;
    case "spec.serviceAccountName":
      return pod.spec.serviceAccountName;
    case "spec.nodeName":
      return pod.spec.nodeName;
    case "status.podIP":
      return pod.status?.podIP;
    case "status.hostIP":
      return pod.status?.hostIP;
    default: {
      const key = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path ?? "");
      return key === null ? undefined : pod.metadata[key[1] as "labels" | "annotations"]?.[key[2]!];
    }
  }
}

/** Whether the pod counts as ready now. */
export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

/** How the process is that stands for a container. */
export interface ContainerState {
  readonly ready: boolean;
  readonly restarts: number;
  readonly isRunning: boolean;
}

/** A container that no process stands for. */
const simulated: ContainerState = { ready: true, restarts: 0, isRunning: true };

/** Why a pod is not ready, as a kubelet says it; undefined if it is. */
function unreadyMessage(pod: Pod, states: ReadonlyMap<string, ContainerState>, why?: string): string | undefined {
  const unready = pod.spec.containers.flatMap(({ name }) => (states.get(name)?.ready === false ? name : []));
  const containers = `containers with unready status: [${unready.join(" ")}]`;
  return unready.length === 0 ? undefined : why === undefined ? containers : `${containers}: ${why}`;
}

/** Whether a pod's status says already how its containers are. */
export function isTold(pod: Pod, states: ReadonlyMap<string, ContainerState>, why?: string): boolean {
  const message = unreadyMessage(pod, states, why);
  const condition = pod.status?.conditions?.find(({ type }) => type === "Ready");
  return (
    isReady(pod) === (message === undefined) &&
    condition?.message === message &&
    pod.spec.containers.every(({ name }) => {
      const { ready, restarts, isRunning } = states.get(name) ?? simulated;
      const told = pod.status?.containerStatuses?.find((status) => status.name === name);
      return told?.ready === ready && told.restartCount === restarts && told.started === isRunning;
    })
  );
}

/** The status that a kubelet would report for a pod whose containers are as the processes that stand for them. */
export function statusPatch(
  pod: Pod,
  states: ReadonlyMap<string, ContainerState>,
  now: string,
  why?: string,
): { status: NonNullable<Pod["status"]> } {
  const message = unreadyMessage(pod, states, why);
  return {
    status: {
      conditions: ["Ready", "ContainersReady"].map((type) => ({
        type,
        status: message === undefined ? "True" : "False",
        lastTransitionTime: now,
        reason: message === undefined ? null : "ContainersNotReady",
        // Null takes away what was there.
        message: (message ?? null) as string,
      })),
      containerStatuses: pod.spec.containers.map(({ name, image }) => {
        const { ready, restarts, isRunning } = states.get(name) ?? simulated;
        // As a kubelet says it: of a process that has not begun yet, and of one that ended.
        const reason = restarts === 0 ? "ContainerCreating" : "CrashLoopBackOff";
        return {
          name,
          image,
          imageID: "",
          ready,
          started: isRunning,
          restartCount: restarts,
          state: isRunning ? { running: { startedAt: now } } : { waiting: { reason } },
        };
      }),
    },
  };
}
