import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation";
import type { RunnablePulumi } from "../../../automation/pulumi-command";
import { type Reading, recoverStack, statusOf } from "../../../automation/stack-state";
import type { StatePlace } from "../../../recovery/state-file";
import { refusalOf } from "../../refusal";
import { stackFile } from "../stack-files";
import { type Answer, type FakeApi, Status, fakeApi } from "../verify/fake-api";

const hour = 3_600_000;
const nobody = 2 ** 22 + 1; // above the greatest process number that Linux gives
const secrets = "/api/v1/namespaces/istio-system/secrets";
const record = `${secrets}/sh.helm.release.v1.istiod.v1`;

describe("recovering a stack", () => {
  let api: FakeApi;
  let folder: string;
  let done: string[];
  let version: Answer;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "recovering-"));
    done = [];
    const labels = { owner: "helm", name: "istiod", version: "1", status: "pending-install" };
    version = {};
    api = await fakeApi({
      "/version": () => version,
      [secrets]: { items: [{ metadata: { labels } }] },
      "/api/v1/namespaces/enroute-system/secrets": { items: [] },
      [record]: () => {
        done.push("forget");
        return {};
      },
    });
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true });
    await api.close();
  });

  const place = (): StatePlace => ({ folder, project: "enroute-istio", name: "dev" });
  const write = (path: string, text: string | object) => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof text === "string" ? text : JSON.stringify(text));
    return file;
  };
  const lockBy = (pid: number) =>
    write("locks/organization/enroute-istio/dev/1.json", {
      pid,
      username: "alice",
      hostname: hostname(),
      timestamp: new Date().toISOString(),
    });
  const locks = () => {
    const path = join(folder, "locks/organization/enroute-istio/dev");
    return existsSync(path) ? readdirSync(path) : [];
  };

  /** A stack whose pulumi does nothing but note what it is asked to. */
  function reading({
    url = "file:///state",
    last,
    refusal,
  }: { url?: string; last?: object; refusal?: string } = {}): Reading {
    const note = (what: string, result?: unknown) => () => {
      done.push(what);
      return Promise.resolve(result);
    };
    const release = { urn: "urn:pulumi:dev::enroute-istio::kubernetes:helm.sh/v3:Release::istiod" };
    const stack = {
      name: "dev",
      workspace: {
        whoAmI: () => Promise.resolve({ url }),
        projectSettings: () => Promise.resolve({ name: "enroute-istio" }),
      },
      info: () => Promise.resolve(last),
      exportStack: () =>
        Promise.resolve({
          deployment: {
            resources: [{ type: "kubernetes:helm.sh/v3:Release", id: "istio-system/istiod" }],
            pending_operations: [{ type: "creating", resource: release }],
          },
        }),
      cancel: note("cancel"),
      refresh: () => note(`refresh, with ${locks().length} locks`)(),
    };
    const command = {
      run: (args: string[]) => (done.push(args.join(" ")), Promise.reject(new Error(refusal ?? "already exists"))),
    };
    return {
      stack: stack as unknown as Stack,
      command: command as unknown as RunnablePulumi,
      folder: "/",
      access: { stack: "dev", place: () => Promise.resolve(url.startsWith("file:") ? place() : undefined) },
      settings: () => (
        done.push("settings"),
        Promise.resolve({ ...stackFile("dev"), kubeconfig: api.kubeconfig, context: "fake" })
      ),
    };
  }

  describe("in a folder", () => {
    beforeEach(() => write("stacks/enroute-istio/dev.json", '{"checkpoint":{}}'));

    for (const apply of [false, true])
      it(`touches nothing while an update runs${apply ? ", whatever it is told" : ""}`, async () => {
        const lock = lockBy(process.pid);
        const state = write("stacks/enroute-istio/dev.json", '{"checkpo');
        const error = await refusalOf(recoverStack(reading(), { apply }));
        assert.ok(error.code === "stack-locked");
        assert.match(error.message, /another update is running: alice@/);
        assert.equal(error.next, "wait for it to end, then try again");
        assert.deepEqual(done, []);
        assert.deepEqual(locks(), ["1.json"]);
        assert.ok(existsSync(lock));
        assert.equal(readFileSync(state, "utf8"), '{"checkpo');
      });

    it("only looks until it is told to", async () => {
      lockBy(nobody);
      const { locks: found, forget, pending, ...rest } = await recoverStack(reading(), { apply: false });
      assert.deepEqual(
        found.map(({ state }) => state),
        ["left-behind"],
      );
      assert.deepEqual(
        forget.map(({ name, revisions }) => [name, revisions]),
        [["istiod", [1]]],
      );
      assert.equal(pending.length, 1);
      assert.deepEqual(rest, { cutShort: [], done: false });
      assert.deepEqual(done, ["settings"]);
      assert.deepEqual(locks(), ["1.json"]);
    });

    it("takes the lock away that was left, holds it itself while it works, and refreshes without it", async () => {
      lockBy(nobody);
      assert.equal((await recoverStack(reading(), { apply: true })).done, true);
      assert.deepEqual(done, ["settings", "settings", "forget", "refresh, with 0 locks"]);
      assert.deepEqual(locks(), []);
    });

    it("restores the state before it reads anything of it", async () => {
      const state = write("stacks/enroute-istio/dev.json", '{"checkpo');
      write("stacks/enroute-istio/dev.json.bak", '{"checkpoint":{}}');
      const looked = await recoverStack(reading(), { apply: false });
      assert.match(looked.stateOf!, /^\d{4}-/);
      assert.deepEqual(done, []);
      assert.equal(readFileSync(state, "utf8"), '{"checkpo');
      await recoverStack(reading(), { apply: true });
      assert.equal(readFileSync(state, "utf8"), '{"checkpoint":{}}');
      assert.deepEqual(done, ["settings", "forget", "refresh, with 0 locks"]);
    });

    it("leaves the lock where its cluster cannot be reached", async () => {
      lockBy(nobody);
      await api.stop();
      await assert.rejects(recoverStack(reading(), { apply: true }));
      assert.deepEqual(locks(), ["1.json"]);
      assert.deepEqual(done, ["settings"]);
    });

    it("touches nothing where the cluster refuses the credentials, or is gone: the error says which", async () => {
      lockBy(nobody);
      const refuses = (message: RegExp) =>
        assert.rejects(recoverStack(reading(), { apply: true }), { code: "cluster-unreachable", message });
      version = new Status(401, "Unauthorized");
      await refuses(/refuses these credentials \(HTTP 401\)/);
      await api.stop();
      await refuses(/cannot be reached: .*ECONNREFUSED/);
      assert.deepEqual([done.filter((one) => one !== "settings"), locks()], [[], ["1.json"]]);
    });

    it("gives way to an update that begins in between", async () => {
      lockBy(nobody);
      const one = reading();
      let looks = 0;
      // At the second look the lock is held already: what appears now is another one's.
      const settings = () => (looks++ === 0 ? void lockByOther() : undefined, one.settings());
      const lockByOther = () =>
        write("locks/organization/enroute-istio/dev/2.json", {
          pid: process.pid,
          username: "bob",
          hostname: hostname(),
          timestamp: new Date().toISOString(),
        });
      const error = await refusalOf(recoverStack({ ...one, settings }, { apply: true }));
      assert.equal(error.code, "stack-locked");
      assert.match(error.message, /another update is running: bob@/);
      assert.deepEqual(done, ["settings"]);
      assert.deepEqual(locks(), ["2.json"]);
    });
  });

  describe("in a bucket", () => {
    const refusal = (pid: number) =>
      `error: could not create stack: the stack is currently locked by 1 lock(s).\n  s3://state/1.json: created by alice@${hostname()} (pid ${pid}) at ${new Date().toISOString()}`;
    const probe = "stack init dev --no-select";

    it("asks for the lock, and touches nothing while an update runs", async () => {
      const error = await refusalOf(
        recoverStack(reading({ url: "s3://state", refusal: refusal(process.pid) }), { apply: true }),
      );
      assert.equal(error.code, "stack-locked");
      assert.deepEqual(done, [probe]);
    });

    it("takes the lock away that was left", async () => {
      const { locks: found } = await recoverStack(reading({ url: "s3://state", refusal: refusal(nobody) }), {
        apply: true,
      });
      assert.equal(found.length, 1);
      assert.deepEqual(done, [probe, "settings", "cancel", "settings", "forget", "refresh, with 0 locks"]);
    });

    it("cancels nothing where there is no lock", async () => {
      await recoverStack(reading({ url: "s3://state" }), { apply: true });
      assert.deepEqual(done, [probe, "settings", "settings", "forget", "refresh, with 0 locks"]);
    });
  });

  describe("in Pulumi's service", () => {
    const at = (age: number) => ({
      result: "in-progress",
      kind: "update",
      message: "",
      startTime: new Date(Date.now() - age),
      endTime: new Date(0),
    });
    const service = (last?: object) =>
      reading({ url: "https://api.pulumi.com", ...(last === undefined ? {} : { last }) });

    it("touches nothing while an update is in progress that is young, and says how to end it", async () => {
      const error = await refusalOf(recoverStack(service(at(hour)), { apply: true }));
      assert.match(error.message, /the backend says that it is in progress; it began 60 minutes ago/);
      assert.match(error.next, /pulumi cancel --yes --stack dev/);
      assert.deepEqual(done, []);
    });

    it("cancels one that is too old to run, and none where none is in progress", async () => {
      await recoverStack(service(at(7 * hour)), { apply: true });
      assert.deepEqual(done, ["settings", "cancel", "settings", "forget", "refresh, with 0 locks"]);
      done = [];
      await recoverStack(service({ ...at(hour), result: "failed" }), { apply: true });
      assert.deepEqual(done, ["settings", "settings", "forget", "refresh, with 0 locks"]);
    });
  });

  describe("and looking at it", () => {
    it("tells its locks, in a folder and in the service; those in a bucket are not known", async () => {
      lockBy(nobody);
      assert.deepEqual(
        (await statusOf(reading())).locks.map(({ state }) => state),
        ["left-behind"],
      );
      const last = { result: "in-progress", kind: "update", message: "", startTime: new Date(), endTime: new Date(0) };
      assert.deepEqual(
        (await statusOf(reading({ url: "https://api.pulumi.com", last }))).locks.map(({ state }) => state),
        ["unseen"],
      );
      assert.deepEqual((await statusOf(reading({ url: "s3://state" }))).locks, []);
      assert.deepEqual(done, []);
    });

    it("counts its resources, and names what never ended", async () => {
      const { resources, pending, last } = await statusOf(reading());
      assert.deepEqual([resources, pending, last], [1, ["creating kubernetes:helm.sh/v3:Release istiod"], undefined]);
    });
  });
});
