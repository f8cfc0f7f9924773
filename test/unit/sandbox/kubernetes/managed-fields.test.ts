import assert from "node:assert/strict";
import { adoptFields, hasAdoptable, isForeign } from "../../../../sandbox/engine/kubernetes/managed-fields";
import type { TreeMap } from "../../../../sandbox/engine/kubernetes/tree";
import { ignored } from "../../../../sandbox/engine/kubernetes/update";

function live(...managers: [string, "Apply" | "Update", TreeMap][]): TreeMap {
  return {
    metadata: {
      managedFields: managers.map(([manager, operation, fieldsV1]) => ({
        manager,
        operation,
        fieldsV1,
        apiVersion: "v1",
      })),
    },
    spec: {
      replicas: 5,
      containers: [
        { name: "a", image: "x" },
        { name: "b", image: "y" },
      ],
    },
  };
}

describe("the fields of an object that was created plainly", () => {
  it("move to the applying manager, together with those it has", () => {
    const object = live(
      ["pulumi-kubernetes", "Update", { "f:data": { "f:a": {} } }],
      ["pulumi-kubernetes-1", "Apply", { "f:data": { "f:b": {} } }],
      ["controller", "Update", { "f:status": {} }],
    );
    assert.equal(hasAdoptable(object), true);
    assert.deepEqual(adoptFields(object, "pulumi-kubernetes-1"), [
      { manager: "controller", operation: "Update", fieldsV1: { "f:status": {} }, apiVersion: "v1" },
      {
        manager: "pulumi-kubernetes-1",
        operation: "Apply",
        fieldsV1: { "f:data": { "f:b": {}, "f:a": {} } },
        apiVersion: "v1",
      },
    ]);
  });

  it("stay where only controllers and appliers have written", () => {
    assert.equal(hasAdoptable(live(["controller", "Update", {}], ["kubectl", "Apply", {}])), false);
  });
});

describe("an ignored field", () => {
  const fields = { "f:spec": { "f:replicas": {}, "f:containers": { 'k:{"name":"b"}': { "f:image": {} } } } };

  it("is another's only if we own it not", () => {
    const theirs = live(["autoscaler", "Update", fields]);
    assert.equal(isForeign(theirs, ["spec", "replicas"], "us"), true);
    assert.equal(isForeign(theirs, ["spec", "containers", 1, "image"], "us"), true);
    assert.equal(isForeign(theirs, ["spec", "containers", 0, "image"], "us"), false);
    assert.equal(
      isForeign(live(["autoscaler", "Update", fields], ["us", "Apply", fields]), ["spec", "replicas"], "us"),
      false,
    );
  });

  it("is left out of the request where it is another's, and sent as it is where it is ours", () => {
    const wanted = { spec: { replicas: 1, containers: [{ name: "a", image: "new" }] } };
    const theirs = ignored(wanted, live(["autoscaler", "Update", fields]), "spec.replicas", "us");
    assert.deepEqual(theirs["spec"], { containers: [{ name: "a", image: "new" }] });
    const ours = ignored(wanted, live(["us", "Apply", fields]), "spec.replicas", "us");
    assert.deepEqual(ours["spec"], { replicas: 5, containers: [{ name: "a", image: "new" }] });
    const image = ignored(wanted, live(["us", "Apply", fields]), "spec.containers[0].image", "us");
    assert.deepEqual(image["spec"], { replicas: 1, containers: [{ name: "a", image: "x" }] });
  });
});
