import assert from "node:assert/strict";
import type { PeerAuthentication } from "../../../cluster/kinds";
import { allChecks } from "../../../verify/verify";
import { stackFile } from "../stack-files";
import { type Seen, type Serving, healthy, serving, valueIn } from "./healthy";

/* What the checks say in cases that are rarer than the faults, by check: its status, and a word of its evidence or fix. */
const settings = stackFile("staging");
const [root, edge] = ["istio-system", "enroute-system"];
const disable = { trafficPolicy: { tls: { mode: "DISABLE" } } };
const unreadable = { state: "unreadable", reason: "not allowed" } as const;

const cases: [what: string, change: (seen: Seen) => void, check: string, status: string, says: RegExp][] = [
  [
    "a rule whose Services may not be read",
    ({ view }) => {
      view.services["shop"] = unreadable;
      valueIn(view.destinationRules).push({
        metadata: { name: "r", namespace: "shop" },
        spec: { host: "a", ...disable },
      });
    },
    "strict/destination-rules",
    "failed",
    /shop\/r turns TLS off for a \(all traffic\)/,
  ],
  [
    "a rule that may be for an exception, whose Services may not be read",
    ({ view, settings: stack }) => {
      for (const exception of stack.mutualTls.exceptions) {
        delete exception.ports;
        delete exception.workload;
      }
      view.services["shop"] = unreadable;
      valueIn(view.destinationRules).push({
        metadata: { name: "r", namespace: "shop" },
        spec: { host: "a", ...disable },
      });
    },
    "strict/destination-rules",
    "unknown",
    /Services of shop could not be read/,
  ],
  [
    "half of TLS",
    ({ view }) =>
      void valueIn(view.destinationRules).push({
        metadata: { name: "r", namespace: "shop" },
        spec: { host: "a", trafficPolicy: { tls: { mode: "SIMPLE" } } },
      }),
    "strict/destination-rules",
    "failed",
    /shop\/r weakens TLS for a \(all traffic: mode is SIMPLE\) .*remove spec\.trafficPolicy\.tls from it/,
  ],
  [
    "a Secret without a certificate",
    ({ view }) => void delete valueIn(view.servingSecrets["bookinfo"]).certificateChain,
    "certificates/present",
    "failed",
    /bookinfo\/gateway-serving-certificate has no key tls\.crt .*pulumi up --refresh/,
  ],
  [
    "the stack's own mesh-wide policy",
    ({ view }) => void (valueIn(view.peerAuthentications)[0]!.spec = { mtls: { mode: "DISABLE" } }),
    "strict/mesh-wide",
    "failed",
    /which is DISABLE run pulumi up --refresh$/,
  ],
  [
    "somebody's mesh-wide policy",
    ({ view }) => void valueIn(view.peerAuthentications).unshift(older("legacy", root, { mtls: { mode: "DISABLE" } })),
    "strict/mesh-wide",
    "failed",
    /kubectl -n istio-system delete peerauthentication legacy$/,
  ],
  [
    "two mesh-wide policies",
    ({ view }) => void valueIn(view.peerAuthentications).unshift(older("legacy", root, { mtls: { mode: "STRICT" } })),
    "strict/one-mesh-policy",
    "failed",
    /istio-system\/legacy, istio-system\/default: .*delete peerauthentication legacy$/,
  ],
  [
    "a port without a selector",
    ({ view }) =>
      void valueIn(view.peerAuthentications).push(
        older("p", "shop", { mtls: { mode: "STRICT" }, portLevelMtls: { "80": { mode: "DISABLE" } } }),
      ),
    "strict/ports",
    "failed",
    /shop\/p makes port 80 of every workload DISABLE/,
  ],
  [
    "no kind PeerAuthentication",
    ({ view }) => void (view.peerAuthentications = { state: "absent" }),
    "strict/mesh-wide",
    "failed",
    /the kind PeerAuthentication is not installed/,
  ],
  [
    "a route that somebody adds to the host of the stack",
    ({ view }) => void valueIn(view.gatewayHosts)[0]!.spec!.routes!.push({ permitInsecure: true }),
    "hosts/secure-routes",
    "failed",
    /GatewayHost bookinfo\/bookinfo\.staging\.example\.com .*kubectl -n bookinfo edit gatewayhost bookinfo\.staging\.example\.com$/,
  ],
  [
    "a route that the stack declares",
    ({ view, settings: stack }) => {
      stack.hosts[0]!.routes[0]!.permitInsecure = { reason: "old clients" };
      Object.assign(valueIn(view.gatewayHosts)[0]!.spec!.routes![0]!, { permitInsecure: true });
    },
    "hosts/secure-routes",
    "passed",
    /1 route; without TLS as declared: bookinfo\.staging\.example\.com\//,
  ],
  [
    "an answer in clear text on a path that is declared",
    ({ probes, settings: stack }) => {
      stack.hosts[0]!.routes[0]!.permitInsecure = { reason: "old clients" };
      Object.values(probes.clientLeg!)[0]!.plain = { outcome: "answered", status: 200 };
    },
    "client-leg/plain-http",
    "passed",
    /plain as declared/,
  ],
  [
    "an answer in clear text",
    ({ probes }) => void (Object.values(probes.clientLeg!)[0]!.plain = { outcome: "answered", status: 200 }),
    "client-leg/plain-http",
    "failed",
    /answers 200 in clear text/,
  ],
  [
    "a redirect to somewhere without TLS",
    ({ probes }) =>
      void (Object.values(probes.clientLeg!)[0]!.plain = { outcome: "answered", status: 302, location: "http://x/" }),
    "client-leg/plain-http",
    "failed",
    /answers 302 in clear text, Location http:\/\/x\//,
  ],
  [
    "ServiceRoutes that may not be read",
    ({ view }) => void (view.serviceRoutes = unreadable),
    "hosts/secure-routes",
    "unknown",
    /ServiceRoutes could not be read: not allowed/,
  ],
  [
    "no Service of the gateway",
    ({ view }) => void (view.services[edge] = { state: "read", value: [] }),
    "client-leg/address",
    "failed",
    /there is no Service enroute in namespace enroute-system run pulumi up --refresh$/,
  ],
  [
    "a Service of the gateway without an address",
    ({ view }) => void delete valueIn(view.services[edge])[0]!.status,
    "client-leg/address",
    "failed",
    /Service enroute has no address .*kubectl -n enroute-system describe service enroute$/,
  ],
  [
    "a Service of another type than the stack's",
    ({ view }) => void (valueIn(view.services[edge])[0]!.spec.type = "NodePort"),
    "client-leg/address",
    "failed",
    /Service enroute is of type NodePort; the stack wants LoadBalancer if the stack was changed since, run pulumi up; else have Helm put it back: helm rollback enroute-istio/,
  ],
  [
    "ports of the nodes, as the stack wants them",
    ({ view, settings: stack }) => {
      stack.gateway.service = { type: "NodePort" };
      Object.assign(valueIn(view.services[edge])[0]!.spec, {
        type: "NodePort",
        ports: [
          { port: 80, nodePort: 30080 },
          { port: 443, nodePort: 30443 },
        ],
      });
    },
    "client-leg/address",
    "passed",
    /^ports 30080 and 30443 of every node/,
  ],
  [
    "nodes that nobody could connect to",
    ({ probes, settings: stack }) => {
      stack.gateway.service = { type: "NodePort" };
      probes.clientLeg = undefined;
    },
    "client-leg/certificate",
    "unknown",
    /no node could be connected to.*--dial-services/,
  ],
  [
    "a gateway that is reached inside the cluster alone, looked at from outside",
    ({ probes, settings: stack }) => {
      stack.gateway.service = { type: "ClusterIP" };
      probes.clientLeg = undefined;
    },
    "client-leg/certificate",
    "unknown",
    /no address but the one inside the cluster.*from inside the cluster, with --dial-services/,
  ],
  [
    "the injector",
    () => undefined,
    "control-plane/injection-webhook",
    "passed",
    /^2 webhooks of istio-sidecar-injector$/,
  ],
  [
    "two GlobalConfigs, of which one is somebody's",
    ({ view }) => {
      const [ours] = valueIn(view.globalConfigs);
      valueIn(view.globalConfigs).push({ ...ours!, metadata: { name: "x", namespace: edge } });
    },
    "global-config/one",
    "failed",
    /delete what is not ours: kubectl -n enroute-system delete globalconfig x$/,
  ],
  [
    "a GlobalConfig in another namespace",
    ({ view }) => void (valueIn(view.globalConfigs)[0]!.metadata.namespace = "shop"),
    "global-config/one",
    "failed",
    /shop\/mesh is not in the gateway's namespace enroute-system/,
  ],
];

function older(name: string, namespace: string, spec: NonNullable<PeerAuthentication["spec"]>): PeerAuthentication {
  return { metadata: { name, namespace, creationTimestamp: "2026-01-01T00:00:00Z" }, spec };
}

describe("the checks of verify, told apart", () => {
  let certificates: Serving;
  before(async () => {
    certificates = await serving(settings);
  });

  for (const [what, change, check, status, says] of cases)
    it(`${check} ${status}: ${what}`, () => {
      const seen = healthy(structuredClone(settings), certificates);
      change(seen);
      const result = allChecks(seen.view, seen.settings, seen.probes, seen.options).find((one) => one.check === check)!;
      assert.equal(result.status, status, JSON.stringify(result));
      assert.match(`${result.evidence} ${result.fix ?? ""}`.trim(), says);
    });
});
