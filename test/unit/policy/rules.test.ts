import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onlyFrom } from "../../../mesh/authorization";
import { type PolicyObject, judge, loadLevels, rules } from "../../../policy/rules";
import { isProduction } from "../../../policy/rule";
import { type Issued, issue } from "../certificates";
import { stackNames } from "../stack-files";
import { objectsOf } from "./objects";

type Tree = Record<string, unknown>;
const now = new Date("2026-11-01");

/** A change of one object of the stack prod, which all rules let pass: sets the value at a path, `undefined` takes it away. */
interface Seed {
  title: string;
  rule: string;
  /** `Kind name` of the object that is changed. */
  change?: [object: string, path: string, value: unknown][];
  add?: PolicyObject[];
  remove?: string[];
  previous?: (objects: PolicyObject[]) => PolicyObject[];
  /** Where the rule is for production alone, or milder elsewhere, is another stack let pass? */
  onlyInProduction?: true;
  /** `Kind namespace/name` that the finding names. */
  object: string;
  says: RegExp;
}

const policy = (name: string, spec: Tree, annotations: Record<string, string> = {}): PolicyObject => ({
  apiVersion: "security.istio.io/v1",
  kind: "PeerAuthentication",
  metadata: { name, namespace: "shop", annotations },
  spec,
});
const gatewayAccount = { kind: "ServiceAccount", name: "enroute", namespace: "enroute-system" };
const declared = { "enroute-istio/reason": "r", "enroute-istio/owner": "team-a", "enroute-istio/until": "2026-12-31" };
const permissive = { mtls: { mode: "PERMISSIVE" } };

const deployment = (name: string, image: string, labels: Tree = { app: name }): PolicyObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "istio-system" },
  spec: { replicas: 2, template: { metadata: { labels }, spec: { containers: [{ name: "main", image }] } } },
});
const budget = (name: string): PolicyObject => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name, namespace: "istio-system" },
  spec: { selector: { matchLabels: { app: name } } },
});
const tlsSecret = ({ certificate, privateKey }: Pick<Issued, "certificate" | "privateKey">): PolicyObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "shop-tls", namespace: "shop" },
  type: "kubernetes.io/tls",
  // As Kubernetes has it.
  data: { "tls.crt": base64(certificate), "tls.key": base64(privateKey) },
});
const base64 = (text: string) => Buffer.from(text).toString("base64");
const tls = (kind: string, more: Tree): PolicyObject => ({ apiVersion: "tls", kind, metadata: { name: "t" }, ...more });
const certificate = (spec: Tree): PolicyObject => ({
  apiVersion: "cert-manager.io/v1",
  kind: "Certificate",
  metadata: { name: "shop-tls", namespace: "shop" },
  spec: { secretName: "shop-tls", dnsNames: ["shop.example.com"], ...spec },
});
const destinationRule = (trafficPolicy: Tree, subsets: Tree[] = []): PolicyObject => ({
  apiVersion: "networking.istio.io/v1",
  kind: "DestinationRule",
  metadata: { name: "api", namespace: "shop" },
  spec: { host: "api.shop.svc.cluster.local", trafficPolicy, subsets },
});
const authorization = (name: string, spec: Tree, namespace = "shop"): PolicyObject => ({
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { name, namespace },
  spec,
});
const gatewayOnly: Tree = onlyFrom("cluster.local/ns/enroute-system/sa/enroute");
const configMap = (name: string, data: Record<string, string>): PolicyObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "istio-system" },
  data,
});
const host = "GatewayHost shop.example.com";
const privateKeyText = () =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }) as string;

/** Made when the tests run: keys are never kept. */
async function seeds(): Promise<Seed[]> {
  const day = 86_400_000;
  const long = await issue({ hosts: ["shop.example.com"], notAfter: new Date(Date.now() + 399 * day) });
  const foreign = await issue({ hosts: ["shop.example.com", "*.example.com"] });
  const other = await issue({ hosts: [] });
  const key = privateKeyText();
  return [
    {
      title: "a PERMISSIVE policy that nobody has declared",
      rule: "mtls-strict",
      add: [policy("legacy", permissive)],
      object: "PeerAuthentication shop/legacy",
      says: /mtls\.mode is PERMISSIVE: .*no reason is declared/,
    },
    {
      title: "a port that is DISABLEd",
      rule: "mtls-strict",
      add: [policy("legacy", { mtls: { mode: "STRICT" }, portLevelMtls: { "9102": { mode: "DISABLE" } } })],
      object: "PeerAuthentication shop/legacy",
      says: /portLevelMtls\.9102\.mode is DISABLE/,
    },
    {
      title: "an exception without an owner",
      rule: "mtls-exceptions",
      add: [policy("legacy", permissive, { ...declared, "enroute-istio/owner": " " })],
      object: "PeerAuthentication shop/legacy",
      says: /has no owner/,
    },
    {
      title: "an exception without an end",
      rule: "mtls-exceptions",
      add: [policy("legacy", permissive, { "enroute-istio/reason": "r" })],
      object: "PeerAuthentication shop/legacy",
      says: /has no owner and no until/,
    },
    {
      title: "an exception whose end is no date",
      rule: "mtls-exceptions",
      add: [policy("legacy", permissive, { ...declared, "enroute-istio/until": "soon" })],
      object: "PeerAuthentication shop/legacy",
      says: /end soon is not a date/,
    },
    {
      title: "an exception that is over",
      rule: "mtls-exceptions",
      add: [policy("legacy", permissive, { ...declared, "enroute-istio/until": "2026-10-31" })],
      object: "PeerAuthentication shop/legacy",
      says: /exception of team-a ended on 2026-10-31/,
    },
    {
      title: "a mesh-wide policy that is declared as an exception",
      rule: "mtls-mesh-wide",
      change: [
        ["PeerAuthentication default", "spec.mtls.mode", "PERMISSIVE"],
        ["PeerAuthentication default", "metadata.annotations", declared],
      ],
      object: "PeerAuthentication istio-system/default",
      says: /mesh-wide mode is PERMISSIVE/,
    },
    {
      title: "a mesh-wide policy without a mode",
      rule: "mtls-mesh-wide",
      change: [["PeerAuthentication default", "spec", {}]],
      object: "PeerAuthentication istio-system/default",
      says: /not set, which means PERMISSIVE/,
    },
    {
      title: "no mesh-wide policy",
      rule: "mtls-mesh-wide",
      remove: ["PeerAuthentication default"],
      object: "Release istio-system/istiod",
      says: /no policy in istio-system is for the whole mesh/,
    },
    {
      title: "a mesh whose istiod does not look at its root namespace",
      rule: "mesh-discovery",
      change: [
        [
          "Release istiod",
          "values.meshConfig.discoverySelectors",
          [{ matchExpressions: [{ key: "istio-injection", operator: "Exists" }] }],
        ],
      ],
      object: "Release istio-system/istiod",
      says: /none of its discoverySelectors matches namespace istio-system: .*STRICT is off everywhere/,
    },
    {
      title: "the same in the chart's ConfigMap",
      rule: "mesh-discovery",
      add: [
        configMap("istio-1-31", {
          mesh: "discoverySelectors: [{ matchLabels: { kubernetes.io/metadata.name: istio-system } }, { matchLabels: { kubernetes.io/metadata.name: enroute-system } }]",
        }),
      ],
      object: "ConfigMap istio-system/istio-1-31",
      says: /matches namespace shop/,
    },
    {
      title: "a port that no sidecar captures",
      rule: "mesh-capture",
      change: [["Release istiod", "values.global.proxy.excludeInboundPorts", "8080"]],
      object: "Release istio-system/istiod",
      says: /values\.global\.proxy\.excludeInboundPorts is "8080": what its sidecar does not capture/,
    },
    {
      title: "a mesh that captures nothing",
      rule: "mesh-capture",
      change: [["Release istiod", "values.pilot.meshConfig.defaultConfig.interceptionMode", "NONE"]],
      object: "Release istio-system/istiod",
      says: /interceptionMode is "NONE"/,
    },
    {
      title: "a mesh without automatic mutual TLS",
      rule: "mesh-capture",
      change: [["Release istiod", "values.meshConfig.enableAutoMtls", false]],
      object: "Release istio-system/istiod",
      says: /enableAutoMtls is false: without it proxies send plain text/,
    },
    {
      title: "a gateway without its cert-server",
      rule: "gateway-in-mesh",
      change: [["Release enroute-istio", "values.istio.enable", false]],
      object: "Release enroute-system/enroute-istio",
      says: /istio\.enable is not true/,
    },
    {
      title: "a gateway that speaks plain text to the workloads",
      rule: "gateway-in-mesh",
      change: [["GlobalConfig mesh", "spec.config", '{"istio_enabled":false}']],
      object: "GlobalConfig enroute-system/mesh",
      says: /no GlobalConfig sets istio_enabled/,
    },
    {
      title: "a host without TLS",
      rule: "host-tls",
      change: [[host, "spec.virtualhost.tls", undefined]],
      object: "GatewayHost shop/shop.example.com",
      says: /names no TLS Secret/,
    },
    {
      title: "a host that takes TLS 1.1",
      rule: "host-tls",
      change: [[host, "spec.virtualhost.tls.minimumProtocolVersion", "1.1"]],
      object: "GatewayHost shop/shop.example.com",
      says: /minimumProtocolVersion is "1\.1"/,
    },
    {
      title: "a host without a version, which means TLS 1.1",
      rule: "host-tls",
      change: [[host, "spec.virtualhost.tls.minimumProtocolVersion", undefined]],
      object: "GatewayHost shop/shop.example.com",
      says: /minimumProtocolVersion is not set/,
    },
    {
      title: "a route that is served without TLS",
      rule: "host-insecure-routes",
      change: [[host, "spec.routes.1.permitInsecure", true]],
      object: "GatewayHost shop/shop.example.com",
      says: /route \/ has permitInsecure/,
    },
    {
      title: "a route without TLS beside one that is declared",
      rule: "host-insecure-routes",
      change: [
        [host, "spec.routes.0.permitInsecure", true],
        [host, "spec.routes.1.permitInsecure", true],
        [host, "metadata.annotations", { "enroute-istio/insecure-routes": '{"/api":"old clients"}' }],
      ],
      object: "GatewayHost shop/shop.example.com",
      says: /route \/ has permitInsecure/,
    },
    {
      title: "a ServiceRoute without TLS",
      rule: "host-insecure-routes",
      add: [
        {
          apiVersion: "enroute.saaras.io/v1",
          kind: "ServiceRoute",
          metadata: { name: "more", namespace: "shop" },
          spec: { fqdn: "shop.example.com", route: { conditions: [{ prefix: "/more" }], permitInsecure: true } },
        },
      ],
      object: "ServiceRoute shop/more",
      says: /route \/more has permitInsecure/,
    },
    {
      title: "the chart's role for the gateway, which nobody has given a reason for",
      rule: "gateway-ingresses",
      change: [["ClusterRoleBinding enroute-istio-gateway", "subjects", [gatewayAccount]]],
      object: "ClusterRoleBinding enroute-istio-gateway",
      says: /may list Ingresses by it: EnRoute serves each without a class annotation in clear text/,
    },
    {
      title: "another role for the gateway, with Ingresses",
      rule: "gateway-ingresses",
      add: [
        {
          apiVersion: "rbac.authorization.k8s.io/v1",
          kind: "ClusterRole",
          metadata: { name: "reader" },
          rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["get", "list"] }],
        },
        {
          apiVersion: "rbac.authorization.k8s.io/v1",
          kind: "ClusterRoleBinding",
          metadata: { name: "readers" },
          roleRef: { kind: "ClusterRole", name: "reader" },
          subjects: [{ kind: "Group", name: "system:serviceaccounts" }],
        },
      ],
      object: "ClusterRoleBinding readers",
      says: /may list Ingresses/,
    },
    {
      title: "a DestinationRule that turns TLS off",
      rule: "destination-rule-tls",
      add: [destinationRule({ tls: { mode: "DISABLE" } })],
      object: "DestinationRule shop/api",
      says: /spec\.trafficPolicy\.tls\.mode is DISABLE.*api\.shop/,
    },
    {
      title: "a DestinationRule that turns TLS off for a port of a subset",
      rule: "destination-rule-tls",
      add: [
        destinationRule({}, [
          { name: "v1", trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: "DISABLE" } }] } },
        ]),
      ],
      object: "DestinationRule shop/api",
      says: /spec\.subsets\[0\]\.trafficPolicy\.portLevelSettings\[0\]\.tls/,
    },
    {
      title: "a DestinationRule that trusts whoever answers",
      rule: "destination-rule-tls",
      add: [destinationRule({ tls: { mode: "SIMPLE", insecureSkipVerify: true } })],
      object: "DestinationRule shop/api",
      says: /insecureSkipVerify is true/,
    },
    {
      title: "a policy that lets others call workloads that are for the gateway alone",
      rule: "only-from-gateway",
      add: [authorization("only-from-gateway", gatewayOnly), authorization("wide", { rules: [{}] })],
      object: "AuthorizationPolicy shop/wide",
      says: /lets everybody call workloads of shop/,
    },
    {
      title: "a policy for the whole mesh that lets others in",
      rule: "only-from-gateway",
      add: [
        authorization("only-from-gateway", gatewayOnly),
        authorization("wide", { rules: [{ from: [{ source: { namespaces: ["monitoring"] } }] }] }, "istio-system"),
      ],
      object: "AuthorizationPolicy istio-system/wide",
      says: /lets everybody in monitoring call workloads of shop/,
    },
    {
      title: "a policy for the gateway alone that is not for all workloads",
      rule: "only-from-gateway",
      add: [authorization("only-from-gateway", { ...gatewayOnly, selector: { matchLabels: { app: "cart" } } })],
      object: "AuthorizationPolicy shop/only-from-gateway",
      says: /they take requests from everybody/,
    },
    {
      title: "a policy for the gateway alone that lets nobody in",
      rule: "only-from-gateway",
      add: [authorization("only-from-gateway", { rules: [] })],
      object: "AuthorizationPolicy shop/only-from-gateway",
      says: /the gateway's requests get 403/,
    },
    {
      title: "a namespace of a host without its label",
      rule: "namespace-injection",
      change: [["Namespace shop", "metadata.labels", undefined]],
      object: "Namespace shop",
      says: /hosts route to pods in it/,
    },
    {
      title: "the gateway's namespace without its label",
      rule: "namespace-injection",
      change: [["Namespace enroute-system", "metadata.labels.istio-injection", "disabled"]],
      object: "Namespace enroute-system",
      says: /the gateway runs in it/,
    },
    {
      title: "a namespace that had the label",
      rule: "namespace-injection",
      previous: (objects) => [
        ...objects,
        {
          apiVersion: "v1",
          kind: "Namespace",
          metadata: {
            name: "old",
            labels: { "istio.io/rev": "1-31" },
            annotations: { "helm.sh/resource-policy": "keep" },
          },
        },
      ],
      object: "Namespace old",
      says: /it has the label today/,
    },
    {
      title: "a namespace with both labels",
      rule: "namespace-injection",
      change: [["Namespace shop", "metadata.labels", { "istio-injection": "enabled", "istio.io/rev": "1-31" }]],
      object: "Namespace shop",
      says: /both labels/,
    },
    {
      title: "a private key in a ConfigMap",
      rule: "private-keys",
      add: [configMap("keys", { "tls.key": key })],
      object: "ConfigMap istio-system/keys",
      says: /data\.tls\.key holds a private key, outside of a Secret/,
    },
    {
      title: "a private key in the values of a release",
      rule: "private-keys",
      change: [["Release istiod", "values.env", { CA_KEY: key }]],
      object: "Release istio-system/istiod",
      says: /values\.env\.CA_KEY holds a private key, outside of a Secret/,
    },
    {
      title: "a private key that the engine does not know to be secret",
      rule: "private-keys",
      add: [{ ...tlsSecret(foreign), metadata: { name: "x", namespace: "y" }, plainKeyPaths: ["stringData.tls.key"] }],
      object: "Secret y/x",
      says: /stringData\.tls\.key holds a private key that is not a Pulumi secret/,
    },
    {
      title: "an RSA key of 1024 bits",
      rule: "key-strength",
      add: [tls("PrivateKey", { algorithm: "RSA", rsaBits: 1024 })],
      object: "PrivateKey t",
      says: /RSA of 1024 bits/,
    },
    {
      title: "a key on the curve that @pulumi/tls takes by default",
      rule: "key-strength",
      add: [tls("PrivateKey", { algorithm: "ECDSA" })],
      object: "PrivateKey t",
      says: /ECDSA on P224/,
    },
    {
      title: "a weak key that cert-manager is to make",
      rule: "key-strength",
      add: [certificate({ privateKey: { algorithm: "RSA", size: 1024 } })],
      object: "Certificate shop/shop-tls",
      says: /RSA of 1024 bits/,
    },
    {
      title: "a key that the stack's Envoy does not load, in a Secret",
      rule: "certificate-taken",
      change: [["Release enroute-istio", "values.images.envoy.tag", "v1.27.0"]],
      add: [tlsSecret(await issue({ hosts: ["shop.example.com"], key: "P-384" }))],
      object: "Secret shop/shop-tls",
      says: /has an ECDSA key on P-384: Envoy v1\.27\.0 loads ECDSA on P-256, or RSA, alone/,
    },
    {
      title: "the same that cert-manager is to make",
      rule: "certificate-taken",
      change: [["Release enroute-istio", "values.images.envoy.tag", "v1.27.0"]],
      add: [certificate({ privateKey: { algorithm: "ECDSA", size: 521 } })],
      object: "Certificate shop/shop-tls",
      says: /has an ECDSA key on P-521/,
    },
    {
      title: "a certificate for clients",
      rule: "certificate-taken",
      add: [certificate({ usages: ["client auth"] })],
      object: "Certificate shop/shop-tls",
      says: /is not for servers: spec\.usages lacks server auth/,
    },
    {
      title: "a certificate of more than 398 days in a Secret",
      rule: "certificate-life",
      add: [tlsSecret(long)],
      object: "Secret shop/shop-tls",
      says: /lives for 400 days/,
    },
    {
      title: "a certificate of more than 398 days that the program is to issue",
      rule: "certificate-life",
      add: [tls("LocallySignedCert", { validityPeriodHours: 9553 })],
      object: "LocallySignedCert t",
      says: /lives for 399 days/,
    },
    {
      title: "a certificate of more than 398 days that cert-manager is to order",
      rule: "certificate-life",
      add: [certificate({ duration: "9553h" })],
      object: "Certificate shop/shop-tls",
      says: /lives for 399 days/,
    },
    {
      title: "a certificate that is not for the host",
      rule: "certificate-names",
      add: [tlsSecret(other)],
      object: "Secret shop/shop-tls",
      says: /is not for shop\.example\.com/,
    },
    {
      title: "a certificate for more names than the hosts",
      rule: "certificate-names",
      add: [tlsSecret(foreign)],
      object: "Secret shop/shop-tls",
      says: /is for \*\.example\.com too/,
    },
    {
      title: "a request for a name that is no host",
      rule: "certificate-names",
      add: [tls("CertRequest", { dnsNames: ["shop.example.com", "spare.example.com"], ipAddresses: [] })],
      object: "CertRequest t",
      says: /is for spare\.example\.com too/,
    },
    {
      title: "a range of chart versions",
      rule: "chart-versions",
      change: [["Release istiod", "version", "^1.31.0"]],
      object: "Release istio-system/istiod",
      says: /"\^1\.31\.0": the next update would install the newest version/,
    },
    {
      title: "no chart version",
      rule: "chart-versions",
      change: [["Release kiali-server", "version", undefined]],
      object: "Release istio-system/kiali-server",
      says: /version is not set/,
    },
    {
      title: "a chart from a host that is being switched off",
      rule: "retired-hosts",
      change: [["Release istiod", "repositoryOpts.repo", "https://istio-release.storage.googleapis.com/charts"]],
      object: "Release istio-system/istiod",
      says: /repositoryOpts\.repo is https:\/\/istio-release/,
    },
    {
      title: "images from a host that is being switched off",
      rule: "retired-hosts",
      change: [["Release istiod", "values.global.hub", "gcr.io/istio-release"]],
      object: "Release istio-system/istiod",
      says: /gcr\.io\/istio-release is being switched off/,
    },
    {
      title: "a pod's image from a host that is being switched off",
      rule: "retired-hosts",
      add: [deployment("api", "registry.istio.io/release/examples-bookinfo-details-v1:1.20.3")],
      object: "Deployment istio-system/api",
      says: /image of container main is registry\.istio\.io/,
    },
    {
      title: "an injected sidecar from a host that is being switched off",
      rule: "retired-hosts",
      add: [
        configMap("istio-sidecar-injector", {
          values: JSON.stringify({ global: { hub: "registry.istio.io/release", tag: "1.31.0" } }),
        }),
      ],
      object: "ConfigMap istio-system/istio-sidecar-injector",
      says: /data\.values\.global\.tag is registry\.istio\.io/,
    },
    {
      title: "an image that is latest",
      rule: "image-tags",
      add: [deployment("api", "localhost:5000/api:latest")],
      object: "Deployment istio-system/api",
      says: /latest is whatever was pushed last/,
    },
    {
      title: "an image without a tag",
      rule: "image-tags",
      add: [deployment("api", "localhost:5000/api")],
      object: "Deployment istio-system/api",
      says: /it has no tag, which means latest/,
    },
    {
      title: "the chart's own redis, which is latest",
      rule: "image-tags",
      change: [["Release enroute-istio", "values.images.redis", {}]],
      object: "Release enroute-system/enroute-istio",
      says: /values\.images\.redis\.tag is redis:latest/,
    },
    {
      title: "in production, a tag that its publisher moves",
      rule: "image-tags",
      onlyInProduction: true,
      change: [["Release enroute-istio", "values.images.redis.tag", "7.4"]],
      object: "Release enroute-system/enroute-istio",
      says: /7\.4 is not a full version/,
    },
    {
      title: "in production, one istiod",
      rule: "high-availability",
      onlyInProduction: true,
      change: [["Release istiod", "values.autoscaleMin", undefined]],
      object: "Release istio-system/istiod",
      says: /asks for 1 istiod/,
    },
    {
      title: "in production, one istiod by the value that has another name",
      rule: "high-availability",
      onlyInProduction: true,
      change: [["Release istiod", "values.pilot", { autoscaleMin: 1 }]],
      object: "Release istio-system/istiod",
      says: /asks for 1 istiod/,
    },
    {
      title: "in production, one gateway pod",
      rule: "high-availability",
      onlyInProduction: true,
      change: [["Release enroute-istio", "values.replicaCount", 1]],
      object: "Release enroute-system/enroute-istio",
      says: /asks for 1 gateway pod/,
    },
    {
      title: "in production, a gateway without a PodDisruptionBudget",
      rule: "high-availability",
      onlyInProduction: true,
      change: [["PodDisruptionBudget enroute-istio", "spec.selector.matchLabels", { app: "other" }]],
      object: "Release enroute-system/enroute-istio",
      says: /no PodDisruptionBudget/,
    },
    {
      title: "in production, a rendered istiod that an autoscaler takes down to one",
      rule: "high-availability",
      onlyInProduction: true,
      add: [
        deployment("istiod", "docker.io/istio/pilot:1.31.0"),
        budget("istiod"),
        {
          apiVersion: "autoscaling/v2",
          kind: "HorizontalPodAutoscaler",
          metadata: { name: "istiod", namespace: "istio-system" },
          spec: { minReplicas: 1, scaleTargetRef: { kind: "Deployment", name: "istiod" } },
        },
      ],
      object: "Deployment istio-system/istiod",
      says: /minReplicas of HorizontalPodAutoscaler istio-system\/istiod is 1/,
    },
    {
      title: "in production, a rendered istiod without a PodDisruptionBudget",
      rule: "high-availability",
      onlyInProduction: true,
      add: [deployment("istiod", "docker.io/istio/pilot:1.31.0"), budget("other")],
      object: "Deployment istio-system/istiod",
      says: /no PodDisruptionBudget/,
    },
    {
      title: "in production, a Kiali without login",
      rule: "kiali-login",
      onlyInProduction: true,
      change: [["Release kiali-server", "values.auth.strategy", "anonymous"]],
      object: "Release istio-system/kiali-server",
      says: /anonymous/,
    },
    {
      title: "in production, a rendered Kiali without login",
      rule: "kiali-login",
      onlyInProduction: true,
      add: [configMap("kiali", { "config.yaml": "auth:\n  strategy: anonymous\n" })],
      object: "ConfigMap istio-system/kiali",
      says: /anonymous/,
    },
    {
      title: "in production, objects that nothing protects",
      rule: "deletion-protection",
      onlyInProduction: true,
      change: [["*", "protect", false]],
      object: "Namespace istio-system",
      says: /neither it nor \d+ other objects are protected/,
    },
    {
      title: "in production, an object that would be deleted",
      rule: "no-deletions",
      onlyInProduction: true,
      previous: (objects) => [...objects, configMap("gone", {})],
      object: "ConfigMap istio-system/gone",
      says: /would be deleted/,
    },
    {
      title: "in production, an object that would be replaced",
      rule: "no-deletions",
      onlyInProduction: true,
      change: [["ClusterRoleBinding enroute-istio-gateway", "roleRef.name", "other"]],
      previous: (objects) => objects,
      object: "ClusterRoleBinding enroute-istio-gateway",
      says: /roleRef cannot be changed in place/,
    },
    {
      title: "a minor version of Istio that is skipped",
      rule: "istio-upgrades",
      previous: (objects) => changed(objects, [["Release istiod", "version", "1.29.4"]]),
      object: "Release istio-system/istiod",
      says: /from 1\.29\.4 to 1\.31\.0 in one step/,
    },
    {
      title: "an Istio two minor versions older than before",
      rule: "istio-upgrades",
      previous: (objects) => changed(objects, [["Release istiod", "version", "1.33.2"]]),
      object: "Release istio-system/istiod",
      says: /go back from 1\.33\.2 to 1\.31\.0/,
    },
  ];
}

/** Objects with changes. */
function changed(objects: readonly PolicyObject[], changes: [string, string, unknown][]): PolicyObject[] {
  const copy = structuredClone([...objects]);
  for (const [wanted, path, value] of changes) {
    const found = copy.filter((object) => wanted === "*" || `${object.kind} ${object.metadata.name}` === wanted);
    assert.ok(found.length > 0, `there is no ${wanted}`);
    for (const object of found) {
      const keys = path.split(".");
      const last = keys.pop()!;
      const parent = keys.reduce<Tree>((tree, key) => (tree[key] ??= {}) as Tree, object);
      if (value === undefined) delete parent[last];
      else parent[last] = value;
    }
  }
  return copy;
}

describe("the policy rules", () => {
  let healthy: PolicyObject[];
  let all: Seed[];
  before(async () => {
    healthy = await objectsOf("prod");
    all = await seeds();
  });

  const judged = (seed: Seed, environment: string) => {
    const objects = changed(healthy, seed.change ?? []).filter(
      ({ kind, metadata }) => !(seed.remove ?? []).includes(`${kind} ${metadata.name}`),
    );
    const previous = seed.previous?.(healthy);
    const options = { environment, now, ...(previous === undefined ? {} : { previous }) };
    return judge([...objects, ...(seed.add ?? [])], options);
  };

  it("find each seeded fault, by that rule alone, with its object, why, and a fix", () => {
    for (const seed of all) {
      const found = judged(seed, "prod");
      assert.deepEqual(
        found.map(({ rule, object }) => `${rule}: ${object}`),
        [`${seed.rule}: ${seed.object}`],
        `${seed.title}: ${JSON.stringify(found)}`,
      );
      assert.match(found[0]!.message, seed.says, seed.title);
      assert.match(found[0]!.message, /[:,] .+\.$/, `${seed.title}: says why`);
      assert.match(found[0]!.fix, /\w/);
      assert.doesNotMatch(JSON.stringify(found), /PRIVATE KEY/);
    }
  });

  it("leave to other environments what is for production", () => {
    for (const seed of all)
      assert.equal(judged(seed, "staging").length, seed.onlyInProduction ? 0 : 1, `${seed.title}, in staging`);
  });

  it("each have a seeded fault, a description and a name of their own", () => {
    const names = rules.map(({ name }) => name);
    assert.deepEqual([...new Set(all.map(({ rule }) => rule))].sort(), [...names].sort());
    assert.equal(new Set(names).size, names.length);
    for (const { name, description } of rules) assert.match(`${name}: ${description}`, /^[a-z-]+: [A-Z].*\.$/);
  });

  it("have a level, and are judged at a time, each by itself or all together", () =>
    assert.deepEqual(
      rules.map(({ name, level, scope }) => `${name}: ${level}, ${scope}`),
      [
        "mtls-strict: mandatory, object",
        "mtls-exceptions: mandatory, object",
        "mtls-mesh-wide: mandatory, stack",
        "gateway-in-mesh: mandatory, stack",
        "host-tls: mandatory, object",
        "host-insecure-routes: mandatory, object",
        "gateway-ingresses: mandatory, stack",
        "destination-rule-tls: mandatory, object",
        "only-from-gateway: mandatory, stack",
        "namespace-injection: mandatory, stack",
        "mesh-discovery: mandatory, stack",
        "mesh-capture: mandatory, object",
        "private-keys: mandatory, object",
        "key-strength: mandatory, object",
        "certificate-life: mandatory, object",
        "certificate-taken: mandatory, stack",
        "certificate-names: mandatory, stack",
        "chart-versions: mandatory, object",
        "retired-hosts: mandatory, object",
        "image-tags: mandatory, object",
        "high-availability: mandatory, stack",
        "kiali-login: mandatory, object",
        "deletion-protection: mandatory, stack",
        "no-deletions: mandatory, change",
        "istio-upgrades: mandatory, change",
      ],
    ));

  it("are described, each with its row", () => {
    const text = readFileSync(join(__dirname, "../../../docs/review.md"), "utf8");
    const rows = [...text.matchAll(/^\| `([a-z-]+)` +\|/gm)].map(([, name]) => name);
    assert.deepEqual(
      rows,
      rules.map(({ name }) => name),
    );
  });

  it("let pass an upgrade by one minor version, a roll-back, and patches", () => {
    for (const version of ["1.30.9", "1.31.0", "1.31.5", "1.32.0"]) {
      const previous = changed(healthy, [["Release istiod", "version", version]]);
      const found = judge(healthy, { environment: "prod", now, previous });
      assert.deepEqual(found, [], version);
    }
  });

  it("compare a control plane with itself, and a new one with all beside which it would stand", () => {
    const release = (name: string, version: string): PolicyObject => ({
      ...{ apiVersion: "helm.sh/v3", kind: "Release", chart: "istiod", version },
      metadata: { name, namespace: "istio-system" },
    });
    const skips = (before: PolicyObject[], after: PolicyObject[]) =>
      judge(after, { environment: "dev", previous: before })
        .filter(({ rule }) => rule === "istio-upgrades")
        .map(({ object }) => object.split("/").pop());
    const [old, next] = [release("istiod", "1.30.4"), release("istiod-1-31-0", "1.31.0")];
    assert.deepEqual(skips([old], [old, next]), []);
    assert.deepEqual(skips([old], [old, release("istiod-1-32-0", "1.32.0")]), ["istiod-1-32-0"]);
    assert.deepEqual(skips([old, next], [old, release("istiod-1-31-0", "1.32.0")]), []);
  });

  it("tell the version of a rendered istiod by its image", () => {
    const labelled = (version: string): PolicyObject => {
      const object = deployment("istiod", `docker.io/istio/pilot:${version}`);
      return { ...object, metadata: { ...object.metadata, labels: { app: "istiod" } } };
    };
    const found = judge([labelled("1.31.0")], { environment: "dev", previous: [labelled("1.29.0")] });
    assert.ok(found.some(({ rule }) => rule === "istio-upgrades"));
  });

  it("let pass a deletion that the stack declares, and what Helm keeps", () => {
    const kept = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "gateways.networking.istio.io", annotations: { "helm.sh/resource-policy": "keep" } },
    };
    const previous = [...healthy, kept, configMap("gone", {})];
    const deletions = ["ConfigMap istio-system/gone"];
    assert.deepEqual(judge(healthy, { environment: "prod", now, previous, deletions }), []);
  });

  it("let pass images by digest, and full versions with a suffix", () => {
    for (const image of [`redis@sha256:${"0".repeat(64)}`, "redis:7.4.1-alpine", "quay.io/kiali/kiali:v2.29.0", "auto"])
      assert.deepEqual(judge([...healthy, deployment("api", image)], { environment: "prod", now }), [], image);
  });

  it("let pass what is not known before the update", () => {
    const unknown = "(known after the update)";
    const objects = changed(healthy, [[host, "spec.virtualhost.tls.secretName", unknown]]);
    assert.deepEqual(
      judge(
        [
          ...objects,
          { ...tlsSecret({ certificate: "", privateKey: "" }), data: unknown },
          { ...tlsSecret({ certificate: "", privateKey: "" }), data: { "tls.crt": unknown } },
          tls("CertRequest", { dnsNames: unknown }),
        ],
        { environment: "prod", now },
      ),
      [],
    );
  });

  describe("with levels", () => {
    const faulty = () => [...healthy, policy("legacy", permissive)];

    it("have a level of their own, which an environment changes or turns off", () => {
      const level = (levels: Record<string, "advisory" | "mandatory" | "disabled">) =>
        judge(faulty(), { environment: "prod", now, levels }).map((violation) => violation.level);
      assert.deepEqual(level({}), ["mandatory"]);
      assert.deepEqual(level({ "mtls-strict": "advisory" }), ["advisory"]);
      assert.deepEqual(level({ "mtls-strict": "disabled" }), []);
    });

    it("are read from the file of the environment", () => {
      const folder = mkdtempSync(join(tmpdir(), "levels-"));
      const write = (content: string) => writeFileSync(join(folder, "dev.json"), content);
      try {
        assert.deepEqual(loadLevels("none", folder), {});
        write('{ "image-tags": "advisory", "mtls-strict": { "enforcementLevel": "mandatory" } }');
        assert.deepEqual(loadLevels("dev", folder), { "image-tags": "advisory", "mtls-strict": "mandatory" });
        write('{ "mtls-strickt": "advisory" }');
        assert.throws(
          () => loadLevels("dev", folder),
          /dev\.json: there is no rule mtls-strickt; there are mtls-strict,/,
        );
        write('{ "mtls-strict": "warn" }');
        assert.throws(
          () => loadLevels("dev", folder),
          /the level of mtls-strict is "warn", but must be one of advisory, mandatory, disabled/,
        );
        write("{");
        assert.throws(() => loadLevels("dev", folder), /dev\.json is not JSON/);
        write("[]");
        assert.throws(() => loadLevels("dev", folder), /an object of levels by rule/);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it("can be read for every stack", () => {
      for (const stack of stackNames) loadLevels(stack);
    });
  });

  it("take stacks named prod or production, with or without a suffix, for production", () => {
    for (const name of ["prod", "production", "prod-eu", "production.us"]) assert.ok(isProduction(name), name);
    for (const name of ["dev", "staging", "preprod", "prodding", "non-prod"]) assert.ok(!isProduction(name), name);
  });
});
