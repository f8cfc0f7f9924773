import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { layoutOf, layouts, loadProgram } from "../../../review/program-contract";
import { ProgramRunner } from "../../../review/programs";

const root = join(__dirname, "../../..");

/** A program of two modules, whose settings say which namespace it makes and which word they refuse. */
const settingsModule = `
  import { z } from "zod";

  export const settingsSchema = z.strictObject({ namespace: z.string(), key: z.string() });
  export function loadSettings({ project, values }: { project: string; values: Record<string, string> }) {
    const { key } = settingsSchema.parse({ namespace: values[project + ":namespace"], key: values[project + ":key"] });
    if (key.startsWith("[encrypted"))
      throw Object.assign(new Error("1 setting is wrong"), { name: "SettingsError", problems: [{ key: "key" }] });
    return { namespace: values[project + ":namespace"]! };
  }
`;
const composition = `
  import * as pulumi from "@pulumi/pulumi";

  export function encryptedIngress({ namespace }: { namespace: string }) {
    const props = { metadata: { name: namespace } };
    new pulumi.CustomResource("kubernetes:core/v1:Namespace", namespace, props);
  }
`;

describe("the contract between a review and the program of a base", () => {
  let folder: string;
  const programs = new ProgramRunner();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "layout-"));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  after(() => programs.close());

  const write = (path: string, content: string) => {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  const configuration = (key: string, masked: string[]) => ({
    project: "p",
    stack: "old",
    values: { "p:namespace": "shop", "p:key": key },
    secretKeys: [],
    masked,
  });

  for (const layout of layouts)
    it(`runs a program with ${layout.settings} and ${layout.composition}, also with a secret in its settings`, async () => {
      write(`${layout.settings}.ts`, settingsModule);
      write(`${layout.composition}.ts`, composition);
      assert.equal(layoutOf(folder), layout);
      for (const [key, masked] of [
        ["plain", []],
        ["[encrypted 01234567]", ["key"]],
      ] as const) {
        const found = await programs.collect(folder, configuration(key, [...masked]), new Date(), "the base");
        assert.deepEqual(
          found.resources.map(({ type, name }) => `${type} ${name}`),
          ["kubernetes:core/v1:Namespace shop"],
        );
      }
    });

  it("takes this checkout for the newest layout, and finds there what it needs", () => {
    assert.equal(layoutOf(root), layouts[0]);
    const { loadSettings, settingsSchema, encryptedIngress } = loadProgram(root);
    assert.deepEqual(
      [loadSettings, encryptedIngress].map((value) => typeof value),
      ["function", "function"],
    );
    assert.ok("istio" in settingsSchema.shape);
  });

  it("knows the layout of every commit so far", () => {
    const paths = layouts.map(({ settings, composition: module }) => [settings, module]);
    assert.deepEqual(paths, [
      ["settings/index", "stacks/encrypted-ingress"],
      ["stacks/settings", "stacks/encrypted-ingress"],
    ]);
  });

  it("takes half a program for none, and says what it would take", () => {
    write("stacks/encrypted-ingress.ts", composition);
    assert.equal(layoutOf(folder), undefined);
    assert.throws(() => loadProgram(folder), /has no program that a review can load: it takes settings\/index with /);
  });
});
