import { parse } from "yaml";
import { count, listed } from "../../base/text";
import type { Pod } from "../../cluster/kinds";
import { enroute } from "../../mesh/enroute";
import { outputPath } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, notThere } from "../check";
import type { ClusterView } from "../view";
import { type VerifyCheck, verifyCheck } from "./define";
import { restoring, updating } from "./fixes";
import { livePods, proxyOf } from "./injection";
import { itemsOf, selects, valueOf } from "./reading";

const wantedContainers = ["enroute", "envoy", "redis", "cert-server", "istio-proxy"];

function gatewayPods(view: Pick<ClusterView, "pods">, settings: Settings): Pod[] {
  const { name: namespace } = settings.gateway.namespace;
  return livePods(itemsOf(view.pods[namespace], `pods of namespace ${namespace}`)).filter(({ metadata }) =>
    selects({ matchLabels: { ...enroute.selector } }, metadata.labels ?? {}),
  );
}

/** The pods, at least one: with none there is nothing to tell, and `gateway/replicas` says so. */
export function somePods(view: Pick<ClusterView, "pods">, settings: Settings): Pod[] {
  const found = gatewayPods(view, settings);
  if (found.length === 0) throw notThere("the gateway has no pod", "gateway/replicas");
  return found;
}

const containers = verifyCheck({
  id: "gateway/containers",
  title: `every gateway pod runs ${wantedContainers.join(", ")}`,
  needs: ["pods", "releases"],
  subject: ({ settings }) => `Deployment ${settings.gateway.namespace.name}/${enroute.deployment}`,
  fix: ({ settings }) =>
    `kubectl -n ${settings.gateway.namespace.name} rollout restart deployment ${enroute.deployment}`,
  docs: {
    meaning: "in each pod, enroute, envoy, redis, cert-server and istio-proxy are there and ready: five of five",
    fix: "describe the pod; where a container is gone, `helm rollback`; without istio-proxy, restart it",
  },
  run(view, { settings }, problem) {
    const found = somePods(view, settings);
    for (const { metadata, spec, status } of found) {
      const present = [...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name);
      const missing = wantedContainers.filter((name) => !present.includes(name));
      if (missing.length > 0)
        problem(
          `pod ${metadata.name} lacks ${missing.join(", ")}`,
          missing.some((name) => name !== "istio-proxy")
            ? { fix: restoring(view, settings.gateway.namespace.name, enroute.release) }
            : {},
        );
      const states = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
      const unready = wantedContainers.filter(
        (name) => present.includes(name) && states.find((state) => state.name === name)?.ready !== true,
      );
      if (unready.length > 0)
        problem(`not ready in pod ${metadata.name}: ${unready.join(", ")}`, {
          fix: `look at: kubectl -n ${settings.gateway.namespace.name} describe pod ${metadata.name}`,
        });
    }
    return `${count(found.length, "pod")}, ${wantedContainers.length} of ${wantedContainers.length} ready in each`;
  },
});

const replicas = verifyCheck({
  id: "gateway/replicas",
  title: "the gateway has at least as many replicas as the stack asks for",
  needs: ["deployments", "releases"],
  subject: ({ settings }) => `Deployment ${settings.gateway.namespace.name}/${enroute.deployment}`,
  fix: "run pulumi up",
  docs: {
    meaning: "as many replicas as the stack asks for are wanted, and ready",
    fix: "`pulumi up`, if the stack was changed since; else `helm rollback`",
  },
  run(view, { settings }, problem) {
    const { name: namespace } = settings.gateway.namespace;
    const wanted = settings.gateway.replicas;
    const deployment = itemsOf(view.deployments[namespace], `Deployments of namespace ${namespace}`).find(
      ({ metadata }) => metadata.name === enroute.deployment,
    );
    if (deployment === undefined) {
      problem(`there is no Deployment ${enroute.deployment} in namespace ${namespace}`, {
        fix: restoring(view, namespace, enroute.release),
      });
      return "";
    }
    const asked = deployment.spec.replicas ?? 1;
    const ready = deployment.status?.readyReplicas ?? 0;
    if (asked < wanted)
      problem(`the Deployment asks for ${count(asked, "replica")} instead of ${wanted}`, {
        fix: updating(view, namespace, enroute.release),
      });
    else if (ready < wanted)
      problem(`${ready} of ${wanted} replicas are ready`, {
        fix: `look at: kubectl -n ${namespace} describe deployment ${enroute.deployment}`,
      });
    return `${ready} of ${asked} ready`;
  },
});

const annotations = verifyCheck({
  id: "gateway/certificate-annotations",
  title: "the sidecar writes the gateway's mesh certificate to files (OUTPUT_CERTS)",
  needs: ["pods", "releases"],
  subject: ({ settings }) => `Deployment ${settings.gateway.namespace.name}/${enroute.deployment}`,
  fix: "run pulumi up",
  docs: {
    meaning:
      "the running pod asks for `OUTPUT_CERTS` (and `SECRET_TTL`) as the stack says, and its proxy was started with it",
    fix: "`pulumi up`, if `gateway.workloadCertificate` was changed since; else `helm rollback`",
  },
  run(view, { settings }, problem) {
    const path = outputPath(settings);
    const ttl = settings.gateway.workloadCertificate?.ttl;
    const fix = updating(view, settings.gateway.namespace.name, enroute.release);
    const bare: string[] = [];
    for (const pod of somePods(view, settings)) {
      const { name } = pod.metadata;
      const text = pod.metadata.annotations?.["proxy.istio.io/config"];
      const metadata = proxyMetadata(text);
      if (metadata === undefined) problem(`annotation proxy.istio.io/config of pod ${name} is not YAML`, { fix });
      else if (metadata["OUTPUT_CERTS"] !== path)
        problem(`pod ${name} asks for OUTPUT_CERTS ${metadata["OUTPUT_CERTS"] ?? "(not set)"} instead of ${path}`, {
          fix,
        });
      else if (ttl !== undefined && metadata["SECRET_TTL"] !== ttl)
        problem(`pod ${name} asks for SECRET_TTL ${metadata["SECRET_TTL"] ?? "(not set)"} instead of ${ttl}`, { fix });
      // The annotation counts when the pod is created; what the proxy was given then is what it does.
      const proxy = proxyOf(pod);
      if (proxy === undefined) bare.push(name);
      const given = proxy?.env?.find((variable) => variable.name === "OUTPUT_CERTS")?.value;
      if (proxy !== undefined && metadata?.["OUTPUT_CERTS"] === path && given !== path)
        problem(`the proxy of pod ${name} runs with OUTPUT_CERTS ${given ?? "(not set)"} instead of ${path}`, {
          fix: `kubectl -n ${settings.gateway.namespace.name} rollout restart deployment ${enroute.deployment}`,
        });
    }
    if (bare.length > 0) throw notThere(`no proxy in pod ${listed(bare)}`, "gateway/containers");
    return `OUTPUT_CERTS ${path}${ttl === undefined ? "" : `, SECRET_TTL ${ttl}`}`;
  },
});

function proxyMetadata(text: string | undefined): Record<string, string> | undefined {
  try {
    return (parse(text ?? "") as { proxyMetadata?: Record<string, string> } | null)?.proxyMetadata ?? {};
  } catch {
    return undefined;
  }
}

const mount = verifyCheck({
  id: "gateway/certificate-mount",
  title: "sidecar and cert-server share a volume for the mesh certificate",
  needs: ["pods", "releases"],
  subject: ({ settings }) => `Deployment ${settings.gateway.namespace.name}/${enroute.deployment}`,
  fix: "run pulumi up",
  docs: {
    meaning: "sidecar and cert-server share a volume, in memory, at that path",
    fix: "`helm rollback`",
  },
  run(view, { settings }, problem) {
    const path = outputPath(settings);
    const fix = updating(view, settings.gateway.namespace.name, enroute.release);
    const bare: string[] = [];
    const volumes = new Set<string>();
    for (const pod of somePods(view, settings)) {
      const { name } = pod.metadata;
      const certServer = pod.spec.containers.find((container) => container.name === "cert-server");
      const proxy = proxyOf(pod);
      if (certServer === undefined || proxy === undefined) {
        bare.push(name);
        continue;
      }
      const trim = (folder: string) => folder.replace(/\/+$/, "");
      const written = proxy.volumeMounts?.find(({ mountPath }) => trim(mountPath) === trim(path))?.name;
      if (written === undefined) {
        problem(`nothing is mounted at ${path} in the proxy of pod ${name}: the certificate stays inside of it`, {
          fix,
        });
        continue;
      }
      volumes.add(written);
      if (!certServer.volumeMounts?.some((one) => one.name === written))
        problem(`volume ${written}, which the proxy of pod ${name} writes to, is not mounted in its cert-server`, {
          fix,
        });
      const volume = pod.spec.volumes?.find((one) => one.name === written);
      if (volume?.emptyDir?.medium !== "Memory")
        problem(`volume ${written} of pod ${name} is not held in memory: private keys reach the node's disk`, { fix });
    }
    if (bare.length > 0) throw notThere(`no proxy, or no cert-server, in pod ${listed(bare)}`, "gateway/containers");
    return `volume ${[...volumes].join(", ")} at ${path}`;
  },
});

const rights = verifyCheck({
  id: "gateway/rights",
  title: "the gateway may list what it serves",
  needs: ["gatewayRights"],
  subject: ({ settings }) => `ServiceAccount ${settings.gateway.namespace.name}/${enroute.serviceAccount}`,
  fix: "run pulumi up --refresh, which binds its ClusterRole again",
  docs: {
    meaning: "the API server says that the gateway's service account may list Secrets, Services and its own kinds",
    fix: "`pulumi up --refresh`: the chart leaves its role to nobody, we bind it",
  },
  run(view, { settings }, problem) {
    const reviewed = valueOf(view.gatewayRights, "rights of the gateway") ?? [];
    if (reviewed.length === 0) throw new CannotTell("the API server does not review rights");
    const denied = reviewed.filter(({ allowed }) => !allowed).map(({ resource }) => resource);
    if (denied.length > 0)
      problem(
        `service account ${enroute.serviceAccount} of ${settings.gateway.namespace.name} may not list ${listed(denied)}`,
      );
    return reviewed.map(({ resource }) => resource).join(", ");
  },
});

/** Whether the gateway's pods are complete, and share Istio's certificates with their sidecar. */
export const gatewayPodChecks: readonly VerifyCheck[] = [containers, replicas, annotations, mount, rights];
