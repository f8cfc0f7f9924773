import assert from "node:assert/strict";
import { apiGroup, placeOf, titleOf } from "../../../mesh/object";

describe("an object", () => {
  it("is called by its kind, namespace and name", () => {
    assert.equal(titleOf({ kind: "Secret", metadata: { name: "s", namespace: "n" } }), "Secret n/s");
    assert.equal(titleOf({ kind: "Namespace", metadata: { name: "n" } }), "Namespace n");
    assert.equal(placeOf({ metadata: { name: "s", namespace: "n" } }), "n/s");
  });

  it("is of a group", () => assert.deepEqual(["apps/v1", "v1", undefined].map(apiGroup), ["apps", "", ""]));
});
