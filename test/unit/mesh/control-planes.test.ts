import assert from "node:assert/strict";
import {
  type DeclaredControlPlanes,
  controlPlanes,
  declarationProblems,
  defaultControlPlane,
  newestVersion,
  revisionOf,
} from "../../../mesh/control-planes";

const two = [
  { revision: "default", version: "1.31.0" },
  { revision: "1-32-0", version: "1.32.0" },
];

describe("the control planes of a stack", () => {
  it("are one by its version, with the names of today", () => {
    const [plane, ...more] = controlPlanes({ version: "1.31.0" });
    assert.deepEqual(more, []);
    assert.deepEqual(plane, {
      ...{ revision: "default", version: "1.31.0", tag: "1.31.0" },
      ...{ release: "istiod", istiod: "istiod", configMap: "istio", injector: "istio-sidecar-injector" },
    });
    const [revised] = controlPlanes({ version: "1.31.0", revision: "1-31", tag: "1.31.0-distroless" });
    assert.deepEqual(
      [revised!.release, revised!.istiod, revised!.configMap, revised!.tag],
      ["istiod", "istiod-1-31", "istio-1-31", "1.31.0-distroless"],
    );
  });

  it("are several by its revisions, each with a release of its own", () => {
    assert.deepEqual(
      controlPlanes({ revisions: two }).map(({ release, istiod, tag }) => [release, istiod, tag]),
      [
        ["istiod", "istiod", "1.31.0"],
        ["istiod-1-32-0", "istiod-1-32-0", "1.32.0"],
      ],
    );
    assert.equal(
      controlPlanes({ revisions: [{ revision: "1-31", version: "1.31.0", release: "istiod" }] })[0]!.release,
      "istiod",
    );
  });

  it("have a default, which is the first unless it is named, and kinds of the newest version", () => {
    assert.equal(defaultControlPlane({ revisions: two }).revision, "default");
    assert.equal(defaultControlPlane({ revisions: two, defaultRevision: "1-32-0" }).revision, "1-32-0");
    assert.equal(newestVersion({ revisions: two }), "1.32.0");
    assert.equal(newestVersion({ revisions: [...two].reverse() }), "1.32.0");
    assert.equal(
      newestVersion({
        revisions: [
          { revision: "a", version: "1.31.9" },
          { revision: "b", version: "1.31.10" },
        ],
      }),
      "1.31.10",
    );
  });

  const labels: [label: string, revision: string | undefined][] = [
    ["default", "default"],
    ["1-32-0", "1-32-0"],
    ["stable", "1-32-0"],
    ["canary", undefined],
    ["toString", undefined],
  ];
  for (const [label, revision] of labels)
    it(`lead a namespace with the label ${label} to ${revision ?? "none of them"}`, () =>
      assert.equal(revisionOf(label, { revisions: two, tags: { stable: "1-32-0" } }), revision));

  const refused: [what: string, declared: DeclaredControlPlanes, problems: [key: string, allowed: RegExp][]][] = [
    ["nothing", {}, [["version", /^missing; the exact version of Istio/]]],
    ["a version beside revisions", { version: "1.31.0", revisions: two }, [["version", /^nothing beside revisions/]]],
    [
      "revision and tag beside revisions",
      { revision: "a", tag: "1.31.0", revisions: two },
      [
        ["revision", /^nothing beside revisions/],
        ["tag", /^nothing beside revisions/],
      ],
    ],
    [
      "a default without revisions",
      { version: "1.31.0", defaultRevision: "x" },
      [["defaultRevision", /^nothing without revisions/]],
    ],
    [
      "a default that is none of them",
      { revisions: two, defaultRevision: "x" },
      [["defaultRevision", /\(default, 1-32-0\)$/]],
    ],
    ["a revision twice", { revisions: [two[0]!, two[0]!] }, [["revisions[1].revision", /^each revision once$/]]],
    [
      "a release twice",
      { revisions: [two[0]!, { ...two[1]!, release: "istiod" }] },
      [["revisions[1].release", /^each Helm release once; istiod is revision default's$/]],
    ],
    [
      "versions that are not tested side by side",
      { revisions: [two[0]!, { revision: "next", version: "1.33.0" }] },
      [["revisions[1].version", /minor version of revision default \(1\.31\.0\)/]],
    ],
    [
      "a tag of a revision that is none of them",
      { revisions: two, tags: { stable: "1-30" } },
      [["tags.stable", /^one of revisions/]],
    ],
    [
      "a tag of the one control plane's name",
      { version: "1.31.0", tags: { default: "default" } },
      [["tags.default", /both would inject/]],
    ],
    [
      "a tag named like a revision",
      { revisions: two, tags: { "1-32-0": "default" } },
      [["tags.1-32-0", /^a tag of another name than a revision/]],
    ],
  ];
  for (const [what, declared, problems] of refused)
    it(`refuse ${what}`, () => {
      const found = declarationProblems(declared);
      assert.deepEqual(
        found.map(({ key }) => key),
        problems.map(([key]) => key),
      );
      found.forEach(({ allowed }, index) => assert.match(allowed, problems[index]![1]));
    });

  const taken: DeclaredControlPlanes[] = [
    { version: "1.31.0" },
    { version: "1.31.0", revision: "1-31", tags: { stable: "1-31" } },
    { version: "1.31.0", tags: { stable: "default" } },
    { revisions: two, defaultRevision: "1-32-0", tags: { stable: "default", canary: "1-32-0" } },
    { revisions: [two[1]!], tags: { default: "1-32-0" } },
  ];
  for (const declared of taken)
    it(`take ${JSON.stringify(declared)}`, () => assert.deepEqual(declarationProblems(declared), []));
});
