// Runs a TypeScript file of this checkout, also right after cloning: node sandbox/bootstrap.mjs <entry.ts> [arguments]
// Nothing but Node.js itself may be imported here, as the dependencies may not be installed yet.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
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
  if (args.includes("--unit") || !folders.some((folder) => existsSync(join(folder, "go")))) {
    // Unit tests and what is built already need no Go; the build says so if something is missing.
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

/** Takes a name that the kernel gives to one process only, and takes back when that ends; undefined if another has it. */
function claim(name) {
  return new Promise((resolve) => {
    const server = createServer();
    // Only Linux has such names; elsewhere nobody waits for anybody.
    server.once("error", ({ code }) => resolve(code === "EADDRINUSE" ? undefined : server));
    server.listen(`\0${name}`, () => resolve(server));
  });
}

/** Of two commands that install at once, each would delete the other's packages: the second one waits. */
async function install() {
  const name = `enroute-istio-install-${createHash("sha256").update(checkout).digest("hex")}`;
  let claimed = await claim(name);
  if (claimed === undefined) {
    console.error("another command is installing the dependencies; waiting for it…");
  }
  while (claimed === undefined) {
    await sleep(200);
    claimed = await claim(name);
  }
  if (!isInstalled()) {
    npmCi();
  }
  claimed.close();
}

function npmCi() {
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
  await install();
}
// In this process, so that signals, the exit code and the terminal need no passing on.
const require = createRequire(import.meta.url);
await import(pathToFileURL(require.resolve("tsx")).href);
const path = resolve(entry);
process.argv = [process.argv[0], path, ...args];
require(path);
