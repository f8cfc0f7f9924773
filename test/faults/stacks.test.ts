import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { loadSettings } from "../../settings/load";
import { pulumi, run, sharedSandbox, succeed } from "../engine/sandbox-fixture";
import { makeStack } from "../engine/stacks";
import { type Serving, serving } from "../unit/verify/healthy";
import { configuration, stackFile } from "../unit/stack-files";
import { notToTell, verifyUntil } from "./healthy-stack";
import { type Heal, Seeds } from "./seeds";

// What people copy to start from must be well once it is rolled out. The stack `sandbox` is, see faults.test.ts.
describe("the rollout of every stack", function () {
  this.timeout(400_000);
  let seeds: Seeds;
  let certificate: Serving;

  before(async function () {
    this.timeout(0); // the first build takes minutes
    seeds = new Seeds((await sharedSandbox()).kubeconfig);
    certificate = await serving(stackFile("prod"));
  });

  /** What stack prod expects of the shop's own team: namespace, Services, and a certificate of its own issuer. */
  async function shop(): Promise<Heal> {
    const namespace = "shop";
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const heal = await seeds.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    await seeds.create({
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { name: "shop-tls", namespace },
      data: {
        "tls.crt": base64(certificate.leaf.certificate),
        "tls.key": base64(certificate.leaf.privateKey),
        "ca.crt": base64(certificate.ca.certificate),
      },
    });
    for (const [name, port] of [
      ["api", 8080],
      ["storefront", 80],
    ] as const)
      await seeds.create({
        apiVersion: "v1",
        kind: "Service",
        metadata: { name, namespace },
        spec: { selector: { app: name }, ports: [{ port }] },
      });
    return heal;
  }

  type Config = Record<string, Record<string, unknown>>;
  const variants: { name: string; like: string; change?: (config: Config) => void }[] = [
    { name: "dev", like: "dev" },
    {
      name: "a revision beside its tag",
      like: "dev",
      change: ({ istio }) => Object.assign(istio!, { revision: "1-31", values: { revisionTags: ["stable"] } }),
    },
    { name: "staging", like: "staging" },
    { name: "prod", like: "prod" },
  ];
  for (const { name, like, change } of variants)
    it(`is well: ${name}`, async () => {
      const stack = await makeStack(
        `${name.replaceAll(" ", "-")}-is-well`,
        (config) => {
          change?.(config as Config);
          // Nothing provides volumes in the sandbox.
          delete (config as Config)["prometheus"]!["storage"];
          // It is destroyed in the end.
          delete (config as Config)["deletionProtection"];
        },
        like,
      );
      // The shop has no pods in the sandbox, so nothing of its own to look at.
      const untold = [...notToTell, ...(like === "prod" ? ["effect/captured"] : [])].sort();
      const prepared = like === "prod" ? await shop() : undefined;
      try {
        const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--stack", stack]);
        assert.equal(code, 0, stdout + stderr);
        const file = join((await sharedSandbox()).folder, "project", "stacks", `Pulumi.${stack}.yaml`);
        const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
        const ca = await run("pulumi", ["stack", "output", "caCertificate", "--stack", stack]);
        const outcome = await verifyUntil(
          {
            settings: loadSettings(configuration(config, stack)),
            options: { dialServices: true, ...(ca.code === 0 ? { caCertificate: ca.stdout } : {}) },
          },
          ({ failed, unknown }) => failed.length === 0 && unknown.length === untold.length,
        );
        assert.deepEqual(
          { ...outcome, unknown: outcome.unknown.sort() },
          { failed: [], unknown: untold, evidence: "" },
        );
        const judge = await run("istioctl", ["analyze", "--all-namespaces", "--failure-threshold", "Warning"]);
        assert.equal(judge.code, 0, judge.stdout + judge.stderr);
        assert.match(await succeed("helm", ["status", "istiod", "-n", "istio-system"]), /^STATUS: deployed$/m);
      } finally {
        const { code, stdout, stderr } = await pulumi(["destroy", "--yes", "--skip-preview", "--stack", stack]);
        await prepared?.();
        assert.equal(code, 0, stdout + stderr);
      }
    });
});
