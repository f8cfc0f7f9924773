import assert from "node:assert/strict";
import { SettingsError } from "../../../settings/error";
import { atFolder, loadSettings } from "../../../settings/load";
import { settingsWarnings } from "../../../settings/warnings";
import { encryptedIngress } from "../../../stacks/encrypted-ingress";
import { run } from "../mocks";
import { put } from "../planted";
import { configuration, stackConfig } from "../stack-files";

type Tree = Record<string, unknown>;

function settingsWith(changes: Tree) {
  const config = structuredClone(stackConfig("dev"));
  for (const [path, value] of Object.entries(changes)) put(config, `enroute-istio:${path}`.split("."), value);
  const secretKeys = Object.keys(changes).map((path) => `enroute-istio:${path.split(".")[0]}`);
  return loadSettings({ ...configuration(config, "dev"), secretKeys });
}

const problems = (changes: Tree): string[] => {
  try {
    settingsWith(changes);
    return [];
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.problems.map(({ key, allowed }) => `${key}: ${allowed}`);
  }
};

describe("private repositories and registries", () => {
  const auth = "istio.chartRepositoryAuth";
  const login = { username: "u", password: "p" };
  const cases: [string, Tree, RegExp | undefined][] = [
    ["a user with a password", { [auth]: login }, undefined],
    ["a token alone", { [auth]: { token: "t" } }, undefined],
    ["a token with a user", { [auth]: { username: "u", token: "t" } }, undefined],
    ["a CA alone", { [auth]: { caFile: "ca.pem" } }, undefined],
    ["a password and a token", { [auth]: { ...login, token: "t" } }, /Auth\.token: either password or token/],
    ["a password without a user", { [auth]: { password: "p" } }, /Auth\.username: missing/],
    ["a user without a password", { [auth]: { username: "u" } }, /Auth\.password: missing/],
    ["nothing", { [auth]: {} }, /chartRepositoryAuth: username and password, or token, or caFile/],
    [
      "a CA of a registry",
      { [auth]: { ...login, caFile: "ca.pem" }, "istio.chartRepository": "oci://r.example.com/x" },
      /Auth\.caFile: none for oci:\/\//,
    ],
    [
      "two logins for one registry",
      {
        [auth]: login,
        "istio.chartRepository": "oci://r.example.com/x",
        "gateway.chartRepository": "oci://r.example.com/y",
        "gateway.chartRepositoryAuth": { token: "t" },
      },
      /^gateway\.chartRepositoryAuth: the login of istio\.chartRepositoryAuth: .* both are of r\.example\.com$/,
    ],
    [
      "one login for two paths of a registry",
      {
        [auth]: login,
        "istio.chartRepository": "oci://r.example.com/x",
        "gateway.chartRepository": "oci://r.example.com/y",
        "gateway.chartRepositoryAuth": login,
      },
      undefined,
    ],
    ...[
      "https://h.example.com/charts?sig=x",
      "oci://h.example.com/x?token=x",
      "https://h.example.com/#x",
      "https://[/",
    ].map((url): [string, Tree, RegExp] => [
      `the URL ${url}`,
      { "istio.chartRepository": url },
      /the URL of a Helm repository/,
    ]),
    ["pull Secrets that are there", { imagePullSecrets: [{ name: "a" }, { name: "b" }] }, undefined],
    ["one that is made", { imagePullSecrets: [{ name: "a", registry: "r.example.com", ...login }] }, undefined],
    ["one twice", { imagePullSecrets: [{ name: "a" }, { name: "a" }] }, /imagePullSecrets\[1\]\.name: each name once/],
    [
      "two whose names and namespaces join to one resource",
      {
        namespaces: [{ name: "bookinfo" }, { name: "system" }],
        imagePullSecrets: ["a", "a-enroute"].map((name) => ({ name, registry: "r.example.com", ...login })),
      },
      /imagePullSecrets\[1\]\.name: another name: in namespace system its resource would be a-enroute-system, which is that of a in enroute-system/,
    ],
    [
      "two of which one is there already, whatever its name",
      {
        namespaces: [{ name: "bookinfo" }, { name: "system" }],
        imagePullSecrets: [{ name: "a" }, { name: "a-enroute", registry: "r.example.com", ...login }],
      },
      undefined,
    ],
    ["one without its registry", { imagePullSecrets: [{ name: "a", ...login }] }, /\[0\]\.registry: missing/],
    [
      "one without its password",
      { imagePullSecrets: [{ name: "a", registry: "r.example.com", username: "u" }] },
      /\[0\]\.password: missing/,
    ],
    ["a registry with a scheme", { registry: "https://r.example.com" }, /registry: a registry, or a path in one/],
  ];
  for (const [what, changes, expected] of cases)
    it(`${expected === undefined ? "take" : "refuse"} ${what}`, () => {
      const found = problems(changes);
      if (expected === undefined) assert.deepEqual(found, []);
      else assert.match(found.join("\n"), expected);
    });

  const urls: [string, boolean][] = [
    ["http://charts.example.com/x", true],
    ["http://10.0.0.1", true],
    ["http://127.0.0.1:8080", false],
    ["http://localhost/x", false],
    ["http://[::1]:8080", false],
    ["https://charts.example.com", false],
    ["oci://charts.example.com/x", false],
  ];
  for (const [url, isWarned] of urls)
    it(`${isWarned ? "warn" : "do not warn"} of ${url}`, () => {
      const found = settingsWarnings(settingsWith({ "gateway.chartRepository": url }), new Date("2026-11-01"));
      assert.deepEqual(
        found.map(({ id, subject }) => `${id} ${subject}`),
        isWarned ? ["settings/clear-text-repository gateway.chartRepository"] : [],
      );
    });

  it("start a CA's path from the project's folder", () => {
    const settings = settingsWith({ [auth]: { caFile: "ca.pem" }, kubeconfig: "k" });
    const placed = atFolder(settings, "/p");
    assert.deepEqual([placed.kubeconfig, placed.istio.chartRepositoryAuth?.caFile], ["/p/k", "/p/ca.pem"]);
    assert.equal(settings.istio.chartRepositoryAuth?.caFile, "ca.pem");
  });

  it("reach every release, every pod and every namespace", async () => {
    const settings = settingsWith({
      registry: "mirror.example.com/all",
      imagePullSecrets: [{ name: "there" }, { name: "made", registry: "mirror.example.com", ...login }],
      [auth]: login,
    });
    const { resources, find } = await run(() => encryptedIngress(settings));
    const text = (type: string, name: string) => JSON.stringify(find(type, name).wire);
    for (const [name, image] of [
      ["istiod", "mirror.example.com/all/istio"],
      ["enroute-istio", "mirror.example.com/all/library/redis"],
      ["enroute-istio", "mirror.example.com/all/envoyproxy/envoy"],
      ["prometheus", "mirror.example.com/all/prometheus/prometheus"],
      ["prometheus", "mirror.example.com/all/prometheus-operator/prometheus-config-reloader"],
      ["kiali-server", "mirror.example.com/all/kiali/kiali"],
    ] as const) {
      assert.ok(text("Release", name).includes(`"${image}"`), `${name}: ${image}`);
      assert.match(text("Release", name), /"there"[^]*"made"/, name);
    }
    assert.match(
      text("Deployment", "bookinfo-details-v1"),
      /mirror\.example\.com\/all\/istio\/examples[^]*"there"[^]*"made"/,
    );
    for (const name of ["istio-base", "istiod"]) assert.match(text("Release", name), /"username":\{[^}]*"value":"u"/);
    const made = resources.filter(({ name }) => name.startsWith("made-")).map(({ name }) => name);
    assert.deepEqual(made.sort(), ["made-bookinfo", "made-enroute-system", "made-istio-system"]);
    const fixed = settingsWarnings(settings, new Date("2026-11-01")).map(({ id }) => id);
    assert.deepEqual(fixed, ["settings/fixed-image"]);
  });

  const silent: [string, Tree][] = [["an existing Secret", { issuer: "existingSecret", secretName: "x" }]];
  for (const [what, certificate] of silent)
    it(`leave out the outputs that have no value: ${what}`, async () => {
      const { result } = await run(() => encryptedIngress(settingsWith({ certificate })));
      assert.deepEqual([result.caCertificate, result.certificateEndOfValidity], [undefined, undefined]);
    });
});
