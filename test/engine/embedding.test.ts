import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { parse } from "yaml";
import {
  Environment,
  type EnvironmentOptions,
  type RolloutError,
  type RolloutEvent,
  type SettingsInput,
  type StackStatus,
  forEachEnvironment,
  policyPack,
} from "../../automation";
import type { Sandbox } from "../../sandbox/cluster";
import { refusalOf } from "../refusal";
import { pulumi, run, sandboxVariables, sharedSandbox, succeed } from "./sandbox-fixture";
import { get } from "./stacks";

const root = join(__dirname, "../..");

describe("the library on the sandbox", function () {
  this.timeout(120_000);
  let sandbox: Sandbox;
  let env: Record<string, string>;
  /** The stack `sandbox` as an object, without what is optional. */
  let settings: SettingsInput;
  let config: Record<string, object>;
  /** The same stack's file, for the command `pulumi`. */
  let stackFile: string;
  const writeStackFile = (of: SettingsInput) => {
    const entries = Object.entries(of).map(([key, value]) => [`enroute-istio:${key}`, value] as const);
    writeFileSync(stackFile, JSON.stringify({ config: Object.fromEntries(entries) }));
  };

  before(async function () {
    this.timeout(0); // the first build takes minutes
    sandbox = await sharedSandbox();
    env = await sandboxVariables();
    const file = join(sandbox.folder, "project/stacks/Pulumi.sandbox.yaml");
    stackFile = join(sandbox.folder, "project/stacks/Pulumi.embedded.yaml");
    const source = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
    const plain = Object.entries(source.config).map(
      ([key, value]) => [key.replace("enroute-istio:", ""), value] as const,
    );
    config = Object.fromEntries(plain) as Record<string, object>;
    settings = Object.fromEntries(
      plain.filter(([key]) => !["bookinfo", "kiali", "prometheus"].includes(key)),
    ) as unknown as SettingsInput;
  });

  const environment = (stack: string, more: Partial<EnvironmentOptions> = {}) =>
    new Environment({ stack, settings, env, createIfMissing: true, ...more });
  const small = environment.bind(undefined, "embedded");

  const stacks = async () =>
    (JSON.parse(await succeed("pulumi", ["stack", "ls", "--json", "--non-interactive"])) as { name: string }[]).map(
      ({ name }) => name,
    );

  it("creates no stack unless it is asked to", async () => {
    const before = await stacks();
    const error = await refusalOf(environment("dve", { createIfMissing: false }).up());
    assert.equal(error.code, "stack-not-found");
    assert.match(error.next, /createIfMissing/);
    assert.deepEqual(await stacks(), before);
  });

  it("stops gracefully in the middle of a rollout, says what was left, and goes on with the next one", async () => {
    sandbox.holdIstiod(true);
    const stop = new AbortController();
    const events: RolloutEvent[] = [];
    const isIstiodStarting = (event: RolloutEvent) =>
      event.kind === "waiting" && event.resource.name === "istiod" && event.for.includes("is starting");
    const onEvent = (event: RolloutEvent) => {
      events.push(event);
      // It is known by then what Helm waits for.
      if (isIstiodStarting(event)) stop.abort();
    };
    try {
      const error = await refusalOf(small().up({ onEvent, signal: stop.signal }));
      assert.ok(error.code === "interrupted", inspect(error));
      assert.deepEqual(error.about.unfinished, ["kubernetes:helm.sh/v3:Release istiod"]);
      assert.ok(error.about.changed >= 4, `only ${error.about.changed} changed before`);
      assert.match(error.message, /left unfinished: kubernetes:helm\.sh\/v3:Release istiod/);
    } finally {
      sandbox.holdIstiod(false);
    }
    const waiting = events.find(isIstiodStarting);
    assert.ok(waiting?.kind === "waiting");
    assert.match(waiting.for, /^Deployment istiod: 0 of 1 ready \(discovery is starting\)$/);
    assert.deepEqual(waiting.resource.component, { type: "IstioControlPlane", name: "istio" });
    assert.doesNotMatch(JSON.stringify(events), /PRIVATE KEY/);
    const gateway = events.find((event) => event.kind === "planned" && event.component.type === "EnRouteGateway");
    assert.ok(gateway?.kind === "planned");
    assert.deepEqual(
      gateway.waitsFor.map(({ type, name }) => `${type} ${name}`),
      ["MeshNamespace enroute-system", "IstioControlPlane istio"],
    );
    const last = events.at(-1)!;
    assert.ok(last.kind === "finished" && last.result === "interrupted");
  });

  it("drops everything at once when it is asked to, and says how to go on: recover, then the next one", async () => {
    sandbox.holdIstiod(true);
    const [stop, kill] = [new AbortController(), new AbortController()];
    const onEvent = (event: RolloutEvent) => {
      if (event.kind !== "waiting" || event.resource.name !== "istiod") return;
      stop.abort();
      kill.abort();
    };
    try {
      const error = await refusalOf(small().up({ onEvent, signal: stop.signal, killSignal: kill.signal }));
      assert.ok(error.code === "interrupted", inspect(error));
      assert.match(error.message, /dropped at once, so what the engine was doing is not known for sure/);
      assert.match(error.next, /^recover the stack/);
    } finally {
      sandbox.holdIstiod(false);
    }
    const refused = await refusalOf(small().up());
    assert.ok(refused.code === "stack-locked", inspect(refused));
    assert.deepEqual(
      refused.about.locks.map(({ state, holder }) => [state, holder?.host]),
      [["left-behind", hostname()]],
    );
    assert.match(refused.message, /an update was killed and left its lock: .* since .*: its process is gone$/);
    assert.equal(refused.next, "recover the stack");
    const status = await small().status();
    assert.deepEqual(
      status.locks.map(({ state }) => state),
      ["left-behind"],
    );
    assert.ok(status.resources >= 4);
    const { locks, done } = await small().recover({ apply: true });
    assert.ok(done);
    assert.equal(locks.length, 1);
    assert.deepEqual((await small().status()).locks, []);
  });

  it("verifies what its first update left half-way, and tells that it did not come to its end", async () => {
    const { results, status } = await small().verify({ dialServices: true });
    assert.equal(status, "failed");
    const [first, ...others] = results;
    assert.equal(first!.check, "stack/rolled-out");
    assert.match(first!.evidence, /^the last \w+ .*at .*; \d+ resources are in the state; no update has finished/);
    assert.match(first!.fix!, /run up again/);
    assert.ok(others.some((one) => one.check === "releases/deployed" && one.status === "failed"));
    const gone = await refusalOf(environment("never").verify());
    assert.equal(gone.code, "stack-not-found");
  });

  it("recovers nothing while an update runs: it says whose, and the update goes on", async () => {
    sandbox.holdIstiod(true);
    const seen: unknown[] = [];
    const onEvent = (event: RolloutEvent) => {
      if (seen.length > 0 || event.kind !== "waiting" || event.resource.name !== "istiod") return;
      seen.push(
        Promise.all([
          refusalOf(small().recover({ apply: true })),
          refusalOf(small().recover()),
          small().status(),
        ]).finally(() => sandbox.holdIstiod(false)),
      );
    };
    try {
      await small().up({ onEvent });
    } finally {
      sandbox.holdIstiod(false);
    }
    const [applied, looked, status] = (await seen[0]) as [RolloutError, RolloutError, StackStatus];
    for (const error of [applied, looked]) {
      assert.ok(error.code === "stack-locked", inspect(error));
      assert.match(error.message, /another update is running: .*@.* \(pid \d+\) since .*: its process is running$/);
      assert.equal(error.next, "wait for it to end, then try again");
    }
    assert.deepEqual(
      status.locks.map(({ state }) => state),
      ["running"],
    );
    await small().destroy();
    assert.equal((await refusalOf(small().verify())).code, "not-deployed");
  });

  it("rolls out; at the same time a second one is told that the stack is locked, and harms nothing", async () => {
    const settled = await Promise.allSettled([small().up(), small().up()]);
    const [lost] = settled.filter((one) => one.status === "rejected");
    const [won] = settled.filter((one) => one.status === "fulfilled");
    assert.ok(won !== undefined && lost !== undefined, inspect(settled));
    assert.equal((lost.reason as RolloutError).code, "stack-locked", inspect(lost.reason, { depth: 6 }));
    assert.doesNotMatch((lost.reason as RolloutError).next, /recover/);
    const { outputs, hasChanges } = won.value;
    assert.equal(hasChanges, true);
    assert.equal(outputs.gatewayIdentity!.value, "spiffe://cluster.local/ns/enroute-system/sa/enroute");
    assert.match(outputs.caCertificate!.value!, /BEGIN CERTIFICATE/);
    const again = await small().up();
    assert.deepEqual([again.hasChanges, again.resources], [false, []]);
  });

  it("does so each time: of several at once one goes on, and no other is told anything but whose the lock is", async function () {
    this.timeout(300_000);
    for (let round = 0; round < 3; round++) {
      const settled = await Promise.allSettled([small().up(), small().up(), small().outputs(), small().status()]);
      const ups = settled.slice(0, 2);
      assert.ok(
        ups.some(({ status }) => status === "fulfilled"),
        inspect(ups, { depth: 6 }),
      );
      for (const up of ups) {
        if (up.status === "fulfilled") continue;
        const error = up.reason as RolloutError;
        assert.ok(error.code === "stack-locked", inspect(error, { depth: 6 }));
        assert.match(error.message, /another update is running/);
      }
      for (const read of settled.slice(2)) assert.equal(read.status, "fulfilled", inspect(read, { depth: 6 }));
    }
  });

  it("reads a state again that another update is just writing, and takes it for damaged when nobody is", async () => {
    const state = join(sandbox.folder, "state/.pulumi");
    const attributes = join(state, "stacks/enroute-istio/embedded.json.attrs");
    const whole = readFileSync(attributes);
    const lock = join(state, "locks/organization/enroute-istio/embedded/test.json");
    const holder = { pid: process.pid, username: "tests", hostname: hostname(), timestamp: new Date().toISOString() };
    writeFileSync(lock, JSON.stringify(holder));
    writeFileSync(attributes, "");
    try {
      const both = Promise.all([small().outputs(), refusalOf(small().up())]);
      await sleep(3000);
      writeFileSync(attributes, whole);
      const [outputs, refused] = await both;
      assert.ok(outputs.caCertificate !== undefined);
      assert.equal(refused.code, "stack-locked");
    } finally {
      rmSync(lock);
    }
    writeFileSync(attributes, "");
    const error = await refusalOf(small().outputs());
    assert.equal(error.code, "state-damaged", inspect(error));
    assert.match(error.message, /failed to load checkpoint: EOF/);
    assert.match(error.next, /^recover the stack/);
    assert.deepEqual((await small().recover()).cutShort, [attributes]);
    assert.ok((await small().recover({ apply: true })).done);
    assert.equal((await small().up()).hasChanges, false);
  });

  it("gives the same stack as `pulumi up` does: the engine sees no difference", async () => {
    writeStackFile(settings);
    const { code, stdout, stderr } = await pulumi(["preview", "--expect-no-changes", "--stack", "embedded"]);
    assert.equal(code, 0, stdout + stderr);
    const fromFile = new Environment({ stack: "embedded", project: join(sandbox.folder, "project"), env });
    assert.equal((await fromFile.preview()).hasChanges, false);
    assert.equal((await fromFile.settings()).istio.profile, "small");
  });

  it("proves both legs, and tells what it knows of the stack", async () => {
    const report = await small().verify({ dialServices: true });
    assert.equal(report.failed, 0, inspect(report.results.filter(({ status }) => status === "failed")));
    const { last, pending, resources } = await small().status();
    assert.ok(last?.kind === "update" && last.result === "succeeded");
    assert.deepEqual(pending, []);
    assert.ok(resources >= 12);
    assert.deepEqual(await small().preflight(), []);
    assert.deepEqual((await small().refresh()).resources, []);
    const recovery = await small().recover();
    assert.deepEqual(recovery, { locks: [], cutShort: [], forget: [], pending: [], done: false });
  });

  it("tells what a release waited for that Helm took back, and how to see more although its pods are gone", async () => {
    const prometheus = { ...config["prometheus"]!, timeoutSeconds: 5 };
    const values = { server: { resources: { requests: { cpu: "1000" } } } };
    const error = await refusalOf(
      environment("embedded", {
        settings: { ...settings, prometheus: { ...prometheus, values } } as unknown as SettingsInput,
      }).up(),
    );
    assert.equal(error.code, "timed-out", inspect(error));
    assert.match(
      error.message,
      /Release prometheus: release prometheus failed, and has been uninstalled due to atomic being set: [^]*it waited for Deployment prometheus-server: 0 of 1 ready \(Unschedulable: 0\/\d+ nodes are available: .*Insufficient cpu\)$/,
    );
    assert.match(error.next, /^Helm removed the failed installation again, and its pods; make room on the nodes, /);
    assert.doesNotMatch(error.next, /describe pod/);
    const { stdout } = await run("kubectl", ["get", "events", "--namespace", "istio-system", "--output", "name"]);
    assert.match(stdout, /^event\/prometheus-server-/m);
    // The stack's claim named the release before it was installed.
    const { resources } = await small().up();
    assert.deepEqual(
      resources.map(({ resource }) => resource.type),
      ["kubernetes:core/v1:ConfigMap"],
    );
  });

  it("shows in `pulumi up`, too, why the API server refuses the new pod, although the old one is ready", async () => {
    const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "full", namespace: "enroute-system" } };
    const file = join(sandbox.folder, "full.json");
    writeFileSync(file, JSON.stringify({ ...quota, spec: { hard: { pods: "1" } } }));
    await succeed("kubectl", ["apply", "--filename", file]);
    const own = readFileSync(stackFile, "utf8");
    writeStackFile({ ...settings, gateway: { ...settings.gateway, logLevel: "debug", timeoutSeconds: 8 } });
    try {
      const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--stack", "embedded"]);
      assert.notEqual(code, 0);
      assert.match(
        stdout + stderr,
        /warning: enroute-istio waits for Deployment enroute: 0 of 1 of the new pods ready \(the API server refuses its pods: .*exceeded quota: full, [^]*fix: raise ResourceQuota full/,
      );
    } finally {
      writeFileSync(stackFile, own);
      await succeed("kubectl", ["delete", "--filename", file]);
    }
    await small().up();
  });

  it("tells errors apart that only the tools can see, each with a next step", async () => {
    const other = (name: string, more: Partial<EnvironmentOptions>) => refusalOf(environment(name, more).preview());
    const gateway = (change: object) => ({ settings: { ...settings, gateway: { ...settings.gateway, ...change } } });
    const found = await Promise.all([
      other("embedded", { passphrase: "wrong" }),
      other("embedded", { backend: "file:///nowhere" }),
      other("embedded", { kubeconfig: "/nowhere/kubeconfig" }),
      other("embedded", gateway({ version: "99.0.0" })),
      other("embedded", gateway({ chartRepository: "http://127.0.0.1:1/charts" })),
    ]);
    assert.deepEqual(
      found.map(({ code }) => code),
      [
        "passphrase-wrong",
        "backend-unavailable",
        "cluster-unreachable",
        "chart-not-found",
        "chart-repository-unreachable",
      ],
    );
    for (const { message, next } of found) assert.ok(message !== "" && next !== "");
    assert.match(found[3].message, /Release enroute-istio: .*"99\.0\.0" not found/);
  });

  it("is held back by a mandatory policy, which is named with its reason and its fix", async () => {
    const events: RolloutEvent[] = [];
    const outside = {
      settings: {
        ...settings,
        // What the settings only warn of.
        mutualTls: {
          exceptions: [
            {
              ...{ namespace: settings.namespaces![0]!.name, mode: "PERMISSIVE" as const },
              ...{ reason: "r", owner: "team-a", until: "2026-01-31" },
            },
          ],
        },
      },
    };
    const error = await refusalOf(
      environment("embedded", outside).up({
        policyPacks: [policyPack],
        onEvent: (event) => events.push(event),
      }),
    );
    assert.ok(error.code === "policy-violated", inspect(error));
    assert.equal(error.about.violations.length, 1);
    assert.match(error.about.violations[0]!, /^mtls-exceptions: .*ended on 2026-01-31.* Fix: /);
    assert.match(error.message, /a mandatory policy forbids the change: mtls-exceptions: /);
    const told = events.find((event) => event.kind === "policy");
    assert.ok(told?.kind === "policy" && told.severity === "mandatory" && told.pack === "enroute-istio", inspect(told));
    assert.equal((await small().preview()).hasChanges, false, "nothing was changed");
  });

  it("does many at once: one that fails touches no other, and the results come in order", async () => {
    // The others are previews beside the stack that has the mesh: they have to say that they take it over.
    const beside = { ...settings, takeOverFrom: "organization/enroute-istio/embedded" };
    const wrong = { settings: { ...beside, gateway: { ...settings.gateway, version: "99.0.0" } } };
    const environments = Array.from({ length: 5 }, (_, index) =>
      index === 0 ? environment("embedded") : environment(`many-${index}`, index === 2 ? wrong : { settings: beside }),
    );
    const settled = await forEachEnvironment(environments, (one) => one.preview(), { concurrency: 3 });
    assert.deepEqual(
      settled.map(({ stack, ok }) => `${stack} ${ok}`),
      ["embedded true", "many-1 true", "many-2 false", "many-3 true", "many-4 true"],
    );
    const [first, second, third] = settled as [(typeof settled)[0], (typeof settled)[0], (typeof settled)[0]];
    assert.ok(first.ok && !first.value.hasChanges, "each has its own state");
    assert.ok(second.ok && second.value.hasChanges);
    assert.ok(!third.ok && (third.error as RolloutError).code === "chart-not-found");
    for (const stack of ["many-1", "many-2", "many-3", "many-4"])
      await succeed("pulumi", ["stack", "rm", "--yes", stack, "--non-interactive"]);
  });

  it("leaves nothing behind in the folder for temporary files, and no selected stack", async () => {
    const before = (await succeed("pulumi", ["stack", "ls", "--json", "--non-interactive"])).includes(
      '"current": true',
    );
    await small().outputs();
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith("enroute-istio-")),
      [],
    );
    const after = (await succeed("pulumi", ["stack", "ls", "--json", "--non-interactive"])).includes('"current": true');
    assert.equal(after, before);
  });

  describe("under the command line", () => {
    const project = () => join(sandbox.folder, "project");
    const cli = (...args: string[]) => [
      process.execPath,
      "--import",
      require.resolve("tsx"),
      join(root, "cli/main.ts"),
      ...args,
      "--cwd",
      project(),
      "--stack",
      "embedded",
    ];
    const command = (...args: string[]) => {
      const [executable, ...rest] = cli(...args);
      return run(executable!, rest);
    };

    it("says what would change, and gives the result alone as JSON", async () => {
      const { code, stdout, stderr } = await command("preview", "--json", "--expect-no-changes");
      assert.equal(code, 0, stdout + stderr);
      const result = JSON.parse(stdout) as { hasChanges: boolean; resources: unknown[] };
      assert.deepEqual([result.hasChanges, result.resources], [false, []]);
      assert.match(stderr, /previewing embedded/);
    });

    it("gives one output as it is, and a status", async () => {
      const ca = await command("outputs", "caCertificate");
      assert.match(ca.stdout, /^-----BEGIN CERTIFICATE-----\n[^]*-----END CERTIFICATE-----\n$/);
      const missing = await command("outputs", "nothing");
      assert.equal(missing.code, 3);
      assert.match(missing.stderr, /has no output nothing\.\n {2}fix: choose one of .*gatewayAddress/);
      assert.match(
        (await command("status")).stdout,
        /Stack embedded: the last update .*succeeded at .*; \d+ resources are in the state[^]*istio +1\.31\.0/,
      );
    });

    it("shows a terminal the components as they go; Ctrl-C stops gracefully, and says what was left", async () => {
      const seen = await atTerminal([...cli("destroy", "--yes")], (text) =>
        / 1\/?\d* .*EnRouteGateway|EnRouteGateway gateway/.test(text),
      );
      assert.match(seen.text, /destroying embedded/);
      // eslint-disable-next-line no-control-regex
      assert.match(seen.text, /\u001b\[\d*[A-GK]/, "it is repainted in place");
      assert.match(seen.text, /stopping: operations in progress finish/);
      assert.match(seen.text, /the operation was stopped by its caller; \d+ resources were changed before/);
      assert.equal(seen.code, 130, seen.text);
    });

    it("takes the rollout away where nobody can be asked only with --yes, and says what stays", async () => {
      const asked = await command("destroy");
      assert.equal(asked.code, 3);
      assert.match(asked.stderr, /Cannot ask for confirmation/);
      const { code, stdout, stderr } = await command("destroy", "--yes");
      assert.equal(code, 0, stdout + stderr);
      const { items } = await get<{ items: { metadata: { name: string } }[] }>("namespaces");
      assert.ok(!items.some(({ metadata }) => metadata.name === "enroute-system"));
    });

    /** Runs a command at a terminal of its own (util-linux' script), and types Ctrl-C when `when` says so. */
    async function atTerminal(words: string[], when: (text: string) => boolean) {
      const line = words.map((word) => `'${word}'`).join(" ");
      const child = spawn(
        "script",
        ["--quiet", "--return", "--command", `stty cols 120 rows 40; exec ${line}`, "/dev/null"],
        {
          env: { ...env, NO_COLOR: "" },
          stdio: ["pipe", "pipe", "inherit"],
        },
      );
      let text = "";
      let typed = false;
      child.stdout.setEncoding("utf8").on("data", (more: string) => {
        text += more;
        if (!typed && when(text)) {
          typed = true;
          child.stdin.write("\u0003");
        }
      });
      const code = await new Promise<number>((resolve, reject) => {
        child.on("error", reject).on("close", (status) => resolve(status ?? -1));
      });
      return { code, text };
    }
  });
});

describe("the package", function () {
  this.timeout(300_000);
  let folder: string;
  let env: Record<string, string>;

  before(async function () {
    this.timeout(0);
    const sandbox = await sharedSandbox();
    env = await sandboxVariables();
    // Outside the checkout: nothing may be found by accident.
    folder = mkdtempSync(join(tmpdir(), "package-"));
    const pack = ["run", "--silent", "package", "--", "--json", "--pack-destination", folder];
    const packed = await succeed("npm", pack, { cwd: root });
    const [{ filename, files }] = JSON.parse(packed.slice(packed.indexOf("["))) as [
      { filename: string; files: { path: string }[] },
    ];
    assert.deepEqual(
      files.filter(({ path }) =>
        /^(sandbox|test|benchmarks|stacks\/Pulumi)|^(?!examples\/).*\.tsx?$/.test(path.replace(/\.d\.ts$/, "")),
      ),
      [],
      "the sandbox and the tests stay at home",
    );
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true }));
    const install = [
      "install",
      "--prefer-offline",
      "--no-audit",
      "--no-fund",
      "--ignore-scripts",
      `./${filename}`,
      "@pulumi/policy",
    ];
    await succeed("npm", install, { cwd: folder });
    const file = join(sandbox.folder, "project/stacks/Pulumi.sandbox.yaml");
    const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
    const own = Object.entries(config).filter(([key]) => !/:(bookinfo|kiali|prometheus)$/.test(key));
    writeFileSync(
      join(folder, "settings.json"),
      JSON.stringify(Object.fromEntries(own.map(([key, value]) => [key.replace("enroute-istio:", ""), value]))),
    );
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("has one copy of the SDK", () => {
    const copies = (name: string) =>
      readdirSync(join(folder, "node_modules"), { recursive: true, encoding: "utf8" }).filter((path) =>
        path.endsWith(`${name}/package.json`),
      );
    assert.deepEqual(copies("@pulumi/pulumi"), ["@pulumi/pulumi/package.json"]);
  });

  it("deploys from TypeScript, with its types", async () => {
    const program = `
      import { readFileSync } from "node:fs";
      import { Environment, isRolloutError, policyPack, type RolloutEvent, type SettingsInput } from "enroute-istio";
      import { MeshMutualTls } from "enroute-istio/components/mesh-mutual-tls";

      const settings = JSON.parse(readFileSync("settings.json", "utf8")) as SettingsInput;
      const kinds = new Set<RolloutEvent["kind"]>();
      async function main(): Promise<void> {
        const shop = new Environment({ stack: "packed", settings, createIfMissing: true });
        const { outputs, hasChanges } = await shop.up({
          policyPacks: [policyPack],
          policyPackConfigs: ["levels.json"],
          onEvent: ({ kind }) => kinds.add(kind),
        });
        const address: string | undefined = outputs.gatewayAddress?.value;
        console.log(JSON.stringify({ hasChanges, address, kinds: [...kinds].sort(), component: typeof MeshMutualTls }));
      }
      main().catch((error: unknown) => {
        if (isRolloutError(error) && error.code === "settings-invalid") console.error(error.about.problems.length);
        console.error(error);
        process.exitCode = 1;
      });
    `;
    writeFileSync(join(folder, "program.ts"), program);
    writeFileSync(join(folder, "levels.json"), JSON.stringify({ "image-tags": "advisory" }));
    const compiler = {
      strict: true,
      target: "es2022",
      module: "node16",
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")],
      skipLibCheck: true,
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: compiler, files: ["program.ts"] }));
    await succeed(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "--project", folder]);
    const result = JSON.parse((await node("program.js")).trim().split("\n").at(-1)!) as Record<string, unknown>;
    assert.equal(result["hasChanges"], true);
    assert.match(String(result["address"]), /^127\./);
    assert.equal(result["component"], "function");
    for (const kind of ["started", "planned", "resource", "finished"])
      assert.ok((result["kinds"] as string[]).includes(kind));
  });

  it("deploys from plain JavaScript, as a module, and by its command", async () => {
    const program = `
      import { readFileSync } from "node:fs";
      import { Environment } from "enroute-istio";

      const settings = JSON.parse(readFileSync("settings.json", "utf8"));
      settings.namespaces = [{ name: "bookinfo", labels: { team: "shop" } }];
      const shop = new Environment({ stack: "packed", settings });
      const { resources } = await shop.up();
      const gone = await shop.destroy({ remove: true });
      console.log(JSON.stringify({ changed: resources.map(({ change, resource }) => change + " " + resource.name), gone: gone.hasChanges }));
    `;
    writeFileSync(join(folder, "program.mjs"), program);
    const { changed, gone } = JSON.parse((await node("program.mjs")).trim().split("\n").at(-1)!) as {
      changed: string[];
      gone: boolean;
    };
    assert.deepEqual(changed, ["update bookinfo.labels"]);
    assert.equal(gone, true);
    const version = await succeed(join(folder, "node_modules/.bin/enroute-istio"), ["--version"]);
    assert.match(version, /^\d+\.\d+\.\d+\n$/);
  });

  async function node(file: string): Promise<string> {
    const { code, stdout, stderr } = await run(process.execPath, [file], { cwd: folder, env });
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  }
});
