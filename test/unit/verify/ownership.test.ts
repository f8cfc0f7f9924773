import assert from "node:assert/strict";
import {
  type Held,
  type Planned,
  type PlannedObject,
  type PlannedRelease,
  claimAnnotations,
  claimName,
  stackAnnotation,
} from "../../../mesh/ownership";
import { istioDefinitions } from "../../../mesh/istio-definitions";
import type { Settings } from "../../../settings/schema";
import { stackFile } from "../stack-files";
import { type Finding, type StackView, preflightReport } from "../../../verify/preflight";
import { StateUnreadable } from "../../../verify/preflight/stack-view";
import { type Answer, type Question, Status, fakeApi } from "./fake-api";

const us = "acme/enroute-istio/prod";
const them = "acme/enroute-istio/old";
const root = "istio-system";
const nothing: Held = { objects: [], releases: [] };
const helm = (name: string, namespace = root) => ({
  labels: { "app.kubernetes.io/managed-by": "Helm" },
  annotations: { "meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace },
});
const claimOf = (owner: string, ...releases: string[]) => ({
  metadata: { name: claimName, annotations: { [stackAnnotation]: owner, ...claimAnnotations(releases) } },
});
const mark = (owner: string) => ({ annotations: { [stackAnnotation]: owner } });
const istiod: PlannedRelease = { name: "istiod", namespace: root, chart: "istiod", version: "1.31.0", values: {} };
const secret: PlannedObject = { apiVersion: "v1", kind: "Secret", group: "", namespace: "shop", name: "tls" };
const role: PlannedObject = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  group: "rbac.authorization.k8s.io",
  // As a chart's object is given that says no namespace: which kinds have one, the cluster tells.
  namespace: root,
  name: "istiod-clusterrole",
  release: `${root}/istiod`,
};
const kinds = {
  "/api/v1": { resources: [{ kind: "Secret", name: "secrets", namespaced: true }] },
  "/apis/rbac.authorization.k8s.io/v1": {
    resources: [{ kind: "ClusterRole", name: "clusterroles", namespaced: false }],
  },
};

interface Given {
  live?: Record<string, Answer>;
  held?: Held | Error;
  planned?: Partial<Planned>;
  rendered?: StackView["rendered"];
  settings?: Partial<Settings>;
  /** Whether the stack itself is given. @default true */
  withStack?: boolean;
}

const objectChecks = ["ownership/objects", "ownership/charts"];
const claimChecks = ["ownership/claim", "ownership/taken-over"];
const releaseChecks = ["releases/foreign", "releases/unknown", "releases/moved"];
const hostChecks = ["ownership/hosts", "ownership/global-config", "ownership/shared-object"];

async function report(only: string[], given: Given) {
  const { live = {}, held = nothing, planned = {}, rendered, settings, withStack = true } = given;
  const api = await fakeApi({ "/version": { major: "1", minor: "36", gitVersion: "v1.36.2" }, ...kinds, ...live });
  const stack: StackView = {
    owner: us,
    held: () => (held instanceof Error ? Promise.reject(held) : Promise.resolve(held)),
    planned: () => Promise.resolve({ objects: [], releases: [], ...planned }),
    rendered: rendered ?? (() => Promise.resolve([])),
  };
  try {
    const all = { ...stackFile("sandbox"), ...settings, kubeconfig: api.kubeconfig, context: "fake" };
    return await preflightReport(all, { only, ...(withStack ? { stack } : {}) });
  } finally {
    await api.close();
  }
}

async function look(only: string[], given: Given): Promise<Finding[]> {
  const { findings, results } = await report(only, given);
  // Each of them was decided.
  assert.deepEqual(
    results.filter(({ status }) => status === "unknown"),
    [],
  );
  return findings;
}

const brief = (found: Finding[]) => found.map(({ check, severity }) => `${check} ${severity}`);

describe("what the rollout would make, compared with what is there", () => {
  const secrets = (metadata: object) => ({
    "/api/v1/namespaces/shop/secrets": { items: [{ metadata: { name: "tls", namespace: "shop", ...metadata } }] },
  });
  const heldSecret: Held = { objects: [{ ...secret, patch: false, urn: "u" }], releases: [] };
  const own: [string, object | undefined, Held, RegExp | undefined][] = [
    ["nothing", undefined, nothing, undefined],
    ["ours by its mark", mark(us), nothing, undefined],
    ["ours by the state, from before there were marks", {}, heldSecret, undefined],
    ["somebody's", {}, nothing, /Secret shop\/tls is there, and not this stack's/],
    ["another stack's", mark(them), nothing, /belongs to stack acme\/enroute-istio\/old/],
    ["another stack's, although an early version let our state hold it", mark(them), heldSecret, /belongs to stack/],
    [
      "a Helm release's",
      helm("tls", "shop"),
      nothing,
      /belongs to Helm release shop\/tls: the stack would overwrite it/,
    ],
  ];
  for (const [what, metadata, held, problem] of own)
    it(`an object of the program: ${what}`, async () => {
      const live = metadata === undefined ? {} : secrets(metadata);
      const found = await look(objectChecks, { live, held, planned: { objects: [secret] } });
      assert.equal(found.length, problem === undefined ? 0 : 1);
      if (problem !== undefined) assert.match(found[0]!.problem, problem);
    });

  const roles = (metadata: object) => ({
    "/apis/rbac.authorization.k8s.io/v1/clusterroles": {
      items: [{ metadata: { name: "istiod-clusterrole", ...metadata } }],
    },
  });
  const charts: [string, object | undefined, Held, RegExp | undefined][] = [
    ["nothing", undefined, nothing, undefined],
    ["that release's, such as what a destroy has left", helm("istiod"), nothing, undefined],
    ["an earlier release's", helm("old"), nothing, /belongs to Helm release istio-system\/old: Helm refuses/],
    ["nobody's", {}, nothing, /ClusterRole istiod-clusterrole is there, .*Helm refuses to install over it/],
    [
      "with Helm's annotations and without its label",
      { annotations: helm("istiod").annotations },
      nothing,
      /Helm refuses/,
    ],
    ["nobody's, and the release is in the state", {}, { objects: [], releases: [`${root}/istiod`] }, undefined],
  ];
  for (const [what, metadata, held, problem] of charts)
    it(`an object of a chart: ${what}`, async () => {
      const live = metadata === undefined ? {} : roles(metadata);
      const rendered = () => Promise.resolve([role]);
      const found = await look(objectChecks, { live, held, planned: { releases: [istiod] }, rendered });
      assert.equal(found.length, problem === undefined ? 0 : 1);
      if (problem !== undefined) assert.match(found[0]!.problem, problem);
    });

  it("tells the commands that remove an object, and that hand it over", async () => {
    const live = { ...secrets({}), ...roles({}) };
    const planned = { objects: [secret], releases: [istiod] };
    const found = await look(objectChecks, { live, planned, rendered: () => Promise.resolve([role]) });
    const text = found.map(({ fix }) => fix).join("\n");
    for (const command of [
      "kubectl delete secret tls -n shop",
      `kubectl annotate secret tls -n shop enroute-istio/stack=${us}`,
      "kubectl delete clusterrole.rbac.authorization.k8s.io istiod-clusterrole",
      "kubectl annotate clusterrole.rbac.authorization.k8s.io istiod-clusterrole meta.helm.sh/release-name=istiod meta.helm.sh/release-namespace=istio-system",
    ])
      assert.ok(text.includes(command), `${command}\n${text}`);
  });

  describe("where it cannot be handed over", () => {
    const binding = {
      ...{ apiVersion: "rbac.authorization.k8s.io/v1", group: "rbac.authorization.k8s.io" },
      ...{ kind: "ClusterRoleBinding", name: "gateway", fixed: { roleRef: { kind: "ClusterRole", name: "ours" } } },
    };
    const tls = { ...secret, fixed: { type: "kubernetes.io/tls" } };
    const answers = (type: string, metadata: object = {}, fieldsV1 = {}) => ({
      // A Secret is never read as a whole.
      "/api/v1/namespaces/shop/secrets": ({ headers }: Question) =>
        headers.accept?.includes("as=Table")
          ? { columnDefinitions: [{ name: "Name" }, { name: "Type" }], rows: [{ cells: ["tls", type] }] }
          : headers.accept?.includes("PartialObjectMetadataList")
            ? {
                items: [
                  {
                    metadata: {
                      name: "tls",
                      namespace: "shop",
                      managedFields: [{ manager: "k", fieldsV1 }],
                      ...metadata,
                    },
                  },
                ],
              }
            : new Status(403, "read as a whole"),
      "/apis/rbac.authorization.k8s.io/v1": {
        resources: [{ kind: "ClusterRoleBinding", name: "clusterrolebindings", namespaced: false }],
      },
      "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings": { items: [{ metadata: { name: "gateway" } }] },
      "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/gateway": {
        ...{ metadata: { name: "gateway" }, roleRef: { kind: "ClusterRole", name: "theirs" } },
      },
    });
    const held: Held = { objects: [{ ...secret, patch: false, urn: "u" }], releases: [] };
    const type =
      /Secret shop\/tls is there, and cannot become this stack's: type is Opaque, and would be kubernetes\.io\/tls/;
    const table: [string, PlannedObject, ReturnType<typeof answers>, Held, RegExp | undefined, boolean][] = [
      ["a Secret of the same type", tls, answers("kubernetes.io/tls"), nothing, /is there, and not this stack's/, true],
      ["a Secret of another type", tls, answers("Opaque"), nothing, type, false],
      ["one that was handed over all the same", tls, answers("Opaque", mark(us)), nothing, type, false],
      ["one that the state has, which the engine replaces", tls, answers("Opaque", mark(us)), held, undefined, false],
      [
        "an immutable Secret",
        tls,
        answers("kubernetes.io/tls", {}, { "f:immutable": {} }),
        nothing,
        /it is immutable/,
        false,
      ],
      ["a binding of another role", binding, answers(""), nothing, /roleRef is .*theirs.*would be .*ours/, false],
    ];
    for (const [what, planned, live, own, problem, isOffered] of table)
      it(`is removed or left: ${what}`, async () => {
        const found = await look(objectChecks, { live, held: own, planned: { objects: [planned] } });
        assert.equal(found.length, problem === undefined ? 0 : 1);
        if (problem === undefined) return;
        assert.match(found[0]!.problem, problem);
        assert.match(found[0]!.fix, /then remove it: kubectl delete/);
        assert.equal(found[0]!.fix.includes("hand it over"), isOffered);
      });
  });

  it("names the stack that claims a Helm release: that release is its, not to be uninstalled", async () => {
    const claims = { "/api/v1/configmaps": { items: [claimOf(them, "old/istiod")] } };
    const live = { ...claims, ...roles(helm("istiod", "old")) };
    const planned = { releases: [istiod] };
    const [found] = await look(objectChecks, { live, planned, rendered: () => Promise.resolve([role]) });
    assert.match(found!.problem, /belongs to Helm release old\/istiod of stack acme\/enroute-istio\/old: Helm refuses/);
    assert.doesNotMatch(found!.fix, /helm uninstall/);
    assert.match(
      found!.fix,
      /^use that stack, .*'takeOverFrom' acme\/enroute-istio\/old --stack acme\/enroute-istio\/prod$/,
    );
  });

  it("calls what its own release has under an earlier namespace its own, once", async () => {
    const held = { objects: [], releases: ["old/istiod"] };
    const live = {
      ...roles(helm("istiod", "old")),
      "/apis/apps/v1/deployments": {
        items: [{ metadata: { name: "istiod", namespace: "old", ...helm("istiod", "old") } }],
      },
    };
    const planned = { releases: [istiod] };
    const found = await look([...objectChecks, "releases/moved", "mesh/other-istio"], {
      ...{ live, held, planned, rendered: () => Promise.resolve([role]) },
    });
    assert.deepEqual(brief(found), ["releases/moved error"]);
    assert.match(
      found[0]!.problem,
      /old\/istiod is this stack's own, and istio\.namespace\.name would move it to istio-system/,
    );
    assert.match(found[0]!.fix, /^set istio\.namespace\.name back to old; to move it: pulumi destroy/);
  });

  it("never has what a stack owns deleted where the stack itself is not given, as it may be that one", async () => {
    const api = "/apis/enroute.saaras.io/v1";
    const enroute = { namespace: "old", ...mark(us) };
    const live = {
      "/api/v1/configmaps": { items: [claimOf(us, "old/enroute-istio", "old/istio-base", "old/istiod")] },
      [`${api}/globalconfigs`]: {
        items: [{ metadata: { name: "mesh", ...enroute }, spec: { type: "globalconfig_globals" } }],
      },
      [`${api}/gatewayhosts`]: {
        items: [{ metadata: { name: "b", ...enroute }, spec: { virtualhost: { fqdn: "bookinfo.sandbox.example" } } }],
      },
      "/apis/rbac.authorization.k8s.io/v1/clusterroles/enroute": {
        metadata: { name: "enroute", ...helm("enroute-istio", "old") },
      },
      "/apis/apps/v1/deployments": {
        items: [{ metadata: { name: "istiod", namespace: "old", ...helm("istiod", "old") } }],
      },
    };
    const only = ["ownership/global-config", "ownership/hosts", "cluster/ownership", "mesh/other-istio"];
    const found = await look(only, { live, withStack: false });
    assert.deepEqual(brief(found).sort(), only.map((id) => `${id} error`).sort());
    for (const { fix } of found) {
      assert.match(fix, /^if this is that stack, set the name back; .*; else use that stack/);
      assert.doesNotMatch(fix, /kubectl delete|helm uninstall/);
    }
  });

  it("renders of Istio's CRDs those alone that the cluster has", async () => {
    const base = {
      ...istiod,
      name: "istio-base",
      chart: "base",
      values: { base: { excludedCRDs: ["mine.example.com"] } },
    };
    const there = "sidecars.networking.istio.io";
    const live = {
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": { items: [{ metadata: { name: there } }] },
    };
    const asked: PlannedRelease[] = [];
    const rendered = (release: PlannedRelease) => Promise.resolve((asked.push(release), []));
    await look(objectChecks, { live, planned: { releases: [base, istiod] }, rendered });
    const { excludedCRDs } = asked[0]!.values.base as { excludedCRDs: string[] };
    assert.deepEqual(asked[1], istiod);
    assert.ok(!excludedCRDs.includes(there), "it is rendered, and so compared");
    assert.equal(excludedCRDs.length, istioDefinitions.length);
    assert.ok(excludedCRDs.includes("mine.example.com"));
    // A release that the state has is Helm's own matter.
    await look(objectChecks, {
      held: { objects: [], releases: [`${root}/istio-base`] },
      planned: { releases: [base] },
      rendered,
    });
    assert.equal(asked.length, 2);
  });

  it("warns where a chart could not be rendered: its objects are not taken for compared", async () => {
    const rendered = () => Promise.reject(new Error("no such chart"));
    const found = await look(objectChecks, { planned: { releases: [istiod] }, rendered });
    assert.deepEqual(brief(found), ["ownership/charts warning"]);
    assert.match(found[0]!.problem, /chart istiod 1\.31\.0 could not be rendered.*no such chart/);
  });
});

const claimAt = (owner: string) => ({
  [`/api/v1/namespaces/${root}/configmaps/${claimName}`]: claimOf(owner, `${root}/istiod`),
});

describe("the claim of a mesh", () => {
  const renamed: Held = {
    objects: [{ kind: "ConfigMap", group: "", namespace: root, name: claimName, patch: false, urn: "u" }],
    releases: [],
  };
  const table: [string, Record<string, Answer>, Held, string, string[]][] = [
    ["none", {}, nothing, "", []],
    ["ours", claimAt(us), nothing, "", []],
    ["another stack's", claimAt(them), nothing, "", ["ownership/claim error"]],
    ["ours under the name that the stack had", claimAt(them), renamed, "", []],
    ["that of a stack that is taken over", claimAt(them), nothing, them, ["ownership/taken-over warning"]],
    ["that of another stack than the one taken over", claimAt(them), nothing, "a/b/c", ["ownership/claim error"]],
  ];
  for (const [what, live, held, takeOverFrom, expected] of table)
    it(`is ${what}: ${expected.join(", ") || "nothing to say"}`, async () =>
      assert.deepEqual(brief(await look(claimChecks, { live, held, settings: { takeOverFrom } })), expected));
});

describe("Helm releases under the stack's names", () => {
  const release = (status: string) => ({
    [`/api/v1/namespaces/${root}/secrets`]: {
      items: [{ metadata: { name: "sh.helm.release.v1.istiod.v1", labels: { name: "istiod", version: "1", status } } }],
    },
  });
  const inState: Held = { objects: [], releases: [`${root}/istiod`] };
  const table: [string, Record<string, Answer>, Held, string[]][] = [
    ["in the state", release("deployed"), inState, []],
    ["in the state under another namespace", {}, { objects: [], releases: ["old/istiod"] }, ["releases/moved error"]],
    ["uninstalled with their history kept", release("uninstalled"), nothing, []],
    ["deployed, and nobody's that we know", release("deployed"), nothing, ["releases/foreign error"]],
    ["failed, and nobody's that we know", release("failed"), nothing, ["releases/foreign error"]],
    ["claimed, and cut off", { ...release("pending-install"), ...claimAt(us) }, nothing, []],
    [
      "claimed, deployed, and not in the state",
      { ...release("deployed"), ...claimAt(us) },
      nothing,
      ["releases/unknown error"],
    ],
    [
      "in another stack's claim, which another finding names",
      { ...release("deployed"), ...claimAt(them) },
      nothing,
      [],
    ],
  ];
  for (const [what, live, held, expected] of table)
    it(`that are ${what}: ${expected.join(", ") || "nothing to say"}`, async () => {
      const none = Object.fromEntries(
        [root, "enroute-system"].map((namespace) => [`/api/v1/namespaces/${namespace}/secrets`, { items: [] }]),
      );
      const found = await look(releaseChecks, {
        live: { ...none, ...live },
        held,
        planned: { releases: [istiod] },
      });
      assert.deepEqual(brief(found), expected);
    });
});

describe("what EnRoute takes once in a cluster", () => {
  const api = "/apis/enroute.saaras.io/v1";
  const host = (namespace: string, name: string, fqdn: string) => ({
    metadata: { namespace, name },
    spec: { virtualhost: { fqdn } },
  });
  const config = (namespace: string, name: string, type: string) => ({ metadata: { namespace, name }, spec: { type } });
  const table: [string, object[], object[], string[]][] = [
    ["our own", [host("bookinfo", "bookinfo.sandbox.example", "bookinfo.sandbox.example")], [], []],
    ["our own of an early version", [host("bookinfo", "bookinfo-sandbox-example", "bookinfo.sandbox.example")], [], []],
    ["another host", [host("default", "a", "other.example")], [], []],
    ["the same host", [host("default", "a", "bookinfo.sandbox.example")], [], ["ownership/hosts error"]],
    [
      "the same host in our namespace",
      [host("bookinfo", "a", "bookinfo.sandbox.example")],
      [],
      ["ownership/hosts error"],
    ],
    ["another spelling", [host("default", "a", "BookInfo.sandbox.example")], [], ["ownership/hosts error"]],
    ["our GlobalConfig", [], [config("enroute-system", "mesh", "globalconfig_globals")], []],
    ["another type", [], [config("default", "a", "globalconfig_ratelimit")], []],
    ["the same type", [], [config("default", "a", "globalconfig_globals")], ["ownership/global-config error"]],
  ];
  for (const [what, hosts, configs, expected] of table)
    it(`is ${what}: ${expected.join(", ") || "nothing to say"}`, async () => {
      const live = { [`${api}/gatewayhosts`]: { items: hosts }, [`${api}/globalconfigs`]: { items: configs } };
      assert.deepEqual(brief(await look(hostChecks, { live })), expected);
    });

  it("is not shared by two hosts, as early versions did", async () => {
    const shared = { kind: "GatewayHost", group: "enroute.saaras.io", namespace: "shop", name: "a-b", patch: false };
    const held = {
      objects: [
        { ...shared, urn: "one" },
        { ...shared, urn: "two" },
      ],
      releases: [],
    };
    const found = await look(hostChecks, { held });
    assert.deepEqual(brief(found), ["ownership/shared-object error"]);
    assert.match(found[0]!.fix, /pulumi state delete 'two'/);
  });
});

describe("what takes the stack itself", () => {
  const line = ({ id, status }: { id: string; status: string }) => `${status} ${id}`;

  it("is undecided where its state cannot be read, and that is said once", async () => {
    const held = new StateUnreadable("no such file");
    const { results, findings } = await report(["ownership"], { held });
    assert.deepEqual(brief(findings), ["ownership/state error"]);
    assert.match(findings[0]!.problem, /^the state of the stack cannot be read, .*: no such file$/);
    const others = results.filter(
      ({ id }) => !["ownership/state", "ownership/claim", "ownership/taken-over"].includes(id),
    );
    assert.deepEqual(
      [...new Set(others.map(({ status, fix }) => `${status}: ${fix}`))],
      ["unknown: see ownership/state"],
    );
  });

  it("is left out of a group where no stack is given, and undecided where it is named", async () => {
    const group = await report(["ownership"], { withStack: false });
    assert.deepEqual(group.results.map(line), ["passed ownership/hosts", "passed ownership/global-config"]);
    const named = await report(["ownership/objects"], { withStack: false });
    assert.deepEqual(named.results.map(line), ["unknown ownership/objects"]);
    assert.equal(named.results[0]!.fix, "run pulumi preview");
  });

  it("takes the place of what goes by marks alone", async () => {
    const { results } = await report(["cluster/ownership", "ownership/objects"], {});
    assert.deepEqual(results.map(line), ["unknown cluster/ownership", "passed ownership/objects"]);
  });
});
