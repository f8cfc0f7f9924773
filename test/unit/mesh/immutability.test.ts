import assert from "node:assert/strict";
import { immutableChanges, isKept } from "../../../mesh/immutability";

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
