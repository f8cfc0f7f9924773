import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { Environment, type RunOptions, forEachEnvironment } from "../../../automation";
import { threadFile } from "../../../automation/workers";
import { OutputValue, outputsOf } from "../../../automation/outputs";
import { refusalOf } from "../../refusal";
import { stackConfig } from "../stack-files";

/** The settings of stack `dev` as an object. */
function devSettings(): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(stackConfig("dev")).map(([key, value]) => [key.replace("enroute-istio:", ""), value]),
  );
}

describe("an environment", () => {
  // No pulumi is on this PATH: what is refused here was refused before anything was started.
  const env = { PATH: "/nowhere" };

  it("refuses wrong settings with every problem, before anything is started", async () => {
    const settings = { ...devSettings(), hots: [], gateway: { version: "1" } };
    const error = await refusalOf(new Environment({ stack: "shop", settings: settings as never, env }).up());
    assert.ok(error.code === "settings-invalid");
    assert.deepEqual(
      error.about.problems.map(({ key }) => key),
      ["gateway.images", "gateway.version", "hots"],
    );
    assert.match(
      error.message,
      /3 settings are wrong in stack shop; nothing was changed\.[^]*Correct the settings object/,
    );
    assert.doesNotMatch(error.message, /pulumi config set/);
  });

  it("refuses a key that does not belong to its certificate, and shows neither", async () => {
    const certificate = {
      issuer: "provided",
      certificateChain: "-----BEGIN CERTIFICATE-----",
      privateKey: "-----BEGIN PRIVATE KEY-----secret",
    };
    const error = await refusalOf(
      new Environment({ stack: "shop", settings: { ...devSettings(), certificate } as never, env }).preview(),
    );
    assert.equal(error.code, "settings-invalid");
    assert.doesNotMatch(JSON.stringify(error), /KEY-----secret/);
  });

  it("refuses a relative kubeconfig in an object: there is no folder that it could start from", async () => {
    const settings = { ...devSettings(), kubeconfig: "clusters/shop" };
    const error = await refusalOf(new Environment({ stack: "shop", settings: settings as never, env }).up());
    assert.ok(error.code === "settings-invalid");
    assert.deepEqual(
      error.about.problems.map(({ key, found }) => [key, found]),
      [["kubeconfig", '"clusters/shop"']],
    );
  });

  it("refuses a folder without a project, and says which", async () => {
    const error = await refusalOf(new Environment({ stack: "dev", project: __dirname, env }).outputs());
    assert.equal(error.code, "project-not-found");
    assert.ok(error.message.includes(__dirname));
    assert.equal((await refusalOf(new Environment({ stack: "dev", env }).outputs())).code, "project-not-found");
  });

  it("says that pulumi is missing", async () => {
    const error = await refusalOf(new Environment({ stack: "dev", settings: devSettings() as never, env }).up());
    assert.equal(error.code, "pulumi-missing");
    assert.match(error.next, /install/);
  });

  it("drops a look at the cluster when the caller's time is up, or when the caller says so", async () => {
    // Takes connections, and never answers.
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    await once(server, "listening");
    const folder = mkdtempSync(join(tmpdir(), "kubeconfig-"));
    try {
      const { port } = server.address() as AddressInfo;
      const cluster = { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true };
      const kubeconfig = join(folder, "config");
      writeFileSync(
        kubeconfig,
        JSON.stringify({
          clusters: [{ name: "deaf", cluster }],
          users: [{ name: "nobody", user: {} }],
          contexts: [{ name: "deaf", context: { cluster: "deaf", user: "nobody" } }],
          "current-context": "deaf",
        }),
      );
      const settings = { ...devSettings(), context: "deaf" };
      const look = (signals: RunOptions) =>
        refusalOf(
          new Environment({ stack: "shop", settings: settings as never, kubeconfig, env }).preflight({
            charts: false,
            ...signals,
          }),
        );
      assert.equal((await look({ signal: AbortSignal.timeout(50) })).code, "timed-out");
      const error = await look({ killSignal: AbortSignal.abort() });
      assert.equal(error.code, "interrupted");
      assert.match(error.message, /^stack shop: the operation was stopped by its caller$/);
    } finally {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true });
    }
  });

  it("does no work when it is made", () => {
    assert.doesNotThrow(() => new Environment({ stack: "", settings: {} as never }));
  });
});

describe("the library's thread", () => {
  const automation = join(__dirname, "../../../automation");
  it("runs a file of the library", () => assert.equal(threadFile(automation, ".ts"), join(automation, "worker.ts")));

  it("is refused where a bundler left that file out, with the way to bundle", async () => {
    const bundled = Promise.resolve().then(() => threadFile("/app/dist", ".js"));
    const { code, message, next } = await refusalOf(bundled);
    assert.equal(code, "operation-failed");
    assert.match(message, /\/app\/dist\/worker\.js, is missing/);
    assert.match(next, /--external:enroute-istio --external:@pulumi\/\*/);
  });
});

describe("many environments", () => {
  const environments = Array.from(
    { length: 20 },
    (_, index) => new Environment({ stack: `customer-${index}`, project: "/" }),
  );

  it("are done a few at a time, with the results in their order", async () => {
    let running = 0;
    let most = 0;
    const settled = await forEachEnvironment(
      environments,
      async ({ stack }) => {
        most = Math.max(most, ++running);
        await sleep(Number(stack.split("-")[1]) % 3);
        running--;
        return `${stack} is done`;
      },
      { concurrency: 3 },
    );
    assert.equal(most, 3);
    assert.deepEqual(
      settled,
      environments.map(({ stack }) => ({ stack, ok: true, value: `${stack} is done` })),
    );
  });

  it("do not suffer from one that fails", async () => {
    const settled = await forEachEnvironment(environments, async ({ stack }) => {
      await sleep(1);
      if (stack === "customer-7") throw new Error("no");
      return 1;
    });
    assert.deepEqual(
      settled.filter(({ ok }) => !ok).map(({ stack }) => stack),
      ["customer-7"],
    );
    assert.equal(settled.filter(({ ok }) => ok).length, 19);
  });
});

describe("an output", () => {
  const outputs = outputsOf({
    gatewayAddress: { value: "192.0.2.1", secret: false },
    caCertificate: { value: "top secret", secret: true },
    hosts: { value: ["https://shop.example.com"], secret: false },
  });

  it("that is secret shows itself only to who asks for its value", () => {
    const { caCertificate } = outputs;
    assert.ok(caCertificate instanceof OutputValue);
    assert.equal(caCertificate.value, "top secret");
    assert.equal(caCertificate.secret, true);
    for (const shown of [
      String(caCertificate),
      inspect(outputs),
      JSON.stringify(outputs),
      inspect({ deep: { outputs } }, { depth: 9, showHidden: true }),
    ])
      assert.doesNotMatch(shown, /top secret/);
    assert.match(JSON.stringify(outputs), /"caCertificate":"\[secret\]"/);
  });

  it("that is none shows its value", () => {
    assert.equal(String(outputs.gatewayAddress), "192.0.2.1");
    assert.equal(String(outputs.hosts), '["https://shop.example.com"]');
    assert.deepEqual(JSON.parse(JSON.stringify(outputs.hosts)), ["https://shop.example.com"]);
  });
});
