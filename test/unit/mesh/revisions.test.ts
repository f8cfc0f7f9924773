import assert from "node:assert/strict";
import type { DeclaredControlPlanes } from "../../../mesh/control-planes";
import { proxySkew } from "../../../mesh/istio-upgrade";
import {
  type LabelledNamespace,
  type MovingNamespace,
  type PhaseProblem,
  type RunningMesh,
  type RunningPlane,
  type RunningProxy,
  leavingProblems,
  movingProblems,
  renamingProblems,
  versionProblems,
  waitsForRestart,
} from "../../../mesh/revisions";

const plane = (revision: string, version: string, more: Partial<RunningPlane> = {}): RunningPlane => ({
  revision,
  version,
  release: revision === "default" ? "istiod" : `istiod-${revision}`,
  isReady: true,
  isOurs: true,
  ...more,
});
const old = plane("default", "1.31.0");
const next = plane("1-32-0", "1.32.0");
const mesh = (planes: RunningPlane[], more: Partial<RunningMesh> = {}): RunningMesh => ({
  ...{ planes, tags: [], validating: planes[0]?.revision },
  ...more,
});
const declare = (...planes: RunningPlane[]): DeclaredControlPlanes => ({
  revisions: planes.map(({ revision, version }) => ({ revision, version: version! })),
});
const proxy = (pod: string, revision: string, version: string): RunningProxy => ({
  ...{ pod, revision, version },
  restart: `kubectl -n shop rollout restart deployment ${pod.split("/")[1]}`,
});
const shop = (labels: Record<string, string>): LabelledNamespace => ({ name: "shop", labels });
const brief = (problems: PhaseProblem[]) => problems.map(({ key, problem }) => `${key}: ${problem}`);

describe("the phases of an upgrade: what goes", () => {
  const cases: [
    what: string,
    running: RunningMesh,
    declared: DeclaredControlPlanes,
    used: { namespaces?: LabelledNamespace[]; proxies?: RunningProxy[] },
    expected: RegExp[],
  ][] = [
    ["nothing, where both stay", mesh([old, next]), declare(old, next), {}, []],
    ["one that nobody uses", mesh([old, next], { validating: "1-32-0" }), declare(next), {}, []],
    [
      "one that validates",
      mesh([old, next]),
      declare(next),
      {},
      [/^istio\.revisions: revision default may not go yet: it checks Istio's objects/],
    ],
    [
      "one that a namespace follows",
      mesh([old, next], { validating: "1-32-0" }),
      declare(next),
      { namespaces: [shop({ "istio-injection": "enabled" })] },
      [/namespace shop follows it \(istio-injection=enabled\)/],
    ],
    [
      "one that a namespace follows by a tag",
      mesh([next, old], { validating: "1-32-0", tags: [{ tag: "stable", revision: "default", isOurs: true }] }),
      { ...declare(next), tags: { stable: "1-32-0" } },
      { namespaces: [shop({ "istio.io/rev": "stable" })] },
      [/tag stable points to it/, /namespace shop follows it \(istio\.io\/rev=stable\)/],
    ],
    [
      "one that proxies still run of",
      mesh([old, next], { validating: "1-32-0" }),
      declare(next),
      { proxies: [proxy("shop/api", "default", "1.31.0"), proxy("shop/web", "1-32-0", "1.32.0")] },
      [/1 proxy of it runs: shop\/api$/],
    ],
    [
      "another's, which nobody takes away",
      mesh([{ ...old, isOurs: false }, next], { validating: "default" }),
      declare(next),
      { proxies: [proxy("shop/api", "default", "1.31.0")] },
      [],
    ],
    [
      "a tag that a namespace follows",
      mesh([old], { tags: [{ tag: "stable", revision: "default", isOurs: true }] }),
      declare(old),
      { namespaces: [shop({ "istio.io/rev": "stable" })] },
      [/^istio\.tags\.stable: tag stable may not go yet: namespace shop follows it/],
    ],
    [
      "a tag that nobody follows",
      mesh([old], { tags: [{ tag: "stable", revision: "default", isOurs: true }] }),
      declare(old),
      { namespaces: [shop({ "istio-injection": "enabled" })] },
      [],
    ],
    [
      "the new one, on the way back",
      mesh([old, next]),
      declare(old),
      { proxies: [proxy("shop/api", "1-32-0", "1.32.0")] },
      [/revision 1-32-0 may not go yet: 1 proxy of it runs: shop\/api/],
    ],
    [
      "the one control plane, under another name",
      mesh([old]),
      { version: "1.31.0", revision: "1-31" },
      {},
      [/^istio\.revision: revision default may not go yet: it checks/],
    ],
  ];
  for (const [what, running, declared, { namespaces = [], proxies = [] }, expected] of cases)
    it(what, () => {
      const found = leavingProblems(running, declared, { namespaces, proxies });
      assert.equal(found.length, expected.length, brief(found).join("\n"));
      brief(found).forEach((text, index) => assert.match(text, expected[index]!));
      for (const { fix } of found) assert.match(fix, /^keep it in istio\.(revisions?|tags); .*an update of its own$/);
    });

  it("names the restart of every pod that stands in the way, once", () => {
    const proxies = [proxy("shop/api", "default", "1.31.0"), proxy("shop/api", "default", "1.31.0")];
    const [found] = leavingProblems(mesh([old, next], { validating: "1-32-0" }), declare(next), {
      namespaces: [],
      proxies,
    });
    assert.match(found!.fix, /; restart them: kubectl -n shop rollout restart deployment api, then take it away/);
  });
});

describe("the phases of an upgrade: what moves", () => {
  const moving = (before: Record<string, string> | undefined, after: Record<string, string>): MovingNamespace => ({
    ...{ key: "namespaces[0]", name: "shop", before, after },
  });
  const enabled = { "istio-injection": "enabled" };
  const rev = (name: string) => ({ "istio.io/rev": name });
  const stable = [{ tag: "stable", revision: "default", isOurs: true }];
  const starting = { ...next, isReady: false };
  const cases: [string, RunningMesh, DeclaredControlPlanes, MovingNamespace[], RegExp[]][] = [
    ["everything, where nothing runs yet", mesh([]), declare(old, next), [moving(enabled, rev("1-32-0"))], []],
    ["a namespace to one that is ready", mesh([old, next]), declare(old, next), [moving(enabled, rev("1-32-0"))], []],
    ["a namespace that joins the mesh", mesh([old]), declare(old, next), [moving({}, rev("1-32-0"))], []],
    ["a namespace that is made", mesh([old]), declare(old, next), [moving(undefined, rev("1-32-0"))], []],
    [
      "a namespace to one that comes in the same update",
      mesh([old]),
      declare(old, next),
      [moving(enabled, rev("1-32-0"))],
      [
        /^namespaces\[0\]\.injection: namespace shop may not move from istio-injection=enabled to istio\.io\/rev=1-32-0 yet, which is not there yet/,
      ],
    ],
    [
      "a namespace to one that is not ready",
      mesh([old, starting]),
      declare(old, next),
      [moving(enabled, rev("1-32-0"))],
      [/which is not ready: its pods would start without a sidecar/],
    ],
    [
      "a namespace to a tag that comes in the same update",
      mesh([old]),
      { ...declare(old), tags: { stable: "default" } },
      [moving(enabled, rev("stable"))],
      [/to istio\.io\/rev=stable yet, which is not there yet/],
    ],
    [
      "a namespace to a tag that is there",
      mesh([old], { tags: stable }),
      { ...declare(old), tags: { stable: "default" } },
      [moving(enabled, rev("stable"))],
      [],
    ],
    [
      "a tag to one that is not ready",
      mesh([old, starting], { tags: stable }),
      { ...declare(old, next), tags: { stable: "1-32-0" } },
      [],
      [/^istio\.tags\.stable: tag stable may not move from revision default to 1-32-0 yet, which is not ready/],
    ],
    [
      "a tag to one that is ready",
      mesh([old, next], { tags: stable }),
      { ...declare(old, next), tags: { stable: "1-32-0" } },
      [],
      [],
    ],
    [
      "the default to one that comes in the same update",
      mesh([old]),
      { ...declare(old, next), defaultRevision: "1-32-0" },
      [],
      [/^istio\.defaultRevision: the default may not move from revision default to 1-32-0 yet, which is not there yet/],
    ],
    [
      "the default to one that is ready",
      mesh([old, next]),
      { ...declare(old, next), defaultRevision: "1-32-0" },
      [],
      [],
    ],
    [
      "the default back",
      mesh([old, next], { validating: "1-32-0" }),
      declare(old, next),
      [moving(rev("1-32-0"), enabled)],
      [],
    ],
  ];
  for (const [what, running, declared, namespaces, expected] of cases)
    it(what, () => {
      const found = movingProblems(running, declared, namespaces);
      assert.equal(found.length, expected.length, brief(found).join("\n"));
      brief(found).forEach((text, index) => assert.match(text, expected[index]!));
    });
});

describe("a Helm release of a control plane", () => {
  const revised = plane("1-31", "1.31.0", { release: "istiod" });
  it("stays where a stack of one revision gets several", () => {
    const [found, ...more] = renamingProblems(mesh([revised]), declare(revised, next));
    assert.deepEqual(more, []);
    assert.match(found!.problem, /^revision 1-31 is Helm release istiod, and would become istiod-1-31/);
    assert.equal(found!.fix, "set istio.revisions[0].release: istiod");
    const kept = { revisions: [{ revision: "1-31", version: "1.31.0", release: "istiod" }] };
    assert.deepEqual(renamingProblems(mesh([revised]), kept), []);
  });
  it("stays where a stack of several goes back to the one", () => {
    const [found] = renamingProblems(mesh([next]), { version: "1.32.0", revision: "1-32-0" });
    assert.match(found!.fix, /^keep it in istio\.revisions, with revision: 1-32-0$/);
    assert.deepEqual(renamingProblems(mesh([old]), { version: "1.31.0" }), []);
  });
});

describe("versions of an upgrade", () => {
  const cases: [string, RunningMesh, DeclaredControlPlanes, RunningProxy[], RegExp[]][] = [
    ["a minor version in place", mesh([old]), { version: "1.32.0" }, [proxy("shop/api", "default", "1.31.0")], []],
    [
      "two of them in place",
      mesh([old]),
      { version: "1.33.0" },
      [],
      [/^istio\.version: Istio would go from 1\.31\.0 to 1\.33\.0/],
    ],
    [
      "two of them beside the old one",
      mesh([old]),
      { revisions: [{ revision: "next", version: "1.33.0" }] },
      [],
      [/^istio\.revisions\[0\]\.version: Istio would go from 1\.31\.0 to 1\.33\.0/],
    ],
    [
      "in place over a proxy that was never restarted",
      mesh([old]),
      { version: "1.32.0" },
      [proxy("shop/api", "default", "1.30.2")],
      [/proxies of another minor version than 1\.32\.0 .*: shop\/api \(1\.30\.2\)/],
    ],
    [
      "back in place under a proxy that is newer",
      mesh([plane("default", "1.32.0")]),
      { version: "1.31.0" },
      [proxy("shop/api", "default", "1.32.0")],
      [/proxies newer than control plane 1\.31\.0 would run/],
    ],
    [
      "in place beside a proxy of another revision",
      mesh([old, next]),
      {
        revisions: [
          { revision: "default", version: "1.31.4" },
          { revision: "1-32-0", version: "1.32.0" },
        ],
      },
      [proxy("shop/api", "1-32-0", "1.33.0")],
      [],
    ],
    [
      "a version that is not known",
      mesh([plane("default", "1.31.0", { version: undefined })]),
      { version: "1.33.0" },
      [],
      [],
    ],
  ];
  for (const [what, running, declared, proxies, expected] of cases)
    it(what, () => {
      const found = versionProblems(running, declared, proxies);
      assert.equal(found.length, expected.length, brief(found).join("\n"));
      brief(found).forEach((text, index) => assert.match(text, expected[index]!));
    });

  it("are judged by how far a proxy is from its control plane", () => {
    const skews = ["1.30.9", "1.31.0", "1.32.0", "1.33.0", "1.34.0", "2.32.0", "latest"].map((one) =>
      proxySkew(one, "1.32.1"),
    );
    assert.deepEqual(skews, ["untested", "supported", "supported", "ahead", "untested", "untested", "supported"]);
  });
});

describe("a pod that waits for a restart", () => {
  const wanted = { revision: "1-32-0", tag: "1.32.0" };
  const cases: [revision: string | undefined, version: string | undefined, why: string | undefined][] = [
    ["1-32-0", "1.32.0", undefined],
    ["default", "1.31.0", "revision default instead of 1-32-0"],
    ["default", "1.32.0", "revision default instead of 1-32-0"],
    ["1-32-0", "1.31.0", "1.31.0"],
    ["1-32-0", undefined, "no tag"],
    [undefined, "1.32.0", undefined],
  ];
  for (const [revision, version, why] of cases)
    it(`of revision ${revision} and version ${version}: ${why ?? "does not"}`, () =>
      assert.equal(waitsForRestart({ revision, version }, wanted), why));
});
