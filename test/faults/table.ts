import { setTimeout as sleep } from "node:timers/promises";
import { dryRunAnnotation, onlyFromGatewayName } from "../../mesh/authorization";
import type { Settings } from "../../settings/schema";
import { issue } from "../unit/certificates";
import { clearTextFaults } from "./clear-text";
import type { Heal, Reference, Seeds, Thing } from "./seeds";

const root = "istio-system";
const edge = "enroute-system";
const workloads = "bookinfo";
/** Its workloads take requests from the gateway alone. */
const closed = "ledger";
const host = "bookinfo.sandbox.example";
const day = 24 * 3600_000;

const namespace = (name: string): Reference => ({ apiVersion: "v1", kind: "Namespace", name });
const inside = (apiVersion: string, kind: string, place: string, name: string): Reference => ({
  apiVersion,
  kind,
  namespace: place,
  name,
});
const deployment = (place: string, name: string) => inside("apps/v1", "Deployment", place, name);
const service = (place: string, name: string) => inside("v1", "Service", place, name);
const helmSecret = (place: string, name: string) => inside("v1", "Secret", place, `sh.helm.release.v1.${name}.v1`);
const gateway = deployment(edge, "enroute");
const istiod = deployment(root, "istiod");
const meshPolicy = inside("security.istio.io/v1", "PeerAuthentication", root, "default");
const globalConfig = inside("enroute.saaras.io/v1", "GlobalConfig", edge, "mesh");
const gatewayHost = inside("enroute.saaras.io/v1", "GatewayHost", workloads, "bookinfo.sandbox.example");
const servingSecret = inside("v1", "Secret", workloads, "gateway-serving-certificate");
const onlyGateway = inside("security.istio.io/v1", "AuthorizationPolicy", closed, onlyFromGatewayName);
const authority = inside("v1", "Secret", root, "cacerts");
const webhook = (kind: string, name: string): Reference => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind,
  name,
});
const injector = webhook("MutatingWebhookConfiguration", "istio-sidecar-injector");

const object = ({ apiVersion, kind, namespace: place, name }: Reference, body: object): Thing => ({
  apiVersion,
  kind,
  metadata: { name, ...(place === undefined ? {} : { namespace: place }) },
  ...body,
});
const policy = (place: string, name: string, spec: object) =>
  object(inside("security.istio.io/v1", "PeerAuthentication", place, name), { spec });
const pod = (name: string, labels: Record<string, string> = {}): Thing => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: workloads, labels },
  spec: { containers: [{ name: "app", image: "app:1" }] },
});

/** One after the other; taken back in the opposite order. */
async function both(...steps: (() => Promise<Heal>)[]): Promise<Heal> {
  const heals: Heal[] = [];
  for (const step of steps) heals.unshift(await step());
  return async () => {
    for (const heal of heals) await heal();
  };
}

/** Something that is broken on purpose. */
export interface Fault {
  name: string;
  break: (seeds: Seeds) => Promise<Heal>;
  /** Every check that fails: the first is the one that is meant for it. */
  found: string[];
  /** Further checks that cannot be told while it lasts. */
  hidden?: string[];
  /** Who puts it right, where no command does: the settings, whose key the fix names, or an owner, whom it tells what to do. */
  fixedBy?: "settings" | "owner";
  /** Settings that the cluster is held against, where the fault is a difference between the two. */
  settings?: (settings: Settings) => Settings;
}

// What istiod or a controller puts right at once, such as the root certificate in a namespace, is no fault that lasts: such
// checks are tried on made-up views alone (test/unit/verify/checks.test.ts).
export const faults: Fault[] = [
  {
    name: "a Helm release that failed",
    break: (seeds) => seeds.patch(helmSecret(root, "istiod"), { metadata: { labels: { status: "failed" } } }),
    found: ["releases/deployed"],
  },
  {
    name: "a Helm release that is pending",
    break: (seeds) =>
      seeds.patch(helmSecret(edge, "enroute-istio"), { metadata: { labels: { status: "pending-install" } } }),
    found: ["releases/deployed"],
  },
  {
    name: "a Helm release that nobody knows of any more",
    break: (seeds) => seeds.delete(helmSecret(root, "kiali-server")),
    found: ["releases/deployed"],
  },
  {
    name: "a chart of another version than the stack's",
    break: (seeds) => seeds.patch(gateway, { metadata: { labels: { "helm.sh/chart": "enroute-0.8.6" } } }),
    found: ["releases/versions"],
  },
  {
    name: "istiod scaled to zero",
    break: (seeds) => seeds.patch(istiod, { spec: { replicas: 0 } }),
    found: ["control-plane/istiod-ready", "control-plane/istiod-service"],
    hidden: ["identity/gateway-certificate"],
  },
  {
    name: "an istiod Service that selects nothing",
    break: (seeds) => seeds.patch(service(root, "istiod"), { spec: { selector: { app: "nobody" } } }),
    found: ["control-plane/istiod-service"],
    hidden: ["identity/gateway-certificate"],
  },
  {
    name: "an istiod that does not look at the mesh's root namespace",
    break: (seeds) =>
      seeds.patch(inside("v1", "ConfigMap", root, "istio"), {
        data: {
          mesh: "rootNamespace: istio-system\ntrustDomain: cluster.local\ndiscoverySelectors: [{ matchLabels: { istio-injection: enabled } }]\n",
        },
      }),
    found: ["control-plane/discovery"],
  },
  {
    name: "a webhook with a wrong CA, which istiod is not there to put right",
    break: (seeds) =>
      both(
        () => seeds.patch(istiod, { spec: { replicas: 0 } }),
        async () => {
          // The last istiod puts its own CA back for as long as it runs.
          await sleep(2000);
          return () => Promise.resolve();
        },
        async () => {
          const { certificate } = await issue({ name: "stranger", ca: true });
          const caBundle = Buffer.from(certificate).toString("base64");
          const { webhooks } = (await seeds.read(injector)) as unknown as { webhooks: { clientConfig: object }[] };
          return seeds.patch(injector, {
            webhooks: webhooks.map((each) => ({ ...each, clientConfig: { ...each.clientConfig, caBundle } })),
          });
        },
      ),
    found: ["control-plane/webhook-ca", "control-plane/istiod-ready", "control-plane/istiod-service"],
    hidden: ["identity/gateway-certificate"],
  },
  {
    name: "an injection webhook that fails open",
    break: async (seeds) => {
      const { webhooks } = (await seeds.read(injector)) as unknown as { webhooks: object[] };
      return seeds.patch(injector, { webhooks: webhooks.map((each) => ({ ...each, failurePolicy: "Ignore" })) });
    },
    found: ["control-plane/injection-webhook"],
  },
  {
    name: "no injection webhook at all",
    break: (seeds) => seeds.delete(injector),
    found: ["control-plane/injection-webhook", "injection/revision-webhook"],
    hidden: ["control-plane/webhook-ca"],
  },
  {
    name: "no validation webhooks",
    break: (seeds) =>
      both(
        () => seeds.delete(webhook("ValidatingWebhookConfiguration", "istiod-default-validator")),
        () => seeds.delete(webhook("ValidatingWebhookConfiguration", "istio-validator-istio-system")),
      ),
    found: ["control-plane/validation-webhook"],
    hidden: ["releases/versions", "control-plane/webhook-ca"],
  },
  {
    name: "an injection label that was removed",
    break: (seeds) => seeds.patch(namespace(workloads), { metadata: { labels: { "istio-injection": null } } }),
    found: ["injection/namespace-labels"],
  },
  {
    name: "both injection labels on a namespace",
    break: (seeds) => seeds.patch(namespace(workloads), { metadata: { labels: { "istio.io/rev": "canary" } } }),
    found: ["injection/namespace-labels"],
  },
  {
    name: "a revision label without a webhook",
    break: (seeds) => {
      const canary = { metadata: { labels: { "istio-injection": null, "istio.io/rev": "canary" } } };
      return both(...[workloads, closed].map((name) => () => seeds.patch(namespace(name), canary)));
    },
    found: ["injection/revision-webhook"],
    fixedBy: "settings",
    settings: (settings) => ({
      ...settings,
      namespaces: settings.namespaces.map((each) => ({ ...each, injection: { revision: "canary" } })),
    }),
  },
  {
    name: "a pod that started before its namespace had the label",
    break: async (seeds) => {
      const relabel = await seeds.patch(namespace(workloads), { metadata: { labels: { "istio-injection": null } } });
      for (;;) {
        const heal = await seeds.create(pod("early"));
        const { spec } = (await seeds.read(inside("v1", "Pod", workloads, "early"))) as unknown as {
          spec: { initContainers?: object[] };
        };
        if (spec.initContainers === undefined) {
          await relabel();
          return heal;
        }
        // The API server had not heard of the label's removal yet.
        await heal();
        await sleep(200);
      }
    },
    found: ["injection/pods-in-mesh"],
  },
  {
    name: "a sidecar of another version",
    break: (seeds) =>
      seeds.create({
        ...pod("stale"),
        metadata: {
          name: "stale",
          namespace: workloads,
          annotations: { "sidecar.istio.io/proxyImage": "docker.io/istio/proxyv2:1.29.4" },
        },
      }),
    found: ["injection/proxies-current"],
  },
  {
    name: "a gateway without cert-server",
    break: async (seeds) => {
      const { spec } = (await seeds.read(gateway)) as unknown as {
        spec: { template: { spec: { containers: { name: string }[] } } };
      };
      const containers = spec.template.spec.containers.filter(({ name }) => name !== "cert-server");
      return seeds.patch(gateway, { spec: { template: { spec: { containers } } } });
    },
    found: ["gateway/containers"],
    hidden: ["gateway/certificate-mount"],
  },
  {
    name: "a gateway of one replica where two are asked for",
    break: (seeds) => seeds.patch(gateway, { spec: { replicas: 1 } }),
    found: ["gateway/replicas"],
  },
  {
    name: "OUTPUT_CERTS lost from the gateway's annotation",
    break: (seeds) =>
      seeds.patch(gateway, {
        spec: {
          template: { metadata: { annotations: { "proxy.istio.io/config": "proxyMetadata:\n  SECRET_TTL: 1h\n" } } },
        },
      }),
    found: ["gateway/certificate-annotations"],
  },
  {
    name: "the certificates mounted at another path",
    break: (seeds) =>
      seeds.patch(gateway, {
        spec: {
          template: {
            metadata: {
              annotations: {
                "sidecar.istio.io/userVolumeMount": JSON.stringify([
                  { name: "istio-certs", mountPath: "/etc/elsewhere" },
                ]),
              },
            },
          },
        },
      }),
    found: ["gateway/certificate-mount"],
  },
  {
    name: "a gateway's Service of another type than the stack's",
    break: (seeds) => seeds.patch(service(edge, "enroute"), { spec: { type: "NodePort" } }),
    found: ["client-leg/address"],
  },
  {
    name: "a gateway whose rights nobody bound",
    break: (seeds) =>
      seeds.delete({
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        name: "enroute-istio-status",
      }),
    found: ["gateway/rights"],
  },
  {
    name: "a younger mesh-wide policy",
    break: async (seeds) => {
      await sleep(1100);
      return seeds.create(policy(root, "later", { mtls: { mode: "PERMISSIVE" } }));
    },
    found: ["strict/one-mesh-policy"],
  },
  {
    name: "an object with the mark of another stack",
    break: (seeds) =>
      seeds.patch(globalConfig, { metadata: { annotations: { "enroute-istio/stack": "acme/enroute-istio/other" } } }),
    found: ["ownership/one-stack"],
    fixedBy: "owner",
  },
  {
    name: "no GlobalConfig",
    break: (seeds) => seeds.delete(globalConfig),
    found: ["global-config/one"],
    hidden: ["global-config/json", "global-config/istio-enabled"],
  },
  {
    name: "two GlobalConfigs",
    break: (seeds) =>
      seeds.create(
        object(
          { ...globalConfig, name: "other" },
          {
            spec: { name: "other", type: "globalconfig_globals", config: '{"istio_enabled":true}' },
          },
        ),
      ),
    found: ["global-config/one"],
  },
  {
    name: "a GlobalConfig with a slip",
    break: (seeds) => seeds.patch(globalConfig, { spec: { config: '{"istio_enable":true}' } }),
    found: ["global-config/istio-enabled"],
  },
  {
    name: "a GlobalConfig that is no JSON",
    break: (seeds) => seeds.patch(globalConfig, { spec: { config: "istio_enabled: true" } }),
    found: ["global-config/json"],
    hidden: ["global-config/istio-enabled"],
  },
  {
    name: "no GatewayHost",
    break: (seeds) => seeds.delete(gatewayHost),
    found: ["hosts/present"],
    hidden: ["hosts/unique", "hosts/tls", "hosts/secure-routes", "clear-text/hosts"],
  },
  {
    name: "a host claimed twice",
    break: async (seeds) => {
      const { spec } = await seeds.read(gatewayHost);
      return seeds.create(object({ ...gatewayHost, namespace: edge, name: "thief" }, { spec }));
    },
    found: ["hosts/unique"],
  },
  {
    name: "a GatewayHost without TLS",
    break: (seeds) => seeds.patch(gatewayHost, { spec: { virtualhost: { tls: null } } }),
    found: ["hosts/tls"],
  },
  {
    name: "gateway pods that may have read Ingresses before they lost the right",
    break: (seeds) =>
      seeds.patch(gateway, {
        spec: { template: { metadata: { annotations: { "enroute-istio/ingresses": null } } } },
      }),
    found: ["clear-text/ingresses"],
  },
  // Nobody answers at the gateway's address here: what asks there cannot tell.
  ...clearTextFaults.map(({ name, break: breakIt, found, live = [] }) => ({
    ...{ name, break: breakIt, found },
    hidden: live.filter((check) => check.startsWith("clear-text/")),
    // test/engine/live.test.ts runs the commands against the stack's own objects; the others are for their owners.
    fixedBy: "owner" as const,
  })),
  {
    name: "a route that may be used without TLS",
    break: (seeds) =>
      seeds.create(
        object(inside("enroute.saaras.io/v1", "ServiceRoute", workloads, "open"), {
          spec: {
            fqdn: host,
            route: {
              conditions: [{ prefix: "/open" }],
              services: [{ name: "productpage", port: 9080 }],
              permitInsecure: true,
            },
          },
        }),
      ),
    found: ["hosts/secure-routes"],
    fixedBy: "owner",
  },
  {
    name: "a Service that a host routes to, gone",
    break: (seeds) => seeds.delete(service(workloads, "productpage")),
    found: ["hosts/backends"],
  },
  {
    name: "the serving certificate's Secret deleted",
    break: (seeds) => seeds.delete(servingSecret),
    found: ["certificates/present"],
    hidden: ["type", "key", "hosts", "taken", "valid", "renewal", "chain"].map((check) => `certificates/${check}`),
  },
  {
    name: "the Secret of a wrong type",
    break: (seeds) => seeds.remake(servingSecret, (secret) => ({ ...secret, type: "Opaque" })),
    found: ["certificates/type"],
  },
  {
    name: "the key of another certificate",
    break: async (seeds) => {
      const { privateKey } = await issue({ name: "stranger" });
      return seeds.patch(servingSecret, { data: { "tls.key": Buffer.from(privateKey).toString("base64") } });
    },
    found: ["certificates/key"],
  },
  {
    name: "a certificate that has expired",
    break: (seeds) =>
      replaceCertificate(seeds, {
        hosts: [host],
        notBefore: new Date(Date.now() - day),
        notAfter: new Date(Date.now() - 60_000),
      }),
    found: ["certificates/valid", "certificates/renewal", "certificates/chain"],
  },
  {
    name: "a certificate for another host",
    break: (seeds) =>
      replaceCertificate(seeds, { hosts: ["other.example.com"], notAfter: new Date(Date.now() + 90 * day) }),
    found: ["certificates/hosts", "certificates/chain"],
  },
  {
    name: "a certificate for no name but its common name",
    break: (seeds) => replaceCertificate(seeds, { name: host, hosts: [], notAfter: new Date(Date.now() + 90 * day) }),
    found: ["certificates/hosts", "certificates/chain"],
  },
  {
    name: "a certificate with a key that the gateway's Envoy does not load",
    break: (seeds) =>
      replaceCertificate(seeds, { hosts: [host], key: "P-384", notAfter: new Date(Date.now() + 90 * day) }),
    found: ["certificates/taken", "certificates/chain"],
  },
  {
    name: "a certificate with a short key",
    break: (seeds) =>
      replaceCertificate(seeds, { hosts: [host], key: "RSA-1024", notAfter: new Date(Date.now() + 90 * day) }),
    found: ["certificates/taken", "certificates/chain"],
  },
  {
    name: "a certificate for clients",
    break: (seeds) =>
      replaceCertificate(seeds, {
        ...{ hosts: [host], purposes: ["1.3.6.1.5.5.7.3.2"] },
        notAfter: new Date(Date.now() + 90 * day),
      }),
    found: ["certificates/taken", "certificates/chain"],
  },
  {
    name: "a certificate that ends soon",
    break: (seeds) =>
      replaceCertificate(seeds, {
        hosts: [host],
        notBefore: new Date(Date.now() - 80 * day),
        notAfter: new Date(Date.now() + 5 * day),
      }),
    found: ["certificates/renewal", "certificates/chain"],
  },
  {
    name: "a certificate of a CA that clients do not know",
    break: (seeds) => replaceCertificate(seeds, { hosts: [host], notAfter: new Date(Date.now() + 90 * day) }),
    found: ["certificates/chain"],
  },
  {
    name: "a gateway without its service account",
    break: (seeds) => seeds.delete(inside("v1", "ServiceAccount", edge, "enroute")),
    found: ["identity/gateway-certificate"],
  },
  {
    name: "a CA of the mesh that is gone, so that istiod would make its own at its next start",
    break: (seeds) => seeds.delete(authority),
    found: ["identity/authority"],
    hidden: ["identity/authority-renewal"],
  },
  {
    name: "a CA of somebody else's in its place, about to end",
    break: async (seeds) => {
      const ca = await issue({ name: "another root", ca: true, notAfter: new Date(Date.now() + 400 * day) });
      const life = { notBefore: new Date(Date.now() - 30 * day), notAfter: new Date(Date.now() + 5 * day) };
      const { certificate, privateKey } = await issue({ name: "another CA", ca: true, issuer: ca, ...life });
      const parts = {
        "root-cert.pem": ca.certificate,
        "cert-chain.pem": certificate,
        "ca-cert.pem": certificate,
        "ca-key.pem": privateKey,
      };
      const data = Object.entries(parts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
      return seeds.patch(authority, { data: Object.fromEntries(data) as Record<string, string> });
    },
    found: ["identity/authority", "identity/authority-renewal"],
  },
  {
    name: "a policy that lets more than the gateway in",
    break: (seeds) =>
      seeds.create(
        object(inside("security.istio.io/v1", "AuthorizationPolicy", closed, "wide"), {
          spec: { action: "ALLOW", rules: [{ from: [{ source: { namespaces: [workloads] } }] }] },
        }),
      ),
    found: ["authorization/only-from-gateway"],
  },
  {
    name: "the policy by which the gateway alone is let in, only tried",
    break: (seeds) => seeds.patch(onlyGateway, { metadata: { annotations: { [dryRunAnnotation]: "true" } } }),
    found: ["authorization/only-from-gateway"],
  },
  {
    name: "no policy by which the gateway alone is let in",
    break: (seeds) => seeds.delete(onlyGateway),
    found: ["authorization/only-from-gateway"],
  },
];

/** A fault of what is in force, seeded where every pod has a real proxy. */
export interface EffectFault extends Fault {
  /** The Service of the sample workload that answers in plain text while it lasts; left out where none does. */
  plain?: string;
}

const meshConfig = inside("v1", "ConfigMap", root, "istio");
const details = deployment(workloads, "details-v1");

/** The mesh's configuration with further lines, as somebody would write them into the ConfigMap. */
async function configure(seeds: Seeds, lines: string, without = /^$/): Promise<Heal> {
  const { data } = (await seeds.read(meshConfig)) as unknown as { data: { mesh: string } };
  const kept = data.mesh.split("\n").filter((line) => !without.test(line));
  return seeds.patch(meshConfig, { data: { mesh: [...kept, lines].join("\n") } });
}

const discoverySelectors = (...names: string[]) =>
  ["discoverySelectors:", ...names.map((name) => `- matchLabels: { kubernetes.io/metadata.name: ${name} }`), ""].join(
    "\n",
  );
const template = (change: object) => ({ spec: { template: change } });
const annotated = (annotations: Record<string, string>) => (seeds: Seeds) =>
  seeds.patch(details, template({ metadata: { annotations } }));

/** Takes what is not TLS at port 9080, and passes it on as it is. */
const plainChain = {
  filter_chain_match: { destination_port: 9080, transport_protocol: "raw_buffer" },
  filters: [
    {
      name: "envoy.filters.network.tcp_proxy",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        stat_prefix: "legacy",
        cluster: "InboundPassthroughCluster",
      },
    },
  ],
};

/** Faults of what is in force: those that let plain text through are shown to do so by a real request. */
export const effectFaults: EffectFault[] = [
  {
    name: "no mesh-wide policy",
    break: (seeds) => seeds.delete(meshPolicy),
    found: ["strict/mesh-wide", "effect/inbound", "effect/plain-text"],
    hidden: ["strict/one-mesh-policy"],
    plain: "details",
  },
  {
    name: "a mesh-wide policy that is PERMISSIVE",
    break: (seeds) => seeds.patch(meshPolicy, { spec: { mtls: { mode: "PERMISSIVE" } } }),
    found: ["strict/mesh-wide", "effect/inbound", "effect/plain-text"],
    plain: "details",
  },
  {
    name: "an older mesh-wide policy that is PERMISSIVE",
    break: async (seeds) => {
      const restore = await seeds.delete(meshPolicy);
      const heal = await seeds.create(policy(root, "legacy", { mtls: { mode: "PERMISSIVE" } }));
      await sleep(1100); // ages are counted in whole seconds
      await restore();
      return heal;
    },
    found: ["strict/mesh-wide", "strict/one-mesh-policy", "effect/inbound", "effect/plain-text"],
    plain: "details",
  },
  {
    name: "a PERMISSIVE policy in a namespace",
    break: (seeds) => seeds.create(policy(workloads, "default", { mtls: { mode: "PERMISSIVE" } })),
    found: ["strict/namespaces", "effect/inbound", "effect/plain-text"],
    plain: "details",
  },
  {
    name: "a PERMISSIVE policy on a workload",
    break: (seeds) =>
      seeds.create(
        policy(workloads, "weak", { selector: { matchLabels: { app: "reviews" } }, mtls: { mode: "PERMISSIVE" } }),
      ),
    found: ["strict/workloads", "effect/inbound", "effect/plain-text"],
    plain: "reviews",
  },
  {
    name: "a port without mutual TLS",
    break: (seeds) =>
      seeds.create(
        policy(workloads, "weak", {
          selector: { matchLabels: { app: "reviews" } },
          mtls: { mode: "STRICT" },
          portLevelMtls: { "9080": { mode: "DISABLE" } },
        }),
      ),
    found: ["strict/ports", "effect/inbound", "effect/plain-text"],
    plain: "reviews",
  },
  {
    name: "a declared exception that is missing",
    break: async (seeds) => {
      const { items } = await seeds.api.list("security.istio.io/v1", "PeerAuthentication", workloads);
      const [exception] = items.filter(({ metadata }) => metadata?.name?.startsWith("plain-text-"));
      return seeds.delete(inside("security.istio.io/v1", "PeerAuthentication", workloads, exception!.metadata!.name!));
    },
    found: ["strict/exceptions", "effect/inbound", "effect/plain-text"],
  },
  {
    name: "a DestinationRule that turns TLS off",
    break: (seeds) =>
      seeds.create(
        object(inside("networking.istio.io/v1", "DestinationRule", workloads, "plain"), {
          spec: { host: "productpage", trafficPolicy: { tls: { mode: "DISABLE" } } },
        }),
      ),
    found: ["strict/destination-rules", "effect/gateway-outbound"],
  },
  {
    name: "a mesh without automatic mutual TLS",
    break: (seeds) =>
      seeds.patch(inside("v1", "ConfigMap", root, "istio"), {
        data: { mesh: "enableAutoMtls: false\nrootNamespace: istio-system\ntrustDomain: cluster.local\n" },
      }),
    found: ["control-plane/mesh-configuration", "effect/gateway-outbound"],
  },
  {
    name: "discovery selectors that leave out the root namespace",
    break: (seeds) => configure(seeds, discoverySelectors(edge, workloads)),
    found: ["control-plane/discovery", "effect/inbound", "effect/plain-text"],
    plain: "details",
  },
  {
    name: "discovery selectors that leave out a namespace of the mesh",
    break: (seeds) => configure(seeds, discoverySelectors(root, edge)),
    found: ["control-plane/discovery", "effect/inbound", "effect/plain-text"],
    hidden: ["effect/gateway-outbound"],
  },
  {
    name: "another root namespace",
    break: (seeds) => configure(seeds, "rootNamespace: other\n", /^rootNamespace:/),
    found: ["control-plane/mesh-configuration", "effect/inbound", "effect/plain-text"],
    plain: "details",
  },
  {
    name: "an EnvoyFilter that adds a chain without TLS",
    break: (seeds) =>
      seeds.create(
        object(inside("networking.istio.io/v1alpha3", "EnvoyFilter", workloads, "legacy"), {
          spec: {
            workloadSelector: { labels: { app: "details" } },
            configPatches: [
              {
                applyTo: "FILTER_CHAIN",
                match: { context: "SIDECAR_INBOUND", listener: { name: "virtualInbound" } },
                patch: { operation: "ADD", value: plainChain },
              },
            ],
          },
        }),
      ),
    found: ["effect/inbound", "effect/plain-text"],
    plain: "details",
  },
  {
    name: "a port that goes past the proxy",
    break: annotated({ "traffic.sidecar.istio.io/excludeInboundPorts": "9080" }),
    found: ["effect/captured", "effect/plain-text"],
    plain: "details",
  },
  {
    name: "other ports alone that lead through the proxy",
    break: annotated({ "traffic.sidecar.istio.io/includeInboundPorts": "7000" }),
    found: ["effect/captured", "effect/plain-text"],
    plain: "details",
  },
  {
    name: "an istio-init that makes no rules",
    break: annotated({ "proxy.istio.io/config": '{"proxyMetadata":{"DRY_RUN":"true"}}' }),
    found: ["effect/captured", "effect/plain-text"],
    plain: "details",
  },
  {
    name: "a proxy without interception",
    break: annotated({ "sidecar.istio.io/interceptionMode": "NONE" }),
    found: ["effect/inbound", "effect/captured", "effect/plain-text"],
    plain: "details",
  },
  {
    name: "a workload that opted out",
    break: (seeds) => seeds.patch(details, template({ metadata: { labels: { "sidecar.istio.io/inject": "false" } } })),
    found: ["injection/opted-out", "effect/plain-text"],
    plain: "details",
  },
  {
    name: "a workload on the host's network",
    break: (seeds) => seeds.patch(details, template({ spec: { hostNetwork: true } })),
    found: ["injection/pods-in-mesh", "effect/plain-text"],
    plain: "details",
  },
];

/** Changes every node. */
async function onNodes(seeds: Seeds, change: Record<string, unknown>): Promise<Heal> {
  const { items } = await seeds.api.list("v1", "Node");
  const nodes = items.map(({ metadata }): Reference => ({ apiVersion: "v1", kind: "Node", name: metadata!.name! }));
  return both(...nodes.map((node) => () => seeds.patch(node, change)));
}

/** What stands against a rollout: the check of preflight that finds it, and who puts it right, where no command does. */
export interface Obstacle extends Pick<Fault, "name" | "break" | "fixedBy" | "settings"> {
  found: string;
}

export const obstacles: Obstacle[] = [
  {
    name: "nodes that are all cordoned",
    break: (seeds) => onNodes(seeds, { spec: { unschedulable: true } }),
    found: "cluster/schedulable",
  },
  {
    name: "nodes with a taint that nothing tolerates",
    break: (seeds) => onNodes(seeds, { spec: { taints: [{ key: "dedicated", value: "db", effect: "NoSchedule" }] } }),
    found: "cluster/schedulable",
    fixedBy: "settings",
  },
  {
    name: "nodes of another architecture than EnRoute's images",
    break: (seeds) => onNodes(seeds, { metadata: { labels: { "kubernetes.io/arch": "arm64" } } }),
    found: "cluster/schedulable",
    fixedBy: "owner",
  },
  {
    name: "a volume for which no StorageClass is the default one",
    break: (seeds) =>
      seeds.create({
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: { name: "by-hand" },
        provisioner: "kubernetes.io/no-provisioner",
      }),
    found: "cluster/storage",
    settings: (settings) => ({ ...settings, prometheus: { ...settings.prometheus!, storage: "1Gi" } }),
  },
  {
    name: "a Pod Security level that refuses the sidecars' init container",
    break: (seeds) =>
      seeds.patch(namespace(workloads), { metadata: { labels: { "pod-security.kubernetes.io/enforce": "baseline" } } }),
    found: "cluster/pod-security",
  },
  {
    name: "a quota that wants limits of containers that the chart cannot size",
    break: (seeds) =>
      seeds.create(object(inside("v1", "ResourceQuota", edge, "compute"), { spec: { hard: { "limits.cpu": "64" } } })),
    found: "cluster/quotas",
    fixedBy: "owner",
  },
  {
    name: "an autoscaler without the metrics API",
    break: () => Promise.resolve(() => Promise.resolve()),
    found: "cluster/metrics-api",
    fixedBy: "owner",
    settings: (settings) => ({ ...settings, gateway: { ...settings.gateway, autoscaling: { maxReplicas: 5 } } }),
  },
  {
    name: "a release that is pending",
    break: (seeds) =>
      seeds.patch(helmSecret(root, "prometheus"), { metadata: { labels: { status: "pending-upgrade" } } }),
    found: "releases/unfinished",
  },
  {
    name: "another mesh-wide policy",
    break: (seeds) => seeds.create(policy(root, "later", { mtls: { mode: "PERMISSIVE" } })),
    found: "mesh/other-policy",
  },
  {
    name: "a label by which Istio would ignore the stack's",
    break: (seeds) => seeds.patch(namespace(workloads), { metadata: { labels: { "istio.io/rev": "canary" } } }),
    found: "cluster/namespace-labels",
  },
  {
    name: "a host that somebody else has",
    break: async (seeds) => {
      const { spec } = await seeds.read(gatewayHost);
      return seeds.create(object({ ...gatewayHost, namespace: edge, name: "thief" }, { spec }));
    },
    found: "ownership/hosts",
  },
  {
    name: "another GlobalConfig",
    break: (seeds) =>
      seeds.create(
        object(
          { ...globalConfig, name: "other" },
          { spec: { name: "other", type: "globalconfig_globals", config: '{"istio_enabled":true}' } },
        ),
      ),
    found: "ownership/global-config",
  },
];

/** Another CA's certificate in place of ours. The CA of the stack is the engine's secret, so its key is not to be had here. */
async function replaceCertificate(seeds: Seeds, options: Parameters<typeof issue>[0]): Promise<Heal> {
  const ca = await issue({ name: "another CA", ca: true });
  const { certificate, privateKey } = await issue({ ...options, issuer: ca });
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return seeds.patch(servingSecret, { data: { "tls.crt": base64(certificate), "tls.key": base64(privateKey) } });
}
