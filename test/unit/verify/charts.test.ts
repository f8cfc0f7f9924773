import assert from "node:assert/strict";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { stringify } from "yaml";
import type { Settings } from "../../../settings/schema";
import { chartFindings, chartVersions } from "../../../verify/preflight/charts";
import { stackFile } from "../stack-files";

const entry = (name: string, version: string, dependencies: string[] = []) => ({
  annotations: { "example.com/changes": "- kind: added\n  version: 9.9.9\n" },
  apiVersion: "v2",
  dependencies: dependencies.map((dependency) => ({ name: "sub", version: dependency })),
  description: "version: 8.8.8",
  name,
  urls: [`https://example.com/${name}-${version}.tgz`],
  version,
});
const index = {
  apiVersion: "v1",
  entries: {
    alertmanager: [entry("alertmanager", "1.0.0")],
    prometheus: [entry("prometheus", "29.27.0", ["1.2.3"]), entry("prometheus", "29.26.0")],
    "prometheus-adapter": [entry("prometheus-adapter", "5.0.0")],
  },
  generated: "2026-11-01T00:00:00Z",
};

describe("the index of a chart repository", () => {
  const forms: Record<string, string> = {
    "as helm repo index writes it": stringify(index, { indentSeq: false }),
    "with deeper lists": stringify(index),
    "with other indentation": stringify(index, { indent: 4 }),
    "with quoted texts": stringify(index, {
      indentSeq: false,
      defaultStringType: "QUOTE_DOUBLE",
      defaultKeyType: "PLAIN",
    }),
    "with its entries last": stringify({ generated: "x", apiVersion: "v1", entries: index.entries }),
    "as JSON": JSON.stringify(index),
    "as JSON on many lines": JSON.stringify(index, undefined, 2),
  };
  for (const [form, text] of Object.entries(forms))
    it(`is read ${form}: a chart's own versions, and none of its dependencies'`, () => {
      assert.deepEqual(chartVersions(text, "prometheus"), ["29.27.0", "29.26.0"]);
      assert.deepEqual(chartVersions(text, "prometheus-adapter"), ["5.0.0"]);
      assert.deepEqual(chartVersions(text, "missing"), []);
    });

  it("may be empty, end without a line break, and is told from any other page", () => {
    assert.deepEqual(chartVersions("apiVersion: v1\nentries: {}\n", "x"), []);
    assert.deepEqual(chartVersions("entries:\n  a.b:\n  - version: 1.2.3\n  axb:\n  - version: 4.5.6", "a.b"), [
      "1.2.3",
    ]);
    assert.deepEqual(chartVersions("entries:\n  a.b:\n  - version: 1.2.3\n  axb:\n  - version: 4.5.6", "axb"), [
      "4.5.6",
    ]);
    assert.equal(chartVersions("<html>\n<body>hello</body>", "x"), undefined);
    assert.equal(chartVersions("{}", "x"), undefined);
  });

  it("is not taken for what stands in the text of another chart", () => {
    const text = "entries:\n  a:\n  - description: |\n      prometheus:\n      - version: 9.9.9\n    version: 1.0.0\n";
    assert.deepEqual(chartVersions(`${text}  prometheus:\n  - version: 2.0.0\n`, "prometheus"), ["2.0.0"]);
  });

  it("is read in a moment, however large it is", () => {
    const many = (name: string) => Array.from({ length: 100 }, (_, patch) => entry(name, `1.0.${patch}`, ["1.2.3"]));
    const block = stringify(many("chart"), { indentSeq: false }).replace(/^/gm, "  ");
    const text = `entries:\n${Array.from({ length: 200 }, (_, number) => `  chart-${number}:\n${block}`).join("\n")}`;
    const start = Date.now();
    assert.equal(chartVersions(text, "chart-150")!.length, 100);
    assert.ok(text.length > 4e6 && Date.now() - start < 5_000, `${text.length} characters in ${Date.now() - start} ms`);
  });
});

describe("chartFindings", () => {
  type Handler = (request: IncomingMessage, response: ServerResponse) => void;
  const withRepository = async (handler: Handler, use: (settings: Settings, url: string) => Promise<void>) => {
    const server = createServer(handler);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      await use(from(url), url);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
  const from = (url: string): Settings => {
    const settings = structuredClone(stackFile("dev"));
    for (const part of [settings.istio, settings.gateway, settings.prometheus!, settings.kiali!])
      part.chartRepository = url;
    return settings;
  };
  const all = {
    apiVersion: "v1",
    entries: {
      base: [entry("base", "1.31.0")],
      enroute: [entry("enroute", "0.8.7")],
      istiod: [entry("istiod", "1.31.0")],
      "kiali-server": [entry("kiali-server", "2.29.0")],
      prometheus: [entry("prometheus", "29.27.0")],
    },
  };

  it("finds nothing where every version is there, and asks each repository once", async () => {
    let asked = 0;
    await withRepository(
      (_, response) => {
        asked++;
        response.end(stringify(all, { indentSeq: false }));
      },
      async (settings) => assert.deepEqual(await chartFindings(settings), []),
    );
    assert.equal(asked, 1);
  });

  it("names a version that is not there, and the newest that are", async () => {
    const entries = { ...all.entries, istiod: [], base: [entry("base", "1.30.2"), entry("base", "1.30.1")] };
    await withRepository(
      (_, response) => response.end(stringify({ ...all, entries }, { indentSeq: false })),
      async (settings) => {
        const findings = await chartFindings(settings);
        assert.deepEqual(
          findings.map(({ id, severity }) => `${id} ${severity}`),
          ["charts/version error", "charts/version error"],
        );
        assert.match(findings[0]!.problem, /no version 1\.31\.0 of chart base; its newest are 1\.30\.2, 1\.30\.1$/);
        assert.match(findings[1]!.problem, /of chart istiod, nor any other$/);
      },
    );
  });

  it("tells of a repository that is not there, has no index, or serves something else", async () => {
    const [gone] = await chartFindings(from("http://127.0.0.1:1"));
    assert.match(gone!.problem, /chart repository http:\/\/127\.0\.0\.1:1 cannot be used: /);
    await withRepository(
      (_, response) => response.writeHead(404).end(),
      async (settings) => assert.match((await chartFindings(settings))[0]!.problem, /index\.yaml answers HTTP 404/),
    );
    await withRepository(
      (_, response) => response.end("<html></html>"),
      async (settings) => {
        const problems = (await chartFindings(settings)).map(({ problem }) => problem);
        assert.equal(problems.length, 1);
        assert.match(problems[0]!, /is not an index of a chart repository/);
      },
    );
  });

  describe("with a login", () => {
    const basic = `Basic ${Buffer.from("robot:pass-word").toString("base64")}`;
    const login = (settings: Settings, auth: Settings["istio"]["chartRepositoryAuth"] & object): Settings => {
      for (const part of [settings.istio, settings.gateway, settings.prometheus!, settings.kiali!])
        part.chartRepositoryAuth = auth;
      return settings;
    };
    const guarded: Handler = ({ headers }, response) =>
      headers.authorization === basic
        ? response.end(stringify(all, { indentSeq: false }))
        : response.writeHead(401).end();

    it("goes in with it, and says so where there is none, or another is needed; never by showing it", async () => {
      await withRepository(guarded, async (settings) => {
        const right = { username: "robot", password: "pass-word" };
        assert.deepEqual(await chartFindings(login(structuredClone(settings), right)), []);
        const [without] = await chartFindings(settings);
        assert.match(without!.problem, /index\.yaml is for those who have logged in \(HTTP 401\)$/);
        assert.match(without!.fix, /set chartRepositoryAuth/);
        const [wrong] = await chartFindings(login(settings, { token: "other-word" }));
        assert.match(wrong!.problem, /refuses the login \(HTTP 401\)$/);
        assert.doesNotMatch(JSON.stringify(wrong), /other-word/);
        const partly = structuredClone(settings);
        for (const part of [partly.gateway, partly.prometheus!, partly.kiali!]) delete part.chartRepositoryAuth;
        partly.istio.chartRepositoryAuth = right;
        const [other, ...more] = await chartFindings(partly);
        assert.match(other!.problem, /is for those who have logged in/, "each chart goes in with its own login");
        assert.deepEqual(more, []);
      });
    });
  });

  describe("in a registry", () => {
    const settings = (): Settings => {
      const rest = from("http://127.0.0.1:1");
      delete rest.prometheus;
      delete rest.kiali;
      rest.istio = { ...rest.istio, chartRepository: "oci://registry.example.com/charts", version: "1.31.0" };
      rest.gateway = {
        ...rest.gateway,
        chartRepository: "oci://registry.example.com/charts",
        version: "0.8.7+build.1",
      };
      return rest;
    };
    const registry = (answer: (url: string, init: RequestInit) => Response) => {
      const asked: string[] = [];
      return {
        asked,
        fetcher: (url: string, init: RequestInit = {}) => {
          asked.push(`${init.method ?? "GET"} ${url}`);
          return Promise.resolve(answer(url, init));
        },
      };
    };

    it("asks for each version's manifest, with the token that anybody gets", async () => {
      const { asked, fetcher } = registry((url, { headers }) => {
        if (url.includes("/token")) return Response.json({ token: "t" });
        return (headers as Record<string, string>)["Authorization"] === "Bearer t"
          ? new Response()
          : new Response(null, {
              status: 401,
              headers: {
                "www-authenticate": `Bearer realm="https://registry.example.com/token",service="r",scope="s:pull"`,
              },
            });
      });
      assert.deepEqual(await chartFindings(settings(), fetcher), []);
      assert.ok(asked.includes("HEAD https://registry.example.com/v2/charts/base/manifests/1.31.0"));
      assert.ok(asked.includes("HEAD https://registry.example.com/v2/charts/enroute/manifests/0.8.7_build.1"));
      assert.ok(asked.includes("GET https://registry.example.com/token?service=r&scope=s%3Apull"));
    });

    it("asks for the token with the stack's own login, and takes a refusal for an error", async () => {
      const own = settings();
      for (const part of [own.istio, own.gateway]) part.chartRepositoryAuth = { username: "u", password: "p" };
      const basic = `Basic ${Buffer.from("u:p").toString("base64")}`;
      const of = (headers: unknown) => (headers as Record<string, string>)["Authorization"];
      const challenge = { "www-authenticate": `Bearer realm="https://registry.example.com/token"` };
      const { fetcher } = registry((url, { headers }) => {
        if (url.includes("/token")) return Response.json({ token: of(headers) === basic ? "t" : "none" });
        return new Response(null, of(headers) === "Bearer t" ? {} : { status: 401, headers: challenge });
      });
      assert.deepEqual(await chartFindings(own, fetcher), []);
      const refused = registry(() => new Response(null, { status: 403 }));
      const findings = await chartFindings(own, refused.fetcher);
      assert.ok(findings.every(({ severity, problem }) => severity === "error" && /refuses the login/.test(problem)));
    });

    it("names a version that is not there; one behind a login is only a warning", async () => {
      const { fetcher } = registry((url) => new Response(null, { status: url.includes("istiod") ? 404 : 403 }));
      const findings = await chartFindings(settings(), fetcher);
      assert.deepEqual(findings.map(({ id, severity }) => `${id} ${severity}`).sort(), [
        "charts/reachable warning",
        "charts/reachable warning",
        "charts/version error",
      ]);
    });
  });
});
