import { type Values, mergeValues } from "../base/merge";
import { asTree } from "../base/tree";

/** Istio's CRDs (chart base 1.31.0): 19,400 lines, most of what it takes to render the chart. */
export const istioDefinitions = [
  ...["trafficextensions", "wasmplugins"].map((name) => `${name}.extensions.istio.io`),
  ...[
    "destinationrules",
    "envoyfilters",
    "gateways",
    "proxyconfigs",
    "serviceentries",
    "sidecars",
    "virtualservices",
    "workloadentries",
    "workloadgroups",
  ].map((name) => `${name}.networking.istio.io`),
  ...["authorizationpolicies", "peerauthentications", "requestauthentications"].map(
    (name) => `${name}.security.istio.io`,
  ),
  "telemetries.telemetry.istio.io",
];

/** Values by which the chart `base` leaves some CRDs out (`base.excludedCRDs`). */
export function baseWithout(definitions: readonly string[], values: Values): Values {
  const { excludedCRDs } = asTree(asTree(values).base);
  const excluded = [...(Array.isArray(excludedCRDs) ? (excludedCRDs as unknown[]) : []), ...definitions];
  return mergeValues(values, { base: { excludedCRDs: excluded } });
}
