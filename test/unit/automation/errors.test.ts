import assert from "node:assert/strict";
import { type Failed, classify, codeOf } from "../../../automation/classify";
import { explanations, fromPlain, isRolloutError } from "../../../automation/errors";

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
    ["stack-locked", "error: EOF"],
    ["stack-locked", "error: could not create stack: EOF"],
    ["stack-locked", "error: could not create stack: unexpected end of JSON input"],
    ["passphrase-wrong", "error: getting stack configuration: get stack secrets manager: incorrect passphrase"],
    [
      "passphrase-wrong",
      "error: getting stack configuration: get stack secrets manager: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables",
    ],
    [
      "backend-unavailable",
      "error: unable to open bucket file:///nowhere?no_tmp_dir=true: stat /nowhere: no such file",
    ],
    // The CLI 3.276 says it so.
    [
      "backend-unavailable",
      "error: unable to open state directory file:///nowhere?no_tmp_dir=true: stat /nowhere: no such file",
    ],
    ["backend-unavailable", "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions"],
    [
      "backend-unavailable",
      'error: performing HTTP request: Get "https://127.0.0.1:1/api/user": dial tcp 127.0.0.1:1: connect: connection refused',
    ],
    ...[
      "(code=Unknown): operation error S3: HeadObject, https response error StatusCode: 403, api error Forbidden: Forbidden",
      "(code=Unknown): operation error S3: GetObject, https response error StatusCode: 503, api error SlowDown: Reduce your request rate.",
      "(code=Unknown): RESPONSE 403: 403 Key based authentication is not permitted",
      "(code=DeadlineExceeded): context deadline exceeded",
    ].map((words): [string, string] => [
      "backend-unavailable",
      `error: failed to load checkpoint: blob (key ".pulumi/stacks/p/dev.json") ${words}`,
    ]),
    ["backend-unavailable", "error: could not list bucket: operation error S3: ListObjectsV2, PermanentRedirect"],
    ["backend-unavailable", 'error: read ".pulumi/meta.yaml": dial tcp: lookup s3.example.com: no such host'],
    // Buckets, by the errors of gocloud.dev/blob with each cloud's SDK, and Pulumi Cloud.
    [
      "backend-unavailable",
      'error: read ".pulumi/meta.yaml": blob (key ".pulumi/meta.yaml") (code=Unknown): operation error S3: GetObject, get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata, canceled, context deadline exceeded',
    ],
    [
      "backend-unavailable",
      'error: failed to load checkpoint: blob (key ".pulumi/stacks/enroute-istio/dev.json") (code=Unknown): operation error S3: GetObject, https response error StatusCode: 400, api error ExpiredToken: The provided token has expired.',
    ],
    [
      "backend-unavailable",
      'error: read ".pulumi/meta.yaml": blob (key ".pulumi/meta.yaml") (code=PermissionDenied): operation error S3: GetObject, https response error StatusCode: 403, api error InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.',
    ],
    [
      "backend-unavailable",
      "error: could not list bucket: blob (code=Unknown): DefaultAzureCredential: failed to acquire a token.\nAttempted credentials:\n\tEnvironmentCredential: missing environment variable AZURE_TENANT_ID",
    ],
    [
      "backend-unavailable",
      'error: reading checkpoint: blob (key ".pulumi/stacks/p/dev.json") (code=PermissionDenied): GET https://a.blob.core.windows.net/s\nRESPONSE 403: 403 Server failed to authenticate the request.\nERROR CODE: AuthenticationFailed',
    ],
    [
      "backend-unavailable",
      "error: unable to open bucket gs://state: unable to load application default credentials: google: could not find default credentials.",
    ],
    [
      "backend-unavailable",
      'error: loading checkpoint: blob (key ".pulumi/stacks/p/dev.json") (code=Unknown): Get "https://storage.googleapis.com/s": oauth2: cannot fetch token: 400 Bad Request\nResponse: {"error": "invalid_grant"}',
    ],
    ["backend-unavailable", "error: [401] Unauthorized: No credentials provided or are invalid."],
    ["backend-unavailable", "error: [403] Forbidden: the access token has expired"],
    [
      "operation-failed",
      "kubernetes:core/v1:Secret resource 'x' has a problem: Unauthorized: getting credentials: exec: executable aws failed with exit code 255: The SSO session has expired",
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
    ["state-damaged", "error: failed to load checkpoint: EOF"],
    ["state-damaged", "error: getting snapshot: failed to load checkpoint: place 1: unexpected end of JSON input"],
    ["state-damaged", 'error: read ".pulumi/meta.yaml": EOF'],
    [
      "state-damaged",
      "error: getting history: reading history file .pulumi/history/enroute-istio/dev/dev-1795795814171877579.history.json: EOF",
    ],
    [
      "backend-unavailable",
      'error: failed to load checkpoint: blob (key ".pulumi/stacks/enroute-istio/dev.json") (code=PermissionDenied): open /state/.pulumi/stacks/enroute-istio/dev.json: permission denied',
    ],
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

  // As Helm 3.20, the Kubernetes provider 4.25 and the engine 3.246 print them.
  const initialize = (id: string, why: string) =>
    `Helm release "${id}" was created, but failed to initialize completely. Use Helm CLI to investigate: failed to become available within allocated timeout. Error: Helm Release ${id}: ${why}`;
  describe("tell the whole reason, in readable lines", () => {
    const told: [string, string, string][] = [
      [
        "one error in a list",
        `1 error occurred:\n\t* ${initialize("istio-system/istiod", "context deadline exceeded")}\n\n`,
        initialize("istio-system/istiod", "context deadline exceeded"),
      ],
      [
        "several errors in a list",
        "3 errors occurred:\n\t* Deployment is not ready\n\t* Service has no address\n\t* Deployment is not ready\n\n",
        "- Deployment is not ready\n- Service has no address",
      ],
      [
        "a list behind words of its own",
        "failed to create resource: 1 error occurred:\n\t* the server could not find the requested resource\n\n",
        "failed to create resource: the server could not find the requested resource",
      ],
      [
        "a list in a list",
        "1 error occurred:\n\t* update failed: 2 errors occurred:\n\t* field is immutable\n\t* name is taken\n\n\n\n",
        "update failed: 2 errors occurred:\n- field is immutable\n- name is taken",
      ],
      [
        "a conflict of field managers",
        'Server-Side Apply field conflict detected.\nThe resource managed by field manager "pulumi" had an apply conflict: Apply failed with 1 conflict: conflict with "kubectl": .spec.replicas\n',
        'Server-Side Apply field conflict detected.\nThe resource managed by field manager "pulumi" had an apply conflict: Apply failed with 1 conflict: conflict with "kubectl": .spec.replicas',
      ],
      [
        "a program that failed, without its stack",
        "Running program failed with an unhandled exception:\nError: no\n    at program (/work/stacks/program.ts:12:5)\n    at async /work/index.js:1:2\n",
        "Running program failed with an unhandled exception:\nError: no",
      ],
      ["nothing", "\n", "unknown error"],
    ];
    for (const [what, text, reason] of told)
      it(`of ${what}`, () => {
        const { message, detail } = classify({ ...none, errors: [{ text, resource: "Release prometheus" }] });
        assert.ok(message.endsWith(`: Release prometheus: ${reason.replaceAll("\n", "\n    ")}`), message);
        assert.equal(detail, text.trim());
      });

    it("of a command that said it on its error output, with the lines below", () => {
      const text = "warning: old\nerror: could not read it:\n  first reason\n  second reason\nerror: update failed\n";
      assert.equal(
        classify({ ...none, text }).message,
        `${explanations["operation-failed"].cause}: could not read it:\n    first reason\n    second reason`,
      );
    });

    it("with what the resource waited for last, and what else failed", () => {
      const { message } = classify({
        ...none,
        errors: [
          { text: "webhook said no", resource: "GatewayHost shop" },
          {
            text: "context deadline exceeded",
            resource: "Release prometheus",
            waited: "Deployment server: 0 of 1 ready",
          },
          { text: "context deadline exceeded", resource: "Release kiali-server" },
        ],
      });
      assert.equal(
        message,
        [
          `${explanations["timed-out"].cause}: Release prometheus: context deadline exceeded`,
          "    it waited for Deployment server: 0 of 1 ready",
          "    also failed: GatewayHost shop, Release kiali-server",
        ].join("\n"),
      );
    });
  });

  // The provider (4.25, 4.34) takes credentials that ran out for a cluster that is gone, too.
  for (const text of [
    'configured Kubernetes cluster is unreachable. If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"',
    'failed to read resource state due to unreachable cluster. If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"',
    'can\'t delete Helm Release with unreachable cluster. Reason: "unable to load schema information"',
  ])
    it(`know a cluster that cannot be reached, without the provider's hint: ${text.slice(0, 44)}`, () => {
      const { code, message, next } = classify({ ...none, errors: [{ text, resource: "Release istiod" }] });
      assert.equal(code, "cluster-unreachable");
      assert.match(message, /unreachable/);
      assert.doesNotMatch(`${message} ${next}`, /DELETE_UNREACHABLE|cluster was deleted/);
    });

  describe("advise by what Helm made of a release that failed", () => {
    const gone =
      /and its pods: kubectl get events --namespace istio-system --sort-by=\.lastTimestamp shows why, for an hour; raise its timeoutSeconds/;
    const cases: [string, string, string, RegExp][] = [
      [
        "its pods are still there",
        initialize("istio-system/istiod", "context deadline exceeded"),
        "timed-out",
        /kubectl describe pod.*timeoutSeconds/,
      ],
      [
        "the installation was taken away again",
        "release prometheus failed, and has been uninstalled due to atomic being set: context deadline exceeded",
        "timed-out",
        gone,
      ],
      [
        "the upgrade was rolled back",
        `1 error occurred:\n\t* Helm release "istio-system/prometheus" failed to initialize completely. Use Helm CLI to investigate: failed to become available within allocated timeout. Error: Helm Release istio-system/prometheus: release prometheus failed, and has been rolled back due to atomic being set: context deadline exceeded\n\n`,
        "timed-out",
        /^Helm went back to what ran before, and the pods that failed are gone: kubectl get events --namespace istio-system /,
      ],
      [
        "a release of an unknown namespace was rolled back",
        "release other failed, and has been rolled back due to atomic being set: context deadline exceeded",
        "timed-out",
        /kubectl get events --all-namespaces /,
      ],
      [
        "it was rolled back for another reason",
        'release enroute-istio failed, and has been rolled back due to atomic being set: cannot patch "x": Internal error occurred: failed calling webhook "validation.istio.io": no endpoints available',
        "webhook-unavailable",
        /^Helm went back to what ran before, .*; make sure that the webhook's pods/,
      ],
      [
        "the roll-back failed, too",
        "an error occurred while rolling back the release. original upgrade error: context deadline exceeded: context deadline exceeded",
        "timed-out",
        /^Helm failed to undo it, too: .*recover the stack/,
      ],
      [
        "the removal failed, too",
        "an error occurred while uninstalling the release. original install error: context deadline exceeded: context deadline exceeded",
        "timed-out",
        /^Helm failed to undo it, too: .*recover the stack/,
      ],
    ];
    it("by what it waited for, where that says what to do", () => {
      const [, text] = cases[1]!;
      const known = { resource: "Release prometheus", waited: "Service enroute: no address yet", fix: "give it one" };
      const { next } = classify({ ...none, errors: [{ text: "context deadline exceeded", ...known }] });
      assert.equal(next, "give it one; then run it again");
      assert.equal(
        classify({ ...none, errors: [{ text, ...known }] }).next,
        "Helm removed the failed installation again, and its pods; give it one; then run it again",
      );
      const denied = classify({ ...none, errors: [{ text: "Apply failed with 1 conflict: x", ...known }] });
      assert.doesNotMatch(denied.next, /give it one/);
    });
    const namespaceOf = (release: string) => (release === "prometheus" ? "istio-system" : undefined);
    for (const [what, text, code, next] of cases)
      it(`where ${what}`, () => {
        const error = classify({ ...none, errors: [{ text, resource: "Release prometheus" }], namespaceOf });
        assert.equal(error.code, code);
        assert.match(error.next, next);
        if (/atomic being set/.test(text)) assert.doesNotMatch(error.next, /describe pod/);
      });
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
