import assert from "node:assert/strict";
import { changes, own, rendered, side } from "./sides";
import { compare } from "../../../review/compare";
import type { OwnedObject } from "../../../review/objects";

const configMap = (data: string, chart = "1.0.0") =>
  rendered(
    `{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: n, labels: {helm.sh/chart: x-${chart}}}, data: ${data}}`,
  );
const deployment = (annotations = "{}", extra = "") =>
  rendered(
    `{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: n}, spec: {template: {metadata: {annotations: ${annotations}}, spec: {containers: [{name: c, image: i:1}]}}${extra}}}`,
  );

const summary = ({ changes: all, folded, unchanged }: ReturnType<typeof changes>) => ({
  changes: all.map(({ action, title }) => `${title} ${action}`),
  folded: folded.map(({ title }) => title),
  unchanged,
});

describe("comparing two renders", () => {
  it("takes the order of keys and named lists, nulls and empty maps for no change", () => {
    const before = deployment(
      "{}",
      ", x: [{name: a, v: 1}, {name: b, v: 2}], y: null, securityContext: {}, z: {a: 1, b: 2}",
    );
    const after = deployment("null", ", z: {b: 2, a: 1}, x: [{name: b, v: 2}, {name: a, v: 1}]");
    assert.deepEqual(summary(changes([before], [after])), { changes: [], folded: [], unchanged: 1 });
  });

  it("keeps the order where it means something", () => {
    const host = (routes: string) =>
      own(
        `{apiVersion: enroute.saaras.io/v1, kind: GatewayHost, metadata: {name: h, namespace: n}, spec: {routes: ${routes}}}`,
      );
    const found = changes([host("[{name: a}, {name: b}]")], [host("[{name: b}, {name: a}]")]);
    assert.deepEqual(summary(found).changes, ["GatewayHost n/h updated"]);
  });

  it("compares what texts mean, not how they are written", () => {
    const before = configMap(JSON.stringify({ mesh: "a: 1\nb:\n  - x\n", json: '{"a": 1, "b": 2}' }));
    const after = configMap(JSON.stringify({ mesh: "b: [x]\na: 1", json: '{"b":2,"a":1}' }));
    assert.equal(changes([before], [after]).unchanged, 1);
  });

  it("folds what differs only in labels with the chart's version", () => {
    const found = changes([configMap("{a: b}")], [configMap("{a: b}", "2.0.0")]);
    assert.deepEqual(summary(found), { changes: [], folded: ["ConfigMap n/c"], unchanged: 0 });
  });

  it("folds istiod's copy of the values", () => {
    const copy = (value: string) => configMap(`{original-values: '${value}', merged-values: "{}"}`);
    assert.deepEqual(summary(changes([copy('{"a":1}')], [copy('{"a":2}')])).folded, ["ConfigMap n/c"]);
  });

  it("does not take webhook certificates for a change", () => {
    const webhook = (bundle: string) =>
      rendered(
        `{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {name: w}, webhooks: [{name: a, clientConfig: {caBundle: ${bundle}}}]}`,
      );
    assert.equal(changes([webhook("YQ==")], [webhook("Yg==")]).unchanged, 1);
  });

  describe("of a chart that draws a key at every render", () => {
    const kiali = (key: string, url = "http://a") =>
      rendered(
        `{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: n}, data: {config.yaml: "login_token: {signing_key: ${key}}\\nurl: ${url}\\n"}}`,
        "kiali-server",
      );
    const pod = (checksum: string) => ({ ...deployment(`{checksum/config: ${checksum}}`), release: "kiali-server" });

    it("hides the key, and the restart that it would seem to cause", () => {
      const found = changes([kiali("aaaa"), pod("1")], [kiali("bbbb"), pod("2")]);
      assert.deepEqual(summary(found), { changes: [], folded: [], unchanged: 2 });
    });

    it("shows another change of the configuration once, and the restart that it causes", () => {
      const found = changes([kiali("aaaa"), pod("1")], [kiali("bbbb", "http://b"), pod("2")]);
      assert.deepEqual(summary(found).changes, ["Deployment n/d updated", "ConfigMap n/c updated"]);
      assert.deepEqual(
        found.changes[0]!.marks.map(({ topic }) => topic),
        ["restart"],
      );
      assert.match(found.changes[1]!.diff, /^-\s+url: http:\/\/a\n\+\s+url: http:\/\/b$/m);
      assert.doesNotMatch(JSON.stringify(found), /aaaa|bbbb/);
    });
  });

  it("says what is replaced: another name of the same resource, or a field that cannot change", () => {
    const binding = (role: string, name = "b") =>
      own(
        `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: ${name}}, roleRef: {kind: ClusterRole, name: ${role}}, subjects: []}`,
        "binding",
      );
    assert.deepEqual(summary(changes([binding("a")], [binding("b")])).changes, ["ClusterRoleBinding b replaced"]);
    const renamed = changes([binding("a")], [binding("a", "c")]);
    assert.deepEqual(summary(renamed).changes, ["ClusterRoleBinding c replaced", "ClusterRoleBinding b deleted"]);
  });

  it("says that an upgrade fails which changes what Helm cannot change", () => {
    const selecting = (app: string) => deployment("{}", `, selector: {matchLabels: {app: ${app}}}`);
    const [change] = changes([selecting("a")], [selecting("b")]).changes;
    assert.match(change!.marks[0]!.text, /spec\.selector cannot be changed in place/);
    assert.equal(change!.marks[0]!.level, "outage");
  });

  it("knows a release that is uninstalled and installed anew", () => {
    const releases = (name: string) => [
      { resource: "gateway", name, namespace: "n", chart: "enroute", version: "0.8.7", values: {} },
    ];
    const found = compare(
      side([{ ...deployment(), release: "old" }], releases("old")),
      side([{ ...deployment(), release: "new" }], releases("new")),
    );
    assert.deepEqual(summary(found).changes, ["Deployment n/d replaced"]);
    assert.equal(found.changes[0]!.marks[0]!.level, "outage");
  });

  it("keeps the name of an object that the engine keeps, whatever the newer program calls it", () => {
    const host = (name: string) =>
      own(`{apiVersion: enroute.saaras.io/v1, kind: GatewayHost, metadata: {name: ${name}, namespace: n}}`, "host::h");
    const found = changes([host("a-b")], [{ ...host("a.b"), keepsName: true }]);
    assert.deepEqual(summary(found), { changes: [], folded: [], unchanged: 1 });
    assert.deepEqual(summary(changes([host("a-b")], [host("a.b")])).changes, [
      "GatewayHost n/a.b replaced",
      "GatewayHost n/a-b deleted",
    ]);
  });

  describe("of a namespace that changes hands", () => {
    const made = own("{apiVersion: v1, kind: Namespace, metadata: {name: n, labels: {a: b}}}", "core:Namespace::n");
    const labelled = own("{apiVersion: v1, kind: Namespace, metadata: {name: n}}", "core:NamespacePatch::n");
    const patched = { ...labelled, patch: true };
    const table: [string, OwnedObject, OwnedObject, string, RegExp][] = [
      [
        "one resource, handed over",
        made,
        { ...patched, formerTypes: ["core:Namespace"] },
        "updated",
        /^notice .*it stays/,
      ],
      ["two resources, of which the engine deletes the first", made, patched, "deleted", /^outage .*everything in/],
      ["one resource, taken over", patched, made, "updated", /^danger .*taken over/],
    ];
    for (const [what, before, after, action, text] of table)
      it(`says what it comes to: ${what}`, () => {
        const [change, ...more] = changes([before], [after]).changes;
        assert.deepEqual(more, []);
        assert.equal(change!.action, action);
        assert.match(change!.marks.map((mark) => `${mark.level} ${mark.text}`).join("\n"), text);
      });
  });

  it("knows what stays in the cluster although nothing makes it any more", () => {
    const definition = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a.b}}";
    const kept = rendered(definition.replace("a.b", "a.b, annotations: {helm.sh/resource-policy: keep}"));
    assert.deepEqual(summary(changes([{ ...rendered(definition), installedOnce: true }], [])).changes, [
      "CustomResourceDefinition a.b left behind",
    ]);
    assert.deepEqual(summary(changes([kept], [])).changes, ["CustomResourceDefinition a.b left behind"]);
    assert.deepEqual(summary(changes([rendered(definition)], [])).changes, ["CustomResourceDefinition a.b deleted"]);
  });

  it("shows no secret, wherever it stands, and that one changed", () => {
    const secret = (value: string) =>
      own(`{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: n}, data: {k: ${value}}}`);
    const environment = (value: string) =>
      rendered(
        `{apiVersion: apps/v1, kind: Deployment, metadata: {name: e, namespace: n}, spec: {template: {spec: {containers: [{name: c, image: i:1, env: [{name: DB_PASSWORD, value: ${value}}]}]}}}}`,
      );
    const text = (value: string) =>
      configMap(JSON.stringify({ "config.yaml": `db:\n  password: ${value}\n  user: u\n` }));
    const pem = (value: string) =>
      rendered(
        JSON.stringify({
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: "p", namespace: "n" },
          data: { file: `x\n-----BEGIN PRIVATE KEY-----\n${value}\n-----END PRIVATE KEY-----\n` },
        }),
      );
    const all = (value: string) => [secret(value), environment(value), text(value), pem(value)];
    const found = changes(all("opensesame1"), all("opensesame2"));
    assert.equal(found.changes.length, 4);
    assert.doesNotMatch(JSON.stringify(found), /opensesame/);
  });

  it("heads each part of a diff by its place", () => {
    const image = (tag: string) =>
      rendered(
        `{apiVersion: apps/v1, kind: Deployment, metadata: {name: e}, spec: {template: {spec: {containers: [{name: a, image: i:1}, {image: "i:${tag}", name: b, args: [x, y, z]}]}}}}`,
      );
    const [change] = changes([image("1")], [image("2")]).changes;
    assert.match(change!.diff, /^@@ spec\.template\.spec\.containers\[b\] @@$/m);
    assert.match(change!.diff, /^-\s+image: i:1\n\+\s+image: i:2$/m);
  });
});
