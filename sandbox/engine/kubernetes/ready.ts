// When an object counts as ready, by kind: each function lists what is still missing, in the words shown to the user.

import { at, listAt, mapAt, numberAt, textAt, type Tree, type TreeMap } from "./tree";

/** What is still missing; empty when the object is ready. */
export type Pending = string[];

/** The condition of an object's status with a given type. */
export function condition(object: Tree, type: string): Tree | undefined {
  return listAt(object, "status", "conditions").find((item) => textAt(item, "type") === type);
}

/** Whether a condition holds. */
export function holds(object: Tree, type: string): boolean {
  return textAt(condition(object, type), "status") === "True";
}

function isObserved(object: TreeMap): boolean {
  const generation = numberAt(object, "metadata", "generation") ?? 0;
  return (numberAt(object, "status", "observedGeneration") ?? 0) >= generation;
}

const revisionAnnotation = "deployment.kubernetes.io/revision";

/** A Deployment is ready when its newest ReplicaSet is, and the claims that its pods mount are bound. */
export function deploymentPending(deployment: TreeMap, replicaSets: Tree[], claims: Tree[]): Pending {
  const revision = textAt(deployment, "metadata", "annotations", revisionAnnotation);
  const current = replicaSets.find(
    (set) => revision !== "" && textAt(set, "metadata", "annotations", revisionAnnotation) === revision,
  );
  const pending: Pending = [];
  const isFirst = revision === "1" || revision === "";
  if (!isObserved(deployment) || current === undefined || !hasReplicas(current)) {
    pending.push(
      isFirst
        ? "Minimum number of Pods to consider the application live was not attained"
        : "Attempted to roll forward to new ReplicaSet, but minimum number of Pods did not become live",
    );
  }
  if (!holds(deployment, "Available")) pending.push("Minimum number of live Pods was not attained");
  if (!isFirst && textAt(condition(deployment, "Progressing"), "reason") !== "NewReplicaSetAvailable") {
    pending.push("The new ReplicaSet is not yet available");
  }
  const failed = condition(deployment, "Progressing");
  if (textAt(failed, "status") === "False") pending.push(`[${textAt(failed, "reason")}] ${textAt(failed, "message")}`);
  return [...pending, ...claims.flatMap((claim) => claimPending(claim))];
}

function hasReplicas(replicaSet: Tree): boolean {
  return (numberAt(replicaSet, "status", "readyReplicas") ?? 0) >= (numberAt(replicaSet, "spec", "replicas") ?? 1);
}

/** The claims that a pod template mounts, by name. */
export function claimNames(podSpec: Tree | undefined): string[] {
  return listAt(podSpec, "volumes")
    .map((volume) => textAt(volume, "persistentVolumeClaim", "claimName"))
    .filter((name) => name !== "");
}

/** A claim is ready when it is bound, or waits for a pod to use it. */
export function claimPending(claim: Tree, waitsForConsumer = false): Pending {
  const phase = textAt(claim, "status", "phase");
  if (phase === "Bound" || (phase === "Pending" && waitsForConsumer)) return [];
  return [`PersistentVolumeClaim "${textAt(claim, "metadata", "name")}" is not bound (phase "${phase}")`];
}

/** A pod is ready when it is scheduled, initialised and ready, or has succeeded. */
export function podPending(pod: Tree): Pending {
  if (textAt(pod, "status", "phase") === "Succeeded") return [];
  const name = textAt(pod, "metadata", "name");
  return ["PodScheduled", "Initialized", "Ready"]
    .filter((type) => !holds(pod, type))
    .map((type) => {
      const found = condition(pod, type);
      const text = textAt(found, "message") || `condition ${type} is not met`;
      return `[Pod ${name}]: ${text}`;
    });
}

/** What pods that are not ready say about it, container by container. */
export function podMessages(pods: Tree[]): Pending {
  return pods.flatMap((pod) => {
    if (podPending(pod).length === 0) return [];
    const name = `${textAt(pod, "metadata", "namespace")}/${textAt(pod, "metadata", "name")}`;
    const waiting = [...listAt(pod, "status", "initContainerStatuses"), ...listAt(pod, "status", "containerStatuses")]
      .map((status) => mapAt(status, "state", "waiting"))
      .filter((state) => textAt(state, "reason") !== "")
      .map(
        (state) => `[Pod ${name}]: ${[textAt(state, "reason"), textAt(state, "message")].filter(Boolean).join(": ")}`,
      );
    const scheduled = condition(pod, "PodScheduled");
    const unscheduled =
      textAt(scheduled, "status") === "False"
        ? [`[Pod ${name}]: ${textAt(scheduled, "reason")}: ${textAt(scheduled, "message")}`]
        : [];
    return [...unscheduled, ...waiting];
  });
}

/**
 * A Service is ready when its load balancer has an address and none of its endpoints is unready. No endpoints at all are
 * fine. (The official provider also waits for ten quiet seconds, in case endpoints follow; here nobody gains by that.)
 */
export function servicePending(service: TreeMap, slices: Tree[]): Pending {
  const pending: Pending = [];
  if (textAt(service, "spec", "type") === "LoadBalancer" && !hasAddress(service)) {
    pending.push("Service was not allocated an IP address; does your cloud provider support this?");
  }
  const isUnready = (endpoint: Tree): boolean =>
    at(endpoint, "conditions", "ready") === false && at(endpoint, "conditions", "terminating") !== true;
  if (slices.some((slice) => listAt(slice, "endpoints").some(isUnready))) {
    pending.push(
      "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not match labels on any Pods",
    );
  }
  return pending;
}

/** Whether a Service's endpoints are managed by its selector. */
export function hasEndpoints(service: TreeMap): boolean {
  const isHeadless = textAt(service, "spec", "clusterIP") === "None";
  const isExternal = textAt(service, "spec", "type") === "ExternalName";
  return !isHeadless && !isExternal && Object.keys(mapAt(service, "spec", "selector")).length > 0;
}

function hasAddress(object: TreeMap): boolean {
  return listAt(object, "status", "loadBalancer", "ingress").length > 0;
}

/** An Ingress is ready when it has an address. */
export function ingressPending(ingress: TreeMap): Pending {
  return hasAddress(ingress) ? [] : ["Ingress .status.loadBalancer field was not updated with a hostname/IP address."];
}

/** A Job is ready when it is complete. */
export function jobPending(job: TreeMap): Pending {
  return holds(job, "Complete") ? [] : [`Job ${textAt(job, "metadata", "name")} is not yet complete`];
}

/** Why a Job can no longer become ready; "" while it can. */
export function jobFailure(job: TreeMap): string {
  const failed = condition(job, "Failed");
  return holds(job, "Failed") ? `[${textAt(failed, "reason")}] ${textAt(failed, "message")}` : "";
}

/** A StatefulSet is ready when each replica is, at the newest revision unless updates are up to the user. */
export function statefulSetPending(set: TreeMap): Pending {
  const wanted = numberAt(set, "spec", "replicas") ?? 1;
  const partition = numberAt(set, "spec", "updateStrategy", "rollingUpdate", "partition") ?? 0;
  const updates = textAt(set, "spec", "updateStrategy", "type") === "OnDelete" ? 0 : Math.max(wanted - partition, 0);
  const ready = numberAt(set, "status", "readyReplicas") ?? 0;
  const updated = numberAt(set, "status", "updatedReplicas") ?? 0;
  if (isObserved(set) && ready >= wanted && updated >= updates) return [];
  return [`${ready} out of ${wanted} replicas are ready, ${updated} are updated`];
}

/** A DaemonSet is ready when each node that it wants has an available, updated pod. */
export function daemonSetPending(set: TreeMap): Pending {
  const wanted = numberAt(set, "status", "desiredNumberScheduled") ?? 0;
  const isManual = textAt(set, "spec", "updateStrategy", "type") === "OnDelete";
  const available = numberAt(set, "status", "numberAvailable") ?? 0;
  const updated = isManual ? wanted : (numberAt(set, "status", "updatedNumberScheduled") ?? 0);
  if (isObserved(set) && available >= wanted && updated >= wanted) return [];
  return [`${available} out of ${wanted} pods are available, ${updated} are updated`];
}

/** A service account's token Secret is ready when the controller has filled it. */
export function tokenSecretPending(secret: TreeMap): Pending {
  return Object.keys(mapAt(secret, "data")).length > 0 ? [] : ["the Secret has no data yet"];
}
