/* Listeners and clusters as istiod makes them (`/debug/config_dump?types=…`, Istio 1.31), cut down to what is judged. */

const typed = (name: string, config: object) => ({
  "@type": `type.googleapis.com/envoy.extensions.${name}`,
  ...config,
});

/** Istio's own: the workload's certificate, and the mesh's roots. */
export const meshContext = {
  tlsCertificateSdsSecretConfigs: [{ name: "default" }],
  combinedValidationContext: {
    defaultValidationContext: { matchSubjectAltNames: [{ prefix: "spiffe://cluster.local/" }] },
    validationContextSdsSecretConfig: { name: "ROOTCA" },
  },
};

export function downstream(change: object = {}): object {
  const context = { commonTlsContext: meshContext, requireClientCertificate: true, ...change };
  return typed("transport_sockets.tls.v3.DownstreamTlsContext", context);
}

export function upstream(commonTlsContext: object = meshContext): object {
  return typed("transport_sockets.tls.v3.UpstreamTlsContext", { commonTlsContext });
}

export const rawBuffer = typed("transport_sockets.raw_buffer.v3.RawBuffer", {});

export function tlsChain(match: object, typedConfig: object = downstream()): object {
  return {
    filterChainMatch: { transportProtocol: "tls", ...match },
    filters: [{ name: "envoy.filters.network.http_connection_manager" }],
    transportSocket: { name: "envoy.transport_sockets.tls", typedConfig },
  };
}

export function plainChain(filterChainMatch: object): object {
  return { filterChainMatch, filters: [{ name: "envoy.filters.network.http_connection_manager" }] };
}

export function listener(filterChains: object[]): object {
  const address = { socketAddress: { address: "0.0.0.0", portValue: 15006 } };
  return { name: "virtualInbound", trafficDirection: "INBOUND", address, filterChains };
}

export function dumpOf(listeners: readonly object[]): object {
  return {
    configs: listeners.map((each) => ({ "@type": "type.googleapis.com/envoy.config.listener.v3.Listener", ...each })),
  };
}
