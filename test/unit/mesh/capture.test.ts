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
const all: Uncaught = { ports: [], interfaces: [], because: [] };

const pod = (args: string[] | undefined, annotations: Record<string, string> = {}, mode?: string) => ({
  metadata: { name: "p", namespace: "shop", annotations },
  spec: {
    containers: [{ name: "app" }],
    initContainers: [
      ...(args === undefined ? [] : [{ name: "istio-init", args: ["istio-iptables", ...args] }]),
      {
        name: "istio-proxy",
        env: mode === undefined ? [] : [{ name: "ISTIO_META_INTERCEPTION_MODE", value: mode }],
      },
    ],
  },
});
const usual = ["-m", "REDIRECT", "-b", "*", "-d", "15090,15021,15020"];

const cases: [rule: string, source: string, pod: Parameters<typeof uncaughtPorts>[0], expected: Uncaught][] = [
  ["everything is caught, but for the agent's own ports", template, pod(usual), all],
  [
    "a port of the agent that was moved is its own, too",
    template,
    pod(["-b", "*", "-d", "15090,15021,15999"], { "status.sidecar.istio.io/port": "15999" }),
    all,
  ],
  [
    "excludeInboundPorts goes past",
    rules,
    pod(["-b", "*", "-d", "15090,15021,15020,9080"]),
    { ...all, ports: [9080], because: [`${prefix}excludeInboundPorts: "9080"`] },
  ],
  [
    "with a list of included ports the rest does, and what is excluded does not count",
    rules,
    pod(["-b", "9080,9090", "-d", "9080"]),
    { ...all, allBut: [9080, 9090], because: [`${prefix}includeInboundPorts: "9080,9090"`] },
  ],
  [
    "with an empty one everything does",
    rules,
    pod(["-b", "", "-d", ""]),
    { ...all, allBut: [], because: [`${prefix}includeInboundPorts: ""`] },
  ],
  [
    "excludeInterfaces",
    template,
    pod([...usual, "-c", "net1"]),
    { ...all, interfaces: ["net1"], because: [`${prefix}excludeInterfaces: "net1"`] },
  ],
  [
    "interceptionMode NONE has no rules",
    template,
    pod(undefined, {}, "NONE"),
    { ...all, allBut: [], because: ["sidecar.istio.io/interceptionMode: NONE"] },
  ],
  ["TPROXY catches as well", template, pod(usual, {}, "TPROXY"), all],
  ["with CNI the annotations say so: none", cni, pod(undefined, {}, "REDIRECT"), all],
  [
    "or some",
    cni,
    pod(undefined, { [`${prefix}excludeInboundPorts`]: "9080, 15020" }, "REDIRECT"),
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
