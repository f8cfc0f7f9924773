import assert from "node:assert/strict";
import { draftGateway, gatewayValues } from "../../../adoption/gateway";
import { draftHosts } from "../../../adoption/hosts";
import { draftExceptions } from "../../../adoption/policies";
import { draft } from "../../../adoption/draft";
import type { Survey } from "../../../adoption/survey";
import type { GatewayHost, PeerAuthentication } from "../../../cluster/kinds";
import { loadSettings } from "../../../settings/load";

const now = new Date("2026-12-01T00:00:00Z");
const claimant = { owner: "organization/enroute-istio/prod" };

const host = (change: object = {}, virtualhost: object = {}, metadata: object = {}): GatewayHost =>
  ({
    metadata: { name: "shop", namespace: "shop", ...metadata },
    spec: {
      virtualhost: { fqdn: "shop.example.com", tls: { secretName: "shop-tls" }, ...virtualhost },
      routes: [{ conditions: [{ prefix: "/" }], services: [{ name: "storefront", port: 80 }] }],
      ...change,
    },
  }) as unknown as GatewayHost;
const tlsSecrets = ["shop/shop-tls", "shop/other-tls"];
const policy = (name: string, spec: object, namespace = "shop", annotations?: Record<string, string>) =>
  ({
    metadata: { name, namespace, creationTimestamp: "2026-01-01T00:00:00Z", ...(annotations && { annotations }) },
    spec,
  }) as PeerAuthentication;

/** What `helm install` leaves with the documented names. */
function byHand(change: Partial<Survey> = {}): Survey {
  const release = (name: string, namespace: string, chart: string, version: string, values = {}) => ({
    ...{ name, namespace, chart, version, values, status: "deployed", defaults: {} },
  });
  const labels = { "istio-injection": "enabled" };
  return {
    istiods: [{ metadata: { name: "istiod", namespace: "istio-system" }, spec: {} }],
    gateways: [{ metadata: { name: "enroute", namespace: "enroute-system" }, spec: {} }],
    gatewayPods: [],
    releases: [
      release("istio-base", "istio-system", "base", "1.31.0"),
      release("istiod", "istio-system", "istiod", "1.31.0", { global: { hub: "registry.example.com/istio" } }),
      release("enroute-istio", "enroute-system", "enroute", "0.8.7", { images: { redis: { tag: "7.4.1" } } }),
    ],
    namespaces: [
      { metadata: { name: "istio-system" } },
      { metadata: { name: "enroute-system", labels } },
      { metadata: { name: "shop", labels } },
      { metadata: { name: "team", labels: { "istio.io/rev": "canary" } } },
      { metadata: { name: "kube-system", labels } },
    ],
    policies: [policy("strict", { mtls: { mode: "STRICT" } }, "istio-system")],
    globalConfigs: [],
    gatewayHosts: [host()],
    serviceRoutes: [],
    ingresses: [],
    rights: [],
    tlsSecrets,
    claim: undefined,
    hasAuthority: false,
    ...change,
  };
}

const drafted = (change: Partial<Survey> = {}) => draft(byHand(change), { claimant, now });

describe("the stack file of what runs", () => {
  it("has versions, namespaces, hosts and certificate as they are, and is what a stack takes", () => {
    const { settings, issues } = drafted();
    assert.deepEqual(issues, []);
    assert.deepEqual(settings, {
      istio: { namespace: { create: false }, version: "1.31.0", hub: "registry.example.com/istio" },
      namespaces: [
        { name: "shop", create: false },
        { name: "team", create: false, injection: { revision: "canary" } },
      ],
      gateway: {
        namespace: { create: false },
        ...{ version: "0.8.7", images: { redis: { tag: "7.4.1" } }, resources: { envoy: {} } },
      },
      hosts: [{ host: "shop.example.com", namespace: "shop", routes: [{ service: "storefront", port: 80 }] }],
      certificate: { issuer: "existingSecret", secretName: "shop-tls" },
    });
    const values = Object.entries({ context: "prod", ...settings }).map(([key, value]) => [
      `enroute-istio:${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    const where = { project: "enroute-istio", stack: "prod", secretKeys: [] };
    const loaded = loadSettings({ ...where, values: Object.fromEntries(values) as Record<string, string> });
    assert.equal(loaded.istio.hub, "registry.example.com/istio");
  });

  it("makes namespaces of a stack that is gone the stack's own", () => {
    const gone = "organization/enroute-istio/old";
    const marks = {
      labels: { "app.kubernetes.io/managed-by": "enroute-istio" },
      annotations: { "enroute-istio/stack": gone },
    };
    const change = {
      namespaces: [{ metadata: { name: "istio-system", ...marks } }],
      claim: { owner: gone, releases: [] },
    };
    const kept = draft(byHand(change), { claimant: { ...claimant, takeOverFrom: gone }, now });
    assert.deepEqual(kept.issues, []);
    assert.deepEqual(
      [(kept.settings!["istio"] as { namespace: object }).namespace, kept.settings!["takeOverFrom"]],
      [{ create: "adopt" }, gone],
    );
    const [refused] = draft(byHand(change), { claimant, now }).issues;
    assert.equal(refused?.severity, "error");
    assert.match(refused.fix, /--take-over-from organization\/enroute-istio\/old/);
  });

  for (const [what, change, pattern, severity] of [
    ["no istiod", { istiods: [] }, /no istiod runs/, "error"],
    ["no gateway", { gateways: [] }, /no EnRoute gateway runs/, "error"],
    [
      "istiod of istioctl",
      { releases: byHand().releases.slice(2) },
      /no Helm release istiod, as after istioctl/,
      "error",
    ],
    ["no host at all", { gatewayHosts: [] }, /no GatewayHost that a stack can have/, "error"],
    ["a CA that is plugged in", { hasAuthority: true }, /cacerts/, "warning"],
    ["no mesh-wide policy", { policies: [] }, /no mesh-wide PeerAuthentication/, "warning"],
    [
      "a release of another name",
      { releases: byHand().releases.map((one) => (one.chart === "base" ? { ...one, name: "base" } : one)) },
      /release istio-system\/base has the chart base, which a stack installs as istio-base/,
      "error",
    ],
    [
      "a value that looks like a secret",
      { releases: byHand().releases.map((one) => ({ ...one, values: { admin: { password: "x" } } })) },
      /admin\.password of Helm release istio-system\/istio-base looks like a secret/,
      "error",
    ],
  ] as const)
    it(`names ${what}`, () => {
      const { issues } = drafted(change as unknown as Partial<Survey>);
      const found = issues.find(({ problem }) => pattern.test(problem));
      assert.equal(found?.severity, severity, JSON.stringify(issues));
      assert.notEqual(found.fix, "");
      assert.ok(!JSON.stringify(issues).includes('"x"'));
    });
});

describe("hosts that are taken over", () => {
  const of = (...gatewayHosts: GatewayHost[]) => draftHosts({ gatewayHosts, tlsSecrets });

  it("keep routes, minimum version, and what is served in clear text, with its reason", () => {
    const { hosts, issues } = of(
      host(
        {
          routes: [
            { conditions: [{ prefix: "/old" }], services: [{ name: "a", port: 80 }], permitInsecure: true },
            { services: [{ name: "b", port: 8080 }] },
          ],
        },
        { fqdn: "Shop.example.com", tls: { secretName: "shop-tls", minimumProtocolVersion: "1.3" } },
        { annotations: { "enroute-istio/insecure-routes": '{"/old":"old devices"}' } },
      ),
    );
    assert.deepEqual(issues, []);
    assert.deepEqual(hosts, [
      {
        ...{ host: "shop.example.com", namespace: "shop", minimumTlsVersion: "1.3" },
        routes: [
          { prefix: "/old", service: "a", port: 80, permitInsecure: { reason: "old devices" } },
          { service: "b", port: 8080 },
        ],
      },
    ]);
  });

  const route = { conditions: [{ prefix: "/" }], services: [{ name: "a", port: 80 }] };
  for (const [what, found, pattern] of [
    ["clear text", host({}, { tls: undefined }), /names no Secret/],
    ["a Secret that is not there", host({}, { tls: { secretName: "gone" } }), /Secret shop\/gone is missing/],
    ["TLS that is passed through", host({ tcpproxy: {} }, { tls: { passthrough: true } }), /names no Secret/],
    ["a filter", host({}, { filters: [{ name: "a" }] }), /spec\.virtualhost\.filters/],
    [
      "several Services",
      host({
        routes: [
          {
            ...route,
            services: [
              { name: "a", port: 1 },
              { name: "b", port: 2 },
            ],
          },
        ],
      }),
      /services, of which there are 2/,
    ],
    [
      "a weight",
      host({ routes: [{ ...route, services: [{ name: "a", port: 80, weight: 5 }] }] }),
      /services\[0\]\.weight/,
    ],
    [
      "a header as condition",
      host({ routes: [{ ...route, conditions: [{ header: { name: "a" } }] }] }),
      /conditions\[0\]\.header/,
    ],
    [
      "a policy of time",
      host({ routes: [{ ...route, timeoutPolicy: { request: "5s" } }] }),
      /spec\.routes\[0\]\.timeoutPolicy/,
    ],
    ["a wildcard", host({}, { fqdn: "*.example.com" }), /host: a full DNS name/],
    ["no route", host({ routes: [] }), /routes: at least one route/],
  ] as const)
    it(`stay their owner's where they have ${what}`, () => {
      const { hosts, issues } = of(found);
      assert.deepEqual(hosts, []);
      assert.match(issues[0]?.problem ?? "", pattern);
      assert.equal(issues[0]?.severity, "warning");
    });

  it("stay their owners' where two have one name, in any spelling, or another Secret than most", () => {
    const twice = of(host(), host({}, { fqdn: "SHOP.example.com" }, { name: "again" }));
    assert.deepEqual([twice.hosts, twice.issues.length], [[], 2]);
    const other = host({}, { fqdn: "b.example.com", tls: { secretName: "other-tls" } }, { name: "b" });
    const third = host({}, { fqdn: "c.example.com" }, { name: "c" });
    const { hosts, issues, secretName } = of(other, host(), third);
    assert.deepEqual([hosts.length, secretName], [2, "shop-tls"]);
    assert.match(issues[0]!.problem, /its Secret is other-tls/);
  });
});

describe("policies that are taken over", () => {
  const root = "istio-system";
  const strict = policy("strict", { mtls: { mode: "STRICT" } }, root);
  const legacy = { selector: { matchLabels: { app: "legacy" } }, mtls: { mode: "STRICT" } };

  it("become exceptions: of a namespace, of a workload, of ports", () => {
    const said = { "enroute-istio/reason": "r", "enroute-istio/owner": "o", "enroute-istio/until": "2027-01-31" };
    const { exceptions, issues } = draftExceptions(
      {
        policies: [
          strict,
          policy("default", { mtls: { mode: "PERMISSIVE" } }, "open", said),
          policy("ports", { ...legacy, portLevelMtls: { 9102: { mode: "PERMISSIVE" }, 9101: { mode: "DISABLE" } } }),
          policy("tight", { mtls: { mode: "STRICT" } }, "tight"),
        ],
      },
      { root, members: ["shop", "open", "tight"], now },
    );
    const unknown = { reason: "found as PeerAuthentication shop/ports", until: "2027-03-01" };
    const common = { namespace: "shop", workload: { app: "legacy" }, ...unknown };
    assert.deepEqual(
      exceptions.map(({ owner, ...rest }) => ({ ...rest, isKnown: owner === "o" })),
      [
        { namespace: "open", reason: "r", until: "2027-01-31", mode: "PERMISSIVE", isKnown: true },
        { ...common, ports: [9102], mode: "PERMISSIVE", isKnown: false },
        { ...common, ports: [9101], mode: "DISABLE", isKnown: false },
      ],
    );
    assert.deepEqual(
      issues.map(({ subject }) => subject),
      ["PeerAuthentication shop/ports"],
    );
  });

  it("say that the mesh becomes STRICT, and stay where two speak of one workload", () => {
    const weak = policy("default", { mtls: { mode: "PERMISSIVE" } }, root);
    const same = (name: string) => policy(name, { ...legacy, mtls: { mode: "PERMISSIVE" } });
    const { exceptions, issues } = draftExceptions(
      { policies: [weak, same("a"), same("b")] },
      { root, members: ["shop"], now },
    );
    assert.equal(exceptions.length, 1);
    assert.match(
      issues.map(({ problem }) => problem).join("\n"),
      /is PERMISSIVE, and the first update makes it STRICT/,
    );
    assert.match(issues.map(({ problem }) => problem).join("\n"), /shop\/b is left to its owner/);
  });
});

describe("a gateway that is taken over", () => {
  const config = (ttl: string) => `proxyMetadata:\n  OUTPUT_CERTS: /etc/istio-certs\n  SECRET_TTL: ${ttl}\n`;
  const defaults = {
    replicaCount: 1,
    images: { enrouteService: { pullPolicy: "Always" }, redis: { tag: null }, envoy: { tag: "v1.27.0" } },
    envoySettings: { logLevel: "debug" },
    istioPodAnnotations: { "proxy.istio.io/config": config("24h") },
  };
  const of = (values: object, pods: Survey["gatewayPods"] = []) =>
    draftGateway({ version: "0.8.7", defaults, values: values as Record<string, unknown> }, { gatewayPods: pods });

  it("says what its values say, in the words of the settings", () => {
    const { gateway, issues } = of({
      replicaCount: 3,
      images: { redis: { tag: "7.4.1" }, envoy: { repository: "registry.example.com/envoy" } },
      envoySettings: { logLevel: "warning" },
      resources: { envoy: { requests: { cpu: 1 } }, redis: { limits: { memory: "1Gi" } } },
      service: { annotations: { a: "b" } },
      istioPodAnnotations: { "proxy.istio.io/config": config("1h") },
    });
    assert.deepEqual(issues, []);
    assert.deepEqual(gateway, {
      version: "0.8.7",
      images: {
        enroute: { pullPolicy: "Always" },
        redis: { tag: "7.4.1" },
        envoy: { repository: "registry.example.com/envoy" },
      },
      replicas: 3,
      logLevel: "warning",
      resources: { envoy: { requests: { cpu: "1" } }, redis: { limits: { memory: "1Gi" } } },
      workloadCertificate: { ttl: "1h" },
      serviceAnnotations: { a: "b" },
    });
  });

  it("keeps the type of its Service, which somebody changed after the chart was rendered", () => {
    const typeOf = (type: string) => {
      const gatewayService = { metadata: { name: "enroute" }, spec: { type } };
      const { gateway } = draftGateway({ version: "0.8.7", defaults, values: {} }, { gatewayPods: [], gatewayService });
      return gateway["service"];
    };
    assert.deepEqual(typeOf("NodePort"), { type: "NodePort" });
    assert.deepEqual(typeOf("ClusterIP"), { type: "ClusterIP" });
    assert.equal(typeOf("LoadBalancer"), undefined);
  });

  it("pins a redis that floats: to the bits that run, or to a release where they cannot be told", () => {
    const digest = `sha256:${"a".repeat(64)}`;
    const pod = { metadata: { name: "a" }, spec: { containers: [] } };
    const status = {
      containerStatuses: [{ name: "redis", ready: true, imageID: `docker.io/library/redis@${digest}` }],
    };
    const tag = ({ gateway }: ReturnType<typeof of>) => (gateway["images"] as { redis: { tag: string } }).redis.tag;
    assert.equal(tag(of({}, [{ ...pod, status }])), `latest@${digest}`);
    const unknown = of({}, [pod]);
    assert.equal(tag(unknown), "7.4.1");
    assert.match(unknown.issues[0]!.problem, /latest, other bits at every restart/);
  });

  it("keeps in values what the settings cannot say, but no text that they say as well", () => {
    const said = { "proxy.istio.io/config": `proxyMetadata: { OUTPUT_CERTS: /etc/istio-certs, SECRET_TTL: 1h }` };
    const planned = { affinity: { a: 1 }, images: { redis: { tag: "7.4.1" } }, istioPodAnnotations: said };
    const values = { istioPodAnnotations: { "proxy.istio.io/config": config("1h") }, tolerations: ["x"] };
    const valuesOf = (own: object, user: object) => {
      const named = { name: "enroute-istio", namespace: "enroute-system", chart: "enroute", version: "0.8.7" };
      const runs = { ...named, status: "deployed", defaults: own as typeof defaults, values: user as typeof defaults };
      return gatewayValues({ releases: [runs] }, { releases: [{ ...named, values: planned }] });
    };
    assert.deepEqual(valuesOf({ ...defaults, affinity: { a: 2 } }, values), {
      affinity: null,
      tolerations: ["x"],
    });
    const chartOwn = { ...defaults, istioPodAnnotations: values.istioPodAnnotations };
    assert.deepEqual(valuesOf(chartOwn, {}), { affinity: null }, "of the chart itself, too");
    const more = { istioPodAnnotations: { "proxy.istio.io/config": `${config("1h")}concurrency: 2\n` } };
    assert.deepEqual(valuesOf(defaults, more)["istioPodAnnotations"], more.istioPodAnnotations);
  });
});
