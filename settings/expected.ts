import { defined } from "../base/defined";
import { asText, at } from "../base/tree";
import type { ChartRepositoryAuth } from "../mesh/charts";
import {
  type ControlPlane,
  controlPlanes,
  defaultControlPlane,
  newestVersion,
  revisionOf,
  unrevised,
} from "../mesh/control-planes";
import { defaultOutputPath, defaultWorkloadCertificateTtl, enroute, maxWorkloadCertificateTtl } from "../mesh/enroute";
import { type Injection, injectionLabels } from "../mesh/injection";
import { type ServingEnvoy, envoyOf, servingSecretName } from "../mesh/serving-certificate";
import { effectiveIstiod, effectiveMeshConfig } from "./effective";
import { type Settings } from "./schema";

/*
 * What a stack's settings make us expect in the cluster. Pure; names that a component fixes come from there.
 */

/** Longest life of a workload certificate that istiod signs: its environment can change that. */
export function maxTtl(settings: Settings): string {
  return asText(at(effectiveIstiod(settings), "env", "MAX_WORKLOAD_CERT_TTL")) ?? maxWorkloadCertificateTtl;
}

/** SECRET_TTL of every proxy that says no other, where the mesh configuration sets one. */
export function meshWideTtl(settings: Settings): string | undefined {
  return asText(at(effectiveMeshConfig(settings), "defaultConfig", "proxyMetadata", "SECRET_TTL"));
}

/** Life of the gateway's workload certificate. */
export function workloadTtl(settings: Settings): string {
  return settings.gateway.workloadCertificate?.ttl ?? meshWideTtl(settings) ?? defaultWorkloadCertificateTtl;
}

/** How the pods of a namespace join the mesh where the stack does not say: by the default revision of those it installs. */
export function defaultInjection(settings: Settings): Injection {
  const { revision } = defaultControlPlane(settings.istio);
  return revision === unrevised ? "enabled" : { revision };
}

/** A namespace whose pods are in the mesh. */
export interface MeshMember {
  name: string;
  injection: Injection;
}

/** Namespaces whose pods must have a sidecar: the gateway's and the workloads'. */
export function meshMembers(settings: Settings): MeshMember[] {
  return [settings.gateway.namespace, ...settings.namespaces].map(({ name, injection }) => ({
    name,
    injection: injection ?? defaultInjection(settings),
  }));
}

/** A namespace of the settings: under which key, and with which labels. */
export interface WantedNamespace {
  key: string;
  name: string;
  create: boolean | "adopt";
  labels: Record<string, string>;
}

/** The namespaces of the stack. */
export function wantedNamespaces(settings: Settings): WantedNamespace[] {
  const { istio, gateway, namespaces } = settings;
  const members = [
    { key: "gateway.namespace", ...gateway.namespace },
    ...namespaces.map((namespace, index) => ({ key: `namespaces[${index}]`, ...namespace })),
  ];
  return [
    { key: "istio.namespace", ...istio.namespace, labels: istio.namespace.labels ?? {} },
    ...members.map(({ key, name, create, labels = {}, injection = defaultInjection(settings) }) => ({
      key,
      name,
      create,
      labels: { ...labels, ...injectionLabels(injection) },
    })),
  ];
}

/** A release of Helm that the stack installs. */
export interface ExpectedRelease {
  name: string;
  namespace: string;
  chart: string;
  version: string;
  chartRepository: string;
  chartRepositoryAuth?: ChartRepositoryAuth;
}

export function expectedReleases({ istio, gateway, prometheus, kiali }: Settings): ExpectedRelease[] {
  const release = (
    name: string,
    namespace: string,
    chart: string,
    source: Pick<ExpectedRelease, "version" | "chartRepository" | "chartRepositoryAuth">,
  ): ExpectedRelease => {
    const { version, chartRepository, chartRepositoryAuth } = source;
    return { name, namespace, chart, version, chartRepository, ...defined({ chartRepositoryAuth }) };
  };
  const root = istio.namespace.name;
  return [
    // The kinds are everybody's, so they are of the newest version.
    release("istio-base", root, "base", { ...istio, version: newestVersion(istio) }),
    ...controlPlanes(istio).map((one) => release(one.release, root, "istiod", { ...istio, version: one.version })),
    release(enroute.release, gateway.namespace.name, "enroute", gateway),
    ...(prometheus === undefined ? [] : [release("prometheus", root, "prometheus", prometheus)]),
    ...(kiali === undefined ? [] : [release("kiali-server", root, "kiali-server", kiali)]),
  ];
}

/** Name of istiod's Deployment and Service; of several, that of the default revision. */
export function istiodName({ istio }: Settings): string {
  return defaultControlPlane(istio).istiod;
}

/** Name of the ConfigMap with the mesh's configuration; of several, that of the default revision. */
export function meshConfigName({ istio }: Settings): string {
  return defaultControlPlane(istio).configMap;
}

/** The control plane that injects the pods of a namespace; undefined where the stack has none of that revision or tag. */
export function controlPlaneFor({ istio }: Settings, injection: Injection): ControlPlane | undefined {
  if (injection === "none") return undefined;
  const revision = revisionOf(injection === "enabled" ? unrevised : injection.revision, istio);
  return controlPlanes(istio).find((one) => one.revision === revision);
}

/** Least number of istiods that the stack asks for. */
export function leastIstiods(settings: Settings): number {
  const values = effectiveIstiod(settings);
  const wanted = values["autoscaleEnabled"] === false ? values["replicaCount"] : values["autoscaleMin"];
  return typeof wanted === "number" ? wanted : 1;
}

/** Tag of Istio's images: istiod's and the sidecars'; of several control planes, those of the default revision. */
export function istioTag({ istio }: Settings): string {
  return defaultControlPlane(istio).tag;
}

/** Where the sidecar writes the gateway's mesh certificate. */
export function outputPath({ gateway }: Settings): string {
  return gateway.workloadCertificate?.outputPath ?? defaultOutputPath;
}

/** Identity of the gateway in the mesh. */
export function gatewayIdentity({ istio, gateway }: Settings): string {
  return `spiffe://${istio.trustDomain}/ns/${gateway.namespace.name}/sa/${enroute.serviceAccount}`;
}

/** The Envoy that the stack runs. */
export function servingEnvoy({ gateway }: Settings): ServingEnvoy {
  return envoyOf(gateway.images.envoy?.tag);
}

/** Name of the serving certificate's Secret, the same in every namespace with hosts. */
export function servingSecret({ certificate }: Settings): string {
  return "secretName" in certificate ? certificate.secretName : servingSecretName;
}

/** Namespaces whose pods pull images that the stack names: its own, and those with sidecars. */
export function pullingNamespaces({ istio, gateway, namespaces }: Settings): string[] {
  return [istio.namespace.name, gateway.namespace.name, ...namespaces.map(({ name }) => name)];
}

/** Namespaces that need the serving certificate. */
export function hostNamespaces({ hosts }: Settings): string[] {
  return [...new Set(hosts.map(({ namespace }) => namespace))];
}
