import { createPrivateKey, createPublicKey } from "node:crypto";
import { type Cluster, ClusterError } from "../cluster/client";
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
import { expectedReleases, hostNamespaces, meshConfigName, meshMembers, servingSecret } from "../settings/expected";
import type { Settings } from "../settings/schema";

/**
 * What reading something came to: its value; `absent`, where the object or its whole kind is not there; `unreadable`, where
 * it may well be there, but we could not see it, for lack of rights or of an answer.
 */
export type Read<Value> =
  { state: "read"; value: Value } | { state: "absent" } | { state: "unreadable"; reason: string };

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

/** Everything that the checks look at, read once. Plain data, without private keys. */
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

/** Reads everything that the checks look at, side by side. Fails only where nothing at all can be read. */
export async function readClusterView(cluster: Cluster, settings: Settings): Promise<ClusterView> {
  const root = settings.istio.namespace.name;
  const gateway = settings.gateway.namespace.name;
  const members = meshMembers(settings).map(({ name }) => name);
  const releaseNamespaces = [...new Set(expectedReleases(settings).map(({ namespace }) => namespace))];

  const list = <Item>(path: string) => read(async () => (await cluster.get<{ items: Item[] }>(path)).items);
  const of = async <Value>(names: string[], reader: (name: string) => Promise<Value>) =>
    Object.fromEntries(await Promise.all(names.map(async (name) => [name, await reader(name)] as const)));
  const inside = <Item>(names: string[], group: string, kind: string) =>
    of(names, (name) => list<Item>(`${group}/namespaces/${name}/${kind}`));
  const object = <Value>(path: string) => read(() => cluster.get<Value>(path));

  const wanted = {
    namespaces: of([root, ...members], (name) =>
      read(async () => (await cluster.get<Named>(`/api/v1/namespaces/${name}`)).metadata.labels ?? {}),
    ),
    releases: of(releaseNamespaces, (name) => read(() => helmReleases(cluster, name))),
    deployments: inside<Deployment>([root, gateway], "/apis/apps/v1", "deployments"),
    services: inside<Service>([root, ...members], "/api/v1", "services"),
    pods: inside<Pod>([root, ...members], "/api/v1", "pods"),
    endpointSlices: list<EndpointSlice>(`/apis/discovery.k8s.io/v1/namespaces/${root}/endpointslices`),
    mutatingWebhooks: list<WebhookConfiguration>("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"),
    validatingWebhooks: list<WebhookConfiguration>(
      "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    ),
    meshConfig: object<ConfigMap>(`/api/v1/namespaces/${root}/configmaps/${meshConfigName(settings)}`),
    rootCertificates: of([root, ...members], (name) =>
      object<ConfigMap>(`/api/v1/namespaces/${name}/configmaps/istio-ca-root-cert`),
    ),
    peerAuthentications: list<PeerAuthentication>("/apis/security.istio.io/v1/peerauthentications"),
    destinationRules: list<DestinationRule>("/apis/networking.istio.io/v1/destinationrules"),
    globalConfigs: list<GlobalConfig>("/apis/enroute.saaras.io/v1/globalconfigs"),
    gatewayHosts: list<GatewayHost>("/apis/enroute.saaras.io/v1/gatewayhosts"),
    serviceRoutes: list<ServiceRoute>("/apis/enroute.saaras.io/v1/serviceroutes"),
    meshAuthority: read(async () =>
      publicAuthority(await cluster.get<SecretObject>(`/api/v1/namespaces/${root}/secrets/${authoritySecretName}`)),
    ),
    servingSecrets: of(hostNamespaces(settings), (name) =>
      read(async () =>
        withoutKey(await cluster.get<SecretObject>(`/api/v1/namespaces/${name}/secrets/${servingSecret(settings)}`)),
      ),
    ),
    gatewayRights: read(() => Promise.all(gatewayNeeds.map((need) => gatewayRight(cluster, gateway, need)))),
  } satisfies { [Key in keyof ClusterView]: Promise<ClusterView[Key]> };
  const values = await Promise.all(Object.values(wanted));
  return Object.fromEntries(Object.keys(wanted).map((key, index) => [key, values[index]])) as unknown as ClusterView;
}

/** Turns the end of a reading into a {@link Read}. */
async function read<Value>(reader: () => Promise<Value>): Promise<Read<Value>> {
  try {
    return { state: "read", value: await reader() };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    return error.status === 404
      ? { state: "absent" }
      : { state: "unreadable", reason: error.status === 403 ? `not allowed: ${error.message}` : error.message };
  }
}

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
