import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { writeProject } from "../../../sandbox/project";
import { forSandbox } from "../../../sandbox/stacks";
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

describe("the sandbox's project", () => {
  let folder: string;
  let checkout: string;
  const lines: string[] = [];
  const project = () => writeProject(checkout, folder, sandbox, (line) => lines.push(line));
  const stackPath = () => join(folder, "project/stacks/Pulumi.dev.yaml");
  const read = (path: string) => parse(readFileSync(path, "utf8")) as Record<string, unknown>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "project-"));
    checkout = join(folder, "checkout");
    mkdirSync(join(checkout, "stacks"), { recursive: true });
    const real = resolve(__dirname, "../../..");
    cpSync(join(real, "Pulumi.yaml"), join(checkout, "Pulumi.yaml"));
    cpSync(join(real, "stacks/Pulumi.dev.yaml"), join(checkout, "stacks/Pulumi.dev.yaml"));
    lines.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("runs the checkout's program under the checkout's name and settings", () => {
    assert.equal(project(), join(folder, "project"));
    const original = read(join(checkout, "Pulumi.yaml"));
    assert.deepEqual(read(join(folder, "project/Pulumi.yaml")), { ...original, main: join(checkout, "index.ts") });
  });

  it("keeps what was changed in it until the checkout's file changes, and the key to secrets for good", () => {
    project();
    const changed = read(stackPath());
    writeFileSync(stackPath(), stringify({ encryptionsalt: "salt", ...changed, mine: true }));
    project();
    assert.equal(read(stackPath())["mine"], true);
    writeFileSync(join(checkout, "stacks/Pulumi.dev.yaml"), "config:\n  enroute-istio:istio:\n    version: 9.9.9\n");
    project();
    assert.deepEqual(read(stackPath()), {
      encryptionsalt: "salt",
      config: {
        "enroute-istio:istio": { version: "9.9.9", chartRepository: sandbox.chartRepository },
        "enroute-istio:kubeconfig": sandbox.kubeconfig,
        "enroute-istio:context": sandbox.context,
      },
    });
  });

  it("tells of a stack that it has to leave out", () => {
    writeFileSync(join(checkout, "stacks/Pulumi.real.yaml"), "config:\n  enroute-istio:token:\n    secure: v1:abc\n");
    project();
    assert.equal(lines.length, 1);
    assert.match(
      lines[0] ?? "",
      /^Pulumi\.real\.yaml cannot be used in the sandbox: config\.enroute-istio:token is encrypted/,
    );
  });
});
