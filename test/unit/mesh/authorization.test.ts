import assert from "node:assert/strict";
import { parse } from "yaml";
import {
  admitted,
  admittedBeside,
  dryRunAnnotation,
  notOnlyFrom,
  onlyFrom,
  onlyFromGatewayName,
} from "../../../mesh/authorization";
import type { MeshObject } from "../../../mesh/object";

const principal = "cluster.local/ns/enroute-system/sa/enroute";
const policy = (spec: object, namespace = "shop", annotations = {}, name = "other"): MeshObject => ({
  metadata: { name, namespace, annotations },
  spec,
});
const from = (source: object, more: object = {}) => ({ rules: [{ from: [{ source }], ...more }] });

describe("an AuthorizationPolicy", () => {
  const admits: [what: string, spec: object, who: string[]][] = [
    ["without rules: nobody", {}, []],
    ["with an empty list of rules: nobody", { rules: [] }, []],
    ["with an empty rule: everybody", { rules: [{}] }, ["everybody"]],
    ["about paths alone: everybody", { rules: [{ to: [{ operation: { paths: ["/health"] } }] }] }, ["everybody"]],
    ["of a principal", from({ principals: [principal] }), [principal]],
    [
      "of a principal, on a path",
      from({ principals: [principal] }, { to: [{ operation: { methods: ["GET"] } }] }),
      [principal],
    ],
    ["of every identity", from({ principals: ["*"] }), ["*"]],
    [
      "of a principal within a namespace",
      from({ principals: [principal], namespaces: ["enroute-system"] }),
      [principal],
    ],
    [
      "of a service account",
      from({ serviceAccounts: ["enroute-system/enroute"] }),
      ["service account enroute-system/enroute"],
    ],
    ["of a service account of its own namespace", from({ serviceAccounts: ["cart"] }), ["service account shop/cart"]],
    ["of a namespace", from({ namespaces: ["shop"] }), ["everybody in shop"]],
    ["of addresses", from({ ipBlocks: ["10.0.0.0/8"] }), ["everybody at 10.0.0.0/8"]],
    ["of bearers of a token", from({ requestPrincipals: ["*"] }), ["bearers of tokens of *"]],
    ["of all but one", from({ notPrincipals: ["a"] }), ["everybody"]],
    ["of a source that says nothing", from({}), ["everybody"]],
    ["by a condition", { rules: [{ when: [{ key: "source.principal", values: [principal] }] }] }, [principal]],
    [
      "by a condition on something else",
      { rules: [{ when: [{ key: "request.headers[x]", values: ["1"] }] }] },
      ["everybody"],
    ],
    ["that denies: nobody", { action: "DENY", ...from({ principals: ["*"] }) }, []],
    ["that asks another service: nobody", { action: "CUSTOM", rules: [{}] }, []],
    ["for a waypoint: nobody", { targetRefs: [{ kind: "Gateway", name: "waypoint" }], rules: [{}] }, []],
    [
      "for a waypoint, as it was written before: nobody",
      { targetRef: { kind: "Gateway", name: "w" }, rules: [{}] },
      [],
    ],
    [
      "in several rules: all of theirs, once",
      { rules: [...from({ principals: ["a", "b"] }).rules, ...from({ principals: ["b"] }).rules] },
      ["a", "b"],
    ],
  ];
  for (const [what, spec, who] of admits) it(`lets in, ${what}`, () => assert.deepEqual(admitted(policy(spec)), who));

  it("that is only tried lets nobody in", () =>
    assert.deepEqual(admitted(policy({ rules: [{}] }, "shop", { [dryRunAnnotation]: "true" })), []));

  it("lets nobody in beside the gateway by its principal, or by its service account", () => {
    for (const source of [{ principals: [principal] }, { serviceAccounts: ["enroute-system/enroute"] }])
      assert.deepEqual(admittedBeside(policy(from(source)), principal), []);
    for (const other of ["cluster.local/ns/enroute-system/sa/other", "*", "cluster.local/ns/enroute-system/*"])
      assert.deepEqual(admittedBeside(policy(from({ principals: [other] })), principal), [other]);
    assert.deepEqual(admittedBeside(policy(from({ serviceAccounts: ["shop/enroute"] })), principal).length, 1);
  });
});

describe("workloads take requests from the gateway alone", () => {
  const own = policy(onlyFrom(principal), "shop", {}, onlyFromGatewayName);
  const tables: [what: string, others: string, expected: string[]][] = [
    ["by the policy of the component", "[]", []],
    ["also where another refuses more", "[{spec: {action: DENY, rules: [{}]}}]", []],
    ["also where another lets nobody in", "[{spec: {}}]", []],
    ["not where another one lets everybody in", "[{spec: {rules: [{}]}}]", ["widened everybody"]],
    [
      "not where one for some workloads does",
      "[{spec: {selector: {matchLabels: {app: a}}, rules: [{}]}}]",
      ["widened everybody"],
    ],
    ["not where one of the mesh does", "[{place: istio-system, spec: {rules: [{}]}}]", ["widened everybody"]],
    ["whatever those of another namespace say", "[{place: pay, spec: {rules: [{}]}}]", []],
    ["whatever is only tried", `[{annotations: {${dryRunAnnotation}: "true"}, spec: {rules: [{}]}}]`, []],
    ["whatever is for a waypoint", "[{spec: {targetRefs: [{name: w}], rules: [{}]}}]", []],
  ];
  const place = { namespace: "shop", rootNamespace: "istio-system", principal };
  const say = (policies: MeshObject[]) =>
    notOnlyFrom(policies, place).map((reason) =>
      reason.state === "widened" ? `widened ${reason.others.join(", ")}` : reason.state,
    );
  for (const [what, others, expected] of tables)
    it(what, () => {
      const made = (parse(others) as { place?: string; annotations?: object; spec: object }[]).map((one) =>
        policy(one.spec, one.place, one.annotations),
      );
      assert.deepEqual(say([own, ...made]), expected);
      assert.deepEqual(say([...made, own]), expected);
    });

  it("not where there is no policy, or one that is not for all of them, or only tried", () => {
    assert.deepEqual(say([]), ["open"]);
    assert.deepEqual(say([policy({ ...onlyFrom(principal), selector: { matchLabels: { app: "a" } } })]), ["open"]);
    assert.deepEqual(say([policy(onlyFrom(principal), "shop", { [dryRunAnnotation]: "true" })]), ["open"]);
    assert.deepEqual(say([policy({ action: "DENY", rules: [{}] })]), ["open"]);
  });

  it("not where the gateway is kept out, too", () => {
    assert.deepEqual(say([policy({})]), ["shut"]);
    const another = "cluster.local/ns/enroute-system/sa/another";
    assert.deepEqual(say([policy(onlyFrom(another))]), ["shut", `widened ${another}`]);
  });
});
