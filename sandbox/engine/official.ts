// The official releases of the CLI and of the provider plugins: what the person has, or what can be downloaded.

import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import * as fs from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { version as kubernetesVersion } from "@pulumi/kubernetes/package.json";
import { version as tlsVersion } from "@pulumi/tls/package.json";
import { gte, valid } from "semver";
import type { Report } from "../progress";
import { hash, write } from "./files";

const run = promisify(execFile);

/** The oldest official CLI that goes with the npm packages of this project. */
export const oldestCli = "3.246.0";

/** A download is given up when not a byte has come for so long, in milliseconds. */
const silence = { first: 5_000, later: 30_000 };
/** What the CLI writes by itself is smaller, in bytes. */
const archiveBegins = 65_536;
/** How long the CLI may take to tell its version, in milliseconds. */
const versionTime = 20_000;
/** How long to believe that they cannot be had, in milliseconds. */
const retryAfter = 24 * 3_600_000;

/** Name of the executable of Pulumi's host for programs in TypeScript. */
export const languageHost = "pulumi-language-nodejs";
export const kubernetes: Plugin = { name: "kubernetes", version: kubernetesVersion };
export const tls: Plugin = { name: "tls", version: tlsVersion };

/** A provider plugin of one version. */
export interface Plugin {
  name: string;
  version: string;
}

export function folderName({ name, version }: Plugin): string {
  return `resource-${name}-v${version}`;
}

export function executableOf({ name }: Plugin): string {
  return `pulumi-resource-${name}`;
}

/** The official CLI on PATH that is new enough and has its language host beside it. */
export async function findOfficialCli(cache: string): Promise<string | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter).filter((entry) => entry !== "")) {
    const path = await fs.realpath(join(folder, "pulumi")).catch(() => undefined);
    if (path === undefined || !(await isBinary(join(dirname(path), languageHost)))) continue;
    const version = await cliVersion(path, cache);
    if (version !== null && gte(version, oldestCli)) return path;
  }
  return undefined;
}

async function cliVersion(path: string, cache: string): Promise<string | null> {
  const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const answer = await noted(path, cache, async () => {
    const { stdout } = await run(path, ["version"], { env, timeout: versionTime }).catch(() => ({ stdout: "" }));
    return stdout.trim();
  });
  return valid(answer);
}

/** Asking takes a while, so an answer is kept for as long as the file stays the same. */
export async function noted(path: string, cache: string, ask: () => Promise<string>): Promise<string> {
  const { size, mtimeMs } = await fs.stat(path);
  const note = join(cache, `version-${hash([path, String(size), String(mtimeMs)])}`);
  const known = await fs.readFile(note, "utf8").catch(() => undefined);
  if (known !== undefined) return known;
  const answer = await ask();
  await write(note, answer);
  return answer;
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

/** Where to look for plugins, and how. */
interface Search {
  readonly cache: string;
  readonly home: string;
  readonly cli: string;
  readonly report: Report;
  readonly versionOf: (executable: string) => Promise<string>;
}

// `home` is searched too: somebody may have installed an official plugin there by hand.
export async function officialPlugins(search: Search): Promise<{ kubernetes?: string; tls?: string }> {
  const { cache, home, report } = search;
  const own = join(cache, "official");
  const users = join(process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi"), "plugins");
  const find = async (plugin: Plugin): Promise<string | undefined> => {
    for (const folder of [home, users, own]) {
      const path = join(folder, folderName(plugin), executableOf(plugin));
      // The engine's mark of a download that is not complete.
      const partial = existsSync(join(folder, `${folderName(plugin)}.partial`));
      if (partial || !(await isBinary(path))) continue;
      try {
        await search.versionOf(path);
        return await fs.realpath(path);
      } catch (error) {
        report(`${path} cannot be used: ${(error as Error).message}. Delete its folder to get rid of this line.`);
      }
    }
    return undefined;
  };
  const findOrDownload = async (plugin: Plugin): Promise<string | undefined> => {
    const path = await find(plugin);
    if (path !== undefined || (await failedLately(cache, plugin))) return path;
    await download(plugin, own, search);
    return find(plugin);
  };
  const [kubernetesPath, tlsPath] = await Promise.all([findOrDownload(kubernetes), findOrDownload(tls)]);
  return {
    ...(kubernetesPath === undefined ? {} : { kubernetes: kubernetesPath }),
    ...(tlsPath === undefined ? {} : { tls: tlsPath }),
  };
}

function failureNote(cache: string, plugin: Plugin): string {
  return join(cache, `${folderName(plugin)}.not-found`);
}

async function failedLately(cache: string, plugin: Plugin): Promise<boolean> {
  const note = await fs.stat(failureNote(cache, plugin)).catch(() => undefined);
  return note !== undefined && Date.now() - note.mtimeMs < retryAfter;
}

// Into a folder of its own, so that a download that is cut off leaves nothing behind that looks like a plugin.
async function download(plugin: Plugin, own: string, { cache, cli, report }: Search): Promise<void> {
  const home = join(cache, `download-${randomUUID()}`);
  await fs.mkdir(home, { recursive: true });
  // The CLI writes what comes into TMPDIR first.
  const env = { ...process.env, PULUMI_HOME: home, TMPDIR: home, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const args = ["plugin", "install", "resource", plugin.name, plugin.version, "--exact"];
  report(`looking for the official Pulumi plugin ${plugin.name} ${plugin.version}`, true);
  const stop = new AbortController();
  const watch = watchBytes(home, stop, (bytes) => {
    report(`downloading the Pulumi plugin ${plugin.name} ${plugin.version}: ${Math.round(bytes / 1e6)} MB`, true);
  });
  try {
    await run(cli, args, { env, signal: stop.signal, killSignal: "SIGKILL" });
    await fs.mkdir(own, { recursive: true });
    await fs.rename(join(home, "plugins", folderName(plugin)), join(own, folderName(plugin)));
  } catch {
    // Offline is an ordinary state of affairs; someone else may also have been faster.
    if (!existsSync(join(own, folderName(plugin)))) await write(failureNote(cache, plugin), "");
  } finally {
    clearInterval(watch);
    await fs.rm(home, { recursive: true, force: true });
  }
}

/** Stops when nothing has come into the folder for a while; as long as bytes flow there is no limit. */
function watchBytes(folder: string, stop: AbortController, onBytes: (bytes: number) => void): NodeJS.Timeout {
  let last = { bytes: 0, at: Date.now() };
  return setInterval(() => {
    void bytesBelow(folder).then((bytes) => {
      if (bytes > last.bytes) {
        last = { bytes, at: Date.now() };
        onBytes(bytes);
      } else if (Date.now() - last.at > (last.bytes < archiveBegins ? silence.first : silence.later)) {
        stop.abort();
      }
    });
  }, 500);
}

async function bytesBelow(folder: string): Promise<number> {
  const entries = await fs.readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(entries.map((entry) => fs.stat(join(folder, entry)).catch(() => undefined)));
  return sizes.reduce((sum, stat) => sum + (stat?.isFile() === true ? stat.size : 0), 0);
}
