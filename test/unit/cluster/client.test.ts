import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Cluster, ClusterError, openCluster, unreachable } from "../../../cluster/client";
import { readFacts } from "../../../verify/facts";
import { viewReaders, withoutKey } from "../../../verify/view";
import { helmDescription, helmReleases } from "../../../cluster/helm-releases";
import { listed } from "../../../verify/preflight/lookup";
import { ofNode } from "../../../verify/preflight/room";
import { verifyChecks } from "../../../verify/checks";
import { VerifyError, verify } from "../../../verify/verify";
import { issue } from "../certificates";
import { stackFile } from "../stack-files";
import { type FakeApi, Status, fakeApi, kubeconfigOf } from "../verify/fake-api";
import { publicKeyOf } from "../verify/healthy";

function open(settings: { kubeconfig: string; context: string }): Cluster {
  const cluster = openCluster(settings);
  assert.ok(cluster instanceof Cluster, JSON.stringify(cluster));
  return cluster;
}

describe("openCluster", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "enroute-kubeconfig-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const problem = (kubeconfig: string, context = "") => {
    const found = openCluster({ kubeconfig, context });
    assert.ok("problem" in found);
    return `${found.check}: ${found.problem} | ${found.fix}`;
  };
  const file = (text: string) => {
    const path = join(folder, "kubeconfig");
    writeFileSync(path, text);
    return path;
  };

  it("tells of a kubeconfig that does not exist, and of one that cannot be read", () => {
    assert.match(
      problem("/nowhere/kubeconfig"),
      /^cluster\/kubeconfig: kubeconfig \/nowhere\/kubeconfig does not exist/,
    );
    assert.match(problem(file("{clusters: [")), /^cluster\/kubeconfig: .* cannot be read: /);
  });

  it("tells of a context that is not there, and names those that are", () => {
    const path = file(kubeconfigOf("http://127.0.0.1:1"));
    assert.match(problem(path, "prod"), /^cluster\/context: context prod is not in .* to one of: fake$/);
    const silent = JSON.stringify({
      ...(JSON.parse(kubeconfigOf("http://127.0.0.1:1")) as object),
      "current-context": "",
    });
    assert.match(problem(file(silent)), /does not say which cluster it means/);
  });
});

describe("a cluster", () => {
  let api: FakeApi | undefined;
  afterEach(() => api?.close());
  const start = async (answers: Record<string, unknown>) => {
    api = await fakeApi(answers);
    return open({ kubeconfig: api.kubeconfig, context: "fake" });
  };

  it("is asked with the kubeconfig's credentials, and for metadata alone where that is enough", async () => {
    const cluster = await start({ "/list": { items: [] } });
    await cluster.get("/list", { metadata: true });
    const { authorization, accept } = api!.asked[0]!.headers;
    assert.equal(authorization, "Bearer a-token");
    assert.match(accept!, /as=PartialObjectMetadataList/);
  });

  it("answers an error with the server's own words and its status", async () => {
    const cluster = await start({ "/secret": new Status(403, "secrets is forbidden") });
    await assert.rejects(cluster.get("/secret"), (error) => {
      assert.ok(error instanceof ClusterError);
      assert.deepEqual([error.status, error.message], [403, "secrets is forbidden"]);
      return true;
    });
  });

  it("is asked again where the API server says so, as for a kind that is new to it", async () => {
    let asked = 0;
    const cluster = await start({
      "/new": () =>
        asked++ === 0 ? new Status(429, "storage is (re)initializing", { "Retry-After": "0" }) : { items: [1] },
      "/busy": new Status(429, "too many requests"),
    });
    assert.deepEqual(await cluster.get("/new"), { items: [1] });
    assert.equal(asked, 2);
    await assert.rejects(cluster.get("/busy"), /too many requests/);
  });

  it("is told from a web server that answers anything", async () => {
    const cluster = await start({ "/version": "<html>Welcome</html>" });
    await assert.rejects(cluster.get("/version"), /not as a Kubernetes API server does/);
  });

  it("that does not answer, or refuses the credentials, is one finding with the way out", async () => {
    const cluster = await start({ "/version": new Status(401, "Unauthorized") });
    const settings = { kubeconfig: api!.kubeconfig, context: "fake" };
    const refused = await cluster.get("/version").catch((error: unknown) => unreachable(settings, cluster, error));
    assert.match(
      (refused as { problem: string }).problem,
      /cluster fake at http:.* refuses these credentials \(HTTP 401\)/,
    );
    await api!.stop();
    const gone = await cluster.get("/version").catch((error: unknown) => unreachable(settings, cluster, error));
    assert.match((gone as { problem: string }).problem, /cannot be reached: connect ECONNREFUSED/);
  });

  it("that is gone makes verify throw that finding, and nothing else", async () => {
    await start({});
    const settings = { ...stackFile("sandbox"), kubeconfig: api!.kubeconfig, context: "fake" };
    await api!.stop();
    await assert.rejects(verify(settings), (error) => {
      assert.ok(error instanceof VerifyError);
      assert.match(error.message, /cannot be reached.*\n {2}fix: check that the cluster runs/);
      return true;
    });
  });

  it("is seen with what is absent, forbidden and broken told apart", async () => {
    const cluster = await start({
      "/api/v1/namespaces/bookinfo": { metadata: { name: "bookinfo", labels: { a: "b" } } },
      "/apis/security.istio.io/v1/peerauthentications": { items: [] },
      "/apis/networking.istio.io/v1/destinationrules": new Status(403, "forbidden for you"),
      "/apis/enroute.saaras.io/v1/globalconfigs": new Status(500, "etcd has gone fishing"),
    });
    const settings = { ...stackFile("sandbox"), context: "fake" };
    const keys = Object.keys(viewReaders) as (keyof typeof viewReaders)[];
    const view = await readFacts(viewReaders, { cluster, settings }, keys);
    assert.deepEqual(view.namespaces["bookinfo"], { state: "read", value: { a: "b" } });
    assert.deepEqual(view.namespaces["istio-system"], { state: "absent" });
    assert.deepEqual(view.peerAuthentications, { state: "read", value: [] });
    assert.deepEqual(view.gatewayHosts, { state: "absent" });
    assert.deepEqual(view.destinationRules, {
      state: "unreadable",
      reason: "not allowed: forbidden for you",
      status: 403,
    });
    assert.deepEqual(view.globalConfigs, { state: "unreadable", reason: "etcd has gone fishing", status: 500 });
    assert.ok(api!.asked.every(({ method, path }) => method === "GET" || path.endsWith("/subjectaccessreviews")));
  });
});

describe("a long list", () => {
  const pod = (name: string) => ({ metadata: { name }, spec: { containers: [] } });
  async function listing(answers: (token: string | null, asked: number) => unknown) {
    let asked = 0;
    const api = await fakeApi({
      "/api/v1/pods": ({ path }: { path: string }) =>
        answers(new URL(path, "http://x").searchParams.get("continue"), ++asked),
    });
    const cluster = openCluster({ kubeconfig: api.kubeconfig, context: "fake" });
    if ("problem" in cluster) throw new Error(cluster.problem);
    try {
      return await cluster.list<{ metadata: { name: string } }, string>(
        "/api/v1/pods",
        ({ metadata }) => metadata.name,
      );
    } finally {
      await api.close();
    }
  }

  it("is read page by page, and of each item what is wanted is kept", async () => {
    const names = await listing((token) =>
      token === "a b"
        ? { metadata: {}, items: [pod("three")] }
        : { metadata: { continue: "a b" }, items: [pod("one"), pod("two")] },
    );
    assert.deepEqual(names, ["one", "two", "three"]);
  });

  it("is read again from its beginning where the server forgot the place, once", async () => {
    const gone = new Status(410, "the provided continue parameter is too old");
    const first = { metadata: { continue: "x" }, items: [pod("one")] };
    const names = await listing((token, asked) =>
      asked === 2 ? gone : token === null ? first : { items: [pod("two")] },
    );
    assert.deepEqual(names, ["one", "two"]);
    await assert.rejects(
      listing((token) => (token === null ? first : gone)),
      /too old/,
    );
  });

  it("of nodes, to preflight, is read in pages as well, and keeps what is judged of each", async () => {
    const [taints, conditions] = [[{ key: "k", effect: "NoSchedule" }], [{ type: "Ready", status: "True" }]];
    const node = (name: string) => ({
      metadata: { name },
      spec: { taints },
      status: { conditions: conditions.map((one) => ({ ...one, message: "m" })), images: [{ names: ["image:1"] }] },
    });
    const api = await fakeApi({
      "/api/v1/nodes": ({ path }: { path: string }) =>
        path.includes("continue=more")
          ? { items: [node("two")] }
          : { metadata: { continue: "more" }, items: [node("one")] },
    });
    const cluster = openCluster({ kubeconfig: api.kubeconfig, context: "fake" });
    if ("problem" in cluster) throw new Error(cluster.problem);
    try {
      const value = await listed(cluster, "/api/v1/nodes", false, ofNode);
      assert.deepEqual(
        value,
        ["one", "two"].map((name) => ({ metadata: { name }, spec: { taints }, status: { conditions } })),
      );
      assert.ok(api.asked.every(({ path }) => path.includes("limit=100")));
    } finally {
      await api.close();
    }
  });

  it("may be empty, as `null`, too", async () => assert.deepEqual(await listing(() => ({ items: null })), []));
});

describe("verify", () => {
  it("reads what its checks need, and nothing else", async () => {
    const api = await fakeApi({ "/version": { major: "1", minor: "36" } });
    const settings = { ...stackFile("sandbox"), kubeconfig: api.kubeconfig, context: "fake" };
    try {
      const report = await verify(settings, { only: ["hosts/tls", "global-config"] });
      assert.deepEqual([...new Set(api.asked.map(({ path }) => path))].sort(), [
        "/apis/enroute.saaras.io/v1/gatewayhosts?limit=100",
        "/apis/enroute.saaras.io/v1/globalconfigs?limit=100",
        "/version",
      ]);
      const run = ["global-config/one", "global-config/json", "global-config/istio-enabled", "hosts/tls"];
      assert.deepEqual(report.partial, { run, of: verifyChecks.length });
      assert.deepEqual([report.passed, report.failed, report.unknown], [0, 1, 3]);
      assert.equal((await verify(settings)).partial, undefined);
      // Each fact once, however many checks need it.
      api.asked.length = 0;
      await verify(settings);
      const gets = api.asked.filter(({ method }) => method === "GET").map(({ path }) => path);
      assert.equal(new Set(gets).size, gets.length);
      await assert.rejects(verify(settings, { only: ["hosts/tsl"] }), {
        name: "UnknownCheckError",
        message: "there is no check hosts/tsl; did you mean hosts/tls?",
      });
    } finally {
      await api.close();
    }
  });
});

describe("the releases of Helm", () => {
  const body = (description: string) =>
    Buffer.from(gzipSync(JSON.stringify({ info: { description } })).toString("base64")).toString("base64");
  const secret = (name: string, version: number, status: string, manager = "helm") => ({
    metadata: {
      name: `sh.helm.release.v1.${name}.v${version}`,
      labels: { name, version: String(version), status },
      managedFields: [{ manager }],
    },
  });

  it("are known by the labels of their latest revision; only what is not deployed is opened", async () => {
    const api = await fakeApi({
      "/api/v1/namespaces/ns/secrets": {
        items: [
          secret("fine", 9, "superseded"),
          secret("fine", 10, "deployed", "pulumi-resource-kubernetes-4.25.0"),
          secret("stuck", 1, "deployed"),
          secret("stuck", 2, "pending-upgrade"),
          secret("never", 1, "failed"),
        ],
      },
      "/api/v1/namespaces/ns/secrets/sh.helm.release.v1.never.v1": { data: { release: body("timed out\nat last") } },
    });
    try {
      assert.deepEqual(await helmReleases(open({ kubeconfig: api.kubeconfig, context: "" }), "ns"), [
        { name: "fine", revision: 10, status: "deployed", byPulumi: true },
        { name: "stuck", revision: 2, status: "pending-upgrade", byPulumi: false },
        { name: "never", revision: 1, status: "failed", byPulumi: false, description: "timed out at last" },
      ]);
      assert.ok(!api.asked.some(({ path }) => path.includes("fine")));
    } finally {
      await api.close();
    }
  });

  it("say nothing where their body is somebody else's", () => {
    assert.equal(helmDescription("bm8gZ3ppcA=="), undefined);
    assert.equal(helmDescription(undefined), undefined);
  });
});

describe("a TLS Secret", () => {
  it("loses its private key on the way into the view", async () => {
    const issued = await issue();
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const seen = withoutKey({
      metadata: { name: "x" },
      type: "kubernetes.io/tls",
      data: { "tls.crt": base64(issued.certificate), "tls.key": base64(issued.privateKey) },
    });
    assert.deepEqual(seen, {
      type: "kubernetes.io/tls",
      certificateChain: issued.certificate,
      publicKey: publicKeyOf(issued),
    });
    assert.doesNotMatch(JSON.stringify(seen), /PRIVATE/);
  });
});
