import assert from "node:assert/strict";
import { mutantsOf, mutated, sample } from "../../mutation/mutants";

const texts = (code: string) => mutantsOf("a.ts", code).map((mutant) => mutated(code, mutant));

describe("mutants", () => {
  const cases: [what: string, code: string, mistakes: string[]][] = [
    ["conditions are negated, and left out", "if (a) b;", ["if (!(a)) b;", ";", "if (a) ;"]],
    ["a choice is negated", "x = a ? b : c;", [";", "x = !(a) ? b : c;"]],
    ["logic is swapped", "(a && b) || c;", [";", "(a && b) && c;", "(a || b) || c;"]],
    ["equality is turned", "y(a === b, a !== b);", [";", "y(a !== b, a !== b);", "y(a === b, a === b);"]],
    ["bounds are moved", "y(a < b);", [";", "y(a <= b);", "y(a >= b);"]],
    ["truth is turned", "y(true, !a);", [";", "y(false, !a);", "y(true, a);"]],
    ["numbers are others", "y(1_000);", [";", "y(1001);"]],
    ["words are others", 'y("STRICT", "");', [";", 'y("", "");', 'y("STRICT", "mutant");']],
    [
      "prose and templates are left alone",
      'y("two words", `${1 === b}`);',
      [";", 'y("two words", `${1 !== b}`);', 'y("two words", `${2 === b}`);'],
    ],
    ["items of lists are left out", "y([a, ...b]);", [";", "y([...b]);", "y([a, ]);"]],
    ["one and all are swapped", "y(a.some(b));", [";", "y(a.every(b));"]],
    [
      "an order is turned, not split hairs over",
      "y(a.sort((b, c) => (b < c ? -1 : 1)));",
      [";", "y(a.sort((b, c) => (b >= c ? -1 : 1)));", "y(a.sort((b, c) => (!(b < c) ? -1 : 1)));"],
    ],
    ["sums are turned, texts are not", "y(a + b, a + `b`);", [";", "y(a - b, a + `b`);"]],
    [
      "types and imports are left alone",
      'import { a } from "./a"; type B = "c"; interface D { e: "f" } const g: 1 | 2 = h;',
      [],
    ],
  ];
  for (const [what, code, mistakes] of cases)
    it(what, () => assert.deepEqual(texts(code).sort(), [...mistakes].sort()));

  it("tell where they are", () => {
    const [mutant] = mutantsOf("a.ts", "\n\nx = true;").slice(-1);
    assert.deepEqual([mutant!.line, mutant!.original, mutant!.replacement], [3, "true", "false"]);
  });
});

describe("a sample", () => {
  const items = Array.from({ length: 100 }, (_, index) => index);

  it("is the same for one seed, and another for another", () => {
    assert.deepEqual(sample(items, 10, 7), sample(items, 10, 7));
    assert.notDeepEqual(sample(items, 10, 7), sample(items, 10, 8));
  });

  it("has no item twice, and all of them at most", () => {
    assert.equal(new Set(sample(items, 50, 1)).size, 50);
    assert.deepEqual(
      sample(items, 1000, 1).sort((a, b) => a - b),
      items,
    );
  });
});
