import assert from "node:assert/strict";
import type { StackRecovery, StackStatus } from "../../../automation";
import { outputsOf } from "../../../automation/outputs";
import { recoveryText, standingOf, statusText } from "../../../automation/status";
import type { StackLock } from "../../../recovery/locks";

const lock = (state: StackLock["state"], why: string): StackLock => ({
  holder: { user: "alice", host: "build-7", pid: 100 },
  since: "2026-11-27T15:00:00.000Z",
  state,
  why,
});
const running = lock("running", "its process is running");
const left = lock("left-behind", "its process is gone");
const who = "alice@build-7 (pid 100) since 2026-11-27T15:00:00.000Z";

const last = (kind: string, result: string, message = "") => ({
  kind,
  result,
  message,
  startTime: "2026-11-27T14:00:00.000Z",
  endTime: "2026-11-27T14:05:00.000Z",
});
const at = "at 2026-11-27T14:05:00.000Z";
const nothing: StackStatus = { resources: 0, pending: [], locks: [] };
const again = "run up again: it goes on from there";
const recover = "recover the stack, then run up again";

describe("where a stack stands", () => {
  const cases: [string, Partial<StackStatus>, string, string | undefined, boolean][] = [
    ["never deployed", {}, "the stack was never deployed", "run up first", false],
    [
      "rolled out",
      { last: last("update", "succeeded"), resources: 51 },
      `the last update succeeded ${at}; 51 resources are in the state`,
      undefined,
      true,
    ],
    [
      "left half-way by its first update",
      { last: last("update", "failed", "Roll out\n\nin two lines"), resources: 46 },
      `the last update (Roll out) failed ${at}; 46 resources are in the state`,
      again,
      true,
    ],
    [
      "left by its first update with one resource",
      { last: last("update", "failed"), resources: 1 },
      `the last update failed ${at}; 1 resource is in the state`,
      again,
      true,
    ],
    [
      "updated with a long message",
      { last: last("update", "succeeded", "x".repeat(61)), resources: 51 },
      `the last update (${"x".repeat(59)}…) succeeded ${at}; 51 resources are in the state`,
      undefined,
      true,
    ],
    [
      "left with nothing by its first update",
      { last: last("update", "failed") },
      `the last update failed ${at}; 0 resources are in the state`,
      again,
      false,
    ],
    [
      "killed in its first update",
      { resources: 7, pending: ["creating Release istiod"], locks: [left] },
      `its first update was cut off; 7 resources are in the state; 1 of its operations never finished; an update was killed and left its lock: ${who}: its process is gone`,
      recover,
      true,
    ],
    [
      "killed in its first update, and unlocked since",
      { resources: 7 },
      "its first update was cut off; 7 resources are in the state",
      again,
      true,
    ],
    [
      "killed before anything was done",
      { locks: [left] },
      `its first update was cut off; an update was killed and left its lock: ${who}: its process is gone`,
      recover,
      false,
    ],
    [
      "killed in a later update",
      { last: last("update", "succeeded"), resources: 51, pending: ["updating Release istiod"] },
      `the last update succeeded ${at}; 51 resources are in the state; 1 of its operations never finished`,
      recover,
      true,
    ],
    [
      "being rolled out for the first time",
      { resources: 7, pending: ["creating Release istiod"], locks: [running] },
      `no update of it has ended yet; 7 resources are in the state; 1 of its operations never finished; an update is running: ${who}: its process is running`,
      "wait for it to end",
      true,
    ],
    [
      "in the hands of Pulumi's service",
      { last: last("update", "in-progress"), resources: 7, locks: [lock("unseen", "young")] },
      `the last update began at 2026-11-27T14:00:00.000Z; 7 resources are in the state; an update is running: ${who}: young`,
      "wait for it to end",
      true,
    ],
    [
      "refreshed after it was left half-way",
      { last: last("refresh", "succeeded"), resources: 46 },
      `the last refresh succeeded ${at}; 46 resources are in the state`,
      undefined,
      true,
    ],
    [
      "left half-way by its destruction",
      { last: last("destroy", "failed"), resources: 3 },
      `the last destroy failed ${at}; 3 resources are in the state`,
      "run destroy again: it goes on from there",
      true,
    ],
    [
      "destroyed",
      { last: last("destroy", "succeeded") },
      `the last destroy succeeded ${at}; 0 resources are in the state`,
      "run up first",
      false,
    ],
  ];
  for (const [what, status, summary, next, isDeployed] of cases)
    it(`is told of one that is ${what}`, () => {
      assert.deepEqual(standingOf({ ...nothing, ...status }), {
        summary,
        isDeployed,
        needsRecovery: next === "recover the stack, then run up again",
        ...(next === undefined ? {} : { next }),
      });
    });

  it("is printed with versions, address, and what helps", () => {
    const outputs = outputsOf({
      versions: { value: { istio: "1.31.0" }, secret: false },
      gatewayAddress: { value: "192.0.2.1", secret: false },
    });
    const status = { ...nothing, last: last("update", "succeeded"), resources: 51 };
    assert.equal(
      statusText(status, outputs, "dev"),
      `Stack dev: the last update succeeded ${at}; 51 resources are in the state.\n  istio        1.31.0\n  gateway at   192.0.2.1`,
    );
    const killed = statusText(
      { ...nothing, resources: 7, pending: ["creating Release istiod"], locks: [left] },
      {},
      "dev",
    );
    assert.match(
      killed,
      /\n {2}never finished: creating Release istiod\n {2}fix: recover the stack, then run up again \(enroute-istio recover --stack dev --yes\)$/,
    );
  });
});

describe("what recover prints", () => {
  const clean: StackRecovery = { locks: [], cutShort: [], forget: [], pending: [], done: false };
  const text = (found: Partial<StackRecovery>) => recoveryText({ ...clean, ...found }, "dev");
  const command = "Repair it with: enroute-istio recover --stack dev --yes";

  it("is that nothing was cut off, where nothing was", () => {
    assert.equal(text({}), "Nothing of stack dev was cut off.");
  });

  it("names a release of somebody else's, and how to take it over: nothing of it is put right", () => {
    const foreign = [
      { namespace: "istio-system", name: "istiod", why: "is deployed, and nothing of this stack names it" },
    ];
    assert.equal(
      text({ foreign }),
      "Helm release istio-system/istiod is deployed, and nothing of this stack names it.\n" +
        "  It is left as it is. Agree with its owner, then uninstall it, or take it over: --adopt istio-system/istiod",
    );
  });

  it("offers no adoption of a release that another stack claims, and does not send on what would be refused", () => {
    const owner = "acme/mesh/prod";
    const foreign = [{ namespace: "istio-system", name: "istiod", why: `belongs to stack ${owner}`, owner }];
    const said = text({ foreign, done: true });
    assert.doesNotMatch(said, /--adopt/);
    assert.match(
      said,
      /if it is gone without having been destroyed: pulumi config set --path 'takeOverFrom' acme\/mesh\/prod --stack dev/,
    );
    assert.match(said, /Once that is settled, go on with: pulumi up --stack dev$/);
  });

  const cases = [
    ["a lock", { locks: [left] }, `An update was killed and left its lock: ${who}: its process is gone.`],
    [
      "a state file",
      { stateOf: "2026-11-27T14:00:00.000Z" },
      "The state file of stack dev is cut short. Its copy of 2026-11-27T14:00:00.000Z can take its place.",
    ],
    [
      "a file beside it",
      { cutShort: ["/state/dev.json.attrs"] },
      "A file beside the state is cut short, and nothing needs it: /state/dev.json.attrs.",
    ],
    [
      "a release",
      { forget: [{ namespace: "istio-system", name: "istiod", revisions: [1, 2], why: "is failed" }] },
      "Helm release istio-system/istiod is failed.\n  Helm forgets revision 1, 2; its objects stay.",
    ],
    ["an operation", { pending: ["creating Release istiod"] }, "The engine never finished: creating Release istiod."],
  ] as const satisfies [string, Partial<StackRecovery>, string][];
  for (const [what, found] of cases)
    it(`names ${what} that was left, and what was done with it`, () => {
      const done = text({ ...found, done: true });
      assert.match(done, /It was (removed|put aside)|took its place|Helm forgot revision 1, 2|expects it no more/);
      assert.doesNotMatch(done, /can take|forgets|Repair/);
    });

  it("names what changed in the state", () => {
    const refreshed = [
      { resource: "kubernetes:core/v1:Secret tls", change: "delete" },
      { resource: "kubernetes:core/v1:Namespace shop", change: "update" },
    ] as const;
    assert.match(
      text({ refreshed: [...refreshed], done: true }),
      /Removed from the state, [^\n]*: kubernetes:core\/v1:Secret tls\.\nBrought in line [^\n]*: kubernetes:core\/v1:Namespace shop\.\n/,
    );
  });

  for (const [what, found, said] of cases)
    it(`names ${what} that was left, and how to put it right`, () => {
      assert.equal(text(found), `${said}\n${command}`);
      assert.match(
        text({ ...found, done: true }),
        /\nThe lock of stack dev is free and its state is fresh\. Go on with: pulumi up --stack dev$/,
      );
    });
});
