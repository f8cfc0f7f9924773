import assert from "node:assert/strict";
import { quantity } from "../../../base/quantity";
import { podSecurityLevel, podSecurityProblem, quotaProblems } from "../../../mesh/pod-admission";
import { type Taint, type Toleration, nodeRefusal } from "../../../mesh/scheduling";

describe("a quantity of Kubernetes", () => {
  const cases: [unknown, number | undefined][] = [
    ["100m", 0.1],
    ["2", 2],
    ["1.5", 1.5],
    ["128Mi", 134217728],
    ["1Gi", 1073741824],
    ["1G", 1e9],
    ["1e3", 1000],
    [2, 2],
    ["x", undefined],
    ["1Xi", undefined],
    [undefined, undefined],
  ];
  for (const [text, value] of cases)
    it(String(text), () => {
      const seen = quantity(text);
      if (value === undefined) assert.equal(seen, undefined);
      else assert.ok(Math.abs(seen! - value) < 1e-9, String(seen));
    });
});

describe("a node", () => {
  const taint = (effect: string, value = "edge"): Taint => ({ key: "dedicated", value, effect });
  const refusal = (
    spec: object,
    {
      tolerations = [],
      labels = {},
      ...more
    }: {
      tolerations?: Toleration[];
      labels?: object;
      architectures?: string[];
      nodeSelector?: Record<string, string>;
    } = {},
  ) =>
    nodeRefusal({ metadata: { name: "a", labels: { ...labels } }, spec }, { nodeSelector: {}, tolerations, ...more })
      ?.by;
  const arm = { "kubernetes.io/arch": "arm64" };
  const cases: [string, string | undefined, string | undefined][] = [
    ["takes pods", refusal({}), undefined],
    [
      "is cordoned, whatever is tolerated",
      refusal({ unschedulable: true }, { tolerations: [{ operator: "Exists" }] }),
      "cordon",
    ],
    [
      "has the taint of a cordon that was just lifted",
      refusal({ taints: [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }] }),
      undefined,
    ],
    ["has a taint", refusal({ taints: [taint("NoSchedule")] }), "taint"],
    ["drives pods out", refusal({ taints: [taint("NoExecute")] }), "taint"],
    ["would rather have none", refusal({ taints: [taint("PreferNoSchedule")] }), undefined],
    [
      "has a taint that is tolerated",
      refusal(
        { taints: [taint("NoSchedule")] },
        { tolerations: [{ key: "dedicated", value: "edge", effect: "NoSchedule" }] },
      ),
      undefined,
    ],
    [
      "with another value",
      refusal({ taints: [taint("NoSchedule")] }, { tolerations: [{ key: "dedicated", value: "db" }] }),
      "taint",
    ],
    [
      "whatever its value",
      refusal({ taints: [taint("NoSchedule")] }, { tolerations: [{ key: "dedicated", operator: "Exists" }] }),
      undefined,
    ],
    [
      "with another effect",
      refusal(
        { taints: [taint("NoExecute")] },
        { tolerations: [{ key: "dedicated", operator: "Exists", effect: "NoSchedule" }] },
      ),
      "taint",
    ],
    ["whatever it is", refusal({ taints: [taint("NoExecute")] }, { tolerations: [{ operator: "Exists" }] }), undefined],
    [
      "without a value",
      refusal({ taints: [{ key: "a", effect: "NoSchedule" }] }, { tolerations: [{ key: "a" }] }),
      undefined,
    ],
    ["is of another architecture", refusal({}, { labels: arm, architectures: ["amd64"] }), "architecture"],
    ["is of any", refusal({}, { labels: arm }), undefined],
    ["lacks a label", refusal({}, { nodeSelector: { pool: "edge" } }), "label"],
    ["has it", refusal({}, { labels: { pool: "edge" }, nodeSelector: { pool: "edge" } }), undefined],
    ["runs Windows", refusal({}, { labels: { "kubernetes.io/os": "windows" } }), "label"],
  ];
  for (const [name, seen, wanted] of cases) it(name, () => assert.equal(seen, wanted));
});

describe("a Pod Security level", () => {
  const needs = (hasInitContainer: boolean, ...unrestricted: string[]) => ({ hasInitContainer, unrestricted });
  it("is one of three", () => {
    assert.equal(podSecurityLevel("baseline"), "baseline");
    assert.equal(podSecurityLevel("strict"), undefined);
    assert.equal(podSecurityLevel(undefined), undefined);
  });
  it("refuses what it must", () => {
    for (const level of ["baseline", "restricted"] as const)
      assert.match(podSecurityProblem(level, needs(true)) ?? "", /NET_ADMIN/);
    assert.equal(podSecurityProblem("privileged", needs(true, "EnRoute")), undefined);
    assert.equal(podSecurityProblem(undefined, needs(true)), undefined);
    assert.equal(podSecurityProblem("baseline", needs(false, "EnRoute")), undefined);
    assert.match(podSecurityProblem("restricted", needs(false, "EnRoute")) ?? "", /pods of EnRoute/);
    assert.equal(podSecurityProblem("restricted", needs(false)), undefined);
  });
});

describe("quotas and limits", () => {
  const init = {
    name: "istio-init",
    requests: { cpu: "100m", memory: "128Mi" },
    limits: { cpu: "2000m", memory: "1024Mi" },
  };
  const bare = { name: "redis" };
  const quota = (hard: Record<string, string>, used: Record<string, string> = {}, more: object = {}) => ({
    metadata: { name: "q" },
    spec: { hard, ...more },
    status: { used },
  });
  const limit = (more: object, type = "Container") => ({
    metadata: { name: "l" },
    spec: { limits: [{ type, ...more }] },
  });
  const cases: [string, Parameters<typeof quotaProblems>, RegExp | undefined][] = [
    ["there are none", [[], [], [init, bare]], undefined],
    [
      "requests that a container lacks",
      [[quota({ "requests.cpu": "4" })], [], [init, bare]],
      /wants requests\.cpu of every container, and redis has none/,
    ],
    ["the short name of it", [[quota({ cpu: "4" })], [], [bare]], /wants cpu of every container/],
    [
      "limits that a container lacks",
      [[quota({ "limits.memory": "4Gi" })], [], [bare, { name: "envoy" }]],
      /and redis, envoy have none/,
    ],
    [
      "a limit stands for a request",
      [[quota({ "requests.cpu": "4" })], [], [{ name: "a", limits: { cpu: "1" } }]],
      undefined,
    ],
    [
      "defaults of a LimitRange",
      [[quota({ "limits.cpu": "4" })], [limit({ default: { cpu: "1" } })], [bare]],
      undefined,
    ],
    [
      "defaults of a Pod's limits are none",
      [[quota({ "limits.cpu": "4" })], [limit({ default: { cpu: "1" } }, "Pod")], [bare]],
      /redis has none/,
    ],
    [
      "what Istio gives its containers",
      [[quota({ "limits.cpu": "8", "requests.memory": "4Gi" })], [], [init, init]],
      undefined,
    ],
    [
      "too little left",
      [[quota({ "limits.cpu": "4" }, { "limits.cpu": "1" })], [], [init, init]],
      /has less limits\.cpu left than a pod takes/,
    ],
    ["just enough left", [[quota({ "limits.cpu": "4" })], [], [init, init]], undefined],
    ["no pod left", [[quota({ pods: "3" }, { pods: "3" })], [], [init]], /has no pod left/],
    ["one pod left", [[quota({ "count/pods": "3" }, { "count/pods": "2" })], [], [init]], undefined],
    [
      "a quota for some pods alone",
      [[quota({ "limits.cpu": "1" }, {}, { scopes: ["BestEffort"] })], [], [init]],
      undefined,
    ],
    ["by their priority", [[quota({ pods: "0" }, {}, { scopeSelector: {} })], [], [init]], undefined],
    ["other things", [[quota({ "count/secrets": "0" })], [], [init]], undefined],
    [
      "a container that may use more",
      [[], [limit({ max: { memory: "512Mi" } })], [init]],
      /LimitRange l allows a container 512Mi of memory, and istio-init may use more/,
    ],
    ["one that may use as much", [[], [limit({ max: { memory: "1Gi" } })], [init]], undefined],
    [
      "a container that asks for less",
      [[], [limit({ min: { cpu: "200m" } })], [init]],
      /wants 200m of cpu for a container, and istio-init asks for less/,
    ],
    [
      "a container without any takes the defaults",
      [[], [limit({ max: { cpu: "1" }, default: { cpu: "500m" } })], [bare]],
      undefined,
    ],
  ];
  for (const [name, args, wanted] of cases)
    it(name, () => {
      const found = quotaProblems(...args);
      if (wanted === undefined) assert.deepEqual(found, []);
      else assert.match(found.join("; "), wanted);
    });
});
