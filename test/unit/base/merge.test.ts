import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { mergeValues } from "../../../base/merge";

describe("mergeValues", () => {
  it("merges objects key by key and leaves both sides as they were", () => {
    const base = { a: { b: 1, c: 2 }, d: 3 };
    const patch = { a: { c: 4, e: 5 } };
    assert.deepEqual(mergeValues(base, patch), { a: { b: 1, c: 4, e: 5 }, d: 3 });
    assert.deepEqual([base, patch], [{ a: { b: 1, c: 2 }, d: 3 }, { a: { c: 4, e: 5 } }]);
  });

  it("replaces arrays and scalars whole", () => {
    assert.deepEqual(mergeValues({ list: [1, 2, 3], branch: { x: 1 } }, { list: [4], branch: "leaf" }), {
      list: [4],
      branch: "leaf",
    });
  });

  it("deletes with null, also inside a branch that the base does not have", () => {
    assert.deepEqual(mergeValues({ a: 1, b: { c: 1 } }, { a: null, b: { c: null }, d: { e: null } }), { b: {}, d: {} });
  });

  it("takes an Output whole", () => {
    const output = pulumi.output({ x: 1 });
    assert.equal(mergeValues({ a: { y: 2 } }, { a: output })["a"], output);
  });

  it("changes nothing without a patch", () => {
    assert.deepEqual(mergeValues({ a: 1 }, undefined), { a: 1 });
    assert.deepEqual(mergeValues({ a: 1 }, { a: undefined }), { a: 1 });
  });
});
