import assert from "node:assert/strict";
import { operationError } from "../../../automation/failures";
import { findingOf } from "../../../base/issue";
import { type Result, failuresText, reportOf } from "../../../base/report";
import { exitOfError } from "../../../cli/exit-codes";
import { VerifyError } from "../../../verify/verify";

const issue = {
  id: "strict/mesh-wide",
  severity: "error",
  subject: "mesh",
  problem: "it is PERMISSIVE",
  fix: "run up",
} as const;
const failed: Result = {
  ...{ id: issue.id, check: issue.id, title: "the mesh is STRICT", status: "failed", severity: "error" },
  ...{ evidence: issue.problem, fix: issue.fix, issues: [issue] },
};
const report = reportOf([failed]);

/** The error of an update whose program knows this, and of which the engine reports that. */
function errorOf(why: Parameters<typeof operationError>[3], text = failuresText(report), stop?: unknown) {
  const stopped = new AbortController();
  if (stop !== undefined) stopped.abort(stop);
  const events = {
    left: () => ({ unfinished: [], changed: 3 }),
    hide: (one: string) => one,
    errors: [{ text }],
    violations: [],
    waitOf: () => ({}),
  };
  const control = { signal: stopped.signal, kill: new AbortController().signal };
  return operationError(new Error("update failed"), events, { target: { stack: "dev" }, control }, why);
}

describe("the error of an update", () => {
  it("whose verification failed carries its report, and ends with exit code 1", () => {
    const error = errorOf({ verified: report });
    assert.ok(error.code === "verification-failed");
    assert.deepEqual(error.about.report, report);
    assert.match(error.detail ?? "", /FAILED: strict\/mesh-wide: it is PERMISSIVE\n {6}fix: run up/);
    assert.equal(exitOfError(error), 1);
  });

  it("that only reads as if a verification had failed is no such error: the report decides, not the words", () => {
    assert.equal(errorOf({}).code, "operation-failed");
    assert.equal(
      errorOf({ verified: reportOf([{ ...failed, status: "passed", issues: [] }]) }).code,
      "operation-failed",
    );
  });

  it("whose verification lost the cluster names it, and ends with exit code 3", () => {
    const finding = findingOf({ ...issue, id: "cluster/reachable", problem: "cluster dev is gone", fix: "start it" });
    const error = errorOf({ unverified: new VerifyError(finding) }, "something else");
    assert.ok(error.code === "cluster-unreachable");
    assert.deepEqual([error.message, error.next], ["stack dev: cluster dev is gone", "start it"]);
    assert.deepEqual(error.about.findings, [finding]);
    assert.equal(exitOfError(error), 3);
    assert.equal(errorOf({ unverified: new Error("a mistake") }, "something else").code, "operation-failed");
  });

  for (const [what, checks, code] of [
    ["that finds no cluster", ["cluster/reachable"], "cluster-unreachable"],
    ["that finds more than that", ["cluster/reachable", "mesh/other"], "cluster-not-ready"],
    ["that finds releases left unfinished alone", ["releases/unfinished"], "release-wedged"],
  ] as const)
    it(`is by the ids of its findings, for a preflight ${what}`, () => {
      const findings = checks.map((id) => findingOf({ ...issue, id }));
      assert.equal(errorOf({ refusal: { findings } }).code, code);
    });

  it("that its caller stopped is an interruption, whatever else failed", () => {
    const error = errorOf({}, "x", new Error("stop"));
    assert.ok(error.code === "interrupted");
    assert.equal(error.about.changed, 3);
    assert.equal(errorOf({}, "x", "timeout").code, "timed-out");
  });
});
