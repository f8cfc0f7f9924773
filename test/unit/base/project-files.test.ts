import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { misnamedStackFile, projectDefinition, projectFile, stackFile, stacksOf } from "../../../base/project-files";

describe("the files of a Pulumi project", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "project-"))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (path: string, text = "") => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };

  // Seen from pulumi 3.246 with the same files.
  const cases: {
    files: Record<string, string>;
    project: string;
    stack: string;
    stacks: string[];
    misnamed?: string;
  }[] = [
    {
      files: { "Pulumi.yaml": "name: p", "Pulumi.dev.yaml": "", "Pulumi.prod.yml": "" },
      project: "Pulumi.yaml",
      stack: "Pulumi.dev.yaml",
      stacks: ["dev"],
    },
    {
      files: { "Pulumi.yml": "name: p", "Pulumi.dev.yaml": "", "Pulumi.prod.yml": "" },
      project: "Pulumi.yml",
      stack: "Pulumi.dev.yml",
      stacks: ["prod"],
      misnamed: "Pulumi.dev.yaml",
    },
    {
      files: { "Pulumi.yml": "name: p\nstackConfigDir: s", "s/Pulumi.dev.yml": "", "s/Pulumi.dev.deploy.yml": "" },
      project: "Pulumi.yml",
      stack: "s/Pulumi.dev.yml",
      stacks: ["dev"],
    },
    {
      files: { "Pulumi.yaml": "name: p", "Pulumi.yml": "name: q", "Pulumi.dev.yml": "" },
      project: "Pulumi.yaml",
      stack: "Pulumi.dev.yaml",
      stacks: [],
      misnamed: "Pulumi.dev.yml",
    },
    {
      files: { "Pulumi.json": '{"name": "p", "stackConfigDir": "s"}', "s/Pulumi.a.b.json": "", "s/schema.json": "" },
      project: "Pulumi.json",
      stack: "s/Pulumi.dev.json",
      stacks: ["a.b"],
    },
  ];
  for (const { files, project, stack, stacks, misnamed } of cases)
    it(`${Object.keys(files).join(", ")}: the stack dev is in ${stack}`, () => {
      for (const [path, text] of Object.entries(files)) write(path, text);
      assert.equal(projectFile(folder), join(folder, project));
      assert.equal(projectDefinition(folder)?.name, "p");
      assert.deepEqual([stackFile(folder, "dev"), stackFile(folder, "org/p/dev")], [stack, stack]);
      assert.deepEqual(stacksOf(folder), stacks);
      assert.equal(misnamedStackFile(folder, "dev"), misnamed);
    });

  it("are none where there is no project", () => {
    write("Pulumi.dev.yaml");
    assert.deepEqual(
      [projectFile(folder), projectDefinition(folder), stackFile(folder, "dev"), misnamedStackFile(folder, "dev")],
      [undefined, undefined, undefined, undefined],
    );
    assert.deepEqual(stacksOf(folder), []);
  });

  it("have no stacks where their folder is missing", () => {
    write("Pulumi.yaml", "name: p\nstackConfigDir: stacks");
    assert.deepEqual(stacksOf(folder), []);
  });
});
