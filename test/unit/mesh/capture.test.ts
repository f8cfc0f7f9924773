import assert from "node:assert/strict";
import { type Uncaught, uncaughtPorts } from "../../../mesh/capture";

/*
 * Sources, all in istio/istio: injection-template.yaml of the chart istiod (the arguments of istio-init, the annotations for CNI),
 * tools/istio-iptables/pkg/capture/run.go (handleInboundPortsInclude), cni/pkg/plugin/sidecar_redirect.go.
 */
const template = "injection-template.yaml";
const rules = "handleInboundPortsInclude";
const cni = "sidecar_redirect.go";
const prefix = "traffic.sidecar.istio.io/";
const injected = " (in the arguments of istio-init: the pod has no such annotation, so it is from what injects it)";
const all: Uncaught = { ports: [], interfaces: [], because: [] };

const iptables = "tools/istio-iptables/pkg/cmd/root.go";
interface Given {
  mode?: string;
  /** Of istio-init. */
  env?: Record<string, string>;
  init?: object;
  /** Of the application. */
  port?: number;
}

/** A pod with the arguments of istio-init, or with the container that injection leaves for CNI. */
const pod = (
  args: string[] | undefined,
  annotations: Record<string, string> = {},
  { mode, env = {}, init = {}, port }: Given = {},
) => ({
  metadata: { name: "p", namespace: "shop", annotations },
  spec: {
    containers: [{ name: "app", ...(port === undefined ? {} : { ports: [{ containerPort: port }] }) }],
    initContainers: [
      args === undefined
        ? { name: "istio-validation" }
        : {
            ...{ name: "istio-init", args: ["istio-iptables", ...args] },
            ...{ env: Object.entries(env).map(([name, value]) => ({ name, value })), ...init },
          },
      {
        name: "istio-proxy",
        env: mode === undefined ? [] : [{ name: "ISTIO_META_INTERCEPTION_MODE", value: mode }],
      },
    ],
  },
});
const usual = ["-m", "REDIRECT", "-b", "*", "-d", "15090,15021,15020"];

type Case = [rule: string, source: string, pod: Parameters<typeof uncaughtPorts>[0], expected: Uncaught];
const cases: Case[] = [
  ["everything is caught, but for the agent's own ports", template, pod(usual), all],
  [
    "a port of the agent that was moved is its own, too",
    template,
    pod(["-b", "*", "-d", "15090,15021,15029"], { "status.sidecar.istio.io/port": "15029" }),
    all,
  ],
  [
    "excludeInboundPorts goes past",
    rules,
    pod(["-b", "*", "-d", "15090,15021,15020,9080"], { [`${prefix}excludeInboundPorts`]: "9080" }),
    { ...all, ports: [9080], because: [`${prefix}excludeInboundPorts: "9080"`] },
  ],
  [
    "it may come from the chart's values as well",
    template,
    pod(["-b", "*", "-d", "15090,15021,15020,9080"]),
    { ...all, ports: [9080], because: [`${prefix}excludeInboundPorts: "9080"${injected}`] },
  ],
  [
    "the agent's port, moved to where an application may be",
    template,
    pod(["-b", "*", "-d", "15090,15021,9080"], { "status.sidecar.istio.io/port": "9080" }),
    { ...all, ports: [9080], because: [`status.sidecar.istio.io/port: "9080"`] },
  ],
  [
    "the same by the chart's statusPort",
    template,
    pod(["-b", "*", "-d", "15090,15021,9080"]),
    { ...all, ports: [9080], because: [`${prefix}excludeInboundPorts: "9080"${injected}`] },
  ],
  [
    "one of Istio's own ports that the application has declared",
    template,
    pod(["-b", "*", "-d", "15090,15021,15029"], { "status.sidecar.istio.io/port": "15029" }, { port: 15029 }),
    { ...all, ports: [15029], because: [`status.sidecar.istio.io/port: "15029"`] },
  ],
  [
    "an application at the port of tunnels",
    "tools/istio-iptables/pkg/capture/run.go",
    pod(usual, {}, { port: 15008 }),
    { ...all, ports: [15008], because: ["its being the port of tunnels (HBONE), which istio-init leaves alone"] },
  ],
  [
    "another port of tunnels",
    iptables,
    pod(usual, {}, { env: { INBOUND_TUNNEL_PORT: "9080" } }),
    { ...all, ports: [9080], because: ["its being the port of tunnels (HBONE), which istio-init leaves alone"] },
  ],
  ...["DRY_RUN", "SKIP_RULE_APPLY", "CLEANUP_ONLY"].map((name): Case => [
    `${name} makes no rules`,
    iptables,
    pod(usual, {}, { env: { [name]: "true" } }),
    { ...all, allBut: [], because: [`${name} of istio-init, which proxyMetadata gives it`] },
  ]),
  ["DRY_RUN that is off", iptables, pod(usual, {}, { env: { DRY_RUN: "false" } }), all],
  [
    "the same as an argument",
    iptables,
    pod([...usual, "--dry-run"]),
    { ...all, allBut: [], because: ["DRY_RUN of istio-init, which proxyMetadata gives it"] },
  ],
  [
    "interfaces by a variable",
    iptables,
    pod(usual, {}, { env: { ISTIO_EXCLUDE_INTERFACES: "eth0" } }),
    { ...all, interfaces: ["eth0"], because: [`${prefix}excludeInterfaces: "eth0"${injected}`] },
  ],
  [
    "interfaces whose connections count as outgoing",
    template,
    pod([...usual, "-k", "eth0"], { "istio.io/reroute-virtual-interfaces": "eth0" }),
    { ...all, interfaces: ["eth0"], because: [`istio.io/reroute-virtual-interfaces: "eth0"`] },
  ],
  [
    "long flags, as a template of one's own may have them",
    iptables,
    pod(["--istio-inbound-ports=9090"], { [`${prefix}includeInboundPorts`]: "9090" }),
    { ...all, allBut: [9090], because: [`${prefix}includeInboundPorts: "9090"`] },
  ],
  [
    "an istio-init that runs something else",
    template,
    pod(usual, {}, { init: { command: ["true"] } }),
    { ...all, allBut: [], because: ["what istio-init runs instead"] },
  ],
  [
    "a pod that has neither",
    template,
    { metadata: { name: "p", annotations: {} }, spec: { containers: [{ name: "istio-proxy" }] } },
    {
      ...{ ...all, allBut: [] },
      because: ["its having neither istio-init nor, of Istio's CNI plugin, istio-validation"],
    },
  ],
  [
    "with a list of included ports the rest does, and what is excluded does not count",
    rules,
    pod(["-b", "9080,9090", "-d", "9080"]),
    { ...all, allBut: [9080, 9090], because: [`${prefix}includeInboundPorts: "9080,9090"${injected}`] },
  ],
  [
    "with an empty one everything does",
    rules,
    pod(["-b", "", "-d", ""]),
    { ...all, allBut: [], because: [`${prefix}includeInboundPorts: ""${injected}`] },
  ],
  [
    "excludeInterfaces",
    template,
    pod([...usual, "-c", "net1"]),
    { ...all, interfaces: ["net1"], because: [`${prefix}excludeInterfaces: "net1"${injected}`] },
  ],
  [
    "interceptionMode NONE has no rules",
    template,
    pod(undefined, {}, { mode: "NONE" }),
    { ...all, allBut: [], because: ["sidecar.istio.io/interceptionMode: NONE"] },
  ],
  ["TPROXY catches as well", template, pod(usual, {}, { mode: "TPROXY" }), all],
  ["with CNI the annotations say so: none", cni, pod(undefined, {}, { mode: "REDIRECT" }), all],
  [
    "or some",
    cni,
    pod(undefined, { [`${prefix}excludeInboundPorts`]: "9080, 15020" }, { mode: "REDIRECT" }),
    { ...all, ports: [9080], because: [`${prefix}excludeInboundPorts: "9080"`] },
  ],
  [
    "the rules that were made count, not an annotation that came later",
    template,
    pod(usual, { [`${prefix}excludeInboundPorts`]: "9080" }),
    all,
  ],
];

describe("the ports that go past a sidecar", () => {
  for (const [rule, source, given, expected] of cases)
    it(`${rule} (${source})`, () => assert.deepEqual(uncaughtPorts(given), expected));
});
