/* `npm run build`: `dist`, of which the package is made. */
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

process.chdir(import.meta.dirname);
rmSync("dist", { recursive: true, force: true });
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "--project", "tsconfig.build.json"], { stdio: "inherit" });

// The policy pack, which the engine starts as a program of its own: by its manifest, and its package's main file.
const pack = JSON.parse(readFileSync("policy/package.json", "utf8"));
writeFileSync("dist/policy/package.json", JSON.stringify({ ...pack, main: "index.js" }, undefined, 2));
const manifest = readFileSync("policy/PulumiPolicy.yaml", "utf8");
writeFileSync("dist/policy/PulumiPolicy.yaml", manifest.replace("typescript: true", "typescript: false"));
cpSync("policy/config", "dist/policy/config", { recursive: true });
