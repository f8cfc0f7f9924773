import type { Values } from "../base/merge";

/* Where container images come from. */

/** Repositories of the charts' images, by chart: what each takes where nobody says another (the charts' own defaults). */
export const chartImages = {
  enroute: { enrouteService: "saarasio/enroute-gwi", redis: "redis", envoy: "envoyproxy/envoy" },
  kiali: "quay.io/kiali/kiali",
  prometheus: {
    server: "quay.io/prometheus/prometheus",
    configmapReload: "quay.io/prometheus-operator/prometheus-config-reloader",
  },
} as const;

/** An image that chart `enroute` 0.8.7 fixes: no value of it names another registry. */
export const fixedImage = "docker.io/saarasio/cert-server:v0.1.0";

/** A registry path such as `docker.io/istio` on another registry: that takes the place of its host, and the rest stays. */
export function relocatedPath(path: string, registry: string | undefined): string {
  if (registry === undefined) return path;
  const target = registry.replace(/\/+$/, "");
  return path === target || path.startsWith(`${target}/`) ? path : [target, ...hostOf(path).rest].join("/");
}

/** The same for the repository of an image; short names are Docker Hub's own images. */
export function relocated(repository: string, registry: string | undefined): string {
  const { host = "docker.io", rest } = hostOf(repository);
  const isOfficial = /(^|\.)docker\.io$/.test(host) && rest.length === 1;
  return relocatedPath(isOfficial ? `${host}/library/${rest[0]}` : repository, registry);
}

function hostOf(path: string): { host?: string; rest: string[] } {
  const [first = "", ...rest] = path.split("/");
  return rest.length > 0 && (/[.:]/.test(first) || first === "localhost")
    ? { host: first, rest }
    : { rest: [first, ...rest] };
}

/** The Secrets by which a pod pulls, as its spec has them; nothing where there are none, so that the chart's own value stays. */
export function pullSecretValues(names: readonly string[] = []): Values {
  return names.length === 0 ? {} : { imagePullSecrets: names.map((name) => ({ name })) };
}

/** A Secret by which kubelets pull. */
export interface PullCredentials<Text> {
  /** Host of the registry, such as `registry.example.com`. */
  registry: string;
  username: Text;
  password: Text;
}

/** Content of a Secret `kubernetes.io/dockerconfigjson`, and of the file by which Helm logs in to registries. */
export function dockerConfig({ registry, username, password }: PullCredentials<string>): string {
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  return JSON.stringify({ auths: { [registry]: { auth } } });
}

/**
 * Architectures of the gateway's pod: EnRoute's own images (enroute-gwi, cert-server v0.1.0) are of the one machine that builds them
 * (azure-pipelines.yml of saarasio/enroute, without buildx); all others here are for more.
 */
export const gatewayArchitectures: readonly string[] = ["amd64"];
