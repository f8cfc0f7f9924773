import assert from "node:assert/strict";
import { encryptedIngress } from "../../../stacks/encrypted-ingress";
import type { Settings } from "../../../settings/schema";
import { type Run, type RunOptions, run, valueOf } from "../mocks";
import { stackFile, stackNames } from "../stack-files";

type Deployed = Run<ReturnType<typeof encryptedIngress>>;
const deploy = (settings: Settings, { owner, ...options }: RunOptions & { owner?: string } = {}): Promise<Deployed> =>
  run(() => encryptedIngress(settings, settings, owner === undefined ? {} : { owner }), options);

/** Everything that the resource waits for, directly or through what that waits for, as `Type name`. */
function ancestors({ resources }: Deployed, type: string, name: string): Set<string> {
  const id = (resource: { type: string; name: string }) => `${resource.type.split(":").pop()} ${resource.name}`;
  const ofUrn = (urn: string) => `${urn.split("::").at(-2)!.split(/[$:]/).pop()} ${urn.split("::").at(-1)}`;
  const seen = new Set<string>();
  const visit = (wanted: string) => {
    // A component and its only child may share type and name.
    for (const resource of resources.filter((candidate) => id(candidate) === wanted))
      for (const urn of [...resource.dependencies, resource.parent]) {
        if (urn === "" || urn.includes("pulumi:pulumi:Stack") || seen.has(ofUrn(urn))) continue;
        seen.add(ofUrn(urn));
        visit(ofUrn(urn));
      }
  };
  visit(`${type} ${name}`);
  return seen;
}

/** Type and name of all resources of each stack. A change here means another URN: an existing stack needs an alias. */
const mesh = (...namespaces: string[]) => [
  "IstioControlPlane istio",
  "MeshMutualTls mutual-tls",
  "MeshGlobalConfig mesh-global-config",
  "EnRouteGateway gateway",
  "ServingCertificate serving-certificate",
  "ClusterRole enroute-istio-status",
  "ClusterRoleBinding enroute-istio-gateway",
  "ClusterRoleBinding enroute-istio-status",
  "GlobalConfig mesh-global-config",
  "PeerAuthentication mutual-tls-mesh",
  "Release enroute-istio",
  "Release istio-base",
  "Release istiod",
  "kubernetes cluster",
  "tls tls",
  ...["istio-system", "enroute-system", ...namespaces].flatMap((name) => [
    `MeshNamespace ${name}`,
    `NamespacePatch ${name}.labels`,
  ]),
];
const observability = [
  "Prometheus prometheus",
  "Kiali kiali",
  "Release prometheus",
  "Release kiali-server",
  "PrivateKey kiali-signing-key",
  "Secret kiali-signing-key",
];
const bookinfo = [
  "Bookinfo bookinfo",
  ...["details", "productpage", "ratings", "reviews"].flatMap((app) => [
    `Service bookinfo-${app}`,
    `ServiceAccount bookinfo-${app}`,
  ]),
  ...["details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"].map(
    (app) => `Deployment bookinfo-${app}`,
  ),
];
const generated = [
  "PrivateKey serving-certificate-ca",
  "SelfSignedCert serving-certificate-ca",
  "PrivateKey serving-certificate-leaf",
  "CertRequest serving-certificate-leaf",
  "LocallySignedCert serving-certificate-leaf",
  "Secret serving-certificate-bookinfo",
];
const created = (...names: string[]) => names.map((name) => `Namespace ${name}`);
const host = (name: string) => [`GatewayHost ${name}`, `GatewayHost ${name}`]; // the component, and the object of the same name

const golden: Record<string, string[]> = {
  sandbox: [
    ...mesh("bookinfo"),
    ...created("istio-system", "enroute-system", "bookinfo"),
    ...observability,
    ...bookinfo,
    ...generated,
    ...host("bookinfo.sandbox.example"),
  ],
  dev: [
    ...mesh("bookinfo"),
    ...created("istio-system", "enroute-system", "bookinfo"),
    ...observability,
    ...bookinfo,
    ...generated,
    ...host("bookinfo.dev.example.com"),
  ],
  staging: [
    ...mesh("bookinfo", "shop"),
    ...created("istio-system", "enroute-system", "bookinfo", "shop"),
    ...observability,
    ...bookinfo,
    ...generated,
    ...host("bookinfo.staging.example.com"),
    "PeerAuthentication mutual-tls-shop-plain-text-legacy-metrics-b931d94d",
    "PodDisruptionBudget enroute-istio-pdb",
  ],
  prod: [
    ...mesh("shop"),
    ...created("istio-system", "enroute-system"),
    "NamespacePatch shop",
    ...observability,
    ...host("shop.example.com"),
    "PodDisruptionBudget enroute-istio-pdb",
    "HorizontalPodAutoscaler enroute-istio-hpa",
  ],
};

const hostsLike = (like: Settings["hosts"][number], count: number) =>
  Array.from({ length: count }, (_, index) => ({ ...like, host: `more-${index}.example.com` }));

describe("encryptedIngress", () => {
  it("has a list of resources for every stack file", () =>
    assert.deepEqual(Object.keys(golden).sort(), [...stackNames].sort()));

  for (const name of stackNames) {
    it(`registers exactly the resources of ${name}`, async () => {
      const { resources } = await deploy(stackFile(name), { stack: name });
      assert.deepEqual(
        resources.map((resource) => `${resource.type.split(":").pop()} ${resource.name}`).sort(),
        golden[name]!.sort(),
      );
    });

    it(`previews ${name} on an empty cluster, where nothing that only the cluster knows is known`, async () => {
      const { resources } = await deploy(stackFile(name), { stack: name, preview: true });
      assert.equal(resources.length, golden[name]!.length);
    });
  }

  it("uses the cluster of the stack and no default provider", async () => {
    const { resources, find } = await deploy(stackFile("prod"));
    for (const { type, name, provider } of resources)
      if (/^(kubernetes|tls):/.test(type))
        assert.match(provider, /providers:(kubernetes::cluster|tls::tls)::/, `${type} ${name}`);
    assert.deepEqual(
      [find("kubernetes", "cluster").inputs["context"], find("kubernetes", "cluster").inputs["clusterIdentifier"]],
      ["prod", "prod"],
    );
    // Of a provider that was made before they were set, they alone would be an update.
    assert.deepEqual(find("kubernetes", "cluster").ignoreChanges, ["kubeClientSettings"]);
  });

  it("marks what it makes, but for the objects of somebody else, and claims the mesh before its releases", async () => {
    const settings = stackFile("prod");
    const owner = "acme/enroute-istio/prod";
    const deployed = await deploy(settings, { owner });
    const unmarked = deployed.resources.filter(({ type, inputs }) => {
      const { annotations } = (inputs["metadata"] ?? {}) as { annotations?: Record<string, string> };
      return /^kubernetes:/.test(type) && annotations?.["enroute-istio/stack"] !== owner;
    });
    assert.deepEqual(
      unmarked
        .flatMap(({ type, name }) => (type.endsWith("Release") ? [] : [`${type.split(":").pop()} ${name}`]))
        .sort(),
      ["NamespacePatch shop", "NamespacePatch shop.labels"],
    );
    assert.equal(unmarked.filter(({ type }) => type.endsWith("Release")).length, 5);
    const plain = (await deploy(settings)).names();
    assert.deepEqual(
      deployed.names().filter((name) => !plain.includes(name)),
      ["enroute-istio:mesh:MeshClaim claim", "kubernetes:core/v1:ConfigMap claim"],
    );
    for (const release of ["istio-base", "istiod", "prometheus", "enroute-istio", "kiali-server"])
      assert.ok(ancestors(deployed, "Release", release).has("ConfigMap claim"), release);
  });

  it("replaces whatever has a fixed name in the cluster by deleting first", async () => {
    const { resources } = await deploy(stackFile("staging"));
    const wrong = resources.filter(
      ({ type, deleteBeforeReplace }) => type.startsWith("kubernetes:") && !deleteBeforeReplace,
    );
    assert.deepEqual(wrong, []);
  });

  describe("orders", () => {
    let deployed: Deployed;
    before(async () => {
      const settings = stackFile("staging");
      deployed = await deploy(settings);
    });
    const webhook = ["Release istio-base", "Release istiod", "Namespace istio-system"];
    const edges: [string, string, string[]][] = [
      ["Release", "istio-base", ["Namespace istio-system"]],
      ["Release", "istiod", ["Release istio-base"]],
      ["PeerAuthentication", "mutual-tls-mesh", webhook],
      ["PeerAuthentication", "mutual-tls-shop-plain-text-legacy-metrics-b931d94d", [...webhook, "Namespace shop"]],
      [
        "Release",
        "enroute-istio",
        [...webhook, "Namespace enroute-system", "ClusterRoleBinding enroute-istio-gateway"],
      ],
      ["GlobalConfig", "mesh-global-config", ["Release enroute-istio"]],
      ["GatewayHost", "bookinfo.staging.example.com", ["Release enroute-istio", "Secret serving-certificate-bookinfo"]],
      ["Deployment", "bookinfo-productpage-v1", [...webhook, "Namespace bookinfo"]],
      ["Release", "kiali-server", [...webhook, "Secret kiali-signing-key"]],
      ["Release", "prometheus", ["Namespace istio-system"]],
      ["Secret", "serving-certificate-bookinfo", ["Namespace bookinfo"]],
    ];
    for (const [type, name, needed] of edges)
      it(`${type} ${name} after ${needed.join(", ")}`, () => {
        const found = ancestors(deployed, type, name);
        assert.deepEqual(
          needed.filter((edge) => !found.has(edge)),
          [],
        );
      });

    const apart: [string, string, string[]][] = [
      ["Release", "prometheus", ["Release istio-base", "Release istiod", "Release enroute-istio"]],
      ["Release", "kiali-server", ["Release enroute-istio", "Release prometheus"]],
      [
        "Release",
        "enroute-istio",
        ["Release kiali-server", "Release prometheus", "PeerAuthentication mutual-tls-mesh"],
      ],
      ["Secret", "serving-certificate-bookinfo", ["Release istio-base", "Release istiod", "Release enroute-istio"]],
      ["Deployment", "bookinfo-productpage-v1", ["Release enroute-istio", "PeerAuthentication mutual-tls-mesh"]],
    ];
    for (const [type, name, free] of apart)
      it(`${type} ${name} beside ${free.join(", ")}`, () => {
        const found = ancestors(deployed, type, name);
        assert.deepEqual(
          free.filter((edge) => found.has(edge)),
          [],
        );
      });
  });

  it("writes no whole component into the state of each host: what it waits for itself, and nothing behind that", async () => {
    const settings = stackFile("staging");
    const { resources } = await deploy({ ...settings, hosts: settings.hosts.concat(hostsLike(settings.hosts[0]!, 3)) });
    const hosts = resources.filter(({ type }) => type.endsWith(":GatewayHost"));
    assert.equal(hosts.length, 8);
    for (const { dependencies } of hosts) assert.ok(dependencies.length <= 2, dependencies.join("\n"));
  });

  it("keeps the order whole where optional parts are switched off", async () => {
    const { prometheus, kiali, bookinfo: sample, ...rest } = stackFile("dev");
    assert.ok(prometheus && kiali && sample);
    const existing: Settings = {
      ...rest,
      certificate: { issuer: "existingSecret", secretName: "tls", warnBefore: "1h" },
    };
    const deployed = await deploy(existing);
    const found = ancestors(deployed, "GatewayHost", "bookinfo.dev.example.com");
    for (const edge of ["Namespace bookinfo", "Release enroute-istio", "Release istiod"])
      assert.ok(found.has(edge), edge);
  });

  it("plugs the mesh's CA in before istiod starts, which would make one of its own", async () => {
    const settings = stackFile("dev");
    const ca = { issuer: "generated", validity: "8760h", caValidity: "87600h", warnBefore: "336h" } as const;
    const deployed = await deploy({ ...settings, istio: { ...settings.istio, ca } });
    const found = ancestors(deployed, "Release", "istiod");
    for (const edge of ["Secret mesh-ca", "Release istio-base"]) assert.ok(found.has(edge), edge);
    assert.ok(ancestors(deployed, "Secret", "mesh-ca").has("Namespace istio-system"));
    assert.match(await valueOf(deployed.result.meshRootCertificates!), /BEGIN CERTIFICATE/);
  });

  it("starts no gateway before istiod is ready", async () => {
    const order: string[] = [];
    let ready!: () => void;
    const held = new Promise<void>((resolve) => (ready = resolve));
    setTimeout(() => (order.push("istiod is ready"), ready()), 200);
    await deploy(stackFile("sandbox"), {
      outputs: async ({ name, type }: { name: string; type: string }) => {
        if (type.endsWith(":Release") && name === "istiod") await held;
        order.push(`${type.split(":").pop()} ${name}`);
        return {};
      },
    });
    const later = [
      "Release istiod",
      "Release enroute-istio",
      "PeerAuthentication mutual-tls-mesh",
      "Deployment bookinfo-details-v1",
    ];
    for (const one of later)
      assert.ok(order.indexOf(one) > order.indexOf("istiod is ready"), `${one}: ${order.join(", ")}`);
    assert.ok(
      order.indexOf("Release prometheus") < order.indexOf("istiod is ready"),
      "Prometheus does not wait for istiod",
    );
  });

  it("labels by the revision that the stack installs, and by another where a namespace says so", async () => {
    const settings = stackFile("dev");
    settings.istio.revision = "1-31";
    settings.namespaces.push({ name: "canary", create: true, injection: { revision: "next" } });
    const { find } = await deploy(settings);
    const labels = (name: string) =>
      (find("Namespace", name).inputs["metadata"] as { labels: Record<string, string> }).labels;
    assert.equal(labels("bookinfo")["istio.io/rev"], "1-31");
    assert.equal(labels("enroute-system")["istio.io/rev"], "1-31");
    assert.equal(labels("canary")["istio.io/rev"], "next");
    assert.ok(!("istio.io/rev" in labels("istio-system")) && !("istio-injection" in labels("bookinfo")));
  });

  it("labels by the default of several revisions, or by a tag where a namespace follows one", async () => {
    const settings = stackFile("dev");
    const { version, ...istio } = settings.istio;
    settings.istio = {
      ...istio,
      revisions: [
        { revision: "default", version: version! },
        { revision: "1-32-0", version: "1.32.0" },
      ],
      tags: { stable: "default" },
    };
    settings.gateway.namespace.injection = { revision: "stable" };
    const labelsIn = async () => {
      const { find, result } = await deploy(settings);
      const labels = (name: string) =>
        (find("Namespace", name).inputs["metadata"] as { labels: Record<string, string> }).labels;
      return [labels("bookinfo"), labels("enroute-system"), result.versions["istio"]] as const;
    };
    const [before, gateway, running] = await labelsIn();
    assert.equal(before["istio-injection"], "enabled");
    assert.equal(gateway["istio.io/rev"], "stable");
    assert.equal(running, version);
    settings.istio.defaultRevision = "1-32-0";
    const [after, , then] = await labelsIn();
    assert.deepEqual([after["istio-injection"], after["istio.io/rev"], then], [undefined, "1-32-0", "1.32.0"]);
  });

  it("starts pods after every control plane and every tag: whichever a namespace follows gives them their sidecars", async () => {
    const settings = stackFile("sandbox");
    const { version, ...istio } = settings.istio;
    settings.istio = {
      ...istio,
      revisions: [
        { revision: "old", version: version! },
        { revision: "new", version: version! },
      ],
      tags: { stable: "new" },
    };
    const deployed = await deploy(settings);
    const injectors = [
      "Release istiod-old",
      "Release istiod-new",
      "MutatingWebhookConfiguration istio-revision-tag-stable",
    ];
    for (const [type, name] of [
      ["Release", "enroute-istio"],
      ["Deployment", "bookinfo-productpage-v1"],
    ] as const) {
      const waits = ancestors(deployed, type, name);
      assert.ok(waits.size > 0, `${type} ${name}`);
      for (const injector of injectors) assert.ok(waits.has(injector), `${name} waits for ${[...waits].join(", ")}`);
    }
  });

  it("tells ports of the nodes in the place of an address, where the gateway has those", async () => {
    const settings = stackFile("dev");
    settings.gateway.service = { type: "NodePort", nodePorts: { http: 30080, https: 30443 } };
    const { result, find } = await deploy(settings);
    assert.equal(result.gatewayAddress, undefined);
    assert.ok(result.gatewayNodePorts !== undefined);
    const { service } = find("Release", "enroute-istio").inputs["values"] as { service: object };
    const port = { protocol: "TCP" };
    assert.deepEqual(service, {
      annotations: {},
      type: "NodePort",
      ports: [
        { ...port, name: "http", port: 80, targetPort: 8080, nodePort: 30080 },
        { ...port, name: "https", port: 443, targetPort: 8443, nodePort: 30443 },
      ],
    });
  });

  it("tells versions, namespaces, address, hosts, identity, CA and end of validity", async () => {
    const { result } = await deploy(stackFile("dev"));
    assert.deepEqual(result.versions, {
      istio: "1.31.0",
      enroute: "0.8.7",
      prometheus: "29.27.0",
      kiali: "2.29.0",
      bookinfo: "1.20.3",
    });
    assert.deepEqual(result.namespaces, { istio: "istio-system", gateway: "enroute-system", workloads: ["bookinfo"] });
    assert.equal(await valueOf(result.gatewayAddress!), "192.0.2.10");
    assert.deepEqual(result.hosts, ["https://bookinfo.dev.example.com"]);
    assert.equal(result.gatewayIdentity, "spiffe://cluster.local/ns/enroute-system/sa/enroute");
    assert.match((await valueOf(result.caCertificate!))!, /BEGIN CERTIFICATE/);
    assert.deepEqual(result.workloadCertificate, { ttl: "24h", outputPath: "/etc/istio-certs", maxTtl: "2160h" });
    assert.equal(result.meshRootCertificates, undefined, "istiod's own, which nobody here knows");
    assert.match((await valueOf(result.certificateEndOfValidity!))!, /^\d{4}-/);
    assert.match(result.keptOnDestroy.join(), /CustomResourceDefinitions/);
  });

  it("sends no key outside a Secret, and there only as a secret", async () => {
    const { resources } = await deploy(stackFile("sandbox"));
    for (const { type, name, wire } of resources.filter((resource) => !resource.type.startsWith("tls:"))) {
      const text = JSON.stringify(wire);
      if (!text.includes("key of ")) continue;
      assert.match(type, /:Secret$/, `${type} ${name}`);
      assert.match(text, /"stringData":\{"4dabf18193072939515e22adb298388d"/);
    }
  });
});
