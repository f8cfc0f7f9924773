import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type StackLock,
  type Surroundings,
  LockedError,
  clockSlackSeconds,
  foreignLockHours,
  holdingLock,
  isLive,
  judgeLock,
  parseLocks,
  readLocks,
  removeLocks,
  writingSeconds,
} from "../../../recovery/locks";
import { processStart } from "../../../recovery/process-start";
import { release } from "../../../settings/sections/common";

const now = new Date("2026-11-27T16:00:00Z");
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);
const hour = 3600;

/** Two processes: 100 began two hours ago, 200 five seconds ago. Of 300 the platform only says that it is there. */
const surroundings: Surroundings = {
  now,
  host: "build-7",
  processStart: (pid) => ({ 100: ago(2 * hour), 200: ago(5), 300: "unknown" as const })[pid],
};
const holder = (pid: number, host = "build-7") => ({ user: "alice", host, pid });

describe("a lock", () => {
  const cases: [string, StackLock["holder"], number, StackLock["state"], RegExp][] = [
    ["whose process runs", holder(100), hour, "running", /^its process is running$/],
    ["whose process has run for days", holder(100), 0, "running", /^its process is running$/],
    ["whose process may not be looked at", holder(300), 10 * hour, "running", /^its process is running$/],
    ["whose process is gone", holder(400), 1, "left-behind", /^its process is gone$/],
    [
      "whose process number is another one's by now",
      holder(200),
      hour,
      "left-behind",
      /^its process is gone, and process 200 of today began 2026-11-27T15:59:55\.000Z$/,
    ],
    [
      "that is little older than its process, by a clock that was set",
      holder(200),
      clockSlackSeconds,
      "running",
      /running/,
    ],
    [
      "of another host, young",
      holder(100, "build-8"),
      12 * 60,
      "unseen",
      /^build-8 cannot be seen from build-7; it began 12 minutes ago, and an update takes up to 6 hours$/,
    ],
    ["of another host whose clock is ahead", holder(100, "build-8"), -300, "unseen", /it began 0 seconds ago/],
    ["of another host, just not old", holder(400, "build-8"), foreignLockHours * hour - 1, "unseen", /5 hours ago/],
    [
      "of another host, old",
      holder(100, "build-8"),
      foreignLockHours * hour,
      "left-behind",
      /^build-8 cannot be seen from build-7; it began 6 hours ago, and an update takes no more than 6 hours$/,
    ],
    ["that is just being written", undefined, 2, "running", /^the lock is just being written$/],
    ["that was cut short", undefined, writingSeconds, "left-behind", /^the lock was cut short 60 seconds ago$/],
  ];
  for (const [what, who, age, state, why] of cases)
    it(`${what} is ${state}`, () => {
      const lock = judgeLock({ holder: who, since: ago(age) }, surroundings);
      assert.equal(lock.state, state);
      assert.match(lock.why, why);
      assert.equal(lock.since, ago(age).toISOString());
      assert.deepEqual(lock.holder, who);
      assert.equal(isLive(lock), state !== "left-behind");
    });

  it("of another host counts as live for longer than the longest rollout takes", () => {
    const longest = 3600;
    const { timeoutSeconds } = release({});
    assert.ok(timeoutSeconds.safeParse(longest).success && !timeoutSeconds.safeParse(longest + 1).success);
    // istio-base, istiod, the gateway and its roll-back
    assert.ok(foreignLockHours * hour > 4 * longest);
  });

  it("is judged as docs/troubleshooting.md says", () => {
    const text = readFileSync(join(__dirname, "../../../docs/troubleshooting.md"), "utf8");
    assert.ok(text.includes(`younger than ${foreignLockHours} hours`));
    assert.equal(writingSeconds, 60);
    assert.ok(text.includes("for a minute live"));
  });
});

describe("the locks of a stack in a folder", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "locks-"))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const place = () => ({ folder, project: "enroute-istio", name: "dev" });
  const locks = () => join(folder, "locks/organization/enroute-istio/dev");
  const write = (name: string, content: string | object, age = 0) => {
    mkdirSync(locks(), { recursive: true });
    const file = join(locks(), name);
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
    utimesSync(file, ago(age), ago(age));
    return file;
  };
  // As Pulumi 3.246 writes it.
  const content = (pid: number, host = "build-7") => ({
    pid,
    username: "alice",
    hostname: host,
    timestamp: "2026-11-27T15:00:00.123456789Z",
  });
  const read = () => readLocks(place(), surroundings);
  const states = () => read().map(({ state }) => state);

  it("are none where the folder is missing, or empty", () => {
    assert.deepEqual(read(), []);
    mkdirSync(locks(), { recursive: true });
    assert.deepEqual(read(), []);
  });

  it("are each judged by itself, and their attributes are no locks", () => {
    const file = write("1.json", content(100));
    write("1.json.attrs", "");
    write("2.json", content(400));
    write("3.json", content(100, "build-8"));
    write("4.json.18a3f.tmp", content(400));
    assert.deepEqual(states(), ["running", "left-behind", "unseen", "left-behind"]);
    assert.deepEqual(read()[0], {
      file,
      holder: { user: "alice", host: "build-7", pid: 100 },
      since: "2026-11-27T15:00:00.123Z",
      state: "running",
      why: "its process is running",
    });
  });

  for (const [what, text] of [
    ["empty", ""],
    ["cut short", '{"pid":47'],
    ["of something else", "{}"],
    ["without a time", '{"pid":100,"hostname":"build-7","timestamp":"soon"}'],
  ] as const)
    it(`that are ${what} are being written, or were cut short, by their age`, () => {
      write("1.json", text, 1);
      write("2.json", text, 5 * 60);
      assert.deepEqual(states(), ["running", "left-behind"]);
    });

  it("are found through a symlink", () => {
    write("1.json", content(400));
    const link = `${folder}-link`;
    symlinkSync(folder, link);
    try {
      assert.equal(readLocks({ ...place(), folder: link }, surroundings).length, 1);
    } finally {
      rmSync(link);
    }
  });

  it("are no other stack's", () => {
    write("1.json", content(100));
    assert.deepEqual(readLocks({ ...place(), name: "prod" }, surroundings), []);
    assert.deepEqual(readLocks({ ...place(), project: "shop" }, surroundings), []);
  });

  it("are not taken for none where they cannot be looked at", () => {
    mkdirSync(join(locks(), ".."), { recursive: true });
    writeFileSync(locks(), "no folder");
    assert.throws(read, /ENOTDIR/);
  });

  it("go when they were left behind, with their attributes, and stay when they are live", () => {
    write("1.json", content(100));
    write("1.json.attrs", "{}");
    write("2.json", content(400));
    write("2.json.attrs", "{}");
    removeLocks(read());
    assert.deepEqual(readdirSync(locks()).sort(), ["1.json", "1.json.attrs"]);
  });

  describe("while one is held here", () => {
    it("show who holds it, in Pulumi's own form, until the work is done", async () => {
      const seen = await holdingLock(place(), () => {
        const [name] = readdirSync(locks());
        assert.match(name!, /^[0-9a-f-]{36}\.json$/);
        const {
          pid,
          username,
          hostname: host,
          timestamp,
        } = JSON.parse(readFileSync(join(locks(), name!), "utf8")) as Record<string, unknown>;
        assert.equal(typeof username, "string");
        assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        return Promise.resolve([pid, host, readLocks(place()).map(({ state }) => state)]);
      });
      assert.deepEqual(seen, [process.pid, hostname(), ["running"]]);
      assert.deepEqual(readdirSync(locks()), []);
      assert.deepEqual(readdirSync(folder), ["locks"]);
    });

    it("refuse a second one, and the first goes on", async () => {
      await holdingLock(place(), async () => {
        await assert.rejects(
          holdingLock(place(), () => assert.fail("it was done")),
          (error) => error instanceof LockedError && error.locks[0]!.holder!.pid === process.pid,
        );
        assert.equal(readdirSync(locks()).length, 1);
      });
    });

    it("are released when the work fails", async () => {
      await assert.rejects(
        holdingLock(place(), () => Promise.reject(new Error("no"))),
        /^Error: no$/,
      );
      assert.deepEqual(readdirSync(locks()), []);
    });
  });
});

describe("Pulumi's refusal of a locked stack", () => {
  // As printed by 3.246.
  const text = `error: the stack is currently locked by 2 lock(s). Either wait for the other process(es) to end or delete the lock file with \`pulumi cancel\`.
  s3://state/.pulumi/locks/organization/enroute-istio/dev/1.json: created by alice@build-7 (pid 100) at 2026-11-27T15:00:00Z
  s3://state/.pulumi/locks/organization/enroute-istio/dev/2.json: created by bob@example.com@build-8 (pid 7) at 2026-11-27T17:30:00+02:00`;

  it("names its locks", () => {
    assert.deepEqual(
      parseLocks(text, surroundings).map(({ holder: who, since, state }) => [who, since, state]),
      [
        [{ user: "alice", host: "build-7", pid: 100 }, "2026-11-27T15:00:00.000Z", "running"],
        [{ user: "bob@example.com", host: "build-8", pid: 7 }, "2026-11-27T15:30:00.000Z", "unseen"],
      ],
    );
    assert.deepEqual(parseLocks("error: [409] Conflict: Another update is currently in progress."), []);
  });
});

describe("the start of a process", () => {
  it("is known of one that runs, to a second or so", async () => {
    const before = Date.now();
    const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"]);
    try {
      const started = processStart(child.pid!);
      assert.ok(started instanceof Date && Math.abs(started.getTime() - before) < 5000, String(started));
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    assert.equal(processStart(child.pid!), undefined);
  });

  it("is none of a zombie: it has ended, and its parent has not asked how", async () => {
    // The process that takes the shell's place knows nothing of the shell's child.
    const shell = execFile("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 60"]);
    try {
      const [text] = (await once(shell.stdout!, "data")) as [string];
      assert.ok(processStart(Number(text)) instanceof Date);
      const deadline = Date.now() + 10_000;
      while (processStart(Number(text)) !== undefined && Date.now() < deadline) await sleep(20);
      assert.equal(processStart(Number(text)), undefined);
      assert.doesNotThrow(() => process.kill(Number(text), 0), "it is a zombie, and not gone");
    } finally {
      shell.kill("SIGKILL");
      await once(shell, "exit");
    }
  });
});
