import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What this reads of a package.json. */
export interface Manifest {
  name?: string;
  version?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  pulumi?: {
    resource?: boolean;
    name?: string;
    version?: string;
    server?: string;
    parameterization?: { name: string; version: string; value: string };
  };
}

/** A package as installed. */
export interface InstalledPackage {
  name: string;
  folder: string;
  manifest: Manifest;
}

/** A plugin that an installed package needs. */
export interface RequiredPlugin {
  name: string;
  /** without "v"; undefined if the package does not say */
  version?: string;
  /** where to download it, if not from the usual place */
  server?: string;
  parameterization?: { name: string; version: string; value: string };
}

/** The packages that a program names and that are installed, by name; none if it has no package.json. */
export function directPackages(programFolder: string): InstalledPackage[] {
  const root = nearestPackage(programFolder);
  return root === undefined ? [] : dependenciesOf(root, true);
}

/** The packages that a program uses, however remotely, each version once, sorted by name. */
export function allPackages(programFolder: string): InstalledPackage[] {
  return closure(directPackages(programFolder), () => true);
}

/**
 * The plugins that the program's packages need, each version once, sorted by name.
 *
 * @param versionsInUse versions of plugins that take the place of those that the packages name
 */
export function requiredPlugins(
  programFolder: string,
  versionsInUse: Readonly<Record<string, string>> = {},
): RequiredPlugin[] {
  // Only what itself uses Pulumi can bring a plugin along: the rest of the tree need not be read.
  const packages = closure(directPackages(programFolder), (from) => dependencyNames(from.manifest).some(isPulumi));
  const plugins = packages.flatMap(({ name, manifest }) => {
    const { pulumi } = manifest;
    if (pulumi?.resource !== true) return [];
    const plugin = pulumi.name ?? name.replace(/^@pulumi\//, "");
    const version = versionsInUse[plugin] ?? pulumi.version ?? manifest.version;
    return {
      name: plugin,
      ...(version === undefined ? {} : { version: version.replace(/^v/, "") }),
      ...(pulumi.server === undefined ? {} : { server: pulumi.server }),
      ...(pulumi.parameterization === undefined ? {} : { parameterization: pulumi.parameterization }),
    };
  });
  return [...new Map(plugins.map((plugin) => [JSON.stringify(plugin), plugin])).values()];
}

function closure(start: InstalledPackage[], follow: (from: InstalledPackage) => boolean): InstalledPackage[] {
  const found = new Map<string, InstalledPackage>();
  const visit = (item: InstalledPackage): void => {
    if (found.has(item.folder)) return;
    found.set(item.folder, item);
    if (follow(item)) dependenciesOf(item, false).forEach(visit);
  };
  start.forEach(visit);
  const versions = new Map([...found.values()].map((item) => [`${item.name}@${item.manifest.version}`, item]));
  return [...versions.keys()].sort().flatMap((key) => versions.get(key) ?? []);
}

function dependenciesOf(from: InstalledPackage, development: boolean): InstalledPackage[] {
  const names = new Set([
    ...dependencyNames(from.manifest),
    ...(development ? Object.keys(from.manifest.devDependencies ?? {}) : []),
  ]);
  return [...names].flatMap((name) => installed(name, from.folder) ?? []);
}

function dependencyNames(manifest: Manifest): string[] {
  return [...Object.keys(manifest.dependencies ?? {}), ...Object.keys(manifest.peerDependencies ?? {})];
}

function isPulumi(name: string): boolean {
  return name.startsWith("@pulumi/");
}

function nearestPackage(folder: string): InstalledPackage | undefined {
  for (const candidate of upwards(folder)) {
    if (existsSync(join(candidate, "package.json"))) return read("", candidate);
  }
  return undefined;
}

// Node.js's own lookup would stop at packages whose "exports" hide their package.json.
function installed(name: string, from: string): InstalledPackage | undefined {
  for (const candidate of upwards(from)) {
    const folder = join(candidate, "node_modules", name);
    if (existsSync(join(folder, "package.json"))) return read(name, folder);
  }
  return undefined;
}

function read(name: string, folder: string): InstalledPackage {
  const file = join(folder, "package.json");
  try {
    return { name, folder, manifest: JSON.parse(readFileSync(file, "utf8")) as Manifest };
  } catch (error) {
    throw new Error(`could not read ${file}: ${(error as Error).message}`, { cause: error });
  }
}

function* upwards(folder: string): Generator<string> {
  for (let current = folder; ; current = dirname(current)) {
    yield current;
    if (current === dirname(current)) return;
  }
}
