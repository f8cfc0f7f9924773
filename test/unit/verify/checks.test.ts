import assert from "node:assert/strict";
import type { Read } from "../../../verify/facts";
import type { HelmRelease } from "../../../cluster/helm-releases";
import type { GatewayHost, GlobalConfig, PeerAuthentication, Pod } from "../../../cluster/kinds";
import type { Result, Status } from "../../../base/report";
import { judge } from "../../../verify/check";
import { verifyChecks } from "../../../verify/checks";
import type { VerifyFacts } from "../../../verify/checks/define";
import { dryRunAnnotation } from "../../../mesh/authorization";
import { withoutLeaving } from "../../../verify/leaving";
import { verifyReaders } from "../../../verify/readers";
import { allChecks } from "../../../verify/verify";
import { ofPod } from "../../../verify/view";
import { type Issued, issue } from "../certificates";
import { stackFile, stackNames } from "../stack-files";
import {
  type Seen,
  type Serving,
  fingerprintOf,
  healthy,
  meshPod,
  nothingProbed,
  publicKeyOf,
  serving,
  valueIn,
} from "./healthy";
import { effectFaults } from "./effect-faults";

const day = 24 * 3600_000;

/** What the checks come to; of pods they get no more than is kept of them. */
function look({ view, settings, probes, options }: Seen): Result[] {
  const kept = Object.entries(view.pods).map(([namespace, pods]) => [
    namespace,
    pods.state === "read" ? { ...pods, value: pods.value.map(ofPod) } : pods,
  ]);
  const pods = Object.fromEntries(kept) as typeof view.pods;
  return allChecks({ ...view, pods }, settings, probes, options);
}

function named(results: Result[], ...statuses: Status[]): string[] {
  return results.filter(({ status }) => statuses.includes(status)).map(({ check }) => check);
}

/** Staging has it all: two replicas, two namespaces, an exception, a sample workload. */
const settings = stackFile("staging");
settings.namespaces.find(({ name }) => name === "bookinfo")!.onlyFromGateway = true;
let certificates: Serving;

const root = "istio-system";
const edge = "enroute-system";
const firstHost = (seen: Seen): GatewayHost => valueIn(seen.view.gatewayHosts)[0]!;
const gatewayPods = (seen: Seen): Pod[] => valueIn(seen.view.pods[edge]);
const policies = (seen: Seen): PeerAuthentication[] => valueIn(seen.view.peerAuthentications);
const authorizations = (seen: Seen) => valueIn(seen.view.authorizationPolicies);
const globals = (seen: Seen): GlobalConfig => valueIn(seen.view.globalConfigs)[0]!;
const secret = (seen: Seen) => valueIn(seen.view.servingSecrets["bookinfo"]);
const release = (seen: Seen, name: string, namespace = root): HelmRelease =>
  valueIn(seen.view.releases[namespace]).find((each) => each.name === name)!;
const probe = (seen: Seen) => Object.values(seen.probes.clientLeg!)[0]!;
const container = (pod: Pod, name: string) =>
  [...pod.spec.containers, ...pod.spec.initContainers!].find((each) => each.name === name)!;
const policy = (
  namespace: string,
  name: string,
  spec: PeerAuthentication["spec"],
  creationTimestamp = "2026-11-02T00:00:00Z",
) =>
  ({
    metadata: { name, namespace, creationTimestamp },
    ...(spec === undefined ? {} : { spec }),
  }) satisfies PeerAuthentication;
const rule = (host: string, spec: object, namespace = "bookinfo") => ({
  metadata: { name: "rule", namespace },
  spec: { host, ...spec },
});
const disable = { trafficPolicy: { tls: { mode: "DISABLE" } } };

/** Plugs a CA below the mesh's root into istiod, as the stack asks for; or another one than that. */
async function plug(seen: Seen, options: { notAfter?: Date; root?: Issued } = {}): Promise<void> {
  const { ca } = certificates;
  const intermediate = await issue({ name: "intermediate", ca: true, issuer: options.root ?? ca, ...options });
  const rootCertificates = (options.root ?? ca).certificate;
  const { certificate: certificateChain } = intermediate;
  seen.view.meshAuthority = { state: "read", value: { certificateChain, rootCertificates } };
  const wanted = await issue({ name: "wanted", ca: true, issuer: ca });
  seen.settings.istio.ca = {
    issuer: "provided",
    rootCertificates: ca.certificate,
    certificateChain: wanted.certificate,
    privateKey: "",
    warnBefore: "336h",
  };
}

/** What is done to a healthy cluster → the checks that fail, and a word of their evidence. Everything else passes. */
const faults: Record<string, [broken: (seen: Seen) => void | Promise<void>, checks: string[], evidence: RegExp]> = {
  "a release is not there": [
    ({ view }) => void valueIn(view.releases[edge]).pop(),
    ["releases/deployed"],
    /enroute-istio is not in namespace enroute-system/,
  ],
  "a release failed": [
    (seen) => void Object.assign(release(seen, "istiod"), { status: "failed", description: "timed out" }),
    ["releases/deployed"],
    /istiod in namespace istio-system is failed at revision 2 \(Helm: timed out\)/,
  ],
  "a release is pending": [
    (seen) => void Object.assign(release(seen, "enroute-istio", edge), { status: "pending-upgrade" }),
    ["releases/deployed"],
    /pending-upgrade.*cut off/,
  ],
  "a release is of another version": [
    ({ view }) => void (valueIn(view.deployments[edge])[0]!.metadata.labels!["helm.sh/chart"] = "enroute-0.8.6"),
    ["releases/versions"],
    /enroute-0\.8\.6 instead of enroute-0\.8\.7/,
  ],
  "another stack claims the mesh": [
    ({ view, options }) => {
      options.owner = "*/enroute-istio/test";
      valueIn(view.claim)!.owner = "acme/enroute-istio/other";
    },
    ["ownership/one-stack"],
    /claimed by stack acme\/enroute-istio\/other/,
  ],
  "an object of the stack has the mark of another one": [
    ({ view }) =>
      void (valueIn(view.gatewayHosts)[0]!.metadata.annotations = {
        "enroute-istio/stack": "acme/enroute-istio/other",
      }),
    ["ownership/one-stack"],
    /GatewayHost \S+ carries the mark of stack acme\/enroute-istio\/other/,
  ],
  "istiod is scaled to zero": [
    ({ view }) =>
      void Object.assign(valueIn(view.deployments[root])[0]!, {
        spec: { replicas: 0 },
        status: { observedGeneration: 1 },
      }),
    ["control-plane/istiod-ready"],
    /0 of 2 istiod pods are ready: it is scaled to zero/,
  ],
  "istiod has fewer replicas than its profile asks for": [
    ({ view }) =>
      void Object.assign(valueIn(view.deployments[root])[0]!, {
        spec: { replicas: 1 },
        status: { observedGeneration: 1, readyReplicas: 1, updatedReplicas: 1 },
      }),
    ["control-plane/istiod-ready"],
    /1 of 2 istiod pods/,
  ],
  "istiod's Service selects nothing": [
    ({ view }) => void (valueIn(view.endpointSlices)[0]!.endpoints = []),
    ["control-plane/istiod-service"],
    /no ready endpoint/,
  ],
  "istiod's Service lost the port of the certificate authority": [
    ({ view }) => {
      const { spec } = valueIn(view.services[root])[0]!;
      spec.ports = spec.ports!.filter(({ port }) => port !== 15012);
    },
    ["control-plane/istiod-service"],
    /lacks port 15012/,
  ],
  "the mesh has another root namespace": [
    ({ view }) => void (valueIn(view.meshConfigs["istio"]).data = { mesh: "rootNamespace: other" }),
    ["control-plane/mesh-configuration"],
    /counts for nothing/,
  ],
  "the gateway's Envoy does not load the key of the certificate": [
    async (seen) => {
      await replaceLeaf(seen, { key: "P-384" });
      valueIn(seen.view.deployments[edge])[0]!.spec.template!.spec!.containers![0]!.image = "envoyproxy/envoy:v1.32.3";
    },
    ["certificates/taken"],
    /Secret bookinfo\/\S+ has an ECDSA key on P-384: Envoy v1\.32\.3 loads/,
  ],
  "the certificate is for clients": [
    (seen) => replaceLeaf(seen, { purposes: ["1.3.6.1.5.5.7.3.2"] }),
    ["certificates/taken"],
    /is not for servers: its extended key usage lacks serverAuth/,
  ],
  "the certificate has a common name alone": [
    (seen) => replaceLeaf(seen, { name: settings.hosts[0]!.host, hosts: [] }),
    ["certificates/hosts"],
    /no subject alternative name, and clients do not look at its common name/,
  ],
  "istiod does not look at the mesh's root namespace": [
    ({ view }) =>
      void (valueIn(view.meshConfigs["istio"]).data = {
        mesh: "discoverySelectors: [{ matchLabels: { istio-injection: enabled } }]",
      }),
    ["control-plane/discovery"],
    /no selector of discoverySelectors matches namespace istio-system: .*STRICT is off everywhere/,
  ],
  "automatic mutual TLS is off": [
    ({ view }) => void (valueIn(view.meshConfigs["istio"]).data = { mesh: "enableAutoMtls: false" }),
    ["control-plane/mesh-configuration"],
    /enableAutoMtls is false/,
  ],
  "the injection webhook fails open": [
    ({ view }) => void (valueIn(view.mutatingWebhooks)[0]!.webhooks![0]!.failurePolicy = "Ignore"),
    ["control-plane/injection-webhook"],
    /without a sidecar/,
  ],
  "the injection webhook calls another Service": [
    ({ view }) => void (valueIn(view.mutatingWebhooks)[0]!.webhooks![0]!.clientConfig.service!.name = "istiod-old"),
    ["control-plane/injection-webhook"],
    /istio-system\/istiod-old instead of istio-system\/istiod/,
  ],
  "the validation webhook is gone": [
    ({ view }) => void (view.validatingWebhooks = { state: "read", value: [] }),
    ["control-plane/validation-webhook"],
    /no ValidatingWebhookConfiguration/,
  ],
  "a webhook's CA is another": [
    async ({ view }) => {
      const other = await issue({ ca: true });
      const bundle = Buffer.from(other.certificate).toString("base64");
      valueIn(view.mutatingWebhooks)[0]!.webhooks![0]!.clientConfig.caBundle = bundle;
    },
    ["control-plane/webhook-ca"],
    /without the mesh's root certificate/,
  ],
  "a webhook has no CA": [
    ({ view }) => void delete valueIn(view.validatingWebhooks)[0]!.webhooks![0]!.clientConfig.caBundle,
    ["control-plane/webhook-ca"],
    /has no caBundle/,
  ],
  "an injection label is removed": [
    ({ view }) => void (view.namespaces["shop"] = { state: "read", value: {} }),
    ["injection/namespace-labels"],
    /shop has no injection label instead of istio-injection=enabled/,
  ],
  "a namespace has both injection labels": [
    ({ view }) => void (valueIn(view.namespaces["shop"])["istio.io/rev"] = "canary"),
    ["injection/namespace-labels"],
    /istio-injection=enabled, istio\.io\/rev=canary/,
  ],
  "a namespace is gone": [
    ({ view }) => void (view.namespaces["shop"] = { state: "absent" }),
    ["injection/namespace-labels"],
    /shop does not exist/,
  ],
  "a revision has no webhook": [
    (seen) => {
      seen.settings = {
        ...seen.settings,
        namespaces: seen.settings.namespaces.map((each) =>
          each.name === "shop" ? { ...each, injection: { revision: "canary" } } : each,
        ),
      };
      seen.view.namespaces["shop"] = { state: "read", value: { "istio.io/rev": "canary" } };
    },
    ["injection/revision-webhook"],
    /istio\.io\/rev=canary of namespace shop/,
  ],
  "a pod started before its namespace had the label": [
    ({ view }) => void delete valueIn(view.pods["shop"])[0]!.spec.initContainers,
    ["injection/pods-in-mesh"],
    /without a proxy: shop\/app-1$/,
  ],
  "a pod is on the host's network": [
    ({ view }) => {
      const [pod] = valueIn(view.pods["shop"]);
      delete pod!.spec.initContainers;
      pod!.spec.hostNetwork = true;
    },
    ["injection/pods-in-mesh"],
    /host's network: shop\/app-1/,
  ],
  "a pod has opted out": [
    ({ view }) => {
      const [pod] = valueIn(view.pods["shop"]);
      delete pod!.spec.initContainers;
      pod!.metadata.labels = { "sidecar.istio.io/inject": "false" };
    },
    ["injection/opted-out"],
    /shop\/app-1/,
  ],
  "a proxy is not ready": [
    ({ view }) => void (valueIn(view.pods["shop"])[0]!.status!.initContainerStatuses![0]!.ready = false),
    ["injection/proxies-ready"],
    /not ready: shop\/app-1/,
  ],
  "a proxy is of the version before": [
    ({ view }) =>
      void (container(valueIn(view.pods["shop"])[0]!, "istio-proxy").image = "here:5000/istio/proxyv2:1.30.2"),
    ["injection/proxies-current"],
    /not 1\.31\.0: shop\/app-1 \(1\.30\.2\)/,
  ],
  "a gateway pod has no cert-server": [
    (seen) => {
      const [pod] = gatewayPods(seen);
      pod!.spec.containers = pod!.spec.containers.filter(({ name }) => name !== "cert-server");
    },
    ["gateway/containers"],
    /pod enroute-0 lacks cert-server/,
  ],
  "a container of a gateway pod is not ready": [
    (seen) =>
      void (gatewayPods(seen)[1]!.status!.containerStatuses!.find(({ name }) => name === "envoy")!.ready = false),
    ["gateway/containers"],
    /not ready in pod enroute-1: envoy/,
  ],
  "the gateway has one replica where two are asked for": [
    ({ view }) =>
      void Object.assign(valueIn(view.deployments[edge])[0]!, {
        spec: { ...valueIn(view.deployments[edge])[0]!.spec, replicas: 1 },
        status: { readyReplicas: 1 },
      }),
    ["gateway/replicas"],
    /asks for 1 replica instead of 2/,
  ],
  "a replica of the gateway is not ready": [
    ({ view }) => void (valueIn(view.deployments[edge])[0]!.status = { readyReplicas: 1 }),
    ["gateway/replicas"],
    /1 of 2 replicas are ready/,
  ],
  "OUTPUT_CERTS is lost": [
    (seen) => {
      for (const pod of gatewayPods(seen))
        pod.metadata.annotations!["proxy.istio.io/config"] = "proxyMetadata:\n  SECRET_TTL: 12h\n";
    },
    ["gateway/certificate-annotations"],
    /OUTPUT_CERTS \(not set\) instead of \/etc\/istio-certs/,
  ],
  "SECRET_TTL is another": [
    (seen) => {
      for (const { metadata } of gatewayPods(seen))
        metadata.annotations!["proxy.istio.io/config"] = metadata.annotations!["proxy.istio.io/config"]!.replace(
          "12h",
          "48h",
        );
    },
    ["gateway/certificate-annotations"],
    /SECRET_TTL 48h instead of 12h/,
  ],
  "a proxy was started without OUTPUT_CERTS": [
    (seen) => void (container(gatewayPods(seen)[0]!, "istio-proxy").env = []),
    ["gateway/certificate-annotations"],
    /runs with OUTPUT_CERTS \(not set\)/,
  ],
  "the sidecar mounts the certificates elsewhere": [
    (seen) => void (container(gatewayPods(seen)[0]!, "istio-proxy").volumeMounts![0]!.mountPath = "/elsewhere"),
    ["gateway/certificate-mount"],
    /nothing is mounted at \/etc\/istio-certs in the proxy of pod enroute-0/,
  ],
  "the cert-server does not share the volume": [
    (seen) => void (container(gatewayPods(seen)[0]!, "cert-server").volumeMounts = []),
    ["gateway/certificate-mount"],
    /not mounted in its cert-server/,
  ],
  "the shared volume is on the node's disk": [
    (seen) => void (gatewayPods(seen)[0]!.spec.volumes![0]!.emptyDir = {}),
    ["gateway/certificate-mount"],
    /not held in memory/,
  ],
  "the gateway may not list Secrets": [
    ({ view }) => void (valueIn(view.gatewayRights)[0]!.allowed = false),
    ["gateway/rights"],
    /enroute of enroute-system may not list secrets/,
  ],
  "the mesh-wide policy is gone": [
    (seen) => void policies(seen).shift(),
    ["strict/mesh-wide"],
    /no mesh-wide PeerAuthentication/,
  ],
  "the mesh-wide policy is PERMISSIVE": [
    (seen) => void (policies(seen)[0]!.spec = { mtls: { mode: "PERMISSIVE" } }),
    ["strict/mesh-wide"],
    /istio-system\/default, which is PERMISSIVE/,
  ],
  "the mesh-wide policy says nothing": [
    (seen) => void (policies(seen)[0]!.spec = {}),
    ["strict/mesh-wide"],
    /which is UNSET/,
  ],
  "an older mesh-wide policy is PERMISSIVE": [
    (seen) =>
      void policies(seen).push(policy(root, "legacy", { mtls: { mode: "PERMISSIVE" } }, "2026-10-01T00:00:00Z")),
    ["strict/mesh-wide", "strict/one-mesh-policy"],
    /obeys istio-system\/legacy, which is PERMISSIVE, and ignores the younger istio-system\/default/,
  ],
  "a younger mesh-wide policy waits": [
    (seen) => void policies(seen).push(policy(root, "later", { mtls: { mode: "PERMISSIVE" } })),
    ["strict/one-mesh-policy"],
    /obeys the oldest, istio-system\/default/,
  ],
  "a policy makes a namespace PERMISSIVE": [
    (seen) => void policies(seen).push(policy("bookinfo", "default", { mtls: { mode: "PERMISSIVE" } })),
    ["strict/namespaces"],
    /bookinfo\/default makes its namespace PERMISSIVE/,
  ],
  "a policy makes a foreign namespace take plain text only": [
    (seen) => void policies(seen).push(policy("elsewhere", "default", { mtls: { mode: "DISABLE" } })),
    ["strict/namespaces"],
    /elsewhere\/default makes its namespace DISABLE/,
  ],
  "a policy weakens a workload": [
    (seen) =>
      void policies(seen).push(
        policy("bookinfo", "weak", { selector: { matchLabels: { app: "reviews" } }, mtls: { mode: "PERMISSIVE" } }),
      ),
    ["strict/workloads"],
    /bookinfo\/weak makes app=reviews PERMISSIVE/,
  ],
  "a policy weakens a port": [
    (seen) =>
      void policies(seen).push(
        policy("bookinfo", "weak", {
          selector: { matchLabels: { app: "reviews" } },
          portLevelMtls: { "9080": { mode: "DISABLE" } },
        }),
      ),
    ["strict/ports"],
    /makes port 9080 of app=reviews DISABLE/,
  ],
  "a policy weakens another port than the declared one": [
    (seen) => void Object.assign(policies(seen)[1]!.spec!.portLevelMtls!, { "8080": { mode: "PERMISSIVE" } }),
    ["strict/ports", "strict/exceptions"],
    /makes port 8080 of app=legacy-metrics PERMISSIVE/,
  ],
  "a policy goes further than the declared exception": [
    (seen) => void (policies(seen)[1]!.spec!.portLevelMtls!["9102"] = { mode: "DISABLE" }),
    ["strict/ports", "strict/exceptions"],
    /makes port 9102 of app=legacy-metrics DISABLE/,
  ],
  "a declared exception is missing": [
    (seen) => void policies(seen).pop(),
    ["strict/exceptions"],
    /plain-text-legacy-metrics-\w+ is missing/,
  ],
  "an older policy takes the place of an exception": [
    (seen) =>
      void policies(seen).push(
        policy("shop", "old", { selector: { matchLabels: { app: "legacy-metrics" } } }, "2026-10-01T00:00:00Z"),
      ),
    ["strict/exceptions"],
    /obeys the older shop\/old/,
  ],
  ...effectFaults,
  "the policy is gone by which the gateway alone is let in": [
    (seen) => void authorizations(seen).pop(),
    ["authorization/only-from-gateway"],
    /no policy of bookinfo is for all of its workloads: they take requests from everybody/,
  ],
  "it is only tried": [
    (seen) => void (authorizations(seen)[0]!.metadata.annotations = { [dryRunAnnotation]: "true" }),
    ["authorization/only-from-gateway"],
    /no policy of bookinfo is for all/,
  ],
  "it lets nobody in": [
    (seen) => void (authorizations(seen)[0]!.spec = { action: "ALLOW" }),
    ["authorization/only-from-gateway"],
    /no policy of bookinfo lets the gateway in: its requests get 403/,
  ],
  "another policy lets others in": [
    (seen) => void authorizations(seen).push({ metadata: { name: "wide", namespace: root }, spec: { rules: [{}] } }),
    ["authorization/only-from-gateway"],
    /AuthorizationPolicy istio-system\/wide lets everybody call workloads of bookinfo/,
  ],
  "a DestinationRule turns TLS off for a Service": [
    ({ view }) => void valueIn(view.destinationRules).push(rule("productpage", disable)),
    ["strict/destination-rules"],
    /bookinfo\/rule turns TLS off for productpage \(all traffic\)/,
  ],
  "a DestinationRule turns TLS off for everything": [
    ({ view }) => void valueIn(view.destinationRules).push(rule("*.local", disable, root)),
    ["strict/destination-rules"],
    /for \*\.local/,
  ],
  "a DestinationRule turns TLS off for a port of a subset": [
    ({ view }) =>
      void valueIn(view.destinationRules).push(
        rule("reviews.bookinfo.svc.cluster.local", {
          subsets: [
            {
              name: "v1",
              trafficPolicy: { portLevelSettings: [{ port: { number: 9080 }, tls: { mode: "DISABLE" } }] },
            },
          ],
        }),
      ),
    ["strict/destination-rules"],
    /subset v1, port 9080/,
  ],
  "the GlobalConfig is gone": [
    ({ view }) => void (view.globalConfigs = { state: "read", value: [] }),
    ["global-config/one"],
    /there is none/,
  ],
  "the GlobalConfig is of another type": [
    (seen) => void (globals(seen).spec!.type = "globalconfig_global"),
    ["global-config/one"],
    /enroute-system\/mesh of type globalconfig_global$/,
  ],
  "there are two GlobalConfigs": [
    (seen) =>
      void valueIn(seen.view.globalConfigs).push({ ...globals(seen), metadata: { name: "other", namespace: edge } }),
    ["global-config/one"],
    /enroute-system\/mesh, enroute-system\/other/,
  ],
  "the GlobalConfig is no JSON": [
    (seen) => void (globals(seen).spec!.config = "{istio_enabled: true}"),
    ["global-config/json"],
    /not a JSON object/,
  ],
  "the GlobalConfig has a slip": [
    (seen) => void (globals(seen).spec!.config = '{"istio_enable": true}'),
    ["global-config/istio-enabled"],
    /has no istio_enabled \(but istio_enable\)/,
  ],
  "the GlobalConfig says it as a text": [
    (seen) => void (globals(seen).spec!.config = '{"istio_enabled": "true"}'),
    ["global-config/istio-enabled"],
    /istio_enabled is "true"/,
  ],
  "a GatewayHost is gone": [
    ({ view }) => void valueIn(view.gatewayHosts).pop(),
    ["hosts/present"],
    /GatewayHost bookinfo\/bookinfo\.staging\.example\.com is missing/,
  ],
  "a GatewayHost is for another host": [
    (seen) => void (firstHost(seen).spec!.virtualhost!.fqdn = "other.example.com"),
    ["hosts/present"],
    /is for other\.example\.com instead of/,
  ],
  "a host is claimed twice": [
    (seen) =>
      void valueIn(seen.view.gatewayHosts).push({ ...firstHost(seen), metadata: { name: "thief", namespace: "shop" } }),
    ["hosts/unique"],
    /claimed by shop\/thief too/,
  ],
  "a GatewayHost has no TLS": [
    (seen) => void delete firstHost(seen).spec!.virtualhost!.tls,
    ["hosts/tls"],
    /has no tls/,
  ],
  "a GatewayHost names another Secret": [
    (seen) => void (firstHost(seen).spec!.virtualhost!.tls!.secretName = "old"),
    ["hosts/tls"],
    /names Secret old/,
  ],
  "a GatewayHost takes older TLS": [
    (seen) => void delete firstHost(seen).spec!.virtualhost!.tls!.minimumProtocolVersion,
    ["hosts/tls"],
    /from version 1\.1/,
  ],
  "a route may be used without TLS": [
    ({ view }) =>
      void (view.serviceRoutes = {
        state: "read",
        value: [
          {
            metadata: { name: "open", namespace: "shop" },
            spec: { fqdn: "bookinfo.staging.example.com", route: { permitInsecure: true } },
          },
        ],
      }),
    ["hosts/secure-routes"],
    /ServiceRoute shop\/open/,
  ],
  "a host delegates to a GatewayHost with a route that may be used without TLS": [
    (seen) => {
      const routes = firstHost(seen).spec!.routes as unknown[];
      routes.push({ conditions: [{ prefix: "/more" }], delegate: { name: "more", namespace: "shop" } });
      valueIn(seen.view.gatewayHosts).push({
        metadata: { name: "more", namespace: "shop" },
        spec: { routes: [{ services: [{ name: "web", port: 80 }], permitInsecure: true }] },
      });
    },
    ["hosts/secure-routes"],
    /GatewayHost shop\/more, to which bookinfo\.staging\.example\.com delegates, serves \/ in clear text/,
  ],
  "EnRoute may list Ingresses": [
    (seen) =>
      void (seen.view.ingressRight = {
        state: "read",
        value: { allowed: true, reason: 'RBAC: allowed by ClusterRoleBinding "other" of ClusterRole "view" to …' },
      }),
    ["clear-text/ingresses"],
    /EnRoute may list Ingresses \(.*"other".*\), and serves them in clear text: it serves wiki\.example\.com\/ of Ingress tools\/wiki$/,
  ],
  "EnRoute may list Ingresses, of which there is none": [
    (seen) => {
      seen.view.ingresses = { state: "read", value: [] };
      seen.view.ingressRight = { state: "read", value: { allowed: true, reason: "" } };
    },
    ["clear-text/ingresses"],
    /there is none yet/,
  ],
  "EnRoute may not list the Ingresses that the stack wants served": [
    (seen) => {
      seen.settings.gateway.ingresses = { reason: "old charts" };
      for (const pod of gatewayPods(seen)) pod.metadata.annotations!["enroute-istio/ingresses"] = "served";
    },
    ["clear-text/ingresses"],
    /may not list Ingresses, which gateway\.ingresses of the stack wants served/,
  ],
  "a gateway pod started while EnRoute might list Ingresses": [
    (seen) => void delete gatewayPods(seen)[1]!.metadata.annotations!["enroute-istio/ingresses"],
    ["clear-text/ingresses"],
    /pod enroute-1 did not start with Ingresses left alone: it keeps those that it has read/,
  ],
  "an Ingress is answered all the same": [
    (seen) => void (seen.probes.ingressAnswers = { "wiki.example.com/": { outcome: "answered", status: 200 } }),
    ["clear-text/answers"],
    /the gateway answers for wiki\.example\.com\/ of Ingress tools\/wiki \(200\)/,
  ],
  "a workload says 404 for an Ingress": [
    (seen) =>
      void (seen.probes.ingressAnswers = {
        "wiki.example.com/": { outcome: "answered", status: 404, isFromWorkload: true },
      }),
    ["clear-text/answers"],
    /\(404\)/,
  ],
  "another host is served without TLS": [
    ({ view }) =>
      void valueIn(view.gatewayHosts).push({
        metadata: { name: "plain", namespace: "tools" },
        spec: { virtualhost: { fqdn: "plain.example.com" }, routes: [{ services: [{ name: "web", port: 80 }] }] },
      }),
    ["clear-text/hosts"],
    /GatewayHost tools\/plain serves plain\.example\.com\/ in clear text on port 80: it names no TLS Secret/,
  ],
  "another host has lost its Secret": [
    ({ view }) => {
      view.hostSecrets["tools/gone"] = { state: "absent" };
      valueIn(view.gatewayHosts).push({
        metadata: { name: "plain", namespace: "tools" },
        spec: {
          virtualhost: { fqdn: "plain.example.com", tls: { secretName: "gone" } },
          routes: [{ services: [{ name: "web", port: 80 }] }],
        },
      });
    },
    ["clear-text/hosts"],
    /its Secret is missing, is not one for TLS, or is not delegated/,
  ],
  "a route leads to a port that its Service does not have": [
    ({ view }) => void (valueIn(view.services["bookinfo"])[0]!.spec.ports = [{ port: 80 }]),
    ["hosts/backends"],
    /routes to port 9080 of Service bookinfo\/productpage, which has 80/,
  ],
  "the Secret is deleted": [
    ({ view }) => void (view.servingSecrets["bookinfo"] = { state: "absent" }),
    ["certificates/present"],
    /Secret bookinfo\/gateway-serving-certificate is missing/,
  ],
  "the Secret is of another type": [
    (seen) => void (secret(seen).type = "Opaque"),
    ["certificates/type"],
    /is of type Opaque/,
  ],
  "the key is another certificate's": [
    async (seen) => void (secret(seen).publicKey = publicKeyOf(await issue())),
    ["certificates/key"],
    /belongs to another certificate/,
  ],
  "the key cannot be read": [
    (seen) => void delete secret(seen).publicKey,
    ["certificates/key"],
    /missing, or not a private key/,
  ],
  "the certificate is for another host": [
    (seen) => replaceLeaf(seen, { hosts: ["other.example.com"] }),
    ["certificates/hosts"],
    /does not cover bookinfo\.staging\.example\.com; it is for DNS:other\.example\.com/,
  ],
  "the certificate has expired": [
    (seen) => replaceLeaf(seen, { notAfter: new Date(Date.now() - 60_000) }),
    ["certificates/valid", "certificates/renewal"],
    /expired on/,
  ],
  "the certificate is not valid yet": [
    (seen) => replaceLeaf(seen, { notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 90 * day) }),
    ["certificates/valid"],
    /is not valid before/,
  ],
  "the certificate ends soon": [
    (seen) =>
      replaceLeaf(seen, { notBefore: new Date(Date.now() - 80 * day), notAfter: new Date(Date.now() + 10 * day) }),
    ["certificates/renewal"],
    /ends on/,
  ],
  "the certificate is another CA's": [
    async (seen) => {
      const ca = await issue({ name: "another CA", ca: true });
      await replaceLeaf(seen, { issuer: ca });
    },
    ["certificates/chain"],
    /issued by another CA, not by the CA that clients of this stack trust/,
  ],
  "the chain is in the wrong order": [
    async (seen) => {
      const other = await issue({ name: "stranger", ca: true });
      secret(seen).certificateChain += other.certificate;
    },
    ["certificates/chain"],
    /certificate 2 did not sign certificate 1/,
  ],
  "the certificate cannot be read": [
    (seen) => {
      secret(seen).certificateChain = "no certificate";
    },
    ["certificates/chain"],
    /holds no PEM certificate/,
  ],
  "the plugged-in CA is gone": [
    async (seen) => {
      await plug(seen, { notAfter: new Date(Date.now() + 365 * day) });
      seen.view.meshAuthority = { state: "absent" };
    },
    ["identity/authority"],
    /Secret istio-system\/cacerts is missing: istiod makes a CA of its own/,
  ],
  "the plugged-in CA is below another root, which the mesh does not trust": [
    async (seen) => {
      const notAfter = new Date(Date.now() + 365 * day);
      await plug(seen, { notAfter, root: await issue({ name: "another root", ca: true, notAfter }) });
    },
    ["identity/authority"],
    /signs below root another root .* instead of a CA .*; .* lacks root a CA .*; root another root .* is not in ConfigMap/,
  ],
  "the plugged-in CA leads nowhere": [
    async (seen) => {
      await plug(seen, { notAfter: new Date(Date.now() + 365 * day) });
      const stranger = await issue({ name: "stranger", ca: true });
      valueIn(seen.view.meshAuthority).rootCertificates = stranger.certificate;
    },
    ["identity/authority"],
    /leads to none of its roots/,
  ],
  "the plugged-in CA ends soon": [
    (seen) => plug(seen, { notAfter: new Date(Date.now() + 60_000) }),
    ["identity/authority-renewal"],
    /it ends on/,
  ],
  "the gateway has no address": [
    (seen) => {
      for (const service of valueIn(seen.view.services[edge])) delete service.status;
      seen.probes.clientLeg = undefined;
    },
    ["client-leg/address"],
    /Service enroute has no address/,
  ],
  "the gateway presents another certificate": [
    async (seen) => {
      probe(seen).handshake = { outcome: "connected", fingerprint: fingerprintOf(await issue()), version: "TLSv1.3" };
    },
    ["client-leg/certificate"],
    /another certificate than that of Secret/,
  ],
  "the gateway lets old clients in": [
    (seen) => void (probe(seen).outdated = { outcome: "connected", fingerprint: "", version: "TLSv1.1" }),
    ["client-leg/minimum-version"],
    /a client with TLSv1\.1 gets in; 1\.2 is the minimum/,
  ],
  "the gateway answers in clear text": [
    (seen) => void (probe(seen).plain = { outcome: "answered", status: 200 }),
    ["client-leg/plain-http"],
    /answers 200 in clear text/,
  ],
  "the gateway redirects to clear text": [
    (seen) => void (probe(seen).plain = { outcome: "answered", status: 301, location: "http://elsewhere/" }),
    ["client-leg/plain-http"],
    /Location http:\/\/elsewhere/,
  ],
  "a namespace has no mesh root": [
    ({ view }) => void (view.rootCertificates["shop"] = { state: "absent" }),
    ["identity/mesh-root"],
    /shop has none/,
  ],
  "a namespace has another mesh root": [
    async ({ view }) => {
      const { certificate } = await issue({ ca: true });
      view.rootCertificates["shop"] = {
        state: "read",
        value: { metadata: { name: "istio-ca-root-cert" }, data: { "root-cert.pem": certificate } },
      };
    },
    ["identity/mesh-root"],
    /shop has another/,
  ],
  "istiod signs in another name": [
    (seen) => void Object.assign(seen.probes.signing, { names: "URI:spiffe://cluster.local/ns/default/sa/default" }),
    ["identity/gateway-certificate"],
    /is for URI:spiffe:\/\/cluster\.local\/ns\/default\/sa\/default instead of/,
  ],
  "istiod signs by another root": [
    (seen) => void Object.assign(seen.probes.signing, { trusted: false }),
    ["identity/gateway-certificate"],
    /does not lead to the mesh's root/,
  ],
  "istiod refuses to sign": [
    (seen) => void (seen.probes.signing = { outcome: "denied", reason: "request authenticate failure" }),
    ["identity/gateway-certificate"],
    /request authenticate failure/,
  ],
};

/** What cannot be told beside such a fault, because what it looks at is not there. */
const hidden: Record<string, string[]> = {
  "the validation webhook is gone": ["releases/versions", "control-plane/webhook-ca"],
  "a namespace is gone": ["control-plane/discovery", "injection/revision-webhook"],
  "a gateway pod has no cert-server": ["gateway/certificate-mount"],
  "the mesh-wide policy is gone": ["strict/one-mesh-policy"],
  "the GlobalConfig is gone": ["global-config/json", "global-config/istio-enabled"],
  "the GlobalConfig is of another type": ["global-config/json", "global-config/istio-enabled"],
  "the GlobalConfig is no JSON": ["global-config/istio-enabled"],
  "a GatewayHost is gone": ["hosts/unique", "hosts/tls", "hosts/secure-routes", "clear-text/hosts"],
  "a GatewayHost is for another host": ["hosts/unique", "hosts/tls", "hosts/secure-routes"],
  "the Secret is deleted": [
    ...["type", "key", "hosts", "taken", "valid", "renewal", "chain"].map((name) => `certificates/${name}`),
    "client-leg/certificate",
  ],
  "the certificate cannot be read": [
    ...["key", "hosts", "taken", "valid", "renewal"].map((name) => `certificates/${name}`),
    "client-leg/certificate",
  ],
  "the plugged-in CA is gone": ["identity/authority-renewal"],
  "the gateway has no address": ["certificate", "minimum-version", "plain-http"].map((name) => `client-leg/${name}`),
};

async function replaceLeaf(seen: Seen, options: Parameters<typeof issue>[0]): Promise<void> {
  const leaf = await issue({
    name: "gateway",
    hosts: settings.hosts.map(({ host }) => host),
    notAfter: new Date(Date.now() + 90 * day),
    issuer: certificates.ca,
    ...options,
  });
  Object.assign(secret(seen), { certificateChain: leaf.certificate, publicKey: publicKeyOf(leaf) });
  probe(seen).handshake = { outcome: "connected", fingerprint: fingerprintOf(leaf), version: "TLSv1.3" };
}

describe("the checks of verify", () => {
  before(async () => {
    certificates = await serving(settings);
  });
  const fresh = (): Seen => healthy(structuredClone(settings), certificates);

  for (const name of stackNames)
    it(`all pass on a healthy cluster of stack ${name}`, async () => {
      const own = stackFile(name);
      const results = look(healthy(own, await serving(own)));
      assert.deepEqual(
        results.filter(({ status }) => status !== "passed"),
        [],
      );
      assert.ok(results.every(({ evidence, fix }) => evidence !== "" && fix === undefined));
    });

  it("see the facts that they need, and no others", () => {
    const { view, probes, settings: own, options } = fresh();
    const context = { settings: own, now: new Date(), days: 14, caCertificate: options.caCertificate };
    for (const check of verifyChecks) {
      const facts = new Proxy(
        { ...view, ...probes },
        {
          get(target, key, receiver) {
            assert.ok((check.needs as PropertyKey[]).includes(key), `${check.id} looks at ${String(key)}`);
            return Reflect.get(target, key, receiver) as unknown;
          },
        },
      );
      assert.equal(judge(check, facts, context).status, "passed");
    }
  });

  describe("never pass unchanged where what they look at is gone:", () => {
    // What these ask for is that there is nothing of the kind, and in a healthy cluster there is nothing either.
    const absences = [
      "strict/destination-rules destinationRules",
      "strict/destination-rules services",
      "strict/namespaces peerAuthentications",
      "hosts/secure-routes serviceRoutes",
      "clear-text/ingresses serviceRoutes",
      "clear-text/answers serviceRoutes",
      "clear-text/hosts serviceRoutes",
      // There is no host beside the stack's.
      "clear-text/hosts certificateDelegations",
      "clear-text/hosts hostSecrets",
      // It tells which of several roots signs, and here there is one.
      "identity/root-valid meshAuthority",
      // These only tell why something else is in force.
      "effect/inbound namespaces",
      "effect/inbound meshConfigs",
      "effect/inbound peerAuthentications",
      "effect/inbound envoyFilters",
      // They tell which exceptions a Service's pods have, and here there is none.
      "effect/gateway-outbound services",
    ];
    const isList = (entry: Read<unknown> | undefined) => entry?.state === "read" && Array.isArray(entry.value);
    /** The same without one fact: absent, and where it is a list, empty. */
    function without(seen: Seen, key: string): Seen[] {
      const parts = seen.view as unknown as Record<string, Read<unknown> | Record<string, Read<unknown>> | undefined>;
      const entry = parts[key];
      if (entry === undefined) return [{ ...seen, probes: nothingProbed }];
      const whole = "state" in entry;
      const lists = isList(whole ? (entry as Read<unknown>) : Object.values(entry)[0]);
      const replacements: Read<unknown>[] = [
        { state: "absent" },
        ...(lists ? [{ state: "read", value: [] } as const] : []),
      ];
      return replacements.map((gone) => {
        const value = whole ? gone : Object.fromEntries(Object.keys(entry).map((name) => [name, gone]));
        return { ...seen, view: { ...seen.view, [key]: value } };
      });
    }
    for (const key of Object.keys(verifyReaders) as (keyof VerifyFacts)[])
      it(key, async () => {
        const whole = fresh();
        await plug(whole, { notAfter: new Date(Date.now() + 365 * day) });
        const before = look(whole);
        for (const cut of without(whole, key)) {
          const after = look(cut);
          const unmoved = verifyChecks
            .filter(({ id, needs }) => needs.includes(key) && !absences.includes(`${id} ${key}`))
            // Most that look at releases take from them the command of their fix.
            .filter(({ id }) => key !== "releases" || id === "releases/deployed")
            .filter(({ id }) => {
              const [then, now] = [before, after].map((results) => results.find((result) => result.id === id)!);
              return now!.status === "passed" && now!.evidence === then!.evidence;
            });
          assert.deepEqual(
            unmoved.map(({ id }) => id),
            [],
          );
        }
      });
  });

  it("fail for a stack that was left half-way, whatever the cluster looks like, and say how to go on", async () => {
    const { readFileSync } = await import("node:fs");
    const seen = fresh();
    const unfinished = {
      evidence: "the last update failed at noon; 46 resources are in the state",
      fix: "run up again",
    };
    seen.options = { ...seen.options, unfinished };
    const results = look(seen);
    assert.deepEqual(named(results, "failed"), ["stack/rolled-out"]);
    assert.deepEqual([results[0]!.evidence, results[0]!.fix], [unfinished.evidence, unfinished.fix]);
    assert.match(readFileSync(`${__dirname}/../../../docs/verify.md`, "utf8"), /`stack\/rolled-out`/);
  });

  for (const [what, [breakIt, checks, evidence]] of Object.entries(faults))
    it(`find that ${what}`, async () => {
      const seen = fresh();
      await breakIt(seen);
      const results = look(seen);
      assert.deepEqual(named(results, "failed"), checks);
      const first = results.find(({ check }) => check === checks[0])!;
      assert.match(first.evidence, evidence);
      assert.ok(first.fix);
      // A command as it has to be run: only the stack's name is for the reader to fill in.
      for (const { fix } of results.flatMap(({ issues }) => issues))
        assert.doesNotMatch(fix.replaceAll("<stack>", ""), /<\w+>/, fix);
      assert.deepEqual(named(results, "unknown"), hidden[what] ?? []);
    });

  it("have a fault for each of them", () => {
    const tried = new Set(Object.values(faults).flatMap(([, checks]) => checks));
    assert.deepEqual(
      look(fresh())
        .map(({ check }) => check)
        .filter((check) => !tried.has(check)),
      ["identity/root-valid"], // below: a mesh root that has expired takes everything else with it
    );
  });

  it("find that the mesh's root certificate ends", () => {
    const seen = fresh();
    const inTenYears = new Date(Date.now() + 3645 * day);
    seen.options = { ...seen.options, now: inTenYears, days: 30 };
    const ended = look(seen).find(({ check }) => check === "identity/root-valid")!;
    assert.equal(ended.status, "failed");
    assert.match(ended.evidence, /it ends on/);
  });

  describe("what is fine", () => {
    const fine: Record<string, (seen: Seen) => void | Promise<void>> = {
      "a CA that is plugged into istiod": (seen) => plug(seen, { notAfter: new Date(Date.now() + 365 * day) }),
      "a sidecar that is a container": ({ view }) => {
        const [pod] = valueIn(view.pods["shop"]);
        pod!.spec.containers.push(pod!.spec.initContainers!.pop()!);
        pod!.status!.containerStatuses!.push(pod!.status!.initContainerStatuses!.pop()!);
      },
      "a Job's pod that has ended, and one that is on its way out": ({ view }) => {
        const pods = valueIn(view.pods["shop"]);
        const bare = (name: string): Pod => ({ metadata: { name }, spec: { containers: [] }, status: {} });
        pods.push({ ...bare("job"), status: { phase: "Succeeded" } });
        pods.push({ ...bare("old"), metadata: { name: "old", deletionTimestamp: "2026-11-01T00:00:00Z" } });
      },
      "namespaces without pods": ({ view }) => void (view.pods["shop"] = { state: "read", value: [] }),
      "a policy with a selector in the root namespace, which Istio ignores": (seen) =>
        void policies(seen).push(
          policy(root, "odd", { selector: { matchLabels: { app: "x" } }, mtls: { mode: "DISABLE" } }),
        ),
      "a policy that is as strict as the mesh": (seen) =>
        void policies(seen).push(policy("shop", "default", { mtls: { mode: "STRICT" } })),
      "a policy that inherits": (seen) => void policies(seen).push(policy("shop", "default", {})),
      "a DestinationRule for a host outside": ({ view }) =>
        void valueIn(view.destinationRules).push(rule("legacy.example.com", disable)),
      "a DestinationRule for a Service outside of the mesh": ({ view }) =>
        void valueIn(view.destinationRules).push(rule("db.default.svc.cluster.local", disable)),
      "a DestinationRule for the workload of an exception": ({ view }) => {
        valueIn(view.services["shop"]).push({
          metadata: { name: "metrics" },
          spec: { selector: { app: "legacy-metrics" } },
        });
        valueIn(view.destinationRules).push(rule("metrics.shop.svc.cluster.local", disable, "monitoring"));
      },
      "another webhook beside ours": ({ view }) =>
        void valueIn(view.mutatingWebhooks).push({
          metadata: { name: "cert-manager" },
          webhooks: [{ name: "x", failurePolicy: "Ignore", clientConfig: {} }],
        }),
      "a sidecar of a variant": ({ view }) =>
        void (container(valueIn(view.pods["shop"])[0]!, "istio-proxy").image =
          "docker.io/istio/proxyv2:1.31.0-distroless@sha256:00"),
      "a gateway with more pods than asked for": (seen) => {
        gatewayPods(seen).push({
          ...gatewayPods(seen)[0]!,
          metadata: { ...gatewayPods(seen)[0]!.metadata, name: "x" },
        });
        const { outbound } = seen.probes.proxies;
        outbound[`${edge}/x`] = outbound[`${edge}/${gatewayPods(seen)[0]!.metadata.name}`]!;
      },
      "a port 80 that is closed": (seen) =>
        void (probe(seen).plain = { outcome: "closed", reason: "connect ECONNREFUSED" }),
      "kinds that are not installed, where that means that there are none": ({ view }) => {
        view.destinationRules = { state: "absent" };
        view.serviceRoutes = { state: "absent" };
      },
      "a certificate of a short life, in its first half": (seen) => void Object.assign(seen.options, { days: 365 }),
    };
    for (const [what, change] of Object.entries(fine))
      it(`is ${what}`, async () => {
        const seen = fresh();
        await change(seen);
        assert.deepEqual(named(look(seen), "failed", "unknown"), []);
      });
  });

  describe("what cannot be told", () => {
    it("is everything of a gateway that does not answer, and never passes", () => {
      const seen = fresh();
      const silent = { outcome: "silent", reason: "connect ECONNREFUSED" } as const;
      seen.probes.clientLeg = {
        "bookinfo.staging.example.com": {
          handshake: silent,
          outdated: silent,
          plain: { outcome: "closed", reason: "connect ECONNREFUSED" },
        },
      };
      seen.probes.signing = { outcome: "silent", reason: "no port-forward" };
      const results = look(seen);
      assert.deepEqual(named(results, "failed"), []);
      assert.deepEqual(named(results, "unknown"), [
        "client-leg/certificate",
        "client-leg/minimum-version",
        "client-leg/plain-http",
        "identity/gateway-certificate",
      ]);
    });

    it("is an error in clear text, which may be anybody's", () => {
      const seen = fresh();
      probe(seen).plain = { outcome: "answered", status: 404 };
      assert.deepEqual(named(look(seen), "unknown"), ["client-leg/plain-http"]);
    });

    it("is a chain that ends at a CA which nobody named", () => {
      const seen = fresh();
      seen.options = {};
      assert.deepEqual(named(look(seen), "unknown"), ["certificates/chain"]);
      Object.assign(secret(seen), { ca: certificates.ca.certificate });
      assert.deepEqual(named(look(seen), "unknown"), []);
    });

    it("is a rollout that is under way, and a proxy that has not started", () => {
      const seen = fresh();
      valueIn(seen.view.deployments[root])[0]!.metadata.generation = 2;
      valueIn(seen.view.pods["shop"]).push({
        ...meshPod(settings, "shop", "young", ["app"]),
        status: { phase: "Pending" },
      });
      assert.deepEqual(named(look(seen), "unknown", "failed"), [
        "control-plane/istiod-ready",
        "injection/proxies-ready",
      ]);
    });

    it("is what may not be read: such a check is never passed, and none fails for it", () => {
      const forbidden = { state: "unreadable", reason: "not allowed: secrets is forbidden" } as const;
      const seen = fresh();
      const view = seen.view as unknown as Record<string, Read<unknown> | Record<string, Read<unknown>>>;
      for (const [key, entry] of Object.entries(view))
        view[key] =
          "state" in entry ? forbidden : Object.fromEntries(Object.keys(entry).map((inner) => [inner, forbidden]));
      const results = look(seen);
      assert.deepEqual(named(results, "failed"), []);
      const unseen = results.filter(({ status }) => status === "passed").map(({ check }) => check);
      // Known from the live connections alone.
      assert.deepEqual(unseen, ["client-leg/minimum-version", "client-leg/plain-http", "identity/gateway-certificate"]);
    });

    it("leaves a problem that was found a problem", () => {
      const seen = fresh();
      const releases = seen.view.releases;
      valueIn(releases[root])[0]!.status = "failed";
      releases[edge] = { state: "unreadable", reason: "no answer" };
      assert.equal(look(seen).find(({ check }) => check === "releases/deployed")!.status, "failed");
    });
  });

  it("judge what will be there when what leaves is gone", () => {
    const seen = fresh();
    const weak = policy("bookinfo", "weak", { mtls: { mode: "PERMISSIVE" } });
    policies(seen).push(weak);
    assert.deepEqual(named(look(seen), "failed"), ["strict/namespaces"]);
    const facts = { ...seen.view, ...seen.probes };
    const later = withoutLeaving(facts, ["PeerAuthentication bookinfo/weak", "GatewayHost bookinfo/none"]);
    assert.deepEqual(named(look({ ...seen, view: later }), "failed"), []);
    assert.equal(policies(seen).at(-1), weak, "what was read stays as it was");
  });

  it("know a cluster where nothing was installed", () => {
    const absent = { state: "absent" } as const;
    const seen = fresh();
    const view = seen.view as unknown as Record<string, Read<unknown> | Record<string, Read<unknown>>>;
    for (const [key, entry] of Object.entries(view))
      view[key] = "state" in entry ? absent : Object.fromEntries(Object.keys(entry).map((inner) => [inner, absent]));
    seen.probes = nothingProbed;
    const results = look(seen);
    // Each of them holds just because there is nothing of the kind.
    assert.deepEqual(named(results, "passed"), ["strict/destination-rules", "identity/authority-renewal"]);
    const failed = named(results, "failed");
    for (const check of [
      "releases/deployed",
      "control-plane/istiod-ready",
      "strict/mesh-wide",
      "global-config/one",
      "certificates/present",
    ])
      assert.ok(failed.includes(check), check);
  });
});
