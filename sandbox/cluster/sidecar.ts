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
  readonly envoy: {
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
    ...{ binaryPath: envoy.binary, proxyAdminPort: envoy.ports.admin },
  };
  const output = own["OUTPUT_CERTS"];
  return {
    name,
    command: binary,
    args: ["proxy", "sidecar", `--templateFile=${envoy.template}`, "--proxyLogLevel=warning"],
    env: {
      GOGC: "50",
      ...own,
      PROXY_CONFIG: JSON.stringify(proxyConfig),
      // Dialled by address, and still taken for nobody else.
      ISTIOD_SAN: host,
      ...(output === undefined ? {} : { OUTPUT_CERTS: inFolder(folder, output) }),
      INSTANCE_IP: envoy.address,
      ENVOY_STATUS_PORT: String(envoy.ports.status),
      ENVOY_PROMETHEUS_PORT: String(envoy.ports.prometheus),
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

/** Socket, in the folder of a sidecar, at which its Envoy takes what the rules of the pod's network namespace would catch. */
export const inboundSocket = "inbound.sock";

/**
 * Whether connections to a port of an injected pod are caught for its sidecar: the rules that `istio-init` would make, whose
 * arguments istiod's injection has written (istio/istio, tools/istio-iptables). Without that container nothing is caught.
 */
export function isCaptured(pod: Pod, port: number): boolean {
  const init = containerOf(pod, "istio-init");
  const args = init?.args;
  // Each flag of istio-iptables is a variable, too; proxyMetadata gives them to the container.
  const variable = (name: string) => init?.env?.find((each) => each.name === name)?.value ?? "";
  if (["DRY_RUN", "SKIP_RULE_APPLY", "CLEANUP_ONLY"].some((name) => variable(name) === "true")) return false;
  if (variable("ISTIO_EXCLUDE_INTERFACES").split(",").includes("eth0")) return false;
  // Where tunnels (HBONE) end, nothing is redirected.
  if (port === 15008) return false;
  const valueOf = (flag: string) => (args?.includes(flag) === true ? (args[args.indexOf(flag) + 1] ?? "") : "");
  const ports = (flag: string) =>
    valueOf(flag)
      .split(",")
      .map((each) => each.trim());
  if (args === undefined) {
    return false;
  }
  return valueOf("-b") === "*" ? !ports("-d").includes(String(port)) : ports("-b").includes(String(port));
}

/**
 * What differs for the sidecars of a namespace (of the whole mesh, in its root namespace), as pods have no network of their own
 * here: Envoy takes what would be caught at a socket in its folder, where the connection's real destination comes by the PROXY
 * protocol instead of from the kernel; what a pod sends is not caught, so that nothing listens for it. All else is istiod's own.
 */
export function sidecarConfiguration(namespace: string): unknown {
  const inbound = { context: "SIDECAR_INBOUND", listener: { name: "virtualInbound" } };
  const proxyProtocol = "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol";
  return {
    apiVersion: "networking.istio.io/v1alpha3",
    kind: "EnvoyFilter",
    metadata: { name: "sandbox", namespace },
    spec: {
      priority: -1000,
      configPatches: [
        {
          applyTo: "LISTENER",
          match: inbound,
          patch: { operation: "MERGE", value: { address: { pipe: { path: inboundSocket } } } },
        },
        {
          applyTo: "LISTENER_FILTER",
          match: {
            ...inbound,
            listener: { ...inbound.listener, listenerFilter: "envoy.filters.listener.original_dst" },
          },
          patch: {
            operation: "REPLACE",
            value: { name: "envoy.filters.listener.proxy_protocol", typed_config: { "@type": proxyProtocol } },
          },
        },
        { applyTo: "LISTENER", match: { context: "SIDECAR_OUTBOUND" }, patch: { operation: "REMOVE" } },
      ],
    },
  };
}

/**
 * The mesh configuration that istiod reads from its folder, made from the one in the cluster: Envoy as released lacks Istio's own
 * filter for metrics, and what the sandbox adds for sidecars comes from a folder, so that it is not in the user's way in the cluster.
 */
export function meshConfiguration(inCluster: object, configurationFolder: string): object {
  return {
    ...inCluster,
    defaultProviders: {},
    configSources: [{ address: `fs://${encodeURI(configurationFolder)}` }, { address: "k8s://" }],
  };
}
