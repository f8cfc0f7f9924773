import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { type Sandbox, startSandbox } from "../../sandbox/cluster";
import { istioVersion } from "../../sandbox/go/modules";
import { nextIstioVersion, serveChartRepository } from "./chart-repository";
import { pulumi, succeed } from "./sandbox-fixture";
import { editStack, makeStack } from "./stacks";
import { type RoundReport, type UpgradeDrillOptions, roundText, upgradeDrill } from "./upgrade-drill";

describe("the upgrade drill", function () {
  this.timeout(600_000);
  const sandboxes: Sandbox[] = [];

  const run = async (name: string, options: Omit<UpgradeDrillOptions, "sandbox" | "stack" | "workers">) => {
    const sandbox = await startSandbox({ name: `${name}-${process.pid}`, tied: true, traffic: true });
    sandboxes.push(sandbox);
    return upgradeDrill({ sandbox, stack: "drill", workers: 2, ...options });
  };
  const text = (rounds: RoundReport[]) => rounds.map(roundText).join("\n");

  after(async () => {
    for (const sandbox of sandboxes) {
      await sandbox.stop();
      rmSync(sandbox.folder, { recursive: true, force: true });
    }
  });

  it("loses no request while Istio goes to the next version by revision, back from the middle, and to its end", async () => {
    const rounds = await run("upgrade", { rounds: ["back from the middle", "forth"] });
    for (const { failures, requests } of rounds) {
      assert.equal(failures, 0, text(rounds));
      assert.ok(requests > 300, text(rounds));
    }
  });

  it("moves a tag in place, which a refresh finds as it was made, and refuses to take away what is in use", async () => {
    const sandbox = await startSandbox({ name: `tag-${process.pid}`, tied: true });
    sandboxes.push(sandbox);
    const repository = await serveChartRepository(sandbox.binaries);
    const stack = "tags";
    const go = async (...args: string[]) => {
      const { code, stdout, stderr } = await pulumi([...args, "--stack", stack], { sandbox });
      return { code, said: stdout + stderr };
    };
    type Config = Record<string, Record<string, unknown>>;
    const control = (revisions: string[], defaultRevision: string, stable: string) => (config: object) => {
      const { version: _, ...istio } = (config as Config)["istio"]!;
      const versions: Record<string, string> = { default: istioVersion, next: nextIstioVersion };
      const all = revisions.map((revision) => ({ revision, version: versions[revision] }));
      const own = { chartRepository: repository.url, revisions: all, defaultRevision, tags: { stable } };
      (config as Config)["istio"] = { ...istio, ...own };
      (config as { namespaces: object }).namespaces = [{ name: "bookinfo", injection: { revision: "stable" } }];
    };
    const edit = (...args: Parameters<typeof control>) => editStack(stack, control(...args), stack, sandbox);
    const kubectl = (...args: string[]) => succeed("kubectl", args, { sandbox });
    const revisionOf = async () =>
      kubectl(
        ...["-n", "bookinfo", "get", "pods", "-l", "app=details"],
        "--output=jsonpath={.items[*].metadata.annotations.istio\\.io/rev}",
      );
    try {
      const drop = (config: Record<string, unknown>) => ["kiali", "prometheus"].forEach((key) => delete config[key]);
      await makeStack(stack, drop, "sandbox", sandbox);
      await edit(["default", "next"], "default", "default");
      const made = await go("up", "--yes", "--skip-preview");
      assert.equal(made.code, 0, made.said);
      assert.equal(await revisionOf(), "default");
      const again = await go("preview", "--refresh", "--expect-no-changes");
      assert.equal(again.code, 0, again.said);

      await edit(["default", "next"], "default", "next");
      const moved = await go("up", "--yes", "--skip-preview");
      assert.equal(moved.code, 0, moved.said);
      await kubectl("-n", "bookinfo", "rollout", "restart", "deployment");
      await kubectl("-n", "bookinfo", "rollout", "status", "deployment", "--timeout=60s");
      assert.equal((await revisionOf()).split(" ").at(-1), "next");

      await edit(["next"], "next", "next");
      const refused = await go("up", "--yes", "--skip-preview");
      assert.notEqual(refused.code, 0);
      assert.match(refused.said, /mesh\/revision-phase: revision default may not go yet: it checks Istio's objects/);
      assert.match(refused.said, /revision default may not go yet: namespace enroute-system follows it/);
      assert.match(refused.said, /of it runs?: enroute-system\/enroute-/);
    } finally {
      repository.close();
    }
  });

  it("catches what happens without the phases", async () => {
    const rounds = await run("skipped", { rounds: ["skipping the phases"] });
    assert.ok(rounds[0]!.failures > 0, text(rounds));
  });
});
