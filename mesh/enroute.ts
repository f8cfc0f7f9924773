import { durationSeconds } from "../base/duration";

/* What is fixed about EnRoute: names, and the lives of its certificates towards the workloads. */

/** Names that the chart `enroute` fixes, whatever the release is called (chart 0.8.7, `fullnameOverride`). */
export const enroute = {
  release: "enroute-istio",
  deployment: "enroute",
  service: "enroute",
  serviceAccount: "enroute",
  clusterRole: "enroute",
  /** Ours, not the chart's: binds the chart's role, which may list Ingresses, where a stack wants them served. */
  ingressBinding: "enroute-istio-gateway",
  selector: { "app.kubernetes.io/name": "enroute", "app.kubernetes.io/instance": "enroute-istio" },
} as const;

/** Repository of the chart `enroute`. */
export const enrouteCharts = "https://helm.getenroute.io";

/** Tag of Envoy's image where a stack names no other (chart 0.8.7). */
export const defaultEnvoyTag = "v1.27.0";

/** Namespace of the gateway in a stack that names no other. */
export const defaultGatewayNamespace = "enroute-system";

/** Log levels of Envoy; the chart's own default, debug, logs the headers of every request. */
export const logLevels = ["trace", "debug", "info", "warning", "error", "critical", "off"] as const;
export type LogLevel = (typeof logLevels)[number];
export const defaultLogLevel: LogLevel = "info";

/** Mean CPU use of the Envoy containers that autoscaling keeps, in percent of their request. */
export const defaultCpuPercent = 70;

/** When the kubelet pulls an image; the chart's own default is Always, even for fixed tags. */
export const pullPolicies = ["Always", "IfNotPresent", "Never"] as const;
export type PullPolicy = (typeof pullPolicies)[number];
export const defaultPullPolicy: PullPolicy = "IfNotPresent";

/** Name in the cluster of the GatewayHost of a host: the host itself, so that no two hosts have the same. */
export function gatewayHostName(host: string): string {
  return host;
}

/**
 * Its name where an early version made it, which it keeps: under another one it would be off the air for a moment. It has no dot,
 * so it is never the name of another host's; `a-b.example.com` and `a.b.example.com` had the same.
 */
export function formerGatewayHostName(host: string): string {
  return host.replaceAll(".", "-");
}

/** Longest life of a workload certificate that istiod signs by default: MAX_WORKLOAD_CERT_TTL, 90 days. */
export const maxWorkloadCertificateTtl = "2160h";
/** Life of a workload certificate where nobody asks for another. */
export const defaultWorkloadCertificateTtl = "24h";
/** Shortest that we take: the agent renews at half life, and below a minute it would do little else. */
export const minWorkloadCertificateTtl = "1m";
export const defaultOutputPath = "/etc/istio-certs";

/**
 * Folders of the sidecar and of its image: Istio mounts its own files in some of them (files/injection-template.yaml of the chart
 * istiod), and a volume over any of them hides what the proxy needs.
 */
const takenFolders = [
  ...["/etc/istio", "/etc/certs", "/etc/ssl", "/etc/pki", "/var/run/secrets", "/run/secrets", "/var/lib/istio"],
  ...["/bin", "/boot", "/dev", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/tmp", "/usr"],
];

/** Why the sidecar could not write its certificate to a folder; undefined where it can. */
export function outputPathProblem(folder: string): string | undefined {
  const form = "an absolute path such as /etc/istio-certs, of letters, digits, '.', '-' and '_'";
  if (!/^(\/[\w.-]+)+$/.test(folder)) return form;
  if (folder.split("/").some((part) => part === "." || part === "..")) return `${form}, without . and ..`;
  const taken = takenFolders.find((one) => `${folder}/`.startsWith(`${one}/`) || `${one}/`.startsWith(`${folder}/`));
  return taken === undefined
    ? undefined
    : `a folder of its own such as /etc/istio-certs: mounted there, it would hide files of the sidecar in ${taken}`;
}

/** Why istiod would not sign certificates of this life; undefined if it does. `max` is istiod's own limit. */
export function ttlProblem(ttl: string, max = maxWorkloadCertificateTtl): string | undefined {
  const seconds = durationSeconds(ttl);
  if (seconds === undefined) return "a duration of hours, minutes and seconds such as 24h or 1h30m";
  if (seconds < durationSeconds(minWorkloadCertificateTtl)! || seconds > (durationSeconds(max) ?? Infinity))
    return `a duration from ${minWorkloadCertificateTtl} to ${max}, the most that istiod signs (MAX_WORKLOAD_CERT_TTL)`;
  return undefined;
}

/** What is wrong with the gateway's mesh certificate, with the key that says so; undefined where nothing is. */
export function workloadCertificateProblem(
  { ttl, outputPath = defaultOutputPath }: { ttl?: string; outputPath?: string } = {},
  maxTtl?: string,
): string | undefined {
  const wrongTtl = ttl === undefined ? undefined : ttlProblem(ttl, maxTtl);
  if (wrongTtl !== undefined) return `ttl is ${ttl}; it must be ${wrongTtl}`;
  const wrongPath = outputPathProblem(outputPath);
  return wrongPath === undefined ? undefined : `outputPath is ${outputPath}; it must be ${wrongPath}`;
}
