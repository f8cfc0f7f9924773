import { join } from "node:path";
import type { PartSpec } from "./part";
import { dataFolder, kubeconfigPath } from "./state";

/** Where the parts of the control plane find each other. */
export interface Endpoints {
  readonly etcdClient: string;
  readonly etcdPeer: string;
  readonly server: { readonly address: string; readonly port: number };
  readonly serviceCidr: string;
}

export const files = (folder: string) => ({
  etcd: join(dataFolder(folder), "etcd"),
  /** The API server makes its own serving certificate here; it ends with that of the authority that signed it. */
  certificates: join(dataFolder(folder), "certificates"),
  certificate: join(dataFolder(folder), "certificates", "apiserver.crt"),
  serviceAccountKey: join(dataFolder(folder), "service-account.key"),
  tokens: join(dataFolder(folder), "tokens.csv"),
  egress: join(dataFolder(folder), "egress.yaml"),
  kwok: join(dataFolder(folder), "kwok.yaml"),
});

/** Memory counts more than speed here: many of these run side by side with the tests of two cores. */
const env = { GOGC: "50" };

export function etcd(controlplane: string, folder: string, endpoints: Endpoints): PartSpec {
  return {
    name: "etcd",
    command: controlplane,
    args: [
      "etcd",
      `--data-dir=${files(folder).etcd}`,
      `--client-url=${endpoints.etcdClient}`,
      `--peer-url=${endpoints.etcdPeer}`,
    ],
    env,
  };
}

export function apiServer(controlplane: string, folder: string, endpoints: Endpoints): PartSpec {
  const { certificates, serviceAccountKey, tokens, egress } = files(folder);
  return {
    name: "kube-apiserver",
    command: controlplane,
    args: [
      "apiserver",
      `--etcd-servers=${endpoints.etcdClient}`,
      `--bind-address=${endpoints.server.address}`,
      `--advertise-address=${endpoints.server.address}`,
      `--secure-port=${endpoints.server.port}`,
      `--cert-dir=${certificates}`,
      `--token-auth-file=${tokens}`,
      "--authorization-mode=RBAC",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${serviceAccountKey}`,
      `--service-account-signing-key-file=${serviceAccountKey}`,
      `--service-cluster-ip-range=${endpoints.serviceCidr}`,
      // The address of a loopback interface is no valid endpoint of a Service; nothing here needs that one.
      "--endpoint-reconciler-type=none",
      `--egress-selector-config-file=${egress}`,
      "--enable-priority-and-fairness=false",
      "--profiling=false",
      "--shutdown-send-retry-after=false",
      "--event-ttl=30m",
    ],
    env,
    // The path of the egress socket is relative.
    cwd: dataFolder(folder),
  };
}

/** Controllers of what a sandbox has none of: volumes, certificate requests, devices, clouds. */
const needlessControllers = [
  "bootstrap-signer-controller",
  "certificatesigningrequest-approving-controller",
  "certificatesigningrequest-cleaner-controller",
  "certificatesigningrequest-signing-controller",
  "device-taint-eviction-controller",
  "ephemeral-volume-controller",
  "legacy-serviceaccount-token-cleaner-controller",
  "node-ipam-controller",
  "persistentvolume-attach-detach-controller",
  "persistentvolume-binder-controller",
  "persistentvolume-expander-controller",
  "persistentvolume-protection-controller",
  "resourceclaim-controller",
  "token-cleaner-controller",
  "ttl-controller",
];

export function controllerManager(controlplane: string, folder: string): PartSpec {
  const { certificate, serviceAccountKey } = files(folder);
  return {
    name: "kube-controller-manager",
    command: controlplane,
    args: [
      "controller-manager",
      `--kubeconfig=${kubeconfigPath(folder)}`,
      `--service-account-private-key-file=${serviceAccountKey}`,
      `--root-ca-file=${certificate}`,
      `--controllers=*,${needlessControllers.map((name) => `-${name}`).join(",")}`,
      // Its own limit of 20 calls a second has 200 nodes wait for most of a minute.
      "--kube-api-qps=200",
      "--kube-api-burst=400",
      "--leader-elect=false",
      "--secure-port=0",
      "--profiling=false",
    ],
    env,
  };
}

export function scheduler(controlplane: string, folder: string): PartSpec {
  return {
    name: "kube-scheduler",
    command: controlplane,
    args: [
      "scheduler",
      `--kubeconfig=${kubeconfigPath(folder)}`,
      "--leader-elect=false",
      "--secure-port=0",
      "--profiling=false",
    ],
    env,
  };
}

/**
 * The API server reaches "the cluster" (webhooks, that is) through a proxy of ours on a socket. A Service address is of
 * this machine's loopback, but its port may be one that only root may listen on.
 */
export function egressConfiguration(socket: string): string {
  return JSON.stringify({
    apiVersion: "apiserver.k8s.io/v1beta1",
    kind: "EgressSelectorConfiguration",
    egressSelections: [
      {
        name: "cluster",
        connection: { proxyProtocol: "HTTPConnect", transport: { uds: { udsName: socket } } },
      },
    ],
  });
}

export function kubeconfig(context: string, serverUrl: string, authority: Buffer, token: string): string {
  return `apiVersion: v1
kind: Config
current-context: ${context}
contexts:
  - name: ${context}
    context:
      cluster: ${context}
      user: ${context}
clusters:
  - name: ${context}
    cluster:
      server: ${serverUrl}
      certificate-authority-data: ${authority.toString("base64")}
users:
  - name: ${context}
    user:
      token: ${token}
`;
}
