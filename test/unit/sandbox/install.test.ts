import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { version as kubernetesVersion } from "@pulumi/kubernetes/package.json";
import { version as tlsVersion } from "@pulumi/tls/package.json";
import { installEngine, type Engine, type EngineOptions } from "../../../sandbox/engine/install";

describe("installing the engine", function () {
  this.timeout(60_000);

  const plugins = [`resource-kubernetes-v${kubernetesVersion}`, `resource-tls-v${tlsVersion}`];
  const standIns = ["pulumi-language-nodejs", "pulumi-resource-kubernetes", "pulumi-resource-tls"];
  const original = { PATH: process.env["PATH"], PULUMI_HOME: process.env["PULUMI_HOME"] };
  let folder: string;
  let options: EngineOptions;
  let bundles: string;

  // Bundling takes a while, so what was bundled is kept for the next test.
  before(() => {
    bundles = realpathSync(mkdtempSync(join(tmpdir(), "enroute-install-cache-")));
  });
  after(() => rmSync(bundles, { recursive: true, force: true }));

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "enroute-install-")));
    options = {
      cacheFolder: bundles,
      pulumiHome: join(folder, "home"),
      // Not to be found, and without plugins: `pulumi plugin install` fails at once.
      builtPulumi: executable("built/pulumi", "#!/bin/sh\nexit 1\n"),
    };
    process.env["PATH"] = withoutPulumi();
    process.env["PULUMI_HOME"] = join(folder, "users");
  });

  afterEach(() => {
    Object.assign(process.env, original);
    if (original.PULUMI_HOME === undefined) delete process.env["PULUMI_HOME"];
    rmSync(folder, { recursive: true, force: true });
  });

  // The few commands that the scripts of these tests use, and certainly no Pulumi CLI that this machine may have.
  function withoutPulumi(): string {
    const tools = join(folder, "tools");
    mkdirSync(tools, { recursive: true });
    for (const name of ["dirname", "mkdir"]) {
      const found = (original.PATH ?? "").split(delimiter).find((entry) => existsSync(join(entry, name)));
      if (!existsSync(join(tools, name))) symlinkSync(join(found ?? "/bin", name), join(tools, name));
    }
    return tools;
  }

  function executable(path: string, content: string): string {
    const full = join(folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
    chmodSync(full, 0o755);
    return full;
  }

  // An official CLI is a binary; for here, any that is no script and prints what is wanted will do.
  function officialCli(version: string): string {
    executable("official/pulumi-language-nodejs", "\x7fELF");
    const cli = executable("official/pulumi", `#!/bin/sh\necho ${version}\n`);
    process.env["PATH"] = [dirname(cli), withoutPulumi()].join(delimiter);
    return cli;
  }

  const pluginPath = (index: number): string =>
    join(options.pulumiHome, "plugins", plugins[index]!, standIns[index + 1]!);

  const installed = (engine: Engine): string[] => readdirSync(engine.binFolder).sort();

  it("puts the built CLI and the stand-ins where the CLI looks for them", async () => {
    const engine = await installEngine({ ...options, standInsOnly: true });
    assert.deepEqual([engine.official, engine.standIns], [[], standIns]);
    assert.deepEqual(installed(engine), ["pulumi", "pulumi-language-nodejs"]);
    const cli = join(engine.binFolder, "pulumi");
    assert.equal(readFileSync(cli, "utf8"), readFileSync(options.builtPulumi, "utf8"));
    // The CLI resolves links before it looks for the language host beside it.
    assert.equal(realpathSync(cli), cli);
    assert.deepEqual(readdirSync(join(options.pulumiHome, "plugins")).sort(), plugins);
    for (const path of [0, 1].map(pluginPath)) {
      assert.ok(lstatSync(dirname(path)).isDirectory(), "the CLI does not look at links to folders");
      assert.ok((statSync(path).mode & 0o111) !== 0);
    }
  });

  it("makes stand-ins that print their port and end with their parent", async () => {
    const engine = await installEngine({ ...options, standInsOnly: true });
    for (const path of [join(engine.binFolder, "pulumi-language-nodejs"), pluginPath(0), pluginPath(1)]) {
      // The input ends at once, as when the engine is gone.
      const { status, stdout, stderr } = spawnSync(path, ["127.0.0.1:1"], { input: "", encoding: "utf8" });
      assert.deepEqual([status, stderr], [0, ""], path);
      assert.match(stdout, /^([0-9]+\n)?$/, path);
    }
  });

  it("leaves out every comment and writes nothing of ours into the launchers but two paths", async () => {
    await installEngine({ ...options, standInsOnly: true });
    const [line, command, ...rest] = readFileSync(pluginPath(1), "utf8").split("\n");
    assert.deepEqual([line, rest], ["#!/bin/sh", [""]]);
    const bundle = /^exec '([^']+)' '([^']+)' "\$@"$/.exec(command!);
    assert.equal(bundle?.[1], process.execPath);
    assert.doesNotMatch(readFileSync(bundle[2]!, "utf8"), /Copyright|@license/);
  });

  it("writes nothing when run again", async () => {
    const engine = await installEngine({ ...options, standInsOnly: true });
    const files = [...installed(engine).map((name) => join(engine.binFolder, name)), pluginPath(0), pluginPath(1)];
    const inodes = (): number[] => files.map((file) => lstatSync(file).ino);
    const before = inodes();
    assert.deepEqual(await installEngine({ ...options, standInsOnly: true }), engine);
    assert.deepEqual(inodes(), before);
  });

  it("can be done by several at once, and leaves nothing half-done", async () => {
    const cacheFolder = join(folder, "fresh");
    const all = await Promise.all([1, 2, 3].map(() => installEngine({ ...options, cacheFolder, standInsOnly: true })));
    assert.deepEqual(all[1], all[0]);
    assert.deepEqual(all[2], all[0]);
    const files = readdirSync(folder, { recursive: true }).map(String);
    assert.deepEqual(
      files.filter((file) => file.endsWith(".tmp")),
      [],
    );
  });

  it("gives another CLI another folder, so that several checkouts can share the cache", async () => {
    const one = await installEngine({ ...options, standInsOnly: true });
    const builtPulumi = executable("other/pulumi", "#!/bin/sh\nexit 2\n");
    const other = await installEngine({ ...options, builtPulumi, standInsOnly: true });
    assert.notEqual(other.binFolder, one.binFolder);
    assert.match(readFileSync(join(one.binFolder, "pulumi"), "utf8"), /exit 1/);
    assert.match(readFileSync(join(other.binFolder, "pulumi"), "utf8"), /exit 2/);
  });

  it("prefers an official CLI that is new enough, with its language host", async () => {
    const cli = officialCli("v3.999.0");
    const engine = await installEngine(options);
    assert.deepEqual(engine.official, ["pulumi", "pulumi-language-nodejs"]);
    assert.equal(realpathSync(join(engine.binFolder, "pulumi")), cli);
    assert.equal(
      realpathSync(join(engine.binFolder, "pulumi-language-nodejs")),
      join(dirname(cli), "pulumi-language-nodejs"),
    );
  });

  it("passes over an official CLI that is too old, has no language host, or says nothing", async () => {
    officialCli("v3.245.9");
    assert.deepEqual((await installEngine(options)).official, []);
    officialCli("");
    assert.deepEqual((await installEngine(options)).official, []);
    rmSync(join(dirname(officialCli("v3.999.0")), "pulumi-language-nodejs"));
    assert.deepEqual((await installEngine(options)).official, []);
  });

  it("takes what it made itself for no official CLI", async () => {
    const { binFolder } = await installEngine({ ...options, standInsOnly: true });
    process.env["PATH"] = [binFolder, withoutPulumi()].join(delimiter);
    assert.deepEqual((await installEngine(options)).official, []);
  });

  it("uses official plugins from the user's own plugin cache, complete ones only", async () => {
    const theirs = executable(`users/plugins/${plugins[1]}/pulumi-resource-tls`, "\x7fELF");
    const engine = await installEngine(options);
    assert.deepEqual(engine.official, ["pulumi-resource-tls"]);
    assert.equal(realpathSync(pluginPath(1)), theirs);
    assert.ok(lstatSync(dirname(pluginPath(1))).isDirectory());
    writeFileSync(join(folder, "users/plugins", `${plugins[1]}.partial`), "");
    rmSync(options.pulumiHome, { recursive: true });
    assert.deepEqual((await installEngine(options)).official, []);
  });

  it("keeps an official plugin that somebody put there by hand", async () => {
    await installEngine(options);
    rmSync(pluginPath(0));
    executable(`home/plugins/${plugins[0]}/pulumi-resource-kubernetes`, "\x7fELF by hand");
    assert.deepEqual((await installEngine(options)).official, ["pulumi-resource-kubernetes"]);
    assert.equal(readFileSync(pluginPath(0), "utf8"), "\x7fELF by hand");
  });

  it("goes back to the stand-in when the official plugin is gone", async () => {
    const theirs = executable(`users/plugins/${plugins[1]}/pulumi-resource-tls`, "\x7fELF");
    await installEngine(options);
    rmSync(theirs);
    assert.deepEqual((await installEngine(options)).official, []);
    assert.match(readFileSync(pluginPath(1), "utf8"), /^#!\/bin\/sh/);
  });

  describe("by download", () => {
    const counting = (action: string): string => `#!/bin/sh\necho "$@" >> "$(dirname "$0")/asked"\n${action}\n`;
    // The CLI is called by the name that it has in the cache.
    const asked = ({ binFolder }: Engine): string[] => {
      const file = join(binFolder, "asked");
      return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").sort() : [];
    };

    beforeEach(() => {
      options = { ...options, cacheFolder: join(folder, "cache") };
    });

    it("tries once, says so, and remembers for a day that there is nothing to be had", async () => {
      const lines: string[] = [];
      const builtPulumi = executable("built/pulumi", counting("exit 1"));
      const again = { ...options, builtPulumi, report: (line: string): void => void lines.push(line) };
      const engine = await installEngine(again);
      const tries = [
        `plugin install resource kubernetes ${kubernetesVersion} --exact`,
        `plugin install resource tls ${tlsVersion} --exact`,
      ];
      assert.deepEqual(asked(engine), tries);
      assert.deepEqual(lines, ["looking for the official Pulumi plugins kubernetes and tls (at most 5 s)"]);
      assert.deepEqual(engine.standIns, standIns);
      await installEngine(again);
      assert.deepEqual(asked(engine), tries);
      const note = join(folder, "cache/engine", `${plugins[1]}.not-found`);
      const yesterday = Date.now() / 1000 - 25 * 3600;
      utimesSync(note, yesterday, yesterday);
      await installEngine(again);
      assert.deepEqual(asked(engine), [...tries, tries[1]].sort());
    });

    it("takes what was downloaded, for this run and for others", async () => {
      const download = `mkdir -p "$PULUMI_HOME/plugins/resource-$4-v$5" && printf 'ELF' > "$PULUMI_HOME/plugins/resource-$4-v$5/pulumi-resource-$4"`;
      const builtPulumi = executable("built/pulumi", counting(download));
      const engine = await installEngine({ ...options, builtPulumi });
      assert.deepEqual(engine.official, ["pulumi-resource-kubernetes", "pulumi-resource-tls"]);
      assert.equal(readFileSync(pluginPath(0), "utf8"), "ELF");
      const second = await installEngine({ ...options, builtPulumi, pulumiHome: join(folder, "second") });
      assert.deepEqual(second.official, engine.official);
      assert.equal(asked(engine).length, 2);
      assert.deepEqual(
        readdirSync(join(folder, "cache/engine")).filter((name) => name.startsWith("download-")),
        [],
      );
    });
  });
});
