import assert from "node:assert/strict";
import {
  type PeerAuthenticationObject,
  byAge,
  meshPolicies,
  modesOf,
  scopeOf,
  weakModes,
  weaknessOf,
} from "../../../mesh/peer-authentication";

const root = "istio-system";
const policy = (spec: unknown, namespace = "shop", more: object = {}): PeerAuthenticationObject => ({
  metadata: { name: "p", namespace, ...more },
  ...(spec === undefined ? {} : { spec }),
});
const selector = { matchLabels: { app: "a" } };

/*
 * Sources, all in istio/istio: ComposePeerAuthentication (pilot/pkg/security/authn/policy_applier.go), ValidatePeerAuthentication
 * (pkg/config/validation/validation.go).
 */
const compose = "ComposePeerAuthentication";
const cases: [rule: string, source: string, policy: PeerAuthenticationObject, scope: string, weak: string[]][] = [
  ["STRICT takes mutual TLS alone", compose, policy({ mtls: { mode: "STRICT" } }), "namespace", []],
  ["PERMISSIVE takes plain text", compose, policy({ mtls: { mode: "PERMISSIVE" } }), "namespace", ["mtls.mode 1"]],
  ["DISABLE takes only plain text", compose, policy({ mtls: { mode: "DISABLE" } }), "namespace", ["mtls.mode 2"]],
  [
    "a word that is no mode is taken to be the worst",
    compose,
    policy({ mtls: { mode: "strict" } }),
    "namespace",
    ["mtls.mode 2"],
  ],
  ["UNSET inherits, here from the mesh", compose, policy({ mtls: { mode: "UNSET" } }), "namespace", []],
  ["no mtls at all is UNSET", compose, policy({}), "namespace", []],
  ["nor is a spec", compose, policy(undefined), "namespace", []],
  ["the mesh-wide policy inherits Istio's default, PERMISSIVE", compose, policy({}, root), "mesh", ["mtls.mode 1"]],
  ["with UNSET, too", compose, policy({ mtls: { mode: "UNSET" } }, root), "mesh", ["mtls.mode 1"]],
  ["the mesh-wide policy may be STRICT", compose, policy({ mtls: { mode: "STRICT" } }, root), "mesh", []],
  [
    "a selector without labels selects nothing in particular",
    compose,
    policy({ selector: {} }, root),
    "mesh",
    ["mtls.mode 1"],
  ],
  [
    "and so does an empty list of labels",
    compose,
    policy({ selector: { matchLabels: {} }, mtls: { mode: "PERMISSIVE" } }, root),
    "mesh",
    ["mtls.mode 1"],
  ],
  [
    "a selector makes it a workload's",
    compose,
    policy({ selector, mtls: { mode: "DISABLE" } }),
    "workload",
    ["mtls.mode 2"],
  ],
  [
    "a policy for workloads in the root namespace is ignored",
    compose,
    policy({ selector, mtls: { mode: "DISABLE" }, portLevelMtls: { "80": { mode: "DISABLE" } } }, root),
    "ignored",
    [],
  ],
  [
    "a port has a mode of its own",
    compose,
    policy({
      selector,
      mtls: { mode: "STRICT" },
      portLevelMtls: { "80": { mode: "PERMISSIVE" }, "81": { mode: "STRICT" } },
    }),
    "workload",
    ["portLevelMtls.80.mode 1"],
  ],
  [
    "a port that says nothing inherits from its workload",
    compose,
    policy({ selector, mtls: { mode: "DISABLE" }, portLevelMtls: { "80": { mode: "UNSET" }, "81": {} } }),
    "workload",
    ["mtls.mode 2", "portLevelMtls.80.mode 2", "portLevelMtls.81.mode 2"],
  ],
  [
    "a port may be stricter than its workload",
    compose,
    policy({ selector, mtls: { mode: "PERMISSIVE" }, portLevelMtls: { "80": { mode: "STRICT" } } }),
    "workload",
    ["mtls.mode 1"],
  ],
  [
    "ports without a selector are refused; whoever wrote them meant plain text",
    "ValidatePeerAuthentication",
    policy({ mtls: { mode: "STRICT" }, portLevelMtls: { "80": { mode: "DISABLE" } } }),
    "namespace",
    ["portLevelMtls.80.mode 2"],
  ],
];

describe("a PeerAuthentication", () => {
  for (const [rule, source, object, scope, weak] of cases)
    it(`${rule} (${source})`, () => {
      assert.equal(scopeOf(object, root), scope);
      assert.deepEqual(
        weakModes(object, root).map(({ path, weakness }) => `${path} ${weakness}`),
        weak,
      );
    });

  it("is for a namespace, or a workload, where nobody knows the root namespace", () => {
    assert.equal(scopeOf(policy({}, root), undefined), "namespace");
    assert.equal(scopeOf(policy({ selector }, root), undefined), "workload");
    assert.equal(scopeOf({ metadata: { name: "p" } }, undefined), "namespace");
    assert.deepEqual(weakModes(policy({ selector, mtls: { mode: "DISABLE" } }, root), undefined).length, 1);
  });

  it("has its modes in the order in which they stand, as they are written", () => {
    const object = policy({ selector, portLevelMtls: { "9102": { mode: "DISABLE" }, "80": {} } });
    assert.deepEqual(modesOf(object, root), [
      { path: "mtls.mode", mode: "UNSET", weakness: 0 },
      { path: "portLevelMtls.80.mode", port: 80, mode: "UNSET", weakness: 0 },
      { path: "portLevelMtls.9102.mode", port: 9102, mode: "DISABLE", weakness: 2 },
    ]);
  });

  it("is weaker by mode: STRICT, PERMISSIVE, DISABLE", () =>
    assert.deepEqual(["STRICT", "PERMISSIVE", "DISABLE", ""].map(weaknessOf), [0, 1, 2, 2]));

  it("competes by age, then by name and namespace (sortConfigByCreationTime in pilot/pkg/model)", () => {
    const aged = (name: string, creationTimestamp: string, namespace = root) =>
      policy({}, namespace, { name, creationTimestamp });
    const [young, old, twin] = [aged("a", "2026-11-02"), aged("z", "2026-11-01"), aged("b", "2026-11-01")];
    const others = [aged("c", "2026-01-01", "shop"), policy({ selector }, root)];
    const names = (policies: PeerAuthenticationObject[]) => policies.map(({ metadata }) => metadata.name);
    assert.deepEqual(names(meshPolicies([young, old, twin, ...others], root)), ["b", "z", "a"]);
    assert.deepEqual(names(byAge([aged("n", "2026", "y"), aged("n", "2026", "x")])), ["n", "n"]);
    assert.equal(byAge([aged("n", "2026", "y"), aged("n", "2026", "x")])[0]!.metadata.namespace, "x");
    // What has no age is not in the cluster yet, and counts as the oldest.
    assert.deepEqual(names(byAge([young, policy({}, root, { name: "new" })])), ["new", "a"]);
  });
});
