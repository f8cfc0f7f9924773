import { defined } from "../base/defined";
import type { Cluster } from "../cluster/client";
import { helmContent, helmReleases, revisionSecret } from "../cluster/helm-releases";
import type {
  Deployment,
  GatewayHost,
  GlobalConfig,
  Named,
  PeerAuthentication,
  Pod,
  Service,
  ServiceRoute,
} from "../cluster/kinds";
import { enroute } from "../mesh/enroute";
import { authoritySecretName } from "../mesh/mesh-authority";
import type { MeshObject } from "../mesh/object";
import { type Claim, claimName, claimOf } from "../mesh/ownership";
import { existing, listed } from "../verify/preflight/lookup";

/* What runs in a cluster of what a stack would roll out, by any installation. Reads only, and no private key. */

/** A release of Helm, with what its user gave and what its chart says itself. */
export interface InstalledRelease {
  namespace: string;
  name: string;
  /** Helm's word: `deployed`, `failed`, … */
  status: string;
  /** Name of the chart; empty where Helm's record cannot be read. */
  chart: string;
  version: string;
  /** The chart's own values. */
  defaults: Record<string, unknown>;
  /** The values that its user gave. */
  values: Record<string, unknown>;
}

export interface Survey {
  /** Every istiod of the cluster. */
  istiods: Deployment[];
  /** Every gateway by the name that its chart gives it. */
  gateways: Deployment[];
  /** Pods of the first gateway. */
  gatewayPods: Pod[];
  /** Its Service; missing where there is none. */
  gatewayService?: Service;
  /** Releases in the namespaces of istiod and of the gateway. */
  releases: InstalledRelease[];
  namespaces: Named[];
  policies: PeerAuthentication[];
  globalConfigs: GlobalConfig[];
  gatewayHosts: GatewayHost[];
  serviceRoutes: ServiceRoute[];
  ingresses: MeshObject[];
  /** Every ClusterRole and ClusterRoleBinding. */
  rights: MeshObject[];
  /** `namespace/name` of every TLS Secret. */
  tlsSecrets: string[];
  /** By which a stack claims the mesh of the first istiod. */
  claim: Claim | undefined;
  /** Whether a CA is plugged into the first istiod (Secret `cacerts`). */
  hasAuthority: boolean;
}

const enrouteApi = "/apis/enroute.saaras.io/v1";

/** Looks at a cluster. */
export async function survey(cluster: Cluster): Promise<Survey> {
  const [
    istiods,
    deployments,
    namespaces,
    policies,
    globalConfigs,
    gatewayHosts,
    serviceRoutes,
    ingresses,
    rights,
    secrets,
  ] = await Promise.all([
    listed<Deployment>(cluster, "/apis/apps/v1/deployments?labelSelector=app%3Distiod"),
    listed<Deployment>(cluster, `/apis/apps/v1/deployments?fieldSelector=metadata.name%3D${enroute.deployment}`),
    listed<Named>(cluster, "/api/v1/namespaces", true),
    listed<PeerAuthentication>(cluster, "/apis/security.istio.io/v1/peerauthentications"),
    listed<GlobalConfig>(cluster, `${enrouteApi}/globalconfigs`),
    listed<GatewayHost>(cluster, `${enrouteApi}/gatewayhosts`),
    listed<ServiceRoute>(cluster, `${enrouteApi}/serviceroutes`),
    listed<MeshObject>(cluster, "/apis/networking.k8s.io/v1/ingresses"),
    Promise.all([ofKind(cluster, "ClusterRole"), ofKind(cluster, "ClusterRoleBinding")]),
    listed<Named>(cluster, "/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Ftls", true),
  ]);
  const gateways = deployments.filter(
    ({ metadata: { labels } }) => labels?.["app.kubernetes.io/name"] === enroute.selector["app.kubernetes.io/name"],
  );
  const [root, edge] = [istiods[0]?.metadata.namespace, gateways[0]?.metadata.namespace];
  const inRoot = (path: string) =>
    root === undefined ? undefined : existing<Named>(cluster, `/api/v1/namespaces/${root}/${path}`);
  const [releases, gatewayPods, gatewayService, claim, authority] = await Promise.all([
    Promise.all(
      [...new Set([root, edge])].map((name) => (name === undefined ? Promise.resolve([]) : installedIn(cluster, name))),
    ),
    edge === undefined ? [] : podsOf(cluster, edge),
    edge === undefined
      ? undefined
      : existing<Service>(cluster, `/api/v1/namespaces/${edge}/services/${enroute.service}`),
    inRoot(`configmaps/${claimName}`),
    inRoot(`secrets/${authoritySecretName}`),
  ]);
  return {
    ...{ istiods, gateways, gatewayPods, releases: releases.flat(), namespaces, policies },
    ...{ globalConfigs, gatewayHosts, serviceRoutes, ingresses, rights: rights.flat() },
    tlsSecrets: secrets.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
    claim: claimOf(claim?.metadata ?? {}),
    hasAuthority: authority !== undefined,
    ...defined({ gatewayService }),
  };
}

/** Objects of a list do not carry their kind. */
async function ofKind(cluster: Cluster, kind: "ClusterRole" | "ClusterRoleBinding"): Promise<MeshObject[]> {
  const objects = await listed<MeshObject>(cluster, `/apis/rbac.authorization.k8s.io/v1/${kind.toLowerCase()}s`);
  return objects.map((object) => ({ ...object, kind }));
}

function podsOf(cluster: Cluster, namespace: string): Promise<Pod[]> {
  const selector = Object.entries(enroute.selector).map(([key, value]) => `${key}=${value}`);
  return listed<Pod>(
    cluster,
    `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector.join(","))}`,
  );
}

async function installedIn(cluster: Cluster, namespace: string): Promise<InstalledRelease[]> {
  const releases = await helmReleases(cluster, namespace);
  const present = releases.filter(({ status }) => status !== "uninstalled");
  return Promise.all(
    present.map(async ({ name, revision, status }) => {
      const secret = await revisionSecret(cluster, namespace, { name, revision });
      const { chart = {}, config = {} } = helmContent(secret.data?.["release"]) ?? {};
      const { metadata = {}, values = {} } = chart;
      return {
        ...{ namespace, name, status },
        ...{ chart: metadata.name ?? "", version: metadata.version ?? "" },
        ...{ defaults: values, values: config },
      };
    }),
  );
}
