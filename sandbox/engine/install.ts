// Puts the engine's parts where the Pulumi CLI looks for them: official ones where they can be had, else the stand-ins.

import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import * as fs from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { version as kubernetesVersion } from "@pulumi/kubernetes/package.json";
import { version as tlsVersion } from "@pulumi/tls/package.json";
import { gte, valid } from "semver";

const run = promisify(execFile);

/** The oldest official CLI that goes with the npm packages of this project. */
export const oldestCli = "3.246.0";

/** How long to look for official plugins, all together, in milliseconds. */
const downloadTime = 5_000;
/** How long to believe that they cannot be had, in milliseconds. */
const retryAfter = 24 * 3_600_000;

const languageHost = "pulumi-language-nodejs";
const plugins: Plugin[] = [
  { name: "kubernetes", version: kubernetesVersion },
  { name: "tls", version: tlsVersion },
];

/** What `installEngine` needs to know. */
export interface EngineOptions {
  /** keeps what was built or downloaded, for several checkouts and runs */
  cacheFolder: string;
  /** PULUMI_HOME of the sandbox's own */
  pulumiHome: string;
  /** the CLI to use where there is no official one */
  builtPulumi: string;
  /** told about what takes time */
  report?: (line: string) => void;
  /** leaves official parts aside; default false */
  standInsOnly?: boolean;
}

/** Where the engine's parts are, and whose they are. */
export interface Engine {
  /** holds `pulumi`; to be put first in PATH */
  binFolder: string;
  /** names of the executables that are official */
  official: string[];
  /** names of the executables that are ours */
  standIns: string[];
}

/**
 * Installs the CLI, the language host and the provider plugins. Can be repeated, and run by several at once: nothing is
 * written in place. Takes the official plugins from the user's own plugin cache, or tries once a day to download them.
 */
export async function installEngine(options: EngineOptions): Promise<Engine> {
  const cache = join(options.cacheFolder, "engine");
  await fs.mkdir(cache, { recursive: true });
  const official: string[] = [];
  const standIns: string[] = [];

  const officialCli = options.standInsOnly ? undefined : await findOfficialCli(cache);
  const binFolder =
    officialCli === undefined
      ? await builtBinFolder(cache, options.builtPulumi)
      : await officialBinFolder(cache, officialCli);
  if (officialCli !== undefined) official.push("pulumi");
  (officialCli === undefined ? standIns : official).push(languageHost);

  const home = join(options.pulumiHome, "plugins");
  const cli = join(binFolder, "pulumi");
  const found = options.standInsOnly ? [] : await officialPlugins(cache, home, cli, options.report ?? (() => {}));
  for (const plugin of plugins) {
    const executable = executableOf(plugin);
    const path = join(home, folderName(plugin), executable);
    await fs.mkdir(dirname(path), { recursive: true });
    const theirs = found.find(({ name }) => name === plugin.name)?.path;
    if (theirs === undefined) await write(path, await launcher(plugin.name, cache));
    else await link(theirs, path);
    (theirs === undefined ? standIns : official).push(executable);
  }
  return { binFolder, official, standIns };
}

// Named after its contents, as other checkouts that use the cache may need other ones at the same time.
async function builtBinFolder(cache: string, builtPulumi: string): Promise<string> {
  const script = await launcher("language-nodejs", cache);
  const built = await fs.realpath(builtPulumi);
  const { size, mtimeMs } = await fs.stat(built);
  const folder = join(cache, `bin-${hash([built, String(size), String(mtimeMs), script])}`);
  await fs.mkdir(folder, { recursive: true });
  await hardLink(built, join(folder, "pulumi"));
  await write(join(folder, languageHost), script);
  return folder;
}

// The CLI looks for its language host next to where the link leads.
async function officialBinFolder(cache: string, cli: string): Promise<string> {
  const folder = join(cache, `bin-${hash([cli])}`);
  await fs.mkdir(folder, { recursive: true });
  await link(cli, join(folder, "pulumi"));
  await link(join(dirname(cli), languageHost), join(folder, languageHost));
  return folder;
}

interface Plugin {
  name: string;
  version: string;
}

function folderName({ name, version }: Plugin): string {
  return `resource-${name}-v${version}`;
}

function executableOf({ name }: Plugin): string {
  return `pulumi-resource-${name}`;
}

// ---- official parts ----

/** The official CLI on PATH that is new enough and has its language host beside it. */
async function findOfficialCli(cache: string): Promise<string | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter).filter((entry) => entry !== "")) {
    const path = await fs.realpath(join(folder, "pulumi")).catch(() => undefined);
    if (path === undefined || !(await isBinary(join(dirname(path), languageHost)))) continue;
    const version = await cliVersion(path, cache);
    if (version !== null && gte(version, oldestCli)) return path;
  }
  return undefined;
}

// Asking takes a while, so the answer is kept for as long as the file stays the same.
async function cliVersion(path: string, cache: string): Promise<string | null> {
  const { size, mtimeMs } = await fs.stat(path);
  const note = join(cache, `cli-${hash([path, String(size), String(mtimeMs)])}.version`);
  const known = await fs.readFile(note, "utf8").catch(() => undefined);
  if (known !== undefined) return valid(known);
  const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const { stdout } = await run(path, ["version"], { env, timeout: downloadTime }).catch(() => ({ stdout: "" }));
  await write(note, stdout.trim());
  return valid(stdout.trim());
}

// Our own language host is a shell script, as is that of a version manager: neither is the official one.
async function isBinary(path: string): Promise<boolean> {
  const file = await fs.open(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2);
    return bytesRead === 2 && buffer.toString("latin1") !== "#!";
  } finally {
    await file.close();
  }
}

// `home` is searched too: somebody may have installed an official plugin there by hand.
async function officialPlugins(
  cache: string,
  home: string,
  cli: string,
  report: (line: string) => void,
): Promise<(Plugin & { path: string })[]> {
  const own = join(cache, "official");
  const users = join(process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi"), "plugins");
  const find = async (plugin: Plugin): Promise<string | undefined> => {
    for (const folder of [home, users, own]) {
      const path = join(folder, folderName(plugin), executableOf(plugin));
      // The engine's mark of a download that is not complete.
      const partial = existsSync(join(folder, `${folderName(plugin)}.partial`));
      if (!partial && (await isBinary(path))) return fs.realpath(path);
    }
    return undefined;
  };
  const missing: Plugin[] = [];
  for (const plugin of plugins) {
    if ((await find(plugin)) === undefined && !(await failedLately(cache, plugin))) missing.push(plugin);
  }
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(" and ");
    report(`looking for the official Pulumi plugins ${names} (at most ${downloadTime / 1000} s)`);
    await Promise.all(missing.map((plugin) => download(plugin, cli, own, cache)));
  }
  const found = await Promise.all(plugins.map(async (plugin) => ({ ...plugin, path: await find(plugin) })));
  return found.flatMap(({ path, ...plugin }) => (path === undefined ? [] : { ...plugin, path }));
}

function failureNote(cache: string, plugin: Plugin): string {
  return join(cache, `${folderName(plugin)}.not-found`);
}

async function failedLately(cache: string, plugin: Plugin): Promise<boolean> {
  const note = await fs.stat(failureNote(cache, plugin)).catch(() => undefined);
  return note !== undefined && Date.now() - note.mtimeMs < retryAfter;
}

// Into a folder of its own, so that a download that is cut off leaves nothing behind that looks like a plugin.
async function download(plugin: Plugin, cli: string, own: string, cache: string): Promise<void> {
  const home = join(cache, `download-${randomUUID()}`);
  const env = { ...process.env, PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const args = ["plugin", "install", "resource", plugin.name, plugin.version, "--exact"];
  try {
    await run(cli, args, { env, timeout: downloadTime, killSignal: "SIGKILL" });
    await fs.mkdir(own, { recursive: true });
    await fs.rename(join(home, "plugins", folderName(plugin)), join(own, folderName(plugin)));
  } catch {
    // Offline is an ordinary state of affairs; someone else may also have been faster.
    if (!existsSync(join(own, folderName(plugin)))) await write(failureNote(cache, plugin), "");
  } finally {
    await fs.rm(home, { recursive: true, force: true });
  }
}

// ---- stand-ins ----

/** A script that starts a stand-in, which is bundled first unless its sources are the same as last time. */
async function launcher(standIn: string, cache: string): Promise<string> {
  const bundle = join(cache, "stand-ins", `${standIn}-${await sourcesHash()}.cjs`);
  if (!existsSync(bundle)) await bundleStandIn(join(__dirname, standIn, "main.ts"), bundle);
  return `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(bundle)} "$@"\n`;
}

async function bundleStandIn(entry: string, bundle: string): Promise<void> {
  const { build } = await import("esbuild");
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "cjs",
    minify: true,
    // gRPC and error messages use the names of classes.
    keepNames: true,
    legalComments: "none",
    logLevel: "silent",
  });
  await fs.mkdir(dirname(bundle), { recursive: true });
  await write(bundle, result.outputFiles[0]?.text ?? "");
}

let knownSources: Promise<string> | undefined;

// Of all stand-ins' sources together, as they share parts, and of the packages that are bundled with them.
function sourcesHash(): Promise<string> {
  knownSources ??= (async () => {
    const entries = await fs.readdir(__dirname, { recursive: true });
    const sources = entries.filter((entry) => entry.endsWith(".ts")).sort();
    const files = [...sources.map((source) => join(__dirname, source)), join(__dirname, "../../package-lock.json")];
    const contents = await Promise.all(files.map((file) => fs.readFile(file, "utf8")));
    return hash([...sources, ...contents]);
  })();
  return knownSources;
}

function hash(parts: string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// ---- files, each put in place in one step ----

async function write(path: string, content: string): Promise<void> {
  if ((await fs.readFile(path, "utf8").catch(() => undefined)) === content && !(await isLink(path))) return;
  await replace(path, (temporary) => fs.writeFile(temporary, content, { mode: 0o755 }));
}

async function link(target: string, path: string): Promise<void> {
  if (target === path || (await fs.readlink(path).catch(() => undefined)) === target) return;
  await replace(path, (temporary) => fs.symlink(target, temporary));
}

// No symbolic link: the CLI would look for its language host where that leads.
async function hardLink(source: string, path: string): Promise<void> {
  const [wanted, present] = await Promise.all([fs.stat(source), fs.lstat(path).catch(() => undefined)]);
  const sameFile = present?.ino === wanted.ino && present.dev === wanted.dev;
  const sameCopy = present?.isFile() && present.size === wanted.size && present.mtimeMs === wanted.mtimeMs;
  if (sameFile || sameCopy) return;
  await replace(path, async (temporary) => {
    try {
      await fs.link(source, temporary);
    } catch {
      // Another file system, or one without hard links.
      await fs.copyFile(source, temporary, fs.constants.COPYFILE_FICLONE);
      await fs.utimes(temporary, wanted.atime, wanted.mtime);
    }
  });
}

async function replace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await make(temporary);
    await fs.rename(temporary, path);
  } finally {
    await fs.rm(temporary, { force: true });
  }
}

async function isLink(path: string): Promise<boolean> {
  return (await fs.lstat(path)).isSymbolicLink();
}
