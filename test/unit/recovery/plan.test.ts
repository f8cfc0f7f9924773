import assert from "node:assert/strict";
import { type OwnReleases, type Revision, foreignReleases, planRecovery } from "../../../recovery/plan";

const revision = (status: string, number = 1, name = "istiod"): Revision => ({
  namespace: "istio-system",
  name,
  revision: number,
  status,
  byPulumi: false,
});
const istiod = new Set(["istio-system/istiod"]);
const nothing: OwnReleases = {
  ...{ inState: new Set(), claimed: new Set(), named: new Set(), adopted: new Set() },
  others: new Map(),
};
const known: OwnReleases = { ...nothing, inState: istiod };
/** An operation that was cut off names it. */
const named: OwnReleases = { ...nothing, named: istiod };
const claimed: OwnReleases = { ...nothing, claimed: istiod };
const adopted: OwnReleases = { ...nothing, adopted: istiod };
const others = new Map([["istio-system/istiod", "acme/mesh/prod"]]);
const plan = (revisions: Revision[], releases = known) =>
  planRecovery(revisions, releases).map(
    ({ namespace, name, revisions: numbers }) => `${namespace}/${name} ${numbers.join(",")}`,
  );

describe("planRecovery", () => {
  it("finds nothing to do where Helm and the state agree", () => {
    assert.deepEqual(plan([revision("superseded", 1), revision("deployed", 2)]), []);
    assert.deepEqual(plan([]), []);
  });

  it("forgets what failed: to the refreshed state it would be as good as any other, and the next update leave it so", () => {
    assert.deepEqual(plan([revision("failed")]), ["istio-system/istiod 1"]);
    assert.deepEqual(
      plan([revision("superseded", 1), revision("failed", 2), revision("deployed", 3), revision("failed", 4)]),
      ["istio-system/istiod 4"],
    );
    assert.deepEqual(plan([revision("deployed", 1), revision("failed", 2), revision("pending-upgrade", 3)]), [
      "istio-system/istiod 2,3",
    ]);
  });

  it("lets a failure be that a later upgrade has put right", () => {
    assert.deepEqual(plan([revision("superseded", 1), revision("failed", 2), revision("deployed", 3)]), []);
  });

  it("forgets an installation that was cut off", () => {
    assert.deepEqual(plan([revision("pending-install")]), ["istio-system/istiod 1"]);
    assert.deepEqual(plan([revision("pending-install")], named), ["istio-system/istiod 1"]);
  });

  for (const status of ["pending-upgrade", "pending-rollback"])
    it(`forgets only the revision that is ${status}, so that what ran before counts again`, () => {
      assert.deepEqual(plan([revision("deployed", 3), revision(status, 4), revision("superseded", 2)]), [
        "istio-system/istiod 4",
      ]);
    });

  it("forgets a release of which nothing is deployed: to Helm it would be as good as cut off, for ever", () => {
    assert.deepEqual(plan([revision("superseded", 1)]), ["istio-system/istiod 1"]);
    assert.deepEqual(plan([revision("superseded", 1), revision("pending-upgrade", 2)]), ["istio-system/istiod 1,2"]);
    assert.deepEqual(plan([revision("superseded", 1), revision("failed", 2)]), ["istio-system/istiod 1,2"]);
  });

  it("forgets a release that the state does not have, with all its revisions", () => {
    assert.deepEqual(plan([revision("superseded", 1), revision("deployed", 2)], named), ["istio-system/istiod 1,2"]);
    assert.deepEqual(plan([revision("failed")], named), ["istio-system/istiod 1"]);
  });

  const table: [string, string, OwnReleases, "forgotten" | "left" | "neither"][] = [
    ["deployed", "nothing names", nothing, "left"],
    ["failed", "nothing names", nothing, "left"],
    ["pending-install", "nothing names", nothing, "left"],
    ["uninstalled", "nothing names", nothing, "neither"],
    ["deployed", "only the claim names, and Helm's own command made", claimed, "left"],
    ["failed", "only the claim names", claimed, "forgotten"],
    ["pending-install", "only the claim names", claimed, "forgotten"],
    ["deployed", "an operation that was cut off was making", named, "forgotten"],
    ["deployed", "the state has", known, "neither"],
    ["deployed", "the state has, and another stack claims", { ...known, others }, "neither"],
    ["deployed", "only a person gives to it", adopted, "forgotten"],
    ["deployed", "another stack claims, and a person gives to it", { ...adopted, others }, "left"],
    ["failed", "another stack claims, and a person gives to it", { ...adopted, others }, "left"],
    ["deployed", "another stack claims, and an operation that was cut off was making", { ...named, others }, "left"],
    ["pending-install", "another stack has taken over", { ...claimed, others }, "left"],
    ["uninstalled", "another stack claims", { ...nothing, others }, "neither"],
  ];
  it("forgets a release that is claimed and that Pulumi made: the operation lost the cluster before it could write it down", () => {
    const made = { ...revision("deployed"), byPulumi: true };
    assert.deepEqual(plan([made], claimed), ["istio-system/istiod 1"]);
    assert.deepEqual(plan([made], nothing), [], "without a claim in this state, another stack may have it");
  });

  for (const [status, what, releases, outcome] of table)
    it(`a release that is ${status} and that ${what}: ${outcome}`, () => {
      const all = [revision(status)];
      const isLeft = foreignReleases(all, releases).length === 1;
      assert.equal(isLeft ? "left" : plan(all, releases).length === 1 ? "forgotten" : "neither", outcome);
      assert.ok(!isLeft || plan(all, releases).length === 0, "what is left is not forgotten as well");
    });

  it("names the stack that a release belongs to, and calls an adoption no cut-off", () => {
    assert.deepEqual(foreignReleases([revision("deployed")], { ...adopted, others }), [
      {
        ...{ namespace: "istio-system", name: "istiod", owner: "acme/mesh/prod" },
        why: "is deployed, and belongs to stack acme/mesh/prod, whose claim of the mesh lists it",
      },
    ]);
    const [forgotten] = planRecovery([revision("deployed")], adopted);
    assert.equal(forgotten!.why, "is deployed, and is given to this stack by --adopt");
  });

  it("forgets a removal that was cut off, and lets the history of a finished one be", () => {
    assert.deepEqual(plan([revision("uninstalling")]), ["istio-system/istiod 1"]);
    assert.deepEqual(plan([revision("uninstalled")], nothing), []);
  });

  it("tells apart releases of one name in several namespaces", () => {
    const other = { ...revision("failed"), namespace: "elsewhere" };
    const both = { ...known, claimed: new Set(["elsewhere/istiod"]) };
    assert.deepEqual(plan([revision("deployed"), other], both), ["elsewhere/istiod 1"]);
  });
});
