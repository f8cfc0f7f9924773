import assert from "node:assert/strict";
import { named } from "../../../../sandbox/engine/kubernetes/naming";
import { normalise } from "../../../../sandbox/engine/kubernetes/normalise";
import { canonicalQuantity } from "../../../../sandbox/engine/kubernetes/quantity";
import { markObject } from "../../../../sandbox/engine/kubernetes/secretness";
import { inputsOfImport, inputsOfLive } from "../../../../sandbox/engine/kubernetes/state";
import type { TreeMap } from "../../../../sandbox/engine/kubernetes/tree";
import { Secret, unknown as notKnown } from "../../../../sandbox/engine/wire";

describe("a declared object in the server's form", () => {
  it("has a Secret's text as data, which wins", () => {
    const secret = { apiVersion: "v1", kind: "Secret", data: { a: "b2xk", b: "Yg==" }, stringData: { a: "new" } };
    assert.deepEqual(normalise(secret), { apiVersion: "v1", kind: "Secret", data: { a: "bmV3", b: "Yg==" } });
  });

  it("has what is not known of a Secret as unknown data", () => {
    const secret = { apiVersion: "v1", kind: "Secret" };
    assert.deepEqual(normalise({ ...secret, stringData: { a: notKnown } }), { ...secret, data: { a: notKnown } });
    assert.deepEqual(normalise({ ...secret, stringData: notKnown }), { ...secret, data: notKnown });
  });

  it("has no metadata of the server's, whatever its kind", () => {
    const metadata = { name: "a", uid: "u", resourceVersion: "1", managedFields: [], creationTimestamp: null };
    const object = {
      apiVersion: "enroute.saaras.io/v1",
      kind: "GatewayHost",
      metadata,
      spec: { limits: { a: "1000m" } },
    };
    assert.deepEqual(normalise(object), { ...object, metadata: { name: "a" } });
  });

  it("has quantities as the server writes them", () => {
    const spec = (cpu: string | number) => ({
      template: { spec: { containers: [{ resources: { limits: { cpu } } }] } },
    });
    const deployment = { apiVersion: "apps/v1", kind: "Deployment" };
    assert.deepEqual(normalise({ ...deployment, spec: spec("1000m") }), { ...deployment, spec: spec("1") });
    assert.deepEqual(normalise({ ...deployment, spec: spec(2) }), { ...deployment, spec: spec("2") });
  });

  it("loses a definition's default of preserving unknown fields", () => {
    const crd = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };
    assert.deepEqual(normalise({ ...crd, spec: { group: "g", preserveUnknownFields: false }, status: {} }), {
      ...crd,
      spec: { group: "g" },
    });
  });
});

describe("a quantity", () => {
  // What Go's resource.MustParse(text).String() gives.
  const canonical: Record<string, string> = {
    "1000m": "1",
    "500m": "500m",
    "0.5": "500m",
    "1.5": "1500m",
    "1024Mi": "1Gi",
    "0.5Gi": "512Mi",
    "1536Mi": "1536Mi",
    "128974848": "128974848",
    "1000000": "1M",
    "1e3": "1e3",
    "1.2Ki": "1228800m",
    "1000e3": "1e6",
    "1500e-3": "1500e-3",
    "0": "0",
    "0Mi": "0",
    "-1000m": "-1",
    "100k": "100k",
    "10000000": "10M",
    "0.0001": "100u",
  };
  for (const [text, expected] of Object.entries(canonical)) {
    it(`of ${text} is ${expected}`, () => assert.equal(canonicalQuantity(text), expected));
  }

  it("that is none stays as it is", () => {
    for (const text of ["", "1 Gi", "abc", "1Xi", "."]) assert.equal(canonicalQuantity(text), text);
  });
});

describe("the name of an object", () => {
  const naming = { resourceName: "res", seed: Uint8Array.of(1) };
  const of = (metadata: TreeMap): TreeMap => ({ metadata });

  it("is the declared one", () => {
    const all: TreeMap[] = [{ name: "a" }, { name: notKnown }, { generateName: "a-" }];
    for (const metadata of all) {
      assert.deepEqual(named(of(metadata), {}, naming), of(metadata));
    }
  });

  it("is made up from the resource's name and the seed, and says so", () => {
    const made = named({}, {}, naming);
    assert.deepEqual(made, named({}, {}, naming));
    assert.match(
      JSON.stringify(made),
      /^{"metadata":{"annotations":{"pulumi\.com\/autonamed":"true"},"name":"res-[0-9a-f]{8}"}}$/,
    );
    assert.notDeepEqual(made, named({}, {}, { ...naming, seed: Uint8Array.of(2) }));
  });

  it("stays when it was made up before", () => {
    const before = named({}, {}, naming);
    assert.deepEqual(named({}, before, { ...naming, seed: Uint8Array.of(2) }), before);
  });

  it("follows the project's rule", () => {
    const rule = (mode: "propose" | "disable") => ({ ...naming, rule: { mode, name: "proposed" } });
    const metadata = { annotations: { "pulumi.com/autonamed": "true" }, name: "proposed" };
    assert.deepEqual(named({}, {}, rule("propose")), { metadata });
    assert.throws(() => named({}, {}, rule("disable")), /autonaming is disabled/);
  });
});

describe("what is secret", () => {
  it("is what was secret in the inputs: by key, and lists as a whole", () => {
    const live = { a: "1", b: { c: "2", d: "3" }, list: ["x", "y"], added: "4" };
    const inputs = { a: new Secret("0"), b: { c: new Secret("0") }, list: ["x", new Secret("y")] };
    assert.deepEqual(markObject(live, inputs), {
      a: new Secret("1"),
      b: { c: new Secret("2"), d: "3" },
      list: new Secret(["x", "y"]),
      added: "4",
    });
  });

  it("is the data of every Secret", () => {
    const secret = { apiVersion: "v1", kind: "Secret", data: { a: "1" }, type: "Opaque" };
    assert.deepEqual(markObject(secret, {}), { ...secret, data: new Secret({ a: "1" }) });
    const other = { ...secret, kind: "ConfigMap" };
    assert.deepEqual(markObject(other, {}), other);
  });
});

describe("the inputs of an imported object", () => {
  it("are all that a user could have declared, and for a custom resource what identifies it", () => {
    const annotations = { "deployment.kubernetes.io/revision": "1", mine: "1" };
    const metadata = { name: "a", namespace: "n", uid: "u", annotations };
    const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { replicas: 1 }, status: {} };
    assert.deepEqual(inputsOfImport(deployment), {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "a", namespace: "n", annotations: { mine: "1" } },
      spec: { replicas: 1 },
    });
    const custom = { ...deployment, apiVersion: "example.test/v1" };
    assert.deepEqual(inputsOfImport(custom), {
      apiVersion: "example.test/v1",
      kind: "Deployment",
      metadata: { name: "a", namespace: "n" },
    });
  });
});

describe("the inputs of an object that was read", () => {
  it("are what was declared as it is now, with the empty values that the server leaves out", () => {
    const object = (more: TreeMap): TreeMap => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, ...more });
    const declared = object({ spec: { list: [{ name: "x", value: "" }], off: false, gone: 1, drifted: 1 } });
    const live = object({ spec: { list: [{ name: "x" }, { name: "injected" }], drifted: 2, added: 1 }, status: {} });
    assert.deepEqual(
      inputsOfLive(live, declared),
      object({ spec: { list: [{ name: "x", value: "" }], drifted: 2, off: false } }),
    );
  });
});
