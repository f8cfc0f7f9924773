import { defined } from "../base/defined";
import { type Values, mergeValues } from "../base/merge";
import { treeAt } from "../base/tree";
import { defaultGatewayResources, enrouteValues } from "../mesh/enroute-values";
import { chartIdentity, defaultControlPlane } from "../mesh/control-planes";
import { ingressSupport } from "../mesh/gateway-rights";
import { relocatedPath } from "../mesh/images";
import { type IstioValuesArgs, istiodValues, readByIstiod } from "../mesh/istio-values";
import { kialiValues, prometheusUrl, prometheusValues } from "../mesh/observability-values";
import { type Owned, type Path, saidOf } from "../mesh/overrides";
import { istioOwned } from "../mesh/owned-istio";
import { gatewayOwned, kialiOwned, prometheusOwned } from "../mesh/owned-values";
import type { Settings } from "./schema";

/*
 * What the charts get: the values that the settings make, and over them those that a stack adds. Whoever needs to know what is in
 * force asks here; none of the settings alone tells.
 */

/** The values of a chart. */
export interface ChartValues {
  /** Section of the settings, such as `gateway`. */
  section: "istio" | "gateway" | "prometheus" | "kiali";
  /** What the settings make, without what the stack adds. */
  settled: Values;
  /** What the chart reads. */
  effective: Values;
  owned: readonly Owned[];
  /** Where a stack can say something about a path of the values, as keys of the settings. */
  saidAt: (path: Path) => Path | undefined;
}

/** Where the images of every chart come from, and by which Secrets they are pulled. */
export function pulling({ registry, imagePullSecrets }: Settings): { registry?: string; imagePullSecrets: string[] } {
  return { ...defined({ registry }), imagePullSecrets: imagePullSecrets.map(({ name }) => name) };
}

/** Registry path of Istio's images. */
export function istioHub({ istio, registry }: Settings): string {
  return relocatedPath(istio.hub, registry);
}

function istioArgs(settings: Settings): IstioValuesArgs {
  const { istio } = settings;
  return {
    ...istio,
    ...pulling(settings),
    hub: istioHub(settings),
    ...chartIdentity(defaultControlPlane(istio), defaultControlPlane(istio)),
    namespace: istio.namespace.name,
    // The program knows it; here it only matters that there is one.
    ...(istio.ca.issuer === "istiod" ? {} : { authorityFingerprint: "the CA's" }),
  };
}

/** What the chart `istiod` reads; of several, that of the default revision: they differ in nothing else. */
export function effectiveIstiod(settings: Settings): Values {
  return readByIstiod(mergeValues(istiodValues(istioArgs(settings)), settings.istio.values));
}

/** The mesh configuration in force, as far as the stack decides it; the chart adds its defaults. */
export function effectiveMeshConfig(settings: Settings): Values {
  return treeAt(effectiveIstiod(settings), "meshConfig");
}

/** The values of every chart of a stack. */
export function chartValues(settings: Settings): ChartValues[] {
  const { istio, gateway, prometheus, kiali } = settings;
  const pull = pulling(settings);
  const plain = (
    section: ChartValues["section"],
    settled: Values,
    values: Values | undefined,
    owned: readonly Owned[],
  ): ChartValues => ({
    ...{ section, settled, owned, effective: mergeValues(settled, values) },
    saidAt: (path) => firstSaid(settings, [[section, "values", ...path]]),
  });
  return [
    {
      section: "istio",
      settled: istiodValues({ ...istioArgs(settings), meshConfig: undefined }),
      effective: effectiveIstiod(settings),
      owned: istioOwned,
      saidAt: (path) =>
        firstSaid(settings, [
          ["istio", "values", "pilot", ...path],
          ["istio", "values", ...path],
          ...(path[0] === "meshConfig" ? [["istio", ...path]] : []),
        ]),
    },
    plain(
      "gateway",
      enrouteValues({
        ...gateway,
        ...pull,
        resources: { ...defaultGatewayResources, ...gateway.resources },
        ingresses: ingressSupport(gateway.ingresses),
      }),
      gateway.values,
      gatewayOwned,
    ),
    ...(prometheus === undefined
      ? []
      : [plain("prometheus", prometheusValues({ ...prometheus, ...pull }), prometheus.values, prometheusOwned)]),
    ...(kiali === undefined
      ? []
      : [
          plain(
            "kiali",
            kialiValues({
              ...kiali,
              ...pull,
              namespace: istio.namespace.name,
              prometheusUrl: prometheusUrl(istio.namespace.name),
            }),
            kiali.values,
            kialiOwned,
          ),
        ]),
  ];
}

/** Where the settings say something about the first of some paths about which they do. */
function firstSaid(settings: Settings, paths: Path[]): Path | undefined {
  return paths.map((path) => saidOf(settings, path)).find((said) => said !== undefined);
}
