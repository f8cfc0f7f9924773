import assert from "node:assert/strict";
import { releaseWaits } from "../../../automation/waits";

const ours = { "meta.helm.sh/release-name": "enroute-istio" };
const selector = { matchLabels: { app: "enroute" } };
const deployment = (readyReplicas: number, annotations: Record<string, string> = ours) => ({
  kind: "Deployment",
  metadata: { name: "enroute", annotations },
  spec: { replicas: 2, selector },
  status: { readyReplicas },
});
const pod = (status: object) => ({ metadata: { name: "enroute-1", labels: { app: "enroute" } }, status });

describe("what Helm waits for", () => {
  const words = (workloads: object[], pods: object[] = []) =>
    releaseWaits({ workloads, pods } as never, "enroute-istio");

  it("is nothing where all is ready, or another release's", () => {
    assert.equal(words([deployment(2)]), "");
    assert.equal(words([deployment(0, { "meta.helm.sh/release-name": "other" })]), "");
  });

  it("is replicas, with the reason that the pod's containers give", () => {
    const stuck = pod({
      initContainerStatuses: [{ name: "istio-proxy", ready: true, state: {} }],
      containerStatuses: [
        { name: "envoy", ready: false, state: { waiting: { reason: "ImagePullBackOff" } } },
        { name: "redis", ready: false, state: { waiting: { reason: "PodInitializing" } } },
      ],
    });
    assert.equal(words([deployment(1)], [stuck, stuck]), "Deployment enroute: 1 of 2 ready (envoy: ImagePullBackOff)");
  });

  it("is a container that starts, or a node that has room", () => {
    const starting = pod({ containerStatuses: [{ name: "envoy", ready: false, state: { running: {} } }] });
    assert.equal(words([deployment(0)], [starting]), "Deployment enroute: 0 of 2 ready (envoy is starting)");
    const homeless = pod({ conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] });
    assert.equal(words([deployment(0)], [homeless]), "Deployment enroute: 0 of 2 ready (Unschedulable)");
  });

  it("is the address of a load balancer", () => {
    const service = {
      kind: "Service",
      metadata: { name: "enroute", annotations: ours },
      spec: { type: "LoadBalancer" },
    };
    assert.equal(words([deployment(2), service]), "Service enroute: no address yet");
    assert.equal(words([{ ...service, status: { loadBalancer: { ingress: [{}] } } }]), "");
  });

  it("is the nodes of a DaemonSet", () => {
    const metadata = { name: "exporter", annotations: ours };
    const status = { desiredNumberScheduled: 3, numberReady: 1 };
    assert.equal(words([{ kind: "DaemonSet", metadata, status }]), "DaemonSet exporter: 1 of 3 ready");
  });
});
