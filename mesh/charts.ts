/* What is fixed about every chart, and about the charts of Prometheus and Kiali. */

/** How long Helm waits for a release to become ready. */
export const defaultTimeoutSeconds = 300;

/** Repository of the chart `prometheus`. */
export const prometheusCharts = "https://prometheus-community.github.io/helm-charts";

/** How long Prometheus keeps samples. */
export const defaultRetention = "15d";

/** Repository of the chart `kiali-server`. */
export const kialiCharts = "https://kiali.org/helm-charts";

/** How people log in to Kiali: with a service account's token, or not at all. */
export const kialiAuthentications = ["token", "anonymous"] as const;
export type KialiAuthentication = (typeof kialiAuthentications)[number];
export const defaultAuthentication: KialiAuthentication = "token";

/** How to log in to a chart repository. `Text` is a string, or a secret Output in a program. */
export interface ChartRepositoryAuth<Text = string> {
  username?: Text;
  password?: Text;
  /** In the place of a password, where the repository takes any user name with it. */
  token?: Text;
  /** Path of the certificates of the CAs that the repository's certificate is from, PEM. */
  caFile?: string;
}

/** User and password of a login; undefined where it has none, but a CA alone. Helm sends a token as a password, too. */
export function loginOf<Text>({ username, password, token }: ChartRepositoryAuth<Text> = {}) {
  const secret = password ?? token;
  return secret === undefined ? undefined : { username: username ?? "token", password: secret };
}

/** Whether a repository is a registry of container images, which charts may come from as well. */
export const isRegistry = (chartRepository: string) => chartRepository.startsWith("oci://");

/** The whole reference of a chart below a registry path. */
export const registryChart = (chartRepository: string, chart: string) =>
  `${chartRepository.replace(/\/+$/, "")}/${chart}`;

/** Host of a registry path `oci://host/path`. */
export function registryHost(chartRepository: string): string {
  return chartRepository.replace(/^oci:\/\//, "").split("/")[0]!;
}

/** Path, from the folder that the program runs in, of the file by which Helm logs in to registries; there only while it runs. */
export function registryConfigPath(stack: string): string {
  return `.enroute-istio/registry-${stack.split("/").pop()!}.json`;
}

/** Whether a URL leads to this machine, where nobody is on the way. */
export function isLoopbackUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname.endsWith(".localhost") || /^127\.|^\[::1\]$/.test(hostname);
}
