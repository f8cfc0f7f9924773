import { defined } from "../../base/defined";
import { pulling } from "../../settings/effective";
import { hostNamespaces, maxTtl } from "../../settings/expected";
import { ServingCertificate } from "../certificates/serving-certificate";
import { EnRouteGateway } from "../gateway/enroute-gateway";
import { GatewayHost } from "../gateway/gateway-host";
import { MeshGlobalConfig } from "../gateway/mesh-global-config";
import type { IstioControlPlane } from "../istio/istio-control-plane";
import type { Namespaces } from "./mesh";
import type { Site } from "./site";

/* The gateway's parts of an ingress, and the edges between them. */

/**
 * istiod's webhook adds the sidecar when the pod is created: a pod that starts before the webhook, or before its namespace has the
 * label, stays outside the mesh for good. What EnRoute may do is granted meanwhile.
 */
export function ingressGateway(
  { settings, sealed, name, releaseOpts, providerFolder }: Site,
  namespaces: Namespaces,
  mesh: IstioControlPlane,
): EnRouteGateway {
  const { namespace, ...gateway } = sealed.gateway;
  return new EnRouteGateway(
    name("gateway"),
    {
      ...{ ...gateway, ...pulling(settings), ...defined({ providerFolder }) },
      ...{ namespace: namespace.name, maxWorkloadCertificateTtl: maxTtl(settings) },
    },
    releaseOpts(mesh.injectors, namespaces.gateway),
  );
}

/** GlobalConfig is a kind of the gateway's chart, and on destruction it goes while its controller lives. */
export function globalConfig({ settings, name, opts }: Site, gateway: EnRouteGateway): MeshGlobalConfig {
  return new MeshGlobalConfig(
    name("mesh-global-config"),
    { namespace: settings.gateway.namespace.name },
    opts(gateway.release),
  );
}

/** A Secret needs its namespace, and nothing of the mesh. */
export function servingCertificate({ settings, sealed, name, opts }: Site, { workloads }: Namespaces) {
  const homes = hostNamespaces(settings);
  const envoyTag = settings.gateway.images.envoy?.tag;
  return new ServingCertificate(
    name("serving-certificate"),
    {
      hosts: settings.hosts.map(({ host }) => host),
      hostsOf: Object.fromEntries(
        homes.map((home) => [home, settings.hosts.flatMap(({ host, namespace }) => (namespace === home ? host : []))]),
      ),
      namespaces: homes,
      certificate: sealed.certificate,
      ...(envoyTag === undefined ? {} : { envoyTag }),
    },
    opts(...workloads.filter(({ namespace }) => homes.includes(namespace))),
  );
}

/**
 * GatewayHost is a kind of the gateway's chart. Without its Secret the host would be served in clear text. Where an existing Secret makes
 * the certificate a component without resources, its namespace comes first all the same.
 */
export function gatewayHosts(
  { sealed, name, opts }: Site,
  { workloads }: Namespaces,
  gateway: EnRouteGateway,
  certificate: ServingCertificate,
): GatewayHost[] {
  const homes = new Map(workloads.map((home) => [home.namespace, home.created]));
  return sealed.hosts.map(
    (host) =>
      new GatewayHost(
        name(host.host),
        { ...host, tlsSecretName: certificate.secretName },
        opts(gateway.release, certificate.secrets.get(host.namespace) ?? homes.get(host.namespace)!),
      ),
  );
}
