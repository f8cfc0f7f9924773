import assert from "node:assert/strict";
import { durationSeconds } from "../../../components/duration";

describe("durationSeconds", () => {
  for (const [text, seconds] of [
    ["24h", 86400],
    ["1h30m", 5400],
    ["90s", 90],
    ["0s", 0],
  ] as const)
    it(`reads ${text}`, () => assert.equal(durationSeconds(text), seconds));
  for (const text of ["", "24", "1d", "h", "1.5h", "-1h", "30m1h", " 1h"])
    it(`refuses "${text}"`, () => assert.equal(durationSeconds(text), undefined));
});
