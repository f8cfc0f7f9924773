import assert from "node:assert/strict";
import { discoverySelectorsOf, isDiscovered, selectorByName } from "../../../mesh/discovery";
import { type LabelSelector, satisfies } from "../../../mesh/label-selector";
import { parse } from "yaml";

const expression = (key: string, operator: string, ...values: string[]): LabelSelector => ({
  matchExpressions: [{ key, operator, ...(values.length === 0 ? {} : { values }) }],
});

describe("satisfies", () => {
  const labels = { team: "shop", stage: "prod" };
  const table: [what: string, selector: LabelSelector | undefined, whole: boolean, partly: boolean | undefined][] = [
    ["no selector", undefined, true, true],
    ["an empty selector", {}, true, true],
    ["a label", { matchLabels: { team: "shop" } }, true, true],
    ["another value", { matchLabels: { team: "bank" } }, false, false],
    ["a label that is not known", { matchLabels: { tier: "web" } }, false, undefined],
    ["one right and one unknown", { matchLabels: { team: "shop", tier: "web" } }, false, undefined],
    ["one wrong and one unknown", { matchLabels: { team: "bank", tier: "web" } }, false, false],
    ["In", expression("team", "In", "bank", "shop"), true, true],
    ["In of others", expression("team", "In", "bank"), false, false],
    ["In of an unknown", expression("tier", "In", "web"), false, undefined],
    ["NotIn", expression("team", "NotIn", "bank"), true, true],
    ["NotIn of its own", expression("team", "NotIn", "shop"), false, false],
    ["NotIn of an unknown", expression("tier", "NotIn", "web"), true, undefined],
    ["Exists", expression("team", "Exists"), true, true],
    ["Exists of an unknown", expression("tier", "Exists"), false, undefined],
    ["DoesNotExist", expression("team", "DoesNotExist"), false, false],
    ["DoesNotExist of an unknown", expression("tier", "DoesNotExist"), true, undefined],
    ["an operator that is none", expression("team", "Matches", "shop"), false, false],
  ];
  for (const [what, selector, whole, partly] of table)
    it(`decides ${what}: ${whole}, and ${partly} where more labels may be there`, () => {
      assert.equal(satisfies(selector, labels), whole);
      assert.equal(satisfies(selector, labels, false), partly);
    });
});

describe("isDiscovered", () => {
  const shop = { name: "shop", labels: { mesh: "yes" } };
  it("is so without selectors, and with none of them", () => {
    assert.equal(isDiscovered(undefined, shop), true);
    assert.equal(isDiscovered([], shop), true);
  });
  it("takes one selector that matches", () => {
    const selectors = [{ matchLabels: { mesh: "no" } }, { matchLabels: { mesh: "yes" } }];
    assert.equal(isDiscovered(selectors, shop), true);
    assert.equal(isDiscovered(selectors, { name: "bank", labels: {} }), false);
    assert.equal(isDiscovered(selectors, { name: "bank", labels: {} }, false), undefined);
  });
  it("knows a namespace by its name", () => {
    const selector = (parse(selectorByName("shop", "bank")) as LabelSelector) ?? {};
    assert.equal(isDiscovered([selector], { name: "bank", labels: {} }), true);
    assert.equal(isDiscovered([selector], { name: "other", labels: {} }, false), false);
  });
});

describe("discoverySelectorsOf", () => {
  it("reads the list, and nothing else", () => {
    assert.deepEqual(discoverySelectorsOf({ discoverySelectors: [{}] }), [{}]);
    for (const other of [undefined, null, {}, { discoverySelectors: { matchLabels: {} } }, "x"])
      assert.equal(discoverySelectorsOf(other), undefined);
  });
});
