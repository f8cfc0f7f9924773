import { refusalFix } from "./pod-refusal";

/*
 * What a release waits for, by what Helm reads and what the cluster says about it. Helm itself is silent while it waits, and ends with
 * "context deadline exceeded".
 */

interface Metadata {
  name: string;
  generation?: number;
  annotations?: Record<string, string>;
  ownerReferences?: { kind: string; name: string }[];
}
interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}
export interface Workload {
  kind: string;
  metadata: Metadata;
  spec?: { replicas?: number; type?: string; externalIPs?: string[] };
  status?: {
    observedGeneration?: number;
    readyReplicas?: number;
    updatedReplicas?: number;
    desiredNumberScheduled?: number;
    updatedNumberScheduled?: number;
    numberReady?: number;
    conditions?: Condition[];
    loadBalancer?: { ingress?: unknown[] };
  };
}
interface ContainerState {
  name: string;
  ready: boolean;
  state?: { waiting?: { reason?: string; message?: string } };
}
export interface StartingPod {
  metadata: Metadata;
  status?: {
    conditions?: Condition[];
    initContainerStatuses?: ContainerState[];
    containerStatuses?: ContainerState[];
  };
}
/** A warning that the cluster has noted about an object. */
export interface WarningEvent {
  involvedObject?: { kind?: string; name?: string };
  reason?: string;
  message?: string;
  lastTimestamp?: string | null;
  eventTime?: string | null;
}

/** The objects of a namespace that say what a release waits for. */
export interface ReleaseObjects {
  namespace: string;
  /** Deployments, DaemonSets, StatefulSets and Services. */
  workloads: Workload[];
  replicaSets: Workload[];
  pods: StartingPod[];
  warnings: WarningEvent[];
}

/** What a release waits for. */
export interface ReleaseWait {
  /** `Deployment istiod: 0 of 1 ready (discovery is starting)`. */
  text: string;
  /** What to do, where waiting alone will hardly help. */
  fix?: string;
  /** Whether nothing but addresses is missing, which take their time in a cloud. */
  isForAddress: boolean;
}

/** One thing that it waits for. */
interface Wait {
  /** `Deployment enroute`. */
  subject: string;
  /** What is missing, and why, where the cluster says it: `0 of 1 ready (envoy: ImagePullBackOff)`. */
  problem: string;
  /** What to do, where waiting alone will hardly help. */
  fix?: string;
}

/** Why something is not ready. */
interface Reason {
  text: string;
  fix?: string;
}

/** What gives a Service of type LoadBalancer its address, and how to go without. */
export const addressFix =
  "something in the cluster has to give addresses to Services of type LoadBalancer: the cloud's controller, MetalLB, " +
  "cloud-provider-kind (kind), minikube tunnel (minikube); or set gateway.service.type to NodePort or ClusterIP";

/** What a release waits for; undefined where all is ready. */
export function releaseWait(objects: ReleaseObjects, release: string): ReleaseWait | undefined {
  const waits = objects.workloads
    .filter(({ metadata }) => metadata.annotations?.["meta.helm.sh/release-name"] === release)
    .flatMap((workload) =>
      workload.kind === "Service" ? addressWait(workload, objects) : podsWait(workload, objects),
    );
  if (waits.length === 0) return undefined;
  const fixes = [...new Set(waits.flatMap(({ fix }) => fix ?? []))];
  return {
    text: waits.map(({ subject, problem }) => `${subject}: ${problem}`).join("; "),
    ...(fixes.length === 0 ? {} : { fix: fixes.join("; ") }),
    isForAddress: waits.every(({ fix }) => fix === addressFix),
  };
}

/** As Helm counts it ready (pkg/kube/ready.go, serviceReady): by an address, or by an external one that the Service names. */
function addressWait({ kind, metadata, spec, status }: Workload, { warnings }: ReleaseObjects): Wait[] {
  const hasAddress = (status?.loadBalancer?.ingress ?? []).length > 0 || (spec?.externalIPs ?? []).length > 0;
  if (spec?.type !== "LoadBalancer" || hasAddress) return [];
  const why = lastWarning(warnings, kind, metadata.name);
  return [
    {
      subject: `${kind} ${metadata.name}`,
      problem: `no address yet${why === undefined ? "" : ` (${why})`}`,
      fix: addressFix,
    },
  ];
}

/** The pods of the version that is rolled out alone: that those of the version before are ready says nothing about it. */
function podsWait(workload: Workload, objects: ReleaseObjects): Wait[] {
  const { kind, metadata, spec, status = {} } = workload;
  const newest = kind === "Deployment" ? newestReplicaSet(workload, objects.replicaSets) : undefined;
  const all = (kind === "DaemonSet" ? status.numberReady : status.readyReplicas) ?? 0;
  const updated = kind === "DaemonSet" ? status.updatedNumberScheduled : status.updatedReplicas;
  const wanted = kind === "DaemonSet" ? (status.desiredNumberScheduled ?? 1) : (spec?.replicas ?? 1);
  const isSeen = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const ready =
    newest === undefined ? Math.min(all, isSeen ? (updated ?? all) : 0) : (newest.status?.readyReplicas ?? 0);
  if (isSeen && ready >= wanted) return [];
  const count = `${ready} of ${wanted}${all > ready ? " of the new pods" : ""} ready`;
  const reasons = reasonsOf(workload, newest, objects);
  const texts = [...new Set(reasons.map(({ text }) => text))];
  const fixes = [...new Set(reasons.flatMap(({ fix }) => fix ?? []))];
  return [
    {
      subject: `${kind} ${metadata.name}`,
      problem: texts.length === 0 ? count : `${count} (${texts.join(", ")})`,
      ...(fixes.length === 0 ? {} : { fix: fixes.join("; ") }),
    },
  ];
}

function reasonsOf(workload: Workload, newest: Workload | undefined, objects: ReleaseObjects): Reason[] {
  const { namespace, warnings } = objects;
  const owner = newest ?? workload;
  const own = objects.pods.filter(({ metadata }) => isOwned(metadata, owner));
  const refused =
    failedCreate(newest) ??
    failedCreate(workload) ??
    // Of a ReplicaSet with pods it is of an earlier try: one of the same template has the same name, and tells by its condition.
    (owner.kind === "ReplicaSet" && own.length > 0
      ? undefined
      : lastWarning(warnings, owner.kind, owner.metadata.name, "FailedCreate"));
  if (refused !== undefined)
    return [{ text: `the API server refuses its pods: ${shortened(refused)}`, fix: refusalFix(refused, namespace) }];
  const pods = own.flatMap((pod) => podReasons(pod, objects));
  if (pods.length > 0) return pods;
  const stalled = workload.status?.conditions?.find(({ type, status }) => type === "Progressing" && status === "False");
  return stalled === undefined ? [] : [{ text: stalled.message ?? stalled.reason ?? "it does not go on" }];
}

/** Of a Deployment: the API server's words, where it refuses its pods (Pod Security, quota, limits, webhooks). */
function failedCreate(owner: Workload | undefined): string | undefined {
  const failure = owner?.status?.conditions?.find(({ type, status }) => type === "ReplicaFailure" && status === "True");
  return failure === undefined ? undefined : (failure.message ?? failure.reason);
}

const revision = ({ metadata }: Workload) => Number(metadata.annotations?.["deployment.kubernetes.io/revision"] ?? 0);

function newestReplicaSet(deployment: Workload, replicaSets: readonly Workload[]): Workload | undefined {
  const own = replicaSets.filter(({ metadata }) => isOwned(metadata, deployment));
  return own.sort((a, b) => revision(b) - revision(a))[0];
}

function isOwned({ ownerReferences = [] }: Metadata, { kind, metadata }: Workload): boolean {
  return ownerReferences.some((owner) => owner.kind === kind && owner.name === metadata.name);
}

/** Why a pod is not ready, as kubectl shows it. */
function podReasons(pod: StartingPod, { namespace, warnings }: ReleaseObjects): Reason[] {
  const { metadata, status = {} } = pod;
  const unscheduled = status.conditions?.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
  if (unscheduled !== undefined) return [unscheduledReason(unscheduled)];
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const stuck = containers.flatMap(({ name, state }): Reason[] => {
    const { reason, message } = state?.waiting ?? {};
    if (reason === undefined || reason === "PodInitializing") return [];
    const why = message ?? (reason === "ContainerCreating" ? lastWarning(warnings, "Pod", metadata.name) : undefined);
    const text = `${name}: ${reason}${why === undefined ? "" : `: ${shortened(why)}`}`;
    const fix = containerFix(reason, `-n ${namespace}`, metadata.name, name);
    return [{ text, ...(fix === undefined ? {} : { fix }) }];
  });
  if (stuck.length > 0) return stuck;
  return containers.filter(({ ready }) => !ready).map(({ name }) => ({ text: `${name} is starting` }));
}

/** The scheduler's words, without those about pods that it might evict. */
function unscheduledReason({ reason = "not scheduled", message = "" }: Condition): Reason {
  const why = message.replace(/[.,]?\s*(no new claims to deallocate|preemption:).*$/s, "");
  return {
    text: why === "" ? reason : `${reason}: ${shortened(why)}`,
    fix: "make room on the nodes, or change what the pods ask for: kubectl describe nodes",
  };
}

function containerFix(reason: string, where: string, pod: string, container: string): string | undefined {
  if (/^(ErrImage|ImagePull|InvalidImage)/.test(reason))
    return "check the image's name and tag, and whether the nodes may pull it (registry, imagePullSecrets)";
  if (reason === "CrashLoopBackOff") return `see why: kubectl ${where} logs ${pod} -c ${container} --previous`;
  return /^Create|^RunContainerError$/.test(reason) ? `see why: kubectl ${where} describe pod ${pod}` : undefined;
}

/** The last warning about an object. */
function lastWarning(
  warnings: readonly WarningEvent[],
  kind: string,
  name: string,
  reason?: string,
): string | undefined {
  const time = ({ lastTimestamp, eventTime }: WarningEvent) => lastTimestamp ?? eventTime ?? "";
  const own = warnings.filter(
    (event) =>
      event.involvedObject?.kind === kind &&
      event.involvedObject.name === name &&
      (reason === undefined || event.reason === reason),
  );
  return own.sort((a, b) => time(b).localeCompare(time(a)))[0]?.message;
}

/** Such as the list of everything that a Pod Security level forbids, for every container. */
function shortened(words: string, most = 240): string {
  return words.length <= most ? words : `${words.slice(0, most - 1).trimEnd()}…`;
}
