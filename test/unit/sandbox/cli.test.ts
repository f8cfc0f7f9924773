import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writePulumi } from "../../../sandbox/environment";
import { nextSteps, updateLines, withoutPastStatus } from "../../../sandbox/show";

const root = join(__dirname, "../../..");

/** Runs the sandbox's command line, as far as it goes without a sandbox. */
function run(...args: string[]): Promise<{ code: number; text: string }> {
  const command = ["--require", require.resolve("tsx/cjs"), join(root, "sandbox/cli.ts"), ...args];
  return new Promise((resolve) =>
    execFile(process.execPath, command, { cwd: root }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr }),
    ),
  );
}

describe("the sandbox's command line", () => {
  const name = `none-${process.pid}`;
  const hints: [args: string[], code: number, said: RegExp][] = [
    [
      ["status"],
      3,
      new RegExp(`The sandbox "${name}" is not running. Start it with: npm run sandbox -- --name ${name}\n$`),
    ],
    [["exec", "--", "kubectl", "version"], 1, new RegExp(`Start it with: npm run sandbox -- --name ${name}\n$`)],
  ];
  for (const [args, code, said] of hints)
    it(`names the sandbox in every hint: ${args[0]}`, async () => {
      const ended = await run("--name", name, ...args);
      assert.match(ended.text, said);
      assert.equal(ended.code, code);
    });

  const unknown: [args: string[], said: RegExp][] = [
    [["foo"], /^error: unknown command 'foo'; there are: up, down, status, exec, logs, clean$/m],
    [["--nodes", "3", "dwon"], /^error: unknown command 'dwon'; did you mean down\?$/m],
    [["dev"], /^error: unknown command 'dev'; to roll out the stack of this name: --stack dev$/m],
  ];
  for (const [args, said] of unknown)
    it(`knows no such command: ${args.join(" ")}`, async () => {
      const { code, text } = await run(...args);
      assert.match(text, said);
      assert.doesNotMatch(text, /too many arguments/);
      assert.equal(code, 1);
    });

  it("takes as many nodes as a machine carries", async () => {
    const { code, text } = await run("--nodes", "201");
    assert.match(text, /^error: option '--nodes <count>' argument '201' is invalid\. a whole number from 1 to 200$/m);
    assert.equal(code, 1);
  });
});

describe("what a person reads after the start", () => {
  it("says how to look, how to change something, and how to stop it, for this sandbox", () => {
    for (const [name, self] of [
      ["default", "npm run sandbox --"],
      ["x", "npm run sandbox -- --name x"],
    ] as const) {
      const commands = nextSteps(name, "dev").match(/^ {2}.*$/gm)!;
      assert.ok(commands.every((command) => command.startsWith(`  ${self} `)));
      const has = (command: string) => assert.ok(commands.includes(`  ${self} ${command}`), command);
      ["status", "down", "exec -- pulumi up --yes", "exec -- npm run review -- --stack dev"].forEach(has);
      assert.match(nextSteps(name, "dev"), /edit stacks\/Pulumi\.dev\.yaml/);
    }
    assert.match(nextSteps("x", undefined), /^Roll out a stack:\n {2}npm run sandbox -- --name x$/m);
  });

  const status = "Minimum number of Pods to consider the application live was not attained";
  const deployment = "kubernetes:apps/v1:Deployment bookinfo-productpage-v1";
  const rows: [what: string, line: string, shown: string][] = [
    ["created", ` +  ${deployment} created (0.38s) ${status}`, ` +  ${deployment} created (0.38s)`],
    [
      "updated",
      ` ~  ${deployment} updated (12s) [diff: ~spec]; ${status}`,
      ` ~  ${deployment} updated (12s) [diff: ~spec]`,
    ],
    ["replaced", `+-  ${deployment} created replacement (2s) ${status}`, `+-  ${deployment} created replacement (2s)`],
    ["deleted", ` -  ${deployment} deleted (0.1s) warning: still there`, ` -  ${deployment} deleted (0.1s)`],
    ...[
      ` +  ${deployment} created (0.38s)`,
      ` +  ${deployment} creating (3s) ${status}`,
      ` +  ${deployment} **creating failed** ${status}`,
      ` ~  ${deployment} **updating failed** [diff: ~spec]; error: ${status}`,
      ` ~  ${deployment} updated (12s) [diff: ~metadata,spec]`,
      `    warning: ${deployment} created (1s) ${status}`,
      "Resources:",
      "    + 51 created",
    ].map((line): [string, string, string] => [`as it is: ${line.trim()}`, line, line]),
  ];
  for (const [what, line, shown] of rows)
    it(`has no status that is over behind what went well: ${what}`, () => {
      assert.equal(withoutPastStatus(line), shown);
    });
});

describe("the output of a rollout", () => {
  it("has each row once, however often the engine repeats it, and every other line", () => {
    const creating = " +  kubernetes:core/v1:Service web creating (0s) ";
    const lines = [
      ...["Updating (dev):", "", creating, `${creating}Skipping await logic`, creating, ""],
      " +  kubernetes:core/v1:Service web created (0.15s) Skipping await logic",
      ...["    same: 1", "    same: 1"],
    ];
    assert.deepEqual(lines.map(updateLines()), [
      ...["Updating (dev):", "", creating, `${creating}Skipping await logic`, undefined, ""],
      " +  kubernetes:core/v1:Service web created (0.15s)",
      ...["    same: 1", "    same: 1"],
    ]);
  });
});

describe("pulumi in the sandbox", () => {
  let folder: string;

  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "it's-")));
    mkdirSync(join(folder, "engine"));
    writeFileSync(join(folder, "engine/pulumi"), `#!/bin/sh\nfor a do printf '%s\\n' "$a"; done\n`, { mode: 0o755 });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("takes paths from where it is called, and leaves everything else as it is", () => {
    const bin = writePulumi(folder, join(folder, "engine"));
    const called = (...args: string[]) =>
      execFileSync(join(bin, "pulumi"), args, { cwd: folder, encoding: "utf8" }).split("\n").slice(0, -1);
    const cases: [args: string[], got: string[]][] = [
      [
        ["preview", "--policy-pack", "policy"],
        ["preview", "--policy-pack", `${folder}/policy`],
      ],
      [
        ["up", "--policy-pack=../a b"],
        ["up", `--policy-pack=${folder}/../a b`],
      ],
      [
        ["up", "--policy-pack", "/else where", "--policy-pack=/x"],
        ["up", "--policy-pack", "/else where", "--policy-pack=/x"],
      ],
      [
        ["up", "--policy-pack-config", "policy/config/dev.json", "--yes"],
        ["up", "--policy-pack-config", `${folder}/policy/config/dev.json`, "--yes"],
      ],
      [
        ["stack", "export", "--file", "state.json"],
        ["stack", "export", "--file", `${folder}/state.json`],
      ],
      [
        ["config", "set", "file", "a b", "--stack", "x"],
        ["config", "set", "file", "a b", "--stack", "x"],
      ],
      [
        ["config", "set", "x", "$(id) `id` \"'\\"],
        ["config", "set", "x", "$(id) `id` \"'\\"],
      ],
      [
        ["up", "", "--message", ""],
        ["up", "", "--message", ""],
      ],
    ];
    for (const [args, got] of cases) assert.deepEqual(called(...args), got);
  });
});
