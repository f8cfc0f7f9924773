import assert from "node:assert/strict";
import { defined } from "../../../base/defined";

describe("defined", () => {
  it("drops members that are undefined, and keeps every other value", () => {
    const none = undefined as string | undefined;
    const object: { a?: string; b: null; c: number; d: boolean } = defined({ a: none, b: null, c: 0, d: false });
    assert.deepEqual(Object.keys(object), ["b", "c", "d"]);
    assert.deepEqual(object, { b: null, c: 0, d: false });
  });

  it("goes no deeper", () => assert.deepEqual(Object.keys(defined({ a: { b: undefined } }).a), ["b"]));
});
