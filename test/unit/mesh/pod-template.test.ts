import assert from "node:assert/strict";
import { floating, podTemplateOf } from "../../../mesh/pod-template";

describe("a pod template", () => {
  const template = { metadata: { labels: { app: "a" } }, spec: {} };

  // https://kubernetes.io/docs/concepts/workloads/pods/#pod-templates
  for (const kind of ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"])
    it(`stands in spec.template of a ${kind}`, () =>
      assert.equal(podTemplateOf({ kind, spec: { template } } as { kind: string }), template));

  it("stands deeper in a CronJob, and is the pod itself", () => {
    const spec = { jobTemplate: { spec: { template } } };
    assert.equal(podTemplateOf({ kind: "CronJob", spec } as { kind: string }), template);
    const pod = { kind: "Pod", ...template };
    assert.equal(podTemplateOf(pod), pod);
  });

  it("is nowhere else", () => {
    for (const object of [{ kind: "Service", spec: { template } }, { kind: "Deployment" }, {}, undefined])
      assert.equal(podTemplateOf(object as { kind: string } | undefined), undefined);
    assert.equal(podTemplateOf({ kind: "Job", spec: { template: "t" } } as { kind: string }), undefined);
  });
});

describe("an image", () => {
  // https://kubernetes.io/docs/concepts/containers/images/#image-names: no tag means latest
  const digest = `@sha256:${"0".repeat(64)}`;
  const cases: [reference: string, floats: string, exact: string][] = [
    ["redis", "no tag", "no tag"],
    ["host:5000/redis", "no tag", "no tag"],
    ["redis:latest", "latest", "latest"],
    ["redis:7.4", "fixed", "7.4"],
    ["redis:7", "fixed", "7"],
    ["redis:7.4.1", "fixed", "fixed"],
    ["redis:v7.4.1", "fixed", "fixed"],
    ["redis:7.4.1-alpine", "fixed", "fixed"],
    ["redis:7.4.1_2", "fixed", "fixed"],
    ["redis:stable-7.4.1", "fixed", "stable-7.4.1"],
    ["redis:7.4.1alpha", "fixed", "7.4.1alpha"],
    [`redis${digest}`, "fixed", "fixed"],
    [`redis:latest${digest}`, "fixed", "fixed"],
    [`redis${digest}:latest`, "latest", "latest"],
  ];
  for (const [reference, floats, exact] of cases)
    it(`${reference}: ${floats}; as an exact version: ${exact}`, () => {
      const answer = (isExact?: boolean) => {
        const found = floating(reference, isExact);
        return found === undefined ? "fixed" : (found.tag ?? "no tag");
      };
      assert.deepEqual([answer(), answer(false), answer(true)], [floats, floats, exact]);
    });
});
