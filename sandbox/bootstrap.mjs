// Runs a TypeScript file of this checkout, also right after cloning: node sandbox/bootstrap.mjs <entry.ts> [arguments]
// Nothing but Node.js itself may be imported here, as the dependencies may not be installed yet.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const checkout = fileURLToPath(new URL("..", import.meta.url));
const [entry, ...args] = process.argv.slice(2);

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Whether a version such as "1.26.8" is at least such a one as [1, 26]. */
function isAtLeast(version, minimum) {
  const numbers = version.split(".").map((part) => Number.parseInt(part, 10));
  for (const [index, least] of minimum.entries()) {
    if ((numbers[index] ?? 0) !== least) {
      return (numbers[index] ?? 0) > least;
    }
  }
  return true;
}

function checkTools() {
  if (!isAtLeast(process.versions.node, [20, 19])) {
    fail(`Node.js 20.19 or newer is needed; this is ${process.versions.node}. Install it from https://nodejs.org/.`);
  }
  const folders = (process.env.PATH ?? "").split(delimiter);
  if (!folders.some((folder) => existsSync(join(folder, "go")))) {
    // What is built already needs no Go; the build says so if something is missing.
    return;
  }
  // Older than 1.21 it does not fetch the toolchain that go.mod asks for, and its message would not help.
  const version = execFileSync("go", ["env", "GOVERSION"], { encoding: "utf8", cwd: checkout }).trim();
  if (
    !isAtLeast(version.replace(/^go/, ""), [1, 26]) &&
    (process.env.GOTOOLCHAIN === "local" || !isAtLeast(version.replace(/^go/, ""), [1, 21]))
  ) {
    fail(`Go 1.26 or newer is needed; "go" on the PATH is ${version}. Install it from https://go.dev/dl/.`);
  }
}

/** Whether node_modules holds, for every package of the lock file, that very version. */
function isInstalled() {
  const read = (name) => {
    const path = join(checkout, name);
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : undefined;
  };
  const wanted = read("package-lock.json");
  const installed = read("node_modules/.package-lock.json");
  return (
    installed !== undefined &&
    Object.entries(wanted).every(
      ([name, { version, optional }]) =>
        name === "" || (installed[name]?.version ?? (optional ? version : undefined)) === version,
    )
  );
}

function install() {
  console.error("installing the dependencies (npm ci)…");
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: checkout, stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    fail(
      "npm ci failed. Check the network and the registry (npm config get registry), then run the same command again.",
    );
  }
}

if (entry === undefined) {
  fail("usage: node sandbox/bootstrap.mjs <entry.ts> [arguments]");
}
checkTools();
if (!isInstalled()) {
  install();
}
// In this process, so that signals, the exit code and the terminal need no passing on.
const require = createRequire(import.meta.url);
await import(pathToFileURL(require.resolve("tsx")).href);
const path = resolve(entry);
process.argv = [process.argv[0], path, ...args];
require(path);
