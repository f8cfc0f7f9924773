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

const prefix = "traffic.sidecar.istio.io/";

/** The agent's own ports: health, metrics of Envoy, and merged metrics. They say nothing of the application. */
const ownPorts = [15020, 15021, 15090];

export function uncaughtPorts({
  metadata: { annotations = {} },
  spec,
}: Pick<MeshObject, "metadata" | "spec">): Uncaught {
  const containers = [...treesAt(spec, "initContainers"), ...treesAt(spec, "containers")];
  const init = containers.find(({ name }) => name === "istio-init");
  const proxy = containers.find(({ name }) => name === "istio-proxy");
  const mode =
    asText(
      at(
        treesAt(proxy, "env").find(({ name }) => name === "ISTIO_META_INTERCEPTION_MODE"),
        "value",
      ),
    ) ??
    annotations["sidecar.istio.io/interceptionMode"] ??
    "REDIRECT";
  if (mode === "NONE")
    return { allBut: [], ports: [], interfaces: [], because: ["sidecar.istio.io/interceptionMode: NONE"] };
  const setting = (flag: string, name: string, otherwise: string) =>
    init === undefined ? (annotations[`${prefix}${name}`] ?? otherwise) : (argument(init, flag) ?? otherwise);
  const included = setting("-b", "includeInboundPorts", "*");
  const status = Number(annotations["status.sidecar.istio.io/port"] ?? 15020);
  const excluded = numbers(setting("-d", "excludeInboundPorts", "")).filter(
    (port) => ![...ownPorts, status].includes(port),
  );
  const interfaces = words(setting("-c", "excludeInterfaces", ""));
  const says = (name: string, value: string) => `${prefix}${name}: ${JSON.stringify(value)}`;
  const onInterfaces = interfaces.length === 0 ? [] : [says("excludeInterfaces", interfaces.join(","))];
  if (included !== "*")
    // Of the two, Istio reads excludeInboundPorts only where everything is included.
    return {
      allBut: numbers(included),
      ports: [],
      interfaces,
      because: [says("includeInboundPorts", included), ...onInterfaces],
    };
  return {
    ports: excluded,
    interfaces,
    because: [...(excluded.length === 0 ? [] : [says("excludeInboundPorts", excluded.join(","))]), ...onInterfaces],
  };
}

function argument(container: unknown, flag: string): string | undefined {
  const args = textsAt(container, "args");
  return args.includes(flag) ? (args[args.indexOf(flag) + 1] ?? "") : undefined;
}

const words = (text: string) =>
  text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
const numbers = (text: string) => words(text).map(Number);
