import { X509Certificate, createPublicKey } from "node:crypto";
import { stringify } from "yaml";
import { defaultEnvoyTag, enroute, gatewayHostName } from "../../../mesh/enroute";
import { onlyFrom, onlyFromGatewayName, principalOf } from "../../../mesh/authorization";
import { type ControlPlane, controlPlanes, defaultControlPlane, unrevised } from "../../../mesh/control-planes";
import { tagWebhook } from "../../../mesh/revision-tags";
import { injectionLabels } from "../../../mesh/injection";
import { meshGlobalConfig } from "../../../components/gateway/mesh-global-config";
import { compileExceptions, declaredModes } from "../../../mesh/mutual-tls-policies";
import type { Settings } from "../../../settings/schema";
import type { Read } from "../../../verify/facts";
import { type ClusterView, secretKey } from "../../../verify/view";
import {
  controlPlaneFor,
  expectedReleases,
  gatewayIdentity,
  hostNamespaces,
  leastIstiods,
  meshMembers,
  outputPath,
  servingSecret,
} from "../../../settings/expected";
import type { Container, Deployment, Pod, Service, Webhook } from "../../../cluster/kinds";
import type { Probes } from "../../../verify/checks/define";
import { workloadPorts, portName } from "../../../verify/effect";
import type { VerifyOptions } from "../../../verify/verify";
import { type Issued, issue } from "../certificates";

/** Everything that the checks are given. */
export interface Seen {
  view: ClusterView;
  settings: Settings;
  probes: Probes;
  options: VerifyOptions;
}

const read = <Value>(value: Value): Read<Value> => ({ state: "read", value });

/** The value of something that the healthy view holds. */
export function valueIn<Value>(entry: Read<Value> | undefined): Value {
  if (entry?.state !== "read") throw new Error("the healthy view does not hold it");
  return entry.value;
}

/** Live connections that came to nothing. */
export const nothingProbed: Probes = {
  clientLeg: undefined,
  ingressAnswers: undefined,
  signing: { outcome: "silent", reason: "no istiod is ready" },
  proxies: { inbound: {}, outbound: {}, leftOut: 0 },
  workloadLeg: undefined,
};

/** A serving certificate with the CA that signed it. */
export interface Serving {
  ca: Issued;
  leaf: Issued;
}

export async function serving(
  settings: Settings,
  options: { notAfter?: Date; hosts?: string[] } = {},
): Promise<Serving> {
  const ca = await issue({ name: "a CA", ca: true, notAfter: new Date(Date.now() + 3650 * 24 * 3600_000) });
  const leaf = await issue({
    name: "gateway",
    hosts: settings.hosts.map(({ host }) => host),
    notAfter: new Date(Date.now() + 90 * 24 * 3600_000),
    ...options,
    issuer: ca,
  });
  return { ca, leaf };
}

export function publicKeyOf({ privateKey }: Issued): string {
  return createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
}

/** What is seen of a healthy cluster of a stack: as the API server of the sandbox gives it, cut down to what is read. */
export function healthy(settings: Settings, { ca, leaf }: Serving): Seen {
  const root = settings.istio.namespace.name;
  const gateway = settings.gateway.namespace.name;
  const planes = controlPlanes(settings.istio);
  const main = defaultControlPlane(settings.istio);
  const members = meshMembers(settings);
  const names = members.map(({ name }) => name);
  const each = <Value>(keys: readonly string[], make: (key: string) => Value) =>
    Object.fromEntries(keys.map((key) => [key, read(make(key))]));
  const chartOf = (release: string) => {
    const found = expectedReleases(settings).find(({ name }) => name === release);
    return found === undefined ? undefined : `${found.chart}-${found.version}`;
  };
  const deployment = (namespace: string, name: string, release: string, replicas: number): Deployment[] => {
    const chart = chartOf(release);
    return chart === undefined
      ? []
      : [
          {
            metadata: { name, namespace, generation: 1, labels: { "helm.sh/chart": chart } },
            spec: { replicas },
            status: { observedGeneration: 1, replicas, readyReplicas: replicas, updatedReplicas: replicas },
          },
        ];
  };
  const service = (namespace: string, name: string, ports: number[], more: Partial<Service> = {}): Service => ({
    metadata: { name, namespace },
    spec: { clusterIP: "10.0.0.1", ports: ports.map((port) => ({ port })), selector: { app: name } },
    ...more,
  });
  const webhook = (istiod: string, name: string, path: string, match: Partial<Webhook>): Webhook => ({
    name,
    failurePolicy: "Fail",
    clientConfig: {
      caBundle: Buffer.from(ca.certificate).toString("base64"),
      service: { name: istiod, namespace: root, path, port: 443 },
    },
    ...match,
  });
  const labelsOf = ({ revision }: ControlPlane) => ({ "istio.io/rev": revision });
  const rootCertificate = { metadata: { name: "istio-ca-root-cert" }, data: { "root-cert.pem": ca.certificate } };
  const backends = settings.hosts.flatMap(({ namespace, routes }) => routes.map((route) => ({ namespace, ...route })));
  const view: ClusterView = {
    namespaces: {
      [root]: read({}),
      ...Object.fromEntries(members.map(({ name, injection }) => [name, read(injectionLabels(injection))])),
    },
    releases: each([...new Set(expectedReleases(settings).map(({ namespace }) => namespace))], (namespace) =>
      expectedReleases(settings)
        .filter((release) => release.namespace === namespace)
        .map(({ name }) => ({ name, revision: 2, status: "deployed" })),
    ),
    deployments: {
      [root]: read([
        ...planes.flatMap(({ istiod, release }) => deployment(root, istiod, release, leastIstiods(settings))),
        ...deployment(root, "prometheus-server", "prometheus", 1),
        ...deployment(root, "kiali", "kiali-server", 1),
      ]),
      [gateway]: read(
        deployment(gateway, enroute.deployment, enroute.release, settings.gateway.replicas).map((gatewayDeployment) => {
          const image = `docker.io/envoyproxy/envoy:${settings.gateway.images.envoy?.tag ?? defaultEnvoyTag}`;
          const template = { spec: { containers: [{ name: "envoy", image }] } };
          return { ...gatewayDeployment, spec: { ...gatewayDeployment.spec, template } };
        }),
      ),
    },
    services: each([root, ...names], (namespace) => [
      ...(namespace === root ? planes.map(({ istiod }) => service(root, istiod, [15010, 15012, 443, 15014])) : []),
      ...(namespace === gateway
        ? [
            service(gateway, enroute.service, [80, 443], {
              spec: { type: settings.gateway.service?.type ?? "LoadBalancer", clusterIP: "10.0.0.1" },
              status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
            }),
          ]
        : []),
      ...backends
        .filter((backend) => backend.namespace === namespace)
        .map((backend) => service(namespace, backend.service, [backend.port])),
    ]),
    pods: each([root, ...names], (namespace) => {
      if (namespace === root)
        return planes.map(({ istiod }) => pod(root, `${istiod}-1`, ["discovery"], { app: istiod }));
      if (namespace !== gateway) {
        const app = backends.find((backend) => backend.namespace === namespace)?.service ?? "app";
        return [meshPod(settings, namespace, "app-1", ["app"], { app })];
      }
      return Array.from({ length: settings.gateway.replicas }, (_, index) => gatewayPod(settings, `enroute-${index}`));
    }),
    endpointSlices: read(
      planes.map(({ istiod }) => ({
        metadata: { name: "slice", labels: { "kubernetes.io/service-name": istiod } },
        endpoints: [{ conditions: { ready: true } }],
      })),
    ),
    mutatingWebhooks: read([
      ...planes.map((plane) => ({
        metadata: { name: plane.injector, labels: labelsOf(plane) },
        webhooks: [
          webhook(plane.istiod, "rev.namespace", "/inject", {
            namespaceSelector: {
              matchExpressions: [
                { key: "istio.io/rev", operator: "In", values: [plane.revision] },
                { key: "istio-injection", operator: "DoesNotExist" },
              ],
            },
            objectSelector: {
              matchExpressions: [{ key: "sidecar.istio.io/inject", operator: "NotIn", values: ["false"] }],
            },
          }),
          ...(plane.revision === unrevised
            ? [
                webhook(plane.istiod, "namespace", "/inject", {
                  namespaceSelector: {
                    matchExpressions: [{ key: "istio-injection", operator: "In", values: ["enabled"] }],
                  },
                }),
              ]
            : []),
        ],
      })),
      ...Object.entries(settings.istio.tags ?? {}).map(([tag, revision]) => {
        const { istiod } = planes.find((plane) => plane.revision === revision)!;
        const made = tagWebhook({ tag, revision, istiod, rootNamespace: root });
        const { caBundle } = webhook(istiod, "", "", {}).clientConfig;
        return {
          metadata: made.metadata,
          webhooks: made.webhooks.map((one) => ({
            ...one,
            clientConfig: { ...one.clientConfig, caBundle: caBundle! },
          })),
        };
      }),
    ]),
    validatingWebhooks: read([
      ...planes.map((plane) => ({
        metadata: { name: plane.injector.replace("sidecar-injector", "validator"), labels: labelsOf(plane) },
        webhooks: [webhook(plane.istiod, "rev.validation", "/validate", {})],
      })),
      {
        metadata: {
          name: "istiod-default-validator",
          labels: { ...labelsOf(main), "helm.sh/chart": chartOf("istio-base")! },
        },
        webhooks: [webhook(main.istiod, "validation", "/validate", {})],
      },
    ]),
    meshConfigs: each(
      planes.map(({ configMap }) => configMap),
      (name) => ({
        metadata: { name },
        data: { mesh: stringify({ rootNamespace: root, trustDomain: settings.istio.trustDomain }) },
      }),
    ),
    rootCertificates: each([root, ...names], () => rootCertificate),
    claim: read({ owner: "acme/enroute-istio/test", releases: [] }),
    peerAuthentications: read([
      {
        metadata: { name: "default", namespace: root, creationTimestamp: "2026-11-01T00:00:00Z" },
        spec: { mtls: { mode: "STRICT" } },
      },
      ...compileExceptions(settings.mutualTls.exceptions).map(({ name, namespace, spec }) => ({
        metadata: { name, namespace, creationTimestamp: "2026-11-01T00:00:00Z" },
        spec,
      })),
    ]),
    authorizationPolicies: read(
      settings.namespaces.flatMap(({ name, onlyFromGateway }) =>
        onlyFromGateway === true
          ? [
              {
                metadata: { name: onlyFromGatewayName, namespace: name },
                spec: onlyFrom(principalOf(gatewayIdentity(settings))),
              },
            ]
          : [],
      ),
    ),
    destinationRules: read([]),
    envoyFilters: read([]),
    globalConfigs: read([
      {
        metadata: { name: "mesh", namespace: gateway },
        spec: { name: "mesh", type: "globalconfig_globals", config: meshGlobalConfig() },
      },
    ]),
    gatewayHosts: read(
      settings.hosts.map(({ host, namespace, minimumTlsVersion, routes }) => ({
        metadata: { name: gatewayHostName(host), namespace },
        spec: {
          virtualhost: {
            fqdn: host,
            tls: { secretName: servingSecret(settings), minimumProtocolVersion: minimumTlsVersion },
          },
          routes: routes.map(({ prefix = "/", service: name, port, permitInsecure }) => ({
            conditions: [{ prefix }],
            services: [{ name, port }],
            ...(permitInsecure === undefined ? {} : { permitInsecure: true }),
          })),
        },
      })),
    ),
    serviceRoutes: read([]),
    // Another controller's, which EnRoute would serve if it might list it; where a host of the stack has the path, it would not.
    ingresses: read([ingress("wiki", ["wiki.example.com", settings.hosts[0]!.host])]),
    certificateDelegations: read([]),
    hostSecrets: Object.fromEntries(
      hostNamespaces(settings).map((namespace) => [
        secretKey({ namespace, name: servingSecret(settings) }),
        read(true),
      ]),
    ),
    meshAuthority: { state: "absent" },
    servingSecrets: each(hostNamespaces(settings), () => ({
      type: "kubernetes.io/tls",
      certificateChain: leaf.certificate,
      publicKey: publicKeyOf(leaf),
    })),
    gatewayRights: read([
      { resource: "secrets", allowed: true },
      { resource: "gatewayhosts", allowed: true },
    ]),
    ingressRight: read({
      allowed: settings.gateway.ingresses !== undefined,
      reason:
        settings.gateway.ingresses === undefined
          ? ""
          : 'RBAC: allowed by ClusterRoleBinding "enroute-istio-gateway" of ClusterRole "enroute" to ServiceAccount "enroute/enroute-system"',
    }),
  };
  const injected = (namespace: string) => valueIn(view.pods[namespace]);
  const sent = <Value>(value: Value) => ({ state: "sent" as const, value });
  const probes: Probes = {
    ingressAnswers: { "wiki.example.com/": { outcome: "answered", status: 404 } },
    proxies: {
      inbound: Object.fromEntries(
        names
          .filter((namespace) => namespace !== gateway)
          .flatMap(injected)
          .map(({ metadata: { name, namespace = "", labels = {} } }) => [
            `${namespace}/${name}`,
            sent(declaredModes(settings.mutualTls.exceptions, { namespace, labels })[0]),
          ]),
      ),
      outbound: Object.fromEntries(
        injected(gateway).map(({ metadata: { name } }) => [
          `${gateway}/${name}`,
          sent(
            backends.map(({ namespace, service: backend, port }) => ({
              ...{ namespace, service: backend, port, endpoints: ["mutual" as const] },
            })),
          ),
        ]),
      ),
      leftOut: 0,
    },
    workloadLeg: {
      ports: Object.fromEntries(
        workloadPorts(view, settings).map((one) => [
          portName(one),
          {
            plain: { outcome: "refused", reason: "read ECONNRESET" },
            mutual: { outcome: "taken", text: "URI:spiffe://cluster.local/ns/bookinfo/sa/app" },
          },
        ]),
      ),
      leftOut: 0,
    },
    clientLeg: Object.fromEntries(
      settings.hosts.map(({ host }) => [
        host,
        {
          handshake: { outcome: "connected", fingerprint: fingerprintOf(leaf), version: "TLSv1.3" },
          outdated: { outcome: "refused", reason: "tlsv1 alert protocol version" },
          plain: { outcome: "answered", status: 301, location: `https://${host}/` },
        },
      ]),
    ),
    signing: {
      outcome: "signed",
      names: `URI:${gatewayIdentity(settings)}`,
      trusted: true,
      validUntil: "2026-11-01T00:10:00Z",
    },
  };
  return { view, settings, probes, options: { caCertificate: ca.certificate } };
}

/** An Ingress as every controller's: by spec.ingressClassName, without an annotation. */
export function ingress(name: string, hosts: string[], annotations: Record<string, string> = {}) {
  const backend = { service: { name: "web", port: { number: 80 } } };
  return {
    metadata: { name, namespace: "tools", annotations },
    spec: {
      ingressClassName: "nginx",
      rules: hosts.map((host) => ({ host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } })),
    },
  };
}

function pod(namespace: string, name: string, containers: string[], labels: Record<string, string> = {}): Pod {
  return {
    metadata: { name, namespace, labels },
    spec: { containers: containers.map((container): Container => ({ name: container })) },
    status: {
      phase: "Running",
      containerStatuses: containers.map((container) => ({ name: container, ready: true })),
    },
  };
}

/** A pod with a sidecar, as an init container: the form that new clusters have. */
export function meshPod(
  settings: Settings,
  namespace: string,
  name: string,
  containers: string[],
  labels: Record<string, string> = {},
): Pod {
  const plain = pod(namespace, name, containers, labels);
  const injection = meshMembers(settings).find((member) => member.name === namespace)?.injection ?? "enabled";
  const { revision, tag } = controlPlaneFor(settings, injection) ?? defaultControlPlane(settings.istio);
  return {
    ...plain,
    metadata: { ...plain.metadata, annotations: { "istio.io/rev": revision } },
    spec: {
      ...plain.spec,
      initContainers: [
        { name: "istio-init", args: ["istio-iptables", "-b", "*", "-d", "15090,15021,15020"] },
        { name: "istio-proxy", restartPolicy: "Always", image: `docker.io/istio/proxyv2:${tag}` },
      ],
    },
    status: { ...plain.status, initContainerStatuses: [{ name: "istio-proxy", ready: true, started: true }] },
  };
}

export function gatewayPod(settings: Settings, name: string): Pod {
  const path = outputPath(settings);
  const ttl = settings.gateway.workloadCertificate?.ttl;
  const own = ["enroute", "cert-server", "redis", "envoy"];
  const made = meshPod(settings, settings.gateway.namespace.name, name, own, { ...enroute.selector });
  const proxyMetadata = { OUTPUT_CERTS: path, ...(ttl === undefined ? {} : { SECRET_TTL: ttl }) };
  made.metadata.annotations = {
    ...made.metadata.annotations,
    "proxy.istio.io/config": stringify({ proxyMetadata }),
    "enroute-istio/ingresses": settings.gateway.ingresses === undefined ? "left alone" : "served",
  };
  made.spec.volumes = [{ name: "istio-certs", emptyDir: { medium: "Memory" } }];
  const container = (wanted: string) =>
    [...made.spec.containers, ...made.spec.initContainers!].find((each) => each.name === wanted)!;
  container("cert-server").volumeMounts = [{ name: "istio-certs", mountPath: "/etc/istio-certs/" }];
  container("istio-proxy").volumeMounts = [{ name: "istio-certs", mountPath: path }];
  container("istio-proxy").env = [{ name: "OUTPUT_CERTS", value: path }];
  return made;
}

export function fingerprintOf({ certificate }: Issued): string {
  return new X509Certificate(certificate).fingerprint256;
}
