import { setTimeout as sleep } from "node:timers/promises";
import { type Cluster, ClusterError } from "../cluster/client";
import type { Named, Pod } from "../cluster/kinds";
import { placeOf } from "../mesh/object";
import { controlPlaneFor, meshMembers } from "../settings/expected";
import type { Settings } from "../settings/schema";
import { type Maker, makerOf, restarting } from "./checks/fixes";
import { livePods, proxyOf, restartReason } from "./checks/injection";

/* Workloads whose pods have a sidecar of before, and their restart. */

/** What makes pods again. */
export interface WaitingWorkload extends Maker {
  namespace: string;
  /** `namespace/name`, and why each waits. */
  pods: { pod: string; why: string }[];
  /** The command that restarts it. */
  command: string;
}

const paths = { Deployment: "deployments", StatefulSet: "statefulsets", DaemonSet: "daemonsets" } as const;

/** The workloads of the mesh's namespaces that wait for a restart, in the order of the settings, the gateway last. */
export async function waitingWorkloads(cluster: Cluster, settings: Settings): Promise<WaitingWorkload[]> {
  const [gateway, ...workloads] = meshMembers(settings);
  const found = await Promise.all(
    [...workloads, gateway!].map(async ({ name, injection }) => {
      const plane = controlPlaneFor(settings, injection);
      if (plane === undefined) return [];
      const pods = livePods(await cluster.list<Pod>(`/api/v1/namespaces/${name}/pods`)).map((pod) => ({
        ...pod,
        metadata: { ...pod.metadata, namespace: name },
      }));
      return pods.flatMap((pod) => {
        const why = proxyOf(pod) && restartReason(pod, plane);
        return why === undefined ? [] : [{ pod, why, namespace: name, ...makerOf(pod) }];
      });
    }),
  );
  const groups = new Map<string, WaitingWorkload>();
  for (const { pod, why, namespace, kind, name } of found.flat()) {
    const key = [namespace, kind, name].join("/");
    const group = groups.get(key) ?? {
      ...{ namespace, name, pods: [], command: restarting([pod]) },
      ...(kind === undefined ? {} : { kind }),
    };
    group.pods.push({ pod: placeOf(pod), why });
    groups.set(key, group);
  }
  return [...groups.values()];
}

interface RolloutState extends Named {
  spec: { replicas?: number };
  status?: Partial<
    Record<
      | "observedGeneration"
      | "replicas"
      | "updatedReplicas"
      | "readyReplicas"
      | "availableReplicas"
      | "desiredNumberScheduled"
      | "updatedNumberScheduled"
      | "numberAvailable",
      number
    >
  >;
}

/** Whether every pod of a workload is of its latest template, and ready. */
export function isRolledOut({ metadata, spec, status = {} }: RolloutState, kind: WaitingWorkload["kind"]): boolean {
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) return false;
  if (kind === "DaemonSet") {
    const { desiredNumberScheduled: wanted = 0, updatedNumberScheduled = 0, numberAvailable = 0 } = status;
    return updatedNumberScheduled >= wanted && numberAvailable >= wanted;
  }
  const wanted = spec.replicas ?? 1;
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0, availableReplicas = readyReplicas } = status;
  return updatedReplicas >= wanted && replicas <= updatedReplicas && availableReplicas >= wanted;
}

export interface RestartOptions {
  /** How long the rollout of one workload may take, in milliseconds. */
  patience: number;
  signal?: AbortSignal | undefined;
  /** Told before each restart. */
  onRestart?: ((workload: WaitingWorkload) => void) | undefined;
}

/** Why a restart did not come to its end. */
export class RestartError extends Error {
  constructor(
    message: string,
    readonly fix: string,
  ) {
    super(message);
  }
}

/**
 * Restarts workloads as `kubectl rollout restart` does, one after the other, and waits for each.
 *
 * @throws {RestartError} where one does not become ready, or cannot be changed
 */
export async function restartWorkloads(
  cluster: Cluster,
  workloads: readonly WaitingWorkload[],
  { patience, signal, onRestart }: RestartOptions,
): Promise<void> {
  for (const workload of workloads) {
    const { kind, namespace, name } = workload;
    if (kind === undefined) continue; // nothing would make it again
    signal?.throwIfAborted();
    onRestart?.(workload);
    const path = `/apis/apps/v1/namespaces/${namespace}/${paths[kind]}/${name}`;
    const restartedAt = { "kubectl.kubernetes.io/restartedAt": new Date().toISOString() };
    const failed = `${kind} ${namespace}/${name}`;
    try {
      await cluster.patch(path, { spec: { template: { metadata: { annotations: restartedAt } } } });
      const deadline = Date.now() + patience;
      while (!isRolledOut(await cluster.get<RolloutState>(path), kind)) {
        if (Date.now() > deadline)
          throw new RestartError(
            `${failed} was restarted, and is not ready after ${patience / 1000} s`,
            `see why: kubectl -n ${namespace} describe ${kind.toLowerCase()} ${name}`,
          );
        await sleep(500, undefined, signal === undefined ? {} : { signal });
      }
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      throw new RestartError(`${failed} could not be restarted: ${error.message}`, workload.command);
    }
  }
}
