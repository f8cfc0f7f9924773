// Finds charts, downloads each of them once per run, and reads what they say about themselves.

import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { parse, stringify } from "yaml";
import { listAt, textAt, type Tree } from "../tree";
import { HelmError, type Helm } from "./cli";
import type { ChartSource } from "./inputs";

/** A chart on this machine. */
export interface Chart {
  /** Folder or archive. */
  readonly path: string;
  readonly version: string;
}

/** The charts of a run. */
export class Charts {
  private readonly found = new Map<string, Promise<Chart>>();

  constructor(private readonly helm: Helm) {}

  /** The chart of a source. @throws HelmError if it cannot be found, downloaded or read */
  async locate(source: ChartSource): Promise<Chart> {
    const key = JSON.stringify(source);
    const located = this.found.get(key) ?? this.find(source);
    this.found.set(key, located);
    try {
      const chart = await located;
      // The next look-up asks for the exact version that this one found.
      this.found.set(JSON.stringify({ ...source, version: chart.version }), located);
      return chart;
    } catch (error) {
      // The repository may answer next time.
      this.found.delete(key);
      throw error;
    }
  }

  private async find(source: ChartSource): Promise<Chart> {
    const local = localPath(source);
    if (local !== undefined) return this.read(local, source);
    const folder = this.helm.newFolder();
    await this.pull(source, folder);
    const archive = readdirSync(folder).find((file) => file.endsWith(".tgz"));
    if (archive === undefined) throw new HelmError(`chart "${source.chart}" was not downloaded`);
    return this.read(join(folder, archive), source);
  }

  private async read(path: string, { dependencyUpdate }: ChartSource): Promise<Chart> {
    const about = parse(await this.helm.run({ args: ["show", "chart", path] })) as Tree;
    const missing = statSync(path).isDirectory() ? missingDependencies(path, about) : [];
    if (missing.length > 0 && !dependencyUpdate) {
      throw new HelmError(
        `An error occurred while checking for chart dependencies. You may need to run \`helm dependency build\` to fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: ${missing.join(", ")}`,
      );
    }
    return { path, version: textAt(about, "version") };
  }

  private async pull(source: ChartSource, folder: string): Promise<void> {
    const { chart, version, devel, repo, caFile, certFile, keyFile, verify, keyring } = source;
    const option = (name: string, value: string): string[] => (value === "" ? [] : [name, value]);
    const options = [
      ...["--destination", folder],
      ...option("--version", version),
      ...(devel && version === "" ? ["--devel"] : []),
      ...(verify ? ["--verify", ...option("--keyring", keyring)] : []),
      ...option("--ca-file", caFile),
      ...option("--cert-file", certFile),
      ...option("--key-file", keyFile),
    ];
    const pull = (reference: string, more: string[] = [], env: Record<string, string> = {}): Promise<string> =>
      this.helm.run({ args: ["pull", reference, ...more, ...options], env });
    const reference = repo.startsWith("oci://") ? `${repo.replace(/\/$/, "")}/${chart}` : chart;
    // What Helm writes on the way goes to a private folder, not to the user's own; accounts do not outlast the download.
    await this.helm.withFolder(async (scratch) => {
      if (reference.startsWith("oci://")) {
        await pull(reference, [], writeRegistryAccount(scratch, reference, source));
      } else if (!isUrl(repo)) {
        await pull(repo === "" ? chart : `${repo}/${chart}`);
      } else if (source.username === "") {
        await pull(chart, ["--repo", repo], { HELM_REPOSITORY_CACHE: scratch });
      } else {
        const env = writeRepositoryAccount(scratch, source);
        await this.updateIndex(repo, env);
        await pull(`chosen/${chart}`, [], env);
      }
    });
  }

  private async updateIndex(repo: string, env: Record<string, string>): Promise<void> {
    try {
      await this.helm.run({ args: ["repo", "update", "--fail-on-repo-update-fail"], env });
    } catch (error) {
      if (!(error instanceof HelmError)) throw error;
      const reason = /Unable to get an update [^\n]*\n\s*([^\n]+)/.exec(error.output)?.[1] ?? error.message;
      throw new HelmError(`looks like "${repo}" is not a valid chart repository or cannot be reached: ${reason}`);
    }
  }
}

// Helm takes passwords on its command line, where every user of the machine can read them, or from files.
function writeRepositoryAccount(folder: string, source: ChartSource): Record<string, string> {
  const { repo: url, username, password, caFile, certFile, keyFile } = source;
  const file = join(folder, "repositories.yaml");
  const entry = { name: "chosen", url, username, password, caFile, certFile, keyFile };
  writeFileSync(file, stringify({ apiVersion: "", repositories: [entry] }), { mode: 0o600 });
  return { HELM_REPOSITORY_CONFIG: file, HELM_REPOSITORY_CACHE: folder };
}

function writeRegistryAccount(folder: string, reference: string, source: ChartSource): Record<string, string> {
  if (source.username === "") return {};
  const file = join(folder, "registry.json");
  const auth = Buffer.from(`${source.username}:${source.password}`).toString("base64");
  writeFileSync(file, JSON.stringify({ auths: { [new URL(reference).host]: { auth } } }), { mode: 0o600 });
  return { HELM_REGISTRY_CONFIG: file };
}

function isUrl(repo: string): boolean {
  return repo !== "" && URL.canParse(repo);
}

/** The path of a chart on this machine; undefined for one that must be downloaded. */
function localPath({ chart, repo }: ChartSource): string | undefined {
  if (isUrl(repo) || repo !== "" || chart.startsWith("oci://")) return undefined;
  const isChart = existsSync(chart) && (statSync(chart).isFile() || existsSync(join(chart, "Chart.yaml")));
  if (isChart) return chart;
  if (isAbsolute(chart) || chart.startsWith(".")) throw new HelmError(`path "${chart}" not found`);
  return undefined;
}

function missingDependencies(folder: string, about: Tree): string[] {
  const charts = join(folder, "charts");
  const present = existsSync(charts) ? readdirSync(charts) : [];
  return listAt(about, "dependencies")
    .map((dependency) => textAt(dependency, "name"))
    .filter((name) => !present.some((file) => file === name || (file.startsWith(`${name}-`) && file.endsWith(".tgz"))));
}
