import assert from "node:assert/strict";
import {
  asList,
  asText,
  asTree,
  at,
  isTree,
  parsedJson,
  plain,
  textsAt,
  texts,
  treeAt,
  treesAt,
} from "../../../base/tree";
import { count, listed } from "../../../base/text";

describe("a tree", () => {
  const tree = { a: { b: [{ c: "d" }, "e", 1, null] }, empty: "" };

  it("is read at a path, and has nothing where one key is missing", () => {
    assert.equal(at(tree, "a", "b", 0, "c"), "d");
    assert.equal(at(tree), tree);
    for (const path of [["x"], ["x", "y"], ["empty", "y"], ["a", "b", 3, "y"]])
      assert.equal(at(tree, ...path), undefined);
    assert.equal(at(undefined, "a"), undefined);
    assert.equal(at(null, "a"), undefined);
  });

  it("is no list, no text and nothing", () =>
    assert.deepEqual([{}, [], "t", null, undefined, 1].map(isTree), [true, false, false, false, false, false]));

  it("is empty where something else stands", () => {
    assert.deepEqual(
      [asTree([1]), asTree({ a: 1 }), treeAt(tree, "a", "b"), treeAt(tree, "x")],
      [{}, { a: 1 }, {}, {}],
    );
    assert.deepEqual([asList({}), asList([1])], [[], [1]]);
    assert.deepEqual([treesAt(tree, "a", "b"), treesAt(tree, "a")], [[{ c: "d" }], []]);
    assert.deepEqual([textsAt(tree, "a", "b"), textsAt(tree, "x")], [["e"], []]);
    assert.deepEqual([asText(""), asText(1), asText("t")], [undefined, undefined, "t"]);
  });

  it("is told in words", () =>
    assert.deepEqual([undefined, null, "t", 1, { a: 1 }].map(plain), ["none", "none", "t", "1", '{"a":1}']));

  it("has texts, each with its path", () =>
    assert.deepEqual(
      [...texts(tree)].map(({ path, text }) => `${path}=${text}`),
      ["a.b[0].c=d", "a.b[1]=e", "empty="],
    ));

  it("may stand in a text of JSON", () =>
    assert.deepEqual(['{"a":1}', "{", 1, undefined].map(parsedJson), [{ a: 1 }, undefined, undefined, undefined]));
});

describe("words", () => {
  it("are counted", () =>
    assert.deepEqual(
      [count(1, "policy"), count(2, "policy"), count(0, "proxy"), count(2, "day"), count(2, "pod")],
      ["1 policy", "2 policies", "0 proxies", "2 days", "2 pods"],
    ));

  it("are listed, the first few of them", () => {
    assert.equal(listed(["a", "b"]), "a, b");
    assert.equal(listed(["a", "b", "c"], 2), "a, b and 1 more");
    assert.equal(listed(["a", "b"], 2), "a, b");
  });
});
