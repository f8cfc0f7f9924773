import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { kubernetesPluginVersion, pulumi, sharedSandbox, succeed as command } from "./sandbox-fixture";

const checkout = resolve(__dirname, "../..");

/** A program that somebody has: it makes its cluster, and gives the ingress what every resource may be given. */
interface Program {
  name: string;
  aliases?: string[];
  timeout: number;
  protect?: boolean;
  /** Of the host's route, as the text of the program. */
  service?: string;
}

describe("EncryptedIngress in a program of one's own", function () {
  this.timeout(300_000);
  let folder: string;
  let chartRepository: string;
  let kubeconfig: string;
  let version: string;

  before(async function () {
    this.timeout(0);
    ({ chartRepository, kubeconfig } = await sharedSandbox());
    version = await kubernetesPluginVersion();
    folder = realpathSync(mkdtempSync(join(tmpdir(), "enroute-own-program-")));
    symlinkSync(join(checkout, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, "Pulumi.yaml"), "name: own-program\nruntime: nodejs\n");
    writeFileSync(join(folder, "package.json"), '{ "name": "own-program", "main": "index.js" }');
    write({ name: "shop", timeout: 251 });
    await succeed("stack", "init", "own");
    await succeed("config", "set", "kubeconfig", kubeconfig);
  });

  after(async () => {
    write({ name: "store", timeout: 252 });
    await pulumi(["up", "--yes", "--skip-preview"], { cwd: folder });
    await pulumi(["destroy", "--yes", "--skip-preview"], { cwd: folder });
    rmSync(folder, { recursive: true, force: true });
  });

  function write({ name, aliases, timeout, protect = false, service = '"storefront"' }: Program): void {
    const program = `
      const k8s = require("@pulumi/kubernetes");
      const pulumi = require("@pulumi/pulumi");
      const tls = require("@pulumi/tls");
      // The checkout's sources are TypeScript; the package that people install is not.
      require("tsx/cjs");
      const { EncryptedIngress } = require(${JSON.stringify(join(checkout, "components"))});

      // The cluster comes up in the same update: a preview does not know how to reach it.
      const cluster = new tls.PrivateKey("cluster", { algorithm: "ECDSA" });
      const kubeconfig = cluster.id.apply(() => new pulumi.Config().require("kubeconfig"));
      const provider = new k8s.Provider("cluster", { kubeconfig }, { version: ${JSON.stringify(version)} });
      const before = new k8s.core.v1.ConfigMap("before", { metadata: { name: "before", namespace: "default" } }, { provider });

      class Platform extends pulumi.ComponentResource {
        constructor() {
          super("example:index:Platform", "platform");
          const ingress = new EncryptedIngress(
            ${JSON.stringify(name)},
            {
              istio: { version: "1.31.0", chartRepository: ${JSON.stringify(chartRepository)} },
              gateway: {
                version: "0.8.7",
                chartRepository: ${JSON.stringify(chartRepository)},
                images: { redis: { tag: "7.4.1" } },
                serviceAnnotations: { cluster: cluster.id },
              },
              namespaces: [{ name: "own-shop", onlyFromGateway: true }],
              hosts: [{ host: "own.example.com", namespace: "own-shop", routes: [{ service: ${service}, port: 80 }] }],
              certificate: { issuer: "generated" },
            },
            {
              parent: this,
              provider,
              dependsOn: before,
              protect: ${protect},
              aliases: ${JSON.stringify((aliases ?? []).map((one) => ({ name: one })))},
              transforms: [
                ({ type, props, opts }) =>
                  type === "kubernetes:helm.sh/v3:Release" ? { props: { ...props, timeout: ${timeout} }, opts } : undefined,
              ],
            },
          );
          this.registerOutputs({ hosts: ingress.hosts, identity: ingress.gatewayIdentity });
        }
      }
      new Platform();
    `;
    writeFileSync(join(folder, "index.js"), program);
  }

  async function succeed(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await pulumi(args, { cwd: folder });
    assert.equal(code, 0, `pulumi ${args.join(" ")}:\n${stdout}\n${stderr}`);
    return stdout;
  }

  interface Resource {
    urn: string;
    type: string;
    protect?: boolean;
    external?: boolean;
    dependencies?: string[];
    inputs: Record<string, unknown>;
  }

  async function state(): Promise<Resource[]> {
    const { deployment } = JSON.parse(await succeed("stack", "export")) as { deployment: { resources: Resource[] } };
    return deployment.resources;
  }

  const releases = (resources: Resource[]) => resources.filter(({ type }) => type === "kubernetes:helm.sh/v3:Release");

  it("does not take over a namespace that others made, nor delete it", async () => {
    const kubectl = (...args: string[]) => command("kubectl", args);
    await kubectl("create", "namespace", "own-shop");
    await kubectl("create", "configmap", "theirs", "-n", "own-shop", "--from-literal=key=value");
    const namespace = () =>
      kubectl("get", "namespace", "own-shop", "-o", "jsonpath={.metadata.uid} {.metadata.labels}");
    const before = await namespace();
    const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview"], { cwd: folder });
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /Namespace own-shop exists already.*set its "create" to false.*or to "adopt"/s);
    assert.equal(await namespace(), before);
    assert.ok(!(await state()).some(({ urn, type }) => type.endsWith(":Namespace") && urn.includes("own-shop")));
    await succeed("destroy", "--yes", "--skip-preview");
    assert.equal(await namespace(), before);
    await kubectl("get", "configmap", "theirs", "-n", "own-shop");
    await kubectl("delete", "namespace", "own-shop");
  });

  it("previews before its cluster is there, and rolls out with it", async () => {
    const preview = JSON.parse(await succeed("preview", "--json")) as { changeSummary: Record<string, number> };
    await succeed("up", "--yes", "--skip-preview");
    const made = await state();
    // Neither default providers nor what is only read.
    const own = made.filter(({ urn, external = false }) => !/::default(_\w+)?$/.test(urn) && !external);
    assert.equal(preview.changeSummary["create"], own.length);
    await succeed("up", "--yes", "--skip-preview", "--expect-no-changes");
  });

  it("is made after what its caller names, and changed by its caller's transforms", async () => {
    const made = await state();
    assert.deepEqual(
      releases(made).map(({ inputs }) => inputs["timeout"]),
      [251, 251, 251],
    );
    const ingress = made.find(({ type }) => type === "enroute-istio:index:EncryptedIngress")!;
    assert.deepEqual(
      ingress.dependencies?.map((urn) => urn.split("::").at(-1)),
      ["before"],
    );
  });

  it("may get another name, by an alias, and is changed in place", async () => {
    const before = await state();
    write({ name: "store", aliases: ["shop"], timeout: 252 });
    const shown = await succeed("up", "--yes", "--skip-preview");
    assert.doesNotMatch(shown, /replaced|deleted|created/);
    const after = await state();
    const kinds = (resources: Resource[]) =>
      resources.flatMap(({ urn, type }) => (/::default(_\w+)?$/.test(urn) ? [] : type)).sort();
    assert.deepEqual(kinds(after), kinds(before));
    assert.deepEqual(
      releases(after).map(({ inputs }) => inputs["timeout"]),
      [252, 252, 252],
    );
  });

  it("tells of an Output that turns out wrong, once, by the name of the component and in its own words", async () => {
    write({ name: "store", timeout: 252, service: 'cluster.id.apply(() => "No Service!")' });
    const { code, stdout } = await pulumi(["preview", "--json"], { cwd: folder });
    assert.notEqual(code, 0);
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { message: string; severity: string }[];
    };
    const [told, ...more] = diagnostics.filter(({ severity }) => severity === "error");
    assert.deepEqual(more, []);
    assert.match(told!.message, /^error: 1 argument of EncryptedIngress store is wrong, as is known only now/);
    assert.match(told!.message, /hosts\[0\]\.routes\[0\]\.service\n +found: +"No Service!"/);
    assert.doesNotMatch(told!.message, /error serializing|^ +at /m);
  });

  it("protects all that it makes where it is protected", async () => {
    write({ name: "store", timeout: 252, protect: true });
    await succeed("up", "--yes", "--skip-preview");
    for (const { protect, urn } of releases(await state())) assert.equal(protect, true, urn);
    const { code, stdout, stderr } = await pulumi(["destroy", "--yes", "--skip-preview"], { cwd: folder });
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /protected/);
  });
});
