import type { Cluster } from "../cluster/client";
import { expectedReleases } from "../settings/expected";
import type { Settings } from "../settings/schema";
import type { EventTranslator } from "./event-translator";
import * as lazy from "./lazy";

interface Meta {
  name: string;
  annotations?: Record<string, string>;
}
interface Workload {
  kind: string;
  metadata: Meta;
  spec?: { replicas?: number; type?: string; selector?: { matchLabels?: Record<string, string> } };
  status?: {
    replicas?: number;
    readyReplicas?: number;
    desiredNumberScheduled?: number;
    numberReady?: number;
    loadBalancer?: { ingress?: unknown[] };
  };
}
interface State {
  waiting?: { reason?: string };
}
interface Pod {
  metadata: Meta & { labels?: Record<string, string> };
  status?: {
    phase?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    initContainerStatuses?: { name: string; ready: boolean; state?: State }[];
    containerStatuses?: { name: string; ready: boolean; state?: State }[];
  };
}

/** The objects in a release's namespace that Helm waits for. */
export interface Namespace {
  workloads: Workload[];
  pods: Pod[];
}

/**
 * What Helm is waiting for, in words; empty where all is ready. Helm is silent while it waits, so this reads what Helm reads:
 * ready replicas, and addresses of Services of type LoadBalancer.
 */
export function releaseWaits({ workloads, pods }: Namespace, release: string): string {
  const own = workloads.filter(({ metadata }) => metadata.annotations?.["meta.helm.sh/release-name"] === release);
  return own
    .flatMap((workload) => {
      const { kind, metadata, spec, status } = workload;
      if (kind === "Service")
        return spec?.type === "LoadBalancer" && (status?.loadBalancer?.ingress ?? []).length === 0
          ? `Service ${metadata.name}: no address yet`
          : [];
      const wanted = kind === "DaemonSet" ? (status?.desiredNumberScheduled ?? 1) : (spec?.replicas ?? 1);
      const ready = (kind === "DaemonSet" ? status?.numberReady : status?.readyReplicas) ?? 0;
      if (ready >= wanted) return [];
      const why = pods.filter((pod) => isOf(pod, workload)).flatMap(podTrouble);
      return `${kind} ${metadata.name}: ${ready} of ${wanted} ready${why.length === 0 ? "" : ` (${[...new Set(why)].join(", ")})`}`;
    })
    .join("; ");
}

function isOf({ metadata: { labels = {} } }: Pod, { spec }: Workload): boolean {
  const wanted = Object.entries(spec?.selector?.matchLabels ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

/** Why a pod is not ready, as kubectl shows it. */
function podTrouble({ status = {} }: Pod): string[] {
  const unscheduled = status.conditions?.find(
    ({ type, status: value }) => type === "PodScheduled" && value === "False",
  );
  if (unscheduled !== undefined) return [unscheduled.reason ?? "not scheduled"];
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const stuck = containers.flatMap(({ name, state }) =>
    state?.waiting?.reason === undefined || state.waiting.reason === "PodInitializing"
      ? []
      : `${name}: ${state.waiting.reason}`,
  );
  if (stuck.length > 0) return stuck;
  return containers.filter(({ ready }) => !ready).map(({ name }) => `${name} is starting`);
}

const releaseType = "kubernetes:helm.sh/v3:Release";
/** How often the cluster is read, in milliseconds. */
const interval = 1500;

/** Reads the cluster while Helm waits, and reports what for. Ignores a cluster that does not answer. */
export function watchWaits(events: EventTranslator) {
  let cluster: Cluster | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let where: ReadonlyMap<string, string> = new Map();

  const look = async () => {
    const running = events
      .running()
      .filter(({ resource, change }) => resource.type === releaseType && change !== "delete");
    for (const { resource } of running) {
      const namespace = where.get(resource.name);
      if (cluster === undefined || namespace === undefined) continue;
      const words = await readNamespace(cluster, namespace).then(
        (found) => releaseWaits(found, resource.name),
        () => "",
      );
      if (words !== "" && !stopped) events.waiting(resource.urn, words);
    }
    schedule();
  };
  const schedule = () => {
    if (!stopped) timer = setTimeout(() => void look(), interval).unref();
  };

  return {
    /** Names the cluster; nothing is read before. */
    watch: (settings: Settings) => {
      const opened = lazy.cluster().openCluster(settings);
      if ("problem" in opened) return;
      cluster = opened;
      where = new Map(expectedReleases(settings).map(({ name, namespace }) => [name, namespace]));
      schedule();
    },
    /** Namespace of a release, once it is known which there are. */
    namespaceOf: (release: string) => where.get(release),
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

async function readNamespace(cluster: Cluster, namespace: string): Promise<Namespace> {
  const list = async <Item>(group: string, plural: string): Promise<Item[]> =>
    (await cluster.get<{ items: Item[] }>(`/${group}/namespaces/${namespace}/${plural}`)).items;
  const [deployments, daemonSets, services, pods] = await Promise.all([
    list<Workload>("apis/apps/v1", "deployments"),
    list<Workload>("apis/apps/v1", "daemonsets"),
    list<Workload>("api/v1", "services"),
    list<Pod>("api/v1", "pods"),
  ]);
  const named = (kind: string, items: Workload[]) => items.map((item) => ({ ...item, kind }));
  return {
    workloads: [...named("Deployment", deployments), ...named("DaemonSet", daemonSets), ...named("Service", services)],
    pods,
  };
}
