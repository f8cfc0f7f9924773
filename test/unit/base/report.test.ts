import assert from "node:assert/strict";
import { failuresText, reportOf, reportText, summaryOf, type Result } from "../../../base/report";
import { exitOfReport } from "../../../cli/exit-codes";
import { CannotTell, type Problem, judge } from "../../../verify/check";

/** A check that looks at nothing. */
function check(
  name: string,
  run: (problem: Problem) => string,
  own: { title?: string; severity?: "warning"; fix?: string } = {},
) {
  const { title = "all is well", fix = "none", ...rest } = own;
  const docs = { meaning: title, fix };
  return judge(
    { id: `a/${name}`, title, needs: [], subject: "it", fix, docs, ...rest, run: (_, __, problem) => run(problem) },
    {},
    {},
  );
}

const passed = check("passed", () => "saw it");
const failed = check(
  "failed",
  (problem) => {
    problem("one thing");
    problem("another", { fix: "do that", subject: "that" });
    problem("a third", { fix: "do that" });
    return "";
  },
  { title: "it should be so", fix: "do this" },
);
const warned = check(
  "warned",
  (problem) => {
    problem("a blemish");
    return "";
  },
  { title: "it had better be so", severity: "warning", fix: "do it" },
);
const unknown = check("unknown", () => {
  throw new CannotTell("nobody\n answers", "ask again");
});

describe("a check", () => {
  it("passes with its evidence and no fix", () =>
    assert.deepEqual(passed, {
      id: "a/passed",
      check: "a/passed",
      title: "all is well",
      status: "passed",
      severity: "error",
      evidence: "saw it",
      issues: [],
    }));
  it("fails with every problem and every fix", () => {
    assert.equal(failed.status, "failed");
    assert.deepEqual([failed.evidence, failed.fix], ["one thing; another; a third", "do this; do that"]);
    assert.deepEqual(failed.issues[1], {
      id: "a/failed",
      severity: "error",
      subject: "that",
      problem: "another",
      fix: "do that",
    });
  });
  it("is as severe as the worst that it found", () => {
    const mild = check("mild", (problem) => {
      problem("one thing", { severity: "warning" });
      return "";
    });
    assert.deepEqual([mild.status, mild.severity], ["failed", "warning"]);
    const both = check("both", (problem) => {
      problem("one thing", { severity: "warning" });
      problem("another");
      return "";
    });
    assert.equal(both.severity, "error");
  });
  it("cannot tell, with the reason", () =>
    assert.deepEqual([unknown.status, unknown.evidence, unknown.fix], ["unknown", "nobody\n answers", "ask again"]));
  it("lets an error of its own through: that is no finding about the cluster", () =>
    assert.throws(
      () =>
        check("x", () => {
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

  it("is a line for each check, and for each thing that is wrong, with the fix below", () => {
    const lines = reportText(reportOf([passed, failed, warned, unknown])).split("\n");
    assert.deepEqual(
      lines.map((line) => line.trim().replace(/ {2,}/g, " | ")),
      [
        "passed | a/passed | saw it",
        "FAILED | a/failed | one thing (wanted: it should be so)",
        "fix: do this",
        "FAILED | a/failed | another",
        "FAILED | a/failed | a third",
        "fix: do that",
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
    assert.match(
      reportText(reportOf([passed, unknown])),
      /1 could not tell: no failure found, but some checks could not be decided$/,
    );
  });

  it("of a partial run says which checks it is of, and nothing about both legs", () => {
    for (const results of [[passed], [passed, unknown], [failed]]) {
      const text = reportText(reportOf(results, { run: results.map(({ id }) => id), of: 50 }));
      assert.doesNotMatch(text, /legs/);
      const ids = results.map(({ id }) => id).join(", ");
      assert.ok(text.endsWith(`: a partial run, ${results.length} of 50 checks: ${ids}`), text);
    }
  });

  it("says once why neighbours could not be decided, and what to do", () => {
    const silent = ["b", "c", "d"].map((name) =>
      check(name, () => {
        throw new CannotTell("no answer", "ask again");
      }),
    );
    assert.deepEqual(
      reportText(reportOf([passed, ...silent]))
        .split("\n")
        .map((line) => line.trim().replace(/ {2,}/g, " | ")),
      [
        "passed | a/passed | saw it",
        "could not tell | a/b | no answer",
        "could not tell | a/c | the same",
        "could not tell | a/d | the same",
        "fix: ask again",
        "",
        "1 passed, 0 failed, 3 could not tell: no failure found, but some checks could not be decided",
      ],
    );
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
