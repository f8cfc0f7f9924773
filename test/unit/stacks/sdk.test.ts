import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { version } from "@pulumi/pulumi/package.json";
import * as mocks from "@pulumi/pulumi/runtime/mocks";
import * as state from "@pulumi/pulumi/runtime/state";
import { minVersion, satisfies } from "semver";
import { refuseOthers } from "../../../automation/pulumi-command";
import { testedSdks } from "../../../base/sdk";
import { type SdkModules, internalsOf, sdk } from "../../../stacks/sdk";

/** The SDK that is installed, but for some modules. */
function refusalOf(changed: Partial<SdkModules>): string {
  const whole = { runtime: pulumi.runtime, log: pulumi.log, state: () => state, mocks: () => mocks };
  try {
    internalsOf({ version: "3.999.0", ...whole, ...changed });
  } catch (error) {
    assert.ok(pulumi.RunError.isInstance(error));
    return error.message;
  }
  return "";
}

const gone = () => {
  throw new Error("Cannot find module");
};
const store = {} as { settings: { options: object } };

describe("the SDK that is installed", () => {
  it("has what is used of its inside", () => {
    assert.equal(refusalOf({}), "");
    assert.equal(sdk(), sdk());
  });

  it("has the configuration afterwards that it had before", () => {
    pulumi.runtime.setAllConfig({ "a:b": "c" }, ["a:b"]);
    assert.equal(refusalOf({}), "");
    assert.deepEqual(pulumi.runtime.allConfig(), { "a:b": "c" });
    pulumi.runtime.setAllConfig({});
  });

  for (const [what, changed, lacks] of [
    ["a module that moved", { state: gone }, "withLocalStorage of runtime/state; getStore of runtime/state"],
    ["another module", { mocks: gone }, "MockMonitor of runtime/mocks"],
    ["functions that are gone", { runtime: {} }, "waitForRPCs of runtime/settings; isConfigSecret of runtime/config"],
    [
      "secrets that it takes for plain",
      { runtime: { ...pulumi.runtime, isConfigSecret: () => false } },
      "isConfigSecret of runtime/config that tells secret keys from others",
    ],
    [
      "secrets told by a promise",
      { runtime: { ...pulumi.runtime, isConfigSecret: () => Promise.resolve(false) } },
      "isConfigSecret of runtime/config that tells secret keys from others",
    ],
    [
      "one store for all programs",
      { state: () => ({ ...state, getStore: () => store }) },
      "withLocalStorage of runtime/state that gives a program a store of its own",
    ],
    [
      "a monitor of another form",
      { mocks: () => ({ MockMonitor: class {} }) },
      "MockMonitor of runtime/mocks with registerResource",
    ],
    [
      "messages that cannot be replaced",
      { log: Object.defineProperty({}, "debug", { get: () => () => {} }) },
      "log.debug that can be replaced",
    ],
  ] as [string, Partial<SdkModules>, string][])
    it(`is refused with ${what}`, () => {
      const { oldest, newest } = testedSdks;
      assert.equal(
        refusalOf(changed),
        `@pulumi/pulumi 3.999.0, which is installed, lacks what enroute-istio needs of it: ${lacks}. Tested are ${oldest} and ${newest}: ` +
          `npm install @pulumi/pulumi@${newest} (Node.js 22 or newer) or @pulumi/pulumi@${oldest}, or a newer enroute-istio.`,
      );
    });

  it("is refused where it would run pulumi by another method than the library's", () => {
    refuseOthers({ run: (args: string[], cwd: string, env: object) => [args, cwd, env] });
    for (const command of [{}, { run: "x" }, { run: (options: object) => options }])
      assert.throws(
        () => refuseOthers(command, "3.999.0"),
        /3\.999\.0.* lacks .*: run of PulumiCommand in automation\. Tested/,
      );
  });

  it("is of a version that package.json takes; the tests' own is the oldest or the newest tested", () => {
    const manifest = JSON.parse(readFileSync(join(__dirname, "../../../package.json"), "utf8")) as {
      peerDependencies: Record<string, string>;
    };
    const range = manifest.peerDependencies["@pulumi/pulumi"]!;
    assert.equal(minVersion(range)?.version, testedSdks.oldest);
    assert.ok(satisfies(testedSdks.newest, range));
    assert.ok(Object.values<string>(testedSdks).includes(version), version);
  });
});
