import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import Module from "node:module";
import { join, resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { parse } from "yaml";
import { settingsSchema } from "../../../settings/schema";
import { run, valueOf } from "../mocks";

const root = resolve(__dirname, "../../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** A cluster whose kubeconfig is known when it is made; in a preview it is not. */
class Cluster extends pulumi.ComponentResource {
  readonly kubeconfigJson = (pulumi.runtime.isDryRun()
    ? pulumi.output(pulumi.unknown)
    : pulumi.output("{}")) as unknown as pulumi.Output<string>;
  constructor(name: string, _: object, opts?: pulumi.ComponentResourceOptions) {
    super("eks:index:Cluster", name, {}, opts);
    // Its nodes, of which it is done last.
    new tls.PrivateKey(`${name}-nodes`, { algorithm: "RSA" }, { parent: this });
    this.registerOutputs({});
  }
}

/** Runs the program of examples/eks, with the cluster's package replaced and this checkout as the product's. */
async function eks(preview: boolean) {
  const loader = Module as unknown as { _load: (request: string, ...rest: unknown[]) => unknown };
  const { _load: load } = loader;
  loader._load = (request, ...rest) => {
    if (request === "@pulumi/eks") return { Cluster };
    return load(request === "enroute-istio/components" ? join(root, "components") : request, ...rest);
  };
  const path = join(root, "examples/eks/index.ts");
  try {
    return await run(
      () => {
        delete require.cache[path];
        // eslint-disable-next-line @typescript-eslint/no-require-imports
        return require(path) as { address: pulumi.Output<string | undefined> };
      },
      { preview },
    );
  } finally {
    loader._load = load;
  }
}

describe("examples", () => {
  it("are all tried: here, or on the sandbox", () =>
    assert.deepEqual(readdirSync(join(root, "examples")).sort(), [
      // The preset is tried in test/unit/upgrades.test.ts.
      ...["eks", "embedding", "github", "operator", "python", "renovate.json", "yaml"],
    ]));

  it("eks makes the cluster, then the ingress on it, and previews where there is no cluster yet", async () => {
    const [made, preview] = [await eks(false), await eks(true)];
    assert.equal(await valueOf(made.result.address), "192.0.2.10");
    assert.deepEqual(preview.names(), made.names());
    const ingress = made.find("EncryptedIngress", "shop");
    const [nodes, ...others] = ingress.dependencies;
    assert.match(nodes!, /PrivateKey::shop-nodes$/);
    assert.deepEqual(others, []);
    for (const { type, name, provider } of made.resources)
      if (type.startsWith("kubernetes:")) assert.match(provider, /kubernetes::shop::/, name);
    const { spec } = made.find("AuthorizationPolicy", "shop-shop-only-from-gateway").inputs as { spec: object };
    assert.deepEqual(spec, {
      action: "ALLOW",
      rules: [{ from: [{ source: { principals: ["cluster.local/ns/enroute-system/sa/enroute"] } }] }],
    });
  });

  it("in YAML and Python say what the settings take", () => {
    const { resources } = parse(read("examples/yaml/Pulumi.yaml")) as {
      resources: { ingress: { properties: Record<string, unknown> } };
    };
    const { hosts, ...properties } = resources.ingress.properties;
    const named = JSON.parse(JSON.stringify(hosts).replace("${domain}", "shop.example.com")) as unknown;
    settingsSchema.parse({ ...properties, hosts: named, context: "c" });
    const types = new Set(read("plugin/declarations.ts").match(/(?<=export interface )\w+/g));
    const used = read("examples/python/__main__.py").match(/(?<=enroute_istio\.)\w+(?=Args\()/g)!;
    assert.ok(used.length > 5);
    assert.deepEqual(
      used.filter((name) => !types.has(name)),
      [],
    );
  });

  for (const name of ["eks", "python", "yaml"])
    it(`${name} has a README of about ten lines`, () => {
      const lines = read(`examples/${name}/README.md`).trim().split("\n");
      assert.ok(lines.length >= 8 && lines.length <= 14, `${lines.length}`);
    });
});
