import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { type Sandbox, startSandbox } from "../../sandbox/cluster";
import { type RoundReport, type UpgradeDrillOptions, roundText, upgradeDrill } from "./upgrade-drill";

describe("the upgrade drill", function () {
  this.timeout(600_000);
  const sandboxes: Sandbox[] = [];

  const run = async (name: string, options: Omit<UpgradeDrillOptions, "sandbox" | "stack" | "workers">) => {
    const sandbox = await startSandbox({ name: `${name}-${process.pid}`, tied: true, traffic: true });
    sandboxes.push(sandbox);
    return upgradeDrill({ sandbox, stack: "drill", workers: 2, ...options });
  };
  const text = (rounds: RoundReport[]) => rounds.map(roundText).join("\n");

  after(async () => {
    for (const sandbox of sandboxes) {
      await sandbox.stop();
      rmSync(sandbox.folder, { recursive: true, force: true });
    }
  });

  it("loses no request while Istio goes to the next version by revision, back from the middle, and to its end", async () => {
    const rounds = await run("upgrade", { rounds: ["back from the middle", "forth"] });
    for (const { failures, requests } of rounds) {
      assert.equal(failures, 0, text(rounds));
      assert.ok(requests > 300, text(rounds));
    }
  });

  it("catches what happens without the phases", async () => {
    const rounds = await run("skipped", { rounds: ["skipping the phases"] });
    assert.ok(rounds[0]!.failures > 0, text(rounds));
  });
});
