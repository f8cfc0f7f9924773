import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listChecks } from "../../../automation";
import { commandLine } from "../../../cli/program";

const root = join(__dirname, "../../..");

/** Runs the command line from a folder of its own: it must not matter which. */
function run(args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const options = { cwd: tmpdir(), env: { ...process.env, NO_COLOR: "1", ...env } };
    const command = ["--require", require.resolve("tsx/cjs"), join(root, "cli/main.ts"), ...args];
    execFile(process.execPath, command, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

describe("the command line", () => {
  const commands = commandLine().commands;

  it("has the commands of a stack's life", () => {
    const names = commands.map((command) => command.name()).sort();
    const life = ["preview", "up", "verify", "destroy", "outputs", "status", "review", "preflight", "recover"];
    assert.deepEqual(
      life.filter((name) => !names.includes(name)),
      [],
    );
  });

  it("describes every command and every option", () => {
    for (const command of commands) {
      assert.notEqual(command.description(), "", command.name());
      for (const option of command.options)
        assert.notEqual(option.description, "", `${command.name()} ${option.flags}`);
    }
  });

  it("teaches: an order of commands, exit codes, examples", async () => {
    const { code, stdout } = await run(["--help"]);
    assert.equal(code, 0);
    assert.match(stdout, /The life of a stack:\n +enroute-istio preflight --stack dev/);
    const up = await run(["up", "--help"]);
    assert.match(up.stdout, /Ctrl-C once stops gracefully/);
    assert.match(up.stdout, /Exit codes:\n {2}0 {4}done\n[^]*130 {2}interrupted/);
  });

  it("lists every check without a stack, for people and for machines", async () => {
    const [text, json] = await Promise.all([run(["verify", "--list"]), run(["preflight", "--list", "--json"])]);
    assert.deepEqual([text.code, json.code], [0, 0]);
    assert.match(text.stdout, /^hosts\/tls +error +\S.*\n +reads: GatewayHosts$/m);
    assert.match(text.stdout, /^client-leg\/plain-http +error +.*\n +reads: .*connects to the gateway$/m);
    assert.deepEqual(JSON.parse(json.stdout), listChecks("preflight"));
  });

  it("refuses a check that does not exist, before it looks for the stack", async () => {
    const { code, stdout, stderr } = await run(["verify", "--stack", "nowhere", "--only", "hosts/tsl"]);
    assert.deepEqual([code, stdout], [3, ""]);
    assert.match(
      stderr,
      /^error: option '--only <check>': there is no check hosts\/tsl; did you mean hosts\/tls\?\n {2}fix: /,
    );
  });

  it("ends with 3 and one clear error where nothing could be begun", async () => {
    const wrong = await run(["upp"]);
    assert.deepEqual([wrong.code, wrong.stdout], [3, ""]);
    assert.match(wrong.stderr, /unknown command 'upp'\n\(Did you mean up\?\)/);
    const missing = await run(["preview"]);
    assert.equal(missing.code, 3);
    assert.match(missing.stderr, /required option '-s, --stack <name>' not specified/);
    const nowhere = await run(["outputs", "--stack", "dev", "--cwd", tmpdir()]);
    assert.equal(nowhere.code, 3);
    assert.match(nowhere.stderr, /^there is no Pulumi project in the folder .*\n {2}fix: /);
    const asked = await run(["up", "--stack", "dev", "--cwd", root]);
    assert.equal(asked.code, 3);
    assert.match(asked.stderr, /Cannot ask for confirmation: not a terminal\.\n {2}fix: .*--yes/);
  }).timeout(40_000);

  it("has review as one of its commands, with its options and exit codes", async () => {
    const { code, stdout } = await run(["review", "--help"]);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^Usage: enroute-istio review \[options\]\n[^]*--base[^]*\nExit codes:\n {2}0 {2}the policies let it pass\n/,
    );
  });

  it("gives an error as JSON where JSON was asked for", async () => {
    const { code, stdout } = await run(["outputs", "--stack", "dev", "--cwd", root, "--json"], { PATH: "/nowhere" });
    assert.equal(code, 3);
    const { error } = JSON.parse(stdout) as { error: { code: string; next: string } };
    assert.equal(error.code, "pulumi-missing");
    assert.match(error.next, /install/);
  });

  describe("completes in a shell", () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), "completion-"));
      mkdirSync(join(folder, "stacks"));
      writeFileSync(join(folder, "Pulumi.yml"), "name: p\nstackConfigDir: stacks\n");
      writeFileSync(join(folder, "stacks/Pulumi.customer-1.yml"), "");
    });
    after(() => rmSync(folder, { recursive: true }));
    const complete = async (...words: string[]) =>
      (await run(["complete", "--", ...words], { PULUMI_OPTION_CWD: folder })).stdout;

    it("commands, options, and the names of stacks", async () => {
      assert.match(await complete("ver"), /^verify\t/m);
      assert.match(await complete("up", "--cr"), /^--create\t/m);
      assert.match(await complete("up", "--stack", ""), /^customer-1\t/m);
    });

    for (const shell of ["bash", "zsh", "fish"])
      it(`with a script for ${shell}`, async () => {
        const { code, stdout } = await run(["completion", shell]);
        assert.equal(code, 0);
        assert.match(stdout, /enroute-istio/);
        assert.match(stdout, /complete/);
      });
  });
});
