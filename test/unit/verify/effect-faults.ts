import type { ModeInForce } from "../../../mesh/proxy-inbound";
import { type Seen, valueIn } from "./healthy";

/* What is wrong with the effect, although every object is right: for the table of checks.test.ts, on the stack staging. */

type Fault = [broken: (seen: Seen) => void, checks: string[], evidence: RegExp];

const pod = (seen: Seen) => valueIn(seen.view.pods["bookinfo"])[0]!;
const mesh = (seen: Seen, text: string) => void (valueIn(seen.view.meshConfigs["istio"]).data = { mesh: text });
const ports = (seen: Seen) => Object.values(seen.probes.workloadLeg!.ports)[0]!;

/** The arguments by which the network of a pod is set up. */
const rules = (seen: Seen, annotations: Record<string, string>, ...args: string[]) => {
  pod(seen).spec.initContainers![0]!.args = ["istio-iptables", ...args];
  Object.assign((pod(seen).metadata.annotations ??= {}), annotations);
};

/** What istiod sends to the proxy of a workload. */
export function send(
  seen: Seen,
  all: ModeInForce | undefined,
  own: Record<number, ModeInForce> = {},
  place = "bookinfo/app-1",
): void {
  seen.probes.proxies.inbound[place] = { state: "sent", value: { all, ports: own } };
}

/** Makes the pod of the shop the workload of the stack's exception: port 9102 PERMISSIVE. */
export function except(seen: Seen, mode?: ModeInForce): void {
  valueIn(seen.view.pods["shop"])[0]!.metadata.labels = { app: "legacy-metrics" };
  send(seen, "STRICT", mode === undefined ? {} : { 9102: mode }, "shop/app-1");
}

export const effectFaults: Record<string, Fault> = {
  "a proxy takes plain text, whatever the policies say": [
    (seen) => send(seen, "PERMISSIVE"),
    ["effect/inbound"],
    /^bookinfo\/app-1: every port takes plain text as well$/,
  ],
  "a proxy takes plain text at a port": [
    (seen) => send(seen, "STRICT", { 9080: "DISABLE" }),
    ["effect/inbound"],
    /^bookinfo\/app-1: port 9080 takes plain text only$/,
  ],
  "a proxy takes clients that show no certificate of the mesh": [
    (seen) => send(seen, "TLS", { 9080: "TLS" }),
    ["effect/inbound"],
    /^bookinfo\/app-1: every port takes TLS of clients that show no certificate of the mesh$/,
  ],
  "a proxy has no listener": [
    (seen) => send(seen, undefined),
    ["effect/inbound"],
    /^bookinfo\/app-1: every port goes past its proxy$/,
  ],
  "istiod does not read the root namespace": [
    (seen) => {
      mesh(seen, "rootNamespace: istio-system\ndiscoverySelectors:\n- matchLabels:\n    istio-injection: enabled\n");
      send(seen, "PERMISSIVE");
    },
    ["control-plane/discovery", "effect/inbound"],
    /istio-system/,
  ],
  "istiod does not read a namespace of the mesh": [
    (seen) => {
      mesh(
        seen,
        "rootNamespace: istio-system\ndiscoverySelectors:\n- matchLabels: { kubernetes.io/metadata.name: istio-system }\n",
      );
      send(seen, "PERMISSIVE");
    },
    ["control-plane/discovery", "effect/inbound"],
    /bookinfo/,
  ],
  "istiod takes another namespace for the root": [
    (seen) => {
      mesh(seen, "rootNamespace: other\n");
      send(seen, "PERMISSIVE");
    },
    ["control-plane/mesh-configuration", "effect/inbound"],
    /other/,
  ],
  "istiod leaves namespaces out, by selectors in the other spelling": [
    (seen) => {
      mesh(seen, "root_namespace: istio-system\ndiscovery_selectors:\n- match_labels: { mesh: 'yes' }\n");
      send(seen, "PERMISSIVE");
    },
    ["control-plane/discovery", "effect/inbound"],
    /no selector of discoverySelectors matches namespace istio-system/,
  ],
  "istiod keeps its last configuration, as a field is there in two spellings": [
    (seen) => {
      mesh(seen, "rootNamespace: istio-system\nroot_namespace: istio-system\n");
      send(seen, "PERMISSIVE");
    },
    ["control-plane/mesh-configuration", "effect/inbound"],
    /rootNamespace in two spellings/,
  ],
  "an EnvoyFilter is there while a proxy takes plain text": [
    (seen) => {
      seen.view.envoyFilters = { state: "read", value: [{ metadata: { name: "legacy", namespace: "bookinfo" } }] };
      send(seen, "STRICT", { 9080: "DISABLE" });
    },
    ["effect/inbound"],
    /\(EnvoyFilter bookinfo\/legacy may change what istiod sends\)/,
  ],
  "a declared exception is not in force": [
    (seen) => except(seen),
    ["effect/inbound"],
    /^shop\/app-1: port 9102 takes mutual TLS alone, and PERMISSIVE is declared/,
  ],
  "a declared exception is weaker in force": [
    (seen) => except(seen, "DISABLE"),
    ["effect/inbound"],
    /^shop\/app-1: port 9102 takes plain text only, and PERMISSIVE is declared/,
  ],
  "a port goes past a proxy": [
    (seen) =>
      rules(
        seen,
        { "traffic.sidecar.istio.io/excludeInboundPorts": "9080" },
        ...["-b", "*", "-d", "15090,15021,15020,9080"],
      ),
    ["effect/captured"],
    /^bookinfo\/app-1: port 9080 goes past its proxy, by traffic\.sidecar\.istio\.io\/excludeInboundPorts: "9080"$/,
  ],
  "all but some ports go past a proxy": [
    (seen) => rules(seen, {}, "-b", "7000", "-d", ""),
    ["effect/captured"],
    /every port but 7000 goes past its proxy/,
  ],
  "nothing is caught for a proxy": [
    (seen) => void (pod(seen).metadata.annotations = { "sidecar.istio.io/interceptionMode": "NONE" }),
    ["effect/captured"],
    /every port goes past its proxy, by sidecar\.istio\.io\/interceptionMode: NONE/,
  ],
  "the gateway's proxy is told to speak plain text to a Service": [
    (seen) => {
      for (const fact of Object.values(seen.probes.proxies.outbound))
        if (fact.state === "sent") fact.value[0]!.endpoints = ["mutual", "plain"];
    },
    ["effect/gateway-outbound"],
    /:\d+ is spoken to in clear text$/,
  ],
  "or TLS without the mesh's certificates": [
    (seen) => {
      for (const fact of Object.values(seen.probes.proxies.outbound))
        if (fact.state === "sent") fact.value[0]!.endpoints = ["tls"];
    },
    ["effect/gateway-outbound"],
    /is spoken to by TLS without Istio's certificates$/,
  ],
  "a workload answers in plain text": [
    (seen) => void (ports(seen).plain = { outcome: "taken", text: "HTTP/1.1 200 OK" }),
    ["effect/plain-text"],
    /takes plain text, and answers "HTTP\/1\.1 200 OK"/,
  ],
  "a workload refuses the gateway": [
    (seen) => void (ports(seen).mutual = { outcome: "refused", reason: "unknown ca" }),
    ["effect/plain-text"],
    /refuses the gateway's certificate: unknown ca/,
  ],
};
