import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { minVersion, satisfies } from "semver";
import { parse } from "yaml";
import { generated } from "../../docs/generate";
import { testedSdks } from "../../base/sdk";
import { requiredVersion } from "../../sandbox/go/modules";
import { apiOf, entriesOf } from "../../docs/generate/exports";

const root = join(__dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

describe("the documents", () => {
  it("are what the code generates (npm run docs)", async () => {
    const files = await generated();
    assert.ok(Object.keys(files).includes("docs/environments.md"));
    for (const [path, text] of Object.entries(files)) assert.equal(read(path), text, `${path}: run npm run docs`);
  }).timeout(60_000);

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

describe("the documents of the package", () => {
  type Manifest = Parameters<typeof entriesOf>[0];
  const manifest = JSON.parse(read("package.json")) as {
    exports: Manifest;
    repository: { url: string };
    dependencies: object;
    peerDependencies: object;
  };
  let packed: string[];
  let api: ReturnType<typeof apiOf>["exports"];
  before(async () => {
    const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
    const { stdout } = await promisify(execFile)("npm", args, { cwd: root });
    const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
    packed = files.map(({ path }) => path).filter((path) => !path.startsWith("dist/"));
    api = apiOf(entriesOf(manifest.exports)).exports;
  });
  const documents = () => packed.filter((path) => path.endsWith(".md"));

  it("are packed: all that a stranger looks for", () => {
    const expected = ["README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md"];
    const docs = readdirSync(join(root, "docs")).flatMap((name) => (name.endsWith(".md") ? [`docs/${name}`] : []));
    assert.deepEqual(
      [...expected, ...docs].filter((path) => !packed.includes(path)),
      [],
    );
  });

  /** The anchors of a document's headings, as GitHub makes them. */
  const anchors = (path: string) =>
    [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    );

  /** What is wrong with the links of a document. */
  function brokenLinks(path: string, text: string): string[] {
    const repository = manifest.repository.url.replace(/^git\+|\.git$/g, "");
    return [...text.matchAll(/\]\(([^)]+)\)/g)].flatMap(([, link]) => {
      const [target = "", anchor] = link!.split("#");
      if (target.startsWith(`${repository}/blob/main/`))
        return existsSync(join(root, target.slice(`${repository}/blob/main/`.length))) ? [] : [`${path}: ${link}`];
      if (/^https?:/.test(target)) return [];
      const file = target === "" ? path : join(dirname(path), target);
      const isThere = packed.includes(file) && (anchor === undefined || anchors(file).includes(anchor));
      return isThere ? [] : [`${path}: ${link}`];
    });
  }

  /** What is wrong with the imports of a program in a package that depends on this one. */
  function brokenImports(path: string, text: string): string[] {
    const imports = [...text.matchAll(/^import (?:type )?(?:(\*) as \w+|\{([^}]*)\}|(\w+)[^"]*?) from "([^"]+)"/gm)];
    return imports.flatMap(([, , names = "", , from]) => {
      const known = api[from!]?.map(({ name }) => name);
      const isOwn = from!.startsWith("enroute-istio");
      const wanted = names.split(",").map((name) => name.trim().replace(/^type | as .*$/g, ""));
      const missing = isOwn ? wanted.filter((name) => name !== "" && known?.includes(name) !== true) : [];
      const isThere = isOwn
        ? known !== undefined
        : from!.startsWith(".")
          ? packed.includes(`${join(dirname(path), from!)}.ts`)
          : isInstalled(from!);
      return [...(isThere ? [] : [`${path}: ${from}`]), ...missing.map((name) => `${path}: ${name} of ${from}`)];
    });
  }
  const isInstalled = (name: string) =>
    builtinModules.includes(name.replace(/^node:/, "")) ||
    name in
      {
        ...manifest.dependencies,
        ...manifest.peerDependencies,
        fastify: "the example's own",
        "@pulumi/eks": "the example's own",
      };

  it("link only to what is packed with them, or to addresses", () => {
    assert.deepEqual(
      documents().flatMap((path) => brokenLinks(path, read(path))),
      [],
    );
    const links = "[a](stacks/schema.json) [b](index.ts) [c](#nowhere) [d](docs/verify.md#preflight)";
    assert.deepEqual(brokenLinks("README.md", links), ["README.md: index.ts", "README.md: #nowhere"]);
  });

  it("import only what the package exports", () => {
    const programs = documents().flatMap((path) =>
      [...read(path).matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code]) => [path, code!] as const),
    );
    const examples = packed.filter((path) => path.endsWith(".ts")).map((path) => [path, read(path)] as const);
    assert.ok(programs.length > 3 && examples.length > 1);
    assert.deepEqual(
      [...programs, ...examples].flatMap(([path, code]) => brokenImports(path, code)),
      [],
    );
    const code = `import { Environment, Nothing } from "enroute-istio";\nimport { x } from "./components/istio";`;
    assert.deepEqual(brokenImports("README.md", code), [
      "README.md: Nothing of enroute-istio",
      "README.md: ./components/istio",
    ]);
  });

  it("ci.yml runs the README's command, and the unit tests on the oldest Node.js that is asked for", () => {
    const { jobs } = parse(read(".github/workflows/ci.yml")) as {
      jobs: Record<string, { strategy?: { matrix: Record<string, unknown[]> }; steps: { run?: string }[] }>;
    };
    const commands = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
    const packaging = ["npm run check:package", "npm publish --dry-run --provenance --access public"];
    for (const command of ["npm test -- --unit", ...packaging, ".ci/run"])
      assert.ok(commands.includes(command), command);
    assert.match(read(".ci/run"), /^npm test$/m);
    assert.match(read("README.md"), /^npm test$/m);
    assert.match(read("README.md"), /^npm run sandbox$/m);
    const { engines } = JSON.parse(read("package.json")) as { engines: { node: string } };
    const [first] = jobs["unit"]!.strategy!.matrix["node"]!;
    assert.equal(first, minVersion(engines.node)!.major);
    // The same versions in the workflow, in the table of CONTRIBUTING.md and in the error about another SDK.
    const rows = [...read("CONTRIBUTING.md").matchAll(/^\| ([^|]+?) +\| ([^|]+?) +\|$/gm)];
    const tested: Record<string, string> = Object.fromEntries(rows.map(([, name, versions]) => [name!, versions!]));
    const named = (row: string, versions: readonly unknown[]) => {
      for (const version of versions.map(String))
        assert.ok(tested[row]?.split(/[ ,;]+/).includes(version), `${row}: ${version} is not in ${tested[row]}`);
    };
    named("Node.js", jobs["unit"]!.strategy!.matrix["node"]!);
    named("`@pulumi/pulumi`", Object.values(testedSdks));
    assert.deepEqual(jobs["unit"]!.strategy!.matrix["sdk"], ["pinned", testedSdks.newest]);
    named("Pulumi CLI, for programs", jobs["all"]!.strategy!.matrix["pulumi"]!.slice(1));
    named("Helm, for reviews", jobs["helm"]!.strategy!.matrix["helm"]!);
    for (const [folder, line] of [
      ["cluster", "v3"],
      ["helm4", "v4"],
    ] as const)
      named("Helm, for reviews", [
        requiredVersion(read(`sandbox/go/${folder}/go.mod`), `helm.sh/helm/${line}`).slice(1),
      ]);
    named("package managers", jobs["package"]!.strategy!.matrix["manager"]!);
    const { devDependencies } = JSON.parse(read("package.json")) as { devDependencies: Record<string, string> };
    for (const name of ["kubernetes", "tls", "policy"])
      named(`\`@pulumi/${name}\``, [devDependencies[`@pulumi/${name}`]]);
  });
});
