import assert from "node:assert/strict";
import { fixedDifferences, fixedFields, immutableChanges, isKept } from "../../../mesh/immutability";

/*
 * Sources: kubernetes/kubernetes, pkg/apis/<group>/validation/validation.go; pulumi/pulumi-kubernetes,
 * provider/pkg/provider/diff.go (forceNew).
 */
const validation = "validation.go";
const cases: [apiVersion: string, kind: string, path: string, immutable: boolean, source: string][] = [
  ["v1", "Service", "spec.clusterIP", true, "forceNew"],
  ["v1", "Service", "spec.type", false, validation],
  ["v1", "Secret", "type", true, "ValidateSecretUpdate"],
  ["v1", "Secret", "data", false, "ValidateSecretUpdate"],
  ["v1", "ConfigMap", "data", false, "ValidateConfigMapUpdate"],
  ["v1", "PersistentVolumeClaim", "spec.accessModes", true, "forceNew"],
  ["v1", "PersistentVolumeClaim", "spec.selector", true, "forceNew"],
  ["v1", "PersistentVolumeClaim", "spec.storageClassName", true, "forceNew"],
  ["v1", "PersistentVolumeClaim", "spec.volumeName", true, "forceNew"],
  ["v1", "PersistentVolumeClaim", "spec.resources", false, validation],
  ["apps/v1", "Deployment", "spec.selector", true, "ValidateDeploymentUpdate"],
  ["apps/v1", "Deployment", "spec.template", false, validation],
  ["apps/v1", "DaemonSet", "spec.selector", true, "ValidateDaemonSetUpdate"],
  ["apps/v1", "ReplicaSet", "spec.selector", true, "ValidateReplicaSetUpdate"],
  ["apps/v1", "StatefulSet", "spec.selector", true, "ValidateStatefulSetUpdate"],
  ["apps/v1", "StatefulSet", "spec.serviceName", true, "ValidateStatefulSetUpdate"],
  ["apps/v1", "StatefulSet", "spec.podManagementPolicy", true, "ValidateStatefulSetUpdate"],
  ["apps/v1", "StatefulSet", "spec.volumeClaimTemplates", true, "ValidateStatefulSetUpdate"],
  ["apps/v1", "StatefulSet", "spec.replicas", false, "ValidateStatefulSetUpdate"],
  ["batch/v1", "Job", "spec.selector", true, "ValidateJobSpecUpdate"],
  ["batch/v1", "Job", "spec.template", true, "ValidateJobSpecUpdate"],
  ["batch/v1", "Job", "spec.completions", true, "ValidateJobSpecUpdate"],
  ["batch/v1", "Job", "spec.suspend", false, "ValidateJobSpecUpdate"],
  ["rbac.authorization.k8s.io/v1", "RoleBinding", "roleRef", true, "ValidateRoleBindingUpdate"],
  ["rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "roleRef", true, "ValidateClusterRoleBindingUpdate"],
  ["rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "subjects", false, "ValidateClusterRoleBindingUpdate"],
  ["storage.k8s.io/v1", "StorageClass", "parameters", true, "ValidateStorageClassUpdate"],
  ["storage.k8s.io/v1", "StorageClass", "provisioner", true, "ValidateStorageClassUpdate"],
  ["storage.k8s.io/v1", "StorageClass", "reclaimPolicy", true, "ValidateStorageClassUpdate"],
  ["storage.k8s.io/v1", "StorageClass", "volumeBindingMode", true, "ValidateStorageClassUpdate"],
  ["policy/v1", "PodDisruptionBudget", "spec.selector", false, validation],
  ["example.com/v1", "Deployment", "spec.selector", false, "another group is another kind"],
];

function made(apiVersion: string, kind: string, path: string, value: unknown, more: object = {}) {
  const content = path.split(".").reduceRight<unknown>((below, key) => ({ [key]: below }), value);
  return { apiVersion, kind, ...more, ...(content as object) };
}

describe("what cannot be changed in place", () => {
  for (const [apiVersion, kind, path, immutable, source] of cases)
    it(`${immutable ? "is" : "is not"} ${path} of a ${kind} of ${apiVersion} (${source})`, () => {
      const change = (was: unknown, is: unknown) =>
        immutableChanges(made(apiVersion, kind, path, was), made(apiVersion, kind, path, is));
      assert.deepEqual(change({ a: 1 }, { a: 2 }), immutable ? [path] : []);
      assert.deepEqual(change({ a: 1 }, undefined), immutable ? [path] : []);
      assert.deepEqual(change({ a: 1 }, { a: 1 }), []);
    });

  it("is the content of a ConfigMap or Secret that was sealed (ValidateConfigMapUpdate, ValidateSecretUpdate)", () => {
    const sealed = { immutable: true };
    const change = (kind: string, path: string, before: object, after: object = before) =>
      immutableChanges(made("v1", kind, path, "1", before), made("v1", kind, path, "2", after));
    assert.deepEqual(change("ConfigMap", "data", sealed), ["data"]);
    assert.deepEqual(change("ConfigMap", "binaryData", sealed), ["binaryData"]);
    assert.deepEqual(change("Secret", "data", sealed), ["data"]);
    assert.deepEqual(change("Secret", "stringData", sealed), ["stringData"]);
    assert.deepEqual(change("Secret", "data", sealed, {}), ["immutable", "data"]);
    assert.deepEqual(change("ConfigMap", "data", {}, sealed), []);
    assert.deepEqual(change("ConfigMap", "data", { immutable: false }), []);
    assert.deepEqual(change("Service", "spec", sealed), []);
  });

  it("is nothing of an object without a kind", () => assert.deepEqual(immutableChanges({}, {}), []));
});

describe("what Helm keeps", () => {
  it("has its annotation", () => {
    const kept = (annotations?: Record<string, string>) =>
      isKept({ metadata: { name: "c", ...(annotations === undefined ? {} : { annotations }) } });
    assert.ok(kept({ "helm.sh/resource-policy": "keep" }));
    assert.ok(!kept({ "helm.sh/resource-policy": "delete" }) && !kept({}) && !kept());
  });
});

describe("an object that is to become another one", () => {
  const of = (apiVersion: string, kind: string, fields: object = {}) => ({ apiVersion, kind, ...fields });
  const secret = (fields?: object) => of("v1", "Secret", { data: { key: "c2VjcmV0" }, ...fields });
  const deployment = (app: string, more = {}) =>
    of("apps/v1", "Deployment", { spec: { replicas: 1, selector: { matchLabels: { app, ...more } } } });
  const binding = (name: string, more = {}) =>
    of("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", { roleRef: { kind: "ClusterRole", name, ...more } });
  const service = (clusterIP?: string) => of("v1", "Service", { spec: { clusterIP } });
  const job = (template: object) => of("batch/v1", "Job", { spec: { template } });
  const table: [string, object, object, string[]][] = [
    ["a Secret of the same type", secret({ type: "Opaque" }), secret(), []],
    [
      "a Secret of another type",
      secret({ type: "Opaque" }),
      secret({ type: "kubernetes.io/tls" }),
      ["type is Opaque, and would be kubernetes.io/tls"],
    ],
    ["an immutable Secret", secret({ immutable: true }), secret(), ["it is immutable"]],
    ["an immutable ConfigMap", of("v1", "ConfigMap", { immutable: true }), of("v1", "ConfigMap"), ["it is immutable"]],
    ["a Deployment with that selector", deployment("a"), deployment("a"), []],
    [
      "a Deployment with another selector",
      deployment("a"),
      deployment("b"),
      [`spec.selector is {"matchLabels":{"app":"a"}}, and would be {"matchLabels":{"app":"b"}}`],
    ],
    [
      "a Deployment with a narrower selector",
      deployment("a", { release: "a" }),
      deployment("a"),
      [`spec.selector is {"matchLabels":{"app":"a","release":"a"}}, and would be {"matchLabels":{"app":"a"}}`],
    ],
    [
      "a binding, with what the server fills in",
      binding("a", { apiGroup: "rbac.authorization.k8s.io" }),
      binding("a"),
      [],
    ],
    [
      "a binding of another role",
      binding("a"),
      binding("b"),
      [`roleRef is {"kind":"ClusterRole","name":"a"}, and would be {"kind":"ClusterRole","name":"b"}`],
    ],
    ["a Service with an address, for one that leaves it open", service("10.0.0.1"), service(), []],
    [
      "a Service for a headless one",
      service("10.0.0.1"),
      service("None"),
      ["spec.clusterIP is 10.0.0.1, and would be None"],
    ],
    [
      "a Job, with what the server fills in",
      job({ spec: { a: 1, b: [{ c: 1, d: 2 }] } }),
      job({ spec: { b: [{ c: 1 }] } }),
      [],
    ],
    ["a kind without such fields", of("v1", "ServiceAccount", { a: 1 }), of("v1", "ServiceAccount"), []],
  ];
  for (const [what, live, planned, expected] of table)
    it(`${what}: ${expected.join("; ") || "can"}`, () =>
      assert.deepEqual(fixedDifferences(fixedFields(live), fixedFields(planned)), expected));

  it("is compared by what cannot change alone: no data of a Secret is kept", () =>
    assert.deepEqual(fixedFields(secret()), { type: "Opaque" }));
});
