import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { stringify } from "yaml";
import { type Encrypted, encryptedIn, pathText } from "../../../base/encrypted";
import { at } from "../../../base/tree";
import { SettingsError } from "../../../settings/error";
import { loadSettings, settingsOf } from "../../../settings/load";
import { type Settable, hidingSecrets, resolved, secret } from "../../../settings/marks";
import type { SettingsInput } from "../../../settings/schema";
import { secretSettings } from "../../../settings/secrets";
import { encryptedIngress } from "../../../stacks/encrypted-ingress";
import { type Issued, issue } from "../certificates";
import { run } from "../mocks";
import { formsOf, plantEverySecret, prepare, put } from "../planted";
import { configuration, stackConfig } from "../stack-files";

type Tree = Record<string, unknown>;
const host = "bookinfo.sandbox.example";

/** Settings of the sandbox's stack without the prefix of their keys. */
function sandbox(): Tree {
  const entries = Object.entries(stackConfig("sandbox")).map(([key, value]) => [key.split(":")[1]!, value]);
  return structuredClone(Object.fromEntries(entries) as Tree);
}

function refusal(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.message;
  }
  return assert.fail("the settings were taken");
}

const load = (config: Tree, encrypted: Encrypted, secretKeys: string[] = []) =>
  loadSettings({ ...configuration(config, "dev"), secretKeys, encrypted });

/** Every place in what would go over the wire where a text stands, and whether it is inside of a secret. */
function findings(value: unknown, text: string, isSecret = false, path = ""): { path: string; isSecret: boolean }[] {
  if (typeof value === "string") return formsOf(text).some((form) => value.includes(form)) ? [{ path, isSecret }] : [];
  if (typeof value !== "object" || value === null) return [];
  const signature = (value as Tree)["4dabf18193072939515e22adb298388d"];
  const sealed = isSecret || signature === "1b47061264138c4ac30d75fd1eb44270";
  return Object.entries(value).flatMap(([key, item]) => findings(item, text, sealed, `${path}.${key}`));
}

const kubeconfig = stringify({
  apiVersion: "v1",
  kind: "Config",
  users: [{ user: { token: "marker-of-kubeconfig" } }],
});
const known = {
  kubeconfig: { value: kubeconfig, marker: "marker-of-kubeconfig" },
};

describe("secrets of the settings", () => {
  let issued: Issued;
  before(async () => (issued = await issue({ hosts: [host] })));

  it("may stand where the schema says so, which is where certificates, keys, credentials and free-form values are", () => {
    const names = secretSettings().map(({ path }) => path.join("."));
    for (const name of ["certificate.privateKey", "istio.ca.certificateChain", "istio.values", "kubeconfig"])
      assert.ok(names.includes(name), `${name} of ${names.join(", ")}`);
    for (const name of ["hosts", "istio.version"]) assert.ok(!names.some((one) => one.startsWith(name)), name);
  });

  it("are all secrets wherever the program uses them, and each is used", async () => {
    const planted = await plantEverySecret(host, known);
    const config = sandbox();
    prepare(config);
    for (const { path, value } of planted) put(config, path, value);
    const settings = load(config, { paths: planted.map(({ path }) => path), unsure: [] });
    const { resources } = await run(() => encryptedIngress(settings));
    for (const { path, marker } of planted) {
      const found = resources.flatMap(({ type, name, wire }) => findings(wire, marker, false, `${type} ${name}: `));
      assert.ok(found.length > 0, `${pathText(path)} reaches nothing`);
      assert.deepEqual(
        found.filter(({ isSecret }) => !isSecret).map((one) => one.path),
        [],
        pathText(path),
      );
    }
  });

  describe("in a stack's file", () => {
    let folder: string;
    before(() => (folder = mkdtempSync(join(tmpdir(), "enroute-encrypted-"))));
    after(() => rmSync(folder, { recursive: true, force: true }));

    const of = (text: string, value: unknown, file = "stacks/Pulumi.dev.yaml", stack = "dev") => {
      const path = join(folder, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(
        join(folder, file.endsWith(".yml") ? "Pulumi.yml" : "Pulumi.yaml"),
        "name: p\nstackConfigDir: stacks\n",
      );
      writeFileSync(path, text);
      const values = { "p:a": typeof value === "string" ? value : JSON.stringify(value) };
      try {
        const { paths, unsure } = encryptedIn(folder, { project: "p", stack, values, secretKeys: ["p:a", "q:a"] });
        return [paths.map(pathText), unsure.map(pathText)];
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    };

    const cases: [string, () => unknown, unknown][] = [
      ["one value", () => of("config: {p:a: {b: {secure: x}, c: 1}}", { b: "s", c: 1 }), [["a.b"], []]],
      ["in a list", () => of("config: {p:a: [{b: {secure: x}}, {b: y}]}", [{ b: "s" }, { b: "y" }]), [["a[0].b"], []]],
      ["of a key with dots", () => of('config: {p:a: {"b.c": {secure: x}}}', { "b.c": "s" }), [['a["b.c"]'], []]],
      ["a whole key", () => of("config: {p:a: {secure: x}}", { b: "s" }), [["a"], []]],
      ["a key without the project", () => of("config: {a: {b: {secure: x}}}", { b: "s" }), [["a.b"], []]],
      [
        "by a merge key",
        () => of("x: &x {b: {secure: y}}\nconfig:\n  p:a:\n    <<: *x\n    c: 1\n", { b: "s", c: 1 }),
        [["a.b"], []],
      ],
      ["in a .yml", () => of("config: {p:a: {b: {secure: x}}}", { b: "s" }, "stacks/Pulumi.dev.yml"), [["a.b"], []]],
      [
        "of a stack by its full name",
        () => of("config: {p:a: {b: {secure: x}}}", { b: "s" }, "stacks/Pulumi.dev.yaml", "acme/p/dev"),
        [["a.b"], []],
      ],
      [
        "from elsewhere: all that differs may be it",
        () => of("config: {p:a: {c: 1}}", { b: "s", c: 1 }),
        [[], ["a.b"]],
      ],
      ["from elsewhere altogether", () => of("config: {}", "s"), [[], ["a"]]],
    ];
    for (const [what, found, expected] of cases)
      it(`are known by their own path: ${what}`, () => assert.deepEqual(found(), expected));
  });

  it("that must be one is refused in plain text, also beside one that is encrypted, and is never shown", () => {
    const config = sandbox();
    config["certificate"] = {
      issuer: "provided",
      certificateChain: issued.certificate,
      privateKey: issued.privateKey,
    };
    const text = refusal(() =>
      load(config, { paths: [["certificate", "certificateChain"]], unsure: [] }, ["enroute-istio:certificate"]),
    );
    assert.match(
      text,
      /certificate\.privateKey\n\s+allowed: a secret: .*--secret --path 'enroute-istio:certificate\.privateKey' --stack dev/,
    );
    assert.ok(!text.includes(issued.privateKey.split("\n")[1]!));
    load(config, { paths: [["certificate", "privateKey"]], unsure: [] });
    load(config, { paths: [["certificate"]], unsure: [] });
    load(config, { paths: [], unsure: [["certificate"]] });
  });

  const readable: [string, Encrypted["paths"], (config: Tree) => void][] = [
    ["a host", [["hosts", 0, "host"]], () => {}],
    ["all hosts", [["hosts"]], () => {}],
    ["a version", [["istio", "version"]], () => {}],
    ["a context", [["context"]], () => {}],
  ];
  for (const [what, paths, change] of readable)
    it(`cannot be what becomes a name, a choice or an output: ${what}`, () => {
      const config = sandbox();
      change(config);
      const text = refusal(() => load(config, { paths, unsure: [] }));
      assert.ok(text.includes(`- ${pathText(paths[0]!)}\n      allowed: a value that is not encrypted`), text);
    });

  it("cannot be what a setting decides, or the rollout relies on, among the values of a chart", () => {
    const cases: [path: [string, string, ...string[]], value: unknown][] = [
      [["gateway", "values", "istio", "enable"], true],
      [["gateway", "values", "fullnameOverride"], "enroute"],
      [["istio", "meshConfig", "trustDomain"], "cluster.local"],
      [["istio", "meshConfig", "enableAutoMtls"], true],
    ];
    for (const [path, value] of cases) {
      const config = sandbox();
      put(config, path, value);
      load(config, { paths: [], unsure: [] });
      const text = refusal(() => load(config, { paths: [path], unsure: [] }));
      assert.ok(text.includes(`- ${path.join(".")}\n      allowed: a value that is not encrypted`), text);
      assert.match(text, /1 setting is wrong/);
    }
  });

  it("are not shown where an error says what another key decides", () => {
    const config = sandbox();
    put(config, ["gateway", "serviceAnnotations"], { a: "marker-of-annotation" });
    put(config, ["gateway", "values"], { service: { annotations: { a: "other" } } });
    const open = refusal(() => load(config, { paths: [], unsure: [] }));
    assert.match(open, /allowed: "marker-of-annotation", as gateway\.serviceAnnotations decides/);
    const text = refusal(() => load(config, { paths: [["gateway", "serviceAnnotations", "a"]], unsure: [] }));
    assert.match(text, /allowed: "\[secret\]", as gateway\.serviceAnnotations decides/);
    assert.ok(!text.includes("marker-of-annotation"), text);
  });

  it("are not shown in an error, wherever they stand", () => {
    const config = sandbox();
    put(config, ["gateway", "serviceAnnotations"], { a: ["marker"] });
    put(config, ["kiali", "values"], "marker");
    const text = refusal(() =>
      load(config, { paths: [["gateway", "serviceAnnotations"]], unsure: [["kiali", "values"]] }),
    );
    assert.match(text, /gateway\.serviceAnnotations\.a\n\s+allowed/);
    assert.match(text, /kiali\.values\n\s+allowed/);
    assert.ok(!text.includes("marker"), text);
  });

  it("the text of a kubeconfig is one, or is refused without being shown", () => {
    const config = { ...sandbox(), kubeconfig };
    const text = refusal(() => load(config, { paths: [], unsure: [] }));
    assert.match(text, /kubeconfig\n\s+allowed: a secret/);
    assert.ok(!text.includes("marker-of-kubeconfig"));
    assert.deepEqual(load(config, { paths: [["kubeconfig"]], unsure: [] }).secretPaths, [["kubeconfig"]]);
  });

  it("a password in the URL of a chart repository is refused with what to do, and not shown", () => {
    for (const url of [
      ...["https://me:marker@charts.example.com/x", "oci://me:mar@ker@charts.example.com"],
      ...["https://me:mar/ker@charts.example.com/x", "https://me:mar?k#er@charts.example.com/x"],
    ]) {
      const config = sandbox();
      put(config, ["istio", "chartRepository"], url);
      const text = refusal(() => load(config, { paths: [], unsure: [] }));
      assert.match(text, /istio\.chartRepository\n\s+found: .*\[secret\]@charts[^]*set chartRepositoryAuth/);
      assert.doesNotMatch(text, /mar/);
    }
  });

  describe("where certificates are asked for", () => {
    const places: [string, (pem: string) => Tree, string?][] = [
      ["certificate.certificateChain", (pem) => ({ certificate: provided({ certificateChain: pem }) })],
      ["certificate.caCertificate", (pem) => ({ certificate: provided({ caCertificate: pem }) })],
      [
        "certificate.caCertificate",
        (pem) => ({ certificate: { issuer: "certManager", issuerRef: { name: "x" }, caCertificate: pem } }),
        " of certManager",
      ],
      ["istio.ca.rootCertificates", (pem) => ({ istio: { ca: { issuer: "generated", rootCertificates: pem } } })],
      ["istio.ca.certificateChain", (pem) => ({ istio: { ca: ca({ certificateChain: pem }) } })],
      ["istio.ca.rootCertificates", (pem) => ({ istio: { ca: ca({ rootCertificates: pem }) } })],
    ];
    const provided = (more: Tree) => ({
      ...{ issuer: "provided", certificateChain: issued.certificate, privateKey: issued.privateKey },
      ...more,
    });
    const ca = (more: Tree) => ({ ...provided({ rootCertificates: issued.certificate }), ...more });
    for (const [key, change, of = ""] of places)
      for (const kind of ["PRIVATE KEY", "EC PRIVATE KEY", "CERTIFICATE REQUEST", "ENCRYPTED PRIVATE KEY"])
        it(`a block ${kind} in ${key}${of} is refused`, () => {
          const pem = `${issued.certificate}${issued.privateKey.replaceAll("PRIVATE KEY", kind)}`;
          const config = sandbox();
          const changed = change(pem);
          config["istio"] = { ...(config["istio"] as Tree), ...(changed["istio"] as Tree | undefined) };
          config["certificate"] = changed["certificate"] ?? config["certificate"];
          const text = refusal(() => load(config, { paths: [["certificate"], ["istio"]], unsure: [] }));
          assert.ok(text.includes(`- ${key}\n      allowed: certificates alone`), text);
          assert.match(text, new RegExp(`it holds a block ${kind} beside`));
          assert.ok(!text.includes(issued.privateKey.split("\n")[1]!));
        });
  });

  describe("of a settings object", () => {
    const where = { project: "enroute-istio", stack: "dev" };
    const object = (change: (config: Tree) => void): SettingsInput => {
      const config = { ...sandbox(), kubeconfig: "/k" };
      change(config);
      return config as unknown as SettingsInput;
    };

    it("are what is marked, and what must be one", async () => {
      const root = await issue({ name: "root", ca: true });
      const input = object((config) => {
        put(config, ["kiali", "values"], { a: secret("b"), c: "d", e: secret({ f: [1] }) });
        put(config, ["istio", "ca"], {
          ...{ issuer: "provided", rootCertificates: root.certificate },
          ...{ certificateChain: root.certificate, privateKey: root.privateKey },
        });
      });
      const { secretPaths = [], ...settings } = settingsOf(input, where);
      assert.deepEqual(secretPaths.map(pathText).sort(), [
        "istio.ca.privateKey",
        "kiali.values.a",
        "kiali.values.e.f[0]",
      ]);
      assert.deepEqual(settings.kiali?.values, { a: "b", c: "d", e: { f: [1] } });
    });

    it("may be Outputs of Pulumi, which are secrets where those are", async () => {
      const privateKey: pulumi.Output<string> = pulumi.secret(issued.privateKey);
      const typed: Settable<SettingsInput>["certificate"] = {
        ...{ issuer: "provided", privateKey },
        certificateChain: pulumi.output(issued.certificate),
      };
      const input = object((config) => {
        config["certificate"] = typed;
        put(config, ["kiali", "values"], { a: pulumi.secret("b"), c: pulumi.output("d") });
      });
      const settings = settingsOf(await resolved(input), where);
      assert.deepEqual(settings.secretPaths?.map(pathText).sort(), ["certificate.privateKey", "kiali.values.a"]);
      assert.deepEqual(at(settings, "kiali", "values"), { a: "b", c: "d" });
    });

    it("that is a name is refused", () => {
      const input = object((config) => put(config, ["context"], secret("x")));
      assert.match(
        refusal(() => settingsOf(input, where)),
        /context\n\s+allowed: a value that is not encrypted/,
      );
    });

    it("are taken out of texts, as they are, in JSON, in base64, and line by line", () => {
      const input = object((config) => put(config, ["kiali", "values"], { a: secret('pass"word\nof two lines long') }));
      const hide = hidingSecrets(settingsOf(input, where));
      const value = 'pass"word\nof two lines long';
      for (const text of [value, JSON.stringify(value), Buffer.from(value).toString("base64"), "of two lines long"])
        assert.equal(hide(`<${text}>`).replaceAll('"', ""), "<[secret]>");
      assert.equal(hidingSecrets(undefined)("x"), "x");
    });
  });
});
