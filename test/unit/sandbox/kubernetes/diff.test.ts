import assert from "node:assert/strict";
import { changes, pruneMap, withoutIgnored } from "../../../../sandbox/engine/kubernetes/diff";
import { forceNewPaths, forcesNew } from "../../../../sandbox/engine/kubernetes/force-new";
import { formatPath, parsePath } from "../../../../sandbox/engine/kubernetes/paths";
import type { TreeMap } from "../../../../sandbox/engine/kubernetes/tree";
import { unknown as notKnown } from "../../../../sandbox/engine/wire";

function found(live: TreeMap, news: TreeMap, oldInputs: TreeMap): Record<string, string> {
  const all = changes(pruneMap(live, oldInputs), news, oldInputs);
  return Object.fromEntries(all.map(({ path, kind }) => [formatPath(path), kind]));
}

describe("the differences of an object", () => {
  it("are none for what only the cluster has", () => {
    const inputs = { spec: { containers: [{ name: "a", image: "x" }] } };
    const live = {
      spec: { containers: [{ name: "a", image: "x", ports: [] }, { name: "injected" }], nodeName: "n" },
      status: {},
    };
    assert.deepEqual(found(live, inputs, inputs), {});
  });

  it("name each changed, added and removed property by its path", () => {
    const old = { metadata: { annotations: { "a.b/c": "1" } }, spec: { list: [1, { image: "x" }, 3], gone: true } };
    const now = { metadata: { annotations: { "a.b/c": "2" } }, spec: { list: [1, { image: "y" }], more: { deep: 1 } } };
    assert.deepEqual(found(old, now, old), {
      'metadata.annotations["a.b/c"]': "update",
      "spec.list[1].image": "update",
      "spec.list[2]": "delete",
      "spec.more": "add",
      "spec.gone": "delete",
    });
  });

  it("show drift, and what drift has removed", () => {
    const inputs = { data: { a: "1", b: "2" } };
    assert.deepEqual(found({ data: { a: "drifted" } }, inputs, inputs), { "data.a": "update", "data.b": "add" });
  });

  it("are none for an empty value that the server leaves out", () => {
    const inputs = { spec: { hostNetwork: false, env: [{ name: "A", value: "" }], labels: {}, nothing: null } };
    assert.deepEqual(found({ spec: { env: [{ name: "A" }] } }, inputs, inputs), {});
    const without = { spec: { env: [{ name: "A" }] } };
    assert.deepEqual(found(without, { spec: { ...without.spec, hostNetwork: false } }, without), {
      "spec.hostNetwork": "add",
    });
  });

  it("hold every value that is not known yet", () => {
    const old = { data: { a: "1" } };
    assert.deepEqual(found(old, { data: { a: notKnown, b: notKnown } }, old), { "data.a": "update", "data.b": "add" });
  });

  it("leave out what is to be ignored, at a path and below it", () => {
    const old = { spec: { replicas: 1, list: [{ image: "x", name: "a" }], map: { deep: { er: 1 } } } };
    const now = { spec: { replicas: 2, list: [{ image: "y", name: "b" }], map: { deep: { er: 2 } } } };
    const ignored = ["spec.replicas", "spec.list[*].image", 'spec["map"]'].map(parsePath);
    const left = withoutIgnored(changes(old, now, old), ignored);
    assert.deepEqual(
      left.map(({ path }) => formatPath(path)),
      ["spec.list[0].name"],
    );
  });
});

describe("a property path", () => {
  it("survives being written and read", () => {
    for (const path of [
      ["spec", "containers", 0, "image"],
      ["metadata", "annotations", "a.b/c"],
      ["a", 'quo"te', 3],
    ]) {
      assert.deepEqual(parsePath(formatPath(path)), path);
    }
  });
});

describe("a replacement", () => {
  function replaced(kind: string, old: TreeMap, now: TreeMap, mutable = false): string[] {
    const [apiVersion = "", name = ""] = kind.split(" ");
    const of = { apiVersion, kind: name };
    const paths = forceNewPaths(of, now, { secrets: mutable, configMaps: mutable });
    return changes(old, now, old)
      .filter((change) => forcesNew(change, of, paths))
      .map(({ path }) => formatPath(path));
  }

  it("follows a new name, namespace or kind of anything", () => {
    const old = { kind: "A", metadata: { name: "a", namespace: "n", labels: { l: "1" } }, spec: { x: 1 } };
    const now = { kind: "B", metadata: { name: "b", namespace: "m", labels: { l: "2" } }, spec: { x: 2 } };
    const all = ["kind", "metadata.name", "metadata.namespace"];
    assert.deepEqual(replaced("security.istio.io/v1 PeerAuthentication", old, now), all);
    assert.deepEqual(replaced("v1 Namespace", old, now), all);
  });

  it("follows new data of Secrets and ConfigMaps, unless they may be changed", () => {
    const [old, now] = [{ data: { a: "1" } }, { data: { a: "2" } }];
    for (const kind of ["v1 Secret", "v1 ConfigMap"]) {
      assert.deepEqual(replaced(kind, old, now), ["data.a"]);
      assert.deepEqual(replaced(kind, old, now, true), []);
      assert.deepEqual(replaced(kind, old, { ...now, immutable: true }, true), ["data.a"]);
    }
    assert.deepEqual(replaced("v1 Secret", { type: "Opaque" }, { type: "kubernetes.io/tls" }, true), ["type"]);
  });

  it("follows a new selector or cluster IP, but not a new image of a Deployment", () => {
    const spec = (selector: string, image: string) => ({
      spec: { selector: { matchLabels: { app: selector } }, template: { spec: { containers: [{ image }] } } },
    });
    assert.deepEqual(replaced("apps/v1 Deployment", spec("a", "x"), spec("a", "y")), []);
    assert.deepEqual(replaced("apps/v1 Deployment", spec("a", "x"), spec("b", "x")), ["spec.selector.matchLabels.app"]);
    const service = (clusterIP: string) => ({ spec: { clusterIP, ports: [] } });
    assert.deepEqual(replaced("v1 Service", service("None"), service("10.0.0.1")), ["spec.clusterIP"]);
  });

  it("follows nearly every change of a Pod", () => {
    const pod = (image: string, tolerations: string[], host: string) => ({
      spec: { containers: [{ image }], tolerations, hostname: host },
    });
    assert.deepEqual(replaced("v1 Pod", pod("x", ["a"], "h"), pod("x", ["b"], "h")), []);
    assert.deepEqual(replaced("v1 Pod", pod("x", [], "h"), pod("y", [], "i")), [
      "spec.containers[0].image",
      "spec.hostname",
    ]);
  });

  it("follows a whole parent that brings such a field", () => {
    const now = { spec: { selector: { matchLabels: { app: "a" } } } };
    assert.deepEqual(replaced("apps/v1 Deployment", {}, now), ["spec"]);
    assert.deepEqual(replaced("apps/v1 Deployment", {}, { spec: { replicas: 1 } }), []);
  });
});
