import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { commandLine } from "../../cli/program";
import { loadSettings } from "../../settings/load";
import { configuration, stackConfig, stackNames } from "./stack-files";

const text = readFileSync(join(__dirname, "../../docs/upgrades.md"), "utf8");
const blocks = (language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, "gm"))].map(([, block]) => block!);

describe("examples/renovate.json", () => {
  const root = join(__dirname, "../..");
  const { customManagers, packageRules } = JSON.parse(readFileSync(join(root, "examples/renovate.json"), "utf8")) as {
    customManagers: { matchStrings: string[]; managerFilePatterns: string[]; depNameTemplate: string }[];
    packageRules: { matchDepNames: string[] }[];
  };
  const files = stackNames.map((name) => `stacks/Pulumi.${name}.yaml`);

  /** What the preset finds in a text: the place of each version, and of what. */
  const found = (content: string) =>
    customManagers.flatMap(({ matchStrings, depNameTemplate }) =>
      matchStrings.flatMap((pattern) =>
        [...content.matchAll(new RegExp(pattern, "gd"))].map(({ groups, indices }) => ({
          ...{ of: depNameTemplate, value: groups!["currentValue"]!, at: indices!.groups!["currentValue"]![0] },
        })),
      ),
    );

  it("looks at every stack file, and at no other", () => {
    for (const {
      managerFilePatterns: [pattern],
    } of customManagers) {
      const expression = new RegExp(pattern!.slice(1, -1));
      for (const file of files) assert.ok(expression.test(file), file);
      for (const file of ["Pulumi.yaml", "package.json", "docs/Pulumi.md"]) assert.ok(!expression.test(file), file);
    }
  });

  it("finds every exact version and tag of the repository's stack files, each once", () => {
    for (const file of files) {
      const content = readFileSync(join(root, file), "utf8");
      const all = [...content.matchAll(/^ +(?:version|tag): (\S+)/gm)].map(({ 1: value, index, 0: line }) => ({
        ...{ value: value!, at: index + line.length - value!.length },
      }));
      assert.ok(all.length > 3, file);
      const seen = found(content).map(({ value, at }) => ({ value, at }));
      const byPlace = (one: { at: number }, other: { at: number }) => one.at - other.at;
      assert.deepEqual(seen.sort(byPlace), all.sort(byPlace), file);
    }
  });

  it("knows each by its own name, and leaves minor versions of Istio and several control planes to upgrade", () => {
    const prod = readFileSync(join(root, "stacks/Pulumi.prod.yaml"), "utf8");
    const names: Record<string, string> = Object.fromEntries(
      found(prod).map(({ of, value }) => [of.split("/").at(-1)!, value]),
    );
    assert.equal(names["istiod"], "1.31.0");
    assert.equal(names["envoy"], "v1.27.0");
    assert.equal(names["enroute-gwi"], "v0.1.0");
    assert.deepEqual(packageRules[0]!.matchDepNames, ["istiod"]);
    const several = "config:\n  enroute-istio:istio:\n    revisions:\n      - revision: a\n        version: 1.31.0\n";
    assert.deepEqual(found(several), []);
  });
});

describe("docs/upgrades.md", () => {
  it("has commands that the command line takes; the engine tests run them", () => {
    const lines = blocks("sh").flatMap((block) => block.trim().split("\n"));
    assert.ok(lines.length > 3);
    for (const line of lines) {
      const [program, name, ...args] = line.split(" ");
      assert.equal(program, "enroute-istio", line);
      const command = commandLine().commands.find((one) => one.name() === name);
      const { operands, unknown } = command!.parseOptions(args);
      assert.deepEqual([operands, unknown], [[], []], line);
    }
  });

  it("has settings that are right", () => {
    const examples = blocks("yaml").map((block) => (parse(block) as { config: Record<string, object> }).config);
    assert.ok(examples.length > 1);
    for (const example of examples) {
      const { hosts, ...rest } = Object.fromEntries(
        Object.entries(stackConfig("dev")).map(([key, value]) => [key.replace("enroute-istio:", ""), value]),
      );
      const base = Object.entries({ ...rest, hosts }).map(([key, value]) => [`enroute-istio:${key}`, value] as const);
      const config = { ...Object.fromEntries(base), ...example } as Record<string, unknown>;
      if ("enroute-istio:namespaces" in example) {
        const own = example["enroute-istio:namespaces"] as object[];
        config["enroute-istio:namespaces"] = [...own, { name: "bookinfo" }];
      }
      const { istio } = loadSettings(configuration(config, "dev"));
      assert.ok(istio.revisions!.length > 1);
    }
  });
});
