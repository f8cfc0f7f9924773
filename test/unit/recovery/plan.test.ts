import assert from "node:assert/strict";
import { type Revision, planRecovery } from "../../../recovery/plan";

const revision = (status: string, number = 1, name = "istiod"): Revision => ({
  namespace: "istio-system",
  name,
  revision: number,
  status,
});
const known = new Set(["istio-system/istiod"]);
const plan = (revisions: Revision[], inState = known) =>
  planRecovery(revisions, inState).map(
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
    assert.deepEqual(plan([revision("pending-install")], new Set()), ["istio-system/istiod 1"]);
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
    assert.deepEqual(plan([revision("superseded", 1), revision("deployed", 2)], new Set()), [
      "istio-system/istiod 1,2",
    ]);
    assert.deepEqual(plan([revision("failed")], new Set()), ["istio-system/istiod 1"]);
  });

  it("forgets a removal that was cut off, and lets the history of a finished one be", () => {
    assert.deepEqual(plan([revision("uninstalling")]), ["istio-system/istiod 1"]);
    assert.deepEqual(plan([revision("uninstalled")], new Set()), []);
  });

  it("tells apart releases of one name in several namespaces", () => {
    const other = { ...revision("deployed"), namespace: "elsewhere" };
    assert.deepEqual(plan([revision("deployed"), other]), ["elsewhere/istiod 1"]);
  });
});
