import { ingressesAnnotation } from "../base/annotations";
import { asList, asText, at, textsAt, treesAt } from "../base/tree";
import { enroute } from "./enroute";
import { optOutKey } from "./injection";
import { authorityAnnotation } from "./istio";
import { type LabelSelector, satisfies } from "./label-selector";
import type { Owned, Path } from "./overrides";

/*
 * What the settings own in the values of each chart, and what the rollout relies on: one line each, with the setting that decides it,
 * if any, and what goes wrong otherwise. Names of values: the charts istiod 1.31, enroute 0.8.7, kiali-server 2.29, prometheus 29.
 * test/unit/mesh/owned-values.test.ts fails where a value that we set has no line.
 */

const path = (dotted: string): Path => dotted.split(".");

/** Several values with one reason. `key` is the setting that decides them; empty where there is none. */
function owned(key: string, why: string, paths: readonly (string | Path)[], allows?: Owned["allows"]): Owned[] {
  return paths.map((one) => ({
    path: typeof one === "string" ? path(one) : one,
    ...(key === "" ? {} : { key }),
    why: `${why}.`,
    ...(allows === undefined ? {} : { allows }),
  }));
}

/** Allows these values, and a value that is not set. */
const only =
  (...values: unknown[]) =>
  (value: unknown) =>
    value === undefined || values.includes(value);
const unset = only("", null);
/** Where the images come from, as far as the stack decides it: what it leaves to the chart, a value may say. */
const pulled = (paths: readonly string[], secrets: string): Owned[] =>
  [
    ...owned("registry", "All images come from there", paths),
    ...owned("imagePullSecrets", "There is one setting for it", [secrets]),
  ].map((one) => ({ ...one, whereSet: true }));
const off = only(false, "false", "", null);
const on = only(true, "true");

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

/** Variables of istiod that a setting decides, or that take from it what the rollout relies on. */
const istiodVariables: readonly Owned[] = [
  ...owned(
    "istio.ca",
    "Who signs the certificates of the mesh, and by what, is decided there",
    ["EXTERNAL_CA", "K8S_SIGNER", "ROOT_CA_DIR", "USE_CACERTS_FOR_SELF_SIGNED_CA"].map((name) => ["env", name]),
    off,
  ),
  ...owned("istio.ca", "istiod signs the certificates of the mesh", ["env.ENABLE_CA_SERVER"], on),
  ...owned("istio.ca", "istiod makes its own serving certificate", ["env.PILOT_CERT_PROVIDER"], only("istiod")),
  ...owned("istio.revision", "istiod and its webhooks go by one revision", ["env.REVISION"]),
  ...owned("istio.namespace.name", "istiod runs there", ["env.POD_NAMESPACE"]),
  ...owned("istio.meshConfig", "It would be a second mesh configuration, over that of the stack", [
    "env.SHARED_MESH_CONFIG",
  ]),
  ...owned("", "Without injection no pod gets a sidecar", ["env.INJECT_ENABLED"], on),
];

/** By which pods of the whole mesh would take, or send, plain text. */
export const plainTextOwned: readonly Owned[] = [
  ...owned(
    "mutualTls.exceptions",
    "What its sidecar does not capture, a pod takes in clear text",
    ["global.proxy.excludeInboundPorts"],
    unset,
  ),
  ...owned(
    "mutualTls.exceptions",
    "What its sidecar does not capture, a pod takes in clear text",
    ["global.proxy.includeInboundPorts"],
    only("*"),
  ),
  ...owned(
    "mutualTls.exceptions",
    "What its sidecar does not capture, a pod takes in clear text",
    ["meshConfig.defaultConfig.interceptionMode"],
    only("REDIRECT", "TPROXY"),
  ),
  ...owned("", "Without it proxies send plain text", ["meshConfig.enableAutoMtls"], on),
];

/** Of the charts `base` and `istiod`. */
export const istioOwned: readonly Owned[] = [
  ...owned("istio.namespace.name", "What is mesh-wide, such as the STRICT policy, is in that namespace", [
    "global.istioNamespace",
    "meshConfig.rootNamespace",
  ]),
  ...owned("istio.trustDomain", "The gateway's identity, the outputs and the policies go by it", [
    "meshConfig.trustDomain",
  ]),
  ...owned("istio.trustDomainAliases", "It decides which identities are accepted", ["meshConfig.trustDomainAliases"]),
  ...owned("istio.hub", "istiod and its sidecars come from one registry", ["global.hub"]),
  ...owned("istio.hub", "istiod and its sidecars come from one registry", ["hub"], unset),
  ...pulled([], "global.imagePullSecrets"),
  ...owned("istio.tag", "Which sidecars are current is judged by it", ["global.tag"]),
  ...owned("istio.tag", "istiod and its sidecars are of one version", ["tag"], unset),
  ...owned("istio.revision", "Namespaces, webhooks and the names of istiod's objects go by it", [
    "revision",
    "defaultRevision",
  ]),
  ...owned(
    "istio.ca",
    "Who signs the certificates of the mesh, and by what, is decided there",
    ["global.caAddress", "global.caName", "meshConfig.ca"],
    unset,
  ),
  ...owned("istio.ca", "istiod makes its own serving certificate", ["global.pilotCertProvider"], only("istiod")),
  ...owned("istio.ca", "istiod starts again when its CA is another", [["podAnnotations", authorityAnnotation]]),
  ...istiodVariables,
  ...owned(
    "",
    "A variable that the stack decides, or whose value it must know, is set in env alone",
    ["envVarFrom"],
    (value) => {
      const names = [...istiodVariables.map((one) => one.path[1]), "MAX_WORKLOAD_CERT_TTL"];
      return asList(value).every((one) => !names.includes(asText(at(one, "name"))));
    },
  ),
  ...plainTextOwned,
  ...owned(
    "istio.revision",
    "Proxies are served by the istiod of the stack",
    ["meshConfig.defaultConfig.discoveryAddress"],
    (address, values) => {
      const { revision = "" } = values as { revision?: string };
      const service = `istiod${revision === "" ? "" : `-${revision}`}.${asText(at(values, "global", "istioNamespace"))}.svc`;
      return address === undefined || new RegExp(`^${service}(\\.[\\w.-]+)?:15012$`).test(asText(address) ?? "");
    },
  ),
  ...owned(
    "",
    "Pods of the mesh's namespaces get a sidecar without asking",
    ["global.proxy.autoInject"],
    only("enabled"),
  ),
  ...owned(
    "",
    "The gateway has to have a sidecar, which gets its certificate",
    ["sidecarInjectorWebhook.neverInjectSelector"],
    (value, values) =>
      value === undefined ||
      treesAt(values, "sidecarInjectorWebhook", "neverInjectSelector").every(
        (selector) => satisfies(selector as LabelSelector, enroute.selector, false) !== true,
      ),
  ),
  ...owned(
    "",
    "The stack runs an istiod of its own, with its webhooks and its configuration",
    [
      ...["global.operatorManageWebhooks", "global.omitSidecarInjectorConfigMap", "istiodRemote.enabled"],
      ...["istiodRemote.injectionURL", "global.remotePilotAddress"],
    ],
    off,
  ),
  ...owned("", "The profile remote has no istiod", ["profile", "global.profile"], (value) => value !== "remote"),
  ...owned("", "istiod reads its configuration there", ["configMap"], on),
  ...owned("", "Half of istiod's objects would be missing", ["global.resourceScope"], only("all")),
  ...owned("", "istiod checks the policies before they count", ["global.configValidation"], on),
  ...owned("istio.profile", "The mesh needs an istiod", ["replicaCount", "autoscaleMin"], (value) => value !== 0),
  ...owned("", "The policies are of these kinds", ["base.enableIstioConfigCRDs"], on),
  ...owned(
    "",
    "The stack makes PeerAuthentications",
    ["base.excludedCRDs"],
    (_, values) => !textsAt(values, "base", "excludedCRDs").includes("peerauthentications.security.istio.io"),
  ),
  ...owned("", "Istio's charts do not support it", ["_internal_defaults_do_not_set", "defaults"]),
];

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
