import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Module, istioVersion, modules, tools } from "./go/modules";
import { withLock } from "./lock";
import { type Report, duration } from "./progress";

/** Paths of everything that the sandbox runs. */
export interface Binaries {
  readonly controlplane: string;
  readonly kwok: string;
  readonly pilotDiscovery: string;
  readonly pilotAgent: string;
  /** Istio's template of Envoy's bootstrap. */
  readonly bootstrapTemplate: string;
  readonly helm: string;
  readonly kubectl: string;
  readonly tether: string;
  readonly pulumi: string;
  /** Pulumi's official kubernetes provider, of version {@link kubernetesProviderVersion}. */
  readonly kubernetesProvider: string;
  /** Folders to put first on PATH. */
  readonly folders: readonly string[];
  /** Folder of the packaged Istio charts. */
  readonly charts: string;
}

/** Where built things are kept, outside any checkout: ${XDG_CACHE_HOME:-~/.cache}/enroute-istio. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "enroute-istio");
}

/** A short hash of named texts, the same for whatever order they come in. */
export function keyOf(texts: Readonly<Record<string, string>>): string {
  const hash = createHash("sha256");
  for (const name of Object.keys(texts).sort()) {
    hash.update(`${name}\0${texts[name]?.length}\0${texts[name]}\0`);
  }
  return hash.digest("hex").slice(0, 16);
}

/**
 * Builds what is not in the cache yet: minutes the first time, nothing afterwards. Go is needed only if something has to
 * be built. Several of these may run at once.
 *
 * @throws with the compiler's or the registry's own words if a build fails.
 */
export async function buildBinaries(options: { readonly report?: Report } = {}): Promise<Binaries> {
  const report = options.report ?? (() => {});
  const folders: Record<string, string> = {};
  const total = modules.reduce((sum, module) => sum + Object.keys(module.parts).length, 0);
  let position = 0;
  let announced = false;
  for (const module of modules) {
    folders[module.name] = await buildModule(module, report, (part) => {
      if (!announced) report(firstBuild);
      announced = true;
      const index = position + Object.keys(module.parts).indexOf(part) + 1;
      return `[${index}/${total}] ${part}`;
    });
    position += Object.keys(module.parts).length;
  }
  const cluster = folders["cluster"]!;
  return {
    controlplane: join(cluster, "controlplane"),
    kwok: join(cluster, "kwok"),
    pilotDiscovery: join(cluster, "pilot-discovery"),
    pilotAgent: join(cluster, "pilot-agent"),
    bootstrapTemplate: join(cluster, bootstrapTemplate),
    helm: join(cluster, "helm"),
    kubectl: join(cluster, "kubectl"),
    tether: join(folders["tether"]!, "tether"),
    pulumi: join(folders["pulumi"]!, "pulumi"),
    kubernetesProvider: join(folders["kubernetes-provider"]!, "pulumi-resource-kubernetes"),
    folders: [folders["pulumi"]!, cluster],
    charts: join(cluster, "charts"),
  };
}

/** What the person who waits for the first build is told. */
const firstBuild =
  "The sandbox builds real Kubernetes, Istio, Helm and Pulumi from their Go modules, once: about 25 minutes on two cores. " +
  "Each part that is done is kept, also if you stop. `npm test -- --unit` and the docs work meanwhile.";

/** As {@link buildBinaries}, for a tool of the tests, which a sandbox does not need. Returns its path. */
export async function buildTool(
  name: keyof typeof tools,
  { report = () => {} }: { readonly report?: Report } = {},
): Promise<string> {
  const tool: Module = tools[name];
  return join(await buildModule(tool, report, (part) => part), Object.keys(tool.parts)[0]!);
}

async function buildModule(module: Module, report: Report, label: (part: string) => string): Promise<string> {
  const source = join(__dirname, "go", module.folder ?? module.name);
  const parts = Object.keys(module.parts);
  const isComplete = (folder: string) =>
    parts.every((part) => existsSync(join(folder, part))) && (module.name !== "cluster" || hasIstioFiles(folder));
  const key = sourceKey(module, source);
  const cache = cacheFolder();
  mkdirSync(cache, { recursive: true });

  const go = goKey(source);
  if (go === undefined) {
    const built = readdirSync(cache)
      .filter((name) => name.startsWith(`${module.name}-${key}-`))
      .map((name) => join(cache, name));
    const usable = built.find(isComplete);
    if (usable === undefined) {
      throw new Error(
        `Go is needed to build ${parts.join(", ")}, and no "go" is on the PATH. Install Go 1.26 or newer (https://go.dev/dl/) and try again.`,
      );
    }
    return usable;
  }

  const folder = join(cache, `${module.name}-${key}-${go}`);
  if (isComplete(folder)) {
    return folder;
  }
  const waiting = ({ pid }: { pid: number }) =>
    report(`${module.name}: another build (process ${pid}) is at it; waiting`);
  await withLock(
    `${folder}.lock`,
    async () => {
      mkdirSync(folder, { recursive: true });
      // What a build that was cut off has left.
      readdirSync(folder)
        .filter((name) => name.startsWith("."))
        .forEach((name) => rmSync(join(folder, name)));
      for (const part of parts) {
        if (!existsSync(join(folder, part))) {
          await buildPart(module, part, source, folder, label(part), report);
        }
      }
      if (module.name === "cluster" && !hasIstioFiles(folder)) {
        copyIstioFiles(source, folder);
        report(`Istio charts packaged as ${istioVersion}`);
      }
    },
    waiting,
  );
  return folder;
}

/** Changes with whatever goes into the module's binaries, other than the Go toolchain. */
function sourceKey(module: Module, source: string): string {
  const texts: Record<string, string> = { recipe: JSON.stringify([module.parts, flags(module, source)]) };
  for (const name of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    if (/(^|\/)go\.(mod|sum)$|\.go$/.test(name)) texts[name] = readFileSync(join(source, name), "utf8");
  }
  return keyOf(texts);
}

/** Changes with the Go toolchain; undefined where there is none. */
function goKey(source: string): string | undefined {
  try {
    const args = ["env", "GOVERSION", "GOOS", "GOARCH"];
    return keyOf({ go: execFileSync("go", args, { cwd: source, encoding: "utf8" }) }).slice(0, 8);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}

/** No paths of this machine and no debugging tables; versions where a release would have them. */
function flags(module: Module, source: string): string[] {
  const stamps = Object.entries(module.stamps(readFileSync(join(source, "go.mod"), "utf8")));
  return [
    "-buildvcs=false",
    `-ldflags=${["-s", "-w", ...stamps.map(([name, value]) => `-X ${name}=${value}`)].join(" ")}`,
  ];
}

async function buildPart(
  module: Module,
  part: string,
  source: string,
  folder: string,
  label: string,
  report: Report,
): Promise<void> {
  const started = Date.now();
  const elapsed = () => duration(Date.now() - started);
  report(`${label}: building…`);
  const partial = join(folder, `.${part}.${process.pid}`);
  const overlay = join(folder, `.${part}.${process.pid}.overlay.json`);
  writeFileSync(overlay, JSON.stringify({ Replace: module.overlay?.(source) ?? {} }));
  const args = ["build", "-v", "-overlay", overlay, ...flags(module, source), "-o", partial, module.parts[part]!];
  const child = spawn("go", args, {
    cwd: source,
    env: { ...process.env, CGO_ENABLED: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const endChild = () => child.kill("SIGINT");
  process.once("exit", endChild);
  const output = follow(child);
  let most = "";
  // Packages that are compiled already count as well, so it is an upper bound; no more than a help to the one who waits.
  execFile("go", ["list", "-deps", module.parts[part]!], { cwd: source, maxBuffer: 1e8 }, (error, stdout) => {
    most = error === null ? ` of at most ${stdout.trimEnd().split("\n").length}` : "";
  });
  const heartbeat = setInterval(() => {
    report(
      `${label}: ${output.compiled}${most} packages compiled, ${output.downloaded} modules fetched, ${elapsed()}`,
      true,
    );
  }, 1000);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    if (code !== 0) {
      throw new Error(failure(part, output.other, elapsed()));
    }
    renameSync(partial, join(folder, part));
    report(`${label}: built in ${elapsed()}`);
  } finally {
    clearInterval(heartbeat);
    process.off("exit", endChild);
    [partial, overlay].forEach((path) => rmSync(path, { force: true }));
  }
}

interface Output {
  compiled: number;
  downloaded: number;
  readonly other: string[];
}

/** Sorts what `go build -v` says into progress and the rest. */
function follow(child: ChildProcess): Output {
  const output: Output = { compiled: 0, downloaded: 0, other: [] };
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream! }).on("line", (line) => sortLine(line, output));
  }
  return output;
}

/** Counts a line of progress; keeps another one, the last 40 of them. */
export function sortLine(line: string, output: Output): void {
  if (line.startsWith("go: downloading ")) {
    output.downloaded++;
  } else if (/^[\w.~/-]+$/.test(line)) {
    output.compiled++;
  } else {
    output.other.push(line);
    output.other.splice(0, output.other.length - 40);
  }
}

function failure(part: string, output: readonly string[], elapsed: string): string {
  const text = output.join("\n");
  const network =
    /dial tcp|no such host|connection refused|i\/o timeout|proxyconnect|TLS handshake|GOPROXY=off|: 40[34] |: 5\d\d /.test(
      text,
    );
  const advice = network
    ? "The Go module proxy could not be reached or refused: check the network and `go env GOPROXY`, then run the same command again. What is built already is kept."
    : /no space left/.test(text)
      ? "The disk is full: free some space (`go clean -cache` frees the compiler's cache), then run the same command again."
      : /signal: killed/.test(text)
        ? "The compiler was killed, most likely for want of memory: free some (2 GiB are enough), or set GOFLAGS=-p=1, then run the same command again."
        : "Run the same command again; what is built already is kept.";
  return `Building ${part} failed after ${elapsed}:\n${text}\n${advice}`;
}

const istioCharts = ["base", "istio-control/istio-discovery"];

const bootstrapTemplate = "envoy_bootstrap.json";

function hasIstioFiles(folder: string): boolean {
  const files = [bootstrapTemplate, ...["base", "istiod"].map((name) => join("charts", `${name}-${istioVersion}.tgz`))];
  return files.every((name) => existsSync(join(folder, name)));
}

/** The charts lie in the module that istiod itself is built from, without a version; so does what its agent starts Envoy with. */
function copyIstioFiles(source: string, folder: string): void {
  const args = ["list", "-m", "-f", "{{.Dir}}", "istio.io/istio"];
  const module = execFileSync("go", args, { cwd: source, encoding: "utf8" }).trim();
  for (const chart of istioCharts) {
    const path = join(module, "manifests/charts", chart);
    packageChart(join(folder, "helm"), path, join(folder, "charts"), istioVersion);
  }
  // Files of the module cache are read-only, and a copy of one would be as well.
  writeFileSync(
    join(folder, bootstrapTemplate),
    readFileSync(join(module, "tools/packaging/common", bootstrapTemplate)),
  );
}

/** `helm package`; under the version of its Chart.yaml unless another is given. */
export function packageChart(helm: string, chart: string, destination: string, version?: string): void {
  const versions = version === undefined ? [] : ["--version", version, "--app-version", version];
  execFileSync(helm, ["package", chart, "--destination", destination, ...versions], { stdio: "pipe" });
}
