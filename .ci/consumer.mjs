/*
 * Takes the packed package as its users do: node .ci/consumer.mjs <npm|pnpm|yarn> <tarball>
 * It is installed by that package manager in a folder of its own, all that it exports is loaded, its command runs, and programs that
 * import it are bundled with esbuild as docs/embedding.md says, and run.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const managers = {
  npm: ["install", "--no-audit", "--no-fund", "--ignore-scripts"],
  pnpm: ["exec", "--yes", "pnpm@12.21.0", "--", "install", "--ignore-scripts"],
  yarn: ["exec", "--yes", "yarn@1.22.22", "--", "install", "--ignore-scripts", "--non-interactive"],
};

const [manager, tarball] = process.argv.slice(2);
if (!Object.hasOwn(managers, manager ?? "") || tarball === undefined) {
  console.error(`usage: node .ci/consumer.mjs ${Object.keys(managers).join("|")} <tarball>`);
  process.exit(2);
}

const { devDependencies, peerDependencies } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);
const folder = mkdtempSync(join(tmpdir(), "enroute-consumer-"));
const write = (name, text) => writeFileSync(join(folder, name), text);
const run = (command, ...args) => execFileSync(command, args, { cwd: folder, encoding: "utf8", maxBuffer: 1e8 });
/** Runs a program that prints JSON, and compares. */
function expect(what, expected, file) {
  const found = JSON.parse(run(process.execPath, file));
  for (const [name, value] of Object.entries(expected))
    if (value instanceof RegExp ? !value.test(found[name]) : found[name] !== value)
      throw new Error(`${what}: ${name} is ${JSON.stringify(found[name])}, expected ${value}`);
  console.log(`${manager}: ${what}: ${JSON.stringify(found)}`);
}

/** Loads all that the package exports, in both ways. */
const loading = `
  import { createRequire } from "node:module";
  const require = createRequire(import.meta.url);
  const { exports } = require("enroute-istio/package.json");
  const modules = Object.entries(exports).filter(([path, entry]) => typeof entry !== "string" && !path.includes("*"));
  for (const [path] of modules) {
    const name = path.replace(".", "enroute-istio");
    const names = Object.keys(require(name));
    const imported = await import(name);
    for (const one of names) if (!(one in imported)) throw new Error(name + " has no " + one + " for an import");
  }
  console.log(JSON.stringify({ modules: modules.length > 20 }));
`;

/** A component against the SDK's mocks: it registers its resources if there is one copy of the SDK. */
const component = `
  import * as pulumi from "@pulumi/pulumi";
  import { MeshMutualTls } from "enroute-istio/components/istio";
  export async function resources() {
    const types = [];
    await pulumi.runtime.setMocks({
      newResource: ({ type, name, inputs }) => (types.push(type), { id: name, state: inputs }),
      call: () => ({}),
    });
    new MeshMutualTls("mutual-tls", { rootNamespace: "istio-system" });
    await pulumi.runtime.disconnect();
    return types.filter((type) => type.endsWith(":PeerAuthentication")).length;
  }
`;

/** The library as far as it comes without the pulumi command: its thread has run. */
const library = `
  import { Environment, isRolloutError } from "enroute-istio";
  export async function refusal() {
    const shop = new Environment({ stack: "a", project: ".", backend: "file://.", env: { PATH: "/nowhere" } });
    return shop.status().then(() => "none", (error) => (isRolloutError(error) ? error.code + ": " + error.next : String(error)));
  }
`;

const printing = (...names) =>
  `const found = {};\n${names.map((name) => `found.${name} = await ${name}();`).join("\n")}\nconsole.log(JSON.stringify(found));`;
const program = (...parts) => `void (async () => {\n${printing(...parts)}\n})();\n`;

/** Bundles a program as one file, but for the packages named. */
function bundle(entry, format, ...externals) {
  const output = `${entry.replace(/\.mjs$/, "")}.${format === "esm" ? "mjs" : "cjs"}`;
  const options = ["--bundle", "--platform=node", `--format=${format}`, "--log-level=warning"];
  const left = externals.map((name) => `--external:${name}`);
  run(join(folder, "node_modules/.bin/esbuild"), entry, ...options, ...left, `--outfile=out/${output}`);
  return join("out", output);
}

try {
  const isOld = Number(process.versions.node.split(".")[0]) < 22;
  const peers = { ...peerDependencies };
  delete peers["@pulumi/policy"];
  // @pulumi/pulumi 3.249 and newer want Node.js 22.
  const sdk = isOld ? { "@pulumi/pulumi": `${peers["@pulumi/pulumi"]} <3.249.0` } : {};
  // Yarn takes a newer one for each package that asks for the SDK, and refuses it.
  const resolutions = sdk;
  const packed = { "enroute-istio": `file:${resolve(tarball)}` };
  const dependencies = { ...packed, ...peers, ...sdk, esbuild: devDependencies.esbuild };
  write(
    "package.json",
    JSON.stringify({ name: "consumer", version: "1.0.0", private: true, dependencies, resolutions }),
  );
  write("Pulumi.yaml", "name: consumer\nruntime: nodejs\n");
  try {
    execFileSync("npm", managers[manager], { cwd: folder, stdio: ["ignore", 2, 2] });
  } catch {
    throw new Error(`${manager} could not install the package: is the registry reachable (npm config get registry)?`);
  }

  write("loading.mjs", loading);
  expect("all that it exports", { modules: true }, "loading.mjs");
  const version = run(join(folder, "node_modules/.bin/enroute-istio"), "--version");
  if (!/^\d+\.\d+\.\d+\n$/.test(version)) throw new Error(`enroute-istio --version: ${version}`);

  write("component.mjs", component + program("resources"));
  expect("components in a bundle", { resources: 1 }, bundle("component.mjs", "cjs", "@pulumi/*"));
  write("application.mjs", component + library + program("resources", "refusal"));
  for (const format of ["cjs", "esm"]) {
    const file = bundle("application.mjs", format, "@pulumi/*", "enroute-istio");
    expect(`an application in a bundle (${format})`, { resources: 1, refusal: /^pulumi-missing: / }, file);
  }
  write("library.mjs", library + program("refusal"));
  const inside = bundle("library.mjs", "cjs", "@pulumi/*");
  expect("the library in a bundle", { refusal: /^operation-failed: leave .* out of the bundle/ }, inside);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
