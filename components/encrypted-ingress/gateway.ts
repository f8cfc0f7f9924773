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
 * label, stays outside the mesh for good.
 */
export function ingressGateway(
  { settings, sealed, name, opts, providerFolder }: Site,
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
    opts(mesh, namespaces.gateway),
  );
}

/** GlobalConfig is a kind of the gateway's chart, and on destruction it goes while its controller lives. */
export function globalConfig({ settings, name, opts }: Site, gateway: EnRouteGateway): MeshGlobalConfig {
  return new MeshGlobalConfig(
    name("mesh-global-config"),
    { namespace: settings.gateway.namespace.name },
    opts(gateway),
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
 * GatewayHost is a kind of the gateway's chart. Without its Secret the host would be served in clear text. Its namespace is listed
 * too: an existing Secret makes the certificate a component without resources.
 */
export function gatewayHosts(
  { sealed, name, opts }: Site,
  { workloads }: Namespaces,
  gateway: EnRouteGateway,
  certificate: ServingCertificate,
): GatewayHost[] {
  return sealed.hosts.map(
    (host) =>
      new GatewayHost(
        name(host.host),
        { ...host, tlsSecretName: certificate.secretName },
        opts(gateway, certificate, ...workloads.filter(({ namespace }) => namespace === host.namespace)),
      ),
  );
}
