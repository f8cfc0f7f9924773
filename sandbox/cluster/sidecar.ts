import { isAbsolute, join } from "node:path";
import { type Container, type Pod, containerOf, environmentOf } from "./pod";
import type { PartSpec } from "./part";

/** Name of the container that istiod injects. */
export const proxyContainer = "istio-proxy";

/** The sidecar that istiod has injected into a pod. */
export function sidecarOf(pod: Pod): Container | undefined {
  return containerOf(pod, proxyContainer);
}

/** DNS name and port of the istiod that a sidecar is told to talk to. */
export function istiodOf(
  pod: Pod,
  sidecar: Container,
): { name: string; namespace: string; host: string; port: number } {
  const [host = "", port = "15012"] = (environmentOf(pod, sidecar)["CA_ADDR"] ?? "istiod.istio-system.svc:15012").split(
    ":",
  );
  const [name = "", namespace = ""] = host.split(".");
  return { name, namespace, host, port: Number(port) };
}

export interface AgentOptions {
  readonly pod: Pod;
  readonly sidecar: Container;
  /** The process's folder: everything that the agent calls by a relative path, and the volumes of the pod. */
  readonly folder: string;
  readonly binary: string;
  /** Where istiod answers: an address of this machine. */
  readonly istiodAddress: string;
  /** Envoy to run; without it the agent only fetches certificates. */
  readonly envoy?: {
    readonly binary: string;
    /** Path of the bootstrap template. */
    readonly template: string;
    /** Address that the pod has on this machine. */
    readonly address: string;
    readonly ports: { readonly admin: number; readonly prometheus: number; readonly status: number };
  };
}

/**
 * The real agent (pilot-agent) of a sidecar, with the environment that istiod's injection gave to its container. What differs
 * is what a container would have: its folder, its address, and how istiod's name is resolved.
 */
export function agent(name: string, options: AgentOptions): PartSpec {
  const { pod, sidecar, folder, binary, istiodAddress, envoy } = options;
  // Where CA_ADDR is missing, the certificate authority is where the configuration comes from, and is known by the same name.
  const own = Object.fromEntries(Object.entries(environmentOf(pod, sidecar)).filter(([key]) => key !== "CA_ADDR"));
  const { host, port } = istiodOf(pod, sidecar);
  const discoveryAddress = `${istiodAddress}:${port}`;
  const proxyConfig = {
    ...(JSON.parse(own["PROXY_CONFIG"] || "{}") as object),
    discoveryAddress,
    concurrency: 1,
    terminationDrainDuration: "1s",
    ...(envoy === undefined ? {} : { binaryPath: envoy.binary, proxyAdminPort: envoy.ports.admin }),
  };
  const output = own["OUTPUT_CERTS"];
  return {
    name,
    command: binary,
    args: [
      "proxy",
      "sidecar",
      ...(envoy === undefined ? [] : [`--templateFile=${envoy.template}`]),
      "--proxyLogLevel=warning",
    ],
    env: {
      GOGC: "50",
      ...own,
      PROXY_CONFIG: JSON.stringify(proxyConfig),
      // Dialled by address, and still taken for nobody else.
      ISTIOD_SAN: host,
      ...(output === undefined ? {} : { OUTPUT_CERTS: inFolder(folder, output) }),
      // Nothing catches this machine's connections: istiod configures listeners at the pod's own address instead.
      ISTIO_META_INTERCEPTION_MODE: "NONE",
      ...(envoy === undefined
        ? { DISABLE_ENVOY: "true" }
        : {
            INSTANCE_IP: envoy.address,
            ENVOY_STATUS_PORT: String(envoy.ports.status),
            ENVOY_PROMETHEUS_PORT: String(envoy.ports.prometheus),
          }),
    },
    cwd: folder,
  };
}

/** The pod's labels and annotations, as the downward API puts them into files. */
export function podInfo({ metadata }: Pod): Record<"labels" | "annotations", string> {
  const lines = (map: Readonly<Record<string, string>>) =>
    Object.entries(map)
      .map(([key, value]) => `${key}=${JSON.stringify(value)}\n`)
      .join("");
  // The agent's port for probes would be open to the network, and KWOK plays the probes: none is opened.
  const annotations = { ...metadata.annotations, "status.sidecar.istio.io/port": "0" };
  return { labels: lines(metadata.labels ?? {}), annotations: lines(annotations) };
}

/** A path of the container, below the folder of the process that stands for it. */
export function inFolder(folder: string, path: string): string {
  return isAbsolute(path) ? join(folder, path.slice(1)) : join(folder, path);
}

/**
 * Where another container of the pod finds the certificates that the agent writes: the same volume, wherever that one has it
 * mounted. Undefined if the agent writes none, or writes them where the other container cannot see them.
 */
export function sharedCertificates(
  sidecar: Container,
  outputPath: string | undefined,
  reader: Container,
): string | undefined {
  const volume = sidecar.volumeMounts?.find(({ mountPath }) => samePath(mountPath, outputPath))?.name;
  return volume === undefined ? undefined : reader.volumeMounts?.find(({ name }) => name === volume)?.mountPath;
}

const samePath = (one: string, other: string | undefined) => one.replace(/\/+$/, "") === other?.replace(/\/+$/, "");

/**
 * Istio's bootstrap template, listening on the pod's own address only: upstream it has a network namespace to itself, and
 * takes all of its addresses.
 */
export function bootstrapTemplate(template: string, address: string): string {
  return template.replaceAll(/\{\{-? *\.(wildcard|localhost) *-?\}\}/g, address);
}

export interface Ingress {
  /** Container port, which is also the port that Envoy listens on. */
  readonly port: number;
  /** Port of the application, on 127.0.0.1. */
  readonly application: number;
}

/**
 * What makes istiod configure listeners where no traffic is caught: one at the pod's own address for each port. As policies go
 * by the port's number, it is the container's. Towards others the proxy does nothing.
 */
export function sidecarConfiguration(pod: Pod, name: string, address: string, ingress: readonly Ingress[]): unknown {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "Sidecar",
    metadata: { name: `sandbox-${name}`, namespace: pod.metadata.namespace },
    spec: {
      workloadSelector: { labels: pod.metadata.labels },
      ingress: ingress.map(({ port, application }) => ({
        port: { number: port, protocol: "HTTP", name: `http-${port}` },
        bind: address,
        captureMode: "NONE",
        defaultEndpoint: `127.0.0.1:${application}`,
      })),
      egress: [{ hosts: ["~/*"] }],
    },
  };
}

/**
 * The mesh configuration that istiod reads from its folder, made from the one in the cluster: Envoy as released lacks Istio's own
 * filter for metrics, and the sandbox's `Sidecar`s come from a folder, so that they are not in the user's way in the cluster.
 */
export function meshConfiguration(inCluster: object, sidecarFolder: string): object {
  return {
    ...inCluster,
    defaultProviders: {},
    configSources: [{ address: `fs://${encodeURI(sidecarFolder)}` }, { address: "k8s://" }],
  };
}
