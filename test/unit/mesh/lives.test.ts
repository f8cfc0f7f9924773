import assert from "node:assert/strict";
import { isDue, meshRenewal, servingRemedies, timeLeft } from "../../../mesh/lives";

const day = 86_400_000;
const start = Date.parse("2026-01-01T00:00:00Z");
const lasting = (days: number) => ({
  validFrom: new Date(start).toUTCString(),
  validTo: new Date(start + days * day).toUTCString(),
});
const after = (days: number) => new Date(start + days * day);

describe("a certificate", () => {
  // Agents, cert-manager and @pulumi/tls all renew in the last third: what is older than that was forgotten.
  const cases: [life: number, age: number, notice: number, due: boolean, why: string][] = [
    [90, 75, 14, false, "more than the notice is left"],
    [90, 76, 14, true, "the notice is left"],
    [90, 89, 14, true, "less than the notice is left"],
    [90, 91, 14, true, "it has ended"],
    [9, 1, 14, false, "made for a short life, it is not in its last third"],
    [9, 6, 14, true, "made for a short life, it is in its last third"],
    [9, 5.9, 14, false, "its last third has not begun"],
  ];
  for (const [life, age, notice, due, why] of cases)
    it(`of ${life} days is ${due ? "" : "not "}due after ${age} with a notice of ${notice}: ${why}`, () =>
      assert.equal(isDue(lasting(life), after(age), notice * day), due));

  it("has time left, or none", () => {
    assert.equal(timeLeft(lasting(9), after(1)), 8 * day);
    assert.equal(timeLeft(lasting(9), after(10)), -day);
  });

  it("has a remedy for each issuer", () => {
    assert.deepEqual(Object.keys(servingRemedies), ["generated", "provided", "existingSecret", "certManager"]);
    for (const { renew, repair } of Object.values(servingRemedies)) assert.ok(/\w/.test(renew) && /\w/.test(repair));
    assert.match(servingRemedies.generated.renew, /^pulumi up --refresh/);
    assert.match(servingRemedies.generated.repair, /pulumi up --refresh$/);
    assert.match(servingRemedies.provided.renew, /certificateChain and \.privateKey/);
    assert.match(servingRemedies.existingSecret.renew, /its issuer/);
    assert.match(servingRemedies.certManager.renew, /cert-manager/);
    assert.match(meshRenewal.provided, /istio\.ca\.certificateChain/);
    assert.equal(meshRenewal.generated, servingRemedies.generated.renew);
    assert.match(meshRenewal.istiod, /by itself/);
  });
});
