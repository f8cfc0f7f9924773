import assert from "node:assert/strict";
import * as ready from "../../../../sandbox/engine/kubernetes/ready";
import { timeoutSeconds } from "../../../../sandbox/engine/kubernetes/await";
import type { TreeMap } from "../../../../sandbox/engine/kubernetes/tree";
import { parseWaitFor, waitForPending } from "../../../../sandbox/engine/kubernetes/wait-for";

const revision = (value: string) => ({ annotations: { "deployment.kubernetes.io/revision": value } });
const conditions = (...list: [string, string, string?][]) =>
  list.map(([type, status, reason = ""]) => ({ type, status, reason }));

function deployment(at: string, observedGeneration: number, ...list: [string, string, string?][]): TreeMap {
  return {
    metadata: { name: "d", generation: 2, ...revision(at) },
    status: { observedGeneration, conditions: conditions(...list) },
  };
}

function replicaSet(at: string, replicas: number, readyReplicas?: number): TreeMap {
  return { metadata: revision(at), spec: { replicas }, status: readyReplicas === undefined ? {} : { readyReplicas } };
}

describe("a Deployment", () => {
  const available: [string, string] = ["Available", "True"];
  const rolledOut: [string, string, string] = ["Progressing", "True", "NewReplicaSetAvailable"];

  it("is ready when its newest ReplicaSet is", () => {
    assert.deepEqual(ready.deploymentPending(deployment("1", 2, available), [replicaSet("1", 1, 1)], []), []);
    assert.deepEqual(
      ready.deploymentPending(
        deployment("2", 2, available, rolledOut),
        [replicaSet("1", 0), replicaSet("2", 3, 3)],
        [],
      ),
      [],
    );
    assert.deepEqual(ready.deploymentPending(deployment("1", 2, available), [replicaSet("1", 0)], []), []);
  });

  it("is not ready before the controller has seen it, or while old pods serve", () => {
    const unseen = ready.deploymentPending(deployment("1", 1, available), [replicaSet("1", 1, 1)], []);
    assert.deepEqual(unseen, ["Minimum number of Pods to consider the application live was not attained"]);
    const rolling = ready.deploymentPending(
      deployment("2", 2, available, ["Progressing", "True", "ReplicaSetUpdated"]),
      [replicaSet("1", 3, 3), replicaSet("2", 1)],
      [],
    );
    assert.deepEqual(rolling, [
      "Attempted to roll forward to new ReplicaSet, but minimum number of Pods did not become live",
      "The new ReplicaSet is not yet available",
    ]);
  });

  it("waits for the claims that its pods mount", () => {
    const claim = { metadata: { name: "c" }, status: { phase: "Pending" } };
    const pending = ready.deploymentPending(deployment("1", 2, available), [replicaSet("1", 1, 1)], [claim]);
    assert.deepEqual(pending, ['PersistentVolumeClaim "c" is not bound (phase "Pending")']);
    assert.deepEqual(ready.claimPending(claim, true), []);
  });
});

describe("other kinds", () => {
  it("a Pod is ready when all its conditions hold, or it has succeeded", () => {
    const pod = { metadata: { name: "p", namespace: "n" } };
    const all = conditions(["PodScheduled", "True"], ["Initialized", "True"], ["Ready", "True"]);
    assert.deepEqual(ready.podPending({ ...pod, status: { conditions: all } }), []);
    assert.deepEqual(ready.podPending({ ...pod, status: { phase: "Succeeded" } }), []);
    const waiting = {
      containerStatuses: [{ state: { waiting: { reason: "ErrImagePull", message: "no such image" } } }],
    };
    assert.deepEqual(ready.podPending({ ...pod, status: { conditions: all.slice(0, 2) } }), [
      "[Pod p]: condition Ready is not met",
    ]);
    assert.deepEqual(ready.podMessages([{ ...pod, status: waiting }]), ["[Pod n/p]: ErrImagePull: no such image"]);
  });

  it("a Service waits for its load balancer and for unready endpoints, not for missing ones", () => {
    const service = { spec: { type: "LoadBalancer" } };
    assert.match(ready.servicePending(service, []).join(), /was not allocated an IP address/);
    assert.deepEqual(
      ready.servicePending({ ...service, status: { loadBalancer: { ingress: [{ ip: "a" }] } } }, []),
      [],
    );
    const slice = (conditions: TreeMap) => [{ endpoints: [{ conditions }] }];
    assert.match(ready.servicePending({ spec: {} }, slice({ ready: false })).join(), /does not target any Pods/);
    assert.deepEqual(ready.servicePending({ spec: {} }, slice({ ready: false, terminating: true })), []);
    assert.equal(ready.hasEndpoints({ spec: { selector: { a: "b" }, clusterIP: "None" } }), false);
    assert.equal(ready.hasEndpoints({ spec: { selector: { a: "b" } } }), true);
  });

  it("a Job is ready when complete, and says why it failed", () => {
    assert.deepEqual(ready.jobPending({ status: { conditions: conditions(["Complete", "True"]) } }), []);
    const failed = {
      status: { conditions: [{ type: "Failed", status: "True", reason: "BackoffLimit", message: "no" }] },
    };
    assert.equal(ready.jobFailure(failed), "[BackoffLimit] no");
    assert.equal(ready.jobFailure({}), "");
  });

  it("StatefulSets and DaemonSets are ready when all their pods are new and ready", () => {
    const set = (status: TreeMap) => ({
      metadata: { generation: 1 },
      spec: { replicas: 2 },
      status: { observedGeneration: 1, ...status },
    });
    assert.deepEqual(ready.statefulSetPending(set({ readyReplicas: 2, updatedReplicas: 2 })), []);
    assert.equal(ready.statefulSetPending(set({ readyReplicas: 2, updatedReplicas: 1 })).length, 1);
    const daemons = { desiredNumberScheduled: 2, numberAvailable: 2, updatedNumberScheduled: 2 };
    assert.deepEqual(ready.daemonSetPending(set(daemons)), []);
    assert.equal(ready.daemonSetPending(set({ ...daemons, numberAvailable: 1 })).length, 1);
  });
});

describe("pulumi.com/waitFor", () => {
  const object: TreeMap = {
    spec: { hosts: [{ name: "a", port: 80 }, { name: "b" }] },
    status: { phase: "Ready", conditions: conditions(["Synced", "True"], ["Failed", "False"]) },
  };
  const met = (text: string): boolean => waitForPending(object, parseWaitFor(text)).length === 0;

  it("takes conditions and JSONPaths, one or all of a list", () => {
    assert.equal(met("condition=Synced"), true);
    assert.equal(met("condition=Failed"), false);
    assert.equal(met("condition=Failed=False"), true);
    assert.equal(met("jsonpath={.status.phase}=Ready"), true);
    assert.equal(met("jsonpath={.status.phase}=Other"), false);
    assert.equal(met("jsonpath={.status.phase}"), true);
    assert.equal(met("jsonpath={.status.absent}"), false);
    assert.equal(met("jsonpath={.spec.hosts[0].port}=80"), true);
    assert.equal(met('jsonpath={.spec.hosts[?(@.name=="b")].name}=b'), true);
    assert.equal(met("jsonpath={.spec.hosts[*].name}=b"), true);
    assert.equal(met('["condition=Synced", "jsonpath={.status.phase}=Other"]'), false);
  });

  it("refuses anything else", () => {
    for (const text of ["phase=Ready", "jsonpath={}", "[1]", "[]", "jsonpath={.a[}"]) {
      assert.throws(() => parseWaitFor(text), /pulumi\.com\/waitFor/);
    }
  });
});

describe("the time to wait", () => {
  it("is the resource's own, else the annotation's, else ten minutes", () => {
    const annotated = { metadata: { annotations: { "pulumi.com/timeoutSeconds": "5" } } };
    assert.equal(timeoutSeconds(7, annotated), 7);
    assert.equal(timeoutSeconds(0, annotated), 5);
    assert.equal(timeoutSeconds(0, {}), 600);
  });
});
