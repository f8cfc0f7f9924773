import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Sandbox, findSandbox, startSandbox, stopSandbox } from "../../sandbox/cluster";
import { prepareWorkplace } from "../../sandbox/environment";
import type { SandboxState } from "../../sandbox/cluster/state";
import { type ProcessId, allGone, isAlive } from "../../sandbox/processes";
import { deleteFolder, run, sharedSandbox, succeed } from "./sandbox-fixture";

const checkout = resolve(__dirname, "../..");

/** Every process that a state names. */
function processes({ supervisor, parts }: SandboxState): ProcessId[] {
  return [supervisor, ...parts.flatMap(({ process, tether }) => [process, tether])];
}

/** Waits for something that comes about by itself; mocha's own time limit ends a wait in vain. */
async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    await sleep(100);
  }
}

const istiodReadyPods = async () =>
  (
    await succeed("kubectl", [
      ...["get", "pods", "--namespace=istio-system", "--selector=app=istiod"],
      `--output=jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}`,
    ])
  )
    .split("\n")
    .filter((status) => status === "True").length;

const istiodProcess = (sandbox: Sandbox) =>
  findSandbox(sandbox.folder)?.parts.find(({ name }) => name.startsWith("istiod"));

describe("sandbox", function () {
  this.timeout(120_000);
  let sandbox: Sandbox;

  before(async function () {
    // The first time, everything has to be built.
    this.timeout(0);
    sandbox = await sharedSandbox();
  });

  it("has nodes that are ready and report the control plane's version", async () => {
    const nodes = JSON.parse(await succeed("kubectl", ["get", "nodes", "--output=json"])) as {
      items: { status: { nodeInfo: { kubeletVersion: string }; conditions: { type: string; status: string }[] } }[];
    };
    const version = JSON.parse(await succeed("kubectl", ["get", "--raw=/version"])) as { gitVersion: string };
    assert.match(version.gitVersion, /^v1\.\d+\.\d+$/);
    assert.deepEqual(
      nodes.items.map(({ status }) => [
        status.nodeInfo.kubeletVersion,
        status.conditions.find(({ type }) => type === "Ready")?.status,
      ]),
      [1, 2, 3].map(() => [version.gitVersion, "True"]),
    );
  });

  it("runs pods, and gives a LoadBalancer its own loopback address", async () => {
    await succeed("kubectl", ["create", "deployment", "web", "--image=web", "--replicas=2"]);
    await succeed("kubectl", ["expose", "deployment", "web", "--port=80", "--type=LoadBalancer"]);
    await succeed("kubectl", ["rollout", "status", "deployment/web", "--timeout=60s"]);
    await succeed("kubectl", [
      "wait",
      "service/web",
      "--for=jsonpath={.status.loadBalancer.ingress[0].ip}",
      "--timeout=60s",
    ]);
    const addresses = "--output=jsonpath={.spec.clusterIP} {.status.loadBalancer.ingress[0].ip}";
    const [cluster, external] = (await succeed("kubectl", ["get", "service", "web", addresses])).split(" ");
    assert.equal(external, cluster);
    assert.equal(cluster?.split(".").slice(0, 3).join("."), sandbox.serviceCidr.split(".").slice(0, 3).join("."));
  });

  it("is found, not started again, by whoever asks for it while it runs", async () => {
    const again = await startSandbox({ name: sandbox.name });
    assert.equal(again.reused, true);
    assert.deepEqual(again.pids(), sandbox.pids());
  });

  describe("with Istio's own charts from its repository", () => {
    const install = (release: string, chart: string, ...more: string[]) =>
      succeed(
        "helm",
        [
          ...["install", release, chart, "--repo", sandbox.chartRepository, "--version=1.31.0"],
          ...["--namespace=istio-system", "--create-namespace", "--wait", "--timeout=90s", ...more],
        ],
        // Helm takes a folder of the chart's name, such as the checkout's `base`, for the chart.
        { cwd: sandbox.folder },
      );

    before(async () => {
      await install("istio-base", "base");
      await install("istiod", "istiod", "--set=global.hub=docker.io/istio");
      await succeed("kubectl", ["create", "namespace", "meshed"]);
      await succeed("kubectl", ["label", "namespace", "meshed", "istio-injection=enabled"]);
    });

    // The sandbox is shared: what comes next starts from an empty cluster.
    after(async () => {
      for (const release of ["istiod", "istio-base"])
        await succeed("helm", ["uninstall", release, "--namespace=istio-system", "--wait"]);
      await succeed("kubectl", ["delete", "namespace", "meshed", "istio-system", "--timeout=60s"]);
    });

    it("has the real istiod inject the sidecar", async () => {
      await succeed("kubectl", ["--namespace=meshed", "create", "deployment", "app", "--image=app"]);
      await succeed("kubectl", ["--namespace=meshed", "rollout", "status", "deployment/app", "--timeout=60s"]);
      const containers = "--output=jsonpath={.items[0].spec['containers','initContainers'][*].name}";
      const names = (await succeed("kubectl", ["--namespace=meshed", "get", "pods", containers])).split(" ");
      assert.deepEqual(names.sort(), ["app", "istio-init", "istio-proxy"]);
    });

    it("has the real istiod refuse a policy that makes no sense", async () => {
      const policy = {
        apiVersion: "security.istio.io/v1",
        kind: "AuthorizationPolicy",
        metadata: { name: "nonsense", namespace: "meshed" },
        spec: { rules: [{ from: [{ source: {} }] }] },
      };
      const { code, stderr } = await apply(policy);
      assert.notEqual(code, 0);
      assert.match(stderr, /admission webhook "[\w.]*validation\.istio\.io" denied the request.*must not be empty/);
    });

    it("refuses a PeerAuthentication with exceptions by port but no selector", async () => {
      const { code, stderr } = await apply({
        apiVersion: "security.istio.io/v1",
        kind: "PeerAuthentication",
        metadata: { name: "wrong", namespace: "meshed" },
        spec: { portLevelMtls: { 8080: { mode: "STRICT" } } },
      });
      assert.notEqual(code, 0);
      assert.match(stderr, /portLevelMtls requires selector/);
    });

    it("counts istiod as not ready, and reaches no webhook, while it is held", async () => {
      sandbox.holdIstiod(true);
      try {
        await eventually(async () => (await istiodReadyPods()) === 0);
        const { code, stderr } = await run("kubectl", ["--namespace=meshed", "run", "held", "--image=held"]);
        assert.notEqual(code, 0);
        assert.match(stderr, /failed calling webhook/);
      } finally {
        sandbox.holdIstiod(false);
      }
      await eventually(async () => (await istiodReadyPods()) === 1);
      await succeed("kubectl", ["--namespace=meshed", "run", "held", "--image=held"]);
    });

    it("starts istiod again when it dies, and tells the restart", async () => {
      const before = istiodProcess(sandbox);
      assert.ok(before);
      process.kill(before.process.pid, "SIGKILL");
      await eventually(() => (istiodProcess(sandbox)?.restarts ?? 0) > before.restarts);
      await eventually(async () => (await istiodReadyPods()) === 1);
      const restarts = "--output=jsonpath={.items[0].status.containerStatuses[0].restartCount}";
      const told = () =>
        succeed("kubectl", ["--namespace=istio-system", "get", "pods", "--selector=app=istiod", restarts]);
      await eventually(async () => (await told()) === "1");
    });

    it("has no istiod process without an istiod pod", async () => {
      const scale = (replicas: number) =>
        succeed("kubectl", ["--namespace=istio-system", "scale", "deployment/istiod", `--replicas=${replicas}`]);
      const running = istiodProcess(sandbox);
      assert.ok(running);
      await scale(0);
      await eventually(() => istiodProcess(sandbox) === undefined);
      assert.equal(isAlive(running.process), false);
      await scale(1);
      await succeed("kubectl", ["--namespace=istio-system", "rollout", "status", "deployment/istiod", "--timeout=60s"]);
      assert.ok(istiodProcess(sandbox));
    });

    async function apply(object: unknown) {
      return run("sh", ["-c", 'printf %s "$OBJECT" | kubectl apply -f -'], { env: { OBJECT: JSON.stringify(object) } });
    }
  });

  describe("next to another one", () => {
    const name = `other-${process.pid}`;
    let other: Sandbox;

    before(async () => {
      other = await startSandbox({ name, nodes: 1, tied: true });
    });

    after(async () => {
      await other.stop();
      deleteFolder(name);
    });

    it("keeps its own addresses and objects", async () => {
      assert.notEqual(other.serviceCidr, sandbox.serviceCidr);
      assert.notEqual(other.serverUrl, sandbox.serverUrl);
      await succeed("kubectl", ["create", "namespace", "only-there"], { sandbox: other });
      const here = await run("kubectl", ["get", "namespace", "only-there"]);
      assert.match(here.stderr, /not found/);
      const nodes = await succeed("kubectl", ["get", "nodes", "--output=name"], { sandbox: other });
      assert.equal(nodes.trim(), "node/node-1");
    });

    it("starts each part again that is killed, and loses nothing", async () => {
      for (const killed of findSandbox(other.folder)?.parts ?? []) {
        process.kill(killed.process.pid, "SIGKILL");
        await eventually(() => {
          const now = findSandbox(other.folder)?.parts.find(({ name }) => name === killed.name);
          return now !== undefined && now.restarts > killed.restarts;
        });
      }
      await eventually(
        async () => (await run("kubectl", ["get", "--raw=/readyz"], { sandbox: other })).stdout === "ok",
      );
      await succeed("kubectl", ["get", "namespace", "only-there"], { sandbox: other });
      await succeed("kubectl", ["create", "deployment", "late", "--image=late"], { sandbox: other });
      await succeed("kubectl", ["rollout", "status", "deployment/late", "--timeout=90s"], { sandbox: other });
    });

    it("leaves no process when its supervisor is killed", async () => {
      const state = findSandbox(other.folder);
      assert.ok(state);
      process.kill(state.supervisor.pid, "SIGKILL");
      assert.equal(await allGone(processes(state), 30_000), true);
    });

    it("starts afresh after that", async () => {
      other = await startSandbox({ name, nodes: 1, tied: true });
      assert.equal(other.reused, false);
      const { stderr } = await run("kubectl", ["get", "namespace", "only-there"], { sandbox: other });
      assert.match(stderr, /not found/);
    });

    it("leaves no process when a part's tether is killed and it is then stopped, and can be stopped twice", async () => {
      const state = findSandbox(other.folder);
      assert.ok(state);
      const [{ tether, process: part }] = state.parts as [SandboxState["parts"][number]];
      process.kill(tether.pid, "SIGKILL");
      await eventually(() => !isAlive(part));
      await other.stop();
      assert.equal(await allGone(processes(state), 30_000), true);
      assert.equal(findSandbox(other.folder), undefined);
      await stopSandbox(other.folder);
    });
  });

  it("ends with its starter if it is tied to it", async () => {
    const name = `tied-${process.pid}`;
    const program = `require("./sandbox/cluster").startSandbox({ name: ${JSON.stringify(name)}, nodes: 1, tied: true })
      .then(() => { console.log("ready"); setInterval(() => {}, 1000); });`;
    const starter = spawn(process.execPath, ["--import", "tsx", "--eval", program], {
      cwd: checkout,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const folder = join(checkout, ".sandbox", name);
    try {
      await new Promise((ready, fail) => starter.stdout.once("data", ready).once("end", fail));
      const state = findSandbox(folder);
      assert.ok(state);
      starter.kill("SIGKILL");
      assert.equal(await allGone(processes(state), 30_000), true);
    } finally {
      starter.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  });

  describe("command line", () => {
    const name = `cli-${process.pid}`;
    const folder = join(checkout, ".sandbox", name);

    /** Starts the command line; `until` waits for words on its standard error or output. */
    function cli(...args: string[]) {
      const child = spawn(process.execPath, ["sandbox/bootstrap.mjs", "sandbox/cli.ts", "--name", name, ...args], {
        cwd: checkout,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let text = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      }
      const code = new Promise<number | null>((end) => child.once("close", end));
      return { child, code, text: () => text, until: (words: string) => eventually(() => text.includes(words)) };
    }

    after(async () => {
      await stopSandbox(folder);
      rmSync(folder, { recursive: true, force: true });
    });

    for (const [moment, words] of [
      ["while the cluster starts", "starting the cluster"],
      ["while a stack is rolled out", "rolling out"],
    ] as const) {
      it(`ends what it started when it is interrupted ${moment}`, async () => {
        const { child, code, until, text } = cli("up");
        await until(words);
        await eventually(() => findSandbox(folder) !== undefined);
        const state = findSandbox(folder);
        assert.ok(state);
        child.kill("SIGINT");
        assert.equal(await code, 130, text());
        assert.equal(await allGone(processes(state), 30_000), true);
        assert.equal(findSandbox(folder), undefined);
      });
    }

    it("says how to start when nothing runs", async () => {
      const status = cli("status");
      assert.equal(await status.code, 3);
      const start = new RegExp(`not running\\. Start it with: npm run sandbox -- --name ${name}\n`);
      assert.match(status.text(), start);
      const exec = cli("exec", "--", "kubectl", "get", "nodes");
      assert.equal(await exec.code, 1);
      assert.match(exec.text(), start);
    });

    it("gives a command the sandbox's own environment and takes over its exit code", async () => {
      const up = cli("up", "--no-deploy", "--nodes=2");
      assert.equal(await up.code, 0, up.text());
      const { standIns } = await prepareWorkplace(await startSandbox({ name }), () => {});
      const told = /^stand-ins of this sandbox, not the official ones: (.*) \(docs/m.exec(up.text())?.[1] ?? "";
      assert.deepEqual(told.split(", ").filter(Boolean), standIns, "told once, at the start");
      const nodes = cli("exec", "--", "kubectl", "get", "nodes", "--output=name");
      assert.equal(await nodes.code, 0);
      assert.equal(nodes.text().trim(), "node/node-1\nnode/node-2");
      const project = cli("exec", "--", "pulumi", "whoami", "--verbose");
      assert.equal(await project.code, 0, project.text());
      assert.match(project.text(), new RegExp(`file://${join(folder, "state")}`));
      assert.equal(await cli("exec", "--", "sh", "-c", "exit 7").code, 7);
      const file = join(folder, "project/stacks/Pulumi.dev.yaml");
      writeFileSync(file, `${readFileSync(file, "utf8")}# mine\n`);
      assert.equal(await cli("exec", "--", "pulumi", "stack", "init", "dev").code, 0);
      const set = cli("exec", "--", "pulumi", "config", "set", "--path", "enroute-istio:gateway.replicas", "2");
      assert.equal(await set.code, 0, set.text());
      const config = cli("exec", "--", "pulumi", "config", "get", "--path", "enroute-istio:gateway.replicas");
      assert.equal(await config.code, 0, config.text());
      assert.equal(config.text().trim(), "2");
      assert.match(readFileSync(file, "utf8"), /# mine/);
      assert.equal(await cli("status").code, 0);
    });

    it("stops it, says so, and does not mind doing it again", async () => {
      const first = cli("down");
      assert.equal(await first.code, 0);
      assert.match(first.text(), /is stopped/);
      const second = cli("down");
      assert.equal(await second.code, 0);
      assert.match(second.text(), /was not running/);
    });
  });
});
