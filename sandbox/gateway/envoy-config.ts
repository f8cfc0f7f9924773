import { X509Certificate, createHash, createPrivateKey } from "node:crypto";
import {
  type KeyPair,
  type Named,
  type Route,
  type Routing,
  type RoutingObjects,
  type SecureHost,
  type Target,
  routingOf,
  secretNameOf,
} from "./dag";

/*
 * EnRoute's routing in Envoy's words: the objects of the cluster in, Envoy's configuration out. Pure.
 */

export interface GlobalConfig extends Named {
  readonly spec: { readonly type?: string; readonly config?: string };
}

/** What the gateway found in the cluster. */
export interface Found extends RoutingObjects {
  readonly globalConfigs: readonly GlobalConfig[];
}

export interface ConfigurationOptions {
  readonly address: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  /** Whether there is a certificate of the mesh to show to workloads. */
  readonly hasMeshCertificate: boolean;
  /** Path of the file in which Envoy finds the secret with this name. */
  readonly secretPath: (name: string) => string;
}

export interface Configuration {
  readonly listeners: unknown[];
  readonly clusters: unknown[];
  /** Certificates towards clients, by the name of the secret in Envoy. */
  readonly servingCertificates: ReadonlyMap<string, KeyPair>;
}

/** Names in Envoy of what the gateway shows to workloads, and of what it trusts of them. */
export const meshCertificate = "mesh-certificate";
export const meshRoots = "mesh-roots";

/** Name of the cluster that leads to a port of a Service. */
const clusterName = ({ namespace, name, port }: Target) => `${namespace}/${name}/${port}`;

export function configurationOf(found: Found, options: ConfigurationOptions): Configuration {
  const routing = routingOf(found);
  const byName = <T>(hosts: ReadonlyMap<string, T>) => [...hosts].sort(([a], [b]) => (a < b ? -1 : 1));
  const encrypted = byName(routing.https);
  const plain = byName(routing.http).map(([name, routes]) => virtualHost(name, routes));
  return {
    listeners: [
      listener("http", options.address, options.httpPort, [{ filters: [connectionManager("http", plain)] }]),
      ...(encrypted.length === 0
        ? []
        : [
            {
              ...listener(
                "https",
                options.address,
                options.httpsPort,
                encrypted.map(([name, host]) => tlsChain(name, host, options)),
              ),
              listener_filters: [
                {
                  name: "envoy.filters.listener.tls_inspector",
                  typed_config: { "@type": typeOf("filters.listener.tls_inspector.v3.TlsInspector") },
                },
              ],
            },
          ]),
    ],
    clusters: clusters(found, routing, options),
    servingCertificates: new Map(encrypted.map(([name, { keyPair }]) => [secretNameOf(name, keyPair), keyPair])),
  };
}

/** Whether EnRoute is told to use Istio's certificates towards workloads. */
export function usesMesh(globalConfigs: readonly GlobalConfig[]): boolean {
  return globalConfigs
    .filter(({ spec }) => spec.type === "globalconfig_globals")
    .some(({ spec }) => (globals(spec.config)["istio_enabled"] ?? false) === true);
}

function globals(text: string | undefined): Record<string, unknown> {
  try {
    return JSON.parse(text ?? "{}") as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Whether a key belongs to the first certificate of a chain. */
export function isKeyPair({ certificateChain, privateKey }: KeyPair): boolean {
  try {
    return new X509Certificate(certificateChain).checkPrivateKey(createPrivateKey(privateKey));
  } catch {
    return false;
  }
}

function virtualHost(name: string, routes: readonly Route[]) {
  return {
    name,
    domains: name === "*" ? [name] : [name, `${name}:*`],
    routes: routes.map((route) => ({
      match: {
        ...(route.isPattern ? { safe_regex: { regex: route.path } } : { prefix: route.path }),
        ...(route.headers.length === 0 ? {} : { headers: route.headers.map(headerMatch) }),
      },
      ...(route.isRedirected
        ? { redirect: { https_redirect: true } }
        : { route: { cluster: clusterName(route.target), timeout: "15s" } }),
    })),
  };
}

function headerMatch({ name, present, contains, notcontains, exact, notexact }: Route["headers"][number]) {
  if (present === true) return { name, present_match: true };
  const [text, inverted] = [contains ?? exact, notcontains ?? notexact];
  const value = text ?? inverted ?? "";
  const isPart = (text === undefined ? notcontains : contains) !== undefined;
  return {
    name,
    string_match: isPart ? { contains: value } : { exact: value },
    ...(text === undefined ? { invert_match: true } : {}),
  };
}

const typeOf = (name: string) => `type.googleapis.com/envoy.extensions.${name}`;

function connectionManager(statPrefix: string, virtualHosts: unknown[]) {
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type": typeOf("filters.network.http_connection_manager.v3.HttpConnectionManager"),
      stat_prefix: statPrefix,
      // What a client claims about itself is not passed on.
      forward_client_cert_details: "SANITIZE",
      // Listeners and clusters come by files of their own, in no order.
      route_config: { name: statPrefix, virtual_hosts: virtualHosts, validate_clusters: false },
      http_filters: [
        { name: "envoy.filters.http.router", typed_config: { "@type": typeOf("filters.http.router.v3.Router") } },
      ],
    },
  };
}

function listener(name: string, address: string, port: number, filterChains: unknown[]) {
  return { name, address: socketAddress(address, port), filter_chains: filterChains };
}

const socketAddress = (address: string, port: number) => ({ socket_address: { address, port_value: port } });

function tlsChain(
  host: string,
  { keyPair, minimumVersion, routes }: SecureHost & { readonly routes: readonly Route[] },
  { secretPath }: ConfigurationOptions,
) {
  const name = secretNameOf(host, keyPair);
  // Any other word than these two EnRoute takes to mean 1.1 (minProtoVersion).
  const minimum = { "1.3": "TLSv1_3", "1.2": "TLSv1_2" }[minimumVersion ?? ""] ?? "TLSv1_1";
  return {
    name: host,
    filter_chain_match: { server_names: [host] },
    filters: [connectionManager(`https-${host}`, routes.length === 0 ? [] : [virtualHost(host, routes)])],
    transport_socket: {
      name: "envoy.transport_sockets.tls",
      typed_config: {
        "@type": typeOf("transport_sockets.tls.v3.DownstreamTlsContext"),
        common_tls_context: {
          alpn_protocols: ["h2", "http/1.1"],
          tls_params: { tls_minimum_protocol_version: minimum, tls_maximum_protocol_version: "TLSv1_3" },
          tls_certificate_sds_secret_configs: [secretReference(name, secretPath(name))],
        },
      },
    },
  };
}

function secretReference(name: string, path: string) {
  return { name, sds_config: { path_config_source: { path }, resource_api_version: "V3" } };
}

function clusters(
  { services, globalConfigs }: Found,
  { http, https }: Routing,
  options: ConfigurationOptions,
): unknown[] {
  const isMesh = usesMesh(globalConfigs);
  const routes = [...http.values(), ...[...https.values()].map((host) => host.routes)].flat();
  const wanted = new Map(routes.map(({ target }) => [clusterName(target), target]));
  return [...wanted].map(([clusterKey, { namespace, name, port }]) => {
    const service = services.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
    const address = service?.spec.clusterIP;
    // Without a certificate of the mesh there is nothing to connect with: no endpoint, so that clients get a 503.
    const isReachable = address !== undefined && address !== "None" && (!isMesh || options.hasMeshCertificate);
    return {
      name: clusterKey,
      type: "STATIC",
      connect_timeout: "2s",
      load_assignment: {
        cluster_name: clusterKey,
        endpoints: isReachable ? [{ lb_endpoints: [{ endpoint: { address: socketAddress(address, port) } }] }] : [],
      },
      typed_extension_protocol_options: {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
          "@type": typeOf("upstreams.http.v3.HttpProtocolOptions"),
          explicit_http_config: { http_protocol_options: {} },
          // New connections all the time, so that a certificate that is out of date cannot hide behind an old one.
          common_http_protocol_options: { max_requests_per_connection: 20 },
        },
      },
      ...(isMesh ? { transport_socket: meshTransport(options) } : {}),
    };
  });
}

function meshTransport({ secretPath }: ConfigurationOptions) {
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": typeOf("transport_sockets.tls.v3.UpstreamTlsContext"),
      common_tls_context: {
        // By this word a sidecar that also takes plain text (PERMISSIVE) knows mutual TLS of the mesh.
        alpn_protocols: ["istio"],
        tls_certificate_sds_secret_configs: [secretReference(meshCertificate, secretPath(meshCertificate))],
        validation_context_sds_secret_config: secretReference(meshRoots, secretPath(meshRoots)),
      },
    },
  };
}

/** Content of an SDS file with a certificate and its key. */
export function certificateSecret(name: string, { certificateChain, privateKey }: KeyPair): unknown {
  return discoveryResponse([
    {
      "@type": typeOf("transport_sockets.tls.v3.Secret"),
      name,
      tls_certificate: {
        certificate_chain: { inline_string: certificateChain },
        private_key: { inline_string: privateKey },
      },
    },
  ]);
}

/** Content of an SDS file with certificates to trust: any identity that they vouch for. */
export function rootsSecret(name: string, roots: string): unknown {
  return discoveryResponse([
    {
      "@type": typeOf("transport_sockets.tls.v3.Secret"),
      name,
      validation_context: { trusted_ca: { inline_string: roots } },
    },
  ]);
}

export function listenersResponse(listeners: readonly unknown[]): unknown {
  return versioned(
    listeners.map((item) => ({
      "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
      ...(item as object),
    })),
  );
}

export function clustersResponse(list: readonly unknown[]): unknown {
  return versioned(
    list.map((item) => ({ "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", ...(item as object) })),
  );
}

/** With a version, by which Envoy tells what it has accepted. */
function versioned(resources: unknown[]): unknown {
  return { version_info: createHash("sha256").update(JSON.stringify(resources)).digest("hex").slice(0, 16), resources };
}

function discoveryResponse(resources: unknown[]): unknown {
  return { resources };
}

/** What the files are called that Envoy reads, in its folder. */
export const envoyFiles = { listeners: "listeners.json", clusters: "clusters.json", secrets: "secrets" } as const;

/** What Envoy starts with: all the rest it reads from its files, whenever they change. */
export function bootstrap(node: string, folder: string, address: string, adminPort: number): unknown {
  const file = (name: string) => ({ path_config_source: { path: `${folder}/${name}` }, resource_api_version: "V3" });
  return {
    node: { id: node, cluster: "enroute" },
    admin: { address: socketAddress(address, adminPort) },
    dynamic_resources: { lds_config: file(envoyFiles.listeners), cds_config: file(envoyFiles.clusters) },
  };
}
