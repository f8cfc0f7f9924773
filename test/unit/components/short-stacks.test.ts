import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { withShortStacks } from "../../../components/short-stacks";

const errors = Error as { stackTraceLimit: number; prepareStackTrace?: unknown };

const framesOf = (stack = "") => stack.split("\n").filter((line) => /^\s+at /.test(line));

/** A stack of the SDK, which lifts the limit for it, noted far down. */
function wholeStack(depth = 30): string | undefined {
  if (depth > 0) return wholeStack(depth - 1);
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = Infinity;
  try {
    return new Error("noted").stack;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

describe("withShortStacks", () => {
  it("keeps seven frames of a whole stack, and one of any other", () => {
    const [whole, other] = withShortStacks(() => [wholeStack(), new Error("one").stack]);
    assert.match(whole!, /^Error: noted\n\s+at wholeStack /);
    assert.deepEqual([framesOf(whole).length, framesOf(other).length], [7, 1]);
    assert.match(other!, /short-stacks\.test\.ts/);
  });

  it("formats without the runtime's own format as well", () => {
    const { prepareStackTrace } = errors;
    delete errors.prepareStackTrace;
    try {
      const stack = withShortStacks(() => wholeStack());
      assert.match(stack!, /^Error: noted\n {4}at wholeStack \(.*short-stacks\.test\.ts:\d+:\d+\)/);
      assert.equal(framesOf(stack).length, 7);
    } finally {
      errors.prepareStackTrace = prepareStackTrace;
    }
  });

  it("leaves all as it was, also after an error", () => {
    const before = [errors.stackTraceLimit, errors.prepareStackTrace];
    assert.throws(
      () =>
        withShortStacks(() => {
          throw new pulumi.RunError("no");
        }),
      /^Error: no/,
    );
    assert.deepEqual([errors.stackTraceLimit, errors.prepareStackTrace], before);
    assert.ok(framesOf(wholeStack()).length > 30);
  });
});
