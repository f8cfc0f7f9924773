import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheFolder, keyOf, sortLine } from "../../../sandbox/build";
import { requiredVersion } from "../../../sandbox/go/modules";
import { withLock } from "../../../sandbox/lock";
import { isAlive, thisProcess } from "../../../sandbox/processes";
import { duration, reportTo } from "../../../sandbox/progress";

describe("cache of built binaries", () => {
  it("lies in the XDG cache folder, or else in the home's", () => {
    assert.equal(cacheFolder({ XDG_CACHE_HOME: "/x" }), "/x/enroute-istio");
    assert.match(cacheFolder({}), /\/\.cache\/enroute-istio$/);
  });

  it("has a key that depends on names and contents, not on their order", () => {
    const key = keyOf({ "go.mod": "a", "main.go": "b" });
    assert.equal(keyOf({ "main.go": "b", "go.mod": "a" }), key);
    assert.notEqual(keyOf({ "go.mod": "b", "main.go": "a" }), key);
    assert.notEqual(keyOf({ "go.mod": "ab", "main.go": "" }), key);
  });

  it("reads the version of a module from its go.mod, in either notation", () => {
    const goMod = "module x\n\nrequire a.b/c v1.2.3\n\nrequire (\n\ta.b/cd v2.0.0\n\te.f/g v0.1.0 // indirect\n)\n";
    assert.equal(requiredVersion(goMod, "a.b/c"), "v1.2.3");
    assert.equal(requiredVersion(goMod, "e.f/g"), "v0.1.0");
    assert.throws(() => requiredVersion(goMod, "a.b"), /requires no version of a\.b/);
  });

  it("finds a version for every stamp in the modules that it builds", () => {
    const goMod = (name: string) => readFileSync(join(__dirname, "../../../sandbox/go", name, "go.mod"), "utf8");
    assert.match(requiredVersion(goMod("cluster"), "k8s.io/kubernetes"), /^v1\.\d+\.\d+$/);
    assert.match(requiredVersion(goMod("pulumi"), "github.com/pulumi/pulumi/pkg/v3"), /^v3\.\d+\.\d+$/);
  });
});

describe("output of a build", () => {
  it("counts packages and downloads, and keeps what else is said", () => {
    const output = { compiled: 0, downloaded: 0, other: [] as string[] };
    for (const line of ["go: downloading a.b/c v1.0.0", "a.b/c", "internal/abi", "# a.b/c", "x.go:1:2: undefined: y"]) {
      sortLine(line, output);
    }
    assert.deepEqual(output, { compiled: 2, downloaded: 1, other: ["# a.b/c", "x.go:1:2: undefined: y"] });
  });

  it("keeps the last 40 lines only", () => {
    const output = { compiled: 0, downloaded: 0, other: [] as string[] };
    for (let index = 1; index <= 100; index++) {
      sortLine(`error ${index}`, output);
    }
    assert.equal(output.other.length, 40);
    assert.equal(output.other.at(-1), "error 100");
  });
});

describe("progress", () => {
  it("is printed line by line to a log, a passing line only after 15 quiet seconds", () => {
    let now = 0;
    let text = "";
    const report = reportTo({ write: (part: string) => (text += part) }, () => now);
    report("start");
    now = 14_999;
    report("too early", true);
    now = 15_000;
    report("still at it", true);
    now = 16_000;
    report("too early again", true);
    report("end");
    assert.equal(text, "start\nstill at it\nend\n");
  });

  it("takes the place of the passing line before on a terminal, and is cut to its width", () => {
    let text = "";
    const report = reportTo({ write: (part: string) => (text += part), isTTY: true, columns: 8 });
    report("1234567890", true);
    report("2", true);
    report("end");
    assert.equal(text, "1234567\r\u001b[K2\r\u001b[Kend\n");
  });

  it("says durations as people do", () => {
    assert.deepEqual([400, 8_400, 59_600, 125_000].map(duration), ["0 s", "8 s", "1 min 00 s", "2 min 05 s"]);
  });
});

describe("lock", () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lock-"));
    path = join(folder, "x.lock");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("lets one in at a time, tells who waits for whom, and leaves nothing behind", async () => {
    let inside = 0;
    let most = 0;
    const holders: number[] = [];
    const enter = () =>
      withLock(
        path,
        async () => {
          most = Math.max(most, ++inside);
          await sleep(20);
          inside--;
        },
        ({ pid }) => holders.push(pid),
      );
    await Promise.all([enter(), enter(), enter()]);
    assert.equal(most, 1);
    assert.deepEqual(holders, [process.pid, process.pid]);
    assert.deepEqual(readdirSync(folder), []);
  });

  it("is released when the work fails", async () => {
    await assert.rejects(
      withLock(path, () => Promise.reject(new Error("no"))),
      /^Error: no$/,
    );
    assert.equal(existsSync(path), false);
  });

  it("is taken over from a process that is gone, also if its number is in use again", async () => {
    for (const holder of [
      { pid: 2 ** 22 + 1, started: "1" },
      { ...thisProcess(), started: "before" },
    ]) {
      writeFileSync(path, JSON.stringify(holder));
      assert.equal(await withLock(path, () => Promise.resolve("in")), "in");
    }
  });

  it("knows this process from another one with its number", () => {
    assert.equal(isAlive(thisProcess()), true);
    assert.equal(isAlive({ pid: process.pid, started: "another time" }), false);
  });
});
