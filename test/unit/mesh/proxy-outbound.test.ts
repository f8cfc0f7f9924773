import assert from "node:assert/strict";
import { type Spoken, proxyOutbound, spokenTo } from "../../../mesh/proxy-outbound";
import { meshContext, rawBuffer, upstream } from "../proxies";

/*
 * Source: istio/istio, pilot/pkg/networking/core/cluster_tls.go (applyUpstreamTLSSettings, setTransportSocket…) and
 * pilot/pkg/xds/endpoints/endpoint_builder.go, which gives endpoints their tlsMode.
 */
const socket = (typedConfig: object) => ({ typedConfig });
const matches = [
  { name: "tlsMode-istio", match: { tlsMode: "istio" }, transportSocket: socket(upstream()) },
  { name: "tlsMode-disabled", match: {}, transportSocket: socket(rawBuffer) },
];
const endpoint = (tlsMode?: string) => ({
  metadata: { filterMetadata: { "envoy.transport_socket_match": tlsMode === undefined ? {} : { tlsMode } } },
});

const cases: [rule: string, cluster: object, endpoint: object, spoken: Spoken][] = [
  ["automatic mutual TLS: an endpoint with a proxy", { transportSocketMatches: matches }, endpoint("istio"), "mutual"],
  ["and one without", { transportSocketMatches: matches }, endpoint(), "plain"],
  ["or whose workload takes none (DISABLE)", { transportSocketMatches: matches }, endpoint("disabled"), "plain"],
  ["a DestinationRule with ISTIO_MUTUAL", { transportSocket: socket(upstream()) }, endpoint(), "mutual"],
  ["with DISABLE, or without automatic mutual TLS", {}, endpoint("istio"), "plain"],
  [
    "with SIMPLE: it shows no certificate",
    { transportSocket: socket(upstream({ combinedValidationContext: meshContext.combinedValidationContext })) },
    endpoint("istio"),
    "tls",
  ],
  [
    "with MUTUAL: it shows another",
    {
      transportSocket: socket(
        upstream({ ...meshContext, tlsCertificateSdsSecretConfigs: [{ name: "file-cert:/a~/b" }] }),
      ),
    },
    endpoint("istio"),
    "tls",
  ],
  [
    "with other roots than the mesh's",
    {
      transportSocket: socket(
        upstream({
          ...meshContext,
          combinedValidationContext: { validationContextSdsSecretConfig: { name: "file-root:/r" } },
        }),
      ),
    },
    endpoint("istio"),
    "tls",
  ],
];

describe("the clusters that istiod sends", () => {
  for (const [rule, cluster, to, spoken] of cases) it(rule, () => assert.equal(spokenTo(cluster, to), spoken));

  it("are read with their endpoints, but for those of subsets and of hosts outside", () => {
    const cluster = (name: string) => ({ "@type": "x.Cluster", name, transportSocketMatches: matches });
    const assignment = {
      "@type": "x.ClusterLoadAssignment",
      clusterName: "outbound|9080||web.shop.svc.cluster.local",
      endpoints: [{ lbEndpoints: [endpoint("istio")] }, { lbEndpoints: [endpoint()] }],
    };
    const names = ["9080||web.shop.svc.cluster.local", "9080|v1|web.shop.svc.cluster.local", "443||example.com"];
    const configs = [...names.map((name) => cluster(`outbound|${name}`)), cluster("BlackHoleCluster"), assignment];
    assert.deepEqual(proxyOutbound({ configs }), [
      { namespace: "shop", service: "web", port: 9080, endpoints: ["mutual", "plain"] },
    ]);
  });
});
