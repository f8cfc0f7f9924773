import assert from "node:assert/strict";
import { type Progress, type RolloutEvent, advance, startProgress } from "../../../automation";
import { changesText, eventLine, openView, picture } from "../../../cli/view";

const common = { stack: "dev", phase: "update" } as const;
const istio = { type: "IstioControlPlane", name: "istio" };
const gateway = { type: "EnRouteGateway", name: "gateway" };
const resource = (name: string, component = istio, type = "kubernetes:helm.sh/v3:Release") => ({
  type,
  name,
  urn: `urn:${name}`,
  component,
});
const at = (elapsedSeconds: number, event: object) => ({ ...common, elapsedSeconds, ...event }) as RolloutEvent;

const begin: RolloutEvent[] = [
  at(0, { kind: "started" }),
  at(1, { kind: "planned", component: istio, resources: 2, waitsFor: [] }),
  at(1, { kind: "planned", component: gateway, resources: 1, waitsFor: [istio] }),
  at(1, { kind: "resource", resource: resource("istio-base"), change: "create", status: "started" }),
  at(3, { kind: "resource", resource: resource("istio-base"), change: "create", status: "done", seconds: 2 }),
  at(3, { kind: "resource", resource: resource("istiod"), change: "create", status: "started" }),
  at(5, { kind: "waiting", resource: resource("istiod"), for: "Deployment istiod: 0 of 1 ready", seconds: 2 }),
];
const end: RolloutEvent[] = [
  at(6, { kind: "resource", resource: resource("istiod"), change: "create", status: "done", seconds: 3 }),
  at(6, { kind: "resource", resource: resource("enroute", gateway), change: "unchanged", status: "done", seconds: 0 }),
  at(7, { kind: "finished", result: "succeeded", changes: { create: 2, unchanged: 1 } }),
];
const play = (events: RolloutEvent[], from: Progress = startProgress("dev")) => events.reduce(advance, from);

describe("progress", () => {
  it("says what waits for what, and what a resource waits for", () => {
    const [first, second] = play(begin).components;
    assert.deepEqual(first, {
      component: istio,
      status: "running",
      resources: 2,
      done: 1,
      active: 1,
      waitsFor: [],
      waits: { istiod: "Deployment istiod: 0 of 1 ready" },
      since: 1,
      seconds: 2,
    });
    assert.deepEqual([second!.status, second!.waitsFor], ["waiting", [istio]]);
  });

  it("ends each component as done or unchanged, and lets the next one go", () => {
    const progress = play(end, play(begin));
    assert.deepEqual(
      progress.components.map(({ status, seconds, waitsFor, waits }) => [status, seconds, waitsFor, waits]),
      [
        ["done", 5, [], {}],
        ["unchanged", undefined, [], {}],
      ],
    );
    assert.equal(progress.result, "succeeded");
  });

  it("keeps a failure in sight", () => {
    const failed = at(6, {
      kind: "resource",
      resource: resource("istiod"),
      change: "create",
      status: "failed",
      seconds: 3,
    });
    const progress = play([failed, at(7, { kind: "finished", result: "failed", changes: {} })], play(begin));
    assert.deepEqual(
      progress.components.map(({ status }) => status),
      ["failed", "waiting"],
    );
  });

  it("does without a plan, as on destruction", () => {
    const gone = (status: string) =>
      at(1, { kind: "resource", resource: resource("istiod"), change: "delete", status });
    const during = play([gone("started")]);
    assert.equal(during.components[0]!.status, "running");
    const after = play([gone("done")], during);
    assert.equal(after.components[0]!.status, "deleted");
    assert.match(picture(after, { colour: false, columns: 80, rows: 10 })[1]!, /^ {2}− IstioControlPlane istio/);
  });

  it("shows what a refresh read before it was deleted as deleted, and what it only read as unchanged", () => {
    const of = (change: string, status: string) =>
      at(1, { kind: "resource", resource: resource("istiod"), change, status, seconds: 0 });
    const read = [of("read", "started"), of("read", "done")];
    const statusAfter = (...events: RolloutEvent[]) =>
      play([...events, at(2, { kind: "finished", result: "succeeded", changes: {} })]).components[0]!.status;
    const rows: [string, RolloutEvent[]][] = [
      ["deleted", [of("delete", "started"), of("delete", "done")]],
      ["deleted", [...read, of("delete", "started"), of("delete", "done")]],
      ["deleted", [of("unchanged", "done"), of("delete", "started"), of("delete", "done")]],
      ["unchanged", read],
      ["done", [...read, of("update", "started"), of("update", "done")]],
      ["done", [of("delete", "started"), of("delete", "done"), of("create", "started"), of("create", "done")]],
    ];
    for (const [status, events] of rows) assert.equal(statusAfter(...events), status);
  });

  it("is not gone while the program has it, whatever of it is", () => {
    const gone = (status: string) =>
      at(1, { kind: "resource", resource: resource("istiod"), change: "delete", status });
    assert.equal(play([gone("done")], play([gone("started")], play(begin))).components[0]!.status, "done");
  });

  it("begins anew with the update after the preview before it", () => {
    const progress = advance(play(end, play(begin)), at(0, { kind: "started" }));
    assert.deepEqual(progress, { ...startProgress("dev"), phase: "update", elapsedSeconds: 0 });
  });

  it("leaves the picture before as it was", () => {
    const before = play(begin);
    const copy = structuredClone(before);
    play(end, before);
    assert.deepEqual(before, copy);
  });
});

describe("the view of a rollout", () => {
  const options = { colour: false, columns: 100, rows: 40 };

  it("has a line for each component: what waits for what, and how long", () => {
    assert.deepEqual(picture({ ...play(begin), elapsedSeconds: 5.25 }, options), [
      "rolling out dev  5.3s",
      "  ▸ IstioControlPlane istio    1/2    4.3s  istiod: Deployment istiod: 0 of 1 ready",
      "  · EnRouteGateway gateway     0/1          waits for istio",
    ]);
    assert.deepEqual(picture(play(end, play(begin)), options), [
      "rolling out dev  7.0s  succeeded",
      "  ✔ IstioControlPlane istio    2/2    5.0s",
      "  = EnRouteGateway gateway     1/1",
    ]);
  });

  it("fits the terminal: no line is longer, and what is done gives way", () => {
    const narrow = picture(play(begin), { ...options, columns: 40 });
    assert.ok(
      narrow.every((line) => line.length < 40),
      narrow.join("\n"),
    );
    const many = Array.from({ length: 10 }, (_, index) =>
      at(1, { kind: "planned", component: { type: "Host", name: `h${index}` }, resources: 1, waitsFor: [istio] }),
    );
    const low = picture(play(many, play(end, play(begin))), { ...options, rows: 8 });
    assert.equal(low.length, 7);
    assert.match(low[1]!, /… 2 done/);
  });

  it("is repainted in place on a terminal, and notes stay above it", () => {
    let written = "";
    const screen = { isTTY: true, columns: 100, rows: 40, write: (text: string) => ((written += text), true) };
    const view = openView(screen, "dev", { colour: false });
    begin.forEach((event) => view.take(event));
    view.take(at(5, { kind: "message", severity: "warning", text: "istio.hub is old" }));
    end.forEach((event) => view.take(event));
    view.close();
    assert.match(written, /warning {3}istio\.hub is old\n/);
    // eslint-disable-next-line no-control-regex
    assert.match(written, /\u001b\[\d*[A-GK]/, "lines are erased");
    assert.match(written, /✔ IstioControlPlane istio {4}2\/2 {4}5\.0s\n/);
  });

  it("is a line for each thing that happens where there is no terminal, without control characters", () => {
    let written = "";
    const view = openView({ write: (text) => ((written += text), true) }, "dev");
    [...begin, ...end].forEach((event) => view.take(event));
    view.close();
    assert.equal(
      written,
      [
        "  0.0s  rolling out dev",
        "  3.0s  create    Release istio-base of IstioControlPlane istio in 2.0s",
        "  5.0s  waiting   Release istiod: Deployment istiod: 0 of 1 ready",
        "  6.0s  create    Release istiod of IstioControlPlane istio in 3.0s",
        "  7.0s  succeeded: 2 created, 1 unchanged",
        "",
      ].join("\n"),
    );
  });

  it("tells failures, and leaves out the engine's closing words", () => {
    const failed = { kind: "resource", resource: resource("istiod"), change: "update", status: "failed", seconds: 1 };
    assert.match(eventLine(at(1, failed))!, /FAILED {4}Release istiod/);
    assert.equal(eventLine(at(1, { kind: "message", severity: "error", text: "update failed" })), undefined);
    assert.equal(changesText({ create: 1, read: 3 }, "preview"), "1 to create");
    assert.equal(changesText({}, "update"), "nothing to do");
  });
});
