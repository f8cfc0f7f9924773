import assert from "node:assert/strict";
import { pathText } from "../../../base/encrypted";
import { type Values, mergeValues } from "../../../base/merge";
import { enrouteValues } from "../../../mesh/enroute-values";
import { istioProfileNames } from "../../../mesh/istio";
import { istiodValues } from "../../../mesh/istio-values";
import { kialiValues, prometheusValues } from "../../../mesh/observability-values";
import { type Owned, type Path, allowedText, overridesOf, saidOf } from "../../../mesh/overrides";
import { istioOwned } from "../../../mesh/owned-istio";
import { freeValues, gatewayOwned, kialiOwned, prometheusOwned } from "../../../mesh/owned-values";

/** Paths of everything that is set. */
function leaves(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, below]) => leaves(below, [...path, key]));
}

const istio = (profile: (typeof istioProfileNames)[number]) =>
  istiodValues({
    ...{ profile, hub: "docker.io/istio", tag: "1.31.0", namespace: "istio-system", revision: "1-31" },
    ...{ trustDomain: "cluster.local", trustDomainAliases: ["old"], authorityFingerprint: "f" },
    imagePullSecrets: ["login"],
  });
const pull = { registry: "registry.example.com", imagePullSecrets: ["login"] };
const image = { repository: "r", tag: "1", pullPolicy: "Always" as const };
const container = { requests: { cpu: "1", memory: "1" }, limits: { memory: "2" } };
const gateway = enrouteValues({
  ...{ replicas: 1, images: { enroute: image, redis: image, envoy: image }, logLevel: "info", ...pull },
  resources: { enroute: container, redis: container, envoy: container },
  workloadCertificate: { ttl: "1h" },
  serviceAnnotations: { a: "b" },
  service: { type: "NodePort", nodePorts: { http: 30080, https: 30443 } },
  ingresses: "left alone",
});

describe("what is owned in a chart's values", () => {
  const charts: [keyof typeof freeValues, Values, readonly Owned[]][] = [
    ...istioProfileNames.map((profile): [keyof typeof freeValues, Values, readonly Owned[]] => [
      "istiod",
      istio(profile),
      istioOwned,
    ]),
    ["enroute", gateway, gatewayOwned],
    ["prometheus", prometheusValues({ retention: "1d", storage: "1Gi", ...pull }), prometheusOwned],
    ["kiali-server", kialiValues({ namespace: "n", prometheusUrl: "u", ...pull }), kialiOwned],
  ];
  for (const [chart, values, owned] of charts)
    it(`is said of everything that we set in ${chart}`, () => {
      const lines = [...owned.map(({ path }) => path), ...freeValues[chart]];
      const covers = (line: Path, leaf: string[]) => line.every((key, index) => leaf[index] === key);
      for (const leaf of leaves(values))
        assert.ok(
          lines.some((line) => covers(line, leaf)),
          `${chart}: ${pathText(leaf)} has no line`,
        );
    });

  it("names each value once", () => {
    for (const [chart, , owned] of charts) {
      const paths = owned.map(({ path }) => pathText(path));
      assert.deepEqual(new Set(paths).size, paths.length, chart);
    }
  });

  it("is not overridden by what the settings make themselves", () => {
    for (const [chart, values, owned] of charts) assert.deepEqual(overridesOf(values, values, owned), [], chart);
  });
});

describe("overridesOf", () => {
  const owned: Owned[] = [
    { path: ["a", "b"], key: "section.b", why: "Because." },
    { path: ["list"], why: "It counts." },
    { path: ["free"], key: "section.free", why: "One place.", whereSet: true },
    { path: ["set"], key: "section.set", why: "One place.", whereSet: true },
    { path: ["off"], why: "It must be off.", allows: (value) => value === undefined || value === false },
  ];
  const settled = { a: { b: 1, c: 2 }, list: ["x"], set: "x" };
  const found = (patch: Values) =>
    overridesOf(settled, mergeValues(settled, patch), owned).map((one) => `${pathText(one.path)}: ${allowedText(one)}`);

  const table: [what: string, patch: Values, expected: string[]][] = [
    ["the same again", { a: { b: 1 }, list: ["x"] }, []],
    ["what nobody owns", { a: { c: 3, d: 4 }, e: 5 }, []],
    ["another value", { a: { b: 2 } }, ["a.b: 1, as section.b decides: set that, and leave this out. Because."]],
    [
      "another type of the same",
      { a: { b: "1" } },
      ["a.b: 1, as section.b decides: set that, and leave this out. Because."],
    ],
    [
      "a value that is taken away",
      { a: { b: null } },
      ["a.b: 1, as section.b decides: set that, and leave this out. Because."],
    ],
    [
      "a branch that is taken away",
      { a: null },
      ["a.b: 1, as section.b decides: set that, and leave this out. Because."],
    ],
    [
      "a branch that becomes a value",
      { a: "x" },
      ["a.b: 1, as section.b decides: set that, and leave this out. Because."],
    ],
    ["another list", { list: ["x", "y"] }, ['list: ["x"]: leave it out. It counts.']],
    ["what is allowed", { off: false }, []],
    ["what is free where the settings make nothing of it", { free: "y" }, []],
    [
      "the same where they do",
      { set: "y" },
      ['set: "x", as section.set decides: set that, and leave this out. One place.'],
    ],
    ["what is not", { off: true }, ["off: nothing: leave it out. It must be off."]],
  ];
  for (const [what, patch, expected] of table)
    it(`takes ${what}: ${expected.length === 0 ? "fine" : "refused"}`, () => assert.deepEqual(found(patch), expected));

  it("goes into what is set, and lets stand what is beside it", () => {
    const branch: Owned[] = [{ path: ["a"], key: "k", why: "" }];
    const paths = (patch: Values) =>
      overridesOf(settled, mergeValues(settled, patch), branch).map(({ path }) => pathText(path));
    assert.deepEqual(paths({ a: { d: 1 } }), []);
    assert.deepEqual(paths({ a: { c: 1 } }), ["a.c"]);
    assert.deepEqual(paths({ a: null }), ["a"]);
  });

  it("takes a value that only the program knows for another one", () => {
    class Output {}
    assert.equal(found({ a: { b: new Output() } }).length, 1);
  });
});

describe("saidOf", () => {
  it("finds a value, and what stands in the place of one of its branches", () => {
    const tree = { a: { b: 1, gone: null }, none: null };
    const paths = ["a", "a.b", "a.gone", "a.gone.x", "none.x.y", "a.c", "x"];
    assert.deepEqual(
      paths.map((one) => saidOf(tree, one.split("."))?.join(".")),
      ["a", "a.b", "a.gone", "a.gone", "none", undefined, undefined],
    );
  });
});

describe("pathText", () => {
  it("puts in quotes what is no plain word", () =>
    assert.equal(
      pathText(["podAnnotations", "proxy.istio.io/config", "env", "A_B"]),
      'podAnnotations["proxy.istio.io/config"].env.A_B',
    ));
});
