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
  const builtVersion = "4.25.0";
  const standIns = ["pulumi-language-nodejs", "pulumi-resource-tls"];
  const built = ["pulumi", "pulumi-resource-kubernetes"];
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
      builtKubernetes: executable("built/pulumi-resource-kubernetes", "\x7fELF built here"),
      // No test's plugin is a real one.
      versionOf: (path) => {
        const content = readFileSync(path, "utf8");
        if (content.includes("broken")) return Promise.reject(new Error("it ended at once (SIGSEGV)"));
        return Promise.resolve(content.includes("built here") ? builtVersion : kubernetesVersion);
      },
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
    join(options.pulumiHome, "plugins", plugins[index]!, ["pulumi-resource-kubernetes", "pulumi-resource-tls"][index]!);
  const builtPath = (): string =>
    join(options.pulumiHome, "plugins", `resource-kubernetes-v${builtVersion}`, "pulumi-resource-kubernetes");

  const installed = (engine: Engine): string[] => readdirSync(engine.binFolder).sort();

  it("puts the built parts and the stand-ins where the CLI looks for them", async () => {
    const engine = await installEngine({ ...options, ownPartsOnly: true });
    assert.deepEqual([engine.official, engine.built, engine.standIns], [[], built, standIns]);
    assert.equal(engine.kubernetesVersion, builtVersion);
    assert.deepEqual(installed(engine), ["pulumi", "pulumi-language-nodejs"]);
    const cli = join(engine.binFolder, "pulumi");
    assert.equal(readFileSync(cli, "utf8"), readFileSync(options.builtPulumi, "utf8"));
    // The CLI resolves links before it looks for the language host beside it.
    assert.equal(realpathSync(cli), cli);
    const folders = [`resource-kubernetes-v${builtVersion}`, plugins[1]];
    assert.deepEqual(readdirSync(join(options.pulumiHome, "plugins")).sort(), folders);
    for (const path of [builtPath(), pluginPath(1)]) {
      assert.ok(lstatSync(dirname(path)).isDirectory(), "the CLI does not look at links to folders");
      assert.ok((statSync(path).mode & 0o111) !== 0);
    }
  });

  it("makes stand-ins that print their port and end with their parent", async () => {
    const engine = await installEngine({ ...options, ownPartsOnly: true });
    for (const path of [join(engine.binFolder, "pulumi-language-nodejs"), pluginPath(1)]) {
      // The input ends at once, as when the engine is gone.
      const { status, stdout, stderr } = spawnSync(path, ["127.0.0.1:1"], { input: "", encoding: "utf8" });
      assert.deepEqual([status, stderr], [0, ""], path);
      assert.match(stdout, /^([0-9]+\n)?$/, path);
    }
  });

  it("leaves out every comment and writes nothing of ours into the launchers but two paths", async () => {
    await installEngine({ ...options, ownPartsOnly: true });
    const [line, command, ...rest] = readFileSync(pluginPath(1), "utf8").split("\n");
    assert.deepEqual([line, rest], ["#!/bin/sh", [""]]);
    const bundle = /^exec '([^']+)' '([^']+)' "\$@"$/.exec(command!);
    assert.equal(bundle?.[1], process.execPath);
    assert.doesNotMatch(readFileSync(bundle[2]!, "utf8"), /Copyright|@license/);
  });

  it("writes nothing when run again", async () => {
    const engine = await installEngine({ ...options, ownPartsOnly: true });
    const files = [...installed(engine).map((name) => join(engine.binFolder, name)), builtPath(), pluginPath(1)];
    const inodes = (): number[] => files.map((file) => lstatSync(file).ino);
    const before = inodes();
    assert.deepEqual(await installEngine({ ...options, ownPartsOnly: true }), engine);
    assert.deepEqual(inodes(), before);
  });

  it("can be done by several at once, and leaves nothing half-done", async () => {
    const cacheFolder = join(folder, "fresh");
    const all = await Promise.all([1, 2, 3].map(() => installEngine({ ...options, cacheFolder, ownPartsOnly: true })));
    assert.deepEqual(all[1], all[0]);
    assert.deepEqual(all[2], all[0]);
    const files = readdirSync(folder, { recursive: true }).map(String);
    assert.deepEqual(
      files.filter((file) => file.endsWith(".tmp")),
      [],
    );
  });

  it("gives another CLI another folder, so that several checkouts can share the cache", async () => {
    const one = await installEngine({ ...options, ownPartsOnly: true });
    const builtPulumi = executable("other/pulumi", "#!/bin/sh\nexit 2\n");
    const other = await installEngine({ ...options, builtPulumi, ownPartsOnly: true });
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
    const { binFolder } = await installEngine({ ...options, ownPartsOnly: true });
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
    executable(`home/plugins/${plugins[0]}/pulumi-resource-kubernetes`, "\x7fELF by hand");
    const engine = await installEngine(options);
    assert.deepEqual([engine.official, engine.kubernetesVersion], [["pulumi-resource-kubernetes"], kubernetesVersion]);
    assert.equal(readFileSync(pluginPath(0), "utf8"), "\x7fELF by hand");
  });

  it("goes back to the stand-in when the official plugin is gone", async () => {
    const theirs = executable(`users/plugins/${plugins[1]}/pulumi-resource-tls`, "\x7fELF");
    await installEngine(options);
    rmSync(theirs);
    assert.deepEqual((await installEngine(options)).official, []);
    assert.match(readFileSync(pluginPath(1), "utf8"), /^#!\/bin\/sh/);
  });

  it("passes over an official plugin that does not run, and says why", async () => {
    const theirs = executable(`users/plugins/${plugins[0]}/pulumi-resource-kubernetes`, "\x7fELF broken");
    const lines: string[] = [];
    const engine = await installEngine({ ...options, report: (line) => void lines.push(line) });
    assert.deepEqual([engine.official, engine.kubernetesVersion], [[], builtVersion]);
    assert.ok(
      lines.includes(
        `${theirs} cannot be used: it ended at once (SIGSEGV). Delete its folder to get rid of this line.`,
      ),
      lines.join("\n"),
    );
  });

  it("deletes a built provider that does not run, and says that the next run makes it anew", async () => {
    const path = executable("built/pulumi-resource-kubernetes", "\x7fELF broken");
    await assert.rejects(
      installEngine(options),
      /built here does not run: it ended at once .* run the same command again/,
    );
    assert.equal(existsSync(path), false);
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
      assert.deepEqual(lines.sort(), [
        `looking for the official Pulumi plugin kubernetes ${kubernetesVersion}`,
        `looking for the official Pulumi plugin tls ${tlsVersion}`,
      ]);
      assert.deepEqual(engine.standIns, standIns);
      await installEngine(again);
      assert.deepEqual(asked(engine), tries);
      const note = join(folder, "cache/engine", `${plugins[1]}.not-found`);
      const yesterday = Date.now() / 1000 - 25 * 3600;
      utimesSync(note, yesterday, yesterday);
      await installEngine(again);
      assert.deepEqual(asked(engine), [...tries, tries[1]].sort());
    });

    it("gives up a download that brings nothing, and goes on with one for as long as bytes come", async () => {
      // Each byte count is asked of the folder; the fake download of tls is silent, that of kubernetes takes longer than it.
      const script = `if [ "$4" = tls ]; then exec sleep 600; fi
mkdir -p "$PULUMI_HOME/plugins/resource-$4-v$5"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do head -c 100000 /dev/zero >> "$TMPDIR/archive"; sleep 0.5; done
printf 'ELF' > "$PULUMI_HOME/plugins/resource-$4-v$5/pulumi-resource-$4"`;
      process.env["PATH"] = original.PATH;
      const lines: string[] = [];
      const engine = await installEngine({
        ...options,
        builtPulumi: executable("built/pulumi", `#!/bin/sh\n${script}\n`),
        report: (line) => void lines.push(line),
      });
      assert.deepEqual(engine.official, ["pulumi-resource-kubernetes"]);
      assert.match(lines.join("\n"), /downloading the Pulumi plugin kubernetes \S+: 1 MB/);
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
