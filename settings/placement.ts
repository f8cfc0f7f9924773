import type { Values } from "../base/merge";
import { asList, asText, at, treeAt } from "../base/tree";
import { enroute } from "../mesh/enroute";
import { gatewayArchitectures } from "../mesh/images";
import type { ContainerResources } from "../mesh/pod-admission";
import type { Placement, Toleration } from "../mesh/scheduling";
import { type ChartValues, chartValues, effectiveIstiod } from "./effective";
import type { Settings } from "./schema";

/* What the pods of a stack ask of nodes and namespaces, as its charts' values say it. */

/** Where the pods of a release may go, and which keys of the settings say so. */
export interface PlacedRelease {
  release: string;
  /** Section of the settings. */
  section: ChartValues["section"];
  placement: Placement;
}

/** Where each chart keeps labels of nodes and tolerations. */
const places: Record<ChartValues["section"], { release: string; path: string[]; selector: string }> = {
  istio: { release: "istiod", path: [], selector: "nodeSelector" },
  gateway: { release: enroute.release, path: [], selector: "nodeSelector" },
  prometheus: { release: "prometheus", path: ["server"], selector: "nodeSelector" },
  kiali: { release: "kiali-server", path: ["deployment"], selector: "node_selector" },
};

/** What istiod tolerates whatever its values are (chart istiod, templates/deployment.yaml). */
const istiodTolerations: Toleration[] = [{ key: "cni.istio.io/not-ready", operator: "Exists" }];

/** Where the pods of each release may go. */
export function placedReleases(settings: Settings): PlacedRelease[] {
  return chartValues(settings).map(({ section, effective }) => {
    const { release, path, selector } = places[section];
    const tolerations = asList(at(effective, ...path, "tolerations")) as Toleration[];
    const placement: Placement = {
      nodeSelector: labelsAt(effective, ...path, selector),
      tolerations: section === "istio" ? [...istiodTolerations, ...tolerations] : tolerations,
      ...(section === "gateway" ? { architectures: gatewayArchitectures } : {}),
    };
    return { release, section, placement };
  });
}

function labelsAt(values: Values, ...path: string[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(treeAt(values, ...path)).flatMap(([key, value]) => {
      const text = asText(value);
      return text === undefined ? [] : [[key, text] as const];
    }),
  );
}

/** Whether Istio's CNI plugin does what the sidecars' init container does otherwise (chart istiod, `pilot.cni.enabled`). */
export function hasIstioCni(settings: Settings): boolean {
  return at(effectiveIstiod(settings), "cni", "enabled") === true;
}

/** What the chart `istiod` (1.31) gives each container of a sidecar where no value says another. */
const proxyResources = { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "2000m", memory: "1024Mi" } };

/** The containers that Istio adds to a pod. */
export function sidecarContainers(settings: Settings): ContainerResources[] {
  const own = at(effectiveIstiod(settings), "global", "proxy", "resources");
  const part = (name: "requests" | "limits") => ({ ...proxyResources[name], ...treeAt(own, name) });
  const resources = { requests: part("requests"), limits: part("limits") };
  const init = hasIstioCni(settings) ? "istio-validation" : "istio-init";
  return [init, "istio-proxy"].map((name) => ({ name, ...resources }));
}

/** The containers of the gateway's pod; the chart can size neither its cert-server nor its init container. */
export function gatewayContainers(settings: Settings): ContainerResources[] {
  const gateway = chartValues(settings).find(({ section }) => section === "gateway");
  const sized = (name: string, value: string) => ({ name, ...treeAt(gateway?.effective, "resources", value) });
  return [
    ...[{ name: "envoy-initconfig" }, sized("enroute", "enrouteService"), { name: "cert-server" }],
    ...[sized("redis", "redis"), sized("envoy", "envoy"), ...sidecarContainers(settings)],
  ];
}

/** The autoscalers that a stack asks for, by their owner's name; the one that Istio's chart makes unasked is left out. */
export function askedAutoscalers(settings: Settings): string[] {
  const { gateway, istio, kiali } = settings;
  const ofIstiod = { ...treeAt(istio.values), ...treeAt(istio.values, "pilot") };
  const wantsIstiods =
    istio.profile === "ha" ||
    ["autoscaleMin", "autoscaleMax"].some((key) => key in ofIstiod) ||
    ofIstiod["autoscaleEnabled"] === true;
  return [
    ...(gateway.autoscaling === undefined ? [] : ["the gateway"]),
    ...(wantsIstiods && effectiveIstiod(settings)["autoscaleEnabled"] !== false ? ["istiod"] : []),
    ...(at(kiali?.values, "deployment", "hpa", "spec") === undefined ? [] : ["Kiali"]),
  ];
}
