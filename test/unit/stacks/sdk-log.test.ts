import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { keepPropertiesOutOfDebugMessages, withoutProperties } from "../../../stacks/sdk-log";

describe("the SDK's debug messages", () => {
  const secret = "data,value,tls.key,LS0tLS1CRUdJTg==\nmore";
  for (const [message, kept] of [
    [
      `RegisterResource RPC finished: resource:a[t]; err: null, resp: ${secret}`,
      "RegisterResource RPC finished: resource:a[t]; err: null, resp: …",
    ],
    [`ReadResource RPC finished: a; err: null, resp: ${secret}`, "ReadResource RPC finished: a; err: null, resp: …"],
    [`Invoke RPC finished: tok=t; err: null, resp: ${secret}`, "Invoke RPC finished: tok=t; err: null, resp: …"],
    [
      `RegisterResource RPC prepared: t=t, name=n, obj={"a":"${secret}"}`,
      "RegisterResource RPC prepared: t=t, name=n, obj=…",
    ],
    [`, obj={"a":"${secret}"}`, ", obj=…"],
    [`Invoking function: tok=t asynchronously, props={"a":"${secret}"}`, "Invoking function: …"],
    [`Serialize property [a.b]: primitive=${secret}`, "Serialize property [a.b]: primitive=…"],
    [
      "Registering resource: t=t, name=n, custom=true, remote=false",
      "Registering resource: t=t, name=n, custom=true, remote=false",
    ],
  ] as const)
    it(`keeps of ${message.slice(0, 50)} what is no property`, () => assert.equal(withoutProperties(message), kept));

  it("of the SDK that is installed are all of these forms", () => {
    const runtime = join(require.resolve("@pulumi/pulumi/package.json"), "../runtime");
    const forms = ["resource.js", "invoke.js", "rpc.js"].flatMap((file) =>
      [
        ...readFileSync(join(runtime, file), "utf8").matchAll(
          /([\w ]+[=:] ?)\$\{(innerResponse|JSON\.stringify\([^)]*\)|prop)\}/g,
        ),
      ].map(([, before]) => before!),
    );
    assert.ok(forms.length >= 6, forms.join());
    for (const form of new Set(forms))
      assert.ok(!withoutProperties(`x, ${form.trimStart()}${secret}`).includes("LS0t"), form);
  });

  it("are kept short once, however often a program runs", () => {
    keepPropertiesOutOfDebugMessages();
    const { debug } = pulumi.log;
    keepPropertiesOutOfDebugMessages();
    assert.equal(pulumi.log.debug, debug);
  });
});
