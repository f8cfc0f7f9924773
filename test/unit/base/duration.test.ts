import assert from "node:assert/strict";
import { durationHours, durationSeconds } from "../../../base/duration";

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

describe("durationHours", () => {
  it("reads whole hours, however they are written", () =>
    assert.deepEqual(["24h", "120m", "7200s"].map(durationHours), [24, 2, 2]));
  it("refuses parts of an hour", () =>
    assert.deepEqual(["90m", "1h1s", "x"].map(durationHours), Array(3).fill(undefined)));
});
