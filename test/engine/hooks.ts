/** Mocha's root hooks for the tests with the real engine: `mocha --require tsx --require test/engine/hooks.ts …`. */
import type { RootHookObject } from "mocha";
import { noteFailure, stopSharedSandbox } from "./sandbox-fixture";

export const mochaHooks: RootHookObject = {
  afterEach(this: Mocha.Context) {
    if (this.currentTest?.state === "failed") {
      noteFailure();
    }
  },
};

export async function mochaGlobalTeardown(): Promise<void> {
  await stopSharedSandbox();
}
