/**
 * `pulumi up` from nothing beside what people do otherwise: npm run bench:peers -- [rounds]
 *
 * By hand (helm and kubectl, one after the other), helmfile with `needs`, and ours, in turns, each on a cluster of its own that is
 * empty: the same charts, the same values, the same objects, everything waited for. Charts and values are those that ours has
 * installed, objects those of its state. Beside them a preview without a change, and one of an empty program. The times are those of
 * whole processes, and the trace shows where ours has its own.
 */
import { rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { stringify } from "yaml";
import { buildTool } from "../sandbox/build";
import { type Sandbox, startSandbox } from "../sandbox/cluster";
import { sandboxEnvironment } from "../sandbox/environment";
import { reportTo } from "../sandbox/progress";
import { median } from "./median";
import { timed, writeProgram } from "./pulumi";
import { type Trace, showTrace, traced } from "./trace";

const report = reportTo(process.stderr);
const stack = ["--stack", "sandbox", "--non-interactive"];

/** A cluster that is empty, and how to run commands on it. */
interface Place {
  sandbox: Sandbox;
  env: NodeJS.ProcessEnv;
  run: (command: string, ...args: string[]) => Promise<{ seconds: number; stdout: string }>;
  /** Path of a file below the cluster's folder. */
  file: (name: string, content: unknown) => string;
}

interface Release {
  name: string;
  namespace: string;
  chart: string;
  version: string;
  values: unknown;
}
interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}
/** What ours has made. */
interface Made {
  releases: Release[];
  objects: KubernetesObject[];
}

/** Which release another waits for; what is not named waits for none. */
const needs: Record<string, string> = { istiod: "istio-base", "enroute-istio": "istiod", "kiali-server": "istiod" };

async function inEmptyCluster<Result>(what: (place: Place) => Promise<Result>): Promise<Result> {
  const sandbox = await startSandbox({ name: `peers-${process.pid}`, tied: true });
  try {
    const env = await sandboxEnvironment(sandbox);
    return await what({
      sandbox,
      env,
      run: (command, ...args) => timed(sandbox, env, command, args),
      file: (name, content) => {
        const path = join(sandbox.folder, name);
        writeFileSync(path, name.endsWith(".yaml") ? stringify(content) : JSON.stringify(content), { mode: 0o600 });
        return path;
      },
    });
  } finally {
    await sandbox.stop();
    rmSync(sandbox.folder, { recursive: true, force: true });
  }
}

interface Ours {
  up: Trace;
  preview: number;
  emptyPreview: number;
  made: Made;
}

async function ours({ sandbox, env, run }: Place): Promise<Ours> {
  await run("pulumi", "stack", "select", "--create", ...stack);
  const up = await traced(sandbox, env, ["up", "--yes", "--skip-preview", ...stack]);
  const empty = writeProgram(sandbox, env, "empty", "export {};\n");
  const nothing = (...args: string[]) => timed(sandbox, empty, "pulumi", [...args, "--non-interactive"]);
  await nothing("stack", "select", "--create", "empty");
  await nothing("up", "--yes", "--skip-preview");
  const preview = await run("pulumi", "preview", "--expect-no-changes", ...stack);
  const emptyPreview = await nothing("preview", "--expect-no-changes");
  const { stdout } = await run("pulumi", "stack", "export", "--show-secrets", ...stack);
  return { up, preview: preview.seconds, emptyPreview: emptyPreview.seconds, made: madeBy(stdout) };
}

function madeBy(exported: string): Made {
  const { resources } = (JSON.parse(exported) as { deployment: { resources: { type: string; inputs?: object }[] } })
    .deployment;
  const plain = unsealed(resources) as { type: string; inputs?: object; external?: boolean }[];
  const kubernetes = plain.filter(({ type, external }) => type.startsWith("kubernetes:") && external !== true);
  return {
    releases: kubernetes.filter(({ type }) => type.endsWith(":Release")).map(({ inputs }) => inputs as Release),
    objects: kubernetes
      .filter(({ type }) => !type.endsWith(":Release") && !type.endsWith("Patch"))
      .map(({ inputs }) => inputs as KubernetesObject),
  };
}

/** Without the engine's envelope around what is a secret. */
function unsealed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unsealed);
  if (typeof value !== "object" || value === null) return value;
  const { plaintext } = value as { plaintext?: string };
  if (plaintext !== undefined) return unsealed(JSON.parse(plaintext));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unsealed(item)]));
}

/** What needs no kind of the charts and starts no pod; and the rest. */
function inOrder({ objects }: Made) {
  const isLate = ({ apiVersion, kind }: KubernetesObject) =>
    apiVersion.includes("istio.io/") || apiVersion.includes("saaras.io/") || kind === "Deployment";
  const list = (items: KubernetesObject[]) => ({ apiVersion: "v1", kind: "List", items });
  const isNamespace = ({ kind }: KubernetesObject) => kind === "Namespace";
  const early = objects.filter((object) => !isLate(object));
  return {
    early: list([...early.filter(isNamespace), ...early.filter((object) => !isNamespace(object))]),
    late: list(objects.filter(isLate)),
  };
}

/** Applies what is of the mesh's kinds or runs in it, and waits for its pods. */
async function applyLate({ run, file }: Place, { late }: ReturnType<typeof inOrder>): Promise<void> {
  await run("kubectl", "apply", "--server-side", "--filename", file("late.json", late));
  const homes = new Set(late.items.flatMap(({ kind, metadata }) => (kind === "Deployment" ? metadata.namespace! : [])));
  for (const home of homes)
    await run("kubectl", "wait", "deployment", "--all", "--for=condition=Available", "--timeout=300s", "-n", home);
}

async function byHand(place: Place, made: Made): Promise<number> {
  const { run, file, sandbox } = place;
  const begin = performance.now();
  const parts = inOrder(made);
  await run("kubectl", "apply", "--server-side", "--filename", file("early.json", parts.early));
  for (const { name, namespace, chart, version, values } of made.releases)
    await run(
      ...(["helm", "install", name, chart, "--repo", sandbox.chartRepository, "--version", version] as const),
      ...["--namespace", namespace, "--values", file(`${name}.yaml`, values), "--wait"],
    );
  await applyLate(place, parts);
  return (performance.now() - begin) / 1000;
}

async function byHelmfile(place: Place, made: Made, helmfile: string): Promise<number> {
  const { file, sandbox, env, run } = place;
  const id = ({ namespace, name }: Release) => `${namespace}/${name}`;
  const begin = performance.now();
  const parts = inOrder(made);
  await run("kubectl", "apply", "--server-side", "--filename", file("early.json", parts.early));
  const path = file("helmfile.yaml", {
    repositories: [{ name: "charts", url: sandbox.chartRepository }],
    helmDefaults: { wait: true, timeout: 300 },
    releases: made.releases.map(({ values, chart, ...release }) => ({
      ...{ name: release.name, namespace: release.namespace, version: release.version, chart: `charts/${chart}` },
      values: [values],
      needs: made.releases.filter(({ name }) => name === needs[release.name]).map(id),
    })),
  });
  const own = { ...env, PATH: [dirname(helmfile), env["PATH"]].join(delimiter) };
  await timed(sandbox, own, "helmfile", ["--file", path, "sync"]);
  await applyLate(place, parts);
  return (performance.now() - begin) / 1000;
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 3);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("usage: npm run bench:peers -- [number of rounds]");
  const helmfile = await buildTool("helmfile", { report });
  report("warming up");
  const { made } = await inEmptyCluster(ours);
  const load = [loadavg()[0]!];
  const all: Ours[] = [];
  const times: Record<"by hand" | "helmfile", number[]> = { "by hand": [], helmfile: [] };
  for (let round = 1; round <= rounds; round++) {
    report(`round ${round} of ${rounds}: by hand`);
    times["by hand"].push(await inEmptyCluster((place) => byHand(place, made)));
    report(`round ${round} of ${rounds}: helmfile`);
    times.helmfile.push(await inEmptyCluster((place) => byHelmfile(place, made, helmfile)));
    report(`round ${round} of ${rounds}: ours`);
    all.push(await inEmptyCluster(ours));
    load.push(loadavg()[0]!);
  }
  const rows: [string, number[]][] = [
    ["from nothing: helm and kubectl by hand", times["by hand"]],
    ["from nothing: helmfile with needs", times.helmfile],
    ["from nothing: ours, pulumi up --skip-preview", all.map(({ up }) => up.seconds)],
    ["preview without a change: ours", all.map(({ preview }) => preview)],
    ["preview without a change: an empty program", all.map(({ emptyPreview }) => emptyPreview)],
  ];
  const machine = `${cpus().length} cores, Node.js ${process.version}, load ${load.map((one) => one.toFixed(1)).join(", ")}`;
  console.log(`median of ${rounds} rounds (lowest … highest), ${machine}`);
  for (const [what, values] of rows) {
    const [middle, low, high] = [median(values), Math.min(...values), Math.max(...values)].map((one) => one.toFixed(1));
    console.log(`${what.padEnd(46)} ${`${middle} s`.padStart(8)}  (${low} … ${high})`);
  }
  const bySpeed = all.map(({ up }) => up).sort((left, right) => left.seconds - right.seconds);
  console.log(`\n${showTrace(bySpeed[bySpeed.length >> 1]!)}`);
}

main().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
