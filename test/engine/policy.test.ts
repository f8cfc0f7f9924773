import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { kubernetesPluginVersion, pulumi, sharedSandbox, succeed } from "./sandbox-fixture";
import { editStack, get, makeStack } from "./stacks";

type Config = Record<string, unknown>;
const root = resolve(__dirname, "../..");
const pack = join(root, "policy");

describe("the policy pack, run by the real CLI", function () {
  this.timeout(120_000);
  let scratch: string;

  before(async function () {
    this.timeout(0);
    await sharedSandbox();
    scratch = mkdtempSync(join(tmpdir(), "policy-"));
    await makeStack("policed");
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  const namespaces = async () =>
    (await get<{ items: { metadata: { name: string } }[] }>("namespaces")).items.map(({ metadata }) => metadata.name);

  /** Runs a command of Pulumi with the settings of the sandbox's stack and changes. */
  async function policed(stack: string, change: (config: Config) => void, command: string[]) {
    await editStack(stack, change, "sandbox");
    const { code, stdout, stderr } = await pulumi([...command, "--stack", stack]);
    return { code, text: stdout + stderr };
  }

  /** What the settings only warn of. */
  const ended = {
    exceptions: [{ namespace: "bookinfo", mode: "PERMISSIVE", reason: "r", owner: "team-a", until: "2026-01-31" }],
  };

  const findings = (text: string) =>
    [...text.matchAll(/\[(\w+)\] +(\S+) +\(/g)].map(([, level, rule]) => `${level} ${rule}`).sort();

  it("lets pass the stack sandbox", async () => {
    const { code, text } = await policed("policed", () => {}, ["preview", "--policy-pack", pack]);
    assert.equal(code, 0, text);
    assert.match(text, /✅ enroute-istio@v\d/);
    assert.deepEqual(findings(text), []);
    assert.doesNotMatch(text, /can't run/);
  });

  it("refuses an update of production for every mandatory finding, names each with its fix, and touches nothing", async () => {
    const before = await namespaces();
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });
    const { code, text } = await policed(
      await makeStack("prod-policed"),
      (config) => {
        (config["kiali"] as Config)["authentication"] = "anonymous";
        (config["gateway"] as { images: { redis: Config } }).images.redis["tag"] = "7.4";
        (config["istio"] as Config)["values"] = { env: { SIGNING_KEY: key } };
        config["mutualTls"] = ended;
        // Declared, so no finding.
        (config["certificate"] as Config)["extraNames"] = ["www.sandbox.example"];
        (config["hosts"] as Config[])[0]!["routes"] = [
          { service: "productpage", port: 9080, permitInsecure: { reason: "old clients" } },
        ];
      },
      ["up", "--yes", "--policy-pack", pack],
    );
    assert.notEqual(code, 0, text);
    assert.deepEqual(await namespaces(), before, "nothing was created");
    assert.deepEqual(
      [...new Set(findings(text))],
      ["deletion-protection", "high-availability", "image-tags", "kiali-login", "mtls-exceptions", "private-keys"].map(
        (rule) => `mandatory ${rule}`,
      ),
      text,
    );
    assert.match(text, /values\.images\.redis\.tag is :7\.4: [^]*Fix: name a full version/);
    assert.match(text, /warning: mutualTls\.exceptions\[0\] of team-a ended on 2026-01-31/);
    assert.match(text, /values\.env\.SIGNING_KEY holds a private key that is not a Pulumi secret/);
    assert.ok(!text.includes(String(key).split("\n")[1]!), "the key is not shown");
  });

  it("only tells what the levels of the environment have made advisory", async () => {
    const levels = join(scratch, "levels.json");
    writeFileSync(levels, JSON.stringify({ "mtls-exceptions": "advisory" }));
    const { code, text } = await policed("policed", (config) => void (config["mutualTls"] = ended), [
      ...["preview", "--policy-pack", pack, "--policy-pack-config", levels],
    ]);
    assert.equal(code, 0, text);
    assert.deepEqual(findings(text), ["advisory mtls-exceptions"]);
    assert.match(text, /ended on 2026-01-31[^]*Fix: /);
  });

  describe("as it is published: packed by npm, unpacked elsewhere, with the packages that it names and no others", () => {
    let published: string;

    before(async function () {
      this.timeout(0);
      const built = join(scratch, "built");
      execFileSync(process.execPath, [join(root, "build.mjs"), "--policy-pack", built]);
      const [{ filename, files }] = JSON.parse(
        await succeed("npm", ["pack", "--json", "--pack-destination", scratch], { cwd: built }),
      ) as [{ filename: string; files: { path: string }[] }];
      assert.deepEqual(files.map(({ path }) => path).sort(), [
        "PulumiPolicy.yaml",
        "config/dev.json",
        "index.js",
        "package.json",
      ]);
      execFileSync("tar", ["--extract", "--file", join(scratch, filename), "--directory", scratch]);
      published = join(scratch, "package");
      const { dependencies } = JSON.parse(readFileSync(join(published, "package.json"), "utf8")) as {
        dependencies: Record<string, string>;
      };
      assert.deepEqual(Object.keys(dependencies), ["@pulumi/policy", "@pulumi/pulumi"]);
      mkdirSync(join(published, "node_modules/@pulumi"), { recursive: true });
      for (const name of Object.keys(dependencies))
        symlinkSync(join(root, "node_modules", name), join(published, "node_modules", name));
    });

    it("finds what the folder finds, and lets pass what it lets pass", async () => {
      const passed = await policed("policed", () => {}, ["preview", "--policy-pack", published]);
      assert.equal(passed.code, 0, passed.text);
      assert.match(passed.text, /✅ enroute-istio@v\d/);
      const spoil = (config: Config) => {
        config["mutualTls"] = ended;
        (config["istio"] as Config)["values"] = {
          env: { CA: "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----" },
        };
      };
      const [ours, theirs] = [
        await policed("policed", spoil, ["preview", "--policy-pack", pack]),
        await policed("policed", spoil, ["preview", "--policy-pack", published]),
      ];
      assert.notEqual(theirs.code, 0, theirs.text);
      assert.deepEqual(
        [...new Set(findings(theirs.text))],
        ["mandatory mtls-exceptions", "mandatory private-keys"],
        theirs.text,
      );
      assert.deepEqual(findings(theirs.text), findings(ours.text));
    });

    it("and the source's folder, which would not run elsewhere, refuses to be packed", () => {
      const { status, stderr } = spawnSync("npm", ["pack", "--dry-run", "--ignore-scripts=false"], { cwd: pack });
      assert.notEqual(status, 0);
      assert.match(String(stderr), /npm run build -- --policy-pack <folder>/);
    });
  });

  it("is not needed where a minor version of Istio would be skipped: preflight refuses that", async () => {
    const labels = { app: "istiod", "helm.sh/chart": "istiod-1.29.2" };
    const template = { metadata: { labels }, spec: { containers: [{ name: "discovery", image: "pilot:1.29.2" }] } };
    const object = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "istiod", namespace: "istio-system", labels },
      spec: { replicas: 0, selector: { matchLabels: { app: "istiod" } }, template },
    };
    const file = join(scratch, "istiod.json");
    writeFileSync(file, JSON.stringify(object));
    await succeed("kubectl", ["create", "namespace", "istio-system"]);
    try {
      await succeed("kubectl", ["create", "-f", file]);
      const { code, text } = await policed("policed", () => {}, ["preview"]);
      assert.notEqual(code, 0, text);
      assert.match(text, /Istio would go from 1\.29\.2 to 1\.31\.0 in one step[^]*a release of 1\.30 first/);
    } finally {
      await succeed("kubectl", ["delete", "namespace", "istio-system"]);
    }
  });

  describe("with deletion protection", () => {
    /** A program of two ConfigMaps, with the protection that the rollout has. */
    const source = (names: string[], except: string[], pluginVersion: string) => `
      import * as k8s from "@pulumi/kubernetes";
      import * as pulumi from "@pulumi/pulumi";
      import { deletionProtection } from ${JSON.stringify(join(root, "components/deletion-protection"))};
      const except = ${JSON.stringify(except.map((object) => ({ object })))};
      class Both extends pulumi.ComponentResource {
        constructor() {
          super("test:index:Both", "both", {}, { transformations: deletionProtection({ enabled: true, except }) });
          for (const name of ${JSON.stringify(names)})
            new k8s.core.v1.ConfigMap(name, { metadata: { name, namespace: "default" }, data: {} }, { parent: this, version: ${JSON.stringify(pluginVersion)} });
          this.registerOutputs({});
        }
      }
      new Both();
    `;

    it("the engine refuses to delete what the stack has not given up, and then deletes it", async () => {
      const cwd = join(scratch, "program");
      mkdirSync(cwd);
      const pluginVersion = await kubernetesPluginVersion();
      symlinkSync(join(root, "node_modules"), join(cwd, "node_modules"));
      writeFileSync(join(cwd, "Pulumi.yaml"), "name: protected\nruntime: nodejs\n");
      writeFileSync(join(cwd, "package.json"), JSON.stringify({ name: "protected", main: "index.ts" }));
      symlinkSync(join(root, "tsconfig.json"), join(cwd, "tsconfig.json"));
      const write = (names: string[], except: string[]) =>
        writeFileSync(join(cwd, "index.ts"), source(names, except, pluginVersion));
      const run = (...args: string[]) => pulumi([...args, "--stack", "protected"], { cwd });
      const succeeds = async (...args: string[]) => {
        const { code, stdout, stderr } = await run(...args);
        assert.equal(code, 0, stdout + stderr);
      };
      await succeeds("stack", "init");
      write(["kept", "given-up"], []);
      await succeeds("up", "--yes", "--skip-preview");
      write(["kept"], []);
      const refused = await run("preview");
      assert.notEqual(refused.code, 0, refused.stdout);
      assert.match(refused.stdout + refused.stderr, /given-up" cannot be deleted\s+because it is protected/);
      write(["kept", "given-up"], ["ConfigMap default/given-up"]);
      await succeeds("up", "--yes", "--skip-preview");
      write(["kept"], ["ConfigMap default/given-up"]);
      await succeeds("up", "--yes", "--skip-preview");
      const { items } = await get<{ items: { metadata: { name: string } }[] }>("configmaps");
      assert.deepEqual(
        items.map(({ metadata }) => metadata.name).filter((name) => name === "kept" || name === "given-up"),
        ["kept"],
      );
      await succeeds("state", "unprotect", "--all", "--yes");
      await succeeds("destroy", "--yes", "--skip-preview");
    });
  });
});
