import assert from "node:assert/strict";
import { SettingsError, type Problem } from "../../../settings/error";
import {
  expectedReleases,
  gatewayIdentity,
  istioTag,
  istiodName,
  leastIstiods,
  maxTtl,
  meshConfigName,
  meshWideTtl,
  workloadTtl,
} from "../../../settings/expected";
import { loadSettings } from "../../../settings/load";
import type { Settings } from "../../../settings/schema";
import { configuration, stackConfig } from "../stack-files";

type Tree = { [key: string]: unknown };

/** The dev stack (all charts, one workload namespace) with a change. */
function load(path: string, value: unknown): Settings {
  const config = structuredClone(stackConfig("dev")) as Tree;
  const [first, ...rest] = path.split(".") as [string, ...string[]];
  const keys = [`enroute-istio:${first}`, ...rest];
  const last = keys.pop()!;
  const branch = keys.reduce<Tree>((tree, key) => (tree[key] ??= {}) as Tree, config);
  branch[last] = value;
  return loadSettings(configuration(config, "dev"));
}

function problemsOf(path: string, value: unknown): readonly Problem[] {
  try {
    load(path, value);
    return [];
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.problems;
  }
}

/** Values of a path such as `a.b`. */
const nested = (path: string, value: unknown): Tree =>
  path.split(".").reduceRight<unknown>((below, key) => ({ [key]: below }), value) as Tree;

describe("a setting that is overridden", () => {
  const annotation = (group: string, key: string, value: unknown) => ({ [group]: { [key]: value } });
  const refused: [path: string, value: unknown, key: string, allowed: RegExp][] = [
    // Root namespace, trust domain and what else the mesh goes by, at each of the three places.
    [
      "istio.meshConfig",
      { rootNamespace: "other" },
      "istio.meshConfig.rootNamespace",
      /"istio-system", as istio\.namespace\.name decides/,
    ],
    ["istio.meshConfig", { rootNamespace: null }, "istio.meshConfig.rootNamespace", /istio\.namespace\.name/],
    [
      "istio.meshConfig",
      { trustDomain: "x.y" },
      "istio.meshConfig.trustDomain",
      /"cluster\.local", as istio\.trustDomain decides/,
    ],
    [
      "istio.values",
      nested("meshConfig.trustDomain", "x.y"),
      "istio.values.meshConfig.trustDomain",
      /istio\.trustDomain/,
    ],
    [
      "istio.values",
      nested("pilot.meshConfig.trustDomain", "x.y"),
      "istio.values.pilot.meshConfig.trustDomain",
      /istio\.trustDomain/,
    ],
    [
      "istio.values",
      nested("meshConfig.rootNamespace", "x"),
      "istio.values.meshConfig.rootNamespace",
      /istio\.namespace\.name/,
    ],
    ["istio.values", { meshConfig: null }, "istio.values.meshConfig", /istio\./],
    [
      "istio.meshConfig",
      { trustDomainAliases: ["x"] },
      "istio.meshConfig.trustDomainAliases",
      /set istio\.trustDomainAliases instead/,
    ],
    [
      "istio.values",
      nested("global.istioNamespace", "x"),
      "istio.values.global.istioNamespace",
      /istio\.namespace\.name/,
    ],
    ["istio.values", nested("global.hub", "x"), "istio.values.global.hub", /istio\.hub/],
    ["istio.values", nested("global.tag", "1.30.0"), "istio.values.global.tag", /istio\.tag/],
    ["istio.values", { tag: "1.30.0" }, "istio.values.tag", /istio\.tag/],
    ["istio.values", nested("pilot.hub", "x"), "istio.values.pilot.hub", /istio\.hub/],
    ["istio.values", { revision: "canary" }, "istio.values.revision", /set istio\.revision instead/],
    ["istio.values", { defaultRevision: "canary" }, "istio.values.defaultRevision", /istio\.revision/],
    // Plain text by another way.
    [
      "istio.meshConfig",
      { enableAutoMtls: false },
      "istio.meshConfig.enableAutoMtls",
      /leave it out\. Without it proxies send plain text/,
    ],
    [
      "istio.meshConfig",
      nested("defaultConfig.interceptionMode", "NONE"),
      "istio.meshConfig.defaultConfig.interceptionMode",
      /mutualTls\.exceptions/,
    ],
    [
      "istio.values",
      nested("global.proxy.excludeInboundPorts", "8080"),
      "istio.values.global.proxy.excludeInboundPorts",
      /mutualTls\.exceptions/,
    ],
    [
      "istio.values",
      nested("global.proxy.includeInboundPorts", "443"),
      "istio.values.global.proxy.includeInboundPorts",
      /mutualTls\.exceptions/,
    ],
    ["istio.values", nested("global.proxy.autoInject", "disabled"), "istio.values.global.proxy.autoInject", /sidecar/],
    [
      "istio.values",
      nested("sidecarInjectorWebhook.neverInjectSelector", [{}]),
      "istio.values.sidecarInjectorWebhook.neverInjectSelector",
      /gateway/,
    ],
    // Another CA, another istiod.
    ["istio.values", nested("global.caAddress", "ca:443"), "istio.values.global.caAddress", /istio\.ca/],
    ["istio.values", nested("pilot.env.EXTERNAL_CA", "true"), "istio.values.pilot.env.EXTERNAL_CA", /istio\.ca/],
    ["istio.values", nested("env.ENABLE_CA_SERVER", "false"), "istio.values.env.ENABLE_CA_SERVER", /istio\.ca/],
    [
      "istio.values",
      { envVarFrom: [{ name: "ENABLE_CA_SERVER", value: "false" }] },
      "istio.values.envVarFrom",
      /env alone/,
    ],
    [
      "istio.values",
      { podAnnotations: { "enroute-istio/certificate-authority": "x" } },
      'istio.values.podAnnotations["enroute-istio/certificate-authority"]',
      /istio\.ca/,
    ],
    [
      "istio.meshConfig",
      nested("defaultConfig.discoveryAddress", "istiod.other.svc:15012"),
      "istio.meshConfig.defaultConfig.discoveryAddress",
      /istio\.revision/,
    ],
    ["istio.values", nested("istiodRemote.enabled", true), "istio.values.istiodRemote.enabled", /istiod of its own/],
    ["istio.values", { profile: "remote" }, "istio.values.profile", /no istiod/],
    [
      "istio.values",
      nested("global.operatorManageWebhooks", true),
      "istio.values.global.operatorManageWebhooks",
      /webhooks/,
    ],
    ["istio.values", nested("global.configValidation", false), "istio.values.global.configValidation", /policies/],
    ["istio.values", { autoscaleEnabled: false, replicaCount: 0 }, "istio.values.replicaCount", /needs an istiod/],
    [
      "istio.values",
      nested("base.excludedCRDs", ["peerauthentications.security.istio.io"]),
      "istio.values.base.excludedCRDs",
      /PeerAuthentications/,
    ],
    [
      "istio.values",
      nested("_internal_defaults_do_not_set.global.hub", "x"),
      "istio.values._internal_defaults_do_not_set",
      /do not support/,
    ],
    // The gateway.
    ["gateway.values", nested("istio.enable", false), "gateway.values.istio.enable", /true: leave it out/],
    ["gateway.values", { istio: null }, "gateway.values.istio", /leave it out/],
    ["gateway.values", nested("istio.strictmtls", true), "gateway.values.istio.strictmtls", /mutualTls/],
    [
      "gateway.values",
      annotation("istioPodAnnotations", "proxy.istio.io/config", "proxyMetadata: {}"),
      'gateway.values.istioPodAnnotations["proxy.istio.io/config"]',
      /gateway\.workloadCertificate/,
    ],
    [
      "gateway.values",
      { istioPodAnnotations: null },
      "gateway.values.istioPodAnnotations",
      /gateway\.workloadCertificate/,
    ],
    [
      "gateway.values",
      annotation("podAnnotations", "proxy.istio.io/config", "x"),
      'gateway.values.podAnnotations["proxy.istio.io/config"]',
      /set gateway\.workloadCertificate instead/,
    ],
    [
      "gateway.values",
      annotation("istioPodAnnotations", "traffic.sidecar.istio.io/includeInboundPorts", "*"),
      'gateway.values.istioPodAnnotations["traffic.sidecar.istio.io/includeInboundPorts"]',
      /cuts clients off/,
    ],
    [
      "gateway.values",
      annotation("podAnnotations", "sidecar.istio.io/inject", "false"),
      'gateway.values.podAnnotations["sidecar.istio.io/inject"]',
      /gateway\.namespace\.injection/,
    ],
    ["gateway.values", { fullnameOverride: "edge" }, "gateway.values.fullnameOverride", /leave it out/],
    ["gateway.values", { fullnameOverride: "" }, "gateway.values.fullnameOverride", /leave it out/],
    ["gateway.values", { nameOverride: "edge" }, "gateway.values.nameOverride", /leave it out/],
    ["gateway.values", nested("serviceAccount.create", false), "gateway.values.serviceAccount.create", /account/],
    ["gateway.values", nested("serviceAccount.name", "edge"), "gateway.values.serviceAccount.name", /account/],
    ["gateway.values", { replicaCount: 5 }, "gateway.values.replicaCount", /gateway\.replicas/],
    [
      "gateway.values",
      nested("autoscaling.enabled", true),
      "gateway.values.autoscaling.enabled",
      /gateway\.autoscaling/,
    ],
    [
      "gateway.values",
      nested("images.envoy.tag", "v1.20.0"),
      "gateway.values.images.envoy.tag",
      /gateway\.images\.envoy/,
    ],
    [
      "gateway.values",
      nested("images.enrouteService.repository", "x"),
      "gateway.values.images.enrouteService.repository",
      /gateway\.images\.enroute/,
    ],
    [
      "gateway.values",
      nested("envoySettings.logLevel", "trace"),
      "gateway.values.envoySettings.logLevel",
      /gateway\.logLevel/,
    ],
    [
      "gateway.values",
      nested("resources.envoy.requests.cpu", "1"),
      "gateway.values.resources.envoy.requests.cpu",
      /gateway\.resources/,
    ],
    [
      "gateway.values",
      nested("service.ports", [{ name: "http", port: 80, targetPort: 8080 }]),
      "gateway.values.service.ports",
      /443/,
    ],
    ["gateway.values", nested("mesh.linkerD", true), "gateway.values.mesh.linkerD", /Istio is the mesh/],
    // The other spelling of Protocol Buffers, which istiod takes as well.
    ...(
      [
        ["istio.meshConfig", "discovery_selectors", [], "discoverySelectors"],
        ["istio.meshConfig", "root_namespace", "other", "rootNamespace"],
        ["istio.meshConfig", "enable_auto_mtls", false, "enableAutoMtls"],
        ["istio.meshConfig", "defaultConfig.interception_mode", "NONE", "interceptionMode"],
        ["istio.values", "meshConfig.trust_domain", "x", "trustDomain"],
        ["istio.values", "pilot.meshConfig.trust_domain", "x", "trustDomain"],
      ] as const
    ).map(([path, key, value, name]): (typeof refused)[number] => [
      ...([path, nested(key, value), `${path}.${key}`] as const),
      new RegExp(`^spelled ${name}, as in Istio's reference`),
    ]),
    // Who reads what, and what is caught.
    [
      "istio.meshConfig",
      { configSources: [{ address: "fs:///etc/mine" }] },
      "istio.meshConfig.configSources",
      /reads no policy/,
    ],
    ["istio.values", nested("global.proxy.statusPort", 9080), "istio.values.global.proxy.statusPort", /not captured/],
    [
      "istio.meshConfig",
      nested("defaultConfig.statusPort", 9080),
      "istio.meshConfig.defaultConfig.statusPort",
      /not captured/,
    ],
    ...["DRY_RUN", "SKIP_RULE_APPLY", "CLEANUP_ONLY", "ISTIO_EXCLUDE_INTERFACES", "INBOUND_TUNNEL_PORT"].map(
      (name): (typeof refused)[number] => [
        "istio.meshConfig",
        nested(`defaultConfig.proxyMetadata.${name}`, "true"),
        `istio.meshConfig.defaultConfig.proxyMetadata.${name}`,
        /istio-init reads it/,
      ],
    ),
    [
      "istio.values",
      nested("sidecarInjectorWebhook.defaultTemplates", ["grpc-agent"]),
      "istio.values.sidecarInjectorWebhook.defaultTemplates",
      /go through its proxy/,
    ],
    [
      "istio.values",
      nested("sidecarInjectorWebhook.templates.sidecar", "spec: {}"),
      "istio.values.sidecarInjectorWebhook.templates.sidecar",
      /go through its proxy/,
    ],
    [
      "istio.values",
      { sidecarInjectorWebhook: { injectedAnnotations: { "traffic.sidecar.istio.io/excludeInboundPorts": "80" } } },
      'istio.values.sidecarInjectorWebhook.injectedAnnotations["traffic.sidecar.istio.io/excludeInboundPorts"]',
      /mutualTls\.exceptions/,
    ],
    [
      "istio.values",
      { extraContainerArgs: ["--meshConfig=/mine"] },
      "istio.values.extraContainerArgs",
      /another configuration/,
    ],
    ["istio.values", nested("env.XDS_AUTH", "false"), "istio.values.env.XDS_AUTH", /shows who they are/],
    [
      "istio.values",
      nested("pilot.env.CA_TRUSTED_NODE_ACCOUNTS", "x/y"),
      "istio.values.pilot.env.CA_TRUSTED_NODE_ACCOUNTS",
      /in the name of others/,
    ],
    // The picture of the mesh.
    ["kiali.values", nested("auth.strategy", "anonymous"), "kiali.values.auth.strategy", /kiali\.authentication/],
    [
      "kiali.values",
      nested("deployment.view_only_mode", false),
      "kiali.values.deployment.view_only_mode",
      /kiali\.viewOnly/,
    ],
    [
      "kiali.values",
      nested("external_services.istio.root_namespace", "x"),
      "kiali.values.external_services.istio.root_namespace",
      /istio\.namespace\.name/,
    ],
    ["kiali.values", { login_token: null }, "kiali.values.login_token", /secret:/],
    ["kiali.values", nested("deployment.instance_name", "x"), "kiali.values.deployment.instance_name", /kiali/],
    [
      "prometheus.values",
      nested("server.retention", "99d"),
      "prometheus.values.server.retention",
      /prometheus\.retention/,
    ],
    [
      "prometheus.values",
      nested("server.persistentVolume.enabled", true),
      "prometheus.values.server.persistentVolume.enabled",
      /prometheus\.storage/,
    ],
    [
      "prometheus.values",
      nested("server.fullnameOverride", "x"),
      "prometheus.values.server.fullnameOverride",
      /leave it out/,
    ],
  ];
  for (const [path, value, key, allowed] of refused)
    it(`is refused: ${path} ${JSON.stringify(value)}`, () => {
      const problems = problemsOf(path, value);
      assert.deepEqual(
        problems.map((one) => one.key),
        [key],
      );
      assert.match(problems[0]!.allowed, allowed);
      assert.notEqual(problems[0]!.found, undefined, "what was found is shown");
    });

  const taken: [path: string, value: unknown][] = [
    ["istio.meshConfig", { accessLogFile: "/dev/stdout", enablePrometheusMerge: false, enableAutoMtls: true }],
    ["istio.meshConfig", { rootNamespace: "istio-system", trustDomain: "cluster.local" }],
    ["istio.meshConfig", nested("defaultConfig.interceptionMode", "TPROXY")],
    ["istio.meshConfig", nested("defaultConfig.discoveryAddress", "istiod.istio-system.svc:15012")],
    ["istio.meshConfig", { configSources: [{ address: "k8s://" }, { address: "xds://mine:15010" }] }],
    ["istio.meshConfig", nested("defaultConfig.proxyMetadata", { ISTIO_META_DNS_CAPTURE: "true", http_proxy: "x" })],
    ["istio.values", nested("sidecarInjectorWebhook.defaultTemplates", ["sidecar", "mine"])],
    ["istio.values", { extraContainerArgs: ["--log_output_level=default:debug"] }],
    ["istio.values", { autoscaleEnabled: false, replicaCount: 3, resources: null, revisionTags: ["prod"] }],
    ["istio.values", nested("global.proxy.resources.requests.cpu", "50m")],
    ["istio.values", nested("pilot.env.MAX_WORKLOAD_CERT_TTL", "4000h")],
    ["istio.values", { profile: "ambient", envVarFrom: [{ name: "MINE", value: "x" }] }],
    ["istio.values", nested("sidecarInjectorWebhook.neverInjectSelector", [{ matchLabels: { job: "yes" } }])],
    ["istio.values", nested("base.excludedCRDs", ["wasmplugins.extensions.istio.io"])],
    [
      "gateway.values",
      { nodeSelector: { pool: "edge" }, affinity: null, fullnameOverride: "enroute", podAnnotations: { a: "b" } },
    ],
    ["gateway.values", nested("istio.enable", true)],
    ["gateway.values", nested("service.annotations", { a: "b" })],
    ["gateway.values", nested("service.ports", [{ name: "https", port: 443, targetPort: 8443 }])],
    ["gateway.values", nested("serviceAccount.annotations", { a: "b" })],
    ["gateway.values", nested("resources.redis.limits.memory", "1Gi")],
    ["kiali.values", { deployment: { replicas: 2 } }],
    ["kiali.values", nested("external_services.prometheus.url", "https://thanos.example.com")],
    ["kiali.values", nested("login_token.signing_key", "secret:mine:key")],
    ["prometheus.values", nested("server.replicaCount", 2)],
    ["prometheus.values", nested("alertmanager.enabled", true)],
    // What no setting decides in this stack: its images come from where each chart says.
    ["prometheus.values", nested("server.image.repository", "mirror.example.com/prometheus")],
    ["kiali.values", nested("deployment.image_name", "mirror.example.com/kiali")],
    ["gateway.values", { imagePullSecrets: [{ name: "login" }] }],
    ["istio.values", nested("global.imagePullSecrets", ["login"])],
  ];
  for (const [path, value] of taken)
    it(`is no contradiction: ${path} ${JSON.stringify(value)}`, () => assert.deepEqual(problemsOf(path, value), []));
});

describe("several control planes", () => {
  const dev = stackConfig("dev") as { "enroute-istio:istio": { version: string } };
  const { version, ...rest } = dev["enroute-istio:istio"];
  const revisions = [
    { revision: "default", version },
    { revision: "1-32-0", version: "1.32.0" },
  ];
  const refused: [istio: object, namespaces: object[], key: string, allowed: RegExp][] = [
    [{ revisions, version }, [], "istio.version", /^nothing beside revisions/],
    [{}, [], "istio.version", /^missing; the exact version of Istio/],
    [{ revisions: [] }, [], "istio.revisions", /^at least one control plane/],
    [
      { revisions: [{ revision: "1.32", version }] },
      [],
      "istio.revisions[0].revision",
      /^a name of a revision such as 1-31-0/,
    ],
    [{ revisions: [{ revision: "x", version: "^1.31.0" }] }, [], "istio.revisions[0].version", /^an exact version/],
    [{ revisions, tags: { stable: "1-30" } }, [], "istio.tags.stable", /^one of revisions \(default, 1-32-0\)/],
    [
      { revisions, tags: { stable: "default" }, values: { revisionTags: ["x"] } },
      [],
      "istio.values.revisionTags",
      /^nothing beside istio\.revisions or istio\.tags/,
    ],
    [
      { version, tags: { stable: "default" }, values: { pilot: { revisionTags: ["x"] } } },
      [],
      "istio.values.pilot.revisionTags",
      /^nothing beside/,
    ],
    [
      { revisions },
      [{ name: "bookinfo", injection: { revision: "1-32" } }],
      "namespaces[0].injection",
      /\(default, 1-32-0\); did you mean 1-32-0\?/,
    ],
    [
      { revisions: [revisions[1]] },
      [{ name: "bookinfo", injection: "enabled" }],
      "namespaces[0].injection",
      /its pods would start without a sidecar/,
    ],
  ];
  for (const [istio, namespaces, key, allowed] of refused)
    it(`are refused: ${JSON.stringify([istio, ...namespaces])}`, () => {
      const config = { ...dev, "enroute-istio:istio": { ...rest, ...istio } } as Tree;
      if (namespaces.length > 0) config["enroute-istio:namespaces"] = namespaces;
      assert.throws(
        () => loadSettings(configuration(config, "dev")),
        (error: SettingsError) => {
          const found = error.problems.find((one) => one.key === key);
          assert.match(found?.allowed ?? `nothing about ${key}: ${error.message}`, allowed);
          return true;
        },
      );
    });

  it("are taken with tags, a default, and namespaces that follow them", () => {
    const istio = { ...rest, revisions, defaultRevision: "1-32-0", tags: { stable: "default" } };
    const namespaces = [{ name: "bookinfo", injection: { revision: "stable" } }];
    const settings = loadSettings(
      configuration({ ...dev, "enroute-istio:istio": istio, "enroute-istio:namespaces": namespaces }, "dev"),
    );
    assert.deepEqual(
      expectedReleases(settings)
        .filter(({ namespace }) => namespace === "istio-system")
        .map((one) => `${one.name} ${one.version}`)
        .slice(0, 3),
      ["istio-base 1.32.0", `istiod ${version}`, "istiod-1-32-0 1.32.0"],
    );
    assert.deepEqual(
      [istiodName(settings), meshConfigName(settings), istioTag(settings)],
      ["istiod-1-32-0", "istio-1-32-0", "1.32.0"],
    );
  });
});

describe("registry and imagePullSecrets", () => {
  const problemsBeside = (path: string, value: unknown) => {
    const config = structuredClone(stackConfig("dev")) as Tree;
    config["enroute-istio:registry"] = "mirror.example.com";
    config["enroute-istio:imagePullSecrets"] = [{ name: "login" }];
    const [section, ...rest] = path.split(".") as [string, ...string[]];
    Object.assign(config[`enroute-istio:${section}`] as Tree, nested(rest.join("."), value));
    try {
      loadSettings(configuration(config, "dev"));
      return [];
    } catch (error) {
      assert.ok(error instanceof SettingsError, String(error));
      return error.problems;
    }
  };
  const cases: [path: string, value: unknown, allowed: RegExp][] = [
    ["istio.values.global.hub", "docker.io/istio", /"mirror\.example\.com\/istio", as istio\.hub decides/],
    ["istio.values.global.imagePullSecrets", ["other"], /\["login"\], as imagePullSecrets decides/],
    ["gateway.values.imagePullSecrets", [], /as imagePullSecrets decides/],
    ["gateway.values.images.envoy.repository", "envoyproxy/envoy", /"mirror\.example\.com\/envoyproxy\/envoy"/],
    ["prometheus.values.server.image.repository", "quay.io/prometheus/prometheus", /as registry decides/],
    ["prometheus.values.imagePullSecrets", null, /as imagePullSecrets decides/],
    ["kiali.values.deployment.image_name", "quay.io/kiali/kiali", /as registry decides/],
    ["kiali.values.deployment.image_pull_secrets", ["other"], /as imagePullSecrets decides/],
  ];
  for (const [path, value, allowed] of cases)
    it(`decide what they are for: ${path}`, () => {
      const problems = problemsBeside(path, value);
      assert.deepEqual(
        problems.map(({ key }) => key),
        [path],
      );
      assert.match(problems[0]!.allowed, allowed);
    });
});

describe("discoverySelectors", () => {
  const byName = (...values: string[]) => ({
    matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values }],
  });
  const all = ["istio-system", "enroute-system", "bookinfo"];
  const selectors = (...list: unknown[]) => ({ discoverySelectors: list });

  for (const missing of all)
    it(`are refused where none matches ${missing}`, () => {
      const given = selectors(byName(...all.filter((name) => name !== missing)));
      const [problem, ...more] = problemsOf("istio.meshConfig", given);
      assert.deepEqual(more, []);
      assert.equal(problem!.key, "istio.meshConfig.discoverySelectors");
      assert.match(
        problem!.allowed,
        new RegExp(`none matches ${missing}: .*STRICT is off everywhere.* values: \\[${missing}\\]`),
      );
    });

  it("are refused in the chart's values as well", () => {
    const [problem] = problemsOf("istio.values", { meshConfig: selectors(byName("other")) });
    assert.equal(problem!.key, "istio.values.meshConfig.discoverySelectors");
    assert.match(problem!.allowed, /istio-system, enroute-system, bookinfo/);
  });

  const fine: [string, unknown][] = [
    ["by name", selectors(byName(...all))],
    ["in several", selectors(byName("istio-system"), byName("enroute-system"), byName("bookinfo", "other"))],
    ["by what is left out", selectors({ matchExpressions: [{ key: "noisy", operator: "DoesNotExist" }] })],
    ["by none", selectors()],
    [
      "by the stack's own mark, beside the root",
      selectors(byName("istio-system"), { matchLabels: { "istio-injection": "enabled" } }),
    ],
  ];
  for (const [what, given] of fine)
    it(`are fine where they match every namespace ${what}`, () =>
      assert.deepEqual(problemsOf("istio.meshConfig", given), []));

  it("go by labels of the stack", () => {
    const config = structuredClone(stackConfig("dev")) as { [key: string]: Tree };
    const labels = { mesh: "yes" };
    (config["enroute-istio:istio"]!["namespace"] as Tree | undefined) ??= {};
    config["enroute-istio:istio"]!["namespace"] = { labels };
    config["enroute-istio:gateway"]!["namespace"] = { labels };
    config["enroute-istio:istio"]!["meshConfig"] = selectors({ matchLabels: labels });
    const namespaces = config["enroute-istio:namespaces"] as unknown as Tree[];
    assert.throws(() => loadSettings(configuration(config)), /none matches bookinfo: .*namespaces\[0\]\.labels/s);
    for (const one of namespaces) one["labels"] = labels;
    loadSettings(configuration(config));
    // The labels of a namespace that the stack does not make are for preflight to look at.
    for (const one of namespaces) Object.assign(one, { labels: {}, create: false });
    loadSettings(configuration(config));
  });

  it("are a list", () =>
    assert.match(
      problemsOf("istio.meshConfig", { discoverySelectors: { matchLabels: {} } })[0]!.allowed,
      /a list of label selectors/,
    ));
});

describe("lives of workload certificates", () => {
  const proxies = (ttl: string) => nested("defaultConfig.proxyMetadata.SECRET_TTL", ttl);
  it("are those in force, wherever they are set", () => {
    assert.equal(meshWideTtl(load("istio.values", { meshConfig: proxies("5h") })), "5h");
    assert.equal(workloadTtl(load("istio.meshConfig", proxies("5h"))), "5h");
    assert.equal(workloadTtl(load("gateway.workloadCertificate", { ttl: "7h" })), "7h");
    assert.equal(
      maxTtl(
        load("istio.values", {
          env: { MAX_WORKLOAD_CERT_TTL: "99h" },
          pilot: { env: { MAX_WORKLOAD_CERT_TTL: "100h" } },
        }),
      ),
      "100h",
    );
  });
  it("are refused above what istiod signs, the default of 24h among them", () => {
    const limit = (ttl: string) => nested("env.MAX_WORKLOAD_CERT_TTL", ttl);
    const [low] = problemsOf("istio.values", limit("12h"));
    assert.equal(low!.key, "istio.values.env.MAX_WORKLOAD_CERT_TTL");
    assert.match(low!.allowed, /^24h or more/);
    assert.match(problemsOf("istio.values", limit("soon"))[0]!.allowed, /a duration/);
    const both = { ...limit("12h"), meshConfig: proxies("13h") };
    assert.equal(
      problemsOf("istio.values", both)[0]!.key,
      "istio.values.meshConfig.defaultConfig.proxyMetadata.SECRET_TTL",
    );
    assert.deepEqual(problemsOf("istio.values", { ...limit("12h"), meshConfig: proxies("11h") }), []);
  });
});

describe("what is in force", () => {
  it("is asked of the merged values", () => {
    assert.equal(leastIstiods(load("istio.values", nested("pilot.replicaCount", 3))), 3);
    assert.equal(gatewayIdentity(load("istio.trustDomain", "x.y")), "spiffe://x.y/ns/enroute-system/sa/enroute");
  });
});

describe("outputPath", () => {
  const of = (outputPath: string) => problemsOf("gateway.workloadCertificate", { outputPath });
  for (const path of ["/etc/istio-certs", "/etc/gateway-certs", "/certs", "/var/lib/gateway", "/etc/istio-certs2/a.b"])
    it(`may be ${path}`, () => assert.deepEqual(of(path), []));
  for (const path of [
    ...[
      "/etc/istio",
      "/etc/istio/proxy",
      "/etc/istio/pod/x",
      "/etc",
      "/var",
      "/var/run/secrets",
      "/var/run/secrets/tokens/x",
    ],
    ...[
      "/var/lib/istio/data",
      "/etc/certs",
      "/usr/local",
      "/proc/x",
      "/etc/istio-certs/../istio/proxy",
      "/a/./b",
      "/a//b",
      "/",
    ],
    ...["etc/certs", "/etc/istio-certs/", "/a b"],
  ])
    it(`may not be ${path}`, () => {
      const [problem] = of(path);
      assert.equal(problem?.key, "gateway.workloadCertificate.outputPath");
      assert.match(problem.allowed, /\/etc\/istio-certs/);
    });
});

describe("an exception from STRICT", () => {
  const exception = { namespace: "bookinfo", mode: "PERMISSIVE", reason: "x", owner: "y", until: "2999-12-31" };
  const of = (more: Tree) => problemsOf("mutualTls", { exceptions: [{ ...exception, ...more }] });
  it("is for a namespace of the mesh, and the nearest is named", () => {
    const [problem, ...more] = of({ namespace: "bokinfo" });
    assert.deepEqual(more, []);
    assert.equal(problem!.key, "mutualTls.exceptions[0].namespace");
    assert.match(problem!.allowed, /did you mean bookinfo\?/);
    for (const namespace of ["kube-system", "default", "monitoring"])
      assert.match(of({ namespace })[0]!.allowed, /a namespace of the mesh \(enroute-system, bookinfo\)/);
    assert.deepEqual(of({ namespace: "enroute-system" }), []);
  });
  it("has no use in the root namespace, with a selector or without", () => {
    assert.match(of({ namespace: "istio-system" })[0]!.allowed, /second mesh-wide policy/);
    assert.match(of({ namespace: "istio-system", workload: { app: "x" } })[0]!.allowed, /no pod has a sidecar/);
  });
});

describe("a member of the mesh", () => {
  for (const name of ["kube-system", "kube-public", "kube-node-lease"])
    it(`is not ${name}`, () => {
      const [problem] = problemsOf("gateway.namespace", { name, create: false });
      assert.match(problem!.allowed, /Istio never injects kube-system/);
    });
});
