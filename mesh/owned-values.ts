import { ingressesAnnotation } from "../base/annotations";
import { treesAt, asText } from "../base/tree";
import { enroute } from "./enroute";
import { optOutKey } from "./injection";
import { off, on, only, owned, path, pulled, unset } from "./owned-lines";
import type { Owned, Path } from "./overrides";

/*
 * What the settings own in the values of each chart, and what the rollout relies on: one line each, with the setting that decides it,
 * if any, and what goes wrong otherwise. Names of values: the charts istiod 1.31, enroute 0.8.7, kiali-server 2.29, prometheus 29.
 * test/unit/mesh/owned-values.test.ts fails where a value that we set has no line.
 */

/** Values that we set and that may be changed all the same; where they matter, what became of them is asked for. */
export const freeValues: Readonly<Record<"istiod" | "enroute" | "prometheus" | "kiali-server", readonly Path[]>> = {
  // What istio.profile stands for is a start; settings/expected.ts reads what became of it.
  istiod: [
    ...["autoscaleEnabled", "autoscaleMin", "autoscaleMax", "resources", "pdb", "topologySpreadConstraints"].map(path),
    path("meshConfig.enablePrometheusMerge"),
  ],
  enroute: [path("affinity")],
  prometheus: ["alertmanager", "kube-state-metrics", "prometheus-node-exporter", "prometheus-pushgateway"].map(path),
  "kiali-server": ["prometheus", "grafana", "tracing"].map((name) => path(`external_services.${name}`)),
};

const certificates = "The gateway gets its certificate for the mesh by it";
const injectedAnnotations = ["proxy.istio.io/config", "sidecar.istio.io/userVolumeMount"];
const captureAnnotations = [
  "traffic.sidecar.istio.io/includeInboundPorts",
  "traffic.sidecar.istio.io/includeOutboundIPRanges",
];
const annotated = (group: string, keys: readonly string[]) => keys.map((key) => [group, key]);

/** Of the chart `enroute`. */
export const gatewayOwned: readonly Owned[] = [
  ...owned("", certificates, ["istio.enable"]),
  ...owned("mutualTls", "It would make a second mesh-wide policy", ["istio.strictmtls"]),
  ...owned("gateway.workloadCertificate", certificates, annotated("istioPodAnnotations", injectedAnnotations)),
  ...owned(
    "gateway.workloadCertificate",
    `${certificates}, and the pod would have the annotation twice`,
    annotated("podAnnotations", injectedAnnotations),
  ),
  ...owned(
    "gateway.ingresses",
    "The pods start again when they may no longer list Ingresses",
    annotated("podAnnotations", [ingressesAnnotation]),
  ),
  ...owned(
    "",
    "The gateway's sidecar only fetches certificates: capturing its traffic cuts clients off",
    [...annotated("istioPodAnnotations", captureAnnotations), ...annotated("podAnnotations", captureAnnotations)],
    unset,
  ),
  ...owned(
    "gateway.namespace.injection",
    "Without a sidecar the gateway has no certificate for the mesh",
    [...annotated("istioPodAnnotations", [optOutKey]), ...annotated("podAnnotations", [optOutKey])],
    on,
  ),
  ...owned(
    "",
    "Bindings, budgets, identity, outputs and verify go by the chart's names",
    ["fullnameOverride"],
    only("enroute"),
  ),
  ...owned("", "Budget, autoscaler and verify select pods by it", ["nameOverride"], only("", null, "enroute")),
  ...owned("", "The gateway's rights and its identity in the mesh are this account's", ["serviceAccount.create"], on),
  ...owned(
    "",
    "The gateway's rights and its identity in the mesh are this account's",
    ["serviceAccount.name"],
    only("", null, enroute.serviceAccount),
  ),
  ...owned(
    "",
    "The gateway's rights and its identity in the mesh are the account's",
    ["enrouteService.rbac.create"],
    off,
  ),
  ...owned("gateway.replicas", "Its disruption budget, its autoscaler and verify go by it", ["replicaCount"]),
  ...owned(
    "gateway.autoscaling",
    "The chart's autoscaler is of an API that Kubernetes 1.25 removed",
    ["autoscaling.enabled"],
    off,
  ),
  ...(["enroute", "redis", "envoy"] as const).flatMap((image) =>
    ["repository", "tag", "pullPolicy"].flatMap((part) =>
      owned(
        `gateway.images.${image}.${part}`,
        "What runs is fixed there, and what Envoy takes is judged by its version",
        [["images", image === "enroute" ? "enrouteService" : image, part]],
      ),
    ),
  ),
  ...pulled([], "imagePullSecrets"),
  ...owned("gateway.logLevel", "At debug Envoy logs the headers of every request", ["envoySettings.logLevel"]),
  ...owned("gateway.resources", "The autoscaler counts by Envoy's request", ["resources"]),
  ...owned("gateway.serviceAnnotations", "The cloud's controller goes by one of the two", ["service.annotations"]),
  ...owned("gateway.service", "The chart does not read it, and outputs and verify go by the setting", ["service.type"]),
  ...owned(
    "",
    "Clients of https://<host> come to port 443, and Envoy takes TLS on 8443",
    ["service.ports"],
    (value, values) =>
      value === undefined ||
      treesAt(values, "service", "ports").some(({ port, targetPort }) => port === 443 && targetPort === 8443),
  ),
  ...owned("", "The chart's GlobalConfig for it is broken, and Istio is the mesh", ["mesh.linkerD"], off),
];

/** Of the chart `prometheus`. */
export const prometheusOwned: readonly Owned[] = [
  ...owned("prometheus.retention", "There is one setting for it", ["server.retention"]),
  ...owned("prometheus.storage", "There is one setting for it", ["server.persistentVolume"]),
  ...pulled(["server.image.repository", "configmapReload.prometheus.image.repository"], "imagePullSecrets"),
  ...owned(
    "",
    "Kiali and verify look for prometheus-server",
    ["fullnameOverride", "server.fullnameOverride", "forceNamespace"],
    only("", null),
  ),
  ...owned("", "Kiali and verify look for prometheus-server", ["nameOverride"], only("", null, "prometheus")),
  ...owned("", "Kiali and verify look for prometheus-server", ["server.name"], only("server")),
  ...owned("", "Kiali asks it on port 80", ["server.service.servicePort"], only(80)),
  ...owned("", "Kiali asks it at its root", ["server.prefixURL"], unset),
];

/** Of the chart `kiali-server`. */
export const kialiOwned: readonly Owned[] = [
  ...owned("kiali.authentication", "Who may look at the mesh is decided there", ["auth.strategy"]),
  ...owned("kiali.viewOnly", "Whether Kiali may change the cluster is decided there", ["deployment.view_only_mode"]),
  ...pulled(["deployment.image_name"], "deployment.image_pull_secrets"),
  ...owned("istio.namespace.name", "Kiali looks for Istio there", ["external_services.istio.root_namespace"]),
  ...owned(
    "",
    "As text it would lie in a ConfigMap, and left empty it is another at each update; secret:<name>:<key> names a Secret",
    ["login_token.signing_key"],
    (value) => asText(value)?.startsWith("secret:") === true,
  ),
  ...owned(
    "",
    "verify looks for the Deployment kiali",
    ["deployment.instance_name", "fullnameOverride"],
    only("", null, "kiali"),
  ),
];
