import assert from "node:assert/strict";

/*
 * Loaded before every test. `assert.ok` without a message has Node.js 20 search the source for the call, which never comes to
 * an end in the one-line files that tsx makes of it (getErrMessage in lib/assert.js): a failed test would hang the run.
 */
assert.ok = (value: unknown, message: string | Error = "expected a value that is true"): asserts value => {
  if (value) return;
  throw message instanceof Error
    ? message
    : new assert.AssertionError({ message, actual: value, operator: "ok", stackStartFn: assert.ok });
};
