import assert from "node:assert/strict";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Environment, type RolloutError } from "../../automation";
import { type Sandbox, abandonSandbox, startSandbox } from "../../sandbox/cluster";
import { type Range, claimRange } from "../../sandbox/cluster/address";
import { sandboxEnvironment } from "../../sandbox/environment";
import { type RunOptions, deleteFolder, pulumi, run, succeed } from "./sandbox-fixture";
import { makeStack } from "./stacks";

const stack = "gone";
const name = `gone-${process.pid}`;
const root = join(__dirname, "../..");
const tsx = join(root, "node_modules/tsx/dist/cli.mjs");

describe("a cluster that is gone for good", function () {
  this.timeout(300_000);
  let sandbox: Sandbox;
  let environment: Environment;
  let options: RunOptions;
  let make: (kubeconfig?: string) => Environment;

  const command = (...args: string[]) =>
    run(process.execPath, [tsx, join(root, "cli/main.ts"), ...args, "--stack", stack], {
      sandbox,
      cwd: join(sandbox.folder, "project"),
    });
  const resources = async () => {
    const text = await succeed("pulumi", ["stack", "export", "--stack", stack], options);
    const { deployment } = JSON.parse(text) as { deployment: { resources?: { type: string }[] } };
    return (deployment.resources ?? []).map(({ type }) => type);
  };
  const inCluster = async () => (await resources()).filter((type) => type.startsWith("kubernetes:"));
  const refusal = (running: Promise<unknown>) =>
    running.then(
      () => assert.fail("it was not refused"),
      (error: unknown) => error as RolloutError,
    );

  before(async function () {
    this.timeout(0);
    sandbox = await startSandbox({ name, tied: true, report: () => {} });
    options = { sandbox };
    await makeStack(
      stack,
      (config) => ["kiali", "prometheus", "bookinfo"].forEach((key) => delete config[key]),
      "sandbox",
      sandbox,
    );
    const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--stack", stack], options);
    assert.equal(code, 0, stdout + stderr);
    const all = Object.entries(await sandboxEnvironment(sandbox));
    const env = Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined));
    make = (kubeconfig) =>
      new Environment({
        ...{ stack, project: join(sandbox.folder, "project"), env },
        ...(kubeconfig === undefined ? {} : { kubeconfig }),
      });
    environment = make();
  });

  after(async () => {
    await sandbox?.stop();
    deleteFolder(name);
  });

  describe("while it lives", () => {
    let before: string[];
    beforeEach(async () => (before = await inCluster()));
    afterEach(async () => assert.deepEqual(await inCluster(), before));

    it("is not forgotten, by the command or by the library", async () => {
      const { code, stderr } = await command("forget", "--yes", "--unseen", "--remove");
      assert.equal(code, 3, stderr);
      assert.match(stderr, /the API server at https:\/\/127\.\S+ answers\n {2}fix: destroy the stack instead/);
      assert.equal((await refusal(environment.forget({ apply: true, unseen: true }))).code, "cluster-answers");
    });

    it("is not forgotten where it refuses the credentials", async () => {
      const text = readFileSync(sandbox.kubeconfig, "utf8");
      writeFileSync(sandbox.kubeconfig, text.replace(/token: .*/, "token: no-such-token"));
      try {
        const { code, message } = await refusal(environment.forget({ apply: true, unseen: true }));
        assert.equal(code, "cluster-answers", message);
        assert.match(message, /refuses these credentials \(HTTP 401\)/);
      } finally {
        writeFileSync(sandbox.kubeconfig, text);
      }
    });

    it("is not forgotten because another kubeconfig leads nowhere: the state's own counts, too", async () => {
      const elsewhere = join(sandbox.folder, "elsewhere.kubeconfig");
      const text = readFileSync(sandbox.kubeconfig, "utf8").replace(/server: .*/, "server: https://127.0.0.1:1");
      writeFileSync(elsewhere, text, { mode: 0o600 });
      assert.equal((await refusal(make(elsewhere).forget({ apply: true }))).code, "cluster-answers");
    });
  });

  describe("when it is gone", () => {
    // Its processes end; the state and the kubeconfig stay, as on the machine of somebody whose cluster is gone.
    const claimed: Range[] = [];
    before(async () => {
      const address = new URL(/server: (.*)/.exec(readFileSync(sandbox.kubeconfig, "utf8"))![1]!).hostname;
      await abandonSandbox(sandbox.folder);
      // Another test's sandbox would take its addresses, and answer.
      do claimed.push(await claimRange());
      while (!address.startsWith(claimed.at(-1)!.address(0).slice(0, -1)));
    });
    after(() => claimed.forEach(({ release }) => release()));

    for (const operation of ["destroy", "up", "refresh", "recover"] as const)
      it(`has the error of ${operation} name the way out`, async () => {
        const { code, message, next } = await refusal(environment[operation]());
        assert.equal(code, "cluster-unreachable", message);
        assert.match(next, /if the cluster is gone for good: enroute-istio forget --stack gone$/);
        assert.doesNotMatch(`${message} ${next}`, /DELETE_UNREACHABLE/);
      });

    it("is not forgotten unseen, where its kubeconfig went with it", async () => {
      renameSync(sandbox.kubeconfig, `${sandbox.kubeconfig}.away`);
      try {
        const { code, message, next } = await refusal(environment.forget());
        assert.equal(code, "cluster-unreachable");
        assert.match(`${message}\n${next}`, /cannot be seen: .* does not exist\n.*--unseen$/);
        assert.ok((await environment.forget({ unseen: true })).resources.length > 10);
      } finally {
        renameSync(`${sandbox.kubeconfig}.away`, sandbox.kubeconfig);
      }
    });

    it("is listed, and forgotten only by those who say yes", async () => {
      const before = await inCluster();
      const { code, stdout, stderr } = await command("forget");
      assert.equal(code, 3);
      assert.match(stdout, /^The cluster of stack gone is gone: cluster .* cannot be reached: .*ECONNREFUSED.*\.$/m);
      assert.match(stdout, new RegExp(`^Would be removed from the state, ${before.length}:$`, "m"));
      assert.match(stdout, /^ {2}kubernetes:helm\.sh\/v3:Release istiod$/m);
      assert.match(
        stdout,
        /^ {2}the load balancer with the address 127\.\S+ \(Service enroute in namespace enroute-system\)/m,
      );
      assert.match(stdout, /^ {2}DNS records of bookinfo\.sandbox\.example$/m);
      assert.match(stderr, /Cannot ask for confirmation[^]*--yes/);
      assert.deepEqual(await inCluster(), before);
    });

    it("leaves the state, which keeps what only it has", async () => {
      const keys = (await resources()).filter((type) => type.startsWith("tls:"));
      const { code, stdout, stderr } = await command("forget", "--yes");
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /Go on in another cluster with: enroute-istio up --stack gone$/m);
      assert.deepEqual(await inCluster(), []);
      assert.deepEqual(
        (await resources()).filter((type) => type.startsWith("tls:")),
        keys,
      );
      assert.ok(keys.length > 0);
    });

    it("takes the stack with it, where that is asked for", async () => {
      assert.equal((await environment.forget({ apply: true, remove: true })).done, true);
      assert.equal((await refusal(environment.status())).code, "stack-not-found");
    });
  });
});
