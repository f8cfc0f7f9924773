import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { writeProject } from "../../../sandbox/project";
import { forSandbox, parseStack } from "../../../sandbox/stacks";
import { loadSettings } from "../../../settings/load";
import { configuration, stackConfig, stackNames } from "../stack-files";

const sandbox = { kubeconfig: "/s/kubeconfig", context: "sandbox-x", chartRepository: "http://127.100.1.3:8879" };

/** The value of every key of this name, wherever it is. */
function valuesOf(key: string, tree: unknown): unknown[] {
  const entries: [string, unknown][] = typeof tree === "object" && tree !== null ? Object.entries(tree) : [];
  return entries.flatMap(([name, value]) => (name === key ? [value] : valuesOf(key, value)));
}

describe("a stack in the sandbox", () => {
  for (const stack of stackNames) {
    it(`${stack} is on the sandbox's cluster, takes all charts from it, and is otherwise as it was`, () => {
      const original = stackConfig(stack);
      const { config } = forSandbox({ config: original }, sandbox) as { config: Record<string, unknown> };
      const before = loadSettings(configuration(original, stack));
      const after = loadSettings(configuration(config, stack));
      assert.deepEqual([after.kubeconfig, after.context], [sandbox.kubeconfig, sandbox.context]);
      const repositories = valuesOf("chartRepository", after);
      assert.equal(repositories.length, valuesOf("chartRepository", before).length);
      assert.deepEqual(new Set(repositories), new Set([sandbox.chartRepository]));
      // Blanked out, whatever the value is.
      const replaced = ["chartRepository", "kubeconfig", "context"];
      const rest = (settings: unknown) =>
        JSON.parse(
          JSON.stringify(settings, (key, value: unknown) => (replaced.includes(key) ? "-" : value)),
        ) as unknown;
      assert.deepEqual(rest(after), rest(before));
    });
  }

  it("loses the encryption of the real one", () => {
    const stack = {
      secretsprovider: "awskms://x",
      encryptedkey: "k",
      encryptionsalt: "s",
      environment: ["e"],
      config: {},
    };
    assert.deepEqual(Object.keys(forSandbox(stack, sandbox) as object).sort(), ["config", "environment"]);
  });

  it("is refused if a value is encrypted, with the value's place and not its text", () => {
    const stack = { config: { "enroute-istio:certificate": { list: [{ key: { secure: "v1:abc" } }] } } };
    assert.throws(() => forSandbox(stack, sandbox), {
      message:
        "config.enroute-istio:certificate.list[0].key is encrypted with the key of the real stack, which the sandbox does not have",
    });
  });

  it("does not need a file with anything in it", () => {
    assert.deepEqual(forSandbox(null, sandbox), {
      config: { "enroute-istio:kubeconfig": "/s/kubeconfig", "enroute-istio:context": "sandbox-x" },
    });
  });
});

describe("a stack file with a mistake", () => {
  const cases: [what: string, text: string, problem: RegExp][] = [
    [
      "a space too few",
      "config:\n  a: 1\n b: 2\n",
      /^line 3, column 1: All mapping items must start at the same column/,
    ],
    ["a space too many", "config:\n  a: 1\n   b: 2\n", /^line 2, column 6: Nested mappings are not allowed/],
    ["a space missing", "config:\n  a:1\n", /^line 2, column 3: the settings of a stack are keys with values/],
    ["a tab", "config:\n\ta: 1\n", /^line 2, column 1: Tabs are not allowed as indentation/],
    ["a key twice", "config:\n  a: 1\n  a: 2\n", /^line 3, column 3: Map keys must be unique/],
    ["no settings but a list", "- a\n", /^line 1, column 1: the settings of a stack are keys with values/],
  ];
  for (const [what, text, problem] of cases)
    it(`says where it is: ${what}`, () => {
      assert.throws(() => parseStack(text), { message: problem });
    });

  it("is none without settings", () => {
    for (const text of ["", "# nothing yet\n", "config:\n", "config: {}\n"])
      assert.doesNotThrow(() => parseStack(text));
  });
});

describe("the sandbox's project", () => {
  let folder: string;
  let checkout: string;
  const lines: string[] = [];
  const project = (change: object = {}) =>
    writeProject(checkout, folder, { ...sandbox, ...change }, (line) => lines.push(line));
  const copy = () => join(folder, "project/stacks/Pulumi.dev.yaml");
  const original = () => join(checkout, "stacks/Pulumi.dev.yaml");
  const read = (path: string) => parse(readFileSync(path, "utf8")) as { config: Record<string, unknown> };
  const edit = (path: string, change: (text: string) => string) =>
    writeFileSync(path, change(readFileSync(path, "utf8")));
  const add = (line: string) => (text: string) => text.replace("config:\n", `config:\n  ${line}\n`);
  const files = () => readdirSync(join(folder, "project/stacks")).sort();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "project-"));
    checkout = join(folder, "checkout");
    mkdirSync(join(checkout, "stacks"), { recursive: true });
    const real = resolve(__dirname, "../../..");
    cpSync(join(real, "Pulumi.yaml"), join(checkout, "Pulumi.yaml"));
    cpSync(join(real, "stacks/Pulumi.dev.yaml"), original());
    lines.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("runs the checkout's program under the checkout's name and settings", () => {
    const { folder: made, fileOf } = project();
    assert.deepEqual([made, fileOf("dev")], [join(folder, "project"), copy()]);
    const definition = parse(readFileSync(join(checkout, "Pulumi.yaml"), "utf8")) as object;
    assert.deepEqual(read(join(made, "Pulumi.yaml")), { ...definition, main: join(checkout, "index.ts") });
  });

  it("keeps what somebody changes in it, from the first command on", () => {
    assert.deepEqual([...project({ reused: false }).changed], []);
    edit(copy(), add("mine: true # why"));
    const text = readFileSync(copy(), "utf8");
    for (let command = 0; command < 2; command++) {
      assert.deepEqual([...project({ reused: true }).changed], ["dev"]);
      assert.equal(readFileSync(copy(), "utf8"), text);
    }
    assert.deepEqual(lines, []);
  });

  it("takes over what changes in the checkout, and nothing else counts as a change there", () => {
    project();
    edit(original(), add("theirs: 1"));
    assert.deepEqual([...project().changed], []);
    assert.equal(read(copy()).config["theirs"], 1);
    edit(copy(), add("mine: true"));
    edit(original(), (text) => `# a word\n${text}`);
    project();
    assert.equal(read(copy()).config["mine"], true);
    assert.deepEqual(lines, []);
  });

  it("has the checkout's file count where both changed, keeps the other one, and says so", () => {
    project();
    for (const round of [1, 2]) {
      edit(copy(), add(`mine: ${round}`));
      edit(original(), add(`theirs-${round}: true`));
      project();
      const { config } = read(copy());
      assert.deepEqual([config["mine"], config[`theirs-${round}`]], [undefined, true]);
      const kept = `${copy()}.kept${round === 1 ? "" : "-2"}`;
      assert.equal(read(kept).config["mine"], round);
      assert.match(lines.splice(0).join("\n"), new RegExp(`^stacks/Pulumi.dev.yaml has changed .* kept in ${kept}$`));
    }
  });

  it("has nothing to keep where both changed in the same way", () => {
    project();
    [original(), copy()].forEach((path) => edit(path, add("same: 1")));
    project();
    assert.deepEqual([lines, [...project().changed]], [[], []]);
    assert.deepEqual(files(), ["Pulumi.dev.yaml", "Pulumi.dev.yaml.taken"]);
  });

  it("keeps the key to secrets, which is nobody's change", () => {
    project();
    edit(copy(), (text) => `encryptionsalt: v1:abc\n${text}`);
    assert.deepEqual([...project().changed], []);
    edit(original(), add("theirs: 1"));
    project();
    assert.deepEqual([lines, read(copy())], [[], { encryptionsalt: "v1:abc", ...read(copy()) }]);
    assert.equal(read(copy()).config["theirs"], 1);
  });

  describe("after another start of the sandbox", () => {
    const version = (path: string) => read(path).config["enroute-istio:kubernetesPluginVersion"];

    it("is where that one is, with what somebody has changed", () => {
      project();
      edit(copy(), add("mine: true # why"));
      const own = join(folder, "project/stacks/Pulumi.own.yaml");
      writeFileSync(own, `config:\n  x: "${sandbox.chartRepository}"\n  y: ${sandbox.chartRepository}/deeper\n`);
      const chartRepository = "http://127.101.1.3:8879";
      assert.deepEqual([...project({ chartRepository }).changed], ["dev"]);
      assert.match(readFileSync(copy(), "utf8"), /mine: true # why/);
      assert.deepEqual(valuesOf("chartRepository", read(copy())), Array(4).fill(chartRepository));
      assert.deepEqual(read(own).config, { x: chartRepository, y: `${sandbox.chartRepository}/deeper` });
      assert.deepEqual(lines, []);
    });

    it("asks for the provider that is in use now, unless somebody has named another", () => {
      project();
      edit(copy(), add("mine: true"));
      for (const kubernetesPluginVersion of ["4.25.0", "4.26.0", undefined, "4.25.0"]) {
        const endpoints = kubernetesPluginVersion === undefined ? {} : { kubernetesPluginVersion };
        assert.deepEqual([...project(endpoints).changed], ["dev"]);
        assert.equal(version(copy()), kubernetesPluginVersion);
      }
      edit(copy(), (text) => text.replace("4.25.0", "4.1.0"));
      project();
      assert.equal(version(copy()), "4.1.0");
      assert.deepEqual(lines, []);
    });

    it("keeps a copy that cannot be read as it is", () => {
      project();
      edit(copy(), (text) => text.replace("config:\n", "config:\n\tx\n"));
      const text = readFileSync(copy(), "utf8");
      project({ chartRepository: "http://127.101.1.3:8879" });
      assert.equal(readFileSync(copy(), "utf8"), text);
    });
  });

  it("starts from the checkout's file again where the copy is deleted", () => {
    project();
    const text = readFileSync(copy(), "utf8");
    edit(copy(), add("mine: true"));
    rmSync(copy());
    assert.deepEqual([...project().changed], []);
    assert.equal(readFileSync(copy(), "utf8"), text);
  });

  it("does not go on with what it had while the checkout's file has a mistake; afterwards it does", () => {
    project();
    edit(copy(), add("mine: true"));
    const text = readFileSync(original(), "utf8");
    writeFileSync(original(), text.replace("config:\n  enroute", "config:\n   enroute"));
    for (let command = 0; command < 2; command++) {
      const { unusable } = project();
      assert.match(unusable.get("dev")!, /^stacks\/Pulumi\.dev\.yaml: line \d+, column \d+: /);
      assert.equal(existsSync(copy()), false);
    }
    writeFileSync(original(), text);
    assert.deepEqual([...project().unusable], []);
    assert.equal(read(copy()).config["mine"], true);
    assert.deepEqual(lines, []);
  });

  it("leaves a copy with a mistake to whoever made it, until the checkout's file changes", () => {
    project();
    edit(copy(), (text) => text.replace("config:\n", "config:\n\tx\n"));
    const text = readFileSync(copy(), "utf8");
    project();
    assert.equal(readFileSync(copy(), "utf8"), text);
    edit(original(), add("theirs: 1"));
    project();
    assert.equal(readFileSync(`${copy()}.kept`, "utf8"), text);
    assert.equal(read(copy()).config["theirs"], 1);
  });

  it("leaves out a stack with encrypted values, and says which", () => {
    writeFileSync(join(checkout, "stacks/Pulumi.real.yaml"), "config:\n  enroute-istio:token:\n    secure: v1:abc\n");
    const { unusable } = project();
    assert.deepEqual([...unusable.keys()], ["real"]);
    assert.match(unusable.get("real")!, /^stacks\/Pulumi\.real\.yaml: config\.enroute-istio:token is encrypted/);
  });
});
