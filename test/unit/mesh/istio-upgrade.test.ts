import assert from "node:assert/strict";
import { skippedIstioMinor } from "../../../mesh/istio-upgrade";

// https://istio.io/latest/docs/releases/supported-releases/: data planes of neighbouring minor versions
describe("an upgrade of Istio", () => {
  const cases: [before: string, after: string, first: string | undefined][] = [
    ["1.30.0", "1.31.2", undefined],
    ["1.31.2", "1.31.0", undefined],
    ["1.31.0", "1.30.4", undefined],
    ["1.29.0", "1.31.0", "1.30"],
    ["1.31.0", "1.28.0", "1.30"],
    ["1.31.0", "2.31.0", "1.32"],
    ["unknown", "1.31.0", undefined],
    ["1.31.0", "unknown", undefined],
  ];
  for (const [before, after, first] of cases)
    it(`from ${before} to ${after} ${first === undefined ? "is one step" : `takes ${first} first`}`, () => {
      const found = skippedIstioMinor(before, after);
      assert.equal(found?.fix.match(/a release of (\S+) first/)?.[1], first);
      if (first !== undefined) assert.equal(/ go back from /.test(found!.message), after < before);
    });
});
