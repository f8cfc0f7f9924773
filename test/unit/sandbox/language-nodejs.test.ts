import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeClient } from "@pulumi/pulumi/proto/language_grpc_pb";
import {
  GetProgramDependenciesRequest,
  GetRequiredPackagesRequest,
  InstallDependenciesRequest,
  PackRequest,
  ProgramInfo,
  RunPluginRequest,
  RunRequest,
  type RunPluginResponse,
  type RunResponse,
} from "@pulumi/pulumi/proto/language_pb";
import { pluginCommand, programCommand } from "../../../sandbox/engine/language-nodejs/command";
import { installCommand } from "../../../sandbox/engine/language-nodejs/install";
import { parseRuntimeOptions, splitArguments } from "../../../sandbox/engine/language-nodejs/options";
import { allPackages, directPackages, requiredPlugins } from "../../../sandbox/engine/language-nodejs/packages";
import { Processes } from "../../../sandbox/engine/language-nodejs/processes";
import { addLanguageService, runResponse } from "../../../sandbox/engine/language-nodejs/service";
import { channelOptions, empty, encode, listen } from "../../../sandbox/engine/wire";

let folder: string;
before(() => (folder = realpathSync(mkdtempSync(join(tmpdir(), "enroute-language-")))));
after(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, content: string | object): string {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, typeof content === "string" ? content : JSON.stringify(content));
  return full;
}

/** A program folder with an SDK of its own, whose runners are the given scripts. */
function programFolder(
  name: string,
  runners: Partial<Record<"run" | "run-policy-pack" | "run-plugin", string>>,
): string {
  write(`${name}/node_modules/@pulumi/pulumi/package.json`, { name: "@pulumi/pulumi", version: "3.0.0" });
  for (const [runner, source] of Object.entries(runners)) {
    write(`${name}/node_modules/@pulumi/pulumi/cmd/${runner}/index.js`, source);
  }
  return join(folder, name);
}

function info(programDirectory: string, options: Record<string, string | boolean> = {}): ProgramInfo {
  return new ProgramInfo()
    .setRootDirectory(dirname(programDirectory))
    .setProgramDirectory(programDirectory)
    .setEntryPoint(".")
    .setOptions(encode(options));
}

describe("runtime options", () => {
  it("have the official host's defaults", () => {
    assert.deepEqual(parseRuntimeOptions({}), { typescript: true, nodeArguments: [], packageManager: "auto" });
  });

  it("are read, and unknown ones ignored", () => {
    const options = { typescript: false, tsconfig: "ts.json", nodeargs: "--a --b=1", packagemanager: "pnpm", other: 1 };
    assert.deepEqual(parseRuntimeOptions(options), {
      typescript: false,
      tsconfig: "ts.json",
      nodeArguments: ["--a", "--b=1"],
      packageManager: "pnpm",
    });
  });

  it("are refused by name, with what is allowed", () => {
    assert.throws(() => parseRuntimeOptions({ typescript: "yes" }), /"typescript" is "yes", but must be true or false/);
    assert.throws(() => parseRuntimeOptions({ tsconfig: 1 }), /"tsconfig" is 1/);
    assert.throws(() => parseRuntimeOptions({ nodeargs: [] }), /"nodeargs" is \[\]/);
    assert.throws(
      () => parseRuntimeOptions({ packagemanager: "pip" }),
      /"pip", but must be auto, npm, yarn, pnpm, bun/,
    );
  });

  it("split Node.js's arguments as a shell would", () => {
    assert.deepEqual(splitArguments(` --require "./a b.js"  --title='x "y"' --z="" `), [
      "--require",
      "./a b.js",
      `--title=x "y"`,
      "--z=",
    ]);
  });
});

describe("the command that runs a program", () => {
  const options = parseRuntimeOptions({});

  it("passes everything that the SDK's runner needs", () => {
    const program = programFolder("passes", { run: "" });
    const request = new RunRequest()
      .setInfo(info(program))
      .setPwd(program)
      .setMonitorAddress("127.0.0.1:1")
      .setOrganization("organization")
      .setProject("project")
      .setStack("-stack")
      .setParallel(7)
      .setDryrun(true)
      .setArgsList(["one"])
      .setConfigsecretkeysList(["a:b"]);
    request.getConfigMap().set("a:b", "c");
    const environment = { HOME: "/home/me", PULUMI_CONFIG: "of another" };
    assert.deepEqual(programCommand(request, options, "127.0.0.1:2", environment), {
      executable: process.execPath,
      args: [
        join(program, "node_modules/@pulumi/pulumi/cmd/run/index.js"),
        "--monitor=127.0.0.1:1",
        "--engine=127.0.0.1:2",
        "--organization=organization",
        "--project=project",
        `--root-directory=${folder}`,
        "--stack=-stack",
        `--pwd=${program}`,
        "--parallel=7",
        "--dry-run",
        ".",
        "one",
      ],
      cwd: program,
      env: {
        HOME: "/home/me",
        PULUMI_CONFIG: `{"a:b":"c"}`,
        PULUMI_CONFIG_SECRET_KEYS: `["a:b"]`,
        PULUMI_NODEJS_TYPESCRIPT: "true",
      },
    });
  });

  it("follows the runtime options", () => {
    const program = programFolder("follows", { run: "" });
    const chosen = parseRuntimeOptions({
      typescript: false,
      tsconfig: "my.json",
      nodeargs: "--max-old-space-size=512",
    });
    const command = programCommand(new RunRequest().setInfo(info(program)), chosen, "e", {
      PULUMI_NODEJS_TYPESCRIPT: "true",
    });
    assert.equal(command.args[0], "--max-old-space-size=512");
    assert.equal(command.env["PULUMI_NODEJS_TYPESCRIPT"], "false");
    assert.equal(command.env["PULUMI_NODEJS_TSCONFIG_PATH"], "my.json");
  });

  it("takes the SDK from the program's packages, and says so where they are missing", () => {
    const request = new RunRequest().setInfo(info(join(folder, "nothing-here")));
    assert.throws(
      () => programCommand(request, options, "e", {}),
      /nothing-here: install the program's packages.*npm install/,
    );
  });

  it("runs a policy pack in its own folder, with the engine's environment", () => {
    const pack = programFolder("pack", { "run-policy-pack": "" });
    const request = new RunPluginRequest()
      .setInfo(info(pack))
      .setKind("analyzer")
      .setPwd("/elsewhere")
      .setArgsList(["127.0.0.1:1"])
      .setEnvList(["A=1=2", "B="]);
    assert.deepEqual(pluginCommand(request, options, { NOT: "this" }), {
      executable: process.execPath,
      args: [join(pack, "node_modules/@pulumi/pulumi/cmd/run-policy-pack/index.js"), "127.0.0.1:1", pack],
      cwd: pack,
      env: { A: "1=2", B: "", PULUMI_NODEJS_TYPESCRIPT: "true" },
    });
  });

  it("runs other plugins where the engine wants them", () => {
    const plugin = programFolder("plugin", { "run-plugin": "" });
    const request = new RunPluginRequest().setInfo(info(plugin)).setKind("resource").setPwd("/elsewhere");
    const command = pluginCommand(request, options, { A: "1" });
    assert.deepEqual([command.cwd, command.env["A"]], ["/elsewhere", "1"]);
    assert.match(command.args[0]!, /run-plugin/);
    assert.equal(command.args[1], plugin, "which the SDK takes as what it runs, whatever follows");
  });
});

describe("the command that installs packages", () => {
  it("goes by the lock file unless a package manager is named", () => {
    const files: [string, string][] = [
      ["none", "npm"],
      ["package-lock.json", "npm"],
      ["yarn.lock", "yarn"],
      ["pnpm-lock.yaml", "pnpm"],
      ["bun.lock", "bun"],
    ];
    for (const [file, expected] of files) {
      write(`lock-${file}/${file}`, "");
      assert.equal(installCommand(join(folder, `lock-${file}`), "auto", {}).executable, expected, file);
    }
    assert.equal(installCommand(join(folder, "lock-yarn.lock"), "npm", {}).executable, "npm");
  });
});

describe("a program's packages", () => {
  const provider = (name: string, version: string, more: object = {}): object => ({
    name: `@pulumi/${name}`,
    version: version.replace("v", ""),
    pulumi: { resource: true, name, version, ...more },
  });

  function program(): string {
    write("packages/package.json", {
      dependencies: { "@pulumi/kubernetes": "1", components: "1", plain: "1", "not-installed": "1" },
      devDependencies: { dev: "1" },
    });
    const modules = "packages/node_modules";
    write(`${modules}/@pulumi/kubernetes/package.json`, provider("kubernetes", "v4.0.0", { server: "https://s" }));
    write(`${modules}/components/package.json`, {
      version: "1.0.0",
      exports: "./index.js",
      dependencies: { "@pulumi/tls": "5", "@pulumi/kubernetes": "3" },
    });
    write(`${modules}/components/node_modules/@pulumi/kubernetes/package.json`, provider("kubernetes", "3.0.0"));
    const parameterization = { name: "random", version: "2.0.0", value: "AAAA" };
    write(`${modules}/@pulumi/tls/package.json`, provider("tls", "5.6.1", { parameterization }));
    write(`${modules}/plain/package.json`, { version: "2.0.0", dependencies: { deeper: "1" } });
    write(`${modules}/deeper/package.json`, { version: "3.0.0", pulumi: { resource: true } });
    write(`${modules}/dev/package.json`, { version: "4.0.0" });
    mkdirSync(join(folder, "packages/source"));
    return join(folder, "packages/source");
  }

  it("name the plugins that they need, remote ones and several versions included", () => {
    assert.deepEqual(requiredPlugins(program()), [
      { name: "kubernetes", version: "3.0.0" },
      { name: "kubernetes", version: "4.0.0", server: "https://s" },
      { name: "tls", version: "5.6.1", parameterization: { name: "random", version: "2.0.0", value: "AAAA" } },
    ]);
  });

  it("are listed as installed, direct ones or all", () => {
    const list = (found: typeof directPackages): string[] =>
      found(join(folder, "packages")).map(({ name, manifest }) => `${name} ${manifest.version}`);
    assert.deepEqual(list(directPackages), [
      "@pulumi/kubernetes 4.0.0",
      "components 1.0.0",
      "plain 2.0.0",
      "dev 4.0.0",
    ]);
    assert.ok(list(allPackages).includes("deeper 3.0.0"));
  });

  it("need the very versions of this project's plugins", () => {
    const repository = join(__dirname, "../../..");
    const version = (name: string): string => {
      const text = readFileSync(join(repository, "node_modules/@pulumi", name, "package.json"), "utf8");
      return (JSON.parse(text) as { version: string }).version;
    };
    assert.deepEqual(requiredPlugins(repository), [
      { name: "kubernetes", version: version("kubernetes") },
      { name: "tls", version: version("tls") },
    ]);
  });

  it("are none where there is no package.json, and an error names one that cannot be read", () => {
    assert.deepEqual(requiredPlugins("/"), []);
    write("broken/package.json", "{");
    assert.throws(() => requiredPlugins(join(folder, "broken")), /could not read .*broken\/package\.json/);
  });
});

describe("the end of a program", () => {
  const end = (code: number | null, signal: NodeJS.Signals | null = null, stopped = false): unknown => {
    const { bail, error } = runResponse({ code, signal, stopped }).toObject();
    return bail ? "bail" : error;
  };

  it("is told to the engine, unless the user knows already", () => {
    assert.equal(end(0), "");
    assert.equal(end(32), "bail");
    assert.equal(end(1), "Program exited with non-zero exit code: 1");
    assert.equal(end(null, "SIGSEGV"), "Program was ended by SIGSEGV");
    assert.equal(end(null, "SIGKILL", true), "bail");
  });
});

describe("the language host's service", () => {
  const opened: (() => void)[] = [];
  const processes = new Processes();
  afterEach(() => {
    processes.stopAll();
    opened.splice(0).forEach((close) => close());
  });

  // Without an engine to talk to.
  async function client(): Promise<LanguageRuntimeClient> {
    const { server, port } = await listen((to) => addLanguageService(to, "127.0.0.1:1", processes));
    const made = new LanguageRuntimeClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), channelOptions);
    opened.push(
      () => made.close(),
      () => server.forceShutdown(),
    );
    return made;
  }

  const unaryCall = <Response>(
    start: (done: (error: grpc.ServiceError | null, response: Response) => void) => unknown,
  ) =>
    new Promise<Response>((resolve, reject) => start((error, response) => (error ? reject(error) : resolve(response))));

  async function output(call: grpc.ClientReadableStream<RunPluginResponse>): Promise<[string, string, number]> {
    const parts: [string, string, number] = ["", "", -1];
    for await (const message of call as AsyncIterable<RunPluginResponse>) {
      parts[0] += Buffer.from(message.getStdout_asU8()).toString();
      parts[1] += Buffer.from(message.getStderr_asU8()).toString();
      parts[2] = message.getExitcode();
    }
    return parts;
  }

  it("runs a program and tells how it ended", async () => {
    const host = await client();
    const run = (name: string, source: string): Promise<RunResponse> => {
      const request = new RunRequest().setInfo(info(programFolder(name, { run: source })));
      return unaryCall((done) => host.run(request, done));
    };
    assert.deepEqual((await run("good", "")).toObject(), { error: "", bail: false });
    assert.deepEqual((await run("told", "process.exit(32)")).toObject(), { error: "", bail: true });
  });

  it("stops a program, even one that ignores signals, when the engine cancels", async () => {
    const host = await client();
    const source = `
      for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
      require("fs").writeFileSync("started", "yes");
      setInterval(() => {}, 1000);
    `;
    const program = programFolder("endless", { run: source });
    const request = new RunRequest().setInfo(info(program));
    const ended = unaryCall<RunResponse>((done) => host.run(request, done));
    await written(join(program, "started"));
    await unaryCall((done) => host.cancel(empty(), done));
    assert.deepEqual((await ended).toObject(), { error: "", bail: true });
  });

  it("streams a policy pack's output and exit code", async () => {
    const source = `process.stdout.write("4711\\n"); process.stderr.write("careful"); process.exitCode = 3;`;
    const pack = programFolder("streamed", { "run-policy-pack": source });
    const request = new RunPluginRequest().setInfo(info(pack)).setKind("analyzer");
    assert.deepEqual(await output((await client()).runPlugin(request)), ["4711\n", "careful", 3]);
  });

  it("stops a policy pack when the engine drops the call", async () => {
    const host = await client();
    const source = `require("fs").writeFileSync("started", String(process.pid)); setInterval(() => {}, 1000);`;
    const pack = programFolder("dropped", { "run-policy-pack": source });
    const call = host.runPlugin(new RunPluginRequest().setInfo(info(pack)).setKind("analyzer"));
    const end = new Promise((resolve) => call.on("error", resolve));
    const pid = Number(await written(join(pack, "started")));
    call.cancel();
    await end;
    await eventually(() => !isAlive(pid));
  });

  it("names the plugins and the packages of a program", async () => {
    const host = await client();
    const program = programFolder("named", {});
    write("named/package.json", { dependencies: { "@pulumi/pulumi": "3", "@pulumi/tls": "5" } });
    const pulumi = { resource: true, name: "tls", version: "5.6.1" };
    write("named/node_modules/@pulumi/tls/package.json", { version: "5.6.1", pulumi });
    const required = await unaryCall<{
      toObject(): { packagesList: { name: string; version: string; kind: string }[] };
    }>((done) => host.getRequiredPackages(new GetRequiredPackagesRequest().setInfo(info(program)), done));
    const [plugin, ...rest] = required.toObject().packagesList;
    assert.deepEqual([plugin?.name, plugin?.version, plugin?.kind, rest], ["tls", "5.6.1", "resource", []]);
    const packages = await unaryCall<{ toObject(): { dependenciesList: { name: string; version: string }[] } }>(
      (done) => host.getProgramDependencies(new GetProgramDependenciesRequest().setInfo(info(program)), done),
    );
    assert.deepEqual(packages.toObject().dependenciesList, [
      { name: "@pulumi/pulumi", version: "3.0.0" },
      { name: "@pulumi/tls", version: "5.6.1" },
    ]);
  });

  it("fails an installation with the command that failed", async () => {
    write("bad-install/package.json", "{");
    const request = new InstallDependenciesRequest().setInfo(info(join(folder, "bad-install")));
    const call = (await client()).installDependencies(request);
    call.resume();
    const error = await new Promise<grpc.ServiceError>((resolve) => call.on("error", resolve));
    assert.match(error.details, /^"npm install .*" in .*bad-install failed with exit code/);
  });

  it("says what it cannot do", async () => {
    const host = await client();
    await assert.rejects(
      unaryCall((done) => host.pack(new PackRequest(), done)),
      (error: grpc.ServiceError) => error.code === grpc.status.UNIMPLEMENTED && /cannot pack SDKs/.test(error.details),
    );
  });
});

async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A file's text, as soon as it has any: whoever writes it makes it first. */
async function written(path: string): Promise<string> {
  let content = "";
  await eventually(() => {
    try {
      content = readFileSync(path, "utf8");
    } catch {
      // Not there yet.
    }
    return content !== "";
  });
  return content;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
