import assert from "node:assert/strict";
import { lastWords, postRendered, sourceOf, updateProblem } from "../../../review/charts";
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

describe("what Helm says", () => {
  const unable = `Hang tight while we grab the latest from your chart repositories...
...Unable to get an update from the "x" chart repository (http://127.0.0.1:1/):
\tfailed to fetch http://127.0.0.1:1/index.yaml : 401 Unauthorized
`;
  const reason = "failed to fetch http://127.0.0.1:1/index.yaml : 401 Unauthorized";
  for (const [what, ended, problem] of [
    [
      "that it has updated",
      { code: 0, stdout: "...Successfully got an update\nUpdate Complete.\n", stderr: "" },
      undefined,
    ],
    ["of a failed update, by Helm 3", { code: 0, stdout: `${unable}Update Complete.\n`, stderr: "" }, reason],
    [
      "of a failed update, by Helm 4",
      {
        code: 1,
        stdout: unable,
        stderr: "Error: failed to update the following repositories: [http://127.0.0.1:1/]\n",
      },
      reason,
    ],
    [
      "of no repositories at all",
      { code: 1, stdout: "", stderr: "Error: no repositories found\n" },
      "no repositories found",
    ],
  ] as const)
    it(`counts ${what}`, () => assert.equal(updateProblem(ended), problem));

  for (const [what, text, words] of [
    [
      "Helm 3",
      'WARNING: old\nError: template: a.yaml:6:42: executing "a.yaml" at <.Values.x>: nil pointer\n\nUse --debug flag to render out invalid YAML\n',
      'template: a.yaml:6:42: executing "a.yaml" at <.Values.x>: nil pointer',
    ],
    [
      "Helm 4",
      'level=WARN msg=old\nError: a.yaml:6:42\n  executing "a.yaml" at <.Values.x>:\n    nil pointer\n\nUse --debug flag to render out invalid YAML\n',
      'a.yaml:6:42 executing "a.yaml" at <.Values.x>: nil pointer',
    ],
  ] as const)
    it(`is one line without its warnings, of ${what}`, () => assert.equal(lastWords(text), words));
});
