import { defined } from "../../base/defined";
import { count, listed as shorten } from "../../base/text";
import { type Cluster } from "../../cluster/client";
import type { Named } from "../../cluster/kinds";
import { type NodeRefusal, type SchedulingNode, nodeRefusal, taintText } from "../../mesh/scheduling";
import { type PlacedRelease, askedAutoscalers, placedReleases } from "../../settings/placement";
import type { Settings } from "../../settings/schema";
import { CannotTell } from "../check";
import { itemsOf, valueOf } from "../checks/reading";
import { type PreflightCheck, preflightCheck } from "./define";
import { existing, listed } from "./lookup";

/* Whether the cluster has what the pods will ask it for: nodes, volumes, metrics. */

export type Node = Named &
  Pick<SchedulingNode, "spec"> & { status?: { conditions?: { type: string; status: string }[] } };

/** What is read of a node; its images alone are some kilobytes. */
export function ofNode({ metadata, spec, status }: Node): Node {
  const conditions = status?.conditions?.map(({ type, status: value }) => ({ type, status: value }));
  return defined({ metadata, spec, status: defined({ conditions }) });
}

export function isReady({ status }: Node): boolean {
  return status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
}

const nodes = preflightCheck({
  id: "cluster/nodes",
  title: "the nodes are ready to take pods",
  needs: ["nodes"],
  subject: "nodes",
  fix: "add or repair nodes: kubectl describe node <name> tells why one is not ready",
  docs: { meaning: "no node is ready (error), or some are not (warning)", fix: "`kubectl describe node <name>`" },
  run(facts, _, problem) {
    const nodes = itemsOf(facts.nodes, "the nodes");
    const unready = nodes.filter((node) => !isReady(node)).map(({ metadata }) => metadata.name);
    if (nodes.length === 0) problem("the cluster has no nodes: no pod would ever start");
    else if (unready.length > 0)
      problem(`${unready.length} of ${nodes.length} nodes are not ready: ${unready.join(", ")}`, {
        severity: unready.length === nodes.length ? "error" : "warning",
        fix: `repair it, or add nodes; why one is not ready: kubectl describe node ${unready[0]}`,
      });
    return `${count(nodes.length, "node")}, all ready`;
  },
});

/** What Prometheus' volume comes from. */
export interface Storage {
  classes: Named[];
  /** Phase of the claim that is there already, such as `Bound`. */
  claim: string | undefined;
}

/** The second is its name from before, which counts as well (Kubernetes 1.36, pkg/volume/util/storageclass.go). */
const defaultClass = ["storageclass.kubernetes.io", "storageclass.beta.kubernetes.io"].map(
  (group) => `${group}/is-default-class`,
);
const claimName = "prometheus-server";

export async function readStorage(cluster: Cluster, { istio }: Settings): Promise<Storage> {
  const path = `/api/v1/namespaces/${istio.namespace.name}/persistentvolumeclaims/${claimName}`;
  const [classes, claim] = await Promise.all([
    listed<Named>(cluster, "/apis/storage.k8s.io/v1/storageclasses"),
    existing<{ status?: { phase?: string } }>(cluster, path),
  ]);
  return { classes, claim: claim?.status?.phase };
}

/** Whether the metrics API is there, and answers. */
export async function readMetricsApi(cluster: Cluster): Promise<"missing" | "unavailable" | "available"> {
  const path = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io";
  const service = await existing<{ status?: { conditions?: { type: string; status: string }[] } }>(cluster, path);
  if (service === undefined) return "missing";
  const available = service.status?.conditions?.find(({ type }) => type === "Available");
  return available?.status === "True" ? "available" : "unavailable";
}

const schedulable = preflightCheck({
  id: "cluster/schedulable",
  title: "the pods of every release find a node that may take them",
  severity: "warning",
  needs: ["nodes"],
  subject: "nodes",
  fix: "add nodes that take them",
  docs: {
    meaning:
      "no node may take the pods of a release: all are cordoned, have a taint that they do not tolerate, lack a label that they select, or are of an architecture that their images are not made for (EnRoute's are for amd64 alone)",
    fix: "`kubectl uncordon`, tolerations and `nodeSelector` in `values`, or nodes of amd64",
  },
  run(facts, { settings }, problem) {
    const nodes = itemsOf(facts.nodes, "the nodes").filter(isReady);
    if (nodes.length === 0) throw new CannotTell("no node is ready", "see cluster/nodes");
    const fitting = placedReleases(settings).map((placed) => {
      const refusals = nodes.map((node) => ({
        node: node.metadata.name,
        refusal: nodeRefusal(node, placed.placement),
      }));
      const refused = refusals.flatMap(({ node, refusal }) => (refusal === undefined ? [] : { node, refusal }));
      const free = nodes.length - refused.length;
      if (free === 0)
        problem(
          `no node takes the pods of ${placed.release}: ${shorten(refused.map((one) => `${one.node} ${refusalText(one.refusal)}`))}`,
          { subject: placed.release, fix: nodesFix(refused, placed) },
        );
      return `${free} for ${placed.release}`;
    });
    return `of ${nodes.length} nodes that are ready: ${fitting.join(", ")}`;
  },
});

function refusalText(refusal: NodeRefusal): string {
  switch (refusal.by) {
    case "cordon":
      return "is cordoned";
    case "taint":
      return `has the taint ${taintText(refusal.taint)}`;
    case "architecture":
      return `is of architecture ${refusal.architecture}`;
    case "label":
      return `has no label ${refusal.label}`;
  }
}

function nodesFix(refused: { node: string; refusal: NodeRefusal }[], { section, placement }: PlacedRelease): string {
  const by = (kind: NodeRefusal["by"]) => refused.filter(({ refusal }) => refusal.by === kind);
  const cordoned = by("cordon").map(({ node }) => node);
  const taints = by("taint").flatMap(({ refusal }) => (refusal.by === "taint" ? taintText(refusal.taint) : []));
  return [
    ...(cordoned.length === 0 ? [] : [`let it take pods again: kubectl uncordon ${cordoned.join(" ")}`]),
    ...(taints.length === 0
      ? []
      : [`tolerate ${[...new Set(taints)].join(" or ")} in ${section}.values, or add a node without it`]),
    ...(by("architecture").length === 0
      ? []
      : [`add a node of ${placement.architectures?.join(" or ")}: its images are made for that alone`]),
    ...(by("label").length === 0 ? [] : [`add a node with the labels that ${section}.values selects`]),
  ].join("; ");
}

const storage = preflightCheck({
  id: "cluster/storage",
  title: "a default StorageClass makes the volume of Prometheus",
  severity: "warning",
  needs: ["storage"],
  subject: "prometheus.storage",
  fix: "leave prometheus.storage out, or install what makes volumes",
  when: { text: "`prometheus.storage`", holds: ({ prometheus }) => prometheus?.storage !== undefined },
  docs: {
    meaning:
      "no StorageClass is the default one, and the claim of Prometheus is not bound: its pod would wait for ever",
    fix: "mark one as default, or leave `prometheus.storage` out",
  },
  run(facts, _, problem) {
    const { classes, claim } = valueOf(facts.storage, "the StorageClasses")!;
    const named = classes.map(({ metadata }) => metadata.name);
    const usual = classes.find(({ metadata }) => defaultClass.some((key) => metadata.annotations?.[key] === "true"));
    if (claim === "Bound") return `claim ${claimName} is bound`;
    if (usual !== undefined) return usual.metadata.name;
    problem(
      named.length === 0
        ? "the cluster has no StorageClass: nothing makes the volume of Prometheus"
        : `no StorageClass is the default one, and the claim of Prometheus names none: there are ${shorten(named)}`,
      named.length === 0
        ? {}
        : { fix: `mark one as default: kubectl annotate storageclass ${named[0]} ${defaultClass[0]}=true` },
    );
    return "";
  },
});

const metrics = preflightCheck({
  id: "cluster/metrics-api",
  title: "the metrics API answers, by which pods are scaled",
  severity: "warning",
  needs: ["metricsApi"],
  subject: "metrics.k8s.io",
  fix: "install metrics-server: https://github.com/kubernetes-sigs/metrics-server",
  when: {
    text: "an autoscaler (`gateway.autoscaling`, `istio.profile: ha`, or by `values`)",
    holds: (settings) => askedAutoscalers(settings).length > 0,
  },
  docs: {
    meaning:
      "the metrics API (`metrics.k8s.io`) is missing or does not answer: what is to be scaled stays at its least",
    fix: "install metrics-server",
  },
  run(facts, { settings }, problem) {
    const state = valueOf(facts.metricsApi, "the metrics API");
    const owners = askedAutoscalers(settings).join(" and ");
    if (state === "missing") problem(`the metrics API is missing: the autoscaler of ${owners} has nothing to go by`);
    else if (state === "unavailable")
      problem(`the metrics API does not answer: the autoscaler of ${owners} has nothing to go by`, {
        fix: "see why: kubectl describe apiservice v1beta1.metrics.k8s.io",
      });
    return "v1beta1.metrics.k8s.io answers";
  },
});

/** Whether the cluster has what the pods will ask it for. */
export const roomChecks: readonly PreflightCheck[] = [nodes, schedulable, storage, metrics];
