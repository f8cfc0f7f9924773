import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Sandbox, startSandbox } from "../../sandbox/cluster";
import { clientIdentity, sendRequest } from "../../sandbox/request";
import { type HealthyStack, rollOut, verifyUntil } from "./healthy-stack";
import { effectFaults } from "./table";

/*
 * What is in force, where every pod of the stack has a real agent and Envoy: a healthy rollout is proven whole, and each fault that
 * lets plain text through is shown to do so by a real request.
 */
describe("what is in force", function () {
  this.timeout(120_000);
  let sandbox: Sandbox;
  let healthy: HealthyStack;

  before(async function () {
    this.timeout(0); // the first build takes minutes
    sandbox = await startSandbox({ name: `effect-${process.pid}`, tied: true, traffic: true });
    healthy = await rollOut(sandbox);
  });
  after(async () => {
    await sandbox?.stop();
    if (sandbox !== undefined) rmSync(sandbox.folder, { recursive: true, force: true });
  });

  const isWell = async () => {
    const { failed, unknown, evidence } = await verifyUntil(
      healthy,
      (outcome) => outcome.failed.length === 0 && outcome.unknown.length === 0,
    );
    assert.deepEqual([failed, unknown], [[], []], evidence);
  };

  /** Sends a request in plain text to a Service of the workload. */
  async function plain(name: string): Promise<"refused" | "answered"> {
    const service = await healthy.seeds.read({ apiVersion: "v1", kind: "Service", namespace: "bookinfo", name });
    const { clusterIP } = service["spec"] as { clusterIP: string };
    try {
      const answer = await sendRequest({ address: clusterIP, port: 9080, host: name });
      assert.equal(clientIdentity(answer), undefined);
      return answer.status === 200 ? "answered" : "refused";
    } catch {
      return "refused";
    }
  }
  async function plainUntil(name: string, wanted: "refused" | "answered"): Promise<void> {
    const deadline = Date.now() + 30_000;
    for (let seen = await plain(name); seen !== wanted; seen = await plain(name)) {
      assert.ok(Date.now() < deadline, `a request in plain text to ${name} is ${seen}`);
      await sleep(250);
    }
  }

  it("proves a healthy rollout whole: nothing is left that could not be told", isWell);

  for (const fault of effectFaults)
    it(`is found: ${fault.name}${fault.plain === undefined ? "" : ", and plain text gets through"}`, async () => {
      if (fault.plain !== undefined) await plainUntil(fault.plain, "refused");
      const heal = await fault.break(healthy.seeds);
      try {
        const sorted = (names: readonly string[] = []) => [...names].sort();
        const { failed, unknown, evidence } = await verifyUntil(
          healthy,
          (outcome) =>
            sorted(outcome.failed).join() === sorted(fault.found).join() &&
            sorted(outcome.unknown).join() === sorted(fault.hidden).join(),
        );
        assert.deepEqual(sorted(failed), sorted(fault.found), evidence);
        assert.deepEqual(sorted(unknown), sorted(fault.hidden));
        if (fault.plain !== undefined) await plainUntil(fault.plain, "answered");
      } finally {
        await heal();
      }
      await isWell();
      if (fault.plain !== undefined) await plainUntil(fault.plain, "refused");
    });
});
