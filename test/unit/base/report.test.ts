import assert from "node:assert/strict";
import { failuresText, reportOf, reportText, summaryOf, type Result } from "../../../base/report";
import { exitOfReport } from "../../../cli/exit-codes";
import { CannotTell, judge } from "../../../verify/result";

const passed = judge({ check: "a/passed", title: "all is well", fix: "none" }, () => "saw it");
const failed = judge({ check: "a/failed", title: "it should be so", fix: "do this" }, (problem) => {
  problem("one thing");
  problem("another", "do that");
  return "";
});
const warned = judge(
  { check: "a/warned", title: "it had better be so", severity: "warning", fix: "do it" },
  (problem) => {
    problem("a blemish");
    return "";
  },
);
const unknown = judge({ check: "a/unknown", title: "it may be so", fix: "none" }, () => {
  throw new CannotTell("nobody\n answers", "ask again");
});

describe("a check", () => {
  it("passes with its evidence and no fix", () =>
    assert.deepEqual(passed, {
      check: "a/passed",
      title: "all is well",
      status: "passed",
      severity: "error",
      evidence: "saw it",
    }));
  it("fails with every problem and every fix", () => {
    assert.equal(failed.status, "failed");
    assert.deepEqual([failed.evidence, failed.fix], ["one thing; another", "do this; do that"]);
  });
  it("cannot tell, with the reason", () =>
    assert.deepEqual([unknown.status, unknown.evidence, unknown.fix], ["unknown", "nobody\n answers", "ask again"]));
  it("lets an error of its own through: that is no finding about the cluster", () =>
    assert.throws(
      () =>
        judge({ check: "x", title: "x", fix: "x" }, () => {
          throw new TypeError("a bug");
        }),
      /a bug/,
    ));
});

describe("a report", () => {
  const outcome = (...results: Result[]) => {
    const report = reportOf(results);
    return [report.status, exitOfReport(report), exitOfReport(report, true)];
  };
  it("is as bad as its worst check: exit code 0 unless something failed, and with strict 2 for what could not be told", () => {
    assert.deepEqual(outcome(passed), ["passed", 0, 0]);
    assert.deepEqual(outcome(passed, unknown), ["unknown", 0, 2]);
    assert.deepEqual(outcome(passed, warned), ["passed", 0, 1]);
    assert.deepEqual(outcome(warned, unknown), ["unknown", 0, 1]);
    assert.deepEqual(outcome(passed, failed, unknown), ["failed", 1, 1]);
  });

  it("is a line for each check, with its fix below", () => {
    const lines = reportText(reportOf([passed, failed, warned, unknown])).split("\n");
    assert.deepEqual(
      lines.map((line) => line.trim().replace(/ {2,}/g, " | ")),
      [
        "passed | a/passed | saw it",
        "FAILED | a/failed | one thing; another (wanted: it should be so)",
        "fix: do this; do that",
        "warning | a/warned | a blemish (wanted: it had better be so)",
        "fix: do it",
        "could not tell | a/unknown | nobody answers",
        "fix: ask again",
        "",
        "1 passed, 1 failed, 1 warned, 1 could not tell: the encryption of both legs is NOT proven",
      ],
    );
  });

  it("never says that all is well where something could not be told", () => {
    assert.match(reportText(reportOf([passed])), /1 passed, 0 failed: both legs are encrypted$/);
    assert.match(reportText(reportOf([passed, unknown])), /not all of it could be seen from here$/);
  });

  it("has a summary by names, without anything that changes from day to day", () =>
    assert.deepEqual(summaryOf(reportOf([passed, failed, warned, unknown])), {
      status: "failed",
      passed: 1,
      failed: ["a/failed"],
      warnings: ["a/warned"],
      unknown: ["a/unknown"],
    }));

  it("lists what failed first for the end of an update", () => {
    const text = failuresText(reportOf([unknown, warned, passed, failed]));
    assert.match(
      text,
      /^The rollout is done, but 1 check of its verification failed:\n {2}- FAILED: a\/failed: one thing/,
    );
    assert.ok(text.indexOf("a/warned") < text.indexOf("a/unknown"));
    assert.doesNotMatch(text, /a\/passed/);
    assert.equal(failuresText(reportOf([passed])), "");
  });
});
