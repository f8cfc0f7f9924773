import assert from "node:assert/strict";
import { gatewayRules, ingressGrants, ingressSupport, listsIngresses } from "../../../mesh/gateway-rights";

const rule = (apiGroups: string[], resources: string[], verbs: string[], more: object = {}) => ({
  ...{ apiGroups, resources, verbs },
  ...more,
});

describe("the rights of the gateway", () => {
  it("do not take in Ingresses", () => {
    assert.equal(listsIngresses(gatewayRules()), false);
    const texts = JSON.stringify(gatewayRules());
    assert.doesNotMatch(texts, /ingresses|\*/);
  });

  it("let it read what it serves, and write the status of hosts alone", () => {
    const writes = gatewayRules().filter(({ verbs }) => verbs.some((verb) => !["get", "list", "watch"].includes(verb)));
    assert.deepEqual(
      writes.map(({ resources }) => resources),
      [["gatewayhosts/status"]],
    );
  });

  const roles: [what: string, rules: object[], lists: boolean][] = [
    ["the chart's role", [rule(["networking.k8s.io"], ["ingresses"], ["get", "list", "watch"])], true],
    ["everything", [rule(["*"], ["*"], ["*"])], true],
    ["every kind of the group", [rule(["networking.k8s.io"], ["*"], ["list"])], true],
    ["reading single ones", [rule(["networking.k8s.io"], ["ingresses"], ["get"])], false],
    ["named ones", [rule(["networking.k8s.io"], ["ingresses"], ["list"], { resourceNames: ["a"] })], false],
    ["EnRoute's own kind of that name", [rule(["enroute.saaras.io"], ["ingresses"], ["list"])], false],
    ["another kind", [rule(["networking.k8s.io"], ["networkpolicies"], ["list"])], false],
    ["nothing", [], false],
  ];
  for (const [what, rules, lists] of roles)
    it(`${lists ? "list" : "do not list"} Ingresses with ${what}`, () => assert.equal(listsIngresses(rules), lists));

  const account = { kind: "ServiceAccount", name: "enroute", namespace: "edge" };
  const binding = (role: string, ...subjects: object[]) => ({
    kind: "ClusterRoleBinding",
    metadata: { name: "b" },
    roleRef: { kind: "ClusterRole", name: role },
    subjects,
  });
  const role = (name: string, ...rules: object[]) => ({ kind: "ClusterRole", metadata: { name }, rules });
  const ingresses = rule(["networking.k8s.io"], ["ingresses"], ["list"]);
  const grants: [what: string, objects: { kind: string; metadata: { name: string } }[], found: number][] = [
    ["the chart's role, by its name", [binding("enroute", account)], 1],
    ["a role that has the right", [binding("r", account), role("r", ingresses)], 1],
    ["a role that has not", [binding("r", account), role("r")], 0],
    [
      "the chart's role where a later chart has taken the right away",
      [binding("enroute", account), role("enroute")],
      0,
    ],
    ["a role that is not known", [binding("r", account)], 0],
    ["every right", [binding("cluster-admin", account)], 1],
    ["nobody", [binding("enroute")], 0],
    ["another account", [binding("enroute", { ...account, name: "other" })], 0],
    ["one of another namespace", [binding("enroute", { ...account, namespace: "other" })], 0],
    ["the accounts of its namespace", [binding("enroute", { kind: "Group", name: "system:serviceaccounts:edge" })], 1],
    ["those of another", [binding("enroute", { kind: "Group", name: "system:serviceaccounts:x" })], 0],
    ["every account", [binding("enroute", { kind: "Group", name: "system:serviceaccounts" })], 1],
    ["its name as a user", [binding("enroute", { kind: "User", name: "system:serviceaccount:edge:enroute" })], 1],
    ["one namespace alone", [{ ...binding("enroute", account), kind: "RoleBinding" }], 0],
  ];
  for (const [what, objects, found] of grants)
    it(`are found in a binding of ${what}`, () => assert.equal(ingressGrants(objects, "edge").length, found));

  it("are written on its pods", () => {
    assert.equal(ingressSupport(undefined), "left alone");
    assert.equal(ingressSupport({ reason: "r" }), "served");
  });
});
