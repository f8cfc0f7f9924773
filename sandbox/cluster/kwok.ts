import type { PartSpec } from "./part";
import { files } from "./control-plane";
import { kubeconfigPath } from "./state";

/** KWOK plays the kubelets: it makes nodes ready, keeps their leases, and runs pods in name only. */
export function kwok(binary: string, folder: string, nodeAddress: string): PartSpec {
  return {
    name: "kwok",
    command: binary,
    args: [
      `--kubeconfig=${kubeconfigPath(folder)}`,
      `--config=${files(folder).kwok}`,
      "--manage-all-nodes",
      `--node-ip=${nodeAddress}`,
    ],
    env: { GOGC: "50" },
  };
}

const apiVersion = "kwok.x-k8s.io/v1alpha1";

/**
 * KWOK's configuration for so many nodes: a stream of JSON documents, which is one of YAML, too.
 *
 * @param traffic whether real processes stand behind the gateway's pods.
 */
export function kwokConfiguration(nodes: number, traffic: boolean): string {
  const options = {
    apiVersion: "config.kwok.x-k8s.io/v1alpha1",
    kind: "KwokConfiguration",
    options: {
      // Short, as a KWOK that was started again waits until the leases of the one before are over. Each is renewed four times
      // in that time: with many nodes as seldom as by a kubelet, as it would keep the API server busy.
      nodeLeaseDurationSeconds: nodes <= 20 ? 12 : 40,
      // KWOK does not start with less than one of each.
      nodeLeaseParallelism: 4,
      nodePlayStageParallelism: 4,
      podPlayStageParallelism: 4,
      // Takes up the pods of a node whose lease it gets late; without, they would stay pending for ever.
      podsOnNodeSyncParallelism: 1,
    },
  };
  return [options, ...stages(traffic).map(stageDocument)]
    .map((document) => `---\n${JSON.stringify(document, undefined, 2)}\n`)
    .join("");
}

interface Stage {
  readonly name: string;
  readonly kind: "Node" | "Pod" | "Service";
  /** Expression in jq → the values it must have one of; all of them must hold. */
  readonly when: Readonly<Record<string, readonly string[]>>;
  readonly unless?: Readonly<Record<string, readonly string[]>>;
  readonly exists?: string;
  readonly absent?: string;
  /** Template of the status to merge in; without one the object is deleted. */
  readonly status?: string;
}

const ready = '.status.conditions.[] | select(.type == "Ready") | .status';
const app = '.metadata.labels["app"]';
const deleted = ".metadata.deletionTimestamp";
/** Whether a pod is a gateway's: the same as `isGateway` says. */
const gateway = '[.spec.containers[].name] | (index("enroute") != null and index("envoy") != null)';

/** Pod and host addresses; only their looks matter, nobody ever dials them. */
const addresses = `
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
hostIPs: [{ip: {{ index . 0 | Quote }}}]
{{ end }}
{{ with PodIPsWith .spec.nodeName (or .spec.hostNetwork false) (or .metadata.uid "") (or .metadata.name "") (or .metadata.namespace "") }}
podIP: {{ index . 0 | Quote }}
podIPs: [{ip: {{ index . 0 | Quote }}}]
{{ end }}
phase: Running
startTime: {{ $now | Quote }}
`;

/** Init containers have done their work; those that are sidecars run. */
const initContainers = `
{{ with .spec.initContainers }}
initContainerStatuses:
{{ range . }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  restartCount: 0
  {{ if eq (or .restartPolicy "") "Always" }}
  started: true
  state: {running: {startedAt: {{ $now | Quote }}}}
  {{ else }}
  started: false
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}
  {{ end }}
{{ end }}
{{ end }}
`;

const podStatus = (isReady: boolean) => `
{{ $now := Now }}
conditions:
{{ range $type := list "PodReadyToStartContainers" "Initialized" }}
- {type: {{ $type }}, status: "True", lastTransitionTime: {{ $now | Quote }}}
{{ end }}
- {type: Ready, status: "${isReady ? "True" : "False"}", lastTransitionTime: {{ $now | Quote }}}
- {type: ContainersReady, status: "${isReady ? "True" : "False"}", lastTransitionTime: {{ $now | Quote }}}
{{ range .spec.readinessGates }}
- {type: {{ .conditionType | Quote }}, status: "True", lastTransitionTime: {{ $now | Quote }}}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: ${isReady}
  started: true
  restartCount: 0
  state: {running: {startedAt: {{ $now | Quote }}}}
{{ end }}
${initContainers}
${addresses}
`;

const stages = (traffic: boolean): readonly Stage[] => [
  {
    name: "node-ready",
    kind: "Node",
    when: {},
    unless: { [ready]: ["True"] },
    status: `
{{ $now := Now }}
conditions:
- {type: Ready, status: "True", reason: KubeletReady, message: simulated by KWOK, lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }}}
{{ range $type := list "MemoryPressure" "DiskPressure" "PIDPressure" }}
- {type: {{ $type }}, status: "False", reason: Simulated, message: simulated by KWOK, lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }}}
{{ end }}
addresses:
- {type: InternalIP, address: {{ NodeIP | Quote }}}
- {type: Hostname, address: {{ NodeName | Quote }}}
`,
  },
  {
    name: "pod-ready",
    kind: "Pod",
    when: { ".status.phase": ["Pending"] },
    unless: { [app]: ["istiod"], ...(traffic ? { [gateway]: ["true"] } : {}) },
    absent: deleted,
    status: podStatus(true),
  },
  {
    // A real process stands behind these pods: the supervisor says when it is ready.
    name: "istiod-started",
    kind: "Pod",
    when: { ".status.phase": ["Pending"], [app]: ["istiod"] },
    absent: deleted,
    status: podStatus(false),
  },
  ...(traffic
    ? [
        {
          name: "gateway-started",
          kind: "Pod" as const,
          when: { ".status.phase": ["Pending"], [gateway]: ["true"] },
          absent: deleted,
          status: podStatus(false),
        },
      ]
    : []),
  {
    name: "job-done",
    kind: "Pod",
    when: { ".status.phase": ["Running"], ".metadata.ownerReferences.[].kind": ["Job"] },
    absent: deleted,
    status: `
{{ $now := Now }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: false
  started: false
  restartCount: 0
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}
{{ end }}
phase: Succeeded
`,
  },
  { name: "pod-deleted", kind: "Pod", when: {}, exists: deleted },
  {
    // The address that a cloud would give out is the Service's own: it is of this machine's loopback already.
    name: "load-balancer",
    kind: "Service",
    when: { ".spec.type": ["LoadBalancer"] },
    exists: ".spec.clusterIP",
    absent: ".status.loadBalancer.ingress",
    status: `
loadBalancer:
  ingress:
  - {ip: {{ .spec.clusterIP | Quote }}, ipMode: VIP}
`,
  },
];

function stageDocument(stage: Stage): unknown {
  const matchExpressions = [
    ...Object.entries(stage.when).map(([key, values]) => ({ key, operator: "In", values })),
    ...Object.entries(stage.unless ?? {}).map(([key, values]) => ({ key, operator: "NotIn", values })),
    ...(stage.exists === undefined ? [] : [{ key: stage.exists, operator: "Exists" }]),
    ...(stage.absent === undefined ? [] : [{ key: stage.absent, operator: "DoesNotExist" }]),
  ];
  return {
    apiVersion,
    kind: "Stage",
    metadata: { name: stage.name },
    spec: {
      resourceRef: { apiGroup: "v1", kind: stage.kind },
      selector: { matchExpressions },
      next: stage.status === undefined ? { delete: true } : { statusTemplate: stage.status },
    },
  };
}
