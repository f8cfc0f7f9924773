import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { marks, own } from "./sides";

/** A change, its sides as YAML, and every mark that it had when the record was made. */
interface Recorded {
  title: string;
  before: string[];
  after: string[];
  marks: string[];
}

describe("the recorded marks of a review", () => {
  const record = JSON.parse(readFileSync(join(__dirname, "golden.json"), "utf8")) as Recorded[];

  for (const { title, before, after, marks: expected } of record)
    it(`stay the same for ${title}`, () => {
      const [old, current] = [before, after].map((objects) => objects.map((text) => own(text)));
      assert.deepEqual(marks(old!, current!), expected);
    });

  it("hold a finding of every topic that is not the mesh's own", () => {
    const topics = new Set(record.flatMap((one) => one.marks).map((text) => text.replace(/^\w+ ([\w ]+): .*$/, "$1")));
    assert.deepEqual([...topics].sort(), [
      "CRD",
      "availability",
      "deletion",
      "exposure",
      "image",
      "outage",
      "restart",
      "rights",
      "security context",
      "webhook",
    ]);
  });
});
