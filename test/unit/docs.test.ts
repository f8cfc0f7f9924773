import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { minVersion, satisfies } from "semver";
import { z } from "zod";
import { settingsSchema } from "../../settings/schema";

const root = join(__dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** Every key of the settings, as `istio.namespace.name` or `hosts[].host`. */
function keys(schema: unknown, path = ""): string[] {
  const node = schema as {
    properties?: Record<string, unknown>;
    items?: unknown;
    anyOf?: unknown[];
    oneOf?: unknown[];
  };
  const below = [
    ...Object.entries(node.properties ?? {}).flatMap(([key, value]) => {
      const full = path === "" ? key : `${path}.${key}`;
      return [full, ...keys(value, full)];
    }),
    ...(node.items === undefined ? [] : keys(node.items, `${path}[]`)),
    ...[...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap((option) => keys(option, path)),
  ];
  return [...new Set(below)];
}

describe("the documents", () => {
  it("describe every key of the settings", () => {
    const text = read("docs/environments.md");
    const all = keys(z.toJSONSchema(settingsSchema, { io: "input", unrepresentable: "any" }));
    assert.ok(all.length > 60, `only ${all.length} keys found`);
    const last = (key: string) => key.split(".").pop()!.replaceAll("[]", "");
    const parents = all.filter((key) =>
      all.some((other) => other.startsWith(`${key}.`) || other.startsWith(`${key}[].`)),
    );
    const leaves = all.filter((key) => !parents.includes(key));
    assert.deepEqual(
      leaves.filter((key) => !new RegExp(`[\`.]${last(key)}\``).test(text)),
      [],
    );
  });

  it("link only to files that exist", () => {
    const documents = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)];
    const broken = documents.flatMap((document) =>
      [...read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map(([, target]) => join(dirname(document), target!))
        .filter((target) => {
          try {
            readFileSync(join(root, target));
            return false;
          } catch (error) {
            return (error as NodeJS.ErrnoException).code !== "EISDIR";
          }
        }),
    );
    assert.deepEqual(broken, []);
  });

  it("ask for a Node.js that every package of the lock file accepts", () => {
    const { engines } = JSON.parse(read("package.json")) as { engines: { node: string } };
    const oldest = minVersion(engines.node)!;
    const asked = `${oldest.major}.${oldest.minor}`;
    for (const document of ["README.md", "docs/sandbox.md"])
      assert.ok(read(document).includes(`Node.js ${asked}`), `${document} does not ask for Node.js ${asked}`);
    const { packages } = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { engines?: { node?: string } }>;
    };
    const refusing = Object.entries(packages).flatMap(([path, { engines }]) =>
      satisfies(oldest, engines?.node ?? "*") ? [] : [`${path} wants Node.js ${engines?.node}`],
    );
    assert.deepEqual(refusing, []);
  });
});
