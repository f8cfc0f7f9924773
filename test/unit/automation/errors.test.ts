import assert from "node:assert/strict";
import { type Failed, classify, codeOf, explanations, fromPlain, isRolloutError } from "../../../automation/errors";

const none: Failed = { text: "", errors: [], violations: [], left: { unfinished: [], changed: 0 } };

describe("errors of the library", () => {
  // Each as the tool printed it.
  const seen: [string, string][] = [
    ["stack-not-found", "error: no stack named 'dve' found"],
    ["stack-locked", "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end"],
    ["stack-locked", "error: [409] Conflict: Another update is currently in progress."],
    [
      "stack-locked",
      'error: blob (key ".pulumi/locks/organization/enroute-istio/dev/1.json.tmp") (code=NotFound): open 1.json.tmp: no such file or directory',
    ],
    ["stack-locked", "error: unexpected end of JSON input"],
    ["passphrase-wrong", "error: getting stack configuration: get stack secrets manager: incorrect passphrase"],
    [
      "passphrase-wrong",
      "error: getting stack configuration: get stack secrets manager: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables",
    ],
    [
      "backend-unavailable",
      "error: unable to open bucket file:///nowhere?no_tmp_dir=true: stat /nowhere: no such file",
    ],
    ["backend-unavailable", "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions"],
    [
      "backend-unavailable",
      'error: performing HTTP request: Get "https://127.0.0.1:1/api/user": dial tcp 127.0.0.1:1: connect: connection refused',
    ],
    ["pulumi-missing", "Command failed with ENOENT: pulumi version\nspawn pulumi ENOENT"],
    ["pulumi-missing", "Minimum version requirement failed. The minimum CLI version requirement is 3.2.0"],
    ["project-not-found", "error: no Pulumi.yaml project file found (searching upwards from /tmp)."],
    [
      "chart-not-found",
      'chart "kiali-server" version "99.0.0" not found in http://127.0.0.1:8879 repository; check the chart name and repository configuration.',
    ],
    [
      "chart-repository-unreachable",
      'looks like "http://127.0.0.1:1/charts" is not a valid chart repository or cannot be reached: Get "http://127.0.0.1:1/charts/index.yaml": dial tcp 127.0.0.1:1: connect: connection refused',
    ],
    ["changes-found", "error: no changes were expected for update but changes were proposed"],
    ["changes-found", "error: no changes were expected but changes were proposed"],
    ["release-wedged", "another operation (install/upgrade/rollback) is in progress"],
    ["release-wedged", "cannot re-use a name that is still in use"],
    ["object-not-ours", "Unable to continue with install: invalid ownership metadata; annotation validation error"],
    [
      "webhook-unavailable",
      'Internal error occurred: failed calling webhook "rev.validation.istio.io": connection refused',
    ],
    [
      "timed-out",
      "Helm release istiod failed to become available within allocated timeout. Error: context deadline exceeded",
    ],
    ["cluster-unreachable", "configured Kubernetes cluster is unreachable: dial tcp: connection refused"],
    ["plugin-missing", "error: no resource plugin 'pulumi-resource-tls' found in the workspace"],
    ["state-damaged", "error: loading stack: could not load checkpoint: unexpected end of JSON input"],
    ["operation-failed", "error: something that nobody has seen yet"],
  ];
  for (const [code, text] of seen) it(`knows ${code}: ${text.slice(0, 60)}`, () => assert.equal(codeOf(text), code));

  it("has a cause and a next step for every code", () => {
    for (const { cause, next } of Object.values(explanations)) assert.ok(cause !== "" && next !== "");
  });

  it("names the resource, and tells the engine's own closing words from the reason", () => {
    const error = classify({
      ...none,
      text: "error: update failed",
      errors: [
        { text: "update failed" },
        { text: "cannot re-use a name that is still in use", resource: "kubernetes:helm.sh/v3:Release istiod" },
      ],
    });
    assert.equal(error.code, "release-wedged");
    assert.match(error.message, /: kubernetes:helm\.sh\/v3:Release istiod: cannot re-use a name/);
    assert.equal(error.next, explanations["release-wedged"].next);
    assert.match(error.detail!, /cannot re-use a name[^]*error: update failed/);
  });

  it("says which policies forbid the change, whatever else was said", () => {
    const error = classify({ ...none, text: "error: preview failed", violations: ["no-permissive: why"] });
    assert.ok(error.code === "policy-violated");
    assert.deepEqual(error.about.violations, ["no-permissive: why"]);
    assert.match(error.message, /no-permissive/);
  });

  it("crosses threads and prints as JSON without losing anything", () => {
    const left = { unfinished: ["kubernetes:helm.sh/v3:Release istiod"], changed: 3 };
    const error = classify({ ...none, text: "error: timed out waiting for the condition", left });
    const again = fromPlain(structuredClone(error.toJSON()));
    assert.ok(isRolloutError(again) && again.code === "timed-out");
    assert.deepEqual(again.about.unfinished, left.unfinished);
    assert.deepEqual(JSON.parse(JSON.stringify(again)), JSON.parse(JSON.stringify(error)));
    assert.equal(again.message, error.message);
  });
});
