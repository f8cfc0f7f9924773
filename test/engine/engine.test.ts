import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildBinaries, cacheFolder } from "../../sandbox/build";
import { installEngine } from "../../sandbox/engine/install";

const repository = resolve(__dirname, "../..");

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

interface Step {
  op: string;
  urn: string;
}

const certificates = (terms: string): string => `
import * as tls from "@pulumi/tls";
const caKey = new tls.PrivateKey("ca", { algorithm: "ECDSA", ecdsaCurve: "P256" });
const ca = new tls.SelfSignedCert("ca", {
  privateKeyPem: caKey.privateKeyPem, isCaCertificate: true, subject: { commonName: "Test CA" },
  validityPeriodHours: 48, allowedUses: ["cert_signing"],
});
const key = new tls.PrivateKey("leaf", { algorithm: "ED25519" });
const request = new tls.CertRequest("leaf", { privateKeyPem: key.privateKeyPem, dnsNames: ["a.example"] });
const leaf = new tls.LocallySignedCert("leaf", {
  certRequestPem: request.certRequestPem, caCertPem: ca.certPem, caPrivateKeyPem: caKey.privateKeyPem,
  allowedUses: ["server_auth"], ${terms}
});
export const caPem = ca.certPem;
export const leafPem = leaf.certPem;
export const keyPem = key.privateKeyPem;
`;

describe("the real engine with the sandbox's stand-ins", function () {
  this.timeout(120_000);

  let folder: string;
  let state: string;
  let environment: NodeJS.ProcessEnv;

  before(async function () {
    // Building the CLI takes minutes the first time.
    this.timeout(0);
    const binaries = await buildBinaries({ report: (line) => console.error(line) });
    folder = realpathSync(mkdtempSync(join(tmpdir(), "enroute-engine-")));
    state = join(folder, "state");
    const pulumiHome = join(folder, "home");
    const engine = await installEngine({
      cacheFolder: cacheFolder(),
      pulumiHome,
      builtPulumi: binaries.pulumi,
      builtKubernetes: binaries.kubernetesProvider,
      ownPartsOnly: true,
    });
    mkdirSync(state);
    const own = Object.entries(process.env).filter(([name]) => !/^(PULUMI|ENROUTE)_/.test(name));
    environment = {
      ...Object.fromEntries(own),
      PATH: [engine.binFolder, process.env["PATH"]].join(delimiter),
      PULUMI_HOME: pulumiHome,
      PULUMI_BACKEND_URL: `file://${state}`,
      PULUMI_CONFIG_PASSPHRASE: "for this test only",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  function writeProgram(project: string, source: string): string {
    const path = join(folder, project);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "Pulumi.yaml"), `name: ${project}\nruntime: nodejs\n`);
    const dependencies = { "@pulumi/pulumi": "*", "@pulumi/tls": "*" };
    writeFileSync(join(path, "package.json"), JSON.stringify({ name: project, main: "index.ts", dependencies }));
    const compilerOptions = {
      target: "es2022",
      module: "commonjs",
      moduleResolution: "node",
      strict: true,
      noCheck: true,
    };
    writeFileSync(join(path, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    writeFileSync(join(path, "index.ts"), source);
    if (!existsSync(join(path, "node_modules")))
      symlinkSync(join(repository, "node_modules"), join(path, "node_modules"));
    return path;
  }

  function pulumi(cwd: string, ...args: string[]): Promise<Result> {
    const all = [...args, "--non-interactive", "--color", "never"];
    return new Promise((resolve) => {
      execFile("pulumi", all, { cwd, env: environment, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
    });
  }

  async function succeed(cwd: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await pulumi(cwd, ...args);
    assert.equal(code, 0, `pulumi ${args.join(" ")} failed:\n${stdout}\n${stderr}`);
    return stdout;
  }

  async function newStack(project: string, source: string): Promise<string> {
    const path = writeProgram(project, source);
    await succeed(path, "stack", "init", "test");
    return path;
  }

  async function plannedSteps(path: string): Promise<string[]> {
    const { steps } = JSON.parse(await succeed(path, "preview", "--json")) as { steps: Step[] };
    return steps
      .map(({ op, urn }) => `${op} ${urn.split("::").slice(2).join(" ")}`)
      .filter((step) => !step.startsWith("same"));
  }

  const checkpoint = (project: string): string =>
    readFileSync(join(state, ".pulumi", "stacks", project, "test.json"), "utf8");

  describe("with a program that makes certificates", () => {
    let path: string;

    before(async () => {
      path = await newStack("certificates", certificates("validityPeriodHours: 24"));
    });

    it("previews everything without making anything", async () => {
      assert.deepEqual((await plannedSteps(path)).sort(), [
        "create pulumi:pulumi:Stack certificates-test",
        "create tls:index/certRequest:CertRequest leaf",
        "create tls:index/locallySignedCert:LocallySignedCert leaf",
        "create tls:index/privateKey:PrivateKey ca",
        "create tls:index/privateKey:PrivateKey leaf",
        "create tls:index/selfSignedCert:SelfSignedCert ca",
      ]);
      assert.doesNotMatch(checkpoint("certificates"), /PrivateKey/);
    });

    it("makes a chain that openssl trusts, and has nothing to say beside it", async () => {
      const { stdout } = await pulumi(path, "up", "--yes", "--skip-preview");
      assert.doesNotMatch(stdout, /Diagnostics:|stand-in/);
      const files = { ca: join(folder, "ca.pem"), leaf: join(folder, "leaf.pem") };
      writeFileSync(files.ca, await succeed(path, "stack", "output", "caPem"));
      writeFileSync(files.leaf, await succeed(path, "stack", "output", "leafPem"));
      const args = [
        "verify",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "a.example",
        "-CAfile",
        files.ca,
        files.leaf,
      ];
      const verdict = await new Promise<string>((resolve) => {
        execFile("openssl", args, (error, output, errors) =>
          resolve(error === null ? output : `${error.message}\n${errors}`),
        );
      });
      assert.equal(verdict, `${files.leaf}: OK\n`);
    });

    it("keeps every private key encrypted in the state", async () => {
      assert.doesNotMatch(checkpoint("certificates"), /PRIVATE KEY/);
      assert.match(await succeed(path, "stack", "export", "--show-secrets"), /PRIVATE KEY/);
      assert.match(await succeed(path, "stack", "output"), /keyPem +\[secret\]/);
    });

    it("changes nothing when run again", async () => {
      await succeed(path, "up", "--yes", "--skip-preview", "--expect-no-changes");
    });

    it("finds nothing changed on refresh", async () => {
      await succeed(path, "refresh", "--yes", "--skip-preview", "--expect-no-changes");
    });

    it("updates a certificate in place for another time of renewal, and keeps the certificate", async () => {
      const before = await succeed(path, "stack", "output", "leafPem");
      writeProgram("certificates", certificates("validityPeriodHours: 24, earlyRenewalHours: 1"));
      assert.deepEqual(await plannedSteps(path), ["update tls:index/locallySignedCert:LocallySignedCert leaf"]);
      await succeed(path, "up", "--yes", "--skip-preview");
      assert.equal(await succeed(path, "stack", "output", "leafPem"), before);
    });

    it("replaces a certificate for another validity", async () => {
      writeProgram("certificates", certificates("validityPeriodHours: 12, earlyRenewalHours: 1"));
      assert.deepEqual(await plannedSteps(path), ["replace tls:index/locallySignedCert:LocallySignedCert leaf"]);
    });

    it("replaces a certificate whose time of renewal has come", async () => {
      writeProgram("certificates", certificates("validityPeriodHours: 24, earlyRenewalHours: 24"));
      assert.deepEqual(await plannedSteps(path), ["replace tls:index/locallySignedCert:LocallySignedCert leaf"]);
    });

    it("destroys everything", async () => {
      await succeed(path, "destroy", "--yes", "--skip-preview");
      assert.doesNotMatch(checkpoint("certificates"), /"urn"/);
    });
  });

  describe("with programs that fail", () => {
    it("shows a program's error once, and nothing about exit codes", async () => {
      const path = await newStack("throws", `throw new Error("no luck today");`);
      const { code, stdout } = await pulumi(path, "preview");
      assert.notEqual(code, 0);
      assert.equal(stdout.match(/^ +error: /gm)?.length, 1, stdout);
      assert.equal(stdout.match(/Error: no luck today/g)?.length, 1, stdout);
      assert.doesNotMatch(stdout, /exit code/);
    });

    it("shows a RunError without a stack", async () => {
      const source = `import * as pulumi from "@pulumi/pulumi"; throw new pulumi.RunError("set the key");`;
      const { code, stdout } = await pulumi(await newStack("run-error", source), "preview");
      assert.notEqual(code, 0);
      assert.match(stdout, /error: set the key$/m);
      assert.doesNotMatch(stdout, /index\.ts/);
    });

    it("tells a program that ended without a word from one that succeeded", async () => {
      const { code, stdout } = await pulumi(await newStack("exits", "process.exit(7);"), "preview");
      assert.notEqual(code, 0);
      assert.match(stdout, /Program exited with non-zero exit code: 7/);
    });

    it("names the property of a wrong input", async () => {
      const source = `import * as tls from "@pulumi/tls"; new tls.PrivateKey("k", { algorithm: "DSA" });`;
      const { code, stdout } = await pulumi(await newStack("wrong-input", source), "preview");
      assert.notEqual(code, 0);
      assert.match(stdout, /algorithm.*"DSA" is not one of "RSA", "ECDSA", "ED25519"/);
    });

    it("says what to do where the program's packages are not installed", async () => {
      const path = await newStack("no-packages", "");
      rmSync(join(path, "node_modules"));
      const { code, stdout, stderr } = await pulumi(path, "preview");
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, /npm install/);
    });
  });

  describe("when it is cut off", () => {
    const waiting = `
      import { writeFileSync } from "node:fs";
      process.on("SIGINT", () => {});
      process.on("SIGTERM", () => {});
      writeFileSync("started", [process.pid, process.ppid].join(" "));
      setInterval(() => {}, 1000);
    `;

    // Starts an update whose program never ends; gives the engine, the program and the language host.
    async function startWaiting(project: string): Promise<{ ended: Promise<unknown>; pids: number[]; path: string }> {
      const path = await newStack(project, waiting);
      const args = ["up", "--yes", "--skip-preview", "--non-interactive"];
      const engine = spawn("pulumi", args, { cwd: path, env: environment, stdio: "ignore" });
      const ended = new Promise((resolve) => engine.on("exit", resolve));
      const note = join(path, "started");
      await eventually(() => existsSync(note) && readFileSync(note, "utf8").includes(" "));
      const pids = readFileSync(note, "utf8").split(" ").map(Number);
      return { ended, pids: [engine.pid ?? 0, ...pids], path };
    }

    it("leaves no process of a killed engine behind", async () => {
      const { pids, ended } = await startWaiting("killed");
      assert.deepEqual(pids.map(isAlive), [true, true, true]);
      process.kill(pids[0] ?? 0, "SIGKILL");
      await ended;
      await eventually(() => !pids.some(isAlive));
    });

    it("stops the program on an interrupt, even one that ignores signals, and frees the stack", async () => {
      const { pids, ended, path } = await startWaiting("interrupted");
      process.kill(pids[0] ?? 0, "SIGINT");
      await ended;
      await eventually(() => !pids.some(isAlive));
      writeProgram("interrupted", "");
      await succeed(path, "up", "--yes", "--skip-preview");
    });
  });

  describe("with a policy pack", () => {
    // A pack is a server of the analyzer's service; this one is written without the library that people use.
    const pack = `
      const grpc = require("@grpc/grpc-js");
      const { AnalyzerService } = require("@pulumi/pulumi/proto/analyzer_grpc_pb");
      const messages = require("@pulumi/pulumi/proto/analyzer_pb");
      const plugin = require("@pulumi/pulumi/proto/plugin_pb");
      const policy = new messages.PolicyInfo();
      policy.setName("no-rsa");
      policy.setEnforcementlevel(messages.EnforcementLevel.MANDATORY);
      const answer = (make) => (call, callback) => callback(null, make(call.request));
      const server = new grpc.Server();
      server.addService(AnalyzerService, {
        handshake: answer(() => new messages.AnalyzerHandshakeResponse()),
        getPluginInfo: answer(() => new plugin.PluginInfo()),
        getAnalyzerInfo: answer(() => {
          const info = new messages.AnalyzerInfo();
          info.setName("keys");
          info.setPoliciesList([policy]);
          return info;
        }),
        analyze: answer((request) => {
          const response = new messages.AnalyzeResponse();
          if (request.getProperties().toJavaScript().algorithm !== "RSA") return response;
          const found = new messages.AnalyzeDiagnostic();
          found.setPolicyname("no-rsa");
          found.setPolicypackname("keys");
          found.setMessage("RSA keys are slow");
          found.setEnforcementlevel(messages.EnforcementLevel.MANDATORY);
          response.setDiagnosticsList([found]);
          return response;
        }),
        analyzeStack: answer(() => new messages.AnalyzeResponse()),
        remediate: answer(() => new messages.RemediateResponse()),
      });
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => console.log(port));
    `;
    let packFolder: string;

    before(() => {
      packFolder = join(folder, "pack");
      mkdirSync(packFolder);
      writeFileSync(join(packFolder, "PulumiPolicy.yaml"), "runtime: nodejs\n");
      writeFileSync(
        join(packFolder, "package.json"),
        JSON.stringify({ name: "pack", version: "1.0.0", main: "index.js" }),
      );
      writeFileSync(join(packFolder, "index.js"), pack);
      symlinkSync(join(repository, "node_modules"), join(packFolder, "node_modules"));
    });

    const source = (algorithm: string): string =>
      `import * as tls from "@pulumi/tls"; new tls.PrivateKey("k", { algorithm: "${algorithm}" });`;

    it("stops what the pack forbids", async () => {
      const path = await newStack("forbidden", source("RSA"));
      const { code, stdout } = await pulumi(path, "preview", "--policy-pack", packFolder);
      assert.notEqual(code, 0);
      assert.match(stdout, /\[mandatory\].*no-rsa.*\n +RSA keys are slow/);
    });

    it("lets pass what the pack allows", async () => {
      const path = await newStack("allowed", source("ED25519"));
      await succeed(path, "up", "--yes", "--skip-preview", "--policy-pack", packFolder);
    });

    it("says what to do where the pack's packages are not installed", async () => {
      const bare = join(folder, "bare-pack");
      mkdirSync(bare);
      writeFileSync(join(bare, "PulumiPolicy.yaml"), "runtime: nodejs\n");
      const path = await newStack("bare", source("ED25519"));
      const { code, stdout, stderr } = await pulumi(path, "preview", "--policy-pack", bare);
      assert.notEqual(code, 0);
      assert.match(stdout + stderr, /npm install/);
    });
  });

  it("installs a project's packages", async () => {
    const path = writeProgram("to-install", "");
    rmSync(join(path, "node_modules"));
    writeFileSync(join(path, "package.json"), JSON.stringify({ name: "to-install", version: "1.0.0" }));
    await succeed(path, "install");
    assert.ok(existsSync(join(path, "package-lock.json")));
  });

  it("tells about the program and its packages", async () => {
    const path = writeProgram("about", "");
    const about = JSON.parse(await succeed(path, "about", "--json")) as {
      dependencies: { name: string; version: string }[];
      plugins: { name: string; version: string }[];
    };
    const installed = JSON.parse(readFileSync(join(repository, "node_modules/@pulumi/tls/package.json"), "utf8")) as {
      version: string;
    };
    assert.deepEqual(about.dependencies.map(({ name }) => name).sort(), ["@pulumi/pulumi", "@pulumi/tls"]);
    assert.deepEqual(about.plugins.find(({ name }) => name === "tls")?.version, installed.version);
  });
});

async function eventually(condition: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`still not true after a minute: ${condition.toString()}`);
    await sleep(50);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    // A process that ended but was not yet collected by its parent is not alive either.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
}
