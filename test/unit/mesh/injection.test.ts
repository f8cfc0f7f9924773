import assert from "node:assert/strict";
import {
  hasBothLabels,
  injectionLabels,
  injectorOf,
  injectionText,
  isInjected,
  isOptedOut,
  neverInjected,
} from "../../../mesh/injection";

/*
 * Sources in istio/istio: the webhooks of manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml;
 * IgnoredNamespaces of pkg/kube/inject/initializer.go; injectRequired of pkg/kube/inject/inject.go.
 */
const cases: [labels: Record<string, string>, injected: boolean, why: string][] = [
  [{}, false, "no webhook selects it"],
  [{ "istio-injection": "enabled" }, true, "webhook namespace."],
  [{ "istio-injection": "disabled" }, false, "only `enabled` is selected"],
  [{ "istio-injection": "true" }, false, "only `enabled` is selected"],
  [{ "istio.io/rev": "1-31" }, true, "webhook rev.namespace."],
  [{ "istio.io/rev": "" }, false, "no revision is called so"],
  [{ "istio-injection": "enabled", "istio.io/rev": "1-31" }, true, "by the default revision"],
  [
    { "istio-injection": "disabled", "istio.io/rev": "1-31" },
    false,
    "rev.namespace. wants istio-injection not to exist",
  ],
  [{ "istio-injection": "", "istio.io/rev": "1-31" }, false, "an empty label exists, too"],
];

describe("a namespace", () => {
  for (const [labels, injected, why] of cases)
    it(`with ${JSON.stringify(labels)} is ${injected ? "" : "not "}injected: ${why} (mutatingwebhook.yaml)`, () =>
      assert.equal(isInjected({ metadata: { name: "shop", labels } }), injected));

  it("without labels is not injected", () => assert.equal(isInjected({ metadata: { name: "shop" } }), false));

  for (const name of ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"])
    it(`${name} is never injected (IgnoredNamespaces)`, () => {
      assert.equal(isInjected({ metadata: { name, labels: { "istio-injection": "enabled" } } }), false);
      assert.ok(neverInjected.includes(name));
    });

  it("gets the labels by which Istio knows it", () => {
    assert.deepEqual(injectionLabels("enabled"), { "istio-injection": "enabled" });
    assert.deepEqual(injectionLabels({ revision: "canary" }), { "istio.io/rev": "canary" });
    assert.deepEqual(injectionLabels("none"), {});
  });

  it("may have both labels", () => {
    const both = (labels?: Record<string, string>) =>
      hasBothLabels({ metadata: { name: "n", ...(labels === undefined ? {} : { labels }) } });
    assert.ok(both({ "istio-injection": "", "istio.io/rev": "x" }));
    assert.ok(!both({ "istio.io/rev": "x" }) && !both({ "istio-injection": "enabled" }) && !both());
  });

  it("is described by what Istio reads of it", () => {
    assert.equal(
      injectionText({ "istio.io/rev": "b", a: "c", "istio-injection": "enabled" }),
      "istio-injection=enabled, istio.io/rev=b",
    );
    assert.equal(injectionText({ a: "c" }), "");
  });

  it("is injected by a revision", () => {
    const injector = (labels: Record<string, string>) => injectorOf({ metadata: { name: "n", labels } });
    assert.equal(injector({ "istio.io/rev": "1-31" }), "1-31");
    assert.equal(injector({ "istio-injection": "enabled", "istio.io/rev": "1-31" }), "default");
    assert.equal(injector({ "istio-injection": "disabled", "istio.io/rev": "1-31" }), undefined);
  });
});

describe("a pod", () => {
  const key = "sidecar.istio.io/inject";
  const pods: [labels: object, annotations: object, out: boolean, why: string][] = [
    [{}, {}, false, "says nothing"],
    [{ [key]: "false" }, {}, true, "the label"],
    [{}, { [key]: "false" }, true, "the annotation"],
    [{ [key]: "true" }, { [key]: "false" }, false, "the label is preferred"],
    [{ [key]: "false" }, { [key]: "true" }, true, "the label is preferred"],
    [{ [key]: "no" }, {}, false, "only true and false are taken"],
  ];
  for (const [labels, annotations, out, why] of pods)
    it(`${out ? "refuses" : "takes"} its sidecar with ${JSON.stringify({ labels, annotations })}: ${why} (injectRequired)`, () =>
      assert.equal(isOptedOut({ metadata: { labels: { ...labels }, annotations: { ...annotations } } }), out));

  it("without metadata takes its sidecar", () =>
    assert.deepEqual([isOptedOut({}), isOptedOut(undefined)], [false, false]));
});
