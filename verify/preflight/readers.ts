import type { Cluster } from "../../cluster/client";
import { helmReleases } from "../../cluster/helm-releases";
import type {
  GatewayHost,
  GlobalConfig,
  PeerAuthentication,
  SecretObject,
  ServiceRoute,
  WebhookConfiguration,
} from "../../cluster/kinds";
import { ingressResource } from "../../mesh/gateway-rights";
import type { MeshObject } from "../../mesh/object";
import {
  expectedReleases,
  hostNamespaces,
  meshMembers,
  servingSecret,
  wantedNamespaces,
} from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { type Readers, read, readEach } from "../facts";
import { withoutKey } from "../view";
import { readBounds } from "./admission";
import { readIssuer } from "./certificates";
import { chartFindings } from "./charts";
import { readClaims, readIstiods } from "./cluster-state";
import { existing, listed } from "./lookup";
import type { PreflightFacts } from "./define";
import { readAuthority, readProxies } from "./mesh-authority";
import type { NamespaceObject } from "./namespaces";
import { ownedBy, readFollowers, readRevisions } from "./revisions";
import { type Node, ofNode, readMetricsApi, readStorage } from "./room";
import { readRights } from "./rights";
import { type StackView, compare, readClaim, readHeld, readMeshClaims } from "./stack-view";
import { type ServerVersion, readAdvised, readGateway } from "./versions";

/** What the facts of preflight are read from. */
export interface PreflightSource {
  cluster: Cluster;
  settings: Settings;
  version: ServerVersion;
  /** The stack itself, where it is given. */
  stack: StackView | undefined;
}

const enrouteApi = "/apis/enroute.saaras.io/v1";

/** Where each fact of preflight comes from. */
export const preflightReaders: Readers<PreflightFacts, PreflightSource> = {
  version: { what: "the API server's version", read: ({ version }) => Promise.resolve(version) },
  rights: { what: "the rights", read: ({ cluster, settings }) => read(() => readRights(cluster, settings)) },
  nodes: {
    what: "the nodes",
    read: ({ cluster }) => read(() => listed<Node>(cluster, "/api/v1/nodes", false, ofNode)),
  },
  storage: {
    what: "the StorageClasses",
    read: ({ cluster, settings }) => read(() => readStorage(cluster, settings)),
  },
  metricsApi: { what: "the metrics API", read: ({ cluster }) => read(() => readMetricsApi(cluster)) },
  bounds: {
    what: "quotas and limits of namespaces",
    read: ({ cluster, settings }) =>
      readEach([...new Set(meshMembers(settings).map(({ name }) => name))], (name) =>
        read(() => readBounds(cluster, name)),
      ),
  },
  namespaces: {
    what: "the namespaces",
    read: ({ cluster, settings }) =>
      readEach([...new Set(wantedNamespaces(settings).map(({ name }) => name))], (name) =>
        read(() => existing<NamespaceObject>(cluster, `/api/v1/namespaces/${name}`)),
      ),
  },
  releases: {
    what: "the Helm releases",
    read: ({ cluster, settings }) =>
      readEach([...new Set(expectedReleases(settings).map(({ namespace }) => namespace))], (namespace) =>
        read(() => helmReleases(cluster, namespace)),
      ),
  },
  claims: {
    what: "the owners of what is there",
    read: ({ cluster, settings }) => read(() => readClaims(cluster, settings)),
  },
  istiods: { what: "other Istios", read: ({ cluster }) => read(() => readIstiods(cluster)) },
  gatewayHosts: {
    what: "the GatewayHosts",
    read: ({ cluster }) => read(() => listed<GatewayHost>(cluster, `${enrouteApi}/gatewayhosts`)),
  },
  serviceRoutes: {
    what: "the ServiceRoutes",
    read: ({ cluster }) => read(() => listed<ServiceRoute>(cluster, `${enrouteApi}/serviceroutes`)),
  },
  ingresses: {
    what: "the Ingresses, where the stack wants them served",
    read: ({ cluster, settings }) =>
      read(() =>
        settings.gateway.ingresses === undefined
          ? Promise.resolve([])
          : listed<MeshObject>(cluster, `/apis/${ingressResource.group}/v1/${ingressResource.resource}`),
      ),
  },
  globalConfigs: {
    what: "the GlobalConfigs",
    read: ({ cluster }) => read(() => listed<GlobalConfig>(cluster, `${enrouteApi}/globalconfigs`)),
  },
  held: { what: "what the stack's state holds", read: ({ stack }) => readHeld(stack) },
  planned: {
    what: "what the stack's program would make",
    read: async ({ stack }) => stack?.planned(),
  },
  claim: { what: "the claim of the mesh", read: ({ cluster, settings }) => read(() => readClaim(cluster, settings)) },
  meshClaims: {
    what: "the claims of every mesh",
    read: ({ cluster, settings }) => read(() => readMeshClaims(cluster, settings)),
  },
  comparison: {
    what: "the objects that the rollout would make",
    needs: ["held", "planned"],
    async read({ cluster, stack }, { held, planned }) {
      if (stack === undefined || planned === undefined || held === undefined || "unknown" in held)
        return { state: "absent" };
      return read(() => compare(cluster, stack, planned, held.held));
    },
  },
  revisions: {
    what: "the control planes of the mesh",
    needs: ["held", "claim"],
    read: ({ cluster, settings, stack }, { held, claim }) =>
      read(() => readRevisions(cluster, settings, ownedBy(stack, held, claim))),
  },
  definitions: {
    what: "the definitions that advisories are about",
    read: ({ cluster }) => read(() => readAdvised(cluster)),
  },
  enroute: {
    what: "the gateway's Deployment",
    read: ({ cluster, settings }) => read(() => readGateway(cluster, settings)),
  },
  followers: {
    what: "who follows the control planes, where one of them changes or goes",
    needs: ["revisions"],
    read: ({ cluster, settings }, { revisions }) => readFollowers(cluster, settings, revisions),
  },
  injectors: {
    what: "the webhooks that inject",
    read: ({ cluster }) =>
      read(() =>
        listed<WebhookConfiguration>(cluster, "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"),
      ),
  },
  policies: {
    what: "the mesh's policies",
    read: ({ cluster, settings }) => {
      const path = `/apis/security.istio.io/v1/namespaces/${settings.istio.namespace.name}/peerauthentications`;
      return read(() => listed<PeerAuthentication>(cluster, path));
    },
  },
  servingSecrets: {
    what: "the serving certificate",
    read: ({ cluster, settings }) =>
      readEach(hostNamespaces(settings), (namespace) =>
        read(async () => {
          const path = `/api/v1/namespaces/${namespace}/secrets/${servingSecret(settings)}`;
          const secret = await existing<SecretObject>(cluster, path);
          return secret === undefined ? undefined : withoutKey(secret);
        }),
      ),
  },
  issuers: {
    what: "the issuer of the serving certificate",
    async read({ cluster, settings: { certificate }, settings }) {
      if (certificate.issuer !== "certManager") return {};
      return readEach(hostNamespaces(settings), (namespace) => read(() => readIssuer(cluster, namespace, certificate)));
    },
  },
  authority: { what: "the mesh's CA", read: ({ cluster, settings }) => read(() => readAuthority(cluster, settings)) },
  proxies: {
    what: "every proxy of the cluster, where the mesh's CA is to change",
    needs: ["authority"],
    read: ({ cluster, settings }, { authority }) => readProxies(cluster, settings, authority),
  },
  charts: {
    what: "what the chart repositories have",
    dials: "the chart repositories",
    read: ({ settings }) => chartFindings(settings),
  },
};
