import assert from "node:assert/strict";
import { type Values, mergeValues } from "../../../base/merge";
import { chartDefaults, overDefaults, reproducing, secretsIn, without } from "../../../adoption/values";

describe("the values of a release that is taken over", () => {
  const leaves = [1, 2, "a", false, [1], [], {}];
  const keys = ["a", "b", "c"];

  /** Trees by chance, the same at every run; `null` is for what a user takes away. */
  function trees(seed: number) {
    let state = seed;
    const next = (below: number) => {
      state = (state * 1103515245 + 12345) % 2147483648;
      return Math.floor((state / 2147483648) * below);
    };
    const tree = (depth: number): Values =>
      Object.fromEntries(
        keys.flatMap((key) => {
          const choice = next(4);
          if (choice === 0) return [];
          return [[key, choice === 1 && depth > 0 ? tree(depth - 1) : leaves[next(leaves.length)]] as const];
        }),
      );
    return { defaults: tree(2), values: tree(2), planned: tree(2) };
  }

  it("are said so that the release renders as it does now, whatever the stack sets", () => {
    let changed = 0;
    for (let seed = 1; seed <= 2000; seed++) {
      const given = trees(seed);
      const patch = reproducing(given);
      const runs = overDefaults(given.defaults, given.values);
      const would = overDefaults(given.defaults, mergeValues(given.planned, patch));
      changed += Number(Object.keys(patch).length > 0);
      // What the stack adds where neither chart nor user says anything is taken away by null.
      assert.deepEqual(pruned(would), pruned(runs), `seed ${seed}: ${JSON.stringify(given)} ${JSON.stringify(patch)}`);
    }
    assert.ok(changed > 1000);
  });

  it("are nothing where the stack sets the same", () => {
    const defaults = { logLevel: "debug", affinity: { a: 1 } };
    assert.deepEqual(reproducing({ defaults, values: { replicas: 2 }, planned: { replicas: 2 } }), {});
    assert.deepEqual(reproducing({ defaults, values: {}, planned: { affinity: { a: 2 } } }), { affinity: null });
    assert.deepEqual(reproducing({ defaults, values: { logLevel: "warn" }, planned: { logLevel: "info" } }), {
      logLevel: "warn",
    });
  });

  it("of Istio's charts stand below a key of their own", () => {
    assert.deepEqual(chartDefaults({ _internal_defaults_do_not_set: { a: 1 }, b: 2 }), { a: 1 });
    assert.deepEqual(chartDefaults({ a: 1 }), { a: 1 });
  });

  it("leave out paths, and the branches that are empty then", () => {
    const values = { global: { hub: "a", tag: "b" }, pilot: { env: { A: "1" } } };
    assert.deepEqual(without(values, ["global", "hub"], ["global", "tag"]), { pilot: { env: { A: "1" } } });
    assert.deepEqual(without(values, ["global", "hub"], ["pilot"]), { global: { tag: "b" } });
    assert.deepEqual(without(values), values);
  });

  for (const [what, values, expected] of [
    ["a password", { auth: { password: "x" } }, ["auth.password"]],
    ["a key", { login_token: { signing_key: "x" } }, ["login_token.signing_key"]],
    ["key material under any name", { ca: "-----BEGIN EC PRIVATE KEY-----" }, ["ca"]],
    ["a token in a list", { env: [{ token: "x" }] }, ["env[0].token"]],
    ["no reference to a Secret", { login_token: { signing_key: "secret:a:b" }, tokenPath: "/x", secretName: "y" }, []],
    ["no name of a pull secret", { global: { imagePullSecrets: ["registry"] } }, []],
    ["nothing that is empty, or of another kind", { password: "", tokens: 3 }, []],
  ] as const)
    it(`look like a secret: ${what}`, () => assert.deepEqual(secretsIn(values as object as Values), expected));
});

/** Without empty branches: an empty map and none are the same to every chart here. */
function pruned(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).flatMap(([key, item]) => {
    const kept = pruned(item);
    const isEmpty = typeof kept === "object" && kept !== null && !Array.isArray(kept) && Object.keys(kept).length === 0;
    return isEmpty ? [] : [[key, kept] as const];
  });
  return Object.fromEntries(entries);
}
