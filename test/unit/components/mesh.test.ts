import assert from "node:assert/strict";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Bookinfo } from "../../../components/workload/bookinfo";
import { OnlyFromGateway } from "../../../components/workload/only-from-gateway";
import { GatewayHost } from "../../../components/gateway/gateway-host";
import { Kiali } from "../../../components/observability/kiali";
import { MeshGlobalConfig, meshGlobalConfig } from "../../../components/gateway/mesh-global-config";
import { MeshMutualTls } from "../../../components/istio/mesh-mutual-tls";
import { MeshNamespace } from "../../../components/istio/mesh-namespace";
import { injectionLabels } from "../../../mesh/injection";
import { Prometheus } from "../../../components/observability/prometheus";
import { type RunOptions, run } from "../mocks";

const deploy = (create: (opts: pulumi.ComponentResourceOptions) => unknown, options?: RunOptions) =>
  run(() => void create({ providers: [new k8s.Provider("cluster")] }), options);

describe("MeshNamespace", () => {
  it("labels for the default revision, for a revision, or not at all; never both", () => {
    assert.deepEqual(injectionLabels("enabled"), { "istio-injection": "enabled" });
    assert.deepEqual(injectionLabels({ revision: "1-31" }), { "istio.io/rev": "1-31" });
    assert.deepEqual(injectionLabels("none"), {});
  });

  it("creates a namespace with its labels and a mark that it is ours", async () => {
    const labels = { team: "shop" };
    const { find } = await deploy(
      (opts) => new MeshNamespace("shop", { name: "shop", create: true, injection: "enabled", labels }, opts),
    );
    assert.deepEqual(find("Namespace", "shop").inputs["metadata"], {
      name: "shop",
      labels: { team: "shop", "istio-injection": "enabled", "app.kubernetes.io/managed-by": "enroute-istio" },
    });
  });

  it("patches the label alone onto a namespace of somebody else", async () => {
    const { find, names } = await deploy(
      (opts) => new MeshNamespace("shop", { name: "shop", create: false, injection: "enabled" }, opts),
    );
    assert.deepEqual(find("NamespacePatch", "shop").inputs["metadata"], {
      name: "shop",
      labels: { "istio-injection": "enabled" },
    });
    assert.ok(!names().includes("kubernetes:core/v1:Namespace shop"));
  });

  it("is changed by a patch alone, as the field manager that made it: an update would take the labels of others away", async () => {
    const outputs = ({ name }: { name: string }) => ({ __fieldManager: `manager of ${name}` });
    for (const [create, type, mark] of [
      [true, "Namespace", { "app.kubernetes.io/managed-by": "enroute-istio" }],
      ["adopt", "Namespace", { "app.kubernetes.io/managed-by": "enroute-istio" }],
      [false, "NamespacePatch", {}],
    ] as const) {
      const { find } = await deploy(
        (opts) => new MeshNamespace("shop", { name: "shop", create, injection: "enabled" }, opts),
        { outputs },
      );
      assert.deepEqual(find(type, "shop").ignoreChanges, ["metadata.labels", "metadata.annotations"]);
      const { inputs, ignoreChanges, retainOnDelete } = find("NamespacePatch", "shop.labels");
      assert.deepEqual([ignoreChanges, retainOnDelete], [[], true]);
      assert.deepEqual(inputs["metadata"], {
        name: "shop",
        labels: { "istio-injection": "enabled", ...mark },
        annotations: { "pulumi.com/patchFieldManager": "manager of shop" },
      });
    }
  });

  it("is one resource whether it creates or patches: a change is an update, which deletes nothing", async () => {
    for (const [create, type, former] of [
      [true, "Namespace", "NamespacePatch"],
      ["adopt", "Namespace", "NamespacePatch"],
      [false, "NamespacePatch", "Namespace"],
    ] as const) {
      const { find } = await deploy(
        (opts) => new MeshNamespace("shop", { name: "shop", create, injection: "enabled" }, opts),
      );
      assert.deepEqual(find(type, "shop").formerTypes, [`kubernetes:core/v1:${former}`], String(create));
    }
  });
});

describe("MeshMutualTls", () => {
  const declared = { reason: "probe", owner: "team-a", until: "2027-03-31" };

  it("makes the one mesh-wide STRICT policy, named default, in the root namespace", async () => {
    const { find, names } = await deploy(
      (opts) => new MeshMutualTls("mutual-tls", { rootNamespace: "istio-system" }, opts),
    );
    assert.equal(names().filter((name) => name.includes("PeerAuthentication")).length, 1);
    const { inputs, type } = find("PeerAuthentication", "mutual-tls-mesh");
    assert.equal(type, "kubernetes:security.istio.io/v1:PeerAuthentication");
    assert.deepEqual(inputs["spec"], { mtls: { mode: "STRICT" } });
    const { name, namespace } = inputs["metadata"] as Record<string, string>;
    assert.deepEqual([name, namespace], ["default", "istio-system"]);
  });

  it("makes a policy for each exception, with its reason, owner and end on it", async () => {
    const exceptions = [
      { namespace: "shop", workload: { app: "api" }, ports: [80], mode: "PERMISSIVE" as const, ...declared },
    ];
    const { resources } = await deploy(
      (opts) => new MeshMutualTls("mutual-tls", { rootNamespace: "istio-system", exceptions }, opts),
    );
    const policy = resources.find(({ name }) => name.startsWith("mutual-tls-shop-plain-text-api-"))!;
    assert.deepEqual((policy.inputs["metadata"] as { annotations: object }).annotations, {
      "enroute-istio/reason": "probe",
      "enroute-istio/owner": "team-a",
      "enroute-istio/until": "2027-03-31",
    });
  });

  it("refuses an exception that Istio would ignore", async () => {
    const exceptions = [{ namespace: "shop", ports: [80], mode: "PERMISSIVE" as const, ...declared }];
    await assert.rejects(
      deploy((opts) => new MeshMutualTls("mutual-tls", { rootNamespace: "istio-system", exceptions }, opts)),
      /exceptions\[0\]\n.*\n +allowed: ports need a workload/,
    );
  });
});

describe("MeshGlobalConfig", () => {
  it("is valid JSON with sorted keys that turns Istio on and Linkerd off", async () => {
    const text = meshGlobalConfig();
    const keys = Object.keys(JSON.parse(text) as object);
    assert.deepEqual(keys, [...keys].sort());
    assert.match(text, /"istio_enabled":true.*"linkerd_enabled":false/);
    const { find } = await deploy((opts) => new MeshGlobalConfig("mesh", { namespace: "edge" }, opts));
    const { inputs } = find("GlobalConfig", "mesh");
    assert.deepEqual(inputs["spec"], { name: "mesh", type: "globalconfig_globals", config: text });
    assert.deepEqual(inputs["metadata"], { name: "mesh", namespace: "edge" });
  });
});

describe("GatewayHost", () => {
  it("serves a host over TLS 1.2 or later, with its routes in order", async () => {
    const routes = [
      { prefix: "/api", service: "api", port: 8080 },
      { service: "web", port: 80 },
    ];
    const args = { host: "shop.example.com", namespace: "shop", tlsSecretName: "tls", routes };
    const { resources } = await deploy((opts) => new GatewayHost("shop.example.com", args, opts));
    const { inputs, type } = resources.find(({ type }) => type.startsWith("kubernetes:"))!;
    assert.equal(type, "kubernetes:enroute.saaras.io/v1:GatewayHost");
    assert.deepEqual(inputs["metadata"], { name: "shop.example.com", namespace: "shop" });
    assert.deepEqual(inputs["spec"], {
      virtualhost: { fqdn: "shop.example.com", tls: { secretName: "tls", minimumProtocolVersion: "1.2" } },
      routes: [
        { conditions: [{ prefix: "/api" }], services: [{ name: "api", port: 8080 }] },
        { conditions: [{ prefix: "/" }], services: [{ name: "web", port: 80 }] },
      ],
    });
  });

  it("refuses two routes with one prefix, of which EnRoute would drop one", async () => {
    const routes = [
      { service: "web", port: 80 },
      { prefix: "/", service: "api", port: 8080 },
    ];
    const args = { host: "shop.example.com", namespace: "shop", tlsSecretName: "tls", routes };
    await assert.rejects(
      deploy((opts) => new GatewayHost("shop.example.com", args, opts)),
      /routes\[1\]\.prefix\n.*\n +allowed: each prefix once.*routes\[0\] has it already/,
    );
  });
});

describe("Prometheus", () => {
  it("installs the server alone, without a volume unless a size is given", async () => {
    const source = { version: "1.2.3", chartRepository: "https://charts.example.com", namespace: "istio-system" };
    const { find } = await deploy((opts) => new Prometheus("prometheus", source, opts));
    assert.deepEqual(find("Release", "prometheus").inputs["values"], {
      server: { retention: "15d", persistentVolume: { enabled: false } },
      alertmanager: { enabled: false },
      "kube-state-metrics": { enabled: false },
      "prometheus-node-exporter": { enabled: false },
      "prometheus-pushgateway": { enabled: false },
    });
    const stored = await deploy(
      (opts) => new Prometheus("prometheus", { ...source, storage: "20Gi", retention: "30d" }, opts),
    );
    const { server } = stored.find("Release", "prometheus").inputs["values"] as { server: object };
    assert.deepEqual(server, { retention: "30d", persistentVolume: { enabled: true, size: "20Gi" } });
  });
});

describe("Kiali", () => {
  const args = {
    version: "2.29.0",
    chartRepository: "https://charts.example.com",
    namespace: "istio-system",
    prometheusUrl: "http://prometheus-server.istio-system",
  };

  it("asks for a token, changes nothing in the cluster, and knows Prometheus and the root namespace", async () => {
    const { find } = await deploy((opts) => new Kiali("kiali", args, opts));
    const values = find("Release", "kiali-server").inputs["values"] as Record<string, Record<string, unknown>>;
    assert.equal(values["auth"]!["strategy"], "token");
    assert.equal(values["deployment"]!["view_only_mode"], true);
    assert.deepEqual(values["external_services"]!["prometheus"], { url: args.prometheusUrl });
    assert.deepEqual(values["external_services"]!["istio"], { root_namespace: "istio-system" });
  });

  it("keeps its signing key in a Secret: 32 bytes, the same at every run, and never in Helm values", async () => {
    const keys: string[] = [];
    for (let round = 0; round < 2; round++) {
      const { find } = await deploy((opts) => new Kiali("kiali", args, opts));
      const data = JSON.stringify(find("Secret", "kiali-signing-key").wire["stringData"]);
      assert.match(data, /4dabf18193072939515e22adb298388d/, "a secret on the wire");
      const key = /"signing-key":"([\w-]+)"|"value":"([\w-]{32})"/.exec(data)!;
      keys.push((key[1] ?? key[2])!);
      const release = find("Release", "kiali-server");
      assert.ok(!JSON.stringify(release.wire).includes(keys[0]!));
      assert.match(JSON.stringify(release.wire), /"secret:kiali-signing-key:signing-key"/);
      assert.match(release.dependencies.join(), /Secret::kiali-signing-key/);
    }
    assert.equal(keys[0]!.length, 32);
    assert.equal(keys[0], keys[1]);
  });
});

describe("Bookinfo", () => {
  it("runs the six versions of four services, from the registry that is not being switched off", async () => {
    const { resources, find } = await deploy(
      (opts) => new Bookinfo("bookinfo", { namespace: "demo", version: "1.20.3" }, opts),
    );
    const images = resources
      .filter(({ type }) => type.endsWith(":Deployment"))
      .map(
        ({ inputs }) =>
          (inputs["spec"] as { template: { spec: { containers: [{ image: string }] } } }).template.spec.containers[0]
            .image,
      );
    assert.deepEqual(
      images.sort(),
      ["details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"].map(
        (app) => `docker.io/istio/examples-bookinfo-${app}:1.20.3`,
      ),
    );
    const { spec } = find("Service", "bookinfo-productpage").inputs as { spec: object };
    assert.deepEqual(spec, { selector: { app: "productpage" }, ports: [{ name: "http", port: 9080 }] });
  });
});

describe("OnlyFromGateway", () => {
  const identity = "spiffe://cluster.local/ns/enroute-system/sa/enroute";
  const deployFor = (gatewayIdentity: pulumi.Input<string>) =>
    deploy((opts) => new OnlyFromGateway("shop", { namespace: "shop", gatewayIdentity }, opts));

  it("lets the gateway's identity through, known now or later, and nobody else's", async () => {
    for (const given of [identity, pulumi.output(identity)]) {
      const { resources } = await deployFor(given);
      const { inputs } = resources.find(({ type }) => type.endsWith(":AuthorizationPolicy"))!;
      const principals = ["cluster.local/ns/enroute-system/sa/enroute"];
      assert.deepEqual(inputs["spec"], { action: "ALLOW", rules: [{ from: [{ source: { principals } }] }] });
    }
  });

  it("refuses what is not one identity", async () => {
    for (const wrong of ["cluster.local/ns/a/sa/b", "spiffe://cluster.local/ns/*/sa/b", "*", ""])
      await assert.rejects(deployFor(wrong), /gatewayIdentity\n.*\n +allowed: an identity such as spiffe:/, wrong);
  });
});
