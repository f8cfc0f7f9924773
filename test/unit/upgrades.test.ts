import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { commandLine } from "../../cli/program";
import { loadSettings } from "../../settings/load";
import { configuration, stackConfig } from "./stack-files";

const text = readFileSync(join(__dirname, "../../docs/upgrades.md"), "utf8");
const blocks = (language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, "gm"))].map(([, block]) => block!);

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
