import assert from "node:assert/strict";
import * as grpc from "@grpc/grpc-js";
import { BinaryReader, BinaryWriter } from "google-protobuf";
import { openCluster } from "../../../cluster/client";
import type { IstiodOptions } from "../../../verify/probes/istiod";
import { probeProxies } from "../../../verify/probes/proxies";
import { type Issued, issue } from "../certificates";
import { type FakeApi, Status, fakeApi } from "./fake-api";

const tokenPath = "/api/v1/namespaces/istio-system/serviceaccounts/default/token";

interface Asked {
  node: string;
  question: string;
  type: string;
  token: string;
}

/** Answers on the discovery service as istiod's debug interface does. */
class FakeIstiod {
  private readonly server = new grpc.Server();
  port = 0;
  readonly asked: Asked[] = [];
  /** By question; what it does not know is "not connected". */
  answers: Record<string, unknown> = {};
  /** The same for one token alone. */
  answersTo: Record<string, Record<string, unknown>> = {};

  async start(serving: Issued): Promise<void> {
    const path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
    const plain = (message: Buffer) => message;
    this.server.addService(
      {
        stream: {
          ...{ path, requestStream: true, responseStream: true },
          ...{
            requestSerialize: plain,
            requestDeserialize: plain,
            responseSerialize: plain,
            responseDeserialize: plain,
          },
        },
      },
      {
        stream: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
          call.on("data", (message: Buffer) => {
            const asked = { ...decode(message), token: String(call.metadata.get("authorization")[0]) };
            this.asked.push(asked);
            const answer = this.answersTo[asked.token]?.[asked.question] ?? this.answers[asked.question];
            if (answer instanceof Error)
              call.emit("error", { code: grpc.status.PERMISSION_DENIED, details: answer.message });
            else
              call.write(encode(answer === undefined ? "Proxy not connected to this Pilot" : JSON.stringify(answer)));
          });
          call.on("error", () => {});
        },
      },
    );
    const pair = { private_key: Buffer.from(serving.privateKey), cert_chain: Buffer.from(serving.certificate) };
    const credentials = grpc.ServerCredentials.createSsl(null, [pair]);
    this.port = await new Promise((resolve, reject) =>
      this.server.bindAsync("127.0.0.1:0", credentials, (error, port) => (error ? reject(error) : resolve(port))),
    );
  }

  stop(): void {
    this.server.forceShutdown();
  }
}

function decode(message: Buffer): Omit<Asked, "token"> {
  const found = { node: "", question: "", type: "" };
  const reader = new BinaryReader(message);
  while (reader.nextField()) {
    if (reader.getFieldNumber() === 2)
      reader.readMessage({}, () => {
        while (reader.nextField()) found.node = reader.readString();
      });
    else if (reader.getFieldNumber() === 3) found.question = reader.readString();
    else if (reader.getFieldNumber() === 4) found.type = reader.readString();
    else reader.skipField();
  }
  return found;
}

function encode(text: string): Buffer {
  const writer = new BinaryWriter();
  writer.writeString(1, "version");
  writer.writeMessage(2, {}, () => {
    writer.writeString(1, "istio.io/debug");
    writer.writeBytes(2, Buffer.from(text));
  });
  return Buffer.from(writer.getResultBuffer());
}

const connected = (proxy: string, more: object = {}) => ({
  ...{ proxy, proxy_type: "sidecar", listener_sent: "1", listener_acked: "1" },
  ...more,
});

describe("probeProxies", () => {
  let root: Issued;
  let istiod: FakeIstiod;
  let api: FakeApi;

  before(async () => (root = await issue({ name: "mesh root", ca: true })));
  beforeEach(async () => {
    istiod = new FakeIstiod();
    await istiod.start(await issue({ name: "istiod", hosts: ["istiod.istio-system.svc"], issuer: root }));
    api = await fakeApi({ [tokenPath]: { status: { token: "a-token-of-istiods-namespace" } } });
  });
  afterEach(async () => {
    istiod.stop();
    await api.close();
  });

  const options = (more: Partial<IstiodOptions> = {}): IstiodOptions => {
    const cluster = openCluster({ kubeconfig: api.kubeconfig, context: "" });
    if ("problem" in cluster) throw new Error(cluster.problem);
    return {
      ...{ cluster, rootNamespace: "istio-system", service: "istiod", route: { clusterIP: "127.0.0.1" } },
      ...{ port: istiod.port, roots: root.certificate, timeout: 2000 },
      ...more,
    };
  };
  const ask = (proxies: string[], istiods = [options()]) =>
    probeProxies(istiods, new Map(proxies.map((proxy) => [proxy, "lds"])), (kinds, dump) => ({ kinds, dump }));
  const dumpOf = (proxy: string) => `config_dump?proxyID=${proxy}&types=lds`;

  it("asks what is sent to each proxy, by an account of istiod's namespace, for the kinds that are wanted", async () => {
    istiod.answers = {
      syncz: [connected("web-1.shop"), connected("other-1.shop")],
      [dumpOf("web-1.shop")]: { configs: ["of web"] },
    };
    const { proxies, silent } = await ask(["web-1.shop"]);
    assert.equal(silent, undefined);
    assert.deepEqual(
      [...proxies],
      [["web-1.shop", { state: "sent", dump: { kinds: "lds", dump: { configs: ["of web"] } } }]],
    );
    const [first] = istiod.asked;
    assert.equal(first!.token, "Bearer a-token-of-istiods-namespace");
    assert.equal(first!.type, "istio.io/debug");
    // istiod takes the namespace of who asks from the node's name, and holds it against the token.
    assert.equal(first!.node, "sidecar~127.0.0.1~enroute-istio-verify.istio-system~istio-system.svc.cluster.local");
    assert.deepEqual(
      istiod.asked.map(({ question }) => question),
      ["syncz", dumpOf("web-1.shop")],
    );
  });

  it("asks many of them side by side, each for its own", async () => {
    const names = Array.from({ length: 40 }, (_, index) => `web-${index}x.shop`);
    istiod.answers = { syncz: names.map((name) => connected(name)) };
    for (const name of names) istiod.answers[dumpOf(name)] = { configs: [name] };
    const { proxies } = await ask(names);
    for (const name of names)
      assert.deepEqual(proxies.get(name), { state: "sent", dump: { kinds: "lds", dump: { configs: [name] } } });
  });

  for (const [what, connection, reason] of [
    [
      "refuses what it is sent",
      { resources: { x: { lastError: "no such filter" } } },
      /refuses what istiod sends: no such/,
    ],
    ["has not taken it over", { listener_acked: "0" }, /not taken over yet/],
    ["was sent nothing yet", { listener_sent: undefined }, /not taken over yet/],
    ["is a gateway of Istio's", { proxy_type: "router" }, /no sidecar, but a proxy of type router/],
  ] as const)
    it(`does not know what is in force at a proxy that ${what}`, async () => {
      istiod.answers = { syncz: [connected("web-1.shop", connection)], [dumpOf("web-1.shop")]: { configs: [] } };
      const sent = (await ask(["web-1.shop"])).proxies.get("web-1.shop")!;
      assert.ok(sent.state === "unknown");
      assert.match(sent.reason, reason);
    });

  describe("of a proxy whose name another one ends with, for which istiod takes it", () => {
    const both = [connected("db-0.shop"), connected("my-db-0.shop")];
    const connections = (...ids: string[]) => ({ clients: ids.map((connectionId) => ({ connectionId })) });
    const sentTo = async (...ids: string[]) => {
      istiod.answers = {
        ...{ syncz: both, connections: connections(...ids) },
        ...{ [dumpOf("db-0.shop")]: { configs: ["of my-db-0"] }, [dumpOf("db-0.shop-7")]: { configs: ["of db-0"] } },
      };
      return (await ask(["db-0.shop"])).proxies.get("db-0.shop")!;
    };

    it("asks by the number of its connection", async () => {
      const sent = await sentTo("my-db-0.shop-6", "db-0.shop-7");
      assert.deepEqual(sent, { state: "sent", dump: { kinds: "lds", dump: { configs: ["of db-0"] } } });
    });

    it("knows nothing where that is ambiguous as well", async () => {
      const sent = await sentTo("my-db-0.shop-71", "db-0.shop-7");
      assert.ok(sent.state === "unknown");
      assert.match(sent.reason, /cannot tell it from my-db-0\.shop/);
    });
  });

  it("knows nothing of a proxy that is not connected, or went while it was asked about", async () => {
    await api.close();
    const own = "/api/v1/namespaces/shop/serviceaccounts/default/token";
    api = await fakeApi({ [tokenPath]: { status: { token: "a" } }, [own]: { status: { token: "b" } } });
    istiod.answers = { syncz: [connected("web-1.shop")] };
    const { proxies } = await ask(["web-1.shop", "gone-1.shop"]);
    assert.equal(proxies.get("web-1.shop")!.state, "unknown");
    assert.equal(proxies.has("gone-1.shop"), false);
  });

  it("takes an empty answer for what it is: a proxy that is sent nothing of the kind", async () => {
    istiod.answers = { syncz: [connected("web-1.shop")], [dumpOf("web-1.shop")]: {} };
    const { proxies } = await ask(["web-1.shop"]);
    assert.deepEqual(proxies.get("web-1.shop"), { state: "sent", dump: { kinds: "lds", dump: {} } });
  });

  it("asks by an account of the proxy's own namespace where istiod shows it to no other", async () => {
    await api.close();
    const own = "/api/v1/namespaces/shop/serviceaccounts/default/token";
    const tokenOf = (token: string) => ({ status: { token } });
    api = await fakeApi({
      [tokenPath]: tokenOf("a-token-of-istiods-namespace"),
      [own]: tokenOf("a-token-of-the-shop"),
    });
    istiod.answers = { syncz: [connected("web-1.shop")] };
    istiod.answersTo = { "Bearer a-token-of-the-shop": { [dumpOf("web-1.shop")]: { configs: ["of web"] } } };
    const { proxies } = await ask(["web-1.shop"]);
    assert.deepEqual(proxies.get("web-1.shop"), {
      state: "sent",
      dump: { kinds: "lds", dump: { configs: ["of web"] } },
    });
    assert.equal(istiod.asked.at(-1)!.node, "sidecar~127.0.0.1~enroute-istio-verify.shop~shop.svc.cluster.local");
  });

  it("asks the next istiod for what is not connected to the first", async () => {
    const other = new FakeIstiod();
    await other.start(await issue({ name: "istiod", hosts: ["istiod.istio-system.svc"], issuer: root }));
    try {
      istiod.answers = { syncz: [connected("web-1.shop")], [dumpOf("web-1.shop")]: { configs: [1] } };
      other.answers = { syncz: [connected("web-2.shop")], [dumpOf("web-2.shop")]: { configs: [2] } };
      const { proxies } = await ask(["web-1.shop", "web-2.shop"], [options(), options({ port: other.port })]);
      assert.deepEqual(
        [...proxies.values()].map(({ state }) => state),
        ["sent", "sent"],
      );
      assert.equal((await ask(["web-1.shop"], [options(), options({ port: other.port })])).proxies.size, 1);
      assert.equal(other.asked.filter(({ question }) => question === "syncz").length, 1, "the second was needed once");
    } finally {
      other.stop();
    }
  });

  it("is silent where istiod cannot be reached, refuses, or no token is to be had, and says why", async () => {
    istiod.answers = { syncz: new Error("the debug info is not available") };
    assert.match((await ask(["a.b"])).silent!, /debug info is not available/);
    assert.match(
      (await ask(["a.b"], [options({ roots: (await issue({ ca: true })).certificate })])).silent!,
      /certificate/,
    );
    assert.ok((await ask(["a.b"], [options({ port: 1 })])).silent);
    await api.close();
    api = await fakeApi({ [tokenPath]: new Status(403, "may not create tokens") });
    assert.equal((await ask(["a.b"])).silent, "no token for istio-system/default: may not create tokens");
  });
});
