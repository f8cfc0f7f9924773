import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { type Receipt, evidenceHash } from "../../verify/receipt/receipt";
import { chromiumArguments, findChromium } from "../engine/browser";
import { pulumi, run, sharedSandbox, succeed } from "../engine/sandbox-fixture";
import { editStack, makeStack } from "../engine/stacks";
import { kubeconfigOf } from "../unit/verify/fake-api";
import { type HealthyStack, notToTell, rollOut, stack, takeDown, verifyUntil } from "./healthy-stack";

const cli = join(__dirname, "../../cli/main.ts");

/** Runs one of the commands as `npm run` does. */
function command(...args: string[]) {
  return run(process.execPath, ["--import", "tsx", cli, ...args]);
}

/** One clear error: what is wrong and what to do, and no stack trace. */
function assertPlain(text: string, message: RegExp): void {
  assert.match(text, message);
  assert.match(text, /\n {2}fix: /);
  assert.doesNotMatch(text, /^\s+at .*:\d+/m);
}

describe("a rollout that is well", function () {
  this.timeout(90_000);
  let healthy: HealthyStack;

  before(async function () {
    this.timeout(0); // the first build takes minutes
    healthy = await rollOut();
  });
  after(async function () {
    this.timeout(180_000);
    await takeDown();
  });

  const isWell = async () => {
    const { failed, unknown, evidence } = await verifyUntil(
      healthy,
      (outcome) => outcome.failed.length === 0 && outcome.unknown.length === notToTell.length,
    );
    assert.deepEqual(failed, [], evidence);
    assert.deepEqual(unknown, notToTell);
  };
  const weaken = () =>
    healthy.seeds.create({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "weak", namespace: "bookinfo" },
      spec: { mtls: { mode: "PERMISSIVE" } },
    });

  it("gives no false alarm", isWell);

  it("is well in the eyes of others, too: istioctl and helm", async () => {
    const { code, stdout, stderr } = await run("istioctl", ["analyze", "--all-namespaces", "--output", "json"]);
    assert.equal(code, 0, stdout + stderr);
    const messages = JSON.parse(stdout) as { code: string; level: string; origin: string; message: string }[];
    // Nothing runs in the namespace whose workloads are for the gateway alone.
    const isEmpty = ({ code: kind, origin }: { code: string; origin: string }) =>
      kind === "IST0127" && origin === "AuthorizationPolicy ledger/only-from-gateway";
    const others = messages.filter((one) => one.level !== "Info" && !isEmpty(one));
    assert.deepEqual(
      others.map(({ origin, message }) => `${origin}: ${message}`),
      [],
    );
    assert.match(await succeed("helm", ["status", "istiod", "--namespace", "istio-system"]), /^STATUS: deployed$/m);
  });

  describe("the command verify", () => {
    it("shows a line for each check, and ends with 0; with --strict 2, as not everything can be told here", async () => {
      const { code, stdout } = await command("verify", "--stack", stack, "--dial-services");
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^passed +strict\/mesh-wide +istio-system\/default is STRICT$/m);
      assert.match(stdout, /^passed +certificates\/chain +ends at EnRoute gateway CA$/m);
      assert.match(stdout, /^could not tell +client-leg\/certificate /m);
      assert.match(stdout, /\n\d+ passed, 0 failed, 6 could not tell: /);
      assert.equal((await command("verify", "--stack", stack, "--strict")).code, 2);
    });

    it("ends with 1 and names the fault; the JSON says the same", async () => {
      const heal = await weaken();
      try {
        const { code, stdout } = await command("verify", "--stack", stack, "--json");
        assert.equal(code, 1);
        const { status, results } = JSON.parse(stdout) as {
          status: string;
          results: { check: string; status: string; evidence: string; fix?: string }[];
        };
        assert.equal(status, "failed");
        const [failed] = results.filter((result) => result.status === "failed");
        assert.equal(failed!.check, "strict/namespaces");
        assert.match(failed!.fix!, /kubectl -n bookinfo delete peerauthentication weak/);
      } finally {
        await heal();
      }
    });

    it("writes its receipt as a page that a browser shows without overflow, narrow and wide, and as data", async () => {
      const sandbox = await sharedSandbox();
      const [page, data] = ["receipt.html", "receipt.json"].map((name) => join(sandbox.folder, name));
      const { code, stdout } = await command(
        ...["verify", "--stack", stack, "--dial-services", "--report", page!, "--report", data!],
      );
      assert.equal(code, 0, stdout);
      const receipt = JSON.parse(readFileSync(data!, "utf8")) as Receipt;
      assert.equal(receipt.evidenceHash, evidenceHash(receipt));
      assert.equal(receipt.legs.mesh.status, "unknown");
      assert.equal(receipt.legs.client.status, "unknown");
      const browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments });
      try {
        for (const width of [360, 1400])
          for (const colorScheme of ["light", "dark"] as const) {
            const shown = await browser.newPage({
              viewport: { width, height: 900 },
              colorScheme,
              javaScriptEnabled: false,
            });
            await shown.goto(`file://${page}`);
            const overflow = await shown.evaluate<number>("document.documentElement.scrollWidth - window.innerWidth");
            assert.equal(overflow, 0, `${width} px`);
            await shown.getByText(receipt.evidenceHash).waitFor();
            await shown.getByRole("img", { name: "leg mesh: could not tell" }).waitFor();
            await shown.getByRole("img", { name: "leg client: could not tell" }).waitFor();
            await shown.close();
          }
      } finally {
        await browser.close();
      }
      const refused = await command("verify", "--stack", stack, "--report", "receipt.pdf");
      assert.equal(refused.code, 3);
      assert.match(refused.stderr, /a file name that ends with \.html or \.json/);
    });

    it("with --only runs those checks alone, and says so in the place of a verdict", async () => {
      const { code, stdout } = await command(
        "verify",
        "--stack",
        stack,
        "--only",
        "strict/mesh-wide",
        "--only",
        "hosts",
      );
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^passed +strict\/mesh-wide +istio-system\/default is STRICT\n/);
      assert.match(
        stdout,
        /\n6 passed, 0 failed: a partial run, 6 of \d+ checks: strict\/mesh-wide, hosts\/present, .*\n$/,
      );
      assert.doesNotMatch(stdout, /legs/);
    });

    it("tells of a stack that does not exist, and of one that was never deployed", async () => {
      const unknown = await command("verify", "--stack", "nowhere");
      assert.equal(unknown.code, 3);
      assertPlain(unknown.stderr, /^stack nowhere: the backend has no such stack$/m);
      await makeStack("idle");
      const idle = await command("verify", "--stack", "idle");
      assert.equal(idle.code, 3);
      assertPlain(idle.stderr, /^stack idle: the stack was never deployed$/m);
    });

    it("tells of a cluster that is gone", async () => {
      const path = join((await sharedSandbox()).folder, "gone.kubeconfig");
      writeFileSync(path, kubeconfigOf("https://127.0.0.1:1"));
      let old: unknown[] = [];
      await editStack(stack, (config) => {
        old = [config["kubeconfig"], config["context"]];
        Object.assign(config, { kubeconfig: path, context: "fake" });
      });
      try {
        const { code, stderr } = await command("verify", "--stack", stack);
        assert.equal(code, 3);
        assertPlain(
          stderr,
          /^stack faults: cluster fake at https:\/\/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/m,
        );
      } finally {
        await editStack(stack, (config) => void ([config["kubeconfig"], config["context"]] = old));
      }
    });
  });

  describe("the command preflight", () => {
    it("has nothing against another update", async () => {
      const { code, stdout } = await command("preflight", "--stack", stack);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^passed +mesh\/ca-phase +root \S+ goes on to sign$/m);
      assert.match(stdout, new RegExp(`\\n\\d+ passed, 0 failed: the cluster is ready for stack ${stack}\\n$`));
    });

    it("names everything at once, and ends with 1: a pending release, a foreign policy, a chart that is not there", async () => {
      const heals = [
        await healthy.seeds.patch(
          { apiVersion: "v1", kind: "Secret", namespace: "istio-system", name: "sh.helm.release.v1.istiod.v1" },
          { metadata: { labels: { status: "pending-upgrade" } } },
        ),
        await healthy.seeds.create({
          apiVersion: "security.istio.io/v1",
          kind: "PeerAuthentication",
          metadata: { name: "later", namespace: "istio-system" },
          spec: { mtls: { mode: "PERMISSIVE" } },
        }),
      ];
      await editStack(stack, (config) => void ((config["kiali"] as { version: string }).version = "2.99.0"));
      try {
        const { code, stdout } = await command("preflight", "--stack", stack, "--json");
        assert.equal(code, 1);
        const { ready, findings } = JSON.parse(stdout) as {
          ready: boolean;
          findings: { check: string; severity: string }[];
        };
        assert.equal(ready, false);
        assert.deepEqual(
          findings.map(({ check, severity }) => `${severity} ${check}`),
          ["error releases/unfinished", "error charts/version", "warning mesh/other-policy"],
        );
        // The program says the same of the cluster, before anything is touched.
        const preview = await pulumi(["preview", "--stack", stack]);
        assert.notEqual(preview.code, 0);
        assert.match(preview.stdout + preview.stderr, /release istiod in namespace istio-system is pending-upgrade/);
      } finally {
        await editStack(stack, (config) => void ((config["kiali"] as { version: string }).version = "2.29.0"));
        for (const heal of heals) await heal();
      }
    });

    it("names the rights that credentials lack", async () => {
      const { seeds } = healthy;
      const heal = await seeds.create({
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name: "reader", namespace: "default" },
      });
      const unbind = await seeds.create({
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "reader" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
        subjects: [{ kind: "ServiceAccount", name: "reader", namespace: "default" }],
      });
      const { folder, serverUrl } = await sharedSandbox();
      const token = (await succeed("kubectl", ["create", "token", "reader", "--namespace", "default"])).trim();
      const path = join(folder, "reader.kubeconfig");
      writeFileSync(path, kubeconfigOf(serverUrl, token), { mode: 0o600 });
      let old: unknown[] = [];
      await editStack(stack, (config) => {
        old = [config["kubeconfig"], config["context"]];
        Object.assign(config, { kubeconfig: path, context: "fake" });
      });
      try {
        const { code, stdout } = await command("preflight", "--stack", stack);
        assert.equal(code, 1, stdout);
        assert.match(
          stdout,
          /^FAILED +cluster\/rights +these credentials may not .*create\/patch\/delete clusterroles/m,
        );
        // Nor may it be seen whether releases are unfinished: Helm keeps them in Secrets.
        assert.match(stdout, /^warning +cluster\/rights +the Helm releases could not be looked at: /m);
        const { stdout: report } = await command("verify", "--stack", stack);
        assert.match(stdout, /^could not tell +releases\/unfinished +/m);
        assert.match(report, /^could not tell +releases\/deployed +.*could not be read: not allowed: /m);
        assert.match(report, /^passed +injection\/pods-in-mesh /m);
      } finally {
        await editStack(stack, (config) => void ([config["kubeconfig"], config["context"]] = old));
        await unbind();
        await heal();
      }
    });
  });

  describe("an update with verifyAfterUp", () => {
    const up = () => pulumi(["up", "--yes", "--skip-preview", "--stack", stack]);
    const summary = async () =>
      JSON.parse(await succeed("pulumi", ["stack", "output", "verification", "--json", "--stack", stack])) as {
        status: string;
        failed: string[];
        unknown: string[];
      };
    before(() => editStack(stack, (config) => void (config["verifyAfterUp"] = true)));

    it("ends with the summary as an output, and a second one changes nothing", async function () {
      this.timeout(180_000);
      const { code, stdout, stderr } = await up();
      assert.equal(code, 0, stdout + stderr);
      // istiod is reached by port-forward, and simulated pods have none.
      const untold = notToTell.filter((check) => check !== "effect/plain-text"); // which takes dialling
      const unknown = [...untold, "identity/gateway-certificate"];
      assert.deepEqual(await summary(), { status: "unknown", passed: 54, failed: [], warnings: [], unknown });
      const second = await pulumi(["up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", stack]);
      assert.equal(second.code, 0, second.stdout + second.stderr);
    });

    it("fails with the list of what is wrong, and keeps its outputs", async function () {
      this.timeout(180_000);
      const heal = await weaken();
      try {
        const { code, stdout, stderr } = await up();
        const said = stdout + stderr;
        assert.notEqual(code, 0, said);
        assert.match(said, /The rollout is done, but 1 check of its verification failed:/);
        assert.match(said, /FAILED: strict\/namespaces: bookinfo\/weak makes its namespace PERMISSIVE/);
        assert.doesNotMatch(said, /^\s+at .*:\d+/m);
        const { status, failed } = await summary();
        assert.deepEqual([status, failed], ["failed", ["strict/namespaces"]]);
        assert.match(await succeed("pulumi", ["stack", "output", "gatewayAddress", "--stack", stack]), /^127\./);
      } finally {
        await heal();
      }
    });

    // An update deletes last: what it will delete must not hold it back, and where it fails, that is said.
    it("does not fail by what it will delete, and names what a failure holds back", async function () {
      this.timeout(240_000);
      const policies = async () =>
        (await healthy.seeds.api.list("security.istio.io/v1", "PeerAuthentication", "bookinfo")).items.map(
          ({ metadata }) => metadata!.name!,
        );
      const [exception] = await policies();
      assert.match(exception!, /^plain-text-/);
      let declared: unknown;
      await editStack(stack, (config) => {
        declared = config["mutualTls"];
        delete config["mutualTls"];
      });
      try {
        const heal = await weaken();
        try {
          const { code, stdout, stderr } = await up();
          assert.notEqual(code, 0, stdout + stderr);
          const said = stdout + stderr;
          assert.match(said, /but 1 check of its verification failed:/);
          assert.ok(
            said.includes(
              `Not deleted, as an update deletes last, and only where nothing failed: PeerAuthentication bookinfo/${exception}.`,
            ),
            said,
          );
        } finally {
          await heal();
        }
        assert.deepEqual(await policies(), [exception]);
        const { code, stdout, stderr } = await up();
        assert.equal(code, 0, stdout + stderr);
        assert.deepEqual(await policies(), []);
      } finally {
        await editStack(stack, (config) => void (config["mutualTls"] = declared));
        const { code, stdout, stderr } = await up();
        assert.equal(code, 0, stdout + stderr);
      }
    });
  });

  describe("after all of that", () => {
    it("gives no false alarm", isWell);
  });
});
