import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { defined } from "../base/defined";
import { parseYaml } from "../base/yaml";
import { defaultServiceType } from "../mesh/gateway-service";
import { ReviewError } from "./error";
import type { KubernetesObject, OwnedObject, Release } from "./objects";
import { at, isTree, plain, treeAt, treesAt } from "./objects";
import { type Ended, run } from "./run";

/** Where charts are kept: ${XDG_CACHE_HOME:-~/.cache}/enroute-istio/chart-packages. */
export function chartCache(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "enroute-istio", "chart-packages");
}

export interface RenderOptions {
  /** Pull charts even if they are cached. @default false */
  refresh?: boolean;
  /** Pull every chart from this repository, such as a mirror. @default the stack's */
  chartRepository?: string;
}

/**
 * APIs that charts ask for and that every cluster has that Istio supports. Without a cluster Helm knows only a part of them,
 * and Kiali's chart would choose an Ingress of an API that is gone.
 */
const apiVersions = [
  "networking.k8s.io/v1/Ingress",
  "policy/v1/PodDisruptionBudget",
  "autoscaling/v2/HorizontalPodAutoscaler",
];

/** Renders releases by Helm, each chart version of a repository pulled once. */
export class ChartRenderer {
  private readonly packages = new Map<string, Promise<string>>();

  constructor(private readonly options: RenderOptions = {}) {}

  /**
   * The objects of a release, in the order of the chart, each with its namespace.
   *
   * @param side names the side in errors
   * @throws {@link ReviewError} that names the chart, its version and its repository
   */
  async render(release: Release, side: string): Promise<OwnedObject[]> {
    const chart = await this.package(sourceOf(release, this.options.chartRepository), side);
    const args = ["template", release.name, chart, "--namespace", release.namespace, "--values", "-"];
    const crds = release.skipCrds === true ? ["--skip-crds"] : ["--include-crds"];
    const apis = apiVersions.flatMap((version) => ["--api-versions", version]);
    // On its standard input: values never lie in a file that others may read.
    const { code, stdout, stderr } = await helm([...args, ...crds, ...apis], stringify(release.values));
    if (code !== 0)
      throw new ReviewError(
        `Chart ${describe(release)} of release ${release.name} does not render with the values of ${side}: ${lastWords(stderr)}`,
        "change the values that it names",
      );
    return parseManifest(stdout, release, side).map((owned) => postRendered(owned, release));
  }

  private package(release: Release, side: string): Promise<string> {
    const key = `${release.repository ?? ""} ${release.chart} ${release.version}`;
    const known = this.packages.get(key) ?? this.pull(release, side);
    this.packages.set(key, known);
    return known;
  }

  /** Also of a private repository, where this user has logged in to it. */
  private async helmPull({ repository = "", chart, version }: Release, destination: string): Promise<Ended> {
    const options = ["--version", version, "--destination", destination];
    const added = repository === "" ? undefined : addedRepository(repository);
    if (added === undefined)
      return helm(["pull", chart, ...options, ...(repository === "" ? [] : ["--repo", repository])]);
    const problem = updateProblem(await helm(["repo", "update", added]));
    return problem === undefined
      ? helm(["pull", `${added}/${chart}`, ...options])
      : { code: 1, stdout: "", stderr: `Error: ${added} cannot be reached: ${problem}` };
  }

  private async pull(release: Release, side: string): Promise<string> {
    const { repository = "", chart, version } = release;
    const source = createHash("sha256").update(`${repository} ${chart}`).digest("hex").slice(0, 16);
    const cache = chartCache();
    const cached = join(cache, `${chart.split("/").pop()}-${version}-${source}.tgz`);
    if (existsSync(cached) && this.options.refresh !== true && !isOnThisMachine(repository)) return cached;
    const partial = join(cache, `.${randomUUID()}`);
    mkdirSync(partial, { recursive: true });
    try {
      const { code, stderr } = await this.helmPull(release, partial);
      if (code !== 0) throw pullError(release, side, stderr);
      const [file] = readdirSync(partial).filter((name) => name.endsWith(".tgz"));
      // In one step: another review may be reading.
      renameSync(join(partial, file!), cached);
      return cached;
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  }
}

/**
 * The name under which this user has added a repository that wants a login (`helm repo add`). A review reads no secrets, and the
 * arguments of a process are no place for a password, so that Helm's own logins count; those of registries count by themselves.
 */
export function addedRepository(repository: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const config =
    environment["HELM_CONFIG_HOME"] ?? join(environment["XDG_CONFIG_HOME"] || join(homedir(), ".config"), "helm");
  const path = environment["HELM_REPOSITORY_CONFIG"] ?? join(config, "repositories.yaml");
  if (!existsSync(path)) return undefined;
  const same = (url: unknown) => String(url).replace(/\/+$/, "") === repository.replace(/\/+$/, "");
  const entries = treesAt(parseYaml(readFileSync(path, "utf8")), "repositories");
  const entry = entries.find(({ url, username, caFile }) => same(url) && Boolean(username ?? caFile));
  return entry === undefined ? undefined : plain(entry["name"]);
}

/** Why `helm repo update` got nothing: Helm 3 then ends well, and goes on with what it has; the error of Helm 4 leaves out the reason. */
export function updateProblem({ code, stdout, stderr }: Ended): string | undefined {
  const reason = /^\.\.\.Unable to get an update from .*\n\s*(.+)/m.exec(`${stdout}\n${stderr}`)?.[1];
  return reason ?? (code === 0 ? undefined : lastWords(stderr));
}

/** The release with the chart of its name from another repository; without one, as it is. */
export function sourceOf(release: Release, repository: string | undefined): Release {
  // Of a chart in a registry (oci://…) the last part is its name.
  return repository === undefined ? release : { ...release, repository, chart: release.chart.split("/").pop()! };
}

/** Whether a repository is a process here: what it had under an address and version may be another chart tomorrow. */
const isOnThisMachine = (repository: string) => /^https?:\/\/(localhost|127\.|\[::1\])/.test(repository);

/** `name version from repository`. */
export function describe({ chart, version, repository }: Release): string {
  return `${chart} ${version}${repository === undefined ? "" : ` from ${repository}`}`;
}

function pullError(release: Release, side: string, stderr: string): ReviewError {
  const words = lastWords(stderr);
  // "chart … not found in … repository", "chart … matching … not found", "no chart version found for …"; a registry: "…: not found"
  const missing = /not found|no chart version found|no chart name found|improper constraint/i.test(words);
  const unreachable =
    /cannot be reached|dial tcp|no such host|connection refused|timeout|not a valid chart repository/i.test(words);
  const isRefused = /\b(401|403)\b|unauthorized|forbidden|authentication required|denied/i.test(words);
  return missing && !unreachable && !isRefused
    ? new ReviewError(
        `Chart ${describe(release)}, which ${side} asks for, does not exist: ${words}`,
        "set a version that exists, or another chartRepository",
      )
    : new ReviewError(
        `Chart ${describe(release)}, which ${side} asks for, cannot be pulled: ${words}`,
        isRefused
          ? "log in to it: helm repo add <name> <url> --username <user> --password-stdin, or helm registry login <host> for oci://; a review reads no secrets of the stack"
          : "check the repository's URL (chartRepository), and that this machine may connect to it",
      );
}

async function helm(args: readonly string[], input?: string): Promise<Ended> {
  const ended = await run("helm", args, input === undefined ? {} : { input });
  if (ended.code === undefined)
    throw new ReviewError(
      "The command helm is not on the PATH; releases are rendered by it.",
      "install Helm 3 or 4 (https://helm.sh/docs/intro/install/)",
    );
  return ended;
}

/** The end of Helm's output, after its warnings, in one line. */
export function lastWords(stderr: string): string {
  const lines = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^WARNING:|^(time=\S+ )?level=/.test(line));
  const start = lines.findIndex((line) => line.startsWith("Error:"));
  return lines
    .slice(Math.max(start, 0))
    .join(" ")
    .replace(/^Error: /, "")
    .replace(/ Use --debug flag to render out invalid YAML$/, "")
    .trim();
}

/** An object as the release's post-renderer leaves it. */
export function postRendered(owned: OwnedObject, { serviceType: type }: Pick<Release, "serviceType">): OwnedObject {
  const { object } = owned;
  if (type === undefined || object.kind !== "Service" || at(object, "spec", "type") !== defaultServiceType)
    return owned;
  return { ...owned, object: { ...object, spec: { ...treeAt(object, "spec"), type } } };
}

// Most documents are the same on both sides (CRDs by the thousand lines), and reading YAML is what takes the time.
const parsed = new Map<string, unknown[]>();

/** Objects of `helm template`'s output. Those without a namespace of their own get the release's. */
export function parseManifest(
  text: string,
  release: Pick<Release, "name" | "namespace">,
  side = "the head",
): OwnedObject[] {
  return text.split(/^---\s*$/m).flatMap((document): OwnedObject[] => {
    const source = /^# Source: (.*)$/m.exec(document)?.[1] ?? "";
    const contents = parsed.get(document) ?? parseDocument(document, release, side);
    parsed.set(document, contents);
    const installedOnce = /^[^/]+\/(charts\/[^/]+\/)*crds\//.test(source) || undefined;
    return contents
      .filter(isObject)
      .map((object) =>
        defined({ object: withNamespace(object, release.namespace), release: release.name, installedOnce }),
      );
  });
}

function parseDocument(text: string, { name }: Pick<Release, "name">, side: string): unknown[] {
  return parseAllDocuments(text, { uniqueKeys: false }).flatMap((document) => {
    if (document.errors.length > 0)
      throw new ReviewError(
        `Release ${name} of ${side} renders to something that is not YAML: ${document.errors[0]!.message.split("\n")[0]}`,
        "inspect it with helm template",
      );
    const content: unknown = document.toJS();
    return isTree(content) && content["kind"] === "List" && Array.isArray(content["items"])
      ? (content["items"] as unknown[])
      : [content];
  });
}

function isObject(value: unknown): value is KubernetesObject {
  return isTree(value) && typeof value["kind"] === "string" && isTree(value["metadata"]);
}

/** Kinds of the charts here that live in no namespace. */
const clusterWide = new Set([
  "ClusterRole",
  "ClusterRoleBinding",
  "CustomResourceDefinition",
  "IngressClass",
  "GatewayClass",
  "MutatingWebhookConfiguration",
  "Namespace",
  "PersistentVolume",
  "PriorityClass",
  "StorageClass",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionPolicyBinding",
  "ValidatingWebhookConfiguration",
  "APIService",
]);

function withNamespace(object: KubernetesObject, namespace: string): KubernetesObject {
  if (clusterWide.has(object.kind) || object.metadata.namespace !== undefined) return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
}
