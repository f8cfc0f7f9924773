import assert from "node:assert/strict";
import { errorText } from "../../../../sandbox/engine/kubernetes/helm/cli";
import * as inputs from "../../../../sandbox/engine/kubernetes/helm/inputs";
import { definitions, resourceNames } from "../../../../sandbox/engine/kubernetes/helm/manifest";
import { unknown as notKnown } from "../../../../sandbox/engine/wire";

const declared = { chart: "demo", name: "app", compat: "true" };

describe("the inputs of a Release", () => {
  it("have every flag and text, and the default namespace and time limit", () => {
    const completed = inputs.completed(declared, [], "somewhere");
    assert.equal(completed["namespace"], "somewhere");
    assert.equal(completed["timeout"], 300);
    assert.equal(completed["atomic"], false);
    assert.equal(completed["description"], "");
    assert.deepEqual(completed["values"], {});
    for (const absent of ["compat", "maxHistory", "repositoryOpts", "status", "valueYamlFiles"]) {
      assert.ok(!(absent in completed), absent);
    }
    assert.equal(inputs.completed({ ...declared, skipAwait: true }, [], "x")["timeout"], 0);
  });

  it("hold all values: files in order, then the declared ones", () => {
    const files = [{ a: { b: 1, c: 1 }, list: [1, 2], gone: 1 }, { a: { b: 2 } }];
    const values = { a: { c: null }, list: [3], gone: null };
    const completed = inputs.completed({ ...declared, values }, files, "x");
    assert.deepEqual(completed["values"], { a: { b: 2, c: null }, list: [3], gone: null });
  });

  it("keep what is not known", () => {
    const completed = inputs.completed({ ...declared, values: notKnown, timeout: notKnown }, [], "x");
    assert.equal(completed["values"], notKnown);
    assert.equal(completed["timeout"], notKnown);
  });

  it("become Helm's flags, never its values", () => {
    const all = inputs.completed(
      {
        ...declared,
        atomic: true,
        waitForJobs: true,
        createNamespace: true,
        description: "why",
        values: { key: "hidden" },
      },
      [],
      "x",
    );
    const install = ["--timeout", "300s", "--wait", "--wait-for-jobs", "--atomic", "--description", "why"];
    assert.deepEqual(inputs.installFlags(all), [...install, "--create-namespace"]);
    assert.deepEqual(inputs.upgradeFlags(all), [...install, "--history-max", "0"]);
    assert.deepEqual(inputs.uninstallFlags(all), ["--wait", "--timeout", "300s"]);
    const skipping = inputs.completed({ ...declared, skipAwait: true, waitForJobs: true, maxHistory: 3 }, [], "x");
    assert.deepEqual(inputs.installFlags(skipping), ["--timeout", "0s"]);
    assert.deepEqual(inputs.upgradeFlags(skipping), ["--timeout", "0s", "--history-max", "3"]);
    assert.deepEqual(inputs.uninstallFlags(skipping), ["--timeout", "0s"]);
  });

  it("keep an ignored version", () => {
    assert.deepEqual(inputs.withIgnoredVersion({ version: "2" }, { version: "1" }, ["version"]), { version: "1" });
    assert.deepEqual(inputs.withIgnoredVersion({ version: "2" }, { version: "1" }, []), { version: "2" });
  });
});

describe("a rendered manifest", () => {
  const manifest = `---
# Source: a/templates/x.yaml
apiVersion: v1
kind: Service
metadata:
  name: b
---
kind: Service
apiVersion: v1
metadata: {name: a, namespace: n}
---
{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}
---
# nothing but a comment
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  annotations:
    "text": |
      kind: Decoy
  name: widgets.example.test
spec:
    group: example.test
    names:
        kind: Widget
        plural: widgets
    scope: Cluster
    versions:
    - name: v1
      schema:
        openAPIV3Schema:
          description: |-
            scope: Namespaced
            group: decoy
status:
  acceptedNames: {kind: Decoy}
`;

  it("names what a release makes, by kind", () => {
    assert.deepEqual(resourceNames(manifest), {
      "Service/v1": ["b", "n/a"],
      "Deployment.apps/apps/v1": ["d"],
      "CustomResourceDefinition.apiextensions.k8s.io/apiextensions.k8s.io/v1": ["widgets.example.test"],
    });
    assert.deepEqual(resourceNames(""), {});
  });

  it("tells the scope of the kinds that it defines", () => {
    const names = { kind: "Widget", plural: "widgets" };
    assert.deepEqual(definitions(manifest), [
      { kind: "CustomResourceDefinition", spec: { group: "example.test", names, scope: "Cluster" } },
    ]);
    const json = { kind: "CustomResourceDefinition", spec: { group: "g", names, scope: "Namespaced" } };
    assert.deepEqual(definitions(JSON.stringify(json)), [json]);
  });
});

describe("an error of Helm", () => {
  it("is told without warnings and the name of the command", () => {
    const printed =
      "WARNING: this chart is deprecated\nError: INSTALLATION FAILED: cannot re-use a name that is still in use\n";
    assert.equal(errorText(printed), "cannot re-use a name that is still in use");
    assert.equal(
      errorText('Error: UPGRADE FAILED: "app" has no deployed releases\n'),
      '"app" has no deployed releases',
    );
    assert.equal(errorText("killed\n"), "killed");
  });
});
