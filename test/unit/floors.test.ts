import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Linter } from "eslint";
import tseslint from "typescript-eslint";

const root = join(__dirname, "../..");
interface Floor {
  imports: string[];
  types?: string[];
  sdk?: "none" | "types" | "policy";
}

describe("the floors of the product", () => {
  let floors: Record<string, Floor>;
  let rules: Linter.Config[];
  before(async () => {
    const config = (await import(pathToFileURL(join(root, "eslint.config.mjs")).href)) as {
      floors: Record<string, Floor>;
      default: Linter.Config[];
    };
    floors = config.floors;
    // The project's own rules, without those that need a program's types.
    rules = config.default.flatMap(({ files, rules: own }) =>
      own !== undefined && "@typescript-eslint/no-restricted-imports" in own ? [{ files: files!, rules: own }] : [],
    );
  });

  /** What lint says of a file. */
  const complaints = (file: string, code: string): string[] => lint(file, code).map(({ message }) => message);

  /** What lint says of each of several ways, all in one file: reading the rules is what takes the time. */
  function complaintsOf(file: string, codes: readonly string[]): string[][] {
    const distinct = codes.map((code, index) => code.replaceAll(/\b[xXY]\b/g, (name) => `${name}${index}`));
    const found = lint(file, distinct.join("\n"));
    return codes.map((_, index) => found.flatMap(({ line, message }) => (line === index + 1 ? message : [])));
  }

  function lint(file: string, code: string): Linter.LintMessage[] {
    const plugins = { "@typescript-eslint": tseslint.plugin } as unknown as NonNullable<Linter.Config["plugins"]>;
    const parser = tseslint.parser as unknown as Linter.Parser;
    const base: Linter.Config = { files: ["**/*.ts"], plugins, languageOptions: { parser } };
    const messages = new Linter({ configType: "flat" }).verify(code, [base, ...rules], file);
    for (const { message, fatal } of messages) assert.notEqual(fatal, true, message);
    return messages;
  }
  const ways = (path: string) => [
    `import { x } from "${path}"; x();`,
    `import * as x from "${path}"; x.x();`,
    `export * from "${path}";`,
    `export const x = require("${path}");`,
    `export const x = import("${path}");`,
  ];
  const typeWays = (path: string) => [`import type { X } from "${path}"; export type Y = X;`];

  it("are all the folders of the product", () => {
    const apart = ["sandbox", "test", "benchmarks", "examples", "docs", "node_modules", "dist"];
    const folders = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !apart.includes(entry.name))
      .map(({ name }) => name);
    assert.deepEqual(Object.keys(floors).sort(), folders.sort());
  });

  it("are shown in ARCHITECTURE.md as they are", () => {
    const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
    const rows = [...text.matchAll(/^\| `([a-z]+)\/` +\|[^|]+\| (.+?) +\|$/gm)];
    assert.deepEqual(
      rows.map(([, floor, below]) => [floor, below === "–" ? [] : below!.split(", ")]),
      Object.entries(floors).map(([floor, { imports }]) => [floor, imports]),
    );
  });

  it("stand one upon the other: what is imported stands below", () => {
    const order = Object.keys(floors);
    for (const [floor, { imports, types = [] }] of Object.entries(floors))
      for (const below of [...imports, ...types])
        assert.ok(order.indexOf(below) < order.indexOf(floor), `${floor} imports ${below}`);
  });

  it("import what they may, and nothing from above or beside, in whatever way", () => {
    let forbidden = 0;
    for (const [floor, { imports, types = [] }] of Object.entries(floors))
      for (const other of Object.keys(floors).filter((name) => name !== floor))
        for (const [file, path] of [
          [`${floor}/a.ts`, `../${other}`],
          [`${floor}/a.ts`, `../${other}/b`],
          [`${floor}/deep/a.ts`, `../../${other}/deep/b`],
        ] as const) {
          const isFree = imports.includes(other);
          const [values, onlyTypes] = [ways(path), typeWays(path)];
          for (const [index, found] of complaintsOf(file, [...values, ...onlyTypes]).entries()) {
            const isType = index >= values.length;
            const isRefused = !isFree && !(isType && types.includes(other));
            assert.equal(found.length > 0, isRefused, `${file}: ${[...values, ...onlyTypes][index]} ${found.join()}`);
            if (isRefused) assert.match(found.join(), new RegExp(`${floor}/ may import `));
            forbidden += Number(isRefused && !isType);
          }
        }
    assert.ok(forbidden > 1000, `only ${forbidden} forbidden imports were tried`);
  });

  it("stand without the sandbox and the tests", () => {
    for (const file of ["index.ts", ...Object.keys(floors).map((floor) => `${floor}/a.ts`)])
      for (const folder of ["sandbox", "test", "benchmarks", "examples"])
        for (const code of ways(`${file === "index.ts" ? "./" : "../"}${folder}/x`).slice(0, 3))
          assert.notDeepEqual(complaints(file, code), [], `${file}: ${code}`);
  });

  it("take files of their own floor by any name", () => {
    for (const floor of Object.keys(floors))
      for (const code of [...ways("./settings"), ...ways("../mesh-authority"), ...ways("./cluster/x")])
        assert.deepEqual(complaints(`${floor}/deep/a.ts`, code), [], `${floor}: ${code}`);
  });

  it("leave the SDK to those that need it", () => {
    const sdk = ["@pulumi/pulumi", "@pulumi/pulumi/automation", "@pulumi/kubernetes"];
    for (const [floor, { sdk: allowed }] of Object.entries(floors))
      for (const name of sdk) {
        const [use, type] = [ways(name)[0]!, typeWays(name)[0]!].map(
          (code) => complaints(`${floor}/a.ts`, code).length > 0,
        );
        assert.deepEqual([use, type], [allowed !== undefined, allowed === "none" || allowed === "policy"], floor);
      }
    assert.deepEqual(complaints("policy/a.ts", ways("@pulumi/policy")[0]!), []);
    for (const path of ["runtime/state", "runtime", "automation/cmd", "log"])
      assert.match(complaints("stacks/a.ts", ways(`@pulumi/pulumi/${path}`)[0]!).join(), /stacks\/sdk\.ts/, path);
  });

  it("have no file too long to read", () => {
    const lines = (count: number) => "x();\n".repeat(count);
    assert.deepEqual([complaints("verify/a.ts", lines(350)), complaints("components/a.ts", lines(120))], [[], []]);
    assert.match(complaints("verify/a.ts", lines(351)).join(), /too many lines/);
    assert.match(complaints("components/a.ts", lines(121)).join(), /too many lines/);
  });

  it("load no Pulumi SDK where they say so", async () => {
    const modules = ["settings/index", "settings/expected", "cluster/helm-releases", "verify/verify"];
    const more = ["verify/preflight/index", "recovery/recover", "recovery/state-file", "policy/rules", "cli/program"];
    for (const module of [...modules, ...more]) {
      const code = `require(${JSON.stringify(join(root, module))}); console.log(JSON.stringify(Object.keys(require.cache)))`;
      const args = ["--require", require.resolve("tsx/cjs"), "--eval", code];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      const loaded = JSON.parse(stdout) as string[];
      assert.ok(loaded.some((file) => file.endsWith(`${module}.ts`)));
      assert.deepEqual(
        loaded.filter((file) => /node_modules[\\/]@pulumi[\\/]/.test(file)),
        [],
        module,
      );
    }
  }).timeout(120_000);
});
