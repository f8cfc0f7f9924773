import assert from "node:assert/strict";
import { SettingsError } from "../../../settings/error";
import { loadSettings } from "../../../settings/load";
import { configuration, stackConfig } from "../stack-files";

/** The keys that are refused in the stack dev with other settings; none where it is fine. */
function refused(change: Record<string, unknown>): string[] {
  const prefixed = Object.entries(change).map(([key, value]) => [`enroute-istio:${key}`, value]);
  const config = { ...stackConfig("dev"), ...(Object.fromEntries(prefixed) as Record<string, unknown>) };
  try {
    loadSettings(configuration(Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))));
    return [];
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return [...error.message.matchAll(/^\s*- (\S+)$/gm)].map(([, key]) => key!);
  }
}

const issuerRef = { name: "i" };
const managed = (more: object) => ({ certificate: { issuer: "certManager", issuerRef, ...more } });
const generated = (more: object) => ({ certificate: { issuer: "generated", ...more } });
const gateway = (more: object) => ({
  gateway: { ...(stackConfig("dev")["enroute-istio:gateway"] as object), ...more },
});

/* The last value that is taken, and the first that is not. */
const cases: [what: string, change: Record<string, unknown>, keys: string[]][] = [
  ["cert-manager's shortest life", managed({ validity: "1h" }), []],
  ["a shorter one", managed({ validity: "59m59s" }), ["certificate.validity"]],
  ["cert-manager's shortest renewal", managed({ renewBefore: "5m" }), []],
  ["a shorter one", managed({ renewBefore: "4m59s" }), ["certificate.renewBefore"]],
  ["a renewal just after the start", managed({ validity: "2h", renewBefore: "1h59m" }), []],
  ["a renewal at the start", managed({ validity: "2h", renewBefore: "2h" }), ["certificate.renewBefore"]],
  ["a renewal within cert-manager's own life", managed({ renewBefore: "2159h" }), []],
  ["a renewal of all of it", managed({ renewBefore: "2160h" }), ["certificate.renewBefore"]],
  ["a leaf that is renewed just after the start", generated({ validity: "3h", renewBefore: "2h" }), []],
  [
    "a leaf that is renewed at the start",
    generated({ validity: "3h", renewBefore: "3h" }),
    ["certificate.renewBefore"],
  ],
  ["a CA that outlives its leaf by an hour", generated({ validity: "3h", caValidity: "4h" }), []],
  ["a CA that ends with its leaf", generated({ validity: "3h", caValidity: "3h" }), ["certificate.caValidity"]],
  ["a signer among the roots", generated({ roots: ["a", "b"], signer: "b" }), []],
  ["a signer that is no root", generated({ roots: ["a", "b"], signer: "c" }), ["certificate.signer"]],
  ["a root twice", generated({ roots: ["a", "b", "a"] }), ["certificate.roots"]],
  ["an autoscaler that may stay", gateway({ replicas: 2, autoscaling: { maxReplicas: 2 } }), []],
  [
    "an autoscaler that must shrink",
    gateway({ replicas: 3, autoscaling: { maxReplicas: 2 } }),
    ["gateway.autoscaling.maxReplicas"],
  ],
  ["ports of the nodes", gateway({ service: { type: "NodePort", nodePorts: { http: 30080, https: 30443 } } }), []],
  ["ports of the nodes behind a load balancer", gateway({ service: { nodePorts: { https: 30443 } } }), []],
  [
    "ports of the nodes where none is opened",
    gateway({ service: { type: "ClusterIP", nodePorts: { https: 30443 } } }),
    ["gateway.service.nodePorts"],
  ],
  [
    "one port of the nodes for two",
    gateway({ service: { nodePorts: { http: 30443, https: 30443 } } }),
    ["gateway.service.nodePorts.https"],
  ],
  ["a type of Service that there is not", gateway({ service: { type: "Nodeport" } }), ["gateway.service.type"]],
  ["the longest life of a workload's certificate", gateway({ workloadCertificate: { ttl: "2160h" } }), []],
  ["a longer one", gateway({ workloadCertificate: { ttl: "2161h" } }), ["gateway.workloadCertificate.ttl"]],
  [
    "the sample in a namespace that is none of the mesh",
    { bookinfo: { namespace: "elsewhere", version: "1.20.3" } },
    ["bookinfo.namespace"],
  ],
  [
    "the gateway in a namespace that Istio never injects",
    gateway({ namespace: { name: "kube-system" } }),
    ["gateway.namespace.name"],
  ],
  [
    "workloads in a namespace that Istio never injects",
    { namespaces: [{ name: "bookinfo" }, { name: "kube-public" }] },
    ["namespaces[1].name"],
  ],
  [
    "the gateway among the namespaces",
    { namespaces: [{ name: "bookinfo" }, { name: "enroute-system" }] },
    ["namespaces[1].name"],
  ],
  [
    "a kubeconfig without a context, and no name of the cluster",
    { context: undefined, kubeconfig: "/k" },
    ["clusterIdentifier"],
  ],
  ["the same with one", { context: undefined, kubeconfig: "/k", clusterIdentifier: "c" }, []],
  ["no cluster at all", { context: undefined }, ["kubeconfig"]],
];

describe("settings, at the edge of what is allowed", () => {
  for (const [what, change, keys] of cases)
    it(`${keys.length === 0 ? "take" : "refuse"} ${what}: ${JSON.stringify(change).slice(0, 80)}`, () =>
      assert.deepEqual(refused(change), keys));

  it("offer a name where one is near, and none where there is none", () => {
    const says = (namespace: string) => {
      const hosts = [{ host: "a.example.com", namespace, routes: [{ service: "s", port: 80 }] }];
      try {
        loadSettings(configuration({ ...stackConfig("dev"), "enroute-istio:hosts": hosts }));
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    };
    assert.match(says("bookinf"), /one of namespaces \(bookinfo\); did you mean bookinfo\? Pods elsewhere/);
    assert.match(says("elsewhere"), /one of namespaces \(bookinfo\) Pods elsewhere/);
  });
});
