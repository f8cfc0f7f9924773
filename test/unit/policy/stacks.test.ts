import assert from "node:assert/strict";
import { judge, loadLevels } from "../../../policy/rules";
import { stackNames } from "../stack-files";
import { objectsOf } from "./objects";

describe("the policies", () => {
  for (const stack of stackNames)
    it(`find nothing wrong with the stack ${stack}`, async () => {
      const objects = await objectsOf(stack);
      assert.ok(objects.length > 15, `only ${objects.length} objects`);
      const now = new Date("2026-11-01"); // the exceptions of the examples end
      assert.deepEqual(judge(objects, { environment: stack, levels: loadLevels(stack), now }), []);
    });
});
