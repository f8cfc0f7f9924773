import assert from "node:assert/strict";
import { postRendered, sourceOf } from "../../../review/charts";
import type { Release } from "../../../review/objects";

describe("the chart of a release", () => {
  const release = (change: Partial<Release>): Release => ({
    ...{ resource: "r", name: "r", namespace: "n", chart: "istiod", version: "1.31.0", values: {} },
    ...change,
  });
  const mirror = "https://mirror.example/charts";
  const cases: [
    what: string,
    release: Release,
    repository: string | undefined,
    chart: string,
    from: string | undefined,
  ][] = [
    ["where the stack says", release({ repository: "https://a.example" }), undefined, "istiod", "https://a.example"],
    ["from a mirror", release({ repository: "https://a.example" }), mirror, "istiod", mirror],
    [
      "from a registry",
      release({ chart: "oci://ghcr.io/istio/release/charts/istiod" }),
      undefined,
      "oci://ghcr.io/istio/release/charts/istiod",
      undefined,
    ],
    [
      "from a mirror instead of a registry",
      release({ chart: "oci://ghcr.io/istio/release/charts/istiod" }),
      mirror,
      "istiod",
      mirror,
    ],
  ];
  for (const [what, given, repository, chart, from] of cases)
    it(`comes ${what}`, () => {
      const found = sourceOf(given, repository);
      assert.deepEqual([found.chart, found.repository], [chart, from]);
      assert.equal(found.version, "1.31.0");
    });
});

describe("an object of a release", () => {
  const service = (type: string) =>
    ({
      object: { apiVersion: "v1", kind: "Service", metadata: { name: "enroute" }, spec: { type, ports: [] } },
    }) as never;
  const typeOf = (owned: ReturnType<typeof postRendered>) => (owned.object["spec"] as { type: string }).type;

  it("is shown as the post-renderer leaves it", () => {
    assert.equal(typeOf(postRendered(service("LoadBalancer"), { serviceType: "NodePort" })), "NodePort");
    assert.equal(typeOf(postRendered(service("ClusterIP"), { serviceType: "NodePort" })), "ClusterIP");
    assert.equal(typeOf(postRendered(service("LoadBalancer"), {})), "LoadBalancer");
  });

  it("stays as it was for the other side, which may have none", () => {
    const owned = service("LoadBalancer");
    postRendered(owned, { serviceType: "NodePort" });
    assert.equal(typeOf(postRendered(owned, {})), "LoadBalancer");
  });
});
