import assert from "node:assert/strict";
import { parse, stringify } from "yaml";
import { editedSettings, editedStackFile } from "../../../settings/file-edits";
import { loadSettings } from "../../../settings/load";
import type { Settings } from "../../../settings/schema";
import { type UpgradePhase, planUpgrade } from "../../../settings/upgrade-plan";
import { configuration, stackConfig } from "../stack-files";

type Tree = Record<string, unknown>;
const key = (name: string) => `enroute-istio:${name}`;

/** The text of a stack file like dev's, with changes of its sections. */
function file(changes: Record<string, unknown> = {}): string {
  const config = structuredClone(stackConfig("dev")) as Record<string, Tree>;
  for (const [name, value] of Object.entries(changes)) config[key(name)] = value as Tree;
  return `# the shop's stack\n${stringify({ config })}`;
}
const load = (text: string): Settings => loadSettings(configuration((parse(text) as { config: Tree }).config, "dev"));

/** Every phase of an upgrade, each rolled out by an edit of the stack's file; restarts are always done. */
function walk(text: string, to: string): { names: string[]; text: string; phases: UpgradePhase[] } {
  const phases: UpgradePhase[] = [];
  for (let left = text; ;) {
    const plan = planUpgrade(load(left), to);
    assert.ok(!("problem" in plan), JSON.stringify(plan));
    const next = plan.phases.find(({ name }) => name !== "restart");
    if (next === undefined) return { names: phases.map(({ name }) => name), text: left, phases };
    phases.push(next);
    assert.ok(phases.length < 8, "it comes to an end");
    const before = load(left);
    left = editedStackFile(left, "enroute-istio", next.edits);
    // The same edits of an object come to the same settings.
    const { secretPaths: _, ...edited } = load(left);
    assert.deepEqual(
      JSON.parse(JSON.stringify(editedSettings(before, next.edits).istio)),
      JSON.parse(JSON.stringify(edited.istio)),
    );
  }
}

describe("the plan of an upgrade", () => {
  it("goes by its phases, and leaves one control plane of that version", () => {
    const { names, text } = walk(file(), "1.32.0");
    assert.deepEqual(names, ["install", "move", "remove"]);
    assert.match(text, /^# the shop's stack\n/);
    const { istio } = load(text);
    assert.deepEqual(istio.revisions, [{ revision: "1-32-0", version: "1.32.0" }]);
    assert.deepEqual([istio.version, istio.defaultRevision], [undefined, "1-32-0"]);
    assert.deepEqual(walk(text, "1.32.0").names, [], "and then nothing is left to do");
  });

  it("goes on from there to the next one", () => {
    const first = walk(file(), "1.32.0").text;
    const { istio } = load(walk(first, "1.32.1").text);
    assert.deepEqual(istio.revisions, [{ revision: "1-32-1", version: "1.32.1" }]);
  });

  it("shows every phase that is left, with what each changes", () => {
    const plan = planUpgrade(load(file()), "1.32.0");
    assert.ok(!("problem" in plan));
    assert.deepEqual(
      plan.phases.map(({ name }) => name),
      ["install", "move", "restart", "remove"],
    );
    assert.deepEqual(plan.from, ["1.31.0"]);
    const [install, move, , remove] = plan.phases;
    assert.match(install!.changes.join(), /release istiod-1-32-0 is made.*istio-base goes from 1\.31\.0 to 1\.32\.0/);
    assert.match(move!.changes.join(), /checks Istio's objects.*2 namespaces without injection/);
    assert.match(remove!.changes.join(), /release istiod is deleted/);
  });

  it("goes back from every phase by the same road", () => {
    const before = load(file());
    for (const done of [1, 2]) {
      const { phases } = walk(file(), "1.32.0");
      const text = phases
        .slice(0, done)
        .reduce((left, { edits }) => editedStackFile(left, "enroute-istio", edits), file());
      const back = walk(text, "1.31.0");
      assert.deepEqual(back.names, done === 1 ? ["remove"] : ["move", "remove"]);
      const { istio } = load(back.text);
      assert.deepEqual(istio.revisions, [{ revision: "default", version: before.istio.version }]);
      assert.equal(istio.defaultRevision, "default");
    }
  });

  it("keeps the Helm release of a stack with a revision, and moves tags and namespaces that name one", () => {
    const istio = { version: "1.31.0", revision: "1-31", tag: "1.31.0-distroless", tags: { stable: "1-31" } };
    const namespaces = [
      { name: "bookinfo", injection: { revision: "1-31" } },
      { name: "wiki", injection: { revision: "stable" } },
    ];
    const { phases, text } = walk(file({ istio, namespaces }), "1.31.4");
    const [install, move] = phases;
    assert.deepEqual(install!.edits[0]!.value, [
      { revision: "1-31", version: "1.31.0", tag: "1.31.0-distroless", release: "istiod" },
      { revision: "1-31-4", version: "1.31.4" },
    ]);
    assert.deepEqual(move!.edits, [
      { path: ["istio", "defaultRevision"], value: "1-31-4" },
      { path: ["istio", "tags", "stable"], value: "1-31-4" },
      { path: ["namespaces", 0, "injection"], value: { revision: "1-31-4" } },
    ]);
    assert.deepEqual(
      load(text).namespaces.map(({ injection }) => injection),
      [{ revision: "1-31-4" }, { revision: "stable" }],
    );
  });

  it("moves namespaces with injection enabled to the revision, and back", () => {
    const namespaces = [{ name: "bookinfo", injection: "enabled" }];
    const { phases } = walk(file({ namespaces }), "1.32.0");
    const moved = phases
      .slice(0, 2)
      .reduce((left, { edits }) => editedStackFile(left, "enroute-istio", edits), file({ namespaces }));
    assert.deepEqual(load(moved).namespaces[0]!.injection, { revision: "1-32-0" });
    assert.equal(load(walk(moved, "1.31.0").text).namespaces[0]!.injection, "enabled");
  });

  it("lifts the protection of what goes, in an update of its own, and puts it back with the last phase", () => {
    const other = { object: "GatewayHost shop/x", reason: "it moves" };
    const deletionProtection = { enabled: true, except: [other] };
    const { names, text, phases } = walk(file({ deletionProtection }), "1.32.0");
    assert.deepEqual(names, ["install", "move", "unprotect", "remove"]);
    assert.match(JSON.stringify(phases[2]!.edits), /"Release istio-system\/istiod"/);
    assert.deepEqual(load(text).deletionProtection.except, [other]);
    const none = walk(file({ deletionProtection: { enabled: true } }), "1.32.0");
    assert.deepEqual(load(none.text).deletionProtection, { enabled: true, except: [] });
  });

  const refused: [to: string, problem: RegExp, fix: RegExp][] = [
    ["1.33.0", /from 1\.31\.0 to 1\.33\.0 in one step/, /set --to to a release of 1\.32 first/],
    ["1.29.0", /go back from 1\.31\.0 to 1\.29\.0/, /a release of 1\.30 first/],
    ["1.32", /1\.32 is not an exact version/, /--to 1\.32\.0/],
    ["latest", /latest is not an exact version/, /--to/],
  ];
  for (const [to, problem, fix] of refused)
    it(`is refused to ${to}`, () => {
      const plan = planUpgrade(load(file()), to);
      assert.ok("problem" in plan);
      assert.match(plan.problem, problem);
      assert.match(plan.fix, fix);
    });

  it("is refused where its revision has another version", () => {
    const revisions = [{ revision: "1-32-0", version: "1.31.0" }];
    const plan = planUpgrade(load(file({ istio: { revisions } })), "1.32.0");
    assert.ok("problem" in plan);
    assert.match(plan.problem, /revision 1-32-0 is there already, and of version 1\.31\.0/);
  });
});

describe("an edit of a stack's file", () => {
  const edits = [
    { path: ["istio", "defaultRevision"], value: "a" },
    { path: ["istio", "version"] },
    { path: ["namespaces", 1, "injection"], value: { revision: "a" } },
  ];
  const cases: [what: string, before: string, after: RegExp][] = [
    [
      "keeps comments, order and what it does not name",
      "# top\nencryptionsalt: v1:x\nconfig:\n  # of Istio\n  p:istio:\n    version: 1.31.0 # now\n    profile: ha\n  p:namespaces: [{ name: a }, { name: b }]\n",
      /^# top\nencryptionsalt: v1:x\nconfig:\n {2}# of Istio\n {2}p:istio:\n {4}profile: ha\n {4}defaultRevision: a\n/,
    ],
    [
      "takes a key without the project's name, and an object in JSON",
      'config:\n  istio: \'{"version":"1.31.0"}\'\n  namespaces: [{ name: a }, { name: b }]\n',
      /^config:\n {2}istio:.*\n? *\{? *"?defaultRevision"?: "?a"?/,
    ],
    ["makes what is not there", "config: {}\n", /p:istio:/],
  ];
  for (const [what, before, after] of cases)
    it(what, () => {
      const used = what.startsWith("makes") ? edits.slice(0, 2) : edits;
      const text = editedStackFile(before, "p", used);
      assert.match(text, after);
      const { config } = parse(text) as { config: Record<string, Record<string, unknown>> };
      assert.deepEqual((config["p:istio"] ?? config["istio"])!["defaultRevision"], "a");
      assert.ok(!text.includes("1.31.0"));
    });

  it("refuses a file that is not YAML", () => assert.throws(() => editedStackFile("a: [", "p", edits)));
});
