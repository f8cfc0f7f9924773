/* `npm run build`: `dist`, of which the package is made. `npm run build -- --policy-pack <folder>`: the policy pack alone. */
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildSync } from "esbuild";

const { values } = parseArgs({ options: { "policy-pack": { type: "string" } } });
const folder = values["policy-pack"] && resolve(values["policy-pack"]);
process.chdir(import.meta.dirname);
if (folder === undefined) {
  rmSync("dist", { recursive: true, force: true });
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "--project", "tsconfig.build.json"], { stdio: "inherit" });
}
buildPolicyPack(folder ?? "dist/policy");

/**
 * The policy pack, which the engine starts as a program of its own and `pulumi policy publish` packs as a folder: one file with
 * all that it needs of this project, its manifest, and a package.json with the packages that it takes from outside.
 */
function buildPolicyPack(target) {
  const { license, version, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
  const { name, description } = JSON.parse(readFileSync("policy/package.json", "utf8"));
  const { "@pulumi/policy": policy, "@pulumi/pulumi": pulumi } = peerDependencies;
  const dependencies = { "@pulumi/policy": policy, "@pulumi/pulumi": pulumi };
  buildSync({
    absWorkingDir: import.meta.dirname,
    entryPoints: ["policy/index.ts"],
    outfile: resolve(target, "index.js"),
    bundle: true,
    platform: "node",
    target: "node20",
    external: Object.keys(dependencies),
    logLevel: "warning",
  });
  const files = ["index.js", "PulumiPolicy.yaml", "config"];
  const manifest = { name, version, description, license, private: true, main: "index.js", files, dependencies };
  writeFileSync(join(target, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const policyManifest = readFileSync("policy/PulumiPolicy.yaml", "utf8");
  writeFileSync(join(target, "PulumiPolicy.yaml"), policyManifest.replace("typescript: true", "typescript: false"));
  cpSync("policy/config", join(target, "config"), { recursive: true });
}
