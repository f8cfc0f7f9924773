import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  type ServiceType,
  gatewayAddressOf,
  gatewayEndpoint,
  gatewayServiceValues,
  postRenderedType,
  postRenderer,
  postRendererPath,
} from "../../../mesh/gateway-service";

/** As the published chart renders (0.8.7): other kinds around the Service, and what looks like its type. */
const manifests = `---
# Source: enroute/templates/serviceaccount.yaml
apiVersion: v1
kind: ServiceAccount
metadata:
  name: enroute
---
# Source: enroute/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: enroute
  annotations:
      type: "LoadBalancer \\\\ %s"
spec:
  ports:
    - name: http
      port: 80
  selector:
    app.kubernetes.io/name: enroute
  type: LoadBalancer
---
# Source: enroute/templates/other.yaml
kind: Other
spec:
  type: LoadBalancer`;

function rendered(type: ServiceType, input = manifests): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", postRenderer(type)], { input, encoding: "utf8" });
  return { code: status, stdout, stderr };
}

describe("the post-renderer of the gateway's Service", () => {
  it("changes the type of the Service, and nothing else", () => {
    const { code, stdout, stderr } = rendered("NodePort");
    const wanted = manifests.replace("enroute\n  type: LoadBalancer", "enroute\n  type: NodePort");
    assert.notEqual(wanted, manifests);
    assert.deepEqual([code, stderr, stdout], [0, "", `${wanted}\n`]);
  });

  it("takes a chart that has that type already", () => {
    const own = rendered("ClusterIP").stdout;
    assert.deepEqual(rendered("ClusterIP", own).stdout, own);
  });

  it("fails with what to do where there is no such Service: the stack's Service would have another type", () => {
    for (const input of [manifests.replace("kind: Service\n", "kind: Servic\n"), ""]) {
      const { code, stderr } = rendered("ClusterIP", input);
      assert.equal(code, 1);
      assert.match(stderr, /no Service whose type could be ClusterIP: leave gateway\.service\.type out/);
    }
  });

  it("has a path that says the type, so that another one is a change; the chart's own takes none", () => {
    assert.equal(postRendererPath(), undefined);
    assert.equal(postRendererPath("LoadBalancer"), undefined);
    for (const type of ["NodePort", "ClusterIP"] as const) assert.equal(postRenderedType(postRendererPath(type)), type);
    for (const other of [undefined, "", "kustomize", 1]) assert.equal(postRenderedType(other), undefined);
  });
});

describe("the values of the gateway's Service", () => {
  it("are none where the stack says nothing", () => assert.deepEqual(gatewayServiceValues(), {}));
  it("keep the chart's ports beside one of a node", () =>
    assert.deepEqual(gatewayServiceValues({ nodePorts: { https: 30443 } }), {
      ports: [
        { name: "http", port: 80, targetPort: 8080, protocol: "TCP" },
        { name: "https", port: 443, targetPort: 8443, protocol: "TCP", nodePort: 30443 },
      ],
    }));
});

describe("where to connect to the gateway", () => {
  const ports = [
    { port: 80, nodePort: 30080 },
    { port: 443, nodePort: 30443 },
  ];
  const service = (type: string, status: object = {}) => ({ spec: { type, clusterIP: "10.0.0.7", ports }, status });
  const ingress = (one: object) => service("LoadBalancer", { loadBalancer: { ingress: [one] } });
  const node = (status: string, ...addresses: [string, string][]) => ({
    status: {
      conditions: [{ type: "Ready", status }],
      addresses: addresses.map(([type, address]) => ({ type, address })),
    },
  });
  const nodes = [
    node("False", ["ExternalIP", "198.51.100.9"]),
    node("True", ["Hostname", "a"], ["InternalIP", "10.1.0.1"]),
    node("True", ["InternalIP", "10.1.0.2"], ["ExternalIP", "198.51.100.2"]),
  ];
  const usual = { httpPort: 80, httpsPort: 443 };
  const nodePorts = { httpPort: 30080, httpsPort: 30443 };
  const cases: [string, Parameters<typeof gatewayEndpoint>, ReturnType<typeof gatewayEndpoint>][] = [
    ["an IP address", [ingress({ ip: "192.0.2.1" }), { dialServices: false }], { address: "192.0.2.1", ...usual }],
    ["a name", [ingress({ hostname: "lb.example" }), { dialServices: true }], { address: "lb.example", ...usual }],
    ["no address yet", [service("LoadBalancer"), { dialServices: true }], undefined],
    [
      "a node, the outer address first, and only of one that is ready",
      [service("NodePort"), { dialServices: false, nodes }],
      { address: "198.51.100.2", ...nodePorts },
    ],
    [
      "a node's inner address",
      [service("NodePort"), { dialServices: false, nodes: nodes.slice(0, 2) }],
      { address: "10.1.0.1", ...nodePorts },
    ],
    ["no node that is known", [service("NodePort"), { dialServices: false }], undefined],
    ["no node that is ready", [service("NodePort"), { dialServices: false, nodes: nodes.slice(0, 1) }], undefined],
    ["inside the cluster", [service("NodePort"), { dialServices: true, nodes }], { address: "10.0.0.7", ...usual }],
    ["the cluster IP", [service("ClusterIP"), { dialServices: true }], { address: "10.0.0.7", ...usual }],
    ["the cluster IP, from outside", [service("ClusterIP"), { dialServices: false, nodes }], undefined],
  ];
  for (const [name, args, endpoint] of cases)
    it(`is ${name}`, () => assert.deepEqual(gatewayEndpoint(...args), endpoint));

  it("is said in words", () => {
    assert.equal(gatewayAddressOf(ingress({ ip: "192.0.2.1" })), "192.0.2.1");
    assert.equal(gatewayAddressOf(service("LoadBalancer")), undefined);
    assert.equal(gatewayAddressOf(service("NodePort")), "ports 30080 and 30443 of every node");
    assert.equal(gatewayAddressOf({ spec: { type: "NodePort", ports: [{ port: 443 }] } }), undefined);
    assert.equal(gatewayAddressOf(service("ClusterIP")), "10.0.0.7");
  });
});
