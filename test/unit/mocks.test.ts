import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import * as k8s from "@pulumi/kubernetes";
import { run } from "./mocks";

// The canary of mocks.ts: it leans on the SDK's inside, and a new SDK may move that.
describe("the mocks", () => {
  it("show parent, dependencies, provider, options and secrets of a resource", async () => {
    const { find } = await run(() => {
      const provider = new k8s.Provider("cluster");
      const parent = new (class extends pulumi.ComponentResource {})(
        "test:x:Parent",
        "parent",
        {},
        { providers: [provider] },
      );
      const first = new k8s.core.v1.ConfigMap("first", { metadata: { name: "first" } }, { parent });
      new k8s.core.v1.ConfigMap(
        "second",
        { metadata: { name: "second" }, data: { word: pulumi.secret("hush") } },
        { parent, dependsOn: first, deleteBeforeReplace: true },
      );
    });
    const second = find("ConfigMap", "second");
    assert.equal(second.parent, "urn:pulumi:test::enroute-istio::test:x:Parent::parent");
    assert.deepEqual(second.dependencies, [
      "urn:pulumi:test::enroute-istio::test:x:Parent$kubernetes:core/v1:ConfigMap::first",
    ]);
    assert.match(second.provider, /pulumi:providers:kubernetes::cluster::/);
    assert.equal(second.deleteBeforeReplace, true);
    assert.equal(find("ConfigMap", "first").deleteBeforeReplace, false);
    assert.deepEqual(second.wire["data"], {
      word: { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", value: "hush" },
    });
  });
});
