import assert from "node:assert/strict";
import { WaitNotes } from "../../../stacks/show-waits";

describe("what pulumi up shows of a wait", () => {
  const slow = { text: "Deployment istiod: 0 of 1 ready", isForAddress: false };
  const stuck = { text: "Deployment istiod: 0 of 1 ready (Unschedulable)", fix: "make room", isForAddress: false };
  const address = { text: "Service enroute: no address yet", fix: "give it one", isForAddress: true };
  const warned = { text: `istiod waits for ${stuck.text}\n  fix: make room`, stays: true };
  const second = 1000;

  const notes = (timeout = 300) => new WaitNotes(() => timeout);

  it("is each new state in passing, once", () => {
    const own = notes();
    assert.deepEqual(own.take("istiod", slow, 0), { text: `istiod waits for ${slow.text}`, stays: false });
    assert.equal(own.take("istiod", slow, second), undefined);
    assert.deepEqual(own.take("istiod", stuck, 2 * second), { text: `istiod waits for ${stuck.text}`, stays: false });
    assert.equal(own.take("istiod", undefined, 3 * second), undefined);
    assert.equal(own.take("istiod", { ended: "deployed" }, 4 * second), undefined);
  });

  it("is a warning, once, with what to do, where something has been in the way for a while", () => {
    const own = notes();
    own.take("istiod", stuck, 0);
    assert.equal(own.take("istiod", stuck, 19 * second), undefined);
    assert.deepEqual(own.take("istiod", stuck, 20 * second), warned);
    assert.equal(own.take("istiod", stuck, 60 * second), undefined);
    assert.equal(own.take("istiod", { ended: "failed" }, 61 * second), undefined);
  });

  it("is no warning where it is only slow", () => {
    const own = notes();
    own.take("istiod", slow, 0);
    assert.equal(own.take("istiod", slow, 200 * second), undefined);
  });

  it("comes later for an address, which takes its time in a cloud", () => {
    const own = notes();
    own.take("enroute-istio", address, 0);
    assert.equal(own.take("enroute-istio", address, 59 * second), undefined);
    assert.equal(own.take("enroute-istio", address, 60 * second)?.stays, true);
  });

  it("comes before Helm gives up, however short its time is", () => {
    const own = notes(10);
    own.take("istiod", stuck, 0);
    assert.deepEqual(own.take("istiod", stuck, 5 * second), warned);
  });

  it("comes at the latest when Helm has given up", () => {
    const own = notes();
    own.take("istiod", slow, 0);
    assert.deepEqual(own.take("istiod", { ended: "failed" }, second), {
      text: `istiod has failed, waiting for ${slow.text}`,
      stays: true,
    });
    assert.equal(own.take("istiod", { ended: "failed" }, 2 * second), undefined);
  });
});
