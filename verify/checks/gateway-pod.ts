import { parse } from "yaml";
import type { Result } from "../../base/report";
import { count, listed } from "../../base/text";
import type { Pod } from "../../cluster/kinds";
import { enroute } from "../../mesh/enroute";
import { outputPath } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, judge } from "../result";
import type { ClusterView } from "../view";
import { livePods, proxyOf } from "./injection";
import { itemsOf, selects, valueOf } from "./reading";

const wantedContainers = ["enroute", "envoy", "redis", "cert-server", "istio-proxy"];

/** Whether the gateway's pods are complete, and share Istio's certificates with their sidecar. */
export function checkGatewayPod(view: ClusterView, settings: Settings): Result[] {
  return [
    containers(view, settings),
    replicas(view, settings),
    annotations(view, settings),
    mount(view, settings),
    rights(view, settings),
  ];
}

function pods(view: ClusterView, settings: Settings): Pod[] {
  const { name: namespace } = settings.gateway.namespace;
  return livePods(itemsOf(view.pods[namespace], `pods of namespace ${namespace}`)).filter(({ metadata }) =>
    selects({ matchLabels: { ...enroute.selector } }, metadata.labels ?? {}),
  );
}

/** The pods, at least one: with none there is nothing to tell, and `gateway/replicas` says so. */
function somePods(view: ClusterView, settings: Settings): Pod[] {
  const found = pods(view, settings);
  if (found.length === 0) throw new CannotTell("the gateway has no pod", "see gateway/replicas");
  return found;
}

function containers(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "gateway/containers",
      title: `every gateway pod runs ${wantedContainers.join(", ")}`,
      fix:
        "run pulumi up --refresh; then restart: kubectl -n " +
        `${settings.gateway.namespace.name} rollout restart deployment ${enroute.deployment}`,
    },
    (problem) => {
      const found = somePods(view, settings);
      for (const { metadata, spec, status } of found) {
        const present = [...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name);
        const missing = wantedContainers.filter((name) => !present.includes(name));
        if (missing.length > 0) problem(`pod ${metadata.name} lacks ${missing.join(", ")}`);
        const states = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
        const unready = wantedContainers.filter(
          (name) => present.includes(name) && states.find((state) => state.name === name)?.ready !== true,
        );
        if (unready.length > 0)
          problem(
            `not ready in pod ${metadata.name}: ${unready.join(", ")}`,
            `look at: kubectl -n ${settings.gateway.namespace.name} describe pod ${metadata.name}`,
          );
      }
      return `${count(found.length, "pod")}, ${wantedContainers.length} of ${wantedContainers.length} ready in each`;
    },
  );
}

function replicas(view: ClusterView, settings: Settings): Result {
  const { name: namespace } = settings.gateway.namespace;
  const wanted = settings.gateway.replicas;
  return judge(
    {
      check: "gateway/replicas",
      title: `the gateway has at least ${count(wanted, "replica")}`,
      fix: "run pulumi up --refresh",
    },
    (problem) => {
      const deployment = itemsOf(view.deployments[namespace], `Deployments of namespace ${namespace}`).find(
        ({ metadata }) => metadata.name === enroute.deployment,
      );
      if (deployment === undefined) {
        problem(`there is no Deployment ${enroute.deployment} in namespace ${namespace}`);
        return "";
      }
      const asked = deployment.spec.replicas ?? 1;
      const ready = deployment.status?.readyReplicas ?? 0;
      if (asked < wanted) problem(`the Deployment asks for ${count(asked, "replica")} instead of ${wanted}`);
      else if (ready < wanted)
        problem(
          `${ready} of ${wanted} replicas are ready`,
          `look at: kubectl -n ${namespace} describe deployment ${enroute.deployment}`,
        );
      return `${ready} of ${asked} ready`;
    },
  );
}

function annotations(view: ClusterView, settings: Settings): Result {
  const path = outputPath(settings);
  const ttl = settings.gateway.workloadCertificate?.ttl;
  return judge(
    {
      check: "gateway/certificate-annotations",
      title: "the sidecar writes the gateway's mesh certificate to files (OUTPUT_CERTS)",
      fix: "leave istioPodAnnotations out of gateway.values, use gateway.workloadCertificate instead, and run pulumi up --refresh",
    },
    (problem) => {
      for (const pod of somePods(view, settings)) {
        const { name } = pod.metadata;
        const text = pod.metadata.annotations?.["proxy.istio.io/config"];
        const metadata = proxyMetadata(text);
        if (metadata === undefined) problem(`annotation proxy.istio.io/config of pod ${name} is no YAML`);
        else if (metadata["OUTPUT_CERTS"] !== path)
          problem(`pod ${name} asks for OUTPUT_CERTS ${metadata["OUTPUT_CERTS"] ?? "(not set)"} instead of ${path}`);
        else if (ttl !== undefined && metadata["SECRET_TTL"] !== ttl)
          problem(`pod ${name} asks for SECRET_TTL ${metadata["SECRET_TTL"] ?? "(not set)"} instead of ${ttl}`);
        // The annotation counts when the pod is created; what the proxy was given then is what it does.
        const proxy = proxyOf(pod);
        const given = proxy?.env?.find((variable) => variable.name === "OUTPUT_CERTS")?.value;
        if (proxy !== undefined && metadata?.["OUTPUT_CERTS"] === path && given !== path)
          problem(
            `the proxy of pod ${name} runs with OUTPUT_CERTS ${given ?? "(not set)"} instead of ${path}`,
            `kubectl -n ${settings.gateway.namespace.name} rollout restart deployment ${enroute.deployment}`,
          );
      }
      return `OUTPUT_CERTS ${path}${ttl === undefined ? "" : `, SECRET_TTL ${ttl}`}`;
    },
  );
}

function proxyMetadata(text: string | undefined): Record<string, string> | undefined {
  try {
    return (parse(text ?? "") as { proxyMetadata?: Record<string, string> } | null)?.proxyMetadata ?? {};
  } catch {
    return undefined;
  }
}

function mount(view: ClusterView, settings: Settings): Result {
  const path = outputPath(settings);
  return judge(
    {
      check: "gateway/certificate-mount",
      title: "sidecar and cert-server share a volume for the mesh certificate",
      fix: "leave istioPodAnnotations and volumes out of gateway.values, and run pulumi up --refresh",
    },
    (problem) => {
      for (const pod of somePods(view, settings)) {
        const { name } = pod.metadata;
        const certServer = pod.spec.containers.find((container) => container.name === "cert-server");
        const proxy = proxyOf(pod);
        // That they are there is another check's matter.
        if (certServer === undefined || proxy === undefined) continue;
        const trim = (folder: string) => folder.replace(/\/+$/, "");
        const written = proxy.volumeMounts?.find(({ mountPath }) => trim(mountPath) === trim(path))?.name;
        if (written === undefined) {
          problem(`nothing is mounted at ${path} in the proxy of pod ${name}: the certificate stays inside of it`);
          continue;
        }
        if (!certServer.volumeMounts?.some((one) => one.name === written))
          problem(`volume ${written}, which the proxy of pod ${name} writes to, is not mounted in its cert-server`);
        const volume = pod.spec.volumes?.find((one) => one.name === written);
        if (volume?.emptyDir?.medium !== "Memory")
          problem(`volume ${written} of pod ${name} is not held in memory: private keys reach the node's disk`);
      }
      return `volume istio-certs at ${path}`;
    },
  );
}

function rights(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "gateway/rights",
      title: "the gateway may list what it serves",
      fix: "run pulumi up --refresh, which binds its ClusterRole again",
    },
    (problem) => {
      const reviewed = valueOf(view.gatewayRights, "rights of the gateway") ?? [];
      const denied = reviewed.filter(({ allowed }) => !allowed).map(({ resource }) => resource);
      if (denied.length > 0)
        problem(
          `service account ${enroute.serviceAccount} of ${settings.gateway.namespace.name} may not list ${listed(denied)}`,
        );
      return reviewed.map(({ resource }) => resource).join(", ");
    },
  );
}
