import assert from "node:assert/strict";
import { type ModeInForce, modeInForce, proxyInbound } from "../../../mesh/proxy-inbound";
import { downstream, dumpOf, listener, plainChain, tlsChain } from "../proxies";

/*
 * Sources, all in istio/istio, pilot/pkg: networking/core/listener_inbound.go (buildInboundListeners, buildInboundPassthroughChains,
 * buildInboundBlackhole, buildInboundHBONEListeners), networking/core/filterchain_options.go (inboundStrict…, inboundPermissive…,
 * inboundPlainText…FilterChainMatchOptions), security/authn/utils/utils.go (BuildInboundTLS).
 */
const passthrough = "buildInboundPassthroughChains";
const options = "filterchain_options.go";
const blackhole = {
  name: "virtualInbound-blackhole",
  filterChainMatch: { destinationPort: 15006 },
  filters: [{ name: "tcp", typedConfig: { cluster: "BlackHoleCluster" } }],
};
const strict = [tlsChain({ applicationProtocols: ["istio-http/1.1"] }), tlsChain({})];
const permissive = [
  tlsChain({ applicationProtocols: ["istio", "istio-peer-exchange"] }),
  plainChain({ transportProtocol: "raw_buffer" }),
  // TLS that is not of the mesh is passed on as it is.
  plainChain({ transportProtocol: "tls" }),
];
const at = (port: number, chains: object[]) =>
  chains.map((chain) => ({
    ...chain,
    filterChainMatch: { ...(chain as { filterChainMatch: object }).filterChainMatch, destinationPort: port },
  }));

type Case = [rule: string, source: string, listeners: object[], all: ModeInForce | undefined, ports: object];
const cases: Case[] = [
  ["STRICT has TLS chains alone", options, [listener([blackhole, ...strict])], "STRICT", {}],
  ["PERMISSIVE has a plain chain beside them", options, [listener([blackhole, ...permissive])], "PERMISSIVE", {}],
  ["DISABLE has plain chains alone", options, [listener([blackhole, plainChain({})])], "DISABLE", {}],
  [
    "a port of a Service has chains of its own",
    "buildInboundListeners",
    [listener([...strict, ...at(9080, strict)])],
    "STRICT",
    { 9080: "STRICT" },
  ],
  [
    "a port may be weaker than the rest",
    passthrough,
    [listener([...strict, ...at(9080, permissive), ...at(9102, [plainChain({})])])],
    "STRICT",
    { 9080: "PERMISSIVE", 9102: "DISABLE" },
  ],
  ["or stricter", passthrough, [listener([...permissive, ...at(9080, strict)])], "PERMISSIVE", { 9080: "STRICT" }],
  ["the proxy's own port is dropped, and is no port", "buildInboundBlackhole", [listener([blackhole])], undefined, {}],
  [
    "a listener of a Sidecar with captureMode NONE is bound to its port, and catches nothing else",
    "inboundCustomListener",
    [{ ...listener(strict), name: "10.0.0.1_8080", address: { socketAddress: { portValue: 8080 } } }],
    undefined,
    { 8080: "STRICT" },
  ],
  ["without interception there is no listener", "GetInterceptionMode", [], undefined, {}],
  [
    "what comes out of an HBONE tunnel has been decrypted: an internal listener",
    "buildInboundHBONEListeners",
    [listener(strict), { ...listener([plainChain({})]), name: "main_internal", internalListener: {} }],
    "STRICT",
    {},
  ],
  [
    "listeners for what the pod sends are none of it",
    "buildSidecarOutboundListeners",
    [listener(strict), { ...listener([plainChain({})]), name: "0.0.0.0_80", trafficDirection: "OUTBOUND" }],
    "STRICT",
    {},
  ],
  [
    "an EnvoyFilter may take the TLS context from one chain",
    "envoyfilter/listener_patch.go",
    [listener([...strict, ...at(9080, [plainChain({ transportProtocol: "tls" })])])],
    "STRICT",
    { 9080: "DISABLE" },
  ],
  [
    "or add a default chain",
    "envoyfilter/listener_patch.go",
    [{ ...listener(strict), defaultFilterChain: plainChain({}) }],
    "PERMISSIVE",
    {},
  ],
  [
    "or ask for no certificate of the client",
    "envoyfilter/listener_patch.go",
    [listener([tlsChain({}, downstream({ requireClientCertificate: undefined }))])],
    "TLS",
    {},
  ],
  [
    "or take one of whatever CA",
    "envoyfilter/listener_patch.go",
    [listener([tlsChain({}, downstream({ commonTlsContext: { alpnProtocols: ["h2"] } }))])],
    "TLS",
    {},
  ],
  [
    "or of one that is not trusted",
    "envoyfilter/listener_patch.go",
    [
      listener([
        tlsChain(
          {},
          downstream({
            commonTlsContext: {
              combinedValidationContext: {
                defaultValidationContext: { trustChainVerification: "ACCEPT_UNTRUSTED" },
                validationContextSdsSecretConfig: { name: "ROOTCA" },
              },
            },
          }),
        ),
      ]),
    ],
    "TLS",
    {},
  ],
  [
    "or a socket that takes clear text first",
    "envoyfilter/listener_patch.go",
    [
      listener([
        {
          ...plainChain({}),
          transportSocket: {
            typedConfig: {
              "@type": "type.googleapis.com/envoy.extensions.transport_sockets.starttls.v3.StartTlsConfig",
            },
          },
        },
      ]),
    ],
    "DISABLE",
    {},
  ],
];

describe("the listeners that istiod sends", () => {
  for (const [rule, source, listeners, all, ports] of cases)
    it(`${rule} (${source})`, () => assert.deepEqual(proxyInbound(dumpOf(listeners)), { all, ports }));

  it("are read in Envoy's own shape, too", () => {
    const dynamicListeners = [{ name: "virtualInbound", activeState: { listener: listener(strict) } }];
    const dump = {
      configs: [{ "@type": "x.ClustersConfigDump" }, { "@type": "x.ListenersConfigDump", dynamicListeners }],
    };
    assert.equal(proxyInbound(dump).all, "STRICT");
  });

  it("stand before every port that has none of its own", () => {
    const found = proxyInbound(dumpOf([listener([...strict, ...at(9080, permissive)])]));
    assert.deepEqual(
      [undefined, 9080, 7000].map((port) => modeInForce(found, port)),
      ["STRICT", "PERMISSIVE", "STRICT"],
    );
  });

  it("are none where there is no dump", () => {
    for (const dump of [undefined, null, "not connected", { configs: "x" }])
      assert.deepEqual(proxyInbound(dump), { all: undefined, ports: {} });
  });
});
