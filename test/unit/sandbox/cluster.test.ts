import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { sandboxFolder } from "../../../sandbox/cluster";
import { choosePort, claimRange } from "../../../sandbox/cluster/address";
import { type Api, ApiError } from "../../../sandbox/cluster/api";
import { kubeconfig } from "../../../sandbox/cluster/control-plane";
import { Kubelet } from "../../../sandbox/cluster/kubelet";
import { type Pod, environmentOf, groupPods, isReady, isTold, statusPatch } from "../../../sandbox/cluster/pod";
import { kwokConfiguration } from "../../../sandbox/cluster/kwok";
import { BoundedLog } from "../../../sandbox/cluster/log";
import { mostNodes, nodeManifest } from "../../../sandbox/cluster/nodes";
import { type Service, ServiceNetwork, routesOf } from "../../../sandbox/cluster/network";
import { backoffMilliseconds } from "../../../sandbox/cluster/part";

interface PodOptions {
  labels?: Record<string, string>;
  node?: string | undefined;
  created?: string;
  deleted?: string;
  phase?: string;
}

function pod(name: string, { labels = {}, node = "node-1", created = "1", deleted, phase }: PodOptions = {}): Pod {
  return {
    metadata: {
      name,
      namespace: "istio-system",
      uid: name,
      creationTimestamp: created,
      labels: { app: "istiod", ...labels },
      ...(deleted === undefined ? {} : { deletionTimestamp: deleted }),
    },
    spec: {
      ...(node === "" ? {} : { nodeName: node }),
      serviceAccountName: "istiod",
      containers: [
        {
          name: "discovery",
          image: "pilot",
          ports: [{ name: "https-webhooks", containerPort: 15017 }],
          env: [
            { name: "REVISION", value: "default" },
            { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
            { name: "APP", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
            { name: "SERVICE_ACCOUNT", valueFrom: { fieldRef: { fieldPath: "spec.serviceAccountName" } } },
            { name: "GOMAXPROCS", valueFrom: {} },
            { name: "KUBECONFIG", value: "/var/run/secrets/remote/config" },
          ],
        },
      ],
    },
    ...(phase === undefined ? {} : { status: { phase } }),
  };
}

describe("istiod's pods", () => {
  it("share a process by revision and generation, the oldest pod first", () => {
    const one = { "istio.io/rev": "default", "pod-template-hash": "a" };
    const pods = [
      pod("b", { labels: one, created: "2" }),
      pod("a", { labels: one, created: "1" }),
      pod("next", { labels: { ...one, "pod-template-hash": "b" }, created: "3" }),
      pod("canary", { labels: { "istio.io/rev": "canary", "pod-template-hash": "c" }, created: "0" }),
    ];
    const names = [...groupPods(pods)].map(([key, group]) => [key, group.map(({ metadata }) => metadata.name)]);
    assert.deepEqual(names, [
      ["istio-system_canary_c", ["canary"]],
      ["istio-system_default_a", ["a", "b"]],
      ["istio-system_default_b", ["next"]],
    ]);
  });

  it("have none before they are on a node, once they are deleted, and when they are over", () => {
    const pods = [pod("waiting", { node: "" }), pod("going", { deleted: "1" }), pod("over", { phase: "Failed" })];
    assert.equal(groupPods(pods).size, 0);
  });

  it("give it the environment of the pod, without a container's files and limits", () => {
    assert.deepEqual(environmentOf(pod("istiod-1"), pod("istiod-1").spec.containers[0]!), {
      REVISION: "default",
      POD_NAME: "istiod-1",
      APP: "istiod",
      SERVICE_ACCOUNT: "istiod",
    });
  });

  it("are ready or not as the status says that is written for them, and then nothing is left to tell", () => {
    for (const ready of [true, false]) {
      const states = new Map([["discovery", { ready, restarts: 2, isRunning: true }]]);
      assert.equal(isTold(pod("x"), states), false);
      const { status } = statusPatch(pod("x"), states, "now");
      const told = { ...pod("x"), status: withoutNull(status) };
      assert.equal(isReady(told), ready);
      assert.equal(status.containerStatuses?.[0]?.restartCount, 2);
      assert.equal(isTold(told, states), true);
      for (const change of [{ ready: !ready }, { restarts: 3 }, { isRunning: false }])
        assert.equal(isTold(told, new Map([["discovery", { ...states.get("discovery")!, ...change }]])), false);
    }
    assert.equal(isReady(pod("x")), false);
  });
});

/** What the API server makes of a patch that takes things away. */
const withoutNull = <T>(value: T): T =>
  JSON.parse(JSON.stringify(value), (_, item: unknown) => (item === null ? undefined : item)) as T;

describe("a gateway's pod", () => {
  const containers = ["enroute", "envoy", "redis"].map((name) => ({ name, image: name }));
  const gateway = { ...pod("gateway"), spec: { ...pod("gateway").spec, containers } };
  const envoy = (ready: boolean) => new Map([["envoy", { ready, restarts: 0, isRunning: true }]]);

  it("is not ready while its Envoy is not, and says which container and why; the others are simulated", () => {
    const { status } = statusPatch(gateway, envoy(false), "now", "Envoy refuses its configuration: no");
    assert.deepEqual(
      status.containerStatuses?.map(({ name, ready }) => [name, ready]),
      [
        ["enroute", true],
        ["envoy", false],
        ["redis", true],
      ],
    );
    for (const condition of status.conditions ?? [])
      assert.deepEqual(
        [condition.status, condition.message],
        ["False", "containers with unready status: [envoy]: Envoy refuses its configuration: no"],
      );
    const told = { ...gateway, status: withoutNull(status) };
    assert.equal(isTold(told, envoy(false), "Envoy refuses its configuration: no"), true);
    assert.equal(isTold(told, envoy(false), "another reason"), false);
    assert.equal(isTold(told, envoy(true)), false);
  });

  describe("is told of", () => {
    let calls: { method: string; path: string; body: { reason?: string; message?: string } }[];
    const running = (status: Pod["status"]) => ({ ...gateway, status: { phase: "Running", ...withoutNull(status) } });
    const api = (fail?: Error) =>
      ({
        patch: (path: string, body: never) => {
          calls.push({ method: "PATCH", path, body });
          return fail === undefined ? Promise.resolve() : Promise.reject(fail);
        },
        post: (path: string, body: never) => Promise.resolve(void calls.push({ method: "POST", path, body })),
      }) as unknown as Api;
    const methods = () => calls.splice(0).map(({ method, path }) => `${method} ${path.split("/").slice(-2).join("/")}`);

    beforeEach(() => (calls = []));

    it("once it runs, by its status, and by one event for each reason", async () => {
      const kubelet = new Kubelet(api());
      await kubelet.tell({ ...gateway, status: { phase: "Pending" } }, envoy(false), "no");
      assert.deepEqual(methods(), []);
      await kubelet.tell(running({}), envoy(false), "no");
      assert.equal(calls[1]?.body.reason, "Unhealthy");
      assert.equal(calls[1]?.body.message, "Readiness probe failed: no");
      assert.deepEqual(methods(), ["PATCH gateway/status", "POST istio-system/events"]);
      // The watch is late: the pod looks as before.
      await kubelet.tell(running({}), envoy(false), "no");
      assert.deepEqual(methods(), ["PATCH gateway/status"]);
      const { status } = statusPatch(gateway, envoy(false), "now", "no");
      await kubelet.tell(running(status), envoy(false), "no");
      assert.deepEqual(methods(), []);
      await kubelet.tell(running(status), envoy(true));
      assert.deepEqual(methods(), ["PATCH gateway/status"]);
      await kubelet.tell(running(status), envoy(false), "no");
      await kubelet.tell(running(status), envoy(false), "another reason");
      assert.deepEqual(methods(), ["PATCH gateway/status", "POST istio-system/events"]);
    });

    it("or is deleted by then, which is no problem; any other answer is", async () => {
      await new Kubelet(api(new ApiError(404, "gone"))).tell(running({}), envoy(true));
      await assert.rejects(new Kubelet(api(new ApiError(500, "no"))).tell(running({}), envoy(true)), /no/);
    });
  });
});

describe("routes of Services", () => {
  const service = (name: string, selector: Record<string, string>, targetPort: number | string): Service => ({
    metadata: { name, namespace: "istio-system", uid: name, creationTimestamp: "1" },
    spec: { clusterIP: "127.100.0.7", selector, ports: [{ port: 443, targetPort }] },
  });
  const backend = (address: string, ...pods: Pod[]) => ({ pods, address, ports: new Map([[15017, 40_001]]) });

  it("lead from a Service's address to the process behind the pods that it selects", () => {
    const routes = routesOf([service("istiod", { app: "istiod" }, 15017)], [backend("127.100.1.20", pod("a"))]);
    assert.deepEqual([...routes], [["127.100.0.7:443", { address: "127.100.1.20", port: 40_001 }]]);
  });

  it("know ports by name", () => {
    const routes = routesOf(
      [service("istiod", { app: "istiod" }, "https-webhooks")],
      [backend("127.100.1.20", pod("a"))],
    );
    assert.equal(routes.get("127.100.0.7:443")?.port, 40_001);
  });

  it("prefer the latest of several processes", () => {
    const backends = [backend("127.100.1.20", pod("old")), backend("127.100.1.21", pod("new"))];
    assert.equal(
      routesOf([service("istiod", { app: "istiod" }, 15017)], backends).get("127.100.0.7:443")?.address,
      "127.100.1.21",
    );
  });

  it("are none for other pods, other namespaces, unknown ports, and Services without selector or address", () => {
    const good = service("istiod", { app: "istiod" }, 15017);
    const services: Service[] = [
      service("other", { app: "other" }, 15017),
      { ...good, metadata: { ...good.metadata, namespace: "elsewhere" } },
      service("unknown", { app: "istiod" }, 1),
      service("external", {}, 15017),
      { ...good, spec: { ...good.spec, clusterIP: "None" } },
    ];
    assert.equal(routesOf(services, [backend("127.100.1.20", pod("a"))]).size, 0);
    assert.equal(routesOf([good], []).size, 0);
  });

  it("lead to the sidecar of a pod for the ports that it catches, and past it for the others", () => {
    const caught = (captures: (port: number) => boolean) => ({
      ...backend("127.100.1.20", pod("a")),
      inbound: { path: "traffic/a/inbound.sock", captures },
    });
    const route = (captures: (port: number) => boolean) =>
      routesOf([service("istiod", { app: "istiod" }, 15017)], [caught(captures)]).get("127.100.0.7:443");
    const past = { address: "127.100.1.20", port: 40_001 };
    assert.deepEqual(
      route((port) => port === 15017),
      { ...past, inbound: "traffic/a/inbound.sock" },
    );
    assert.deepEqual(
      route((port) => port === 40_001),
      past,
    );
  });

  it("tell the sidecar where a connection was going, before its first byte", async () => {
    const folder = mkdtempSync(join(tmpdir(), "inbound-"));
    const [path, port] = [join(folder, "s"), await choosePort("127.0.0.1", 0)];
    const received = new Promise<string>((resolve) => {
      const server = createServer((socket) => {
        let text = "";
        socket.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
          if (text.endsWith("hello")) {
            resolve(text);
            socket.end();
            server.close();
          }
        });
      }).listen(path);
    });
    const network = new ServiceNetwork(() => {}, join(folder, "recordings"));
    try {
      network.update(new Map([[`127.0.0.1:${port}`, { address: "127.100.1.20", port: 9080, inbound: path }]]));
      const client = connect({ host: "127.0.0.1", port }).on("error", () => {});
      client.write("hello");
      const sent = await received;
      assert.match(sent, /^PROXY TCP4 127\.0\.0\.1 127\.100\.1\.20 \d+ 9080\r\nhello$/);
      client.destroy();
    } finally {
      network.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("parts", () => {
  it("are started again after longer and longer pauses, of ten seconds at most", () => {
    assert.deepEqual([1, 2, 3, 6, 20].map(backoffMilliseconds), [200, 400, 800, 6_400, 10_000]);
  });

  it("write logs of bounded size: the current one and the one before", () => {
    const folder = mkdtempSync(join(tmpdir(), "log-"));
    try {
      const path = join(folder, "x.log");
      const log = new BoundedLog(path, 100);
      for (let index = 0; index < 50; index++) {
        log.write(`line ${String(index).padStart(4, "0")}\n`);
      }
      assert.ok(existsSync(`${path}.1`));
      assert.ok(statSync(path).size + statSync(`${path}.1`).size <= 100);
      assert.match(readFileSync(path, "utf8"), /line 0049\n$/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("addresses", () => {
  it("are a range of loopback that nobody else has, until it is released", async () => {
    const [first, second] = [await claimRange(), await claimRange()];
    try {
      assert.notEqual(first.serviceCidr, second.serviceCidr);
      assert.match(first.serviceCidr, /^127\.\d+\.0\.0\/24$/);
      assert.equal(first.address(7), first.serviceCidr.replace("0.0/24", "1.7"));
    } finally {
      first.release();
      second.release();
    }
  });

  it("get the preferred port if it is free, else another one", async () => {
    const port = await choosePort("127.0.0.1", 0);
    assert.equal(await choosePort("127.0.0.1", port), port);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    try {
      assert.notEqual(await choosePort("127.0.0.1", port), port);
    } finally {
      server.close();
    }
  });
});

describe("nodes", () => {
  const nodes = Array.from({ length: mostNodes }, (_, index) => nodeManifest(index + 1, "v1.36.2")) as {
    metadata: { name: string; labels: Record<string, string> };
    spec: { podCIDR: string };
  }[];

  it("have names and networks of their own, and labels that are allowed, however many there are", () => {
    const distinct = (of: (node: (typeof nodes)[number]) => string) => new Set(nodes.map(of)).size;
    assert.deepEqual([distinct(({ metadata }) => metadata.name), distinct(({ spec }) => spec.podCIDR)], [200, 200]);
    for (const { metadata, spec } of nodes) {
      for (const value of Object.values(metadata.labels)) assert.match(value, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
      assert.match(spec.podCIDR, /^10\.244\.(\d|[1-9]\d|1\d\d|200)\.0\/24$/);
    }
  });

  it("are spread over three zones, as in a cloud", () => {
    const zones = nodes.slice(0, 4).map(({ metadata }) => metadata.labels["topology.kubernetes.io/zone"]);
    assert.deepEqual(zones, ["sandbox-a", "sandbox-b", "sandbox-c", "sandbox-a"]);
  });

  it("do not keep the API server busy with their leases: at most 20 a second", () => {
    for (const count of [1, 3, 20, 21, mostNodes]) {
      const { options } = parseAllDocuments(kwokConfiguration(count, true))[0]!.toJS() as {
        options: { nodeLeaseDurationSeconds: number };
      };
      assert.ok((4 * count) / options.nodeLeaseDurationSeconds <= 20, `${count} nodes`);
    }
  });
});

describe("configuration", () => {
  it("of KWOK is a stream of documents with a stage for every kind that it plays", () => {
    const documents = parseAllDocuments(kwokConfiguration(3, true)).map(
      (document) =>
        document.toJS() as { kind: string; metadata?: { name: string }; spec?: { resourceRef: { kind: string } } },
    );
    assert.deepEqual(
      documents.map(({ kind, spec }) => spec?.resourceRef.kind ?? kind),
      ["KwokConfiguration", "Node", "Pod", "Pod", "Pod", "Pod", "Pod", "Service"],
    );
  });

  it("of KWOK has a gateway's pods wait for their Envoy, where there is one", () => {
    for (const traffic of [true, false])
      assert.equal(kwokConfiguration(3, traffic).includes("gateway-started"), traffic);
  });

  it("of clients is a kubeconfig with one context", () => {
    const config = parse(kubeconfig("sandbox-x", "https://127.100.1.2:6443", Buffer.from("ca"), "token")) as {
      "current-context": string;
      clusters: { cluster: Record<string, string> }[];
    };
    assert.equal(config["current-context"], "sandbox-x");
    assert.deepEqual(config.clusters[0]?.cluster, {
      server: "https://127.100.1.2:6443",
      "certificate-authority-data": "Y2E=",
    });
  });

  it("refuses a name that could lead out of the folder of sandboxes", () => {
    for (const name of ["", "..", "a/b", "A", "-a", "a".repeat(33)]) {
      assert.throws(() => sandboxFolder(name), /the name of a sandbox is 1 to 32/);
    }
    assert.match(sandboxFolder("a-1"), /\.sandbox\/a-1$/);
  });
});
