import { createPrivateKey, createPublicKey } from "node:crypto";
import type { Cluster } from "../cluster/client";
import { type HelmRelease, helmReleases } from "../cluster/helm-releases";
import type {
  ConfigMap,
  Deployment,
  DestinationRule,
  EndpointSlice,
  GatewayHost,
  GlobalConfig,
  Named,
  PeerAuthentication,
  Pod,
  SecretObject,
  Service,
  ServiceRoute,
  WebhookConfiguration,
} from "../cluster/kinds";
import { enroute } from "../mesh/enroute";
import { authoritySecretName } from "../mesh/mesh-authority";
import { type Claim, claimName, claimOf } from "../mesh/ownership";
import { expectedReleases, hostNamespaces, meshConfigName, meshMembers, servingSecret } from "../settings/expected";
import type { Settings } from "../settings/schema";
import { type Read, type Readers, read, readEach } from "./facts";

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
  meshConfig: Read<ConfigMap>;
  /** By namespace: ConfigMap istio-ca-root-cert. */
  rootCertificates: Record<string, Read<ConfigMap>>;
  /** By which a stack claims the mesh. */
  claim: Read<Claim | undefined>;
  /** Everywhere in the cluster. */
  peerAuthentications: Read<PeerAuthentication[]>;
  destinationRules: Read<DestinationRule[]>;
  globalConfigs: Read<GlobalConfig[]>;
  gatewayHosts: Read<GatewayHost[]>;
  serviceRoutes: Read<ServiceRoute[]>;
  /** Secret `cacerts`, where a CA is plugged into istiod. */
  meshAuthority: Read<MeshAuthority>;
  /** By namespace: the serving certificate. */
  servingSecrets: Record<string, Read<ServingSecret>>;
  /** What the gateway's service account must be allowed to list, and whether it is. */
  gatewayRights: Read<{ resource: string; allowed: boolean }[]>;
}

/** Kinds that the gateway has to list, or it serves nothing (resource and group). */
const gatewayNeeds = [
  ["secrets", ""],
  ["services", ""],
  ["endpoints", ""],
  ["gatewayhosts", "enroute.saaras.io"],
  ["globalconfigs", "enroute.saaras.io"],
] as const;

/** What the facts are read from. */
export interface Source {
  cluster: Cluster;
  settings: Settings;
}

const list = <Item>(cluster: Cluster, path: string) =>
  read(async () => (await cluster.get<{ items: Item[] }>(path)).items);
const root = ({ istio }: Settings) => istio.namespace.name;
const members = (settings: Settings) => meshMembers(settings).map(({ name }) => name);

/** Objects of a kind, by namespace. */
function inside<Item>(what: string, group: string, kind: string, namespaces: (settings: Settings) => string[]) {
  return {
    what,
    read: ({ cluster, settings }: Source) =>
      readEach([...new Set(namespaces(settings))], (name) =>
        list<Item>(cluster, `${group}/namespaces/${name}/${kind}`),
      ),
  };
}

/** Objects of a kind, everywhere in the cluster. */
function everywhere<Item>(what: string, path: string) {
  return { what, read: ({ cluster }: Source) => list<Item>(cluster, path) };
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
  pods: inside<Pod>("pods", "/api/v1", "pods", (settings) => [root(settings), ...members(settings)]),
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
  meshConfig: {
    what: "the mesh's ConfigMap",
    read: ({ cluster, settings }) =>
      read(() => cluster.get<ConfigMap>(`/api/v1/namespaces/${root(settings)}/configmaps/${meshConfigName(settings)}`)),
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
  destinationRules: everywhere<DestinationRule>("DestinationRules", "/apis/networking.istio.io/v1/destinationrules"),
  globalConfigs: everywhere<GlobalConfig>("GlobalConfigs", "/apis/enroute.saaras.io/v1/globalconfigs"),
  gatewayHosts: everywhere<GatewayHost>("GatewayHosts", "/apis/enroute.saaras.io/v1/gatewayhosts"),
  serviceRoutes: everywhere<ServiceRoute>("ServiceRoutes", "/apis/enroute.saaras.io/v1/serviceroutes"),
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
      read(() => Promise.all(gatewayNeeds.map((need) => gatewayRight(cluster, settings.gateway.namespace.name, need)))),
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

async function gatewayRight(cluster: Cluster, namespace: string, [resource, group]: readonly [string, string]) {
  const review = await cluster.ask<{ status: { allowed: boolean } }>(
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
  return { resource, allowed: review.status.allowed };
}
