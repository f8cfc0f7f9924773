import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "../../sandbox/cluster";
import { pulumi, run, sharedSandbox, succeed } from "./sandbox-fixture";
import { editStack, makeStack } from "./stacks";

type Config = Record<string, unknown>;
const section = (config: Config, key: string) => config[key] as Config;
const root = join(__dirname, "../..");
const stack = "ownership";

const without = (all: Record<string, string> = {}, ...keys: string[]) =>
  Object.fromEntries(Object.entries(all).filter(([key]) => !keys.includes(key)));

/** What a stack must not touch, as the cluster has it: byte for byte, with its version, so that no write goes unseen. */
interface Kept {
  path: string;
  text: string;
}

describe("what is not the stack's", function () {
  this.timeout(300_000);
  let sandbox: Sandbox;

  const engine = async (args: string[], name = stack) => {
    const { code, stdout, stderr } = await pulumi([...args, "--stack", name]);
    return { code, text: stdout + stderr };
  };
  const preview = (name?: string) => engine(["preview"], name);
  const up = (name?: string) => engine(["up", "--yes", "--skip-preview"], name);
  const destroy = (name?: string) => engine(["destroy", "--yes", "--skip-preview"], name);
  const passes = async (ended: Promise<{ code: number | null; text: string }>): Promise<string> => {
    const { code, text } = await ended;
    assert.equal(code, 0, text);
    return text;
  };
  const cli = (command: string, more: string[] = [], name = stack) =>
    run(process.execPath, [
      join(root, "node_modules/tsx/dist/cli.mjs"),
      join(root, "cli/main.ts"),
      ...[command, "--stack", name, ...more],
    ]);
  const recover = (more: string[], name?: string) => cli("recover", more, name);
  const kubectl = (...args: string[]) => succeed("kubectl", args);
  const apply = async (object: object) => {
    const file = `${sandbox.folder}/foreign.json`;
    writeFileSync(file, JSON.stringify(object));
    await kubectl("create", "--filename", file);
  };
  const keep = async (...paths: string[]): Promise<Kept[]> =>
    Promise.all(paths.map(async (path) => ({ path, text: await kubectl("get", "--raw", path) })));
  const unchanged = async (kept: Kept[]) => {
    for (const { path, text } of kept) assert.equal(await kubectl("get", "--raw", path), text, path);
  };
  /** The little rollout: the mesh, the gateway, one namespace. */
  const small = (config: Config) => {
    for (const key of ["prometheus", "kiali", "bookinfo"]) delete config[key];
  };

  before(async function () {
    this.timeout(0);
    sandbox = await sharedSandbox();
    await makeStack(stack, small);
  });

  describe("under the names of an empty stack", () => {
    const cluster = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    const paths = [
      `${cluster}/istiod-clusterrole-istio-system`,
      `${cluster}/enroute-istio-status`,
      `${cluster}/enroute`,
      "/api/v1/namespaces/istio-system/serviceaccounts/istiod",
      "/api/v1/namespaces/istio-system/configmaps/istio",
      "/api/v1/namespaces/bookinfo/secrets/gateway-serving-certificate",
      `${cluster}/prometheus-server`,
      "/api/v1/namespaces/istio-system/serviceaccounts/prometheus-server",
      `${cluster}/kiali-viewer`,
      "/api/v1/namespaces/istio-system/serviceaccounts/kiali",
      "/api/v1/namespaces/istio-system/configmaps/kiali",
    ];
    let kept: Kept[];
    before(async () => {
      const helm = (name: string) => ({
        labels: { "app.kubernetes.io/managed-by": "Helm" },
        annotations: { "meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": "istio-system" },
      });
      const role = (name: string, metadata = {}) => ({
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name, ...metadata },
      });
      for (const namespace of ["istio-system", "enroute-system", "bookinfo"])
        await kubectl("create", "namespace", namespace);
      await apply(role("istiod-clusterrole-istio-system", helm("old-istio")));
      await apply(role("enroute-istio-status"));
      await apply(role("enroute"));
      await kubectl("create", "serviceaccount", "istiod", "-n", "istio-system");
      await kubectl("create", "configmap", "istio", "-n", "istio-system", "--from-literal=mesh={}");
      await kubectl(
        "create",
        "secret",
        "generic",
        "gateway-serving-certificate",
        "-n",
        "bookinfo",
        "--from-literal=a=b",
      );
      // As kubectl leaves them: of samples/addons, or of a release whose records are gone.
      await apply(role("prometheus-server"));
      await apply(role("kiali-viewer", helm("old-kiali")));
      for (const name of ["prometheus-server", "kiali"])
        await kubectl("create", "serviceaccount", name, "-n", "istio-system");
      await kubectl("create", "configmap", "kiali", "-n", "istio-system", "--from-literal=config.yaml={}");
      await editStack(
        stack,
        (config) => {
          delete config["bookinfo"];
          section(config, "istio")["namespace"] = { create: false };
          section(config, "gateway")["namespace"] = { create: false };
          config["namespaces"] = [{ name: "bookinfo", create: false }];
        },
        "sandbox",
      );
      kept = await keep(...paths);
    });
    after(async () => {
      await kubectl("delete", "namespace", "istio-system", "enroute-system", "bookinfo");
      const roles = [
        "istiod-clusterrole-istio-system",
        "enroute-istio-status",
        "enroute",
        "prometheus-server",
        "kiali-viewer",
      ];
      await kubectl("delete", "clusterrole", ...roles);
      await editStack(stack, small, "sandbox");
    });

    for (const [what, operation] of [
      ["a preview", preview],
      ["an update", up],
    ] as const)
      it(`is named by ${what}, all at once and with ways out, and stays as it is`, async () => {
        const { code, text } = await operation();
        assert.notEqual(code, 0, text);
        for (const name of [
          /ClusterRole istiod-clusterrole-istio-system belongs to Helm release istio-system\/old-istio/,
          /ClusterRole enroute-istio-status[^\n]* not this stack's: the stack would overwrite/,
          /ClusterRole enroute [^\n]*Helm refuses to install over/,
          /ServiceAccount istio-system\/istiod/,
          /ConfigMap istio-system\/istio[, ]/,
          /Secret bookinfo\/gateway-serving-certificate/,
          /ClusterRole prometheus-server/,
          /ServiceAccount istio-system\/prometheus-server/,
          /ClusterRole kiali-viewer belongs to Helm release istio-system\/old-kiali/,
          /ServiceAccount istio-system\/kiali/,
          /ConfigMap istio-system\/kiali/,
          /kubectl delete secret gateway-serving-certificate -n bookinfo/,
          /gateway-serving-certificate[^\n]* cannot become this stack's: type is Opaque, and would be kubernetes\.io\/tls/,
          /kubectl annotate clusterrole\.\S+ enroute-istio-status enroute-istio\/stack=organization/,
        ])
          assert.match(text, name);
        assert.doesNotMatch(text, /kubectl annotate secret/);
        assert.match(text, /nothing was changed/);
        await unchanged(kept);
      });
  });

  describe("beside a stack that is rolled out", () => {
    before(() => passes(up()));

    it("stays in a namespace that is handed over, until it is taken over where that is said", async () => {
      await kubectl("create", "configmap", "foreign", "-n", "bookinfo", "--from-literal=a=b");
      const kept = await keep("/api/v1/namespaces/bookinfo/configmaps/foreign");
      const uids = async () =>
        Promise.all(
          ["bookinfo", "enroute-system", "istio-system"].map((name) =>
            kubectl("get", "namespace", name, "--output", "jsonpath={.metadata.uid}"),
          ),
        );
      const before = await uids();
      const change = (create: boolean | string) =>
        editStack(stack, (config) => {
          section(config, "istio")["namespace"] = { create };
          section(config, "gateway")["namespace"] = { create };
          config["namespaces"] = [{ name: "bookinfo", create }];
        });
      await change(false);
      const said = await passes(preview());
      assert.match(said, /namespace bookinfo is handed over/);
      assert.doesNotMatch(said, /to delete|to replace/);
      await passes(up());
      await unchanged(kept);
      assert.deepEqual(await uids(), before);
      assert.match(await passes(up()), /Resources:\s+\d+ unchanged/);
      await change(true);
      const refused = await up();
      assert.notEqual(refused.code, 0);
      assert.match(refused.text, /namespace bookinfo exists already[^]*or to adopt/);
      await change("adopt");
      assert.match(await passes(up()), /namespace bookinfo exists and is taken over/);
      await unchanged(kept);
      assert.deepEqual(await uids(), before);
      await change(true);
      assert.match(await passes(up()), /Resources:\s+\d+ unchanged/);
    });

    it("is labels and annotations of others on a namespace, whatever the stack changes of its own", async () => {
      const names = { bookinfo: true, taken: "adopt", lent: false } as const;
      const of = async (name: string) => {
        const { metadata } = JSON.parse(await kubectl("get", "namespace", name, "--output", "json")) as {
          metadata: Record<"labels" | "annotations", Record<string, string> | undefined>;
        };
        // What the stack itself sets: the two marks, and the provider's word for its field manager.
        return {
          labels: without(metadata.labels, "app.kubernetes.io/managed-by"),
          annotations: without(metadata.annotations, "enroute-istio/stack", "pulumi.com/patchFieldManager"),
        };
      };
      const change = (labels: Record<string, string>, lent: boolean | string = false) =>
        editStack(stack, (config) => {
          config["namespaces"] = Object.entries({ ...names, lent }).map(([name, create]) => ({ name, create, labels }));
        });
      for (const name of ["taken", "lent"]) await kubectl("create", "namespace", name);
      await change({ first: "a" });
      await passes(up());
      const file = `${sandbox.folder}/namespace.json`;
      for (const name of Object.keys(names)) {
        const manifest = (labels: object) =>
          writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } }));
        await kubectl("label", "namespace", name, "team=x", "pod-security.kubernetes.io/warn=baseline");
        await kubectl("annotate", "namespace", name, "who=me");
        manifest({ applied: "y" });
        await kubectl("apply", "--filename", file);
        manifest({ served: "z" });
        await kubectl("apply", "--server-side", "--field-manager", "theirs", "--filename", file);
      }
      const before = Object.fromEntries(
        await Promise.all(Object.keys(names).map(async (name) => [name, await of(name)] as const)),
      );
      assert.match(JSON.stringify(before["lent"]), /"team":"x".*"who":"me"/);
      for (const [labels, lent] of [
        [{ second: "b" }, "adopt"],
        [{ first: "c", second: "d" }, "adopt"],
        [{ first: "a" }, false],
      ] as const) {
        await change(labels, lent);
        assert.doesNotMatch(await passes(up()), /deleted|replaced/);
        for (const [name, was] of Object.entries(before)) {
          const kept = { ...was, labels: { ...without(was.labels, "first"), ...labels } };
          assert.deepEqual(await of(name), kept, `${name} ${lent}`);
        }
      }
      await editStack(stack, (config) => (config["namespaces"] = [{ name: "bookinfo" }]));
      await passes(up());
      const lent = before["lent"]!;
      assert.deepEqual(await of("lent"), { ...lent, labels: without(lent.labels, "first", "istio-injection") });
      assert.equal(await kubectl("get", "namespace", "taken", "--ignore-not-found"), "");
      await kubectl("delete", "namespace", "lent");
    });

    it("is another stack's claim: it refuses a second stack, whose destroy takes nothing of the first", async () => {
      const paths = [
        "/api/v1/namespaces/bookinfo",
        "/api/v1/namespaces/istio-system",
        "/apis/security.istio.io/v1/namespaces/istio-system/peerauthentications/default",
        "/apis/enroute.saaras.io/v1/namespaces/bookinfo/gatewayhosts/bookinfo.sandbox.example",
        "/api/v1/namespaces/bookinfo/secrets/gateway-serving-certificate",
        "/api/v1/namespaces/istio-system/secrets/sh.helm.release.v1.istiod.v1",
      ];
      const kept = await keep(...paths);
      await makeStack("second", small);
      const refused = await up("second");
      assert.notEqual(refused.code, 0);
      assert.match(
        refused.text,
        /belongs to stack organization\/enroute-istio\/ownership: two stacks never hold one mesh/,
      );
      const recovered = await recover(["--yes", "--adopt", "istio-system/istiod"], "second");
      assert.equal(recovered.code, 1, recovered.stdout + recovered.stderr);
      assert.match(
        recovered.stdout,
        /istio-system\/istiod is deployed, and belongs to stack organization\/enroute-istio\/ownership,[^]*takeOverFrom' organization\/enroute-istio\/ownership/,
      );
      assert.doesNotMatch(recovered.stdout, /Helm forgets|--adopt/);
      await unchanged(kept);
      await passes(destroy("second"));
      await unchanged(kept);
      await succeed("pulumi", ["stack", "rm", "second", "--yes", "--non-interactive"]);
    });

    it("is never what the stack itself has under a namespace's earlier name", async () => {
      let former: Config = {};
      await editStack(stack, (config) => {
        former = section(config, "gateway");
        config["gateway"] = { ...former, namespace: { name: "gw2" } };
      });
      const { code, text } = await preview();
      assert.notEqual(code, 0, text);
      assert.match(
        text,
        /enroute-system\/enroute-istio is this stack's own, and gateway\.namespace\.name would move it to gw2/,
      );
      const { stdout, stderr } = await cli("preflight");
      assert.match(stdout + stderr, /if this is that stack, set the name back/);
      assert.doesNotMatch(text + stdout + stderr, /helm uninstall|kubectl delete/);
      await editStack(stack, (config) => (config["gateway"] = former));
    });

    it("is a GatewayHost of the same host in any spelling, and a GlobalConfig of the same type", async () => {
      const group = { apiVersion: "enroute.saaras.io/v1" };
      const host = (name: string, fqdn: string) => ({
        ...group,
        kind: "GatewayHost",
        metadata: { name, namespace: "default" },
        spec: {
          virtualhost: { fqdn },
          routes: [{ conditions: [{ prefix: "/" }], services: [{ name: "a", port: 80 }] }],
        },
      });
      await apply(host("same", "bookinfo.sandbox.example"));
      await apply(host("spelled", "Bookinfo.Sandbox.Example"));
      await apply({
        ...group,
        kind: "GlobalConfig",
        metadata: { name: "theirs", namespace: "default" },
        spec: { name: "theirs", type: "globalconfig_globals", config: "{}" },
      });
      const kept = await keep(
        ...["gatewayhosts/same", "gatewayhosts/spelled", "globalconfigs/theirs"].map(
          (path) => `/apis/enroute.saaras.io/v1/namespaces/default/${path}`,
        ),
      );
      try {
        const { code, text } = await preview();
        assert.notEqual(code, 0, text);
        assert.match(text, /GatewayHost default\/same claims bookinfo\.sandbox\.example[^\n]*would serve neither/);
        assert.match(text, /GatewayHost default\/spelled claims Bookinfo\.Sandbox\.Example[^\n]*refuses every host/);
        assert.match(text, /GlobalConfig default\/theirs/);
        await unchanged(kept);
      } finally {
        await kubectl("delete", "gatewayhosts.enroute.saaras.io", "same", "spelled", "-n", "default");
        await kubectl("delete", "globalconfigs.enroute.saaras.io", "theirs", "-n", "default");
      }
      await passes(preview());
    });

    it("leaves each of two hosts of similar names its own object", async () => {
      const add = (...hosts: string[]) =>
        editStack(stack, (config) => {
          const [first] = config["hosts"] as { host: string }[];
          config["hosts"] = [first, ...hosts.map((host) => ({ ...first, host }))];
        });
      await add("a-b.sandbox.example", "a.b.sandbox.example");
      await passes(up());
      const fqdns = async () =>
        (
          await kubectl(
            "get",
            "gatewayhosts",
            "-n",
            "bookinfo",
            "--output",
            "jsonpath={.items[*].spec.virtualhost.fqdn}",
          )
        )
          .split(" ")
          .sort();
      assert.deepEqual(await fqdns(), ["a-b.sandbox.example", "a.b.sandbox.example", "bookinfo.sandbox.example"]);
      await add("a.b.sandbox.example");
      await passes(up());
      assert.deepEqual(await fqdns(), ["a.b.sandbox.example", "bookinfo.sandbox.example"]);
      await add();
      await passes(up());
    });

    it("is a namespace's own choice of injection, which is named and not changed", async () => {
      await kubectl("create", "namespace", "team");
      await kubectl("label", "namespace", "team", "istio-injection=disabled");
      const kept = await keep("/api/v1/namespaces/team");
      const change = (...more: object[]) =>
        editStack(stack, (config) => (config["namespaces"] = [{ name: "bookinfo" }, ...more]));
      await change({ name: "team", create: false });
      const refused = await up();
      assert.notEqual(refused.code, 0);
      assert.match(
        refused.text,
        /namespace team has the label istio-injection=disabled, and the stack would set enabled/,
      );
      await unchanged(kept);
      // The same choice as the stack's stays its team's when the stack leaves.
      await kubectl("label", "namespace", "team", "istio-injection=enabled", "--overwrite");
      await passes(up());
      await change();
      await passes(up());
      const label = "jsonpath={.metadata.labels.istio-injection}";
      assert.equal(await kubectl("get", "namespace", "team", "--output", label), "enabled");
      await kubectl("delete", "namespace", "team");
    });

    const foreignPaths = [
      "/api/v1/namespaces/default/configmaps/foreign",
      "/api/v1/namespaces/default/secrets/foreign",
      "/apis/enroute.saaras.io/v1/namespaces/default/gatewayhosts/foreign",
      "/apis/security.istio.io/v1/namespaces/default/peerauthentications/foreign",
      "/apis/rbac.authorization.k8s.io/v1/clusterroles/foreign",
    ];

    it("stays as it is through an update that fails, a recovery, and the update after them", async () => {
      const metadata = { name: "foreign", namespace: "default" };
      await kubectl("create", "configmap", "foreign", "-n", "default", "--from-literal=a=b");
      await kubectl("create", "secret", "generic", "foreign", "-n", "default", "--from-literal=a=b");
      await kubectl("create", "clusterrole", "foreign", "--verb=get", "--resource=pods");
      await apply({
        ...{ apiVersion: "enroute.saaras.io/v1", kind: "GatewayHost", metadata },
        spec: {
          virtualhost: { fqdn: "foreign.example.com" },
          routes: [{ conditions: [{ prefix: "/" }], services: [{ name: "a", port: 80 }] }],
        },
      });
      const spec = { mtls: { mode: "STRICT" } };
      await apply({ apiVersion: "security.istio.io/v1", kind: "PeerAuthentication", metadata, spec });
      const inside = "/api/v1/namespaces/istio-system/configmaps/foreign";
      await kubectl("create", "configmap", "foreign", "-n", "istio-system", "--from-literal=a=b");
      const kept = await keep(...foreignPaths, inside);
      let healthy: Config = {};
      await editStack(stack, (config) => {
        healthy = { ...section(config, "gateway") };
        config["gateway"] = { ...healthy, timeoutSeconds: 10, values: { nodeSelector: { pool: "nowhere" } } };
      });
      const { code, text } = await up();
      assert.notEqual(code, 0, text);
      assert.match(text, /has been rolled back due to atomic being set/);
      await unchanged(kept);
      const recovered = await recover(["--yes"]);
      assert.equal(recovered.code, 0, recovered.stdout + recovered.stderr);
      await unchanged(kept);
      await editStack(stack, (config) => (config["gateway"] = healthy));
      await passes(up());
      await unchanged(kept);
    });

    it("is not deleted with a stack from which another one has taken it over", async () => {
      const path = "/apis/enroute.saaras.io/v1/namespaces/enroute-system/globalconfigs/mesh";
      const annotate = (value: string) =>
        kubectl(
          ...["annotate", "globalconfigs.enroute.saaras.io", "mesh", "-n", "enroute-system", "--overwrite"],
          `enroute-istio/stack=${value}`,
        );
      await annotate("organization/enroute-istio/heir");
      const kept = await keep(path, "/api/v1/namespaces/bookinfo");
      const { code, stderr } = await cli("destroy", ["--yes"]);
      assert.equal(code, 3, stderr);
      assert.match(
        stderr,
        /nothing was deleted: GlobalConfig enroute-system\/mesh belongs to stack organization\/enroute-istio\/heir now/,
      );
      assert.match(stderr, /pulumi state delete 'urn:/);
      await unchanged(kept);
      await annotate(`organization/enroute-istio/${stack}`);
    });

    it("is all gone with the stack, but for what somebody else has", async () => {
      const kept = await keep(...foreignPaths);
      await passes(destroy());
      await unchanged(kept);
      await kubectl("delete", "configmap,secret", "foreign", "-n", "default");
      await kubectl("delete", "gatewayhosts.enroute.saaras.io,peerauthentications", "foreign", "-n", "default");
      await kubectl("delete", "clusterrole", "foreign");
      for (const name of ["bookinfo", "istio-system", "enroute-system"])
        assert.equal(await kubectl("get", "namespace", name, "--ignore-not-found"), "");
    });
  });

  describe("installed with plain Helm under the stack's names", () => {
    let kept: Kept[];
    // Helm prefers a folder of the chart's name, such as one of the checkout's.
    const helm = (...args: string[]) => succeed("helm", args, { cwd: sandbox.folder });
    before(async () => {
      const charts = ["--repo", sandbox.chartRepository];
      await helm(
        "install",
        "istio-base",
        "base",
        ...charts,
        "-n",
        "istio-system",
        "--create-namespace",
        "--version",
        "1.31.0",
      );
      await helm("install", "istiod", "istiod", ...charts, "-n", "istio-system", "--version", "1.31.0", "--wait");
      await editStack(
        stack,
        (config) => {
          small(config);
          section(config, "istio")["namespace"] = { create: false };
        },
        "sandbox",
      );
      kept = await keep(
        "/api/v1/namespaces/istio-system/secrets/sh.helm.release.v1.istiod.v1",
        "/api/v1/namespaces/istio-system/secrets/sh.helm.release.v1.istio-base.v1",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/istiod-clusterrole-istio-system",
      );
    });
    after(async () => {
      await helm("uninstall", "istiod", "istio-base", "-n", "istio-system");
      await kubectl("delete", "namespace", "istio-system");
    });

    it("is refused by an update, and never forgotten by a recovery", async () => {
      const { code, text } = await up();
      assert.notEqual(code, 0, text);
      assert.match(text, /Helm release istio-system\/istiod is deployed, and this stack did not install it/);
      const recovered = await recover(["--yes"]);
      assert.equal(recovered.code, 1, recovered.stdout + recovered.stderr);
      assert.match(recovered.stdout, /istio-system\/istiod is deployed, and nothing of this stack names it/);
      await unchanged(kept);
    });

    it("is forgotten by Helm only where that is said for each release by its name", async () => {
      const planned = await recover(["--adopt", "istio-system/istiod"]);
      assert.match(
        planned.stdout,
        /Helm release istio-system\/istiod is deployed, and is given to this stack by --adopt/,
      );
      assert.match(planned.stdout, /istio-system\/istio-base is deployed, and nothing of this stack names it/);
      await unchanged(kept);
    });
  });
});
