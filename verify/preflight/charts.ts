import { readFileSync } from "node:fs";
import { request } from "node:https";
import { rootCertificates } from "node:tls";
import { parse } from "yaml";
import type { Issue } from "../../base/issue";
import { messageOf } from "../../cluster/client";
import { isLoopbackUrl, isRegistry, loginOf } from "../../mesh/charts";
import { type ExpectedRelease, expectedReleases } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { notThere } from "../check";
import { type PreflightCheck, preflightCheck } from "./define";

type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** Fetches with the CAs of a repository, and `folder` as the place that a relative path starts from. */
function fetcherFor({ chartRepositoryAuth: auth }: ExpectedRelease): Fetch {
  const { caFile } = auth ?? {};
  if (caFile === undefined) return fetch;
  return (url, { method = "GET", headers, signal } = {}) =>
    new Promise((resolve, reject) => {
      const ca = [...rootCertificates, readFileSync(caFile, "utf8")];
      const options = { method, ca, headers: Object.fromEntries(new Headers(headers)), ...(signal ? { signal } : {}) };
      const asked = request(url, options, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject);
        answer.on("end", () => {
          const { statusCode = 500, headers: told } = answer;
          const entries = Object.entries(told).map(([key, value]) => [key, String(value)] as [string, string]);
          const body = [204, 304].includes(statusCode) || method === "HEAD" ? null : Buffer.concat(chunks);
          resolve(new Response(body, { status: statusCode, headers: entries }));
        });
      });
      asked.on("error", reject).end();
    });
}

/** The header of a login with user and password, as Helm sends it. */
function basic({ chartRepositoryAuth }: ExpectedRelease): { Authorization?: string } {
  const login = loginOf(chartRepositoryAuth);
  if (login === undefined) return {};
  const credentials = Buffer.from(`${login.username}:${login.password}`).toString("base64");
  return { Authorization: `Basic ${credentials}` };
}

/** How long a repository may take, its index included, in milliseconds: the largest index is some megabytes. */
const patience = 20_000;

/**
 * Whether the chart repositories can be reached from this machine and have the versions that the stack names, asked with the
 * stack's own logins.
 */
export async function chartFindings(settings: Settings, fetcher?: Fetch): Promise<Issue[]> {
  const releases = expectedReleases(settings);
  // Each with its own login: charts of one repository may have several, or one of them none.
  const placeOf = ({ chartRepository, chartRepositoryAuth }: ExpectedRelease) =>
    JSON.stringify([chartRepository, chartRepositoryAuth]);
  const places = [...new Set(releases.map(placeOf))];
  const findings = await Promise.all(
    places.map((place) => {
      const wanted = releases.filter((release) => placeOf(release) === place);
      const repository = wanted[0]!.chartRepository;
      const signal = AbortSignal.timeout(patience);
      const bounded: Fetch = (url, init) => (fetcher ?? fetcherFor(wanted[0]!))(url, { ...init, signal });
      return isRegistry(repository)
        ? Promise.all(wanted.map((release) => inRegistry(repository, release, bounded))).then((all) => all.flat())
        : inRepository(repository, wanted, bounded);
    }),
  );
  return findings.flat();
}

function unreachable(repository: string, reason: string, severity: Issue["severity"] = "error"): Issue {
  const proxied = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"].some((name) => process.env[name]);
  return {
    id: "charts/reachable",
    // Helm goes through the proxy, and this look does not.
    severity: proxied ? "warning" : severity,
    subject: repository,
    problem: `chart repository ${repository} cannot be used: ${reason}`,
    fix: "check its URL (chartRepository), and that this machine may connect to it",
  };
}

function refused(repository: string, url: string, status: number, login: { Authorization?: string }): Issue {
  const isLogin = login.Authorization !== undefined;
  return {
    ...unreachable(
      repository,
      `${url} ${isLogin ? "refuses the login" : "is for those who have logged in"} (HTTP ${status})`,
    ),
    severity: "error",
    fix: isLogin ? "correct chartRepositoryAuth" : "set chartRepositoryAuth: username and password, or token",
  };
}

function missing(repository: string, { chart, version }: ExpectedRelease, known: readonly string[]): Issue {
  return {
    id: "charts/version",
    severity: "error",
    subject: `${chart} ${version}`,
    problem: `chart repository ${repository} has no version ${version} of chart ${chart}${
      known.length === 0 ? ", nor any other" : `; its newest are ${known.slice(0, 5).join(", ")}`
    }`,
    fix: "set a version that exists, or another chartRepository",
  };
}

/** A classic repository: one index.yaml for all. */
async function inRepository(repository: string, wanted: ExpectedRelease[], fetcher: Fetch): Promise<Issue[]> {
  const url = `${repository.replace(/\/+$/, "")}/index.yaml`;
  try {
    const login = basic(wanted[0]!);
    const response = await fetcher(url, { headers: login });
    const index = await response.text();
    if ([401, 403].includes(response.status)) return [refused(repository, url, response.status, login)];
    if (!response.ok) return [unreachable(repository, `${url} answers HTTP ${response.status}`)];
    const findings: Issue[] = [];
    for (const release of wanted) {
      const known = chartVersions(index, release.chart);
      if (known === undefined) return [unreachable(repository, `${url} is not an index of a chart repository`)];
      if (!known.includes(release.version)) findings.push(missing(repository, release, known));
    }
    return findings;
  } catch (error) {
    return [unreachable(repository, timeoutOr(error))];
  }
}

/**
 * The versions of a chart in an index, in its order (the newest first); undefined where it is not an index. An index can be
 * megabytes of YAML, for which a parser takes many seconds: the part of this chart is cut out first, by its indentation.
 */
export function chartVersions(index: string, chart: string): string[] | undefined {
  if (/^\s*\{/.test(index)) {
    const { entries } = JSON.parse(index) as { entries?: Record<string, unknown> };
    return entries && versionsOf(entries[chart]);
  }
  if (!/^entries:/m.test(index)) return undefined;
  const name = chart.replace(/[^\w-]/g, "\\$&");
  const parts = new RegExp(`^( +)(["']?)${name}\\2:[ \\t]*\\r?\\n((?:(?:\\1[ -].*)?\\n)*)`, "gm");
  // Whatever looks like it in the text of another chart stands deeper.
  const [part] = [...`${index}\n`.matchAll(parts)].sort(([, one = ""], [, other = ""]) => one.length - other.length);
  return versionsOf(parse(part?.[3] ?? ""));
}

function versionsOf(entries: unknown): string[] {
  return Array.isArray(entries) ? (entries as { version: string }[]).map(({ version }) => version) : [];
}

/** A registry: one manifest for each version. */
async function inRegistry(repository: string, release: ExpectedRelease, fetcher: Fetch): Promise<Issue[]> {
  const [host = "", ...path] = repository
    .replace(/^oci:\/\//, "")
    .replace(/\/+$/, "")
    .split("/");
  // A tag has no "+"; Helm writes build metadata with "_".
  const tag = release.version.replaceAll("+", "_");
  const url = `${await schemeOf(host, fetcher)}://${host}/v2/${[...path, release.chart].join("/")}/manifests/${tag}`;
  const headers = { Accept: "application/vnd.oci.image.manifest.v1+json" };
  const login = basic(release);
  try {
    let response = await fetcher(url, { method: "HEAD", headers });
    if (response.status === 401) {
      const challenge = response.headers.get("www-authenticate") ?? "";
      const token = await bearerToken(challenge, login, fetcher);
      const Authorization = token === undefined ? login.Authorization : `Bearer ${token}`;
      if (Authorization !== undefined)
        response = await fetcher(url, { method: "HEAD", headers: { ...headers, Authorization } });
    }
    if (response.ok) return [];
    if (response.status === 404) return [missing(repository, release, [])];
    if ((response.status === 401 || response.status === 403) && login.Authorization !== undefined)
      return [refused(repository, url, response.status, login)];
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

/** Helm speaks plain HTTP to a registry on this machine that answers nothing else (helm.sh/helm/v3, pkg/registry/fallback.go). */
async function schemeOf(host: string, fetcher: Fetch): Promise<"http" | "https"> {
  if (!isLoopbackUrl(`https://${host}`)) return "https";
  return fetcher(`https://${host}/v2/`).then(
    () => "https",
    () => "http",
  );
}

/** The token that a registry asks for; for everybody where there is no login. */
async function bearerToken(
  challenge: string,
  login: { Authorization?: string },
  fetcher: Fetch,
): Promise<string | undefined> {
  const parts = Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!]));
  if (!/^bearer /i.test(challenge) || parts["realm"] === undefined) return undefined;
  const { realm, ...query } = parts;
  const url = new URL(realm);
  for (const key of ["service", "scope"]) if (query[key] !== undefined) url.searchParams.set(key, query[key]);
  const response = await fetcher(url.toString(), { headers: login });
  if (!response.ok) return undefined;
  const { token, access_token } = (await response.json()) as { token?: string; access_token?: string };
  return token ?? access_token;
}

function timeoutOr(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: unknown };
  return name === "TimeoutError" ? `no answer within ${patience / 1000} s` : messageOf(cause ?? error);
}

const repositoriesOf = (settings: Settings) => [
  ...new Set(expectedReleases(settings).map(({ chartRepository }) => chartRepository)),
];

const reachable = preflightCheck({
  id: "charts/reachable",
  title: "the chart repositories answer",
  needs: ["charts"],
  subject: "chart repositories",
  fix: "check its URL (chartRepository), and that this machine may connect to it",
  docs: {
    meaning:
      "a chart repository does not answer. Asked with `chartRepositoryAuth`, and without a proxy: where one is set, or a registry wants a login that is not in the settings, it is a warning only",
    fix: "check `chartRepository`, and that this machine may connect to it",
  },
  run({ charts }, { settings }, problem) {
    for (const { id, problem: what, ...own } of charts) if (id === "charts/reachable") problem(what, own);
    return repositoriesOf(settings).join(", ");
  },
});

const version = preflightCheck({
  id: "charts/version",
  title: "the chart repositories have the versions that the stack names",
  needs: ["charts"],
  subject: "charts",
  fix: "set a version that exists, or another chartRepository",
  docs: {
    meaning: "a chart repository does not have the version that the stack names",
    fix: "set a version that exists, or another `chartRepository`",
  },
  run({ charts }, { settings }, problem) {
    for (const { id, problem: what, ...own } of charts) if (id === "charts/version") problem(what, own);
    const silent = charts.filter(({ id }) => id === "charts/reachable").map(({ subject }) => subject);
    if (silent.length > 0) throw notThere(`no answer from ${silent.join(", ")}`, "charts/reachable");
    return expectedReleases(settings)
      .map(({ chart, version: wanted }) => `${chart} ${wanted}`)
      .join(", ");
  },
});

/** Whether the chart repositories have what the stack asks for. */
export const chartsChecks: readonly PreflightCheck[] = [reachable, version];
