import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { reportOf } from "../../../base/report";
import { receiptHtml } from "../../../verify/receipt/html";
import { type Receipt, evidenceHash, legOfGroup, receiptOf } from "../../../verify/receipt/receipt";
import { workloadsOf } from "../../../verify/receipt/workloads";
import { listChecks } from "../../../verify/registry";
import { allChecks } from "../../../verify/verify";
import { stackFile } from "../stack-files";
import { type Seen, type Serving, healthy, serving, valueIn } from "./healthy";

const now = new Date();
const settings = stackFile("staging");
let certificates: Serving;

function receipt(seen: Seen, stack = "staging"): Receipt {
  const report = reportOf(allChecks(seen.view, seen.settings, seen.probes, seen.options));
  const context = { settings: seen.settings, now, days: 14 };
  return receiptOf({ report, facts: { ...seen.view, ...seen.probes }, context, kubernetes: "v1.36.2" }, { stack });
}

describe("the receipt of a verification", () => {
  before(async () => {
    certificates = await serving(settings);
  });

  it("shows both legs as proven where everything passed", () => {
    const { legs, report, hosts, certificates: lives, cluster, workloads } = receipt(healthy(settings, certificates));
    assert.equal(report.status, "passed");
    assert.deepEqual([legs.client.status, legs.mesh.status], ["passed", "passed"]);
    assert.deepEqual(cluster, { context: settings.context, kubernetes: "v1.36.2" });
    assert.deepEqual(
      hosts.map(({ host }) => host),
      settings.hosts.map(({ host }) => host),
    );
    assert.ok(hosts.every(({ tls }) => /^TLSv1\.[23]$/.test(tls)));
    assert.ok(["serving certificate", "root of the mesh"].every((role) => lives.some((life) => life.role === role)));
    assert.ok(workloads.some(({ namespace }) => namespace === settings.gateway.namespace.name));
  });

  it("gives a lock to the leg alone whose checks earned it", () => {
    const seen = healthy(settings, certificates);
    valueIn(seen.view.peerAuthentications)[0]!.spec = { mtls: { mode: "PERMISSIVE" } };
    const { legs } = receipt(seen);
    assert.deepEqual([legs.client.status, legs.mesh.status], ["passed", "failed"]);
    assert.ok(legs.mesh.failed.includes("strict/mesh-wide"));
  });

  it("does not take what could not be told, or was not asked, for proven", () => {
    const seen = healthy(settings, certificates);
    seen.view.peerAuthentications = { state: "unreadable", reason: "not allowed" };
    assert.equal(receipt(seen).legs.mesh.status, "unknown");
    const partial = receiptOf(
      {
        report: reportOf([], { run: [], of: 9 }),
        facts: {},
        context: { settings, now, days: 14 },
        kubernetes: "v1.36.2",
      },
      { stack: "staging" },
    );
    assert.deepEqual([partial.legs.client.status, partial.legs.mesh.status], ["unknown", "unknown"]);
    assert.match(receiptHtml(partial), /<h1>A partial run proves neither leg<\/h1>/);
  });

  it("knows the leg of every group of checks", () => {
    const groups = new Set(listChecks("verify").map(({ id }) => id.split("/")[0]!));
    for (const whole of ["ownership", "releases"]) groups.delete(whole);
    assert.deepEqual([...groups].sort(), Object.keys(legOfGroup).sort());
  });

  it("has a hash that anybody can compute from the JSON file, and that no change leaves as it is", () => {
    const made = receipt(healthy(settings, certificates));
    // What docs/verify.md has jq do: sorted keys, no white space, without the hash itself.
    const sorted = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(sorted)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(
              Object.keys(value)
                .sort()
                .map((key) => [key, sorted((value as Record<string, unknown>)[key])]),
            )
          : value;
    const { evidenceHash: hash, ...evidence } = JSON.parse(JSON.stringify(made)) as Receipt;
    assert.equal(
      createHash("sha256")
        .update(JSON.stringify(sorted(evidence)))
        .digest("hex"),
      hash,
    );
    assert.notEqual(evidenceHash({ ...made, takenAt: new Date(0).toISOString() }), hash);
  });

  it("is one page without scripts, and loads nothing", () => {
    const page = receiptHtml(receipt(healthy(settings, certificates)));
    assert.doesNotMatch(page, /<script|<link|<img|@import|url\(|\bon[a-z]+=/);
    assert.doesNotMatch(page, / (src|href|srcset|data)=/);
    assert.match(page, /<h1>Both legs are encrypted<\/h1>/);
  });

  it("keeps what the cluster says from becoming part of the page", () => {
    const seen = healthy(settings, certificates);
    const [host] = Object.keys(seen.probes.clientLeg!);
    const hostile = `"><script>alert('x')</script>&`;
    seen.probes.clientLeg![host!]!.plain = { outcome: "answered", status: 301, location: hostile };
    const page = receiptHtml(receipt(seen, hostile));
    assert.doesNotMatch(page, /<script/);
    assert.match(page, /&quot;&gt;&lt;script&gt;alert\(&#39;x&#39;\)&lt;\/script&gt;&amp;/);
  });

  it("holds no private key", () => {
    const { evidenceHash: _hash, ...rest } = receipt(healthy(settings, certificates));
    assert.doesNotMatch(JSON.stringify(rest) + receiptHtml({ ...rest, evidenceHash: _hash }), /PRIVATE KEY/);
  });

  const pod = (name: string, labels: Record<string, string>, ready = true) => ({
    metadata: { name, namespace: "shop", labels },
    spec: { containers: [{ name: "app" }, { name: "istio-proxy" }] },
    status: { phase: "Running", containerStatuses: [{ name: "istio-proxy", ready }] },
  });
  for (const [what, pods, workloads] of [
    ["a Deployment", [pod("web-5d9d7d6c86-75d5h", { "pod-template-hash": "5d9d7d6c86" })], ["web 1/1"]],
    [
      "a StatefulSet",
      [
        pod("db-0", { "controller-revision-hash": "db-7c" }),
        pod("db-1", { "controller-revision-hash": "db-7c" }, false),
      ],
      ["db 1/2"],
    ],
    ["a DaemonSet", [pod("agent-x7k2p", { "controller-revision-hash": "abc" })], ["agent 1/1"]],
    ["a bare pod", [pod("toolbox", {})], ["toolbox 1/1"]],
  ] as const)
    it(`groups the pods of ${what}`, () => {
      const all = workloadsOf({ pods: { shop: { state: "read", value: [...pods] } } }, ["shop"]);
      assert.deepEqual(
        all.map(({ name, ready, pods: count }) => `${name} ${ready}/${count}`),
        workloads,
      );
    });
});
