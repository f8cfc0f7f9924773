import type * as pulumi from "@pulumi/pulumi";
import { defaultControlPlane } from "../../mesh/control-planes";
import { gatewayIdentity, maxTtl, outputPath, workloadTtl } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import type { MeshCertificateAuthority } from "../certificates/mesh-certificate-authority";
import type { ServingCertificate } from "../certificates/serving-certificate";
import type { EnRouteGateway } from "../gateway/enroute-gateway";

/** What an ingress tells its users. */
export interface IngressOutputs {
  /** Exact version of every chart that is installed. */
  versions: Record<string, string>;
  /** Namespaces by role. */
  namespaces: IngressNamespaces;
  /**
   * Where clients connect: an IP address or a DNS name for the hosts' DNS records; inside the cluster alone with a Service of type
   * ClusterIP. Missing while the cloud has given none, and with type NodePort: there every node's address leads to the gateway.
   */
  gatewayAddress: pulumi.Output<string | undefined> | undefined;
  /** Ports of every node that lead to the gateway; missing but for a Service of type NodePort. */
  gatewayNodePorts?: pulumi.Output<IngressNodePorts>;
  /** URLs that the gateway serves. */
  hosts: string[];
  /** Identity of the gateway in the mesh (SPIFFE), for AuthorizationPolicies; they leave out `spiffe://`. */
  gatewayIdentity: string;
  /** The gateway's certificate for the leg to the workloads: its life, where the sidecar writes it, the longest life that istiod signs. */
  workloadCertificate: IngressWorkloadCertificate;
  /** Roots that the mesh trusts, PEM; missing where istiod made its own. */
  meshRootCertificates: pulumi.Output<string> | undefined;
  /** Certificates of the CA's roots that clients must trust, PEM; missing where they are not known. */
  caCertificate: pulumi.Output<string | undefined> | undefined;
  /** End of the serving certificate's validity, RFC 3339 in UTC; missing where somebody else fills the Secret. */
  certificateEndOfValidity: pulumi.Output<string | undefined> | undefined;
  /** What `pulumi destroy` leaves in the cluster, and why. */
  keptOnDestroy: string[];
}

/** Names of the namespaces, by role. */
export interface IngressNamespaces {
  /** The mesh's root namespace. */
  istio: string;
  /** That of the gateway. */
  gateway: string;
  /** Those of the workloads. */
  workloads: string[];
}

/** Ports of every node that lead to the gateway. */
export interface IngressNodePorts {
  /** For plain HTTP, which is redirected. */
  http?: number;
  /** For HTTPS. */
  https?: number;
}

/** The gateway's certificate in the mesh. */
export interface IngressWorkloadCertificate {
  /** Its life, a duration such as `24h`. */
  ttl: string;
  /** Folder into which the sidecar writes it. */
  outputPath: string;
  /** Longest life that istiod signs. */
  maxTtl: string;
}

interface Parts {
  gateway: EnRouteGateway;
  certificate: ServingCertificate;
  authority: MeshCertificateAuthority | undefined;
}

export function outputsOf(settings: Settings, { gateway, certificate, authority }: Parts): IngressOutputs {
  const { issuer } = settings.certificate;
  return {
    versions: versions(settings),
    namespaces: {
      istio: settings.istio.namespace.name,
      gateway: settings.gateway.namespace.name,
      workloads: settings.namespaces.map(({ name }) => name),
    },
    ...(settings.gateway.service?.type === "NodePort"
      ? { gatewayAddress: undefined, gatewayNodePorts: gateway.nodePorts }
      : { gatewayAddress: gateway.address }),
    hosts: settings.hosts.map(({ host }) => `https://${host}`),
    gatewayIdentity: gatewayIdentity(settings),
    workloadCertificate: {
      ttl: workloadTtl(settings),
      outputPath: outputPath(settings),
      maxTtl: maxTtl(settings),
    },
    meshRootCertificates: authority?.rootCertificates,
    // What there is none of is no output: of one without a value the engine warns.
    caCertificate: isCaKnown(settings.certificate) ? certificate.caCertificate : undefined,
    certificateEndOfValidity: issuer === "generated" || issuer === "provided" ? certificate.endOfValidity : undefined,
    keptOnDestroy: [
      "CustomResourceDefinitions of Istio and EnRoute: deleting one deletes every object of its kind, also other people's",
      "ConfigMaps istio-ca-root-cert and istio-ca-crl (label istio.io/config=true), which istiod puts into every namespace",
      ...(issuer === "certManager"
        ? [`Secrets ${certificate.secretName} in namespaces that stay: cert-manager keeps what it has issued`]
        : []),
    ],
  };
}

function isCaKnown(certificate: Settings["certificate"]): boolean {
  return (
    certificate.issuer === "generated" || ("caCertificate" in certificate && certificate.caCertificate !== undefined)
  );
}

function versions({ istio, gateway, prometheus, kiali, bookinfo }: Settings): Record<string, string> {
  const all = {
    istio: defaultControlPlane(istio).version,
    enroute: gateway.version,
    prometheus: prometheus?.version,
    kiali: kiali?.version,
    bookinfo: bookinfo?.version,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
