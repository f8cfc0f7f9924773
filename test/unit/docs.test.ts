import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { minVersion, satisfies } from "semver";
import { generated } from "../../docs/generate";

const root = join(__dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

describe("the documents", () => {
  it("are what the code generates (npm run docs)", async () => {
    const files = await generated();
    assert.ok(Object.keys(files).includes("docs/environments.md"));
    for (const [path, text] of Object.entries(files)) assert.equal(read(path), text, `${path}: run npm run docs`);
  }).timeout(60_000);

  it("link only to files that exist", () => {
    const documents = [
      "README.md",
      ...readdirSync(join(root, "docs")).flatMap((name) => (name.endsWith(".md") ? [`docs/${name}`] : [])),
    ];
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
