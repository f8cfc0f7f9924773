import { asList, asText, at, textsAt, treesAt } from "../base/tree";
import { captureAnnotationsOfPods, uncapturingVariables } from "./capture";
import { enroute } from "./enroute";
import { authorityAnnotation } from "./istio";
import { type LabelSelector, satisfies } from "./label-selector";
import { jsonSpelling, protoSpellings } from "./mesh-config";
import { off, on, only, owned, pulled, unset } from "./owned-lines";
import type { Owned } from "./overrides";

/* What the settings own in the values of Istio's charts, as mesh/owned-values.ts has it for the others. */

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
  ...owned("", "Whoever asks istiod shows who they are", ["env.XDS_AUTH", "env.PILOT_ENABLE_XDS_IDENTITY_CHECK"], on),
  ...owned("", "Such an account gets certificates in the name of others", ["env.CA_TRUSTED_NODE_ACCOUNTS"], unset),
  ...owned(
    "istio.trustDomainAliases",
    "Identities of other trust domains would be accepted",
    ["env.PILOT_SKIP_VALIDATE_TRUST_DOMAIN"],
    off,
  ),
  ...owned(
    "",
    "istiod would not see the policies",
    ["env.ISTIO_WATCH_NAMESPACE", "env.PILOT_IGNORE_RESOURCES", "env.PILOT_INCLUDE_RESOURCES"],
    unset,
  ),
];

const capturing = "What its sidecar does not capture, a pod takes in clear text";

/** By which pods of the whole mesh would take, or send, plain text. */
export const plainTextOwned: readonly Owned[] = [
  ...owned(
    "",
    "Without k8s:// among them istiod reads no policy of the cluster, and STRICT is off",
    ["meshConfig.configSources"],
    (value) =>
      value === undefined ||
      asList(value).length === 0 ||
      asList(value).some((source) => asText(at(source, "address"))?.startsWith("k8s://") === true),
  ),
  ...owned(
    "",
    `${capturing}, and the port of the agent is not captured`,
    ["global.proxy.statusPort", "meshConfig.defaultConfig.statusPort"],
    only(15020, "15020"),
  ),
  ...owned(
    "mutualTls.exceptions",
    `istio-init reads it, and makes other rules: ${capturing.toLowerCase()}`,
    uncapturingVariables.map((name) => ["meshConfig", "defaultConfig", "proxyMetadata", name]),
    unset,
  ),
  ...owned(
    "mutualTls.exceptions",
    capturing,
    captureAnnotationsOfPods.map((name) => ["sidecarInjectorWebhook", "injectedAnnotations", name]),
    unset,
  ),
  ...owned(
    "",
    "The template `sidecar` is what makes a pod's traffic go through its proxy",
    ["sidecarInjectorWebhook.defaultTemplates"],
    (value) => value === undefined || asList(value).length === 0 || asList(value).includes("sidecar"),
  ),
  ...owned(
    "",
    "The template `sidecar` is what makes a pod's traffic go through its proxy",
    ["sidecarInjectorWebhook.templates.sidecar"],
    unset,
  ),
  ...owned("mutualTls.exceptions", capturing, ["global.proxy.excludeInboundPorts"], unset),
  ...owned("mutualTls.exceptions", capturing, ["global.proxy.includeInboundPorts"], only("*")),
  ...owned(
    "mutualTls.exceptions",
    capturing,
    ["meshConfig.defaultConfig.interceptionMode"],
    only("REDIRECT", "TPROXY"),
  ),
  ...owned("", "Without it proxies send plain text", ["meshConfig.enableAutoMtls"], on),
];

/** Flags of istiod by which it would read another configuration than that of the stack, or serve it elsewhere. */
const istiodFlags = [
  ...["meshConfig", "networksConfig", "configDir", "registries", "kubeconfig", "namespace", "n", "domain", "clusterID"],
  ...["caCertFile", "tlsCertFile", "tlsKeyFile", "httpsAddr", "grpcAddr", "secureGRPCAddr", "monitoringAddr"],
];

/** Of the charts `base` and `istiod`. */
export const istioOwned: readonly Owned[] = [
  {
    path: ["meshConfig"],
    why: "istiod reads both spellings, and stays with its last configuration where it finds both; the stack and its checks go by Istio's reference.",
    refuses: ({ meshConfig }) =>
      protoSpellings(meshConfig, ["meshConfig"]).map((path) => ({
        path,
        instead: `spelled ${jsonSpelling(path.at(-1)!)}, as in Istio's reference`,
      })),
  },
  ...owned(
    "",
    "istiod would read another configuration than the stack's, or serve it elsewhere",
    ["extraContainerArgs"],
    (value) => asList(value).every((one) => !istiodFlags.includes(/^--?([\w-]+)/.exec(String(one))?.[1] ?? "")),
  ),
  ...owned(
    "",
    "Proxies ask istiod for their configuration with their certificate",
    ["meshConfig.defaultConfig.controlPlaneAuthPolicy"],
    only("MUTUAL_TLS", 1),
  ),
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
