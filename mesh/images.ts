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

/** The repository of an image on another registry: that takes the place of its host, the path stays. Short names are Docker Hub's. */
export function relocated(repository: string, registry: string | undefined): string {
  if (registry === undefined) return repository;
  const target = registry.replace(/\/+$/, "");
  if (repository.startsWith(`${target}/`)) return repository;
  const [first = "", ...rest] = repository.split("/");
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const path = hasHost ? rest.join("/") : repository;
  const isOfficial = !path.includes("/") && (!hasHost || /(^|\.)docker\.io$/.test(first));
  return `${target}/${isOfficial ? `library/${path}` : path}`;
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
