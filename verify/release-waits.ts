import { type Cluster, openCluster } from "../cluster/client";
import { type HelmRevision, helmRevisions } from "../cluster/helm-releases";
import {
  type ReleaseObjects,
  type ReleaseWait,
  type StartingPod,
  type WarningEvent,
  type Workload,
  releaseWait,
} from "../mesh/release-waits";
import { expectedReleases } from "../settings/expected";
import type { Settings } from "../settings/schema";

/** How often the cluster is read, in milliseconds. */
const interval = 1500;

/** What a release of Helm waits for, if anything; or the status by which Helm has ended with it, such as `deployed`. */
export type OnWait = (release: string, wait: ReleaseWait | undefined | { ended: string }) => void;

/**
 * Reads the cluster while Helm waits for the releases of a stack, and reports what for. Goes by Helm's own records: one that is
 * pending is being worked on. Ignores a cluster that does not answer.
 *
 * @returns stops it
 */
export function watchReleases(settings: Settings, onWait: OnWait): () => void {
  const opened = openCluster(settings);
  if ("problem" in opened) return () => {};
  const releases = expectedReleases(settings);
  const namespaces = [...new Set(releases.map(({ namespace }) => namespace))];
  const pending = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  const look = async (namespace: string) => {
    const revisions = await helmRevisions(opened, namespace);
    // A rollback would hide what it was for.
    const worked = new Set(
      revisions.filter(({ status }) => /^pending-(install|upgrade)$/.test(status)).map(({ name }) => name),
    );
    const own = releases.filter((release) => release.namespace === namespace);
    const objects = own.some(({ name }) => worked.has(name)) ? await readReleaseObjects(opened, namespace) : undefined;
    if (isStopped) return;
    for (const release of own) {
      if (objects !== undefined && worked.has(release.name)) {
        pending.add(release.name);
        onWait(release.name, releaseWait(objects, release.name));
      } else if (pending.delete(release.name)) onWait(release.name, { ended: statusOf(revisions, release.name) });
    }
  };
  const schedule = () => {
    if (isStopped) return;
    // It keeps no process alive.
    timer = setTimeout(() => {
      void Promise.allSettled(namespaces.map(look)).then(schedule);
    }, interval).unref();
  };
  schedule();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

/** The status of a release's latest revision. */
function statusOf(revisions: readonly HelmRevision[], release: string): string {
  const own = revisions.filter(({ name }) => name === release).sort((a, b) => b.revision - a.revision);
  return own[0]?.status ?? "uninstalled";
}

/** What says, in a namespace, what its releases wait for. Warnings are left out where they may not be read. */
export async function readReleaseObjects(cluster: Cluster, namespace: string): Promise<ReleaseObjects> {
  const list = <Item>(group: string, plural: string) =>
    cluster.list<Item>(`/${group}/namespaces/${namespace}/${plural}`);
  const named = (group: string, plural: string, kind: string) =>
    list<Workload>(group, plural).then((items) => items.map((item) => ({ ...item, kind })));
  const [deployments, daemonSets, statefulSets, services, replicaSets, pods, warnings] = await Promise.all([
    named("apis/apps/v1", "deployments", "Deployment"),
    named("apis/apps/v1", "daemonsets", "DaemonSet"),
    named("apis/apps/v1", "statefulsets", "StatefulSet"),
    named("api/v1", "services", "Service"),
    named("apis/apps/v1", "replicasets", "ReplicaSet"),
    list<StartingPod>("api/v1", "pods"),
    cluster.get<{ items: WarningEvent[] }>(`/api/v1/namespaces/${namespace}/events?fieldSelector=type%3DWarning`).then(
      ({ items }) => items,
      () => [],
    ),
  ]);
  return {
    ...{ namespace, replicaSets, pods, warnings },
    workloads: [...deployments, ...daemonSets, ...statefulSets, ...services],
  };
}
