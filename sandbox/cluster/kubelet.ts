import { randomBytes } from "node:crypto";
import { type Api, ApiError } from "./api";
import { type ContainerState, type Pod, isTold, statusPatch } from "./pod";

/** Tells the cluster how pods with real processes are, as a kubelet does: their status, and an event where a probe fails. */
export class Kubelet {
  /** Reasons by pod, so that each is told in one event. */
  private readonly reasons = new Map<string, string>();

  constructor(private readonly api: Api) {}

  /**
   * @param states of the containers that a process stands for; the others are simulated, and ready.
   * @param why a container is not ready.
   */
  async tell(pod: Pod, states: ReadonlyMap<string, ContainerState>, why?: string): Promise<void> {
    // Before that KWOK has not started it yet.
    if (pod.status?.phase !== "Running" || isTold(pod, states, why)) {
      return;
    }
    const { namespace, name } = pod.metadata;
    try {
      const patch = statusPatch(pod, states, new Date().toISOString(), why);
      await this.api.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, patch);
      await this.event(pod, why);
    } catch (error) {
      // It may have been deleted just now.
      if (!(error instanceof ApiError && error.status === 404)) {
        throw error;
      }
    }
  }

  private async event({ metadata: { name, namespace = "", uid }, spec }: Pod, why: string | undefined): Promise<void> {
    if (why === undefined) {
      this.reasons.delete(uid);
      return;
    }
    if (this.reasons.get(uid) === why) {
      return;
    }
    this.reasons.set(uid, why);
    const now = new Date().toISOString();
    await this.api.post(`/api/v1/namespaces/${namespace}/events`, {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${name}.${randomBytes(8).toString("hex")}`, namespace },
      involvedObject: { apiVersion: "v1", kind: "Pod", name, namespace, uid },
      type: "Warning",
      reason: "Unhealthy",
      message: `Readiness probe failed: ${why}`,
      source: { component: "sandbox", host: spec.nodeName },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    });
  }
}
