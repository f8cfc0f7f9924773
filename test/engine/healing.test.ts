import assert from "node:assert/strict";
import { readFileSync, truncateSync } from "node:fs";
import { createServer, get as httpGet } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sandbox } from "../../sandbox/cluster";
import { readState } from "../../sandbox/cluster/state";
import { signal } from "../../sandbox/processes";
import { chaos } from "./chaos";
import { pulumi, run, sharedSandbox } from "./sandbox-fixture";
import { editStack, get, makeStack } from "./stacks";

type Config = Record<string, Record<string, unknown>>;

describe("healing", function () {
  this.timeout(400_000);
  const stack = "healing";
  const up = (...args: string[]) => pulumi(["up", "--yes", "--skip-preview", "--stack", stack, ...args]);
  const root = join(__dirname, "../..");
  const recover = (...args: string[]) =>
    run(process.execPath, [
      join(root, "node_modules/tsx/dist/cli.mjs"),
      join(root, "cli/main.ts"),
      "recover",
      "--stack",
      stack,
      ...args,
    ]);
  let sandbox: Sandbox;

  before(async function () {
    this.timeout(0);
    sandbox = await sharedSandbox();
    // Helm's own wait is all that bounds how long an update may take to notice that what it waits for was lost.
    await makeStack(stack, (config) => ((config as Config)["istio"]!["timeoutSeconds"] = 60));
  });
  after(async () => {
    await recover("--yes");
    await pulumi(["destroy", "--yes", "--skip-preview", "--stack", stack]);
  });

  /** The update goes through, perhaps at the second try, and then there is nothing left to do. */
  async function converges(...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await up(...args);
    assert.equal(code, 0, stdout + stderr);
    const again = await up("--expect-no-changes");
    assert.equal(again.code, 0, again.stdout + again.stderr);
  }

  it("outlives a restart of the API server in the middle of an update", async () => {
    const update = up();
    // However long the engine and preflight take to come to it.
    while ((await run("kubectl", ["get", "namespace", "istio-system"])).code !== 0) await sleep(200);
    await sleep(3000);
    const { process: server } = readState(sandbox.folder)!.parts.find(({ name }) => name === "kube-apiserver")!;
    signal(server, "SIGKILL");
    const { code, stdout, stderr } = await update;
    const said = stdout + stderr;
    if (code !== 0)
      assert.match(
        said,
        // Helm's wait may not notice, and then lasts until its own time is over.
        /error: [^]*(connection refused|ECONNREFUSED|ECONNRESET|unreachable|EOF|connection reset|socket hang up|http2|context deadline exceeded|timed out waiting)/i,
        said,
      );
    const recovered = await recover("--yes");
    assert.equal(recovered.code, 0, recovered.stdout + recovered.stderr);
    await converges();
  });

  it("tells that istiod's webhook does not answer, and goes on when it does", async () => {
    await editStack(stack, (config) => {
      config["mutualTls"] = {
        exceptions: [
          {
            namespace: "bookinfo",
            workload: { app: "details" },
            ports: [9080],
            mode: "PERMISSIVE",
            reason: "test",
            owner: "tests",
            until: "2999-12-31",
          },
        ],
      };
    });
    sandbox.holdIstiod(true);
    try {
      const { code, stdout, stderr } = await up();
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, /PeerAuthentication[^]*failed calling webhook .*validation\.istio\.io/);
    } finally {
      sandbox.holdIstiod(false);
    }
    await untilReady();
    await converges();
  });

  it("puts right an upgrade that failed, also where a refresh has made Pulumi forget that it did", async () => {
    const statusOf = async () => {
      const { stdout } = await run("helm", ["status", "istiod", "--namespace", "istio-system", "--output", "json"]);
      return (JSON.parse(stdout) as { info: { status: string } }).info.status;
    };
    await editStack(stack, (config) => {
      Object.assign((config as Config)["istio"]!, { timeoutSeconds: 20, meshConfig: { accessLogFile: "/dev/stderr" } });
    });
    sandbox.holdIstiod(true);
    try {
      assert.notEqual((await up()).code, 0);
    } finally {
      sandbox.holdIstiod(false);
    }
    await untilReady();
    assert.equal(await statusOf(), "failed");
    assert.equal((await pulumi(["refresh", "--yes", "--skip-preview", "--stack", stack])).code, 0);
    assert.match(
      (await recover()).stdout,
      /istio-system\/istiod is failed: the upgrade failed\. What ran before counts again/,
    );
    const recovered = await recover("--yes");
    assert.equal(recovered.code, 0, recovered.stdout + recovered.stderr);
    await converges();
    assert.equal(await statusOf(), "deployed");
    await editStack(stack, (config) => ((config as Config)["istio"]!["timeoutSeconds"] = 60));
  });

  it("tells that the chart repository does not answer, and goes on when it does", async () => {
    let isBroken = true;
    const proxy = createServer((request, response) => {
      if (isBroken) {
        response.writeHead(503).end("try later");
        return;
      }
      httpGet(sandbox.chartRepository + request.url!, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      await editStack(stack, (config) => {
        (config as Config)["gateway"]!["chartRepository"] = url;
        (config as Config)["gateway"]!["logLevel"] = "warning";
      });
      const { code, stdout, stderr } = await up();
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, /enroute-istio[^]*503/);
      isBroken = false;
      await converges();
    } finally {
      proxy.close();
      await editStack(stack, (config) => ((config as Config)["gateway"]!["chartRepository"] = sandbox.chartRepository));
    }
  });

  it("restores a state file that was cut short", async () => {
    const file = join(sandbox.folder, "state/.pulumi/stacks/enroute-istio", `${stack}.json`);
    truncateSync(file, Math.floor(readFileSync(file).length / 2));
    const { code, stdout, stderr } = await up();
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /checkpoint/);
    const asked = await recover();
    assert.equal(asked.code, 1);
    assert.match(
      asked.stdout,
      /state file of stack healing is cut short[^]*enroute-istio recover --stack healing --yes/,
    );
    const recovered = await recover("--yes");
    assert.equal(recovered.code, 0, recovered.stdout + recovered.stderr);
    await converges();
  });

  it("keeps the last good state when the disk is full", async () => {
    const state = join(sandbox.folder, "state");
    await editStack(stack, (config) => ((config as Config)["gateway"]!["logLevel"] = "error"));
    // A disk of its own in a mount namespace of its own: it holds the state as it is, and not much more.
    const script = `
      set -e
      copy=$(mktemp -d); cp -a "${state}/." "$copy"
      mount -t tmpfs -o size=$(( $(du -sk "$copy" | cut -f1) + 60 ))k tmpfs "${state}"
      cp -a "$copy/." "${state}"; rm -rf "$copy"
      set +e
      pulumi up --yes --skip-preview --stack ${stack} --non-interactive; echo "up ended with $?"
      df -k "${state}"
      find "${state}" -name '*.damaged-*' -delete
      mount -o remount,size=100m "${state}"
      ${process.execPath} ${root}/node_modules/tsx/dist/cli.mjs ${root}/cli/main.ts recover --stack ${stack} --yes && pulumi stack export --stack ${stack} >/dev/null; echo "the state after that: $?"`;
    const { code, stdout, stderr } = await run("unshare", ["--map-root-user", "--mount", "bash", "-c", script]);
    const said = stdout + stderr;
    assert.equal(code, 0, said);
    assert.match(said, /no space left on device/i, said);
    assert.match(said, /up ended with [1-9]/, said);
    assert.match(said, /the state after that: 0/, said);
    // On the real disk nothing happened meanwhile: the update did, in the cluster, and the next one finds out.
    await converges("--refresh");
  });

  it("heals updates that are killed at random points", async () => {
    const rounds = await chaos({ stack, rounds: 2, seed: 20 });
    assert.equal(rounds.length, 2);
  });

  it("says that nothing was cut off where nothing was", async () => {
    const { code, stdout } = await recover();
    assert.equal(code, 0);
    assert.match(stdout, /Nothing of stack healing was cut off/);
    const unknown = await run(process.execPath, [
      join(root, "node_modules/tsx/dist/cli.mjs"),
      join(root, "cli/main.ts"),
      "recover",
      "--stack",
      "nobody",
    ]);
    assert.equal(unknown.code, 3);
    assert.match(unknown.stderr, /stack nobody: the backend has no such stack/);
  });

  async function untilReady(): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const { status } = await get<{ status: { readyReplicas?: number } }>(
        "deployment",
        "-n",
        "istio-system",
        "istiod",
      );
      if (status.readyReplicas === 1) return;
      await sleep(200);
    }
    assert.fail("istiod did not get ready again");
  }
});
