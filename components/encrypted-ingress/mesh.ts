import { istioHub, pulling } from "../../settings/effective";
import { defaultInjection, expectedReleases, gatewayIdentity, pullingNamespaces } from "../../settings/expected";
import { MeshCertificateAuthority } from "../certificates/mesh-certificate-authority";
import { IstioControlPlane } from "../istio/istio-control-plane";
import { MeshMutualTls } from "../istio/mesh-mutual-tls";
import { MeshNamespace } from "../istio/mesh-namespace";
import { MeshClaim } from "../ownership";
import { ImagePullSecret } from "../workload/image-pull-secret";
import { OnlyFromGateway } from "../workload/only-from-gateway";
import type { Site } from "./site";

/* The mesh's parts of an ingress, and the edges between them. */

export interface Namespaces {
  istio: MeshNamespace;
  gateway: MeshNamespace;
  workloads: MeshNamespace[];
}

export function meshNamespaces({ sealed: settings, name, opts }: Site): Namespaces {
  const injection = defaultInjection(settings);
  const { istio, gateway } = settings;
  return {
    // istiod is no workload of the mesh that it runs.
    istio: new MeshNamespace(name(istio.namespace.name), { ...istio.namespace, injection: "none" }, opts()),
    gateway: new MeshNamespace(name(gateway.namespace.name), { injection, ...gateway.namespace }, opts()),
    workloads: settings.namespaces.map(
      ({ onlyFromGateway, ...namespace }) =>
        new MeshNamespace(name(namespace.name), { injection, ...namespace }, opts()),
    ),
  };
}

/** Before all that is cluster-wide: an update that is cut off leaves nothing that its stack could not be told to own. */
export function meshClaim({ settings, owner, name, opts }: Site, namespaces: Namespaces): MeshClaim[] {
  if (owner === undefined) return [];
  const releases = expectedReleases(settings).map((release) => `${release.namespace}/${release.name}`);
  return [new MeshClaim(name("claim"), { namespace: settings.istio.namespace.name, releases }, opts(namespaces.istio))];
}

/** A pod that starts before its Secret does not find its image. */
export function pullSecrets({ settings, sealed, name, opts }: Site, namespaces: Namespaces): ImagePullSecret[] {
  const home = opts(namespaces.istio, namespaces.gateway, ...namespaces.workloads);
  return sealed.imagePullSecrets.flatMap(({ name: secret, registry = "", username = "", password }) =>
    password === undefined
      ? []
      : [
          new ImagePullSecret(
            name(secret),
            { name: secret, registry, username, password, namespaces: pullingNamespaces(settings) },
            home,
          ),
        ],
  );
}

/** A CA that the stack brings; istiod looks for it once, when it starts. */
export function meshAuthority(
  { sealed: { istio }, name, opts }: Site,
  namespaces: Namespaces,
  claim: MeshClaim[],
): MeshCertificateAuthority | undefined {
  if (istio.ca.issuer === "istiod") return undefined;
  const args = { namespace: istio.namespace.name, authority: istio.ca };
  return new MeshCertificateAuthority(name("mesh-ca"), args, opts(namespaces.istio, ...claim));
}

export function controlPlane(
  { settings, sealed, name, opts }: Site,
  namespaces: Namespaces,
  authority: MeshCertificateAuthority | undefined,
  before: (MeshClaim | ImagePullSecret)[],
): IstioControlPlane {
  const { ca, namespace, ...istio } = sealed.istio;
  return new IstioControlPlane(
    name("istio"),
    {
      ...istio,
      hub: istioHub(settings),
      imagePullSecrets: pulling(settings).imagePullSecrets,
      namespace: namespace.name,
      ...(authority === undefined ? {} : { authorityFingerprint: authority.fingerprint }),
    },
    // Helm needs the namespace to write its release into. istiod looks for its CA once, when it starts: where there is none
    // it makes one, and every certificate that this signs is void when ours comes.
    opts(namespaces.istio, ...before, ...(authority === undefined ? [] : [authority])),
  );
}

/**
 * istiod's webhook validates the policies, and istiod enforces them; PeerAuthentication is a kind of istio-base. A namespace may
 * hold an exception.
 */
export function meshMutualTls({ settings, name, opts }: Site, namespaces: Namespaces, mesh: IstioControlPlane) {
  return new MeshMutualTls(
    name("mutual-tls"),
    { rootNamespace: settings.istio.namespace.name, exceptions: settings.mutualTls.exceptions },
    opts(mesh.istiod, namespaces.gateway, ...namespaces.workloads),
  );
}

/** Before the gateway sends anything: a workload is never open to others in between. istiod's webhook validates the policy. */
export function onlyFromGateway({ settings, name, opts }: Site, namespaces: Namespaces, mesh: IstioControlPlane) {
  const identity = gatewayIdentity(settings);
  return namespaces.workloads.flatMap((home, index) =>
    settings.namespaces[index]?.onlyFromGateway === true
      ? [
          new OnlyFromGateway(
            name(`${home.namespace}-only-from-gateway`),
            { namespace: home.namespace, gatewayIdentity: identity },
            opts(mesh.istiod, home),
          ),
        ]
      : [],
  );
}
