import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { defined } from "../base/defined";
import type { Report, ReportSummary } from "../base/report";
import { MeshCertificateAuthority } from "../components/certificates/mesh-certificate-authority";
import { ServingCertificate } from "../components/certificates/serving-certificate";
import { deletionProtection } from "../components/deletion-protection";
import { EnRouteGateway } from "../components/gateway/enroute-gateway";
import { GatewayHost } from "../components/gateway/gateway-host";
import { MeshGlobalConfig } from "../components/gateway/mesh-global-config";
import { IstioControlPlane } from "../components/istio/istio-control-plane";
import { MeshMutualTls } from "../components/istio/mesh-mutual-tls";
import { MeshNamespace } from "../components/istio/mesh-namespace";
import { MeshClaim, ownershipMarks } from "../components/ownership";
import { Kiali } from "../components/observability/kiali";
import { Prometheus } from "../components/observability/prometheus";
import { Verification } from "../components/verification";
import { Bookinfo } from "../components/workload/bookinfo";
import { ImagePullSecret } from "../components/workload/image-pull-secret";
import { relocatedPath } from "../mesh/images";
import { istioHub, pulling } from "../settings/effective";
import {
  defaultInjection,
  expectedReleases,
  gatewayIdentity,
  maxTtl,
  outputPath,
  pullingNamespaces,
  workloadTtl,
} from "../settings/expected";
import { type Settings } from "../settings/schema";
import { registryConfigOf } from "./registry-login";
import { sealed } from "./sealed";
import type * as verification from "../verify/verify";

/** What a stack tells its users: the outputs of `pulumi up`. */
export interface StackOutputs {
  /** Exact version of every chart that is installed. */
  versions: Record<string, string>;
  /** Namespaces by role. */
  namespaces: { istio: string; gateway: string; workloads: string[] };
  /**
   * Where clients connect: an IP address or a DNS name for the hosts' DNS records; inside the cluster alone with a Service of type
   * ClusterIP. Missing while the cloud has given none, and with type NodePort: there every node's address leads to the gateway.
   */
  gatewayAddress: pulumi.Output<string | undefined> | undefined;
  /** Ports of every node that lead to the gateway; missing but for a Service of type NodePort. */
  gatewayNodePorts?: pulumi.Output<{ http?: number; https?: number }>;
  /** URLs that the gateway serves. */
  hosts: string[];
  /** Identity of the gateway in the mesh (SPIFFE), for AuthorizationPolicies; they leave out `spiffe://`. */
  gatewayIdentity: string;
  /** The gateway's certificate for the leg to the workloads: its life, where the sidecar writes it, the longest life that istiod signs. */
  workloadCertificate: { ttl: string; outputPath: string; maxTtl: string };
  /** Roots that the mesh trusts, PEM; missing where istiod made its own. */
  meshRootCertificates: pulumi.Output<string> | undefined;
  /** Certificates of the CA's roots that clients must trust, PEM; missing where they are not known. */
  caCertificate: pulumi.Output<string | undefined> | undefined;
  /** End of the serving certificate's validity, RFC 3339 in UTC; missing where somebody else fills the Secret. */
  certificateEndOfValidity: pulumi.Output<string | undefined> | undefined;
  /** What `pulumi destroy` leaves in the cluster, and why. */
  keptOnDestroy: string[];
  /** What the verification at the end of `pulumi up` came to; missing unless `verifyAfterUp` asks for one. */
  verification?: pulumi.Output<ReportSummary>;
}

export interface RolloutOptions {
  /** Name by which the stack marks what it makes. @default nothing is marked, as for a comparison of programs */
  owner?: string;
  /** The cluster. @default that of the settings */
  cluster?: k8s.Provider;
  /** Gets the verification at the end of an update. */
  onVerification?: (report: Promise<Report>) => void;
  /** Folder that the provider runs in. @default the current one */
  providerFolder?: string;
  /** What this update will delete, `Kind namespace/name`. @default nothing */
  leaving?: () => Promise<string[]>;
}

/**
 * The rollout: client → EnRoute (TLS), EnRoute → workload (Istio mutual TLS, STRICT). This is the only place that knows the
 * order. Whatever is not ordered here runs side by side; the reverse is the order of destruction.
 *
 * @param lookAt how this process, not the provider, finds the cluster: the same settings, with a path that is right from here
 */
export function encryptedIngress(
  settings: Settings,
  lookAt: Settings = settings,
  { owner, cluster = clusterProvider(settings), onVerification, leaving, providerFolder }: RolloutOptions = {},
): StackOutputs {
  const { istio, gateway, hosts, certificate: source, prometheus: metrics, kiali, ...sealedRest } = sealed(settings);
  const pull = pulling(settings);
  const providers = [cluster, new tls.Provider("tls")];
  const transformations = deletionProtection(settings.deletionProtection);
  if (owner !== undefined) transformations.push(ownershipMarks(owner));
  const opts = (...dependsOn: pulumi.Resource[]): pulumi.ComponentResourceOptions => ({
    providers,
    dependsOn,
    transformations,
  });

  const istioNamespace = new MeshNamespace(
    istio.namespace.name,
    { ...istio.namespace, injection: "none" }, // istiod is no workload of the mesh that it runs
    opts(),
  );
  // Before all that is cluster-wide: an update that is cut off leaves nothing that its stack could not be told to own.
  const claim =
    owner === undefined
      ? []
      : [
          new MeshClaim(
            "claim",
            {
              namespace: istio.namespace.name,
              releases: expectedReleases(settings).map(({ namespace, name }) => `${namespace}/${name}`),
            },
            opts(istioNamespace),
          ),
        ];
  const injection = defaultInjection(settings);
  const gatewayNamespace = new MeshNamespace(gateway.namespace.name, { injection, ...gateway.namespace }, opts());
  const workloadNamespaces = settings.namespaces.map(
    (namespace) => new MeshNamespace(namespace.name, { injection, ...namespace }, opts()),
  );
  const hostNamespaces = [...new Set(hosts.map((host) => host.namespace))];

  // A pod that starts before its Secret does not find its image.
  const pullSecrets = sealedRest.imagePullSecrets.flatMap(({ name, registry = "", username = "", password }) =>
    password === undefined
      ? []
      : [
          new ImagePullSecret(
            name,
            { name, registry, username, password, namespaces: pullingNamespaces(settings) },
            opts(istioNamespace, gatewayNamespace, ...workloadNamespaces),
          ),
        ],
  );

  const authority =
    istio.ca.issuer === "istiod"
      ? undefined
      : new MeshCertificateAuthority(
          "mesh-ca",
          { namespace: istio.namespace.name, authority: istio.ca },
          opts(istioNamespace, ...claim),
        );

  const mesh = new IstioControlPlane(
    "istio",
    {
      ...istio,
      hub: istioHub(settings),
      imagePullSecrets: pull.imagePullSecrets,
      namespace: istio.namespace.name,
      ...(authority === undefined ? {} : { authorityFingerprint: authority.fingerprint }),
    },
    // Helm needs the namespace to write its release into. istiod looks for its CA once, when it starts: where there is none
    // it makes one, and every certificate that this signs is void when ours comes.
    opts(istioNamespace, ...claim, ...pullSecrets, ...(authority === undefined ? [] : [authority])),
  );

  // istiod's webhook validates the policies, and istiod enforces them; PeerAuthentication is a kind of istio-base.
  // A namespace may hold an exception.
  const mutualTls = new MeshMutualTls(
    "mutual-tls",
    { rootNamespace: istio.namespace.name, exceptions: settings.mutualTls.exceptions },
    opts(mesh, gatewayNamespace, ...workloadNamespaces),
  );

  // istiod's webhook adds the sidecar when the pod is created: a pod that starts before the webhook, or before its
  // namespace has the label, stays outside the mesh for good.
  const enrouteGateway = new EnRouteGateway(
    "gateway",
    {
      ...{ ...gateway, ...pull, ...defined({ providerFolder }) },
      ...{ namespace: gateway.namespace.name, maxWorkloadCertificateTtl: maxTtl(settings) },
    },
    opts(mesh, gatewayNamespace),
  );

  // GlobalConfig is a kind of the gateway's chart, and on destruction it goes while its controller lives.
  const globalConfig = new MeshGlobalConfig(
    "mesh-global-config",
    { namespace: gateway.namespace.name },
    opts(enrouteGateway),
  );

  // A Secret needs its namespace, and nothing of the mesh.
  const certificate = new ServingCertificate(
    "serving-certificate",
    { hosts, namespaces: hostNamespaces, certificate: source },
    opts(...workloadNamespaces.filter(({ namespace }) => hostNamespaces.includes(namespace))),
  );

  const gatewayHosts = hosts.map(
    (host) =>
      new GatewayHost(
        host.host,
        { ...host, tlsSecretName: certificate.secretName },
        // GatewayHost is a kind of the gateway's chart. Without its Secret the host would be served in clear text.
        // Its namespace is listed too: an existing Secret makes the certificate a component without resources.
        opts(
          enrouteGateway,
          certificate,
          ...workloadNamespaces.filter(({ namespace }) => namespace === host.namespace),
        ),
      ),
  );
  const optional: pulumi.Resource[] = [];

  if (settings.bookinfo !== undefined) {
    const { bookinfo } = settings;
    const home = workloadNamespaces.filter(({ namespace }) => namespace === bookinfo.namespace);
    // Sidecars, as for the gateway.
    const hub = relocatedPath(bookinfo.hub, settings.registry);
    const { imagePullSecrets } = pull;
    optional.push(new Bookinfo("bookinfo", { ...bookinfo, hub, imagePullSecrets }, opts(mesh, ...home)));
  }

  if (metrics !== undefined) {
    const prometheus = new Prometheus(
      "prometheus",
      { ...metrics, ...pull, namespace: istio.namespace.name },
      opts(istioNamespace, ...claim, ...pullSecrets),
    );
    optional.push(prometheus);
    if (kiali !== undefined)
      optional.push(
        new Kiali(
          "kiali",
          { ...kiali, ...pull, namespace: istio.namespace.name, prometheusUrl: prometheus.url },
          // Kiali reads Istio's kinds at start and gives up without them. Prometheus it looks for again and again.
          opts(mesh),
        ),
      );
  }

  // Before all of this is done there is nothing to verify.
  const rollout = [
    ...[istioNamespace, gatewayNamespace, ...workloadNamespaces],
    ...[mesh, mutualTls, enrouteGateway, globalConfig, certificate, ...gatewayHosts, ...optional],
  ];
  const proof = settings.verifyAfterUp
    ? new Verification(
        "verification",
        {
          caCertificate: certificate.caCertificate,
          // Pods may be starting still, and istiod writes its certificate into the webhooks a moment after its start.
          verify: (known) => {
            const report = verifier().verify(lookAt, { ...known, ...defined({ owner }), settleSeconds: 30 });
            onVerification?.(report);
            return report;
          },
          ...(leaving === undefined ? {} : { leaving }),
        },
        { dependsOn: rollout },
      )
    : undefined;

  return {
    versions: versions(settings),
    namespaces: {
      istio: istio.namespace.name,
      gateway: gateway.namespace.name,
      workloads: settings.namespaces.map(({ name }) => name),
    },
    ...(settings.gateway.service?.type === "NodePort"
      ? { gatewayAddress: undefined, gatewayNodePorts: enrouteGateway.nodePorts }
      : { gatewayAddress: enrouteGateway.address }),
    hosts: hosts.map(({ host }) => `https://${host}`),
    gatewayIdentity: gatewayIdentity(settings),
    workloadCertificate: {
      ttl: workloadTtl(settings),
      outputPath: outputPath(settings),
      maxTtl: maxTtl(settings),
    },
    meshRootCertificates: authority?.rootCertificates,
    // What there is none of is no output: of one without a value the engine warns.
    caCertificate: isCaKnown(settings.certificate) ? certificate.caCertificate : undefined,
    certificateEndOfValidity: ["generated", "provided"].includes(settings.certificate.issuer)
      ? certificate.endOfValidity
      : undefined,
    keptOnDestroy: [
      "CustomResourceDefinitions of Istio and EnRoute: deleting one deletes every object of its kind, also other people's",
      "ConfigMaps istio-ca-root-cert and istio-ca-crl (label istio.io/config=true), which istiod puts into every namespace",
      ...(settings.certificate.issuer === "certManager"
        ? [`Secrets ${certificate.secretName} in namespaces that stay: cert-manager keeps what it has issued`]
        : []),
    ],
    ...(proof === undefined ? {} : { verification: proof.summary }),
  };
}

function isCaKnown(certificate: Settings["certificate"]): boolean {
  return (
    certificate.issuer === "generated" || ("caCertificate" in certificate && certificate.caCertificate !== undefined)
  );
}

/** Loaded when it is used: previews, and updates that do not end with it, start half a second sooner without its files. */
function verifier(): typeof verification {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return require("../verify/verify") as typeof verification;
}

/** The cluster of the stack, and nothing that the shell points at. */
export function clusterProvider(settings: Settings): k8s.Provider {
  const { context, clusterIdentifier, kubernetesPluginVersion: version } = settings;
  const { kubeconfig } = sealed(settings);
  const registryConfigPath = registryConfigOf(settings, pulumi.getStack());
  const args: k8s.ProviderArgs = {
    ...(kubeconfig === "" ? {} : { kubeconfig }),
    ...(context === "" ? {} : { context }),
    // Other credentials, or another path of the same kubeconfig, are no other cluster: nothing is replaced.
    clusterIdentifier: clusterIdentifier === "" ? context : clusterIdentifier,
    // A renewed certificate updates its Secret in place. Replacing it would leave a moment without one, in which EnRoute
    // serves the host in clear text.
    enableSecretMutable: true,
    ...(registryConfigPath === undefined ? {} : { helmReleaseSettings: { registryConfigPath } }),
    // What somebody changed by hand in an object of ours is put right. Without it their tool would own the field, and the
    // update would end in a conflict while, say, a policy stays PERMISSIVE.
    enablePatchForce: true,
    // An update that was cut off may have made objects that the state does not know of; the next one takes them over. What
    // belongs to somebody else under one of our names, preflight refuses before.
    upsertExistingObjects: true,
  };
  return new k8s.Provider("cluster", args, version === "" ? {} : { version });
}

function versions({ istio, gateway, prometheus, kiali, bookinfo }: Settings): Record<string, string> {
  const all = {
    istio: istio.version,
    enroute: gateway.version,
    prometheus: prometheus?.version,
    kiali: kiali?.version,
    bookinfo: bookinfo?.version,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
