import { createPrivateKey, createPublicKey } from "node:crypto";
import { ingressesAnnotation } from "../base/annotations";
import { defined } from "../base/defined";
import type { Cluster } from "../cluster/client";
import { type HelmRelease, helmReleases } from "../cluster/helm-releases";
import type {
  ConfigMap,
  Container,
  ContainerStatus,
  Deployment,
  DestinationRule,
  EndpointSlice,
  GatewayHost,
  GlobalConfig,
  Metadata,
  Named,
  PeerAuthentication,
  Pod,
  SecretObject,
  Service,
  ServiceRoute,
  WebhookConfiguration,
} from "../cluster/kinds";
import { type SecretPlace, namedSecrets } from "../mesh/clear-text";
import { enroute } from "../mesh/enroute";
import { enrouteGroup, gatewayReads, ingressResource } from "../mesh/gateway-rights";
import { authoritySecretName } from "../mesh/mesh-authority";
import { type Claim, claimName, claimOf } from "../mesh/ownership";
import { controlPlanes } from "../mesh/control-planes";
import type { MeshObject } from "../mesh/object";
import { expectedReleases, hostNamespaces, meshMembers, servingSecret } from "../settings/expected";
import type { Settings } from "../settings/schema";
import { type Read, type Readers, ifRead, read, readEach } from "./facts";

/** A TLS Secret without its private key: what stays is the public half of it. */
export interface ServingSecret {
  type: string;
  /** `tls.crt` as text; undefined where the key is missing. */
  certificateChain?: string;
  /** Public key of `tls.key` as PEM; undefined where that is missing or cannot be read. */
  publicKey?: string;
  /** Certificate of the issuer, `ca.crt`, which cert-manager adds. */
  ca?: string;
}

/** What the checks of verify look at in the cluster. Plain data, without private keys. */
export interface ClusterView {
  /** By name: labels of namespaces. */
  namespaces: Record<string, Read<Record<string, string>>>;
  /** By namespace of the release. */
  releases: Record<string, Read<HelmRelease[]>>;
  /** By namespace. */
  deployments: Record<string, Read<Deployment[]>>;
  services: Record<string, Read<Service[]>>;
  pods: Record<string, Read<Pod[]>>;
  /** Of the mesh's root namespace. */
  endpointSlices: Read<EndpointSlice[]>;
  mutatingWebhooks: Read<WebhookConfiguration[]>;
  validatingWebhooks: Read<WebhookConfiguration[]>;
  meshConfigs: Record<string, Read<ConfigMap>>;
  /** By namespace: ConfigMap istio-ca-root-cert. */
  rootCertificates: Record<string, Read<ConfigMap>>;
  /** By which a stack claims the mesh. */
  claim: Read<Claim | undefined>;
  /** Everywhere in the cluster. */
  peerAuthentications: Read<PeerAuthentication[]>;
  authorizationPolicies: Read<MeshObject[]>;
  destinationRules: Read<DestinationRule[]>;
  envoyFilters: Read<Named[]>;
  globalConfigs: Read<GlobalConfig[]>;
  gatewayHosts: Read<GatewayHost[]>;
  serviceRoutes: Read<ServiceRoute[]>;
  ingresses: Read<MeshObject[]>;
  certificateDelegations: Read<MeshObject[]>;
  /** By `namespace/name`: whether a Secret that a GatewayHost names has a certificate and a key, whosever host it is. */
  hostSecrets: Record<string, Read<boolean>>;
  /** Secret `cacerts`, where a CA is plugged into istiod. */
  meshAuthority: Read<MeshAuthority>;
  /** By namespace: the serving certificate. */
  servingSecrets: Record<string, Read<ServingSecret>>;
  /** What the gateway's service account must be allowed to list, and whether it is. */
  gatewayRights: Read<{ resource: string; allowed: boolean }[]>;
  /** Whether it may list Ingresses, and by what, in the API server's words. */
  ingressRight: Read<{ allowed: boolean; reason: string }>;
}

/** What the facts are read from. */
export interface Source {
  cluster: Cluster;
  settings: Settings;
}

const list = <Item>(cluster: Cluster, path: string, keep?: (item: Item) => Item) =>
  read(() => cluster.list<Item, Item>(path, keep));
const root = ({ istio }: Settings) => istio.namespace.name;
const members = (settings: Settings) => meshMembers(settings).map(({ name }) => name);

/** Objects of a kind, by namespace. */
function inside<Item>(
  what: string,
  group: string,
  kind: string,
  namespaces: (settings: Settings) => string[],
  keep?: (item: Item) => Item,
) {
  return {
    what,
    read: ({ cluster, settings }: Source) =>
      readEach([...new Set(namespaces(settings))], (name) =>
        list<Item>(cluster, `${group}/namespaces/${name}/${kind}`, keep),
      ),
  };
}

/** Objects of a kind, everywhere in the cluster. */
function everywhere<Item>(what: string, path: string) {
  return { what, read: ({ cluster }: Source) => list<Item>(cluster, path) };
}

/** What the checks read of a pod, of which a mesh may have thousands; the API server sends about ten times as much. */
export function ofPod({ metadata, spec, status }: Pod): Pod {
  const { containers, initContainers, volumes, hostNetwork } = spec;
  const { phase, containerStatuses, initContainerStatuses } = status ?? {};
  const ofStatus = ({ name, ready, started, state }: ContainerStatus): ContainerStatus =>
    defined({ name, ready, started, state });
  return {
    metadata: ofMetadata(metadata),
    spec: defined({
      containers: containers.map(ofContainer),
      initContainers: initContainers?.map(ofContainer),
      volumes: volumes?.map(({ name, emptyDir }) => defined({ name, emptyDir })),
      hostNetwork,
    }),
    status: defined({
      phase,
      containerStatuses: containerStatuses?.map(ofStatus),
      initContainerStatuses: initContainerStatuses?.map(ofStatus),
    }),
  };
}

/** The environment and the arguments of Istio's own containers are read, and of no others. */
function ofContainer({ name, image, restartPolicy, args, ports, env, volumeMounts }: Container): Container {
  const isIstio = name.startsWith("istio-");
  return defined({
    name,
    image,
    restartPolicy,
    args: isIstio ? args : undefined,
    ports,
    env: isIstio
      ? env?.flatMap(({ name: key, value }) => (value === undefined ? [] : [{ name: key, value }]))
      : undefined,
    volumeMounts: volumeMounts?.map(({ name: volume, mountPath }) => ({ name: volume, mountPath })),
  });
}

function ofMetadata(metadata: Metadata): Metadata {
  const { name, namespace, creationTimestamp, deletionTimestamp, labels, annotations = {} } = metadata;
  const read = Object.entries(annotations).filter(
    ([key]) => key === ingressesAnnotation || (/(^|\.)istio\.io\//.test(key) && !key.endsWith("/status")),
  );
  return defined({
    ...{ name, namespace, creationTimestamp, deletionTimestamp, labels },
    annotations: read.length === 0 ? undefined : Object.fromEntries(read),
  });
}

/** Where each part of the view comes from. */
export const viewReaders: Readers<ClusterView, Source> = {
  namespaces: {
    what: "namespaces",
    read: ({ cluster, settings }) =>
      readEach([root(settings), ...members(settings)], (name) =>
        read(async () => (await cluster.get<Named>(`/api/v1/namespaces/${name}`)).metadata.labels ?? {}),
      ),
  },
  releases: {
    what: "Helm releases",
    read: ({ cluster, settings }) =>
      readEach([...new Set(expectedReleases(settings).map(({ namespace }) => namespace))], (name) =>
        read(() => helmReleases(cluster, name)),
      ),
  },
  deployments: inside<Deployment>("Deployments", "/apis/apps/v1", "deployments", (settings) => [
    root(settings),
    settings.gateway.namespace.name,
  ]),
  services: inside<Service>("Services", "/api/v1", "services", (settings) => [root(settings), ...members(settings)]),
  pods: inside<Pod>("pods", "/api/v1", "pods", (settings) => [root(settings), ...members(settings)], ofPod),
  endpointSlices: {
    what: "EndpointSlices",
    read: ({ cluster, settings }) =>
      list<EndpointSlice>(cluster, `/apis/discovery.k8s.io/v1/namespaces/${root(settings)}/endpointslices`),
  },
  mutatingWebhooks: everywhere<WebhookConfiguration>(
    "MutatingWebhookConfigurations",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
  ),
  validatingWebhooks: everywhere<WebhookConfiguration>(
    "ValidatingWebhookConfigurations",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
  ),
  meshConfigs: {
    what: "the mesh's ConfigMaps",
    read: ({ cluster, settings }) =>
      readEach(
        controlPlanes(settings.istio).map(({ configMap }) => configMap),
        (name) => read(() => cluster.get<ConfigMap>(`/api/v1/namespaces/${root(settings)}/configmaps/${name}`)),
      ),
  },
  rootCertificates: {
    what: "ConfigMaps istio-ca-root-cert",
    read: ({ cluster, settings }) =>
      readEach([root(settings), ...members(settings)], (name) =>
        read(() => cluster.get<ConfigMap>(`/api/v1/namespaces/${name}/configmaps/istio-ca-root-cert`)),
      ),
  },
  claim: {
    what: "the claim of the mesh",
    read: ({ cluster, settings }) =>
      read(async () =>
        claimOf((await cluster.get<Named>(`/api/v1/namespaces/${root(settings)}/configmaps/${claimName}`)).metadata),
      ),
  },
  peerAuthentications: everywhere<PeerAuthentication>(
    "PeerAuthentications",
    "/apis/security.istio.io/v1/peerauthentications",
  ),
  authorizationPolicies: everywhere<MeshObject>(
    "AuthorizationPolicies",
    "/apis/security.istio.io/v1/authorizationpolicies",
  ),
  destinationRules: everywhere<DestinationRule>("DestinationRules", "/apis/networking.istio.io/v1/destinationrules"),
  envoyFilters: everywhere("EnvoyFilters", "/apis/networking.istio.io/v1alpha3/envoyfilters"),
  globalConfigs: everywhere<GlobalConfig>("GlobalConfigs", "/apis/enroute.saaras.io/v1/globalconfigs"),
  gatewayHosts: everywhere<GatewayHost>("GatewayHosts", "/apis/enroute.saaras.io/v1/gatewayhosts"),
  serviceRoutes: everywhere<ServiceRoute>("ServiceRoutes", `/apis/${enrouteGroup}/v1/serviceroutes`),
  ingresses: everywhere<MeshObject>("Ingresses", `/apis/${ingressResource.group}/v1/${ingressResource.resource}`),
  certificateDelegations: everywhere<MeshObject>(
    "TLSCertificateDelegations",
    `/apis/${enrouteGroup}/v1/tlscertificatedelegations`,
  ),
  hostSecrets: {
    what: "the Secrets that GatewayHosts name",
    needs: ["gatewayHosts"],
    async read({ cluster }, { gatewayHosts }) {
      const places = namedSecrets(ifRead(gatewayHosts) ?? []);
      const reads = places.map(async (place) => [secretKey(place), await readKeyPair(cluster, place)] as const);
      return Object.fromEntries(await Promise.all(reads));
    },
  },
  meshAuthority: {
    what: "Secret cacerts",
    read: ({ cluster, settings }) =>
      read(async () =>
        publicAuthority(
          await cluster.get<SecretObject>(`/api/v1/namespaces/${root(settings)}/secrets/${authoritySecretName}`),
        ),
      ),
  },
  servingSecrets: {
    what: "the serving certificate's Secrets",
    read: ({ cluster, settings }) =>
      readEach(hostNamespaces(settings), (name) =>
        read(async () =>
          withoutKey(await cluster.get<SecretObject>(`/api/v1/namespaces/${name}/secrets/${servingSecret(settings)}`)),
        ),
      ),
  },
  gatewayRights: {
    what: "rights of the gateway's service account",
    read: ({ cluster, settings }) =>
      read(() =>
        Promise.all(
          gatewayReads
            .flatMap(({ apiGroups: [group = ""], resources }) => resources.map((resource) => ({ resource, group })))
            .map(async (need) => {
              const { allowed } = await gatewayRight(cluster, settings, need);
              return { resource: need.resource, allowed };
            }),
        ),
      ),
  },
  ingressRight: {
    what: "whether the gateway's service account may list Ingresses",
    read: ({ cluster, settings }) => read(() => gatewayRight(cluster, settings, ingressResource)),
  },
};

/** A TLS Secret as it may be looked at: the private key is exchanged for its public half at once. */
export function withoutKey({ type = "", data = {} }: SecretObject): ServingSecret {
  const text = (key: string) => (data[key] === undefined ? undefined : Buffer.from(data[key], "base64").toString());
  const certificateChain = text("tls.crt");
  const publicKey = publicHalf(text("tls.key"));
  const ca = text("ca.crt");
  return {
    type,
    ...(certificateChain === undefined ? {} : { certificateChain }),
    ...(publicKey === undefined ? {} : { publicKey }),
    ...(ca === undefined ? {} : { ca }),
  };
}

/** The public parts of a CA that is plugged into istiod. */
export interface MeshAuthority {
  /** The CA that signs, and its issuers, PEM. */
  certificateChain: string;
  /** The roots that the mesh is to trust, PEM. */
  rootCertificates: string;
}

/** Secret `cacerts` without its key. */
export function publicAuthority({ data = {} }: SecretObject): MeshAuthority {
  const text = (key: string) => Buffer.from(data[key] ?? "", "base64").toString();
  // The chain may leave the CA itself out: istiod takes that from its own file.
  const [ca, chain] = [text("ca-cert.pem"), text("cert-chain.pem")];
  return { certificateChain: chain.includes(ca.trim()) ? chain : ca + chain, rootCertificates: text("root-cert.pem") };
}

function publicHalf(privateKey: string | undefined): string | undefined {
  try {
    return createPublicKey(createPrivateKey(privateKey ?? ""))
      .export({ type: "spki", format: "pem" })
      .toString();
  } catch {
    return undefined;
  }
}

/** Key of a Secret among those that GatewayHosts name. */
export function secretKey({ namespace, name }: SecretPlace): string {
  return `${namespace}/${name}`;
}

/** Of the Secret no more is kept than whether EnRoute takes it (validSecret in builder.go). */
function readKeyPair(cluster: Cluster, { namespace, name }: SecretPlace): Promise<Read<boolean>> {
  return read(async () => {
    const { type, data = {} } = await cluster.get<SecretObject>(
      `/api/v1/namespaces/${namespace}/secrets/${encodeURIComponent(name)}`,
    );
    return type === "kubernetes.io/tls" && ["tls.crt", "tls.key"].every((key) => (data[key] ?? "") !== "");
  });
}

/** Whether the gateway's service account may list a kind everywhere. */
async function gatewayRight(
  cluster: Cluster,
  { gateway }: Settings,
  { resource, group }: { resource: string; group: string },
): Promise<{ allowed: boolean; reason: string }> {
  const { name: namespace } = gateway.namespace;
  const { status } = await cluster.ask<{ status: { allowed: boolean; reason?: string } }>(
    "/apis/authorization.k8s.io/v1/subjectaccessreviews",
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: {
        user: `system:serviceaccount:${namespace}:${enroute.serviceAccount}`,
        groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
        resourceAttributes: { verb: "list", group, resource },
      },
    },
  );
  return { allowed: status.allowed, reason: status.reason ?? "" };
}
