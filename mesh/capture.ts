import { asText, at, textsAt, treesAt } from "../base/tree";
import type { MeshObject } from "./object";

/*
 * Which of a pod's ports lead through its sidecar. The rules are made in the pod's network by `istio-init`, with the arguments that
 * injection wrote (injection-template.yaml of the chart istiod), or by Istio's CNI plugin, which reads the pod's annotations
 * (cni/pkg/plugin/sidecar_redirect.go). istiod knows nothing of it: its listeners are the same for what never reaches them.
 */

/** The ports that go past a sidecar, so that whatever its listeners say, they take plain text. */
export interface Uncaught {
  /** Everything does, but for these; undefined where everything is caught, but for `ports`. */
  allBut?: number[];
  ports: number[];
  /** Network interfaces whose connections are not caught. */
  interfaces: string[];
  /** What says so, such as `traffic.sidecar.istio.io/excludeInboundPorts: "9080"`; empty where all is caught. */
  because: string[];
}

/** Annotations of a pod by which not all of it is caught. */
const annotation = {
  excludedPorts: "traffic.sidecar.istio.io/excludeInboundPorts",
  includedPorts: "traffic.sidecar.istio.io/includeInboundPorts",
  excludedInterfaces: "traffic.sidecar.istio.io/excludeInterfaces",
  kubevirtInterfaces: "traffic.sidecar.istio.io/kubevirtInterfaces",
  reroutedInterfaces: "istio.io/reroute-virtual-interfaces",
  mode: "sidecar.istio.io/interceptionMode",
  statusPort: "status.sidecar.istio.io/port",
};
export const captureAnnotationsOfPods = Object.values(annotation);

/** Variables by which `istio-init` makes no rules at all (tools/istio-iptables/pkg/cmd/root.go; a variable counts for each flag). */
const noRules = ["DRY_RUN", "SKIP_RULE_APPLY", "CLEANUP_ONLY", "HOST_FILESYSTEM_POD_NETWORK", "NETWORK_NAMESPACE"];
/** Those by which some interfaces are left out, or a port is. */
const fewerRules = ["ISTIO_EXCLUDE_INTERFACES", "KUBE_VIRT_INTERFACES", "INBOUND_TUNNEL_PORT"];
/** Variables of `istio-init` that no proxy may be given: they come from its `proxyMetadata`. */
export const uncapturingVariables = [...noRules, ...fewerRules];

/** The agent's own ports: health, metrics of Envoy, and merged metrics. They say nothing of the application. */
const ownPorts = [15020, 15021, 15090];
/** Istio's own ports (https://istio.io/latest/docs/ops/deployment/application-requirements/): the agent's may be one of them. */
const isIstiosPort = (port: number) => port >= 15000 && port < 15100;
/** The end of HBONE tunnels, which the rules leave alone (tools/istio-iptables/pkg/capture/run.go). */
export const tunnelPort = 15008;

const nothingCaught = (because: string): Uncaught => ({ allBut: [], ports: [], interfaces: [], because: [because] });

export function uncaughtPorts({
  metadata: { annotations = {} },
  spec,
}: Pick<MeshObject, "metadata" | "spec">): Uncaught {
  const containers = [...treesAt(spec, "initContainers"), ...treesAt(spec, "containers")];
  const named = (name: string) => containers.find((container) => container["name"] === name);
  const init = named("istio-init");
  const mode =
    variable(named("istio-proxy"), "ISTIO_META_INTERCEPTION_MODE") ?? annotations[annotation.mode] ?? "REDIRECT";
  if (mode === "NONE") return nothingCaught(`${annotation.mode}: NONE`);
  // With CNI injection leaves this one in the place of istio-init (injection-template.yaml).
  if (init === undefined && named("istio-validation") === undefined)
    return nothingCaught("its having neither istio-init nor, of Istio's CNI plugin, istio-validation");
  const args = textsAt(init, "args");
  if (init !== undefined) {
    if (init["command"] !== undefined || args[0] !== "istio-iptables")
      return nothingCaught("what istio-init runs instead");
    const off = noRules.find((name) => isOn(variable(init, name)) || isOn(flagOf(args, longFlag(name))));
    if (off !== undefined) return nothingCaught(`${off} of istio-init, which proxyMetadata gives it`);
  }
  const setting = (short: string, variableName: string, name: string) =>
    init === undefined
      ? annotations[name]
      : (flagOf(args, short) ?? flagOf(args, longFlag(variableName)) ?? variable(init, variableName));
  const injected = " (in the arguments of istio-init: the pod has no such annotation, so it is from what injects it)";
  const says = (name: string, value: string) =>
    `${name}: ${JSON.stringify(value)}${annotations[name] === undefined ? injected : ""}`;

  const included = setting("-b", "ISTIO_INBOUND_PORTS", annotation.includedPorts) ?? "*";
  const excluded = setting("-d", "ISTIO_LOCAL_EXCLUDE_PORTS", annotation.excludedPorts) ?? "";
  const status = annotations[annotation.statusPort];
  const declared = containers
    .filter(({ name }) => !["istio-init", "istio-proxy", "istio-validation"].includes(String(name)))
    .flatMap((container) => treesAt(container, "ports").map((port) => Number(at(port, "containerPort"))));
  const isAgents = (port: number) =>
    ownPorts.includes(port) || (port === Number(status) && isIstiosPort(port) && !declared.includes(port));
  const interfaces = [
    ["-c", "ISTIO_EXCLUDE_INTERFACES", annotation.excludedInterfaces] as const,
    ["-k", "KUBE_VIRT_INTERFACES", annotation.reroutedInterfaces] as const,
  ].map(([short, variableName, name]) => ({ name, list: words(setting(short, variableName, name) ?? "") }));
  const tunnel = Number(variable(init, "INBOUND_TUNNEL_PORT") ?? tunnelPort);
  const open = [
    ...numbers(excluded).filter((port) => !isAgents(port)),
    // Nobody is there as a rule; an application that is takes plain text.
    ...(tunnel !== tunnelPort || declared.includes(tunnel) ? [tunnel] : []),
  ];
  const viaStatus = (port: number) => String(port) === status;
  const onInterfaces = interfaces.flatMap(({ name, list }) => (list.length === 0 ? [] : [says(name, list.join(","))]));
  const common = { interfaces: interfaces.flatMap(({ list }) => list) };
  if (included !== "*")
    // Of the two, Istio reads excludeInboundPorts only where everything is included.
    return {
      ...{ allBut: numbers(included), ports: [], ...common },
      because: [says(annotation.includedPorts, included), ...onInterfaces],
    };
  const byList = open.filter((port) => port !== tunnel && !viaStatus(port));
  return {
    ...{ ports: open, ...common },
    because: [
      ...(byList.length === 0 ? [] : [says(annotation.excludedPorts, byList.join(","))]),
      ...open.filter(viaStatus).map((port) => `${annotation.statusPort}: "${port}"`),
      ...(open.includes(tunnel) ? ["its being the port of tunnels (HBONE), which istio-init leaves alone"] : []),
      ...onInterfaces,
    ],
  };
}

function variable(container: unknown, name: string): string | undefined {
  return asText(
    at(
      treesAt(container, "env").find((one) => one["name"] === name),
      "value",
    ),
  );
}

/** As istio-iptables names the flag of a variable. */
const longFlag = (name: string) => `--${name.toLowerCase().replaceAll("_", "-")}`;

/** The value of a flag: `-b 1`, `-b=1`; of one without a value, `true`. */
function flagOf(args: readonly string[], flag: string): string | undefined {
  const index = args.findLastIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  if (index < 0) return undefined;
  const [, given] = /=([^]*)$/.exec(args[index]!) ?? [];
  return given ?? args[index + 1] ?? "true";
}

const isOn = (value: string | undefined) =>
  value !== undefined && !["", "false", "0", "f", "F", "False", "FALSE"].includes(value);

const words = (text: string) =>
  text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
const numbers = (text: string) => words(text).map(Number);
