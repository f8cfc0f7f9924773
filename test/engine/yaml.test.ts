import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { version as sdkVersion } from "@pulumi/pulumi/version";
import { buildTool } from "../../sandbox/build";
import { pulumi, run, sandboxVariables, sharedSandbox } from "./sandbox-fixture";

const checkout = resolve(__dirname, "../..");

interface Program {
  packages: Record<string, string>;
  resources: { cluster: { properties: object }; ingress: { properties: Ingress } };
}
interface Ingress {
  istio: Record<string, unknown>;
  gateway: Record<string, unknown>;
  hosts: { host: string; namespace: string; minimumTlsVersion?: string }[];
}

describe("examples/yaml: a program in YAML, with this repository as a component package", function () {
  this.timeout(300_000);
  let folder: string;
  let env: NodeJS.ProcessEnv;

  before(async function () {
    this.timeout(0);
    const language = dirname(await buildTool("yamlLanguage", { report: (line) => console.error(line) }));
    const { PATH = "" } = await sandboxVariables();
    env = { PATH: [language, PATH].join(delimiter) };
    folder = realpathSync(mkdtempSync(join(tmpdir(), "enroute-yaml-")));
    cpSync(join(checkout, "examples/yaml"), folder, { recursive: true });
    const { kubeconfig, chartRepository } = await sharedSandbox();
    change(({ packages, resources }) => {
      packages["enroute-istio"] = checkout;
      const { istio, gateway } = resources.ingress.properties;
      istio["chartRepository"] = gateway["chartRepository"] = chartRepository;
      // The sandbox's provider (4.25) knows the first as a variable, and always does the second.
      const { enablePatchForce, upsertExistingObjects, ...known } = resources.cluster.properties as Record<
        string,
        unknown
      >;
      assert.deepEqual([enablePatchForce, upsertExistingObjects], [true, true]);
      resources.cluster.properties = known;
    });
    await succeed("stack", "init", "yaml");
    await succeed("config", "set", "kubeconfig", kubeconfig);
  });

  after(async () => {
    await pulumi(["destroy", "--yes", "--skip-preview"], { cwd: folder, env });
    rmSync(folder, { recursive: true, force: true });
  });

  function change(how: (program: Program) => void): void {
    const path = join(folder, "Pulumi.yaml");
    const program = parse(readFileSync(path, "utf8")) as Program;
    how(program);
    writeFileSync(path, stringify(program));
  }

  async function succeed(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await pulumi(args, { cwd: folder, env });
    assert.equal(code, 0, `pulumi ${args.join(" ")}:\n${stdout}\n${stderr}`);
    return stdout;
  }

  it("is refused with every problem at once, by property", async () => {
    const path = join(folder, "Pulumi.yaml");
    const before = readFileSync(path, "utf8");
    change(({ resources: { ingress } }) => {
      ingress.properties.hosts[0]!.namespace = "shoop";
      ingress.properties.gateway["autoscaling"] = { maxReplicas: 2 };
      ingress.properties.gateway["replicas"] = 3;
    });
    const { code, stdout, stderr } = await pulumi(["preview"], { cwd: folder, env });
    writeFileSync(path, before);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /hosts\[0\]\.namespace[^]*did you mean shop\?/);
    assert.match(stdout + stderr, /gateway\.autoscaling\.maxReplicas[^]*at least gateway\.replicas/);
  });

  it("is refused with what is known, beside what is not; and what turns out wrong in the update ends it, with its reason", async () => {
    const path = join(folder, "Pulumi.yaml");
    const before = readFileSync(path, "utf8");
    const later = (write: (ingress: Ingress) => void) => {
      writeFileSync(path, before);
      change((program) => {
        const resources = program.resources as Record<string, unknown>;
        resources["map"] = {
          type: "kubernetes:core/v1:ConfigMap",
          properties: { metadata: { name: "yaml-later", namespace: "default" } },
          options: { provider: "${cluster}" },
        };
        write(program.resources.ingress.properties);
      });
    };
    try {
      later(({ hosts, gateway }) => {
        hosts[0]!.namespace = "shoop";
        gateway["serviceAnnotations"] = { uid: "${map.metadata.uid}" };
      });
      const preview = await pulumi(["preview"], { cwd: folder, env });
      assert.notEqual(preview.code, 0);
      assert.match(preview.stdout + preview.stderr, /hosts\[0\]\.namespace[^]*did you mean shop\?/);
      later(
        ({ hosts }) =>
          ((hosts[0] as unknown as { routes: { service: string }[] }).routes[0]!.service = "no ${map.metadata.uid}"),
      );
      const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview"], { cwd: folder, env });
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, /hosts\[0\]\.routes\[0\]\.service[^]*found: +"no /);
      assert.doesNotMatch(stdout + stderr, /exited prematurely|always.{1,3} a bug/);
    } finally {
      writeFileSync(path, before);
      await succeed("destroy", "--yes", "--skip-preview");
    }
  });

  it("rolls out, changes nothing when nothing changed, follows a change, and leaves nothing", async () => {
    await succeed("up", "--yes", "--skip-preview");
    const outputs = JSON.parse(await succeed("stack", "output", "--json")) as Record<string, unknown>;
    assert.deepEqual(
      [outputs["identity"], outputs["hosts"]],
      ["spiffe://cluster.local/ns/enroute-system/sa/enroute", ["https://shop.example.com"]],
    );
    assert.match(String(outputs["caCertificate"]), /^-----BEGIN CERTIFICATE-----/);
    assert.match(String(outputs["address"]), /^127\./);
    await succeed("preview", "--expect-no-changes");
    await succeed("up", "--yes", "--skip-preview", "--expect-no-changes");
    change(({ resources: { ingress } }) => (ingress.properties.hosts[0]!.minimumTlsVersion = "1.3"));
    assert.match(await succeed("up", "--yes", "--skip-preview"), /~ 1 updated/);
    await succeed("destroy", "--yes", "--skip-preview");
    const { deployment } = JSON.parse(await succeed("stack", "export")) as { deployment: { resources?: unknown[] } };
    assert.deepEqual(deployment.resources ?? [], []);
  });

  async function generateSdks(): Promise<void> {
    const schema = join(folder, "schema.json");
    writeFileSync(schema, await succeed("package", "get-schema", checkout));
    execFileSync(await buildTool("sdkGenerator", { report: (line) => console.error(line) }), [schema, folder]);
  }

  it("gives programs in Python a typed SDK: mypy takes the example, and refuses it with a wrong argument", async function () {
    this.timeout(600_000);
    await generateSdks();
    const site = join(folder, "site");
    const packages = ["mypy==2.4.1", `pulumi==${sdkVersion}`];
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", site, ...packages];
    execFileSync("python3", pip, { stdio: "pipe" });
    const configuration = join(folder, "mypy.ini");
    // Of the cluster's provider every name counts as known: its package takes mypy minutes and gigabytes.
    const provider = "[mypy-pulumi_kubernetes.*]\nfollow_imports = skip\nignore_missing_imports = True\n";
    // The program is judged, by the types of the SDK; what a generator writes inside of every SDK, mypy does not take.
    const helpers = "[mypy-pulumi_enroute_istio.*]\nignore_errors = True\n";
    writeFileSync(configuration, `[mypy]\ncache_dir = ${join(folder, "mypy-cache")}\n${provider}${helpers}`);
    const mypy = (text: string) => {
      const program = join(folder, "example.py");
      writeFileSync(program, text);
      const env = { ...process.env, PYTHONPATH: site, MYPYPATH: join(folder, "python") };
      return run("python3", ["-m", "mypy", "--config-file", configuration, program], { env });
    };
    const example = readFileSync(join(checkout, "examples/python/__main__.py"), "utf8");
    const taken = await mypy(example);
    assert.equal(taken.code, 0, taken.stdout + taken.stderr);
    const refused = await mypy(example.replace('namespace="shop"', "namespace=7"));
    assert.equal(refused.code, 1, refused.stdout + refused.stderr);
    assert.match(refused.stdout, /"namespace" to "HostSettingsArgs" has incompatible type "int"/);
  });

  it("gives programs in Go a typed SDK, which its compiler takes", async () => {
    await generateSdks();
    const sdk = join(folder, "go/enrouteistio");
    const [, path] = /"(\S+)\/internal"/.exec(readFileSync(join(sdk, "encryptedIngress.go"), "utf8"))!;
    const module = join(checkout, "sandbox/go/sdkgen");
    const goMod = readFileSync(join(module, "go.mod"), "utf8").replace(/^module .*$/m, `module ${path}`);
    writeFileSync(join(sdk, "go.mod"), goMod);
    cpSync(join(module, "go.sum"), join(sdk, "go.sum"));
    execFileSync("go", ["vet", "-mod=mod", "./..."], { cwd: sdk, stdio: "pipe" });
  });
});
