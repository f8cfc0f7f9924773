import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import { parse } from "yaml";
import type { z } from "zod";
import { settingsNode } from "../../../docs/generate/settings";
import { type Node, exampleOf, keysOf } from "../../../docs/generate/settings-node";
import { fillTables } from "../../../docs/generate/settings-tables";
import { loadSettings } from "../../../settings/load";
import { type SettingsInput, settingsSchema } from "../../../settings/schema";
import { configuration, stackConfig, stackNames } from "../stack-files";

type Tree = { [key: string]: unknown };

const root = join(__dirname, "../../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const settings = settingsNode();
const keys = keysOf(settings);

/** The least settings that hold a value under a key; `id` as in {@link keysOf}. */
function settingsWith(id: string, value: unknown, node: Node = settings): unknown {
  const [, step, rest = ""] = /^\.?(\[\]|=\w+|[^.[=]+)(.*)$/.exec(id) ?? [];
  if (step === undefined) return value;
  if (step === "[]") return [settingsWith(rest, value, node.items)];
  if (step.startsWith("=")) {
    const kind = node.oneOf!.find(({ properties }) => properties?.["issuer"]?.const === step.slice(1));
    return settingsWith(rest, value, kind);
  }
  const needed = (node.required ?? []).map((key) => [key, exampleOf(node.properties![key]!)]);
  return { ...(Object.fromEntries(needed) as Tree), [step]: settingsWith(rest, value, node.properties![step]) };
}

/** The content of a stack's file with these settings. */
function stackFileWith(values: Tree, more: Tree = {}): Tree {
  const config = Object.entries(values).map(([key, value]) => [`enroute-istio:${key}`, value]);
  return { config: Object.fromEntries(config) as Tree, ...more };
}

describe("the settings' keys", () => {
  it("each say what they mean in a sentence", () => {
    assert.ok(keys.length > 120, `only ${keys.length} keys found`);
    for (const { id, node } of keys) assert.match(node.description ?? "", /^([A-Z`]|cert-manager).*\.$/, id);
  });

  it("name in their description every word that they take", () => {
    for (const { id, node } of keys)
      for (const word of node.enum ?? [])
        assert.ok(node.description?.includes(`\`${String(word)}\``), `${id}: ${String(word)}`);
  });

  it("each have examples that the settings and the editors take", () => {
    const isValid = new Ajv().compile(JSON.parse(read("stacks/schema.json")) as object);
    let tried = 0;
    for (const { id, node } of keys) {
      const examples = node.examples ?? [exampleOf(node)];
      assert.notEqual(examples[0], undefined, id);
      for (const example of examples) {
        const values = settingsWith(id, example) as Tree;
        assert.ok(isValid(stackFileWith(values)), `${id}: ${JSON.stringify([values, isValid.errors], undefined, 1)}`);
        // The engine decrypts a secret before the settings see it.
        const { error } = settingsSchema.safeParse(
          JSON.parse(JSON.stringify(values).replaceAll(/\{"secure":"[^"]+"\}/g, '"-----BEGIN KEY-----"')),
        );
        assert.equal(error, undefined, `${id}: ${error?.message}`);
        tried += 1;
      }
    }
    assert.ok(tried >= keys.length);
  });

  it("have examples that together are settings", () => {
    const values = exampleOf(settings) as Tree;
    const config = { ...values, context: "prod", namespaces: [{ name: "shop" }] };
    assert.equal(loadSettings(configuration(config)).hosts[0]?.host, "shop.example.com");
  });

  it("each have a row in one table of docs/environments.md", () => {
    const without = (text: string, heading: string) => text.replace(heading, "<!-- elsewhere -->");
    assert.throws(
      () => fillTables(without(read("docs/environments.md"), "<!-- settings: gateway -->"), settings),
      /no table for gateway\.version, gateway\.chartRepository/,
    );
    assert.throws(
      () => fillTables("<!-- settings: gatway -->\n<!-- /settings -->", settings),
      /no table for kubeconfig/,
    );
  });
});

describe("stacks/schema.json", () => {
  const isValid = new Ajv({ allErrors: true }).compile(JSON.parse(read("stacks/schema.json")) as object);
  const dev = () => stackConfig("dev") as Record<string, Tree>;
  const say = () => JSON.stringify(isValid.errors, undefined, 1);

  for (const stack of stackNames)
    it(`takes the file of ${stack}, which names it to editors`, () => {
      const text = read(`stacks/Pulumi.${stack}.yaml`);
      assert.match(text, /^# yaml-language-server: \$schema=schema\.json\n/);
      assert.ok(isValid(parse(text)), say());
    });

  const taken: [string, (config: Record<string, unknown>) => Tree][] = [
    [
      "what Pulumi writes beside config",
      (config) => ({ config, encryptionsalt: "v1:x", secretsprovider: "passphrase" }),
    ],
    [
      "the key of a cloud's secrets provider",
      (config) => ({ config, encryptedkey: "x", secretsprovider: "awskms://x" }),
    ],
    ["environments, which may hold any setting", () => ({ environment: ["prod-cluster"] })],
    ["an environment that is defined in place", (config) => ({ config, environment: { values: { a: 1 } } })],
    ["keys of other namespaces", (config) => ({ config: { ...config, "kubernetes:context": "x", "pulumi:tags": {} } })],
    [
      "keys without a namespace, which Pulumi takes as the project's",
      (config) => ({
        config: Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace(/^.*?:/, ""), value])),
      }),
    ],
    ["an encrypted object", (config) => ({ config: { ...config, "enroute-istio:certificate": { secure: "x" } } })],
    [
      "an encrypted text within an object",
      (config) => ({
        config: {
          ...config,
          "enroute-istio:certificate": {
            issuer: "provided",
            certificateChain: "-----BEGIN CERTIFICATE-----",
            privateKey: { secure: "x" },
          },
        },
      }),
    ],
    [
      "an encrypted annotation",
      (config) => ({
        config: {
          ...config,
          "enroute-istio:gateway": {
            ...(config["enroute-istio:gateway"] as Tree),
            serviceAnnotations: { a: { secure: "x" } },
          },
        },
      }),
    ],
    [
      "an object and a boolean as `pulumi config set` writes them without --path",
      (config) => ({
        config: {
          ...config,
          "enroute-istio:istio": JSON.stringify(config["enroute-istio:istio"]),
          "enroute-istio:verifyAfterUp": "true",
        },
      }),
    ],
    [
      "names of roots that YAML reads as numbers",
      (config) => ({
        config: { ...config, "enroute-istio:certificate": { issuer: "generated", roots: ["ca", 2026] } },
      }),
    ],
  ];
  for (const [what, file] of taken) it(`takes ${what}`, () => assert.ok(isValid(file(dev())), say()));

  // Each is refused by the settings, too.
  const refused: [string, string, unknown, RegExp][] = [
    ["an unknown key", "istio.profle", "ha", /additional properties/],
    ["an unknown key at the top", "hots", [], /additional properties/],
    ["a version range", "istio.version", "^1.31", /pattern/],
    ["a version without its last part", "istio.version", "1.31", /pattern/],
    ["a word that is none of those allowed", "istio.profile", "huge", /allowed values/],
    ["a wrong type", "kiali.viewOnly", "yes", /boolean/],
    ["too many replicas", "gateway.replicas", 101, /<= 100/],
    ["the tag latest", "gateway.images.redis.tag", "latest", /pattern/],
    ["a missing key", "gateway.images.redis", {}, /tag/],
    ["a missing setting", "gateway", undefined, /enroute-istio:gateway/],
    ["no host", "hosts", [], /fewer than 1/],
    ["an unknown issuer", "certificate.issuer", "acme", /constant/],
    ["a duration in days", "gateway.workloadCertificate", { ttl: "1d" }, /pattern/],
    [
      "two ways of injection",
      "namespaces",
      [{ name: "bookinfo", injection: { enabled: true, revision: "x" } }],
      /anyOf/,
    ],
    ["an injection label", "namespaces", [{ name: "bookinfo", labels: { "istio.io/rev": "x" } }], /property name/],
    ["text for an object", "istio", "1.31.0", /pattern/],
  ];
  for (const [what, path, value, why] of refused)
    it(`refuses ${what}`, () => {
      const config = structuredClone(dev());
      const [first, ...rest] = path.split(".") as [string, ...string[]];
      const steps = [`enroute-istio:${first}`, ...rest];
      const last = steps.pop()!;
      const branch = steps.reduce<Tree>((tree, key) => tree[key] as Tree, config);
      if (value === undefined) delete branch[last];
      else branch[last] = value;
      assert.ok(!isValid({ config }));
      assert.match(say(), why);
      assert.throws(() => loadSettings(configuration(config)), /1 setting is wrong/);
    });

  it("refuses keys that no stack file has", () => {
    assert.ok(!isValid({ config: dev(), settings: {} }));
  });

  it("shows on every key what the documents say of it, and its default", () => {
    const { definitions } = JSON.parse(read("stacks/schema.json")) as { definitions: Record<string, Node> };
    for (const [key, node] of Object.entries(settings.properties!))
      assert.ok(definitions[key]?.description?.startsWith(node.description!), key);
    const text = JSON.stringify(definitions);
    for (const { id, node } of keys) assert.ok(text.includes(JSON.stringify(node.description).slice(0, -1)), id);
    assert.match(definitions["context"]!.description!, / Default: the file's current one\.$/);
  });
});

describe("SettingsInput", () => {
  type Same<One, Other> = [One, Other] extends [Other, One] ? true : false;

  it("is what the schema takes, with what each key means", () => {
    const isSame: Same<SettingsInput, z.input<typeof settingsSchema>> = true;
    assert.ok(isSame);
    const text = read("settings/input.ts");
    for (const { id, node } of keys) assert.ok(text.includes(`/** ${node.description}`), id);
    assert.match(
      text,
      /@default "standard" @example "small" \*\/\n +profile\?: \("small" \| "standard" \| "ha"\) \| undefined;/,
    );
  });
});

describe("Pulumi.yaml", () => {
  it("declares the settings that are no objects, with the defaults of the schema", () => {
    const { config } = parse(read("Pulumi.yaml")) as { config: Record<string, { default: unknown; type: string }> };
    const { data } = settingsSchema.safeParse({ ...(exampleOf(settings) as Tree) });
    const scalars = Object.entries(data!).filter(([, value]) => typeof value !== "object");
    assert.deepEqual(
      Object.entries(config).map(([key, declared]) => [key, declared.default, declared.type]),
      scalars.map(([key, value]) => [key, value, typeof value]),
    );
  });
});
