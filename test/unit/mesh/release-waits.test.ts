import assert from "node:assert/strict";
import { refusalFix } from "../../../mesh/pod-refusal";
import { type ReleaseObjects, addressFix, releaseWait } from "../../../mesh/release-waits";

const ours = { "meta.helm.sh/release-name": "enroute-istio" };
const owned = (kind: string, name: string) => ({ ownerReferences: [{ kind, name }] });
const named = (name: string, annotations: Record<string, string> = ours) => ({ name, annotations });

/** A Deployment that its controller has seen, with so many pods ready, of two. */
const deployment = (readyReplicas: number, more: object = {}, annotations = ours) => ({
  kind: "Deployment",
  metadata: { ...named("enroute", annotations), generation: 3 },
  spec: { replicas: 2 },
  status: { observedGeneration: 3, readyReplicas, updatedReplicas: 2, ...more },
});
const replicaSet = (number: number, readyReplicas: number, conditions: object[] = []) => ({
  kind: "ReplicaSet",
  metadata: {
    ...owned("Deployment", "enroute"),
    name: `enroute-${number}`,
    annotations: { "deployment.kubernetes.io/revision": String(number) },
  },
  status: { readyReplicas, conditions },
});
const pod = (status: object, of = 1) => ({
  metadata: { ...owned("ReplicaSet", `enroute-${of}`), name: "enroute-1-x" },
  status,
});
const waitingFor = (name: string, reason: string, message?: string) => ({
  containerStatuses: [{ name, ready: false, state: { waiting: { reason, ...(message ? { message } : {}) } } }],
});
const unscheduled = (message?: string) => ({
  conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", ...(message ? { message } : {}) }],
});
const refused = (message: string) => [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message }];
const service = (more: object = {}, status: object = {}) => ({
  kind: "Service",
  metadata: named("enroute"),
  spec: { type: "LoadBalancer", ...more },
  status,
});
const warning = (kind: string, name: string, message: string, lastTimestamp = "2026-01-01T00:00:00Z") => ({
  involvedObject: { kind, name },
  reason: "FailedCreate",
  message,
  lastTimestamp,
});
const podSecurity =
  'pods "enroute-1-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false';

interface Case {
  name: string;
  objects: Partial<Record<keyof ReleaseObjects, object[]>>;
  text: string | undefined;
  fix?: RegExp;
}

const cases: Case[] = [
  { name: "all is ready", objects: { workloads: [deployment(2)] }, text: undefined },
  {
    name: "another release's",
    objects: { workloads: [deployment(0, {}, { "meta.helm.sh/release-name": "other" })] },
    text: undefined,
  },
  {
    name: "a container whose image does not come",
    objects: {
      workloads: [deployment(1)],
      replicaSets: [replicaSet(1, 1)],
      pods: [
        pod({
          initContainerStatuses: [{ name: "istio-proxy", ready: true, state: {} }],
          containerStatuses: [
            { name: "envoy", ready: false, state: { waiting: { reason: "ImagePullBackOff" } } },
            { name: "redis", ready: false, state: { waiting: { reason: "PodInitializing" } } },
          ],
        }),
      ],
    },
    text: "Deployment enroute: 1 of 2 ready (envoy: ImagePullBackOff)",
    fix: /^check the image's name and tag, .*imagePullSecrets/,
  },
  {
    name: "a container that crashes",
    objects: {
      workloads: [deployment(0)],
      replicaSets: [replicaSet(1, 0)],
      pods: [pod(waitingFor("envoy", "CrashLoopBackOff"))],
    },
    text: "Deployment enroute: 0 of 2 ready (envoy: CrashLoopBackOff)",
    fix: /^see why: kubectl -n edge logs enroute-1-x -c envoy --previous$/,
  },
  {
    name: "a volume that cannot be mounted",
    objects: {
      workloads: [deployment(0)],
      replicaSets: [replicaSet(1, 0)],
      pods: [pod(waitingFor("envoy", "ContainerCreating"))],
      warnings: [warning("Pod", "enroute-1-x", 'MountVolume.SetUp failed: secret "cacerts" not found')],
    },
    text: 'Deployment enroute: 0 of 2 ready (envoy: ContainerCreating: MountVolume.SetUp failed: secret "cacerts" not found)',
  },
  {
    name: "what is waited for now, not the refusal of an earlier try under the same name",
    objects: {
      workloads: [deployment(0)],
      replicaSets: [replicaSet(1, 0)],
      pods: [pod(waitingFor("envoy", "ImagePullBackOff"))],
      warnings: [warning("ReplicaSet", "enroute-1", podSecurity)],
    },
    text: "Deployment enroute: 0 of 2 ready (envoy: ImagePullBackOff)",
    fix: /^check the image's name/,
  },
  {
    name: "a container that starts",
    objects: {
      workloads: [deployment(0)],
      replicaSets: [replicaSet(1, 0)],
      pods: [pod({ containerStatuses: [{ name: "envoy", ready: false, state: { running: {} } }] })],
    },
    text: "Deployment enroute: 0 of 2 ready (envoy is starting)",
  },
  {
    name: "a node that has room",
    objects: {
      workloads: [deployment(0)],
      replicaSets: [replicaSet(1, 0)],
      pods: [
        pod(
          unscheduled(
            "0/2 nodes are available: 2 node(s) were unschedulable. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
          ),
        ),
      ],
    },
    text: "Deployment enroute: 0 of 2 ready (Unschedulable: 0/2 nodes are available: 2 node(s) were unschedulable)",
    fix: /^make room on the nodes/,
  },
  {
    name: "an update whose new pod cannot be scheduled, while the old ones are ready",
    objects: {
      workloads: [deployment(2, { updatedReplicas: 1 })],
      replicaSets: [replicaSet(2, 0), replicaSet(1, 2)],
      pods: [pod({ containerStatuses: [{ name: "envoy", ready: true }] }, 1), pod(unscheduled(), 2)],
    },
    text: "Deployment enroute: 0 of 2 of the new pods ready (Unschedulable)",
    fix: /^make room/,
  },
  {
    name: "an update whose controller has not seen it yet",
    objects: { workloads: [{ ...deployment(2), metadata: { ...named("enroute"), generation: 4 } }] },
    text: "Deployment enroute: 0 of 2 of the new pods ready",
  },
  {
    name: "an update that was told off after its deadline",
    objects: {
      workloads: [
        deployment(2, {
          updatedReplicas: 1,
          conditions: [
            { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "it timed out" },
          ],
        }),
      ],
      replicaSets: [replicaSet(2, 0), replicaSet(1, 2)],
    },
    text: "Deployment enroute: 0 of 2 of the new pods ready (it timed out)",
  },
  {
    name: "pods that the API server refuses, by the ReplicaSet's condition",
    objects: { workloads: [deployment(0)], replicaSets: [replicaSet(1, 0, refused(podSecurity))] },
    text: `Deployment enroute: 0 of 2 ready (the API server refuses its pods: ${podSecurity})`,
    fix: /namespace edge pod-security\.kubernetes\.io\/enforce=privileged/,
  },
  {
    name: "pods that the API server refuses, by the Deployment's condition",
    objects: { workloads: [deployment(0, { conditions: refused("exceeded quota: small, requested: pods=1") })] },
    text: "Deployment enroute: 0 of 2 ready (the API server refuses its pods: exceeded quota: small, requested: pods=1)",
    fix: /^raise ResourceQuota small/,
  },
  {
    name: "pods of a StatefulSet that the API server refuses, which has no condition for it: by the last event",
    objects: {
      workloads: [{ ...deployment(0), kind: "StatefulSet", metadata: named("server") }],
      warnings: [
        warning("StatefulSet", "server", "older", "2026-01-01T00:00:00Z"),
        warning("StatefulSet", "server", "newer", "2026-01-01T00:00:05Z"),
        warning("StatefulSet", "other", "newest", "2026-01-01T00:00:09Z"),
      ],
    },
    text: "StatefulSet server: 0 of 2 ready (the API server refuses its pods: newer)",
    fix: /^see why: kubectl -n edge get events/,
  },
  {
    name: "the nodes of a DaemonSet",
    objects: {
      workloads: [
        {
          kind: "DaemonSet",
          metadata: named("exporter"),
          status: { desiredNumberScheduled: 3, numberReady: 1, updatedNumberScheduled: 3 },
        },
      ],
    },
    text: "DaemonSet exporter: 1 of 3 ready",
  },
  {
    name: "the new pods of a DaemonSet",
    objects: {
      workloads: [
        {
          kind: "DaemonSet",
          metadata: named("exporter"),
          status: { desiredNumberScheduled: 3, numberReady: 3, updatedNumberScheduled: 1 },
        },
      ],
    },
    text: "DaemonSet exporter: 1 of 3 of the new pods ready",
  },
  {
    name: "an address",
    objects: { workloads: [service()] },
    text: "Service enroute: no address yet",
    fix: /MetalLB, cloud-provider-kind \(kind\), minikube tunnel .*gateway\.service\.type/,
  },
  {
    name: "an address that the cloud's controller fails to get",
    objects: { workloads: [service()], warnings: [warning("Service", "enroute", "no addresses left in the pool")] },
    text: "Service enroute: no address yet (no addresses left in the pool)",
    fix: /the cloud's controller/,
  },
  {
    name: "an address that is there",
    objects: { workloads: [service({}, { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } })] },
    text: undefined,
  },
  { name: "an address of its own", objects: { workloads: [service({ externalIPs: ["192.0.2.1"] })] }, text: undefined },
  {
    name: "no address, where the Service asks for none",
    objects: { workloads: [service({ type: "NodePort" }), service({ type: "ClusterIP" })] },
    text: undefined,
  },
];

describe("what Helm waits for", () => {
  for (const { name, objects, text, fix } of cases)
    it(name, () => {
      const none = { namespace: "edge", workloads: [], replicaSets: [], pods: [], warnings: [] };
      const wait = releaseWait({ ...none, ...objects } as ReleaseObjects, "enroute-istio");
      assert.equal(wait?.text, text);
      if (fix === undefined) assert.equal(wait?.fix, undefined);
      else assert.match(wait?.fix ?? "", fix);
    });

  it("is an address alone, or more", () => {
    const none = { namespace: "edge", replicaSets: [], pods: [], warnings: [] };
    const of = (...workloads: object[]) => releaseWait({ ...none, workloads } as ReleaseObjects, "enroute-istio");
    assert.deepEqual(of(service())?.isForAddress, true);
    assert.deepEqual(of(service(), deployment(0))?.isForAddress, false);
    assert.equal(
      of(service(), deployment(0))?.text,
      "Service enroute: no address yet; Deployment enroute: 0 of 2 ready",
    );
    assert.equal(of(service(), deployment(0))?.fix, addressFix);
  });

  it("is cut where the API server's words are long", () => {
    const long = replicaSet(1, 0, refused(`violates PodSecurity "baseline:latest": ${"x".repeat(1000)}`));
    const objects = { namespace: "edge", workloads: [deployment(0)], replicaSets: [long], pods: [], warnings: [] };
    assert.ok(releaseWait(objects as ReleaseObjects, "enroute-istio")!.text.length < 350);
  });
});

describe("what to do where the API server refuses a pod", () => {
  const table: [string, RegExp][] = [
    [podSecurity, /^agree with its owner, then kubectl label --overwrite namespace shop .*=privileged, or .*CNI/],
    [
      'pods "x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=3, limited: pods=3',
      /^raise ResourceQuota compute, or ask for less: kubectl -n shop describe resourcequota compute$/,
    ],
    [
      'pods "x" is forbidden: failed quota: compute: must specify limits.cpu for: istio-init,redis',
      /^ResourceQuota compute takes no container without requests and limits: give them defaults by a LimitRange/,
    ],
    [
      'pods "x" is forbidden: maximum memory usage per Container is 64Mi, but limit is 1Gi',
      /LimitRange.*kubectl -n shop describe limitrange$/,
    ],
    [
      'pods "x" is forbidden: minimum cpu usage per Pod is 1, but request is 100m',
      /LimitRange.*kubectl -n shop describe limitrange$/,
    ],
    ['admission webhook "policy.example.com" denied the request: no', /^the owner of webhook policy\.example\.com /],
    [
      'Internal error occurred: failed calling webhook "namespace.sidecar-injector.istio.io": failed to call webhook: Post "https://istiod"',
      /^the server of webhook namespace\.sidecar-injector\.istio\.io does not answer/,
    ],
    ['pods "x" is forbidden: error looking up service account shop/enroute: not found', /service account is gone/],
    ["something else", /^see why: kubectl -n shop get events --field-selector reason=FailedCreate$/],
  ];
  for (const [message, fix] of table) it(message, () => assert.match(refusalFix(message, "shop"), fix));
});
