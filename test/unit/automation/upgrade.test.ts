import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type RolloutError, failure } from "../../../automation/errors";
import { type Upgrading, upgrade, upgradeText } from "../../../automation/upgrade";
import type { Report } from "../../../base/report";
import { loadSettings } from "../../../settings/load";
import type { SettingsInput } from "../../../settings/schema";
import { configuration, stackConfig } from "../stack-files";
import { type FakeApi, type Question, fakeApi } from "../verify/fake-api";

const report = (failed = 0): Report =>
  ({
    ...{ failed, passed: 50, warnings: 0, unknown: 0, status: failed > 0 ? "failed" : "passed" },
    results: failed > 0 ? [{ id: "strict/mesh-wide", status: "failed", severity: "error", issues: [] }] : [],
  }) as unknown as Report;

describe("an upgrade as the library does it", () => {
  let api: FakeApi;
  let folder: string;
  let pods: object[];
  let file: string;
  let ups: string[];
  let refusal: RolloutError | undefined;
  let failed: number;

  const proxied = (name: string, revision: string, version: string) => ({
    metadata: {
      ...{ name: `${name}-5d9-x`, namespace: "bookinfo", annotations: { "istio.io/rev": revision } },
      ownerReferences: [{ kind: "ReplicaSet", name: `${name}-5d9` }],
    },
    spec: { containers: [{ name: "app" }, { name: "istio-proxy", image: `docker.io/istio/proxyv2:${version}` }] },
  });
  const rolledOut = {
    metadata: { generation: 1 },
    spec: {},
    status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1 },
  };

  beforeEach(async () => {
    [pods, ups, refusal, failed] = [[], [], undefined, 0];
    api = await fakeApi({
      "/api/v1/namespaces/bookinfo/pods": () => ({ items: pods }),
      "/api/v1/namespaces/enroute-system/pods": { items: [] },
      "/apis/apps/v1/namespaces/bookinfo/deployments/reviews": ({ method, body }: Question) => {
        if (method === "PATCH") {
          assert.match(JSON.stringify(body), /"kubectl\.kubernetes\.io\/restartedAt":"\d{4}-/);
          pods = [proxied("reviews", "1-32-0", "1.32.0")];
        }
        return rolledOut;
      },
    });
    folder = mkdtempSync(join(tmpdir(), "enroute-upgrade-"));
    writeFileSync(join(folder, "Pulumi.yaml"), "name: enroute-istio\n");
    file = join(folder, "Pulumi.dev.yaml");
    writeFileSync(file, stringify({ config: stackConfig("dev") }));
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await api.close();
  });

  const settingsNow = () => {
    const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
    return { ...loadSettings(configuration(config, "dev")), kubeconfig: api.kubeconfig, context: "fake" };
  };
  const environment = (more: Partial<Upgrading> = {}): Upgrading => ({
    ...{ stack: "dev", projectName: "enroute-istio", project: folder },
    settings: () => Promise.resolve(settingsNow()),
    up: (message) => {
      if (refusal !== undefined) return Promise.reject(refusal);
      ups.push(message);
      return Promise.resolve({ changes: {}, resources: [], hasChanges: false });
    },
    verify: () => Promise.resolve(report(failed)),
    ...more,
  });
  const next = (more: object = {}) => upgrade(environment(), { to: "1.32.0", apply: true, ...more });
  const failing = (running: Promise<unknown>) =>
    running.then(
      () => assert.fail("it went through"),
      (error: unknown) => error as RolloutError,
    );

  it("only says what is left to do, until it is told to do the next phase", async () => {
    const before = readFileSync(file, "utf8");
    const found = await upgrade(environment(), { to: "1.32.0" });
    assert.deepEqual(
      found.phases.map(({ name }) => name),
      ["install", "move", "restart", "remove"],
    );
    assert.deepEqual([ups, readFileSync(file, "utf8")], [[], before]);
    assert.match(
      upgradeText(found, "dev", "1.32.0"),
      /^Stack dev: from Istio 1\.31\.0 to 1\.32\.0, phase by phase:\n1\. install/,
    );
  });

  it("does a phase at a time, verifies each, and stops where workloads have to restart", async () => {
    assert.equal((await next()).done, "install");
    pods = [proxied("reviews", "default", "1.31.0")];
    const moved = await next();
    assert.equal(moved.done, "move");
    assert.equal(moved.report?.passed, 50);
    const waiting = await next();
    assert.equal(waiting.done, undefined);
    assert.deepEqual(
      waiting.waiting.map(({ kind, name, command, pods: own }) => [kind, name, command, own]),
      [
        [
          "Deployment",
          "reviews",
          "kubectl -n bookinfo rollout restart deployment reviews",
          [{ pod: "bookinfo/reviews-5d9-x", why: "revision default instead of 1-32-0" }],
        ],
      ],
    );
    assert.match(
      upgradeText(waiting, "dev", "1.32.0"),
      /reviews-5d9-x \(revision default instead of 1-32-0\): kubectl/,
    );
    const restarted: string[] = [];
    const after = await next({ restart: true, onRestart: ({ name }: { name: string }) => restarted.push(name) });
    assert.deepEqual([after.done, restarted, after.waiting], ["restart", ["reviews"], []]);
    const end = await next();
    assert.deepEqual([end.done, end.phases], ["remove", []]);
    assert.deepEqual(
      ups.map((text) => text.replace(/ .*/, "")),
      ["Istio", "Istio", "Istio"],
    );
    assert.match(upgradeText(end, "dev", "1.32.0"), /nothing is left to do/);
  });

  it("puts the stack's file back where the update was refused before it touched anything", async () => {
    const before = readFileSync(file, "utf8");
    refusal = failure("cluster-not-ready", "the default may not move", "install it first", { findings: [] });
    assert.equal((await failing(next())).code, "cluster-not-ready");
    assert.equal(readFileSync(file, "utf8"), before);
  });

  it("keeps it where the update failed half-way, and says how to go back", async () => {
    const before = readFileSync(file, "utf8");
    refusal = failure("operation-failed", "istiod is not ready", "see its log", {});
    const { next: fix } = await failing(next());
    assert.equal(fix, "see its log; to go back: enroute-istio upgrade --stack dev --to 1.31.0");
    assert.notEqual(readFileSync(file, "utf8"), before);
  });

  it("stops at the first check that fails after a phase, with the way back", async () => {
    failed = 1;
    const error = await failing(next());
    assert.equal(error.code, "verification-failed");
    assert.match(
      error.message,
      /install Istio 1\.32\.0 beside 1\.31\.0: done, and strict\/mesh-wide failed afterwards/,
    );
    assert.match(error.next, /to go back: enroute-istio upgrade --stack dev --to 1\.31\.0$/);
  });

  it("refuses a minor version that would be skipped", async () => {
    const error = await failing(upgrade(environment(), { to: "1.33.0", apply: true }));
    assert.equal(error.code, "settings-invalid");
    assert.match(`${error.message} ${error.next}`, /cannot go to Istio 1\.33\.0: .* a release of 1\.32 first/);
  });

  it("names a workload that does not become ready again", async () => {
    await next();
    await next();
    pods = [proxied("reviews", "default", "1.31.0")];
    rolledOut.status.readyReplicas = 0;
    const error = await failing(next({ restart: true, restartPatience: 1 }));
    rolledOut.status.readyReplicas = 1;
    assert.match(error.message, /Deployment bookinfo\/reviews was restarted, and is not ready after/);
    assert.match(error.next, /describe deployment reviews; then run it again; to go back/);
  });

  it("gives settings that came as an object back, edited", async () => {
    const all = Object.entries(stackConfig("dev")).map(([key, value]) => [key.replace("enroute-istio:", ""), value]);
    const given = Object.fromEntries(all) as unknown as SettingsInput;
    const { project: _, ...own } = environment({ given });
    const { settings } = await upgrade(own, { to: "1.32.0", apply: true });
    assert.deepEqual(settings?.istio.revisions, [
      { revision: "default", version: "1.31.0" },
      { revision: "1-32-0", version: "1.32.0" },
    ]);
    assert.equal(given.istio.revisions, undefined);
  });
});
