import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Finding } from "../../base/finding";
import { messageOf } from "../../cluster/client";
import { type ExpectedRelease, expectedReleases } from "../../settings/expected";
import type { Settings } from "../../settings/schema";

type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** How long a repository may take, its index included, in milliseconds: the largest index is some megabytes. */
const patience = 20_000;

/**
 * Whether the chart repositories can be reached from this machine and have the versions that the stack names. Asks them as
 * anybody may, without credentials.
 */
export async function chartFindings(settings: Settings, fetcher: Fetch = fetch): Promise<Finding[]> {
  const releases = expectedReleases(settings);
  const repositories = [...new Set(releases.map(({ chartRepository }) => chartRepository))];
  const findings = await Promise.all(
    repositories.map((repository) => {
      const wanted = releases.filter(({ chartRepository }) => chartRepository === repository);
      const signal = AbortSignal.timeout(patience);
      const bounded: Fetch = (url, init) => fetcher(url, { ...init, signal });
      return repository.startsWith("oci://")
        ? Promise.all(wanted.map((release) => inRegistry(repository, release, bounded))).then((all) => all.flat())
        : inRepository(repository, wanted, bounded);
    }),
  );
  return findings.flat();
}

function unreachable(repository: string, reason: string, severity: Finding["severity"] = "error"): Finding {
  const proxied = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"].some((name) => process.env[name]);
  return {
    check: "charts/reachable",
    // Helm goes through the proxy, and this look does not.
    severity: proxied ? "warning" : severity,
    problem: `chart repository ${repository} cannot be used: ${reason}`,
    fix: "check its URL (chartRepository), and that this machine may connect to it",
  };
}

function missing(repository: string, { chart, version }: ExpectedRelease, known: readonly string[]): Finding {
  return {
    check: "charts/version",
    severity: "error",
    problem: `chart repository ${repository} has no version ${version} of chart ${chart}${
      known.length === 0 ? ", nor any other" : `; its newest are ${known.slice(0, 5).join(", ")}`
    }`,
    fix: "set a version that exists, or another chartRepository",
  };
}

/** A classic repository: one index.yaml for all. */
async function inRepository(repository: string, wanted: ExpectedRelease[], fetcher: Fetch): Promise<Finding[]> {
  const url = `${repository.replace(/\/+$/, "")}/index.yaml`;
  try {
    const response = await fetcher(url);
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      return [unreachable(repository, `${url} answers HTTP ${response.status}`)];
    }
    const lines = createInterface({ input: Readable.fromWeb(response.body as never) });
    const versions = await chartVersions(lines, [...new Set(wanted.map(({ chart }) => chart))]);
    if (versions === undefined) return [unreachable(repository, `${url} is no index of a chart repository`)];
    return wanted.flatMap((release) => {
      const known = versions.get(release.chart) ?? [];
      return known.includes(release.version) ? [] : [missing(repository, release, known)];
    });
  } catch (error) {
    return [unreachable(repository, timeoutOr(error))];
  }
}

/**
 * The versions of some charts in an index, in its order (the newest first), undefined if it is none. Read line by line: an
 * index is megabytes of machine-made YAML in always the same form, for which a parser takes many seconds.
 */
export async function chartVersions(
  lines: AsyncIterable<string>,
  charts: readonly string[],
): Promise<Map<string, string[]> | undefined> {
  const versions = new Map<string, string[]>();
  let inEntries = false;
  let keyIndent: number | undefined;
  let chart: string | undefined;
  let itemIndent: number | undefined;
  for await (const line of lines) {
    if (/^\S/.test(line) && !line.startsWith("#") && !line.startsWith("-")) {
      if (line.startsWith("{")) return await jsonVersions(line, lines, charts);
      if (inEntries) break;
      inEntries = /^entries:\s*(\{\})?\s*$/.test(line);
      continue;
    }
    if (!inEntries) continue;
    const [, indentation = "", rest = ""] = /^( *)(.*)$/.exec(line)!;
    const indent = indentation.length;
    // The key of a chart; it stands at the same depth as all the others.
    const key = /^["']?([^\s"':][^\s"']*?)["']?:\s*$/.exec(rest)?.[1];
    if (key !== undefined && !rest.startsWith("-") && indent <= (keyIndent ?? indent) && indent > 0) {
      keyIndent = indent;
      chart = charts.includes(key) ? key : undefined;
      itemIndent = undefined;
      continue;
    }
    if (chart === undefined) continue;
    if (rest.startsWith("- ") && itemIndent === undefined) itemIndent = indent;
    // A key of the item itself: those of its dependencies are deeper.
    const own =
      indent === itemIndent && rest.startsWith("- ") ? rest.slice(2) : indent === (itemIndent ?? NaN) + 2 ? rest : "";
    const version = /^version:\s*["']?([^\s"']+)/.exec(own)?.[1];
    if (version !== undefined) versions.set(chart, [...(versions.get(chart) ?? []), version]);
  }
  return inEntries ? versions : undefined;
}

async function jsonVersions(first: string, lines: AsyncIterable<string>, charts: readonly string[]) {
  let text = first;
  for await (const line of lines) text += line;
  const { entries } = JSON.parse(text) as { entries?: Record<string, { version: string }[]> };
  if (entries === undefined) return undefined;
  return new Map(charts.map((chart) => [chart, (entries[chart] ?? []).map(({ version }) => version)]));
}

/** A registry: one manifest for each version. */
async function inRegistry(repository: string, release: ExpectedRelease, fetcher: Fetch): Promise<Finding[]> {
  const [host = "", ...path] = repository
    .replace(/^oci:\/\//, "")
    .replace(/\/+$/, "")
    .split("/");
  // A tag has no "+"; Helm writes build metadata with "_".
  const tag = release.version.replaceAll("+", "_");
  const url = `https://${host}/v2/${[...path, release.chart].join("/")}/manifests/${tag}`;
  const headers = { Accept: "application/vnd.oci.image.manifest.v1+json" };
  try {
    let response = await fetcher(url, { method: "HEAD", headers });
    if (response.status === 401) {
      const token = await anonymousToken(response.headers.get("www-authenticate") ?? "", fetcher);
      if (token !== undefined)
        response = await fetcher(url, { method: "HEAD", headers: { ...headers, Authorization: `Bearer ${token}` } });
    }
    if (response.ok) return [];
    if (response.status === 404) return [missing(repository, release, [])];
    if (response.status === 401 || response.status === 403)
      // Helm may have credentials that we do not look for.
      return [
        unreachable(
          repository,
          `chart ${release.chart} is for those who have logged in (HTTP ${response.status})`,
          "warning",
        ),
      ];
    return [unreachable(repository, `${url} answers HTTP ${response.status}`)];
  } catch (error) {
    return [unreachable(repository, timeoutOr(error))];
  }
}

async function anonymousToken(challenge: string, fetcher: Fetch): Promise<string | undefined> {
  const parts = Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!]));
  if (!/^bearer /i.test(challenge) || parts["realm"] === undefined) return undefined;
  const { realm, ...query } = parts;
  const url = new URL(realm);
  for (const key of ["service", "scope"]) if (query[key] !== undefined) url.searchParams.set(key, query[key]);
  const response = await fetcher(url.toString());
  if (!response.ok) return undefined;
  const { token, access_token } = (await response.json()) as { token?: string; access_token?: string };
  return token ?? access_token;
}

function timeoutOr(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: unknown };
  return name === "TimeoutError" ? `no answer within ${patience / 1000} s` : messageOf(cause ?? error);
}
