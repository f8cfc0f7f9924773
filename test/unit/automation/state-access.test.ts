import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { classify, codeOf } from "../../../automation/classify";
import { type RolloutErrorCode, explanations, failure } from "../../../automation/errors";
import { type Access, explainAccess, isPassing, lockedFailure, steadily } from "../../../automation/state-access";
import { type StackLock, judgeLock, judgeUnseen } from "../../../recovery/locks";
import type { StatePlace } from "../../../recovery/state-file";

const lock = (state: StackLock["state"]): StackLock => ({ since: "2026-11-27T15:00:00.000Z", state, why: "because" });

describe("an operation that failed at the state", () => {
  const cases: [RolloutErrorCode, StackLock[], boolean, { reads: boolean; takesLock: boolean }][] = [
    // The lock was another update's that has ended, or of one that began at the same moment and gave way, too.
    ["stack-locked", [], false, { reads: true, takesLock: true }],
    ["stack-locked", [lock("running")], false, { reads: false, takesLock: false }],
    ["stack-locked", [lock("unseen")], false, { reads: false, takesLock: false }],
    ["stack-locked", [lock("left-behind")], false, { reads: false, takesLock: false }],
    // It was just being written.
    ["state-damaged", [], false, { reads: true, takesLock: true }],
    ["state-damaged", [lock("running")], false, { reads: true, takesLock: false }],
    ["state-damaged", [lock("running")], true, { reads: true, takesLock: false }],
    ["state-damaged", [lock("unseen")], true, { reads: true, takesLock: false }],
    ["state-damaged", [lock("left-behind")], false, { reads: true, takesLock: true }],
    // It is damaged.
    ["state-damaged", [], true, { reads: false, takesLock: false }],
    ["state-damaged", [lock("left-behind")], true, { reads: false, takesLock: false }],
    ["passphrase-wrong", [], false, { reads: false, takesLock: false }],
    ["operation-failed", [], false, { reads: false, takesLock: false }],
  ];
  for (const [code, locks, isDamaged, wanted] of cases)
    it(`as ${code}, with ${locks[0]?.state ?? "no"} lock and ${isDamaged ? "cut short" : "whole"} files, ${wanted.reads ? "reads again" : "ends"}`, () => {
      assert.equal(isPassing(code, { locks, isDamaged }, false), wanted.reads);
      assert.equal(isPassing(code, { locks, isDamaged }, true), wanted.takesLock);
    });
});

describe("the state of a stack", () => {
  let place: StatePlace;
  beforeEach(() => {
    place = { folder: mkdtempSync(join(tmpdir(), "access-")), project: "enroute-istio", name: "dev" };
    write("stacks/enroute-istio/dev.json", '{"checkpoint":{}}');
  });
  afterEach(() => rmSync(place.folder, { recursive: true }));
  const access = (): Access => ({ stack: "dev", place: () => Promise.resolve(place) });
  const elsewhere: Access = { stack: "dev", place: () => Promise.resolve(undefined) };
  const write = (path: string, text: string | object) => {
    mkdirSync(join(place.folder, path, ".."), { recursive: true });
    writeFileSync(join(place.folder, path), typeof text === "string" ? text : JSON.stringify(text));
  };
  const lockBy = (pid: number) =>
    write("locks/organization/enroute-istio/dev/1.json", {
      pid,
      username: "alice",
      hostname: hostname(),
      timestamp: new Date().toISOString(),
    });
  const attributes = "stacks/enroute-istio/dev.json.attrs";
  const nobody = 2 ** 22 + 1; // above the greatest process number that Linux gives
  const eof = "error: failed to load checkpoint: EOF";
  const locked = "error: the stack is currently locked by 1 lock(s)";

  /** Fails with these words, one after the other, and then succeeds. */
  const failing = (...words: (string | (() => string))[]) => {
    let tries = 0;
    const action = () => {
      const next = words[tries++];
      if (next === undefined) return Promise.resolve(`try ${tries}`);
      return Promise.reject(new Error(typeof next === "string" ? next : next()));
    };
    return action;
  };
  const steady = (
    action: () => Promise<string>,
    { takesLock = false, isUntouched = true, signal = new AbortController().signal, at = access() } = {},
  ) =>
    steadily(at, action, {
      codeOf: (error) => codeOf((error as Error).message),
      takesLock,
      isUntouched: () => isUntouched,
      signal,
    });

  it("that was just being written is read again", async () => {
    assert.equal(await steady(failing(eof, eof)), "try 3");
    assert.equal(await steady(failing(eof), { takesLock: true }), "try 2");
  });

  it("that another update is writing is read again when it is whole", async () => {
    lockBy(process.pid);
    write(attributes, "");
    setTimeout(() => write(attributes, "{}"), 300);
    assert.equal(await steady(failing(eof)), "try 2");
  });

  it("is not waited for by who wants the lock that another update holds", async () => {
    lockBy(process.pid);
    await assert.rejects(steady(failing(eof), { takesLock: true }), /EOF/);
    await assert.rejects(steady(failing(locked), { takesLock: true }), /currently locked/);
  });

  it("is tried again where the lock has gone: of two at the same moment one goes on", async () => {
    assert.equal(await steady(failing(locked, "error: unexpected end of JSON input"), { takesLock: true }), "try 3");
  });

  it("that is cut short is not read for ever", async () => {
    write(attributes, "");
    const began = Date.now();
    await assert.rejects(steady(failing(eof)), /EOF/);
    assert.ok(Date.now() - began < 5000);
  });

  it("that is whole, and cannot be read all the same, is not read for ever", async () => {
    const tried: number[] = [];
    const action = () => Promise.reject(new Error(`${eof} ${tried.push(1)}`));
    await assert.rejects(steady(action), /EOF 5$/);
  });

  it("is not tried again when something was done, when the caller stops it, or in a backend that is no folder", async () => {
    await assert.rejects(steady(failing(eof), { isUntouched: false }), /EOF/);
    await assert.rejects(steady(failing(eof), { signal: AbortSignal.abort() }), /EOF/);
    await assert.rejects(steady(failing(eof), { at: elsewhere }), /EOF/);
  });

  describe("in an error", () => {
    const none = { errors: [], violations: [], left: { unfinished: [], changed: 0 } };
    const explain = (text: string, at = access()) => explainAccess(classify({ text, ...none }), at);

    it("that another update is writing is locked, and no recovery is advised", async () => {
      lockBy(process.pid);
      write("stacks/enroute-istio/dev.json", '{"checkpo');
      for (const text of [eof, locked]) {
        const error = await explain(text);
        assert.ok(error.code === "stack-locked");
        assert.match(
          error.message,
          new RegExp(`another update is running: alice@${hostname()} \\(pid ${process.pid}\\) since `),
        );
        assert.doesNotMatch(`${error.message} ${error.next}`, /recover/);
        assert.deepEqual(
          error.about.locks.map(({ state }) => state),
          ["running"],
        );
        assert.equal(error.detail, text);
      }
    });

    it("that a killed one left locked says so, with whose and when", async () => {
      lockBy(nobody);
      const error = await explain(locked);
      assert.match(
        error.message,
        /^stack dev: an update was killed and left its lock: alice@.* since .*: its process is gone$/,
      );
      assert.equal(error.next, "recover the stack");
    });

    it("that is damaged is to be recovered, also where a killed one left its lock", async () => {
      write("stacks/enroute-istio/dev.json", '{"checkpo');
      write("stacks/enroute-istio/dev.json.bak", '{"checkpoint":{}}');
      lockBy(nobody);
      const error = await explain(eof);
      assert.equal(error.code, "state-damaged");
      assert.equal(error.next, explanations["state-damaged"].next);
    });

    it("that is damaged without a whole copy says where it is", async () => {
      write("stacks/enroute-istio/dev.json", '{"checkpo');
      const error = await explain(eof);
      assert.match(error.message, /it has no intact copy: .*dev\.json$/);
      assert.match(error.next, /your own backup/);
    });

    it("is not to be recovered where that would change nothing", async () => {
      for (const error of [await explain(eof), await explain(eof, elsewhere)]) {
        assert.equal(error.code, "state-damaged");
        assert.match(error.next, /pulumi stack import/);
      }
      assert.match((await explain(eof)).next, /pulumi state repair/);
    });

    it("in a bucket is explained by what Pulumi said of its locks", async () => {
      const text = `${locked}\n  s3://state/1.json: created by alice@${hostname()} (pid ${nobody}) at 2026-11-27T15:00:00Z`;
      const error = await explain(text, elsewhere);
      assert.match(error.message, /an update was killed and left its lock/);
      // Once explained it stays so.
      assert.equal(await explainAccess(error, elsewhere), error);
      assert.match((await explain(locked, elsewhere)).message, new RegExp(explanations["stack-locked"].cause));
    });

    it("stays as it was told where the backend cannot be asked, and where it is another one", async () => {
      const known = classify({ text: locked, ...none });
      assert.equal(await explainAccess(known, { stack: "dev", place: () => Promise.reject(new Error("no")) }), known);
      const other = failure("interrupted", "stopped", "run it again", { unfinished: [], changed: 0 });
      assert.equal(await explainAccess(other, access()), other);
    });
  });
});

describe("the error of a locked stack", () => {
  const now = new Date("2026-11-27T16:00:00Z");
  const hour = 3600;
  const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);
  const holder = (pid: number, host = "build-7") => ({ user: "alice", host, pid });
  const surroundings = {
    now,
    host: "build-7",
    processStart: (pid: number) => (pid === 100 ? ago(2 * hour) : undefined),
  };
  const judged = (who: StackLock["holder"], age: number) => judgeLock({ holder: who, since: ago(age) }, surroundings);
  const errorOf = (...locks: StackLock[]) => lockedFailure("dev", locks);

  it("says whose update runs, since when, and to wait", () => {
    const { message, next, about } = errorOf(judged(holder(100), hour));
    assert.equal(
      message,
      "stack dev: another update is running: alice@build-7 (pid 100) since 2026-11-27T15:00:00.000Z: its process is running",
    );
    assert.equal(next, "wait for it to end, then try again");
    assert.deepEqual(about, { locks: [judged(holder(100), hour)] });
  });

  it("says how to take away the lock of a host that is gone", () => {
    const { message, next } = errorOf(judged(holder(1, "build-8"), 600));
    assert.match(message, /another update is running: alice@build-8 \(pid 1\) since .*10 minutes ago/);
    assert.match(next, /^wait for it to end; if its host is gone for good, .*pulumi cancel --yes --stack dev/);
  });

  it("says the same of an update that only the backend sees", () => {
    const lock = judgeUnseen({ since: ago(60) }, now, "the backend says that it is in progress");
    assert.match(
      errorOf(lock).message,
      /an unknown holder since .*: the backend says that it is in progress; it began 60 seconds ago/,
    );
    assert.match(errorOf(lock).next, /pulumi cancel/);
  });

  it("says whose lock was left behind, and to recover", () => {
    const { message, next } = errorOf(judged(holder(400), hour));
    assert.equal(
      message,
      "stack dev: an update was killed and left its lock: alice@build-7 (pid 400) since 2026-11-27T15:00:00.000Z: its process is gone",
    );
    assert.equal(next, "recover the stack");
  });

  it("advises no recovery while one of several locks is live", () => {
    const { message, next } = errorOf(judged(holder(400), hour), judged(holder(100), 60));
    assert.match(message, /another update is running: alice@build-7 \(pid 100\)/);
    assert.doesNotMatch(`${message} ${next}`, /pid 400|recover/);
  });
});
