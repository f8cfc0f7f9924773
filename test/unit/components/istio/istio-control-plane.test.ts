import assert from "node:assert/strict";
import * as k8s from "@pulumi/kubernetes";
import { IstioControlPlane } from "../../../../components/istio/istio-control-plane";
import { baseValues, istiodValues } from "../../../../mesh/istio-values";
import type { tagWebhook } from "../../../../mesh/revision-tags";
import { run } from "../../mocks";

const source = { version: "1.31.0", chartRepository: "https://charts.example.com" };
const args = {
  profile: "standard",
  hub: "docker.io/istio",
  tag: "1.31.0",
  namespace: "istio-system",
  trustDomain: "cluster.local",
} as const;

describe("istiodValues", () => {
  it("gives the standard profile the chart's own sizes, and always our registry, root namespace and trust domain", () => {
    assert.deepEqual(istiodValues(args), {
      global: { istioNamespace: "istio-system", hub: "docker.io/istio", tag: "1.31.0" },
      defaultRevision: "default",
      meshConfig: { trustDomain: "cluster.local", rootNamespace: "istio-system", enablePrometheusMerge: true },
    });
  });

  it("keeps the small profile to one istiod without autoscaling", () => {
    const values = istiodValues({ ...args, profile: "small" });
    assert.deepEqual([values["autoscaleEnabled"], values["replicaCount"]], [false, 1]);
  });

  it("gives the ha profile two istiods or more, a disruption budget, and spreads them over nodes and zones", () => {
    const values = istiodValues({ ...args, profile: "ha" });
    assert.deepEqual(
      [values["autoscaleEnabled"], values["autoscaleMin"], values["pdb"]],
      [true, 2, { maxUnavailable: 1 }],
    );
    assert.deepEqual(
      (values["topologySpreadConstraints"] as { topologyKey: string }[]).map(({ topologyKey }) => topologyKey),
      ["kubernetes.io/hostname", "topology.kubernetes.io/zone"],
    );
  });

  it("names the revision in both charts", () => {
    const revised = { ...args, revision: "1-31" };
    assert.equal(istiodValues(revised)["revision"], "1-31");
    assert.equal(istiodValues(revised)["defaultRevision"], "1-31");
    assert.equal(baseValues(revised)["defaultRevision"], "1-31");
    assert.ok(!("revision" in istiodValues(args)));
  });

  it("lets the mesh configuration add to and override ours", () => {
    const values = istiodValues({
      ...args,
      meshConfig: { accessLogFile: "/dev/stdout", enablePrometheusMerge: false },
    });
    assert.deepEqual(values["meshConfig"], {
      trustDomain: "cluster.local",
      rootNamespace: "istio-system",
      enablePrometheusMerge: false,
      accessLogFile: "/dev/stdout",
    });
  });
});

describe("IstioControlPlane", () => {
  it("accepts earlier trust domains, and restarts istiod with the CA that it is to load", async () => {
    const { find } = await deploy({ trustDomainAliases: ["old.example"], authorityFingerprint: "abc" });
    const values = find("Release", "istiod").inputs["values"] as {
      meshConfig: { trustDomainAliases: string[] };
      podAnnotations: object;
    };
    assert.deepEqual(values.meshConfig.trustDomainAliases, ["old.example"]);
    assert.deepEqual(values.podAnnotations, { "enroute-istio/certificate-authority": "abc" });
  });

  const deploy = (more: object = {}) =>
    run(() => {
      const cluster = new k8s.Provider("cluster");
      new IstioControlPlane("istio", { ...source, namespace: "istio-system", ...more }, { providers: [cluster] });
    });

  it("installs istio-base, then istiod, each under its fixed name, version, repository and namespace", async () => {
    const { find, names } = await deploy();
    assert.deepEqual(names(), [
      "enroute-istio:istio:IstioControlPlane istio",
      "kubernetes:helm.sh/v3:Release istio-base",
      "kubernetes:helm.sh/v3:Release istiod",
      "pulumi:providers:kubernetes cluster",
    ]);
    for (const [name, chart] of [
      ["istio-base", "base"],
      ["istiod", "istiod"],
    ] as const) {
      const { inputs, parent, deleteBeforeReplace, ignoreChanges } = find("Release", name);
      assert.deepEqual(
        [
          inputs["name"],
          inputs["chart"],
          inputs["version"],
          inputs["namespace"],
          inputs["timeout"],
          inputs["repositoryOpts"],
        ],
        [name, chart, "1.31.0", "istio-system", 300, { repo: "https://charts.example.com" }],
      );
      // Istio's custom resources depend on an awaited istiod. A base that waited once stays as it is: a difference would be an upgrade.
      assert.deepEqual(
        [inputs["skipAwait"], ignoreChanges],
        name === "istiod" ? [undefined, []] : [true, ["skipAwait"]],
      );
      assert.ok(!inputs["atomic"], "a roll-back would take an upgrade of the CRDs back");
      assert.match(parent, /IstioControlPlane::istio$/);
      assert.equal(deleteBeforeReplace, true);
    }
    assert.match(find("Release", "istiod").dependencies.join(), /Release::istio-base/);
  });

  it("holds istiod back until istio-base is there", async () => {
    const order: string[] = [];
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    await run(
      () => {
        const cluster = new k8s.Provider("cluster");
        new IstioControlPlane("istio", { ...source, namespace: "istio-system" }, { providers: [cluster] });
        setImmediate(() => setImmediate(() => (order.push("released"), release())));
      },
      {
        outputs: async ({ name }) => {
          if (name === "istio-base") await held;
          order.push(name);
          return {};
        },
      },
    );
    assert.ok(order.indexOf("istio-base") > order.indexOf("released"));
    assert.ok(order.indexOf("istiod") > order.indexOf("istio-base"), order.join());
  });

  it("merges extra values last, and hands the base chart only those that it reads", async () => {
    const values = {
      resources: null,
      env: { A: "1" },
      base: { validationURL: "https://x" },
      meshConfig: { accessLogFile: "/dev/stdout" },
    };
    const { find } = await deploy({ profile: "small", values });
    const istiod = find("Release", "istiod").inputs["values"] as Record<string, unknown>;
    assert.ok(!("resources" in istiod));
    assert.deepEqual(
      [istiod["env"], (istiod["meshConfig"] as { accessLogFile: string }).accessLogFile],
      [{ A: "1" }, "/dev/stdout"],
    );
    assert.deepEqual(find("Release", "istio-base").inputs["values"], {
      global: { istioNamespace: "istio-system" },
      defaultRevision: "default",
      base: { validationURL: "https://x" },
    });
  });

  describe("with several revisions", () => {
    const two = {
      version: undefined,
      revisions: [
        { revision: "default", version: "1.31.0" },
        { revision: "1-32-0", version: "1.32.0" },
      ],
    };
    const revised = async (more: object = {}) => {
      const { version, ...rest } = source;
      assert.equal(version, "1.31.0");
      return run(() => {
        const cluster = new k8s.Provider("cluster");
        const args = { ...rest, namespace: "istio-system", revisions: two.revisions, ...more };
        new IstioControlPlane("istio", args, { providers: [cluster] });
      });
    };

    it("installs the kinds once, at the newest version, and a release for each; that of today keeps its name", async () => {
      const { names, find } = await revised({ tags: { stable: "default" } });
      assert.deepEqual(names(), [
        "enroute-istio:istio:IstioControlPlane istio",
        "kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfiguration istio-revision-tag-stable",
        "kubernetes:helm.sh/v3:Release istio-base",
        "kubernetes:helm.sh/v3:Release istiod",
        "kubernetes:helm.sh/v3:Release istiod-1-32-0",
        "pulumi:providers:kubernetes cluster",
      ]);
      const values = (name: string) => find("Release", name).inputs["values"] as Record<string, unknown>;
      const of = (name: string) => [find("Release", name).inputs["version"], values(name)["revision"]];
      assert.deepEqual(of("istio-base"), ["1.32.0", undefined]);
      assert.deepEqual(of("istiod"), ["1.31.0", undefined]);
      assert.deepEqual(of("istiod-1-32-0"), ["1.32.0", "1-32-0"]);
      assert.deepEqual((values("istiod-1-32-0")["global"] as { tag: string }).tag, "1.32.0");
      for (const name of ["istio-base", "istiod", "istiod-1-32-0"])
        assert.equal(values(name)["defaultRevision"], "default", "each says who checks Istio's objects");
      for (const name of ["istiod", "istiod-1-32-0"])
        assert.match(find("Release", name).dependencies.join(), /Release::istio-base/);
    });

    it("has the API server ask the default revision", async () => {
      const { find } = await revised({ defaultRevision: "1-32-0" });
      const { values } = find("Release", "istio-base").inputs as { values: Record<string, unknown> };
      assert.equal(values["defaultRevision"], "1-32-0");
    });

    it("makes a tag as the chart istiod and istioctl do, after what it points to", async () => {
      const { find } = await revised({ tags: { stable: "1-32-0", default: "1-32-0" }, revisions: [two.revisions[1]] });
      const tag = find("MutatingWebhookConfiguration", "istio-revision-tag-stable");
      assert.match(tag.dependencies.join(), /Release::istiod-1-32-0/);
      const { metadata, webhooks } = tag.inputs as unknown as ReturnType<typeof tagWebhook>;
      assert.deepEqual(metadata.labels, {
        "istio.io/tag": "stable",
        "istio.io/rev": "1-32-0",
        app: "sidecar-injector",
      });
      assert.deepEqual(
        webhooks.map(({ name, clientConfig: { service } }) => [name, service.name]),
        [
          ["rev.namespace.sidecar-injector.istio.io", "istiod-1-32-0"],
          ["rev.object.sidecar-injector.istio.io", "istiod-1-32-0"],
        ],
      );
      const all = find("MutatingWebhookConfiguration", "istio-revision-tag-default").inputs["webhooks"];
      assert.equal((all as object[]).length, 4, "the tag default serves istio-injection=enabled");
    });

    it("keeps the names that two meshes have in one program apart", async () => {
      const { names } = await run(() => {
        const cluster = new k8s.Provider("cluster");
        const { version: _, ...rest } = source;
        const args = { ...rest, namespace: "mesh-two", revisions: two.revisions, tags: { stable: "default" } };
        new IstioControlPlane("two", args, { providers: [cluster] });
      });
      const tag = names().find((name) => name.includes("MutatingWebhook"));
      assert.match(tag!, / two-istio-revision-tag-stable$/);
    });

    it("refuses what cannot be", () =>
      assert.rejects(
        revised({ version: "1.31.0", tags: { stable: "x" } }),
        /nothing beside revisions[^]*|tags\.stable/,
      ));
  });

  const owned: [args: object, expected: RegExp][] = [
    [
      { meshConfig: { trustDomain: "x.y" } },
      /values\.meshConfig\.trustDomain\n +found: +"x\.y"\n +allowed: "cluster\.local", as trustDomain decides/,
    ],
    [
      { values: { pilot: { meshConfig: { rootNamespace: "x" } } } },
      /values\.meshConfig\.rootNamespace\n +found: +"x"\n +allowed: "istio-system", as namespace decides/,
    ],
    [{ values: { global: { tag: "1.30.0" } } }, /values\.global\.tag\n +found: +"1\.30\.0"\n +allowed: "1\.31\.0"/],
    [
      { authorityFingerprint: "f", values: { podAnnotations: null } },
      /certificate-authority"\] is taken away|podAnnotations/,
    ],
  ];
  for (const [args, expected] of owned)
    it(`refuses values that its arguments decide: ${JSON.stringify(args)}`, () =>
      assert.rejects(deploy(args), expected));
});
