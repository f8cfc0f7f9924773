import "reflect-metadata";
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { type Socket, connect } from "node:net";
import * as grpc from "@grpc/grpc-js";
import * as x509 from "@peculiar/x509";
import { BinaryReader, BinaryWriter } from "google-protobuf";
import { WebSocketServer } from "ws";
import { openCluster } from "../../../cluster/client";
import { type SigningOptions, probeSigning } from "../../../verify/probes/identity";
import { type Issued, issue } from "../certificates";
import { type FakeApi, Status, fakeApi } from "./fake-api";

const identity = "spiffe://cluster.local/ns/enroute-system/sa/enroute";
const tokenPath = "/api/v1/namespaces/enroute-system/serviceaccounts/enroute/token";

/** A certificate authority that speaks as istiod does: it signs the key of the request, for whom it likes. */
class FakeIstiod {
  private readonly server = new grpc.Server();
  port = 0;
  token: string | undefined;
  seconds = 0;
  sign: (publicKey: x509.PublicKey) => Promise<string[]> = () => Promise.resolve([]);

  async start(serving: Issued): Promise<void> {
    this.server.addService(
      {
        create: {
          path: "/istio.v1.auth.IstioCertificateService/CreateCertificate",
          requestStream: false,
          responseStream: false,
          requestSerialize: () => Buffer.of(),
          requestDeserialize: (message: Buffer) => message,
          responseSerialize: (message: Buffer) => message,
          responseDeserialize: (message: Buffer) => message,
        },
      },
      {
        create: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
          this.token = String(call.metadata.get("authorization")[0]);
          void this.answer(call.request).then(
            (answer) => callback(null, answer),
            (error: Error) => callback({ code: grpc.status.UNAUTHENTICATED, details: error.message }),
          );
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

  private async answer(message: Buffer): Promise<Buffer> {
    const reader = new BinaryReader(message);
    let csr = "";
    while (reader.nextField()) {
      if (reader.getFieldNumber() === 1) csr = reader.readString();
      else if (reader.getFieldNumber() === 3) this.seconds = reader.readInt64();
      else reader.skipField();
    }
    const request = new x509.Pkcs10CertificateRequest(csr);
    assert.ok(await request.verify());
    const writer = new BinaryWriter();
    writer.writeRepeatedString(1, await this.sign(request.publicKey));
    return Buffer.from(writer.getResultBuffer());
  }
}

async function certify(publicKey: x509.PublicKey, ca: Issued, name = identity): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "",
    issuer: ca.name,
    notBefore: new Date(),
    notAfter: new Date(Date.now() + 600_000),
    publicKey,
    signingKey: ca.keys.privateKey,
    signingAlgorithm: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "url", value: name }])],
  });
  return certificate.toString("pem");
}

describe("probeSigning", () => {
  let root: Issued;
  let istiod: FakeIstiod;
  let api: FakeApi;

  before(async () => (root = await issue({ name: "mesh root", ca: true })));
  beforeEach(async () => {
    istiod = new FakeIstiod();
    await istiod.start(await issue({ name: "istiod", hosts: ["istiod.istio-system.svc"], issuer: root }));
    istiod.sign = async (key) => [await certify(key, root), root.certificate];
    api = await fakeApi({ [tokenPath]: { status: { token: "a-token-of-the-gateway" } } });
  });
  afterEach(async () => {
    istiod.stop();
    await api.close();
  });

  const options = (more: Partial<SigningOptions> = {}): SigningOptions => {
    const cluster = openCluster({ kubeconfig: api.kubeconfig, context: "" });
    if ("problem" in cluster) throw new Error(cluster.problem);
    return {
      cluster,
      rootNamespace: "istio-system",
      service: "istiod",
      route: { clusterIP: "127.0.0.1" },
      port: istiod.port,
      account: { namespace: "enroute-system", name: "enroute" },
      roots: root.certificate,
      ...more,
    };
  };

  it("gets a certificate as the gateway's sidecar does: by a token for istio-ca, and for minutes only", async () => {
    const attempt = await probeSigning(options());
    assert.ok(attempt.outcome === "signed", JSON.stringify(attempt));
    assert.deepEqual([attempt.names, attempt.trusted], [`URI:${identity}`, true]);
    assert.equal(istiod.token, "Bearer a-token-of-the-gateway");
    assert.equal(istiod.seconds, 600);
    const asked = api.asked.find(({ path }) => path === tokenPath)!.body as { spec: object };
    assert.deepEqual(asked.spec, { audiences: ["istio-ca"], expirationSeconds: 600 });
  });

  it("follows a chain with an intermediate to the mesh's root", async () => {
    const intermediate = await issue({ name: "intermediate", ca: true, issuer: root });
    istiod.sign = async (key) => [await certify(key, intermediate), intermediate.certificate, root.certificate];
    const attempt = await probeSigning(options());
    assert.ok(attempt.outcome === "signed" && attempt.trusted);
  });

  it("sees a certificate that does not lead to the mesh's root", async () => {
    const stranger = await issue({ name: "mesh root", ca: true }); // of the same name, with another key
    istiod.sign = async (key) => [await certify(key, stranger), stranger.certificate];
    const attempt = await probeSigning(options());
    assert.ok(attempt.outcome === "signed" && !attempt.trusted);
  });

  it("is denied by an istiod that refuses, signs another key, or answers nothing", async () => {
    istiod.sign = () => Promise.reject(new Error("authentication failure"));
    assert.deepEqual(await probeSigning(options()), { outcome: "denied", reason: "authentication failure" });
    istiod.sign = async () => [(await issue({ issuer: root })).certificate];
    assert.deepEqual(await probeSigning(options()), {
      outcome: "denied",
      reason: "istiod signed another key than ours",
    });
    istiod.sign = () => Promise.resolve([]);
    assert.equal((await probeSigning(options())).outcome, "denied");
  });

  it("sends its token to nobody whom the mesh's root does not vouch for, and calls that a denial", async () => {
    const attempt = await probeSigning(options({ roots: (await issue({ ca: true })).certificate }));
    assert.equal(attempt.outcome, "denied");
    assert.match(JSON.stringify(attempt), /certificate/);
    assert.equal(istiod.token, undefined);
    assert.equal((await probeSigning(options({ service: "istiod-canary" }))).outcome, "denied");
  });

  it("is silent where there is no istiod, and where it may have no token", async () => {
    const port = istiod.port;
    istiod.stop();
    assert.equal((await probeSigning(options({ port, timeout: 1000 }))).outcome, "silent");
    await api.close();
    api = await fakeApi({ [tokenPath]: new Status(403, "may not create tokens") });
    const attempt = await probeSigning(options());
    assert.deepEqual(attempt, {
      outcome: "silent",
      reason: "no token for enroute-system/enroute: may not create tokens",
    });
  });

  it("is denied where the gateway's service account is gone", async () => {
    await api.close();
    api = await fakeApi({});
    assert.equal((await probeSigning(options())).outcome, "denied");
  });

  describe("through the API server", () => {
    /** Forwards to istiod as an API server does: channel 0 is the data, 1 the errors; each begins with the port. */
    function forwardPorts(): string[] {
      const asked: string[] = [];
      const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "v4.channel.k8s.io" });
      api.server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
        asked.push(request.url ?? "");
        sockets.handleUpgrade(request, socket, head, (websocket) => {
          const target = connect(istiod.port, "127.0.0.1");
          const port = Buffer.from([istiod.port & 255, istiod.port >> 8]);
          websocket.send(Buffer.concat([Buffer.of(0), port]));
          websocket.send(Buffer.concat([Buffer.of(1), port]));
          websocket.on("message", (message: Buffer) => target.write(message.subarray(1)));
          target.on("data", (data) => websocket.send(Buffer.concat([Buffer.of(0), data])));
          target.on("close", () => websocket.close());
          websocket.on("close", () => target.destroy());
        });
      });
      return asked;
    }

    it("reaches istiod by a port-forward to its pod", async () => {
      const asked = forwardPorts();
      const attempt = await probeSigning(options({ route: { pod: "istiod-1" } }));
      assert.ok(attempt.outcome === "signed" && attempt.trusted, JSON.stringify(attempt));
      assert.match(asked[0]!, /^\/api\/v1\/namespaces\/istio-system\/pods\/istiod-1\/portforward\?ports=\d+$/);
    });

    it("is silent where the API server does not forward, and says why", async () => {
      const attempt = await probeSigning(options({ route: { pod: "istiod-1" }, timeout: 2000 }));
      assert.equal(attempt.outcome, "silent");
      assert.match(JSON.stringify(attempt), /the API server forwards nothing to pod istiod-1: /);
    });
  });
});
