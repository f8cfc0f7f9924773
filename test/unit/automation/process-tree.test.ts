import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { descendants, killTree } from "../../../automation/process-tree";

describe("a tree of processes", () => {
  it("ends as a whole, also what is in a process group of its own, as pulumi's plugins are", async () => {
    const plugin = 'require("child_process").spawn("sleep", ["60"], { detached: true, stdio: "ignore" })';
    const engine = `const { pid } = ${plugin}; console.log(pid); setTimeout(() => {}, 60_000)`;
    const root = spawn(process.execPath, ["-e", engine], { stdio: ["ignore", "pipe", "inherit"], detached: true });
    const [line] = (await once(root.stdout.setEncoding("utf8"), "data")) as [string];
    const pid = Number(line);
    assert.ok(descendants(root.pid!).includes(pid));
    assert.ok(descendants(process.pid).includes(pid));
    const ended = once(root, "exit");
    killTree(root.pid!);
    const [, signal] = (await ended) as [unknown, string];
    assert.equal(signal, "SIGKILL");
    // Its new parent may take a moment to ask how it ended.
    for (const deadline = Date.now() + 5000; isThere(pid) && Date.now() < deadline;) await sleep(20);
    assert.equal(isThere(pid), false);
  });

  it("has nothing below a process that has nothing, or is gone", () => {
    assert.deepEqual(descendants(2 ** 22 + 1), []);
    assert.doesNotThrow(() => killTree(2 ** 22 + 1));
  });
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
