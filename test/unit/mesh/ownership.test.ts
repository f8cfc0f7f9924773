import assert from "node:assert/strict";
import {
  type OwnerMarks,
  claimAnnotations,
  claimOf,
  isStack,
  claimedBy,
  labelConflicts,
  leftovers,
  movedReleases,
  newOwner,
  stackAnnotation,
  ownerName,
  ownerOf,
  takeOverProblem,
} from "../../../mesh/ownership";

const us = ownerName({ organization: "acme", project: "enroute-istio", stack: "prod" });
const helm = {
  labels: { "app.kubernetes.io/managed-by": "Helm" },
  annotations: { "meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": "istio-system" },
};

describe("the owner of an object", () => {
  const table: [string, OwnerMarks, ReturnType<typeof ownerOf>][] = [
    ["our mark", { annotations: { [stackAnnotation]: us } }, { by: "ours" }],
    [
      "another stack's mark",
      { annotations: { [stackAnnotation]: "acme/x/dev" } },
      { by: "stack", stack: "acme/x/dev" },
    ],
    ["the mark of a stack that is taken over", { annotations: { [stackAnnotation]: "acme/x/gone" } }, { by: "ours" }],
    ["Helm's three marks", helm, { by: "release", release: "istio-system/istiod" }],
    ["Helm's annotations without its label, which Helm refuses", { ...helm, labels: {} }, { by: "unmarked" }],
    [
      "the label of early versions, which names no stack",
      { labels: { "app.kubernetes.io/managed-by": "enroute-istio" } },
      { by: "unmarked" },
    ],
    ["nothing", {}, { by: "unmarked" }],
  ];
  for (const [what, marks, owner] of table)
    it(`is told by ${what}`, () => assert.deepEqual(ownerOf(marks, { owner: us, takeOverFrom: "acme/x/gone" }), owner));
});

describe("what a program without a preflight may make", () => {
  const namespace = { kind: "Namespace", group: "", name: "shop" };
  const secret = { kind: "Secret", group: "", namespace: "shop", name: "login" };
  const ours = { annotations: { [stackAnnotation]: us } };
  const theirs = { annotations: { [stackAnnotation]: "acme/x/dev" } };
  const table: [string, Parameters<typeof takeOverProblem>, RegExp | undefined][] = [
    [
      "a namespace without a mark",
      [namespace, {}, { owner: us }, false],
      /^Namespace shop exists .*"create" to false.*"adopt"/,
    ],
    [
      "another stack's namespace",
      [namespace, theirs, { owner: us }, false],
      /it is stack acme\/x\/dev's.*two stacks never own/,
    ],
    [
      "a namespace of its own, under another name",
      [namespace, ours, { owner: us }, false],
      /"adopt".*give it an alias/,
    ],
    ["a namespace of a release", [namespace, helm, { owner: us }, false], /it is Helm release istio-system\/istiod's/],
    ["a namespace for one that marks nothing", [namespace, {}, { owner: "" }, false], /no mark of this stack/],
    ["a namespace that is to be taken over", [namespace, {}, { owner: us }, true], undefined],
    ["another stack's that is to be taken over", [namespace, theirs, { owner: us }, true], /two stacks never own/],
    [
      "somebody's Secret",
      [secret, {}, { owner: us }, false],
      /^Secret shop\/login .*annotation enroute-istio\/stack to acme\/enroute-istio\/prod$/,
    ],
    [
      "another stack's Secret",
      [secret, theirs, { owner: us }, false],
      /acme\/x\/dev's\); use other names here, or agree with its owner and remove it$/,
    ],
    ["its own, of an update that was cut off", [secret, ours, { owner: us }, false], undefined],
    ["another one's in a namespace that is taken over", [secret, {}, { owner: us }, true], /^Secret/],
    ["a Namespace of another API", [{ ...namespace, group: "example.com" }, ours, { owner: us }, false], undefined],
  ];
  for (const [what, args, expected] of table)
    it(`${expected === undefined ? "is" : "is not"} ${what}`, () => {
      const why = takeOverProblem(...args);
      if (expected === undefined) assert.equal(why, undefined);
      else assert.match(why ?? "nothing", expected);
    });
});

describe("a claim", () => {
  it("is read as it was written, whatever the order of its releases", () => {
    const annotations = { ...claimAnnotations(["b/two", "a/one"]), [stackAnnotation]: us };
    assert.deepEqual(claimOf({ annotations }), { owner: us, releases: ["a/one", "b/two"] });
    assert.deepEqual(claimAnnotations(["b/two", "a/one"]), claimAnnotations(["a/one", "b/two"]));
  });
  it("is none without an owner", () => assert.equal(claimOf({ annotations: claimAnnotations(["a/one"]) }), undefined));
});

describe("labels that somebody else chose", () => {
  const held = (manager: string, ...keys: string[]) => ({
    manager,
    fieldsV1: { "f:metadata": { "f:labels": Object.fromEntries(keys.map((key) => [`f:${key}`, {}])) } },
  });
  const enabled = { "istio-injection": "enabled" };
  const revision = { "istio.io/rev": "1-31" };
  const table: [string, Record<string, string>, Record<string, string>, ReturnType<typeof held>[], string[]][] = [
    ["nothing is there", {}, enabled, [], []],
    ["the same is there", enabled, enabled, [held("kubectl", "istio-injection")], []],
    ["its team says disabled", { "istio-injection": "disabled" }, enabled, [], ["istio-injection=disabled"]],
    ["its team chose a revision", revision, enabled, [], ["istio.io/rev=1-31"]],
    ["its team chose the default revision", enabled, revision, [], ["istio-injection=enabled"]],
    ["both are there", { ...enabled, ...revision }, enabled, [], ["istio.io/rev=1-31"]],
    ["we set the other one before", enabled, revision, [held("ours", "istio-injection")], []],
    [
      "we and its team set the other one",
      enabled,
      revision,
      [held("ours", "istio-injection"), held("kubectl", "istio-injection")],
      ["istio-injection=enabled"],
    ],
    ["a plain label differs", { team: "a" }, { team: "b" }, [], ["team=a"]],
    ["the namespace is no member of the mesh", { "istio-injection": "disabled" }, { team: "b" }, [], []],
  ];
  for (const [what, labels, wanted, managedFields, conflicts] of table)
    it(`are ${conflicts.join(", ") || "none"} where ${what}`, () =>
      assert.deepEqual(
        labelConflicts({ labels, managedFields }, wanted, (manager) => manager === "ours").map(
          ({ key, value }) => `${key}=${value}`,
        ),
        conflicts,
      ));
});

describe("another stack", () => {
  for (const [mark, stack, expected] of [
    ["a/p/s", "a/p/s", true],
    ["a/p/s", "*/p/s", true],
    ["a/p/s", "b/p/s", false],
    ["a/p/t", "*/p/s", false],
    ["a/q/s", "*/p/s", false],
  ] as const)
    it(`is ${expected ? "not " : ""}told by the mark ${mark}, where ours is ${stack}`, () =>
      assert.equal(isStack(mark, stack), expected));

  for (const [what, then, now, owner] of [
    ["the mark is as it was", us, us, undefined],
    ["it has none still", undefined, undefined, undefined],
    ["somebody took the mark away", us, undefined, undefined],
    ["another stack has marked it", us, "a/b/c", "a/b/c"],
    ["another stack has marked what early versions left unmarked", undefined, "a/b/c", "a/b/c"],
  ] as const)
    it(`${owner === undefined ? "has not taken" : "has taken"} an object over where ${what}`, () =>
      assert.equal(
        newOwner(
          then === undefined ? {} : { mark: then },
          now === undefined ? {} : { annotations: { [stackAnnotation]: now } },
        ),
        owner,
      ));
});

describe("what a stack no longer makes", () => {
  const held = (kind: string, group: string, name: string, patch = false, namespace = "shop") => ({
    ...{ kind, group, name, patch, urn: "u" },
    ...(namespace === "" ? {} : { namespace }),
  });
  const made = (kind: string, group: string, name: string) => ({
    ...{ apiVersion: `${group}/v1`, group, kind, name, namespace: "shop" },
  });
  const release = (name: string) => ({ name, namespace: "mesh", chart: "c", version: "1", values: {} });

  it("is what its state holds beyond the program, but what it only patches", () => {
    const objects = [
      held("PeerAuthentication", "security.istio.io", "gone"),
      held("PeerAuthentication", "security.istio.io", "kept"),
      held("Namespace", "", "patched", true, ""),
      held("Namespace", "", "left", false, ""),
    ];
    const planned = { objects: [made("PeerAuthentication", "security.istio.io", "kept")], releases: [release("a")] };
    assert.deepEqual(leftovers({ objects, releases: ["mesh/a", "mesh/b"] }, planned), [
      "PeerAuthentication shop/gone",
      "Namespace left",
      "Release mesh/b",
    ]);
  });

  it("knows a GatewayHost by its former name", () => {
    const planned = { objects: [made("GatewayHost", "enroute.saaras.io", "a.b.example")], releases: [] };
    const of = (name: string) =>
      leftovers({ objects: [held("GatewayHost", "enroute.saaras.io", name)], releases: [] }, planned);
    assert.deepEqual([of("a-b-example"), of("a.b.example")], [[], []]);
    assert.deepEqual(of("b-a-example"), ["GatewayHost shop/b-a-example"]);
  });
});

describe("a Helm release", () => {
  const release = (id: string) => {
    const [namespace, name] = id.split("/") as [string, string];
    return { namespace, name, chart: name, version: "1.0.0", values: {} };
  };
  const table: [string, string[], string[], string[]][] = [
    ["that stays", ["edge/enroute-istio"], ["edge/enroute-istio"], []],
    ["that is new", [], ["edge/enroute-istio"], []],
    ["that goes", ["edge/enroute-istio"], [], []],
    ["whose namespace changes", ["edge/enroute-istio"], ["gw2/enroute-istio"], ["enroute-istio edge gw2"]],
    ["beside which another stays", ["a/istiod", "b/kiali"], ["a/istiod", "c/kiali"], ["kiali b c"]],
  ];
  for (const [what, held, planned, expected] of table)
    it(`${what}: ${expected.join(", ") || "does not move"}`, () => {
      const moved = movedReleases({ objects: [], releases: held }, { objects: [], releases: planned.map(release) });
      assert.deepEqual(
        moved.map(({ name, from, to }) => `${name} ${from} ${to}`),
        expected,
      );
    });

  it("is the stack's whose claim lists it", () => {
    const claims = [
      { owner: "acme/x/one", releases: ["a/istiod"] },
      { owner: "acme/x/two", releases: ["b/istiod"] },
    ];
    assert.deepEqual(
      ["a/istiod", "b/istiod", "c/istiod"].map((id) => claimedBy(claims, id)),
      ["acme/x/one", "acme/x/two", undefined],
    );
  });
});
