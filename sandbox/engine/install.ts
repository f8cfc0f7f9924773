// Puts the engine's parts where the Pulumi CLI looks for them: official releases where they can be had, else what was built
// here from the official sources, else stand-ins.

import { existsSync } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Report } from "../progress";
import { hardLink, hash, link, write } from "./files";
import {
  type Plugin,
  executableOf,
  findOfficialCli,
  folderName,
  kubernetes,
  languageHost,
  noted,
  officialPlugins,
  tls,
} from "./official";
import { pluginVersion } from "./plugin";

/** What `installEngine` needs to know. */
export interface EngineOptions {
  /** keeps what was built or downloaded, for several checkouts and runs */
  cacheFolder: string;
  /** PULUMI_HOME of the sandbox's own */
  pulumiHome: string;
  /** the CLI to use where there is no official one */
  builtPulumi: string;
  /** the kubernetes provider to use where the release that belongs to the npm package cannot be had */
  builtKubernetes: string;
  /** told about what takes time, and what cannot be used */
  report?: Report;
  /** leaves what the person has aside, and downloads nothing; default false */
  ownPartsOnly?: boolean;
  /** asks a plugin for its version, and throws if it does not run; default {@link pluginVersion} */
  versionOf?: (executable: string) => Promise<string>;
}

/** Where the engine's parts are, and whose they are. */
export interface Engine {
  /** holds `pulumi`; to be put first in PATH */
  binFolder: string;
  /** names of the executables that are official releases */
  official: string[];
  /** names of the executables that were built here from the official sources */
  built: string[];
  /** names of the executables that are ours */
  standIns: string[];
  /** version of the kubernetes provider */
  kubernetesVersion: string;
}

/**
 * Installs the CLI, the language host and the provider plugins. Can be repeated, and run by several at once: nothing is
 * written in place. Takes the official plugins from the user's own plugin cache, or tries once a day to download them.
 *
 * @throws if the kubernetes provider that was built does not run.
 */
export async function installEngine(options: EngineOptions): Promise<Engine> {
  const cache = join(options.cacheFolder, "engine");
  await fs.mkdir(cache, { recursive: true });
  const official: string[] = [];
  const built: string[] = [];
  const standIns: string[] = [];

  const officialCli = options.ownPartsOnly ? undefined : await findOfficialCli(cache);
  const binFolder =
    officialCli === undefined
      ? await builtBinFolder(cache, options.builtPulumi)
      : await officialBinFolder(cache, officialCli);
  (officialCli === undefined ? built : official).push("pulumi");
  (officialCli === undefined ? standIns : official).push(languageHost);

  const home = join(options.pulumiHome, "plugins");
  const versionOf = (path: string): Promise<string> =>
    noted(path, cache, () => (options.versionOf ?? pluginVersion)(path));
  const found = options.ownPartsOnly
    ? {}
    : await officialPlugins({
        cache,
        home,
        cli: join(binFolder, "pulumi"),
        report: options.report ?? (() => {}),
        versionOf,
      });

  let kubernetesInUse = kubernetes;
  if (found.kubernetes === undefined) {
    const version = await builtVersion(options.builtKubernetes, versionOf);
    kubernetesInUse = { ...kubernetes, version };
    await put(home, kubernetesInUse, (path) => link(options.builtKubernetes, path));
  } else {
    await put(home, kubernetes, (path) => link(found.kubernetes!, path));
  }
  (found.kubernetes === undefined ? built : official).push(executableOf(kubernetes));

  const tlsLauncher = found.tls === undefined ? await launcher(tls.name, cache) : undefined;
  await put(home, tls, (path) => (tlsLauncher === undefined ? link(found.tls!, path) : write(path, tlsLauncher)));
  (found.tls === undefined ? standIns : official).push(executableOf(tls));
  return { binFolder, official, built, standIns, kubernetesVersion: kubernetesInUse.version };
}

async function put(home: string, plugin: Plugin, make: (path: string) => Promise<void>): Promise<void> {
  const path = join(home, folderName(plugin), executableOf(plugin));
  await fs.mkdir(dirname(path), { recursive: true });
  await make(path);
}

/** @throws after deleting what does not run, so that the next run builds it again from what the compiler has kept. */
async function builtVersion(executable: string, versionOf: (path: string) => Promise<string>): Promise<string> {
  try {
    return await versionOf(executable);
  } catch (error) {
    await fs.rm(executable, { force: true });
    const reason = (error as Error).message;
    throw new Error(
      `The kubernetes provider that was built here does not run: ${reason}. It is deleted (${executable}); run the same command ` +
        "again to build it anew: its packages are compiled already, so that takes less than a minute.",
      { cause: error },
    );
  }
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

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
