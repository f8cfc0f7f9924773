import assert from "node:assert/strict";
import { verifyChecks } from "../../../verify/checks";
import { preflightChecks } from "../../../verify/preflight/checks";
import { type CheckingCommand, listChecks, requireChecks } from "../../../verify/registry";
import { UnknownCheckError, select } from "../../../verify/select";

describe("the registry of checks", () => {
  for (const command of ["verify", "preflight"] satisfies CheckingCommand[]) {
    const checks = listChecks(command);
    it(`names and describes every check of ${command}, and what it looks at`, () => {
      const ids = checks.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length);
      for (const { id, title, severity, needs, meaning, fix } of checks) {
        assert.match(id, /^[a-z]+(-[a-z]+)*\/[a-z]+(-[a-z]+)*$/);
        for (const text of [title, meaning, fix, ...needs]) assert.notEqual(text.trim(), "", id);
        assert.match(severity, /^(error|warning)$/);
        // Only what preflight tells of its connection takes no reading.
        assert.ok(needs.length > 0 || /^cluster\/(kubeconfig|context|reachable|answers)$/.test(id), id);
      }
    });
    it(`keeps the groups of ${command} together`, () => {
      const groups = checks.map(({ id }) => id.split("/")[0]).filter((group, index, all) => group !== all[index - 1]);
      const repeated = groups.filter((group, index) => groups.indexOf(group) !== index);
      // What the rollout meets first comes first: releases and the mesh are looked at by turns.
      assert.deepEqual(repeated, command === "verify" ? [] : ["mesh"]);
    });
  }

  it("has a fix of its own for every check, so that an issue never comes without", () => {
    for (const { id, fix } of [...verifyChecks, ...preflightChecks])
      assert.ok(typeof fix === "function" || fix !== "", id);
  });

  describe("select", () => {
    const checks = ["hosts/tls", "hosts/present", "host-leg/x", "strict/ports"].map((id) => ({ id }));
    const chosen = (...only: string[]) => select(checks, only).map(({ id }) => id);
    it("takes ids and groups, in the order of the registry and each once", () => {
      assert.deepEqual(chosen("strict/ports", "hosts/tls"), ["hosts/tls", "strict/ports"]);
      for (const group of ["hosts", "hosts/", "hosts/*"])
        assert.deepEqual(chosen(group), ["hosts/tls", "hosts/present"]);
      assert.deepEqual(chosen("hosts", "hosts/tls"), ["hosts/tls", "hosts/present"]);
      assert.equal(select(checks), checks);
    });
    for (const [only, message] of [
      [["hsts/tls"], "there is no check hsts/tls; did you mean hosts/tls?"],
      [["host"], "there is no check host; did you mean hosts?"],
      [["hosts", "nothing/like/it"], "there is no check nothing/like/it"],
      [["*"], "there is no check *"],
      [[""], 'there is no check ""'],
      [[], "no check is named"],
    ] satisfies [string[], string][])
      it(`refuses ${JSON.stringify(only)}`, () =>
        assert.throws(() => select(checks, only), {
          name: "UnknownCheckError",
          message,
          fix: "name an id, or one of the groups hosts, host-leg, strict; --list shows every check",
        }));
  });

  it("refuses the other command's checks", () => {
    requireChecks("verify", ["strict"]);
    assert.throws(() => requireChecks("preflight", ["strict"]), UnknownCheckError);
  });
});
