import assert from "node:assert/strict";
import { inspect } from "node:util";
import { type RolloutError, isRolloutError } from "../automation";

/** The library's error that an operation must end with. */
export async function refusalOf(operation: Promise<unknown>): Promise<RolloutError> {
  try {
    await operation;
  } catch (error) {
    assert.ok(isRolloutError(error), inspect(error));
    return error;
  }
  assert.fail("nothing was refused");
}
