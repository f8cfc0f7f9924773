import assert from "node:assert/strict";
import type { EngineEvent, OpType, StepEventMetadata } from "@pulumi/pulumi/automation";
import { EventTranslator } from "../../../automation/event-translator";
import type { RolloutEvent } from "../../../automation/events";

const urn = (types: string, name: string) => `urn:pulumi:test::enroute-istio::${types}::${name}`;
const stack = urn("pulumi:pulumi:Stack", "enroute-istio-test");
const control = urn("enroute-istio:mesh:IstioControlPlane", "istio");
const release = urn("enroute-istio:mesh:IstioControlPlane$kubernetes:helm.sh/v3:Release", "istiod");

describe("events of the library", () => {
  let now = 0;
  let told: RolloutEvent[];
  let events: EventTranslator;
  beforeEach(() => {
    now = 1_000_000;
    told = [];
    events = new EventTranslator(
      "test",
      "update",
      (event) => told.push(event),
      () => now,
    );
    events.start();
    step("pre", stack, "create", "");
    step("pre", control, "create", stack);
    step("out", control, "create", stack);
  });

  function step(
    kind: "pre" | "out" | "failed",
    of: string,
    op: OpType,
    parent: string,
    more: Partial<StepEventMetadata> = {},
  ) {
    const type = of.split("::")[2]!.split("$").at(-1)!;
    const state = { type, urn: of, id: "", parent, inputs: {}, outputs: {}, provider: "" };
    const metadata = { op, urn: of, type, provider: "", new: state, ...more };
    const event = { sequence: 0, timestamp: 0 };
    if (kind === "pre") events.take({ ...event, resourcePreEvent: { metadata } });
    else if (kind === "out") events.take({ ...event, resOutputsEvent: { metadata } });
    else events.take({ ...event, resOpFailedEvent: { metadata, status: 0, steps: 0 } });
  }
  const say = (diagnosticEvent: Partial<NonNullable<EngineEvent["diagnosticEvent"]>>) =>
    events.take({
      sequence: 0,
      timestamp: 0,
      diagnosticEvent: { message: "", color: "never", severity: "info", ...diagnosticEvent },
    });
  const kinds = () => told.map(({ kind }) => kind);

  it("count no change of what the stack only reads: a refresh may find it otherwise in the provider's own notes", () => {
    const service = urn("enroute-istio:gateway:EnRouteGateway$kubernetes:core/v1:Service", "gateway-service");
    const state = {
      type: "kubernetes:core/v1:Service",
      urn: service,
      id: "a/b",
      parent: control,
      inputs: {},
      outputs: {},
    };
    const more = { new: { ...state, provider: "", external: true } };
    step("pre", service, "refresh", control, more);
    step("out", service, "update", control, more);
    step("pre", release, "refresh", control);
    step("out", release, "update", control);
    assert.deepEqual(
      events.changed.map(({ resource }) => resource.name),
      ["istiod"],
    );
  });

  it("tell each resource with its component, and how long it took", () => {
    now += 500;
    step("pre", release, "create", control);
    now += 2000;
    step("out", release, "create", control);
    events.finish("succeeded");
    const resource = {
      type: "kubernetes:helm.sh/v3:Release",
      name: "istiod",
      urn: release,
      component: { type: "IstioControlPlane", name: "istio" },
    };
    const common = { stack: "test", phase: "update" };
    assert.deepEqual(told, [
      { ...common, kind: "started", elapsedSeconds: 0 },
      { ...common, kind: "resource", elapsedSeconds: 0.5, resource, change: "create", status: "started" },
      { ...common, kind: "resource", elapsedSeconds: 2.5, resource, change: "create", status: "done", seconds: 2 },
      { ...common, kind: "finished", elapsedSeconds: 2.5, result: "succeeded", changes: { create: 1 } },
    ]);
  });

  it("leave out the stack, providers, components, and the engine's notes to itself", () => {
    step("out", stack, "create", "");
    step("pre", urn("pulumi:providers:kubernetes", "cluster"), "create", stack);
    step("out", urn("pulumi:providers:kubernetes", "cluster"), "create", stack);
    say({ message: "RegisterResource RPC prepared", severity: "debug" as never });
    say({ message: "  \n" });
    assert.deepEqual(kinds(), ["started"]);
    assert.deepEqual(events.changed, []);
  });

  it("tell what a resource waits for once, until that changes", () => {
    step("pre", release, "create", control);
    now += 1000;
    events.waiting(release, "Deployment istiod: 0 of 1 ready");
    events.waiting(release, "Deployment istiod: 0 of 1 ready");
    say({ urn: release, message: "[1/2] Waiting for a pod", ephemeral: true });
    step("out", release, "create", control);
    events.waiting(release, "too late");
    const waits = told.flatMap((event) => (event.kind === "waiting" ? [[event.for, event.seconds]] : []));
    assert.deepEqual(waits, [
      ["Deployment istiod: 0 of 1 ready", 1],
      ["Waiting for a pod", 1],
    ]);
  });

  it("tell what a release waits for by its name, with what to do about it, while it is being changed", () => {
    const wait = { text: "Service enroute: no address yet", fix: "give it one" };
    events.releaseWaiting("istiod", wait);
    step("pre", release, "create", control);
    events.releaseWaiting("another", wait);
    events.releaseWaiting("istiod", wait);
    step("failed", release, "create", control);
    const waits = told.flatMap((event) => (event.kind === "waiting" ? [[event.for, event.fix]] : []));
    assert.deepEqual(waits, [[wait.text, wait.fix]]);
    assert.deepEqual(events.waitOf("kubernetes:helm.sh/v3:Release istiod"), { waited: wait.text, fix: wait.fix });
    assert.deepEqual(events.waitOf("kubernetes:helm.sh/v3:Release other"), {});
  });

  it("keep errors with the resource that each is about, without colours", () => {
    step("pre", release, "create", control);
    say({ urn: release, message: "<{%fg 1%}>error: <{%reset%}>no such chart\n", severity: "error" });
    say({ urn: stack, message: "update failed", severity: "error" });
    step("failed", release, "create", control);
    assert.deepEqual(events.errors, [
      { text: "error: no such chart", resource: "kubernetes:helm.sh/v3:Release istiod" },
      { text: "update failed" },
    ]);
    assert.ok(told.some((event) => event.kind === "resource" && event.status === "failed"));
  });

  it("know what was left when an operation is interrupted", () => {
    const base = urn("enroute-istio:mesh:IstioControlPlane$kubernetes:helm.sh/v3:Release", "istio-base");
    step("pre", base, "create", control);
    step("out", base, "create", control);
    step("pre", release, "create", control);
    assert.deepEqual(events.left(), { unfinished: ["kubernetes:helm.sh/v3:Release istiod"], changed: 1 });
  });

  it("count what stays as unchanged, and name what differs", () => {
    step("pre", release, "same", control);
    step("out", release, "same", control);
    const other = urn("kubernetes:core/v1:Namespace", "shop");
    step("pre", other, "update", stack);
    step("out", other, "update", stack, { detailedDiff: { "metadata.labels": {} as never } });
    assert.deepEqual(events.counts, { unchanged: 1, update: 1 });
    assert.deepEqual(events.changed, [
      {
        resource: { type: "kubernetes:core/v1:Namespace", name: "shop", urn: other },
        change: "update",
        differs: ["metadata.labels"],
      },
    ]);
    const unchanged = told.filter((event) => event.kind === "resource" && event.change === "unchanged");
    assert.equal(unchanged.length, 1, "what stays is told once, when it is known to");
  });

  const orders: [string, OpType[]][] = [
    ["the new one first", ["create-replacement", "replace", "delete-replaced"]],
    ["the old one first", ["delete-replaced", "replace", "create-replacement"]],
  ];
  for (const [what, steps] of orders)
    it(`count a replacement once, of the engine's three steps: ${what}`, () => {
      for (const op of steps) {
        step("pre", release, op, control);
        step("out", release, op, control, op === "create-replacement" ? { diffs: ["name"] } : {});
      }
      events.finish("succeeded");
      assert.deepEqual(events.counts, { replace: 1 });
      assert.deepEqual(
        events.changed.map(({ change, differs }) => [change, differs]),
        [["replace", ["name"]]],
      );
      const seen = told.flatMap((event) => (event.kind === "resource" ? `${event.change} ${event.status}` : []));
      assert.deepEqual(seen, ["replace started", "replace done"]);
    });

  it("count an old one that an earlier update left as deleted", () => {
    step("pre", release, "delete-replaced", control);
    step("out", release, "delete-replaced", control);
    events.finish("succeeded");
    assert.deepEqual(events.counts, { delete: 1 });
  });

  it("take secrets and URLs' passwords out of what tools say", () => {
    events.hide = (text) => text.replaceAll("s3cret", "[secret]");
    say({ urn: release, message: "bad value s3cret of https://me:pass@charts.example.com/x", severity: "error" });
    assert.equal(events.errors[0]?.text, "bad value [secret] of https://[secret]@charts.example.com/x");
  });

  it("tell a policy's violation, and remember the mandatory ones", () => {
    const policyEvent = {
      message: "no plain text",
      color: "never",
      policyName: "strict",
      policyPackName: "enroute-istio",
      policyPackVersion: "1",
      policyPackVersionTag: "1",
    };
    events.take({ sequence: 0, timestamp: 0, policyEvent: { ...policyEvent, enforcementLevel: "mandatory" } });
    events.take({ sequence: 0, timestamp: 0, policyEvent: { ...policyEvent, enforcementLevel: "warning" } });
    assert.deepEqual(events.violations, ["strict: no plain text"]);
    assert.deepEqual(kinds(), ["started", "policy", "policy"]);
  });
});
