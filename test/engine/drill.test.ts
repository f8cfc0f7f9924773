import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { type Sandbox, startSandbox } from "../../sandbox/cluster";
import { type DrillOptions, type DrillReport, drill, drillText } from "./drill";

describe("the rotation drill", function () {
  // Certificates last a minute, the least that the settings take; the two drills run side by side.
  this.timeout(600_000);
  const sandboxes: Sandbox[] = [];
  let whole: DrillReport;
  let faulty: DrillReport;

  const run = async (name: string, options: Omit<DrillOptions, "sandbox" | "stack" | "ttl" | "workers">) => {
    const sandbox = await startSandbox({ name: `${name}-${process.pid}`, tied: true, traffic: true });
    sandboxes.push(sandbox);
    return drill({ sandbox, stack: "drill", ttl: "1m", workers: 2, ...options });
  };

  before(async () => {
    [whole, faulty] = await Promise.all([
      run("drill", { rotations: 3, renewServingCertificate: true, changeRoot: true }),
      run("fault", { rotations: 2, renewServingCertificate: false, changeRoot: false, keepGatewayCertificates: true }),
    ]);
  });

  after(async () => {
    for (const sandbox of sandboxes) {
      await sandbox.stop();
      rmSync(sandbox.folder, { recursive: true, force: true });
    }
  });

  it("loses no request while everything rotates: workload certificates, the one for clients, and the mesh's root", () => {
    const text = drillText(whole);
    assert.equal(whole.failures, 0, text);
    assert.ok(whole.requests > 500, text);
    assert.ok(whole.rotations >= 3, text);
    assert.deepEqual(whole.phases, ["add the new root", "switch the signer", "drop the old root"]);
    assert.equal(whole.certificates.filter(({ end }) => end === "gateway to clients").length, 2, text);
    for (const end of ["gateway to workloads", "workload"] as const) {
      const issuers = whole.certificates.filter((seen) => seen.end === end).map(({ issuer }) => issuer);
      assert.ok(issuers.length >= 3, text);
    }
  });

  it("catches a gateway that keeps its first certificate, the known failure of this technique", () => {
    const text = drillText(faulty);
    assert.ok(faulty.failures > 0, text);
    assert.match(Object.keys(faulty.reasons).join(), /503/, text);
  });
});
