import assert from "node:assert/strict";
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import { type TlsOptions, createServer as createTlsServer } from "node:tls";
import { type PortProbeOptions, probePort } from "../../../verify/probes/workload-leg";
import { type Issued, issue } from "../certificates";

const workload = "spiffe://cluster.local/ns/shop/sa/web";

describe("probePort", () => {
  let root: Issued;
  let gateway: Issued;
  let serving: Issued;
  const servers: Server[] = [];

  before(async () => {
    root = await issue({ name: "mesh root", ca: true });
    gateway = await issue({
      name: "gateway",
      uris: ["spiffe://cluster.local/ns/enroute-system/sa/enroute"],
      issuer: root,
    });
    serving = await issue({ name: "web", uris: [workload], issuer: root });
  });
  afterEach(() => void servers.splice(0).forEach((server) => server.close()));

  async function listen(server: Server): Promise<number> {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  }
  const sidecar = (change: TlsOptions = {}) =>
    listen(
      createTlsServer({
        ...{ key: serving.privateKey, cert: serving.certificate, ca: root.certificate },
        ...{ requestCert: true, rejectUnauthorized: true, ALPNProtocols: ["h2", "http/1.1"] },
        ...change,
      }),
    );
  const probe = (port: number, more: Partial<PortProbeOptions> = {}) =>
    probePort({
      ...{ address: "127.0.0.1", port, timeout: 1500, identity: "spiffe://cluster.local/ns/shop/" },
      credentials: { chain: gateway.certificate, privateKey: gateway.privateKey, roots: root.certificate },
      ...more,
    });

  it("finds a port that takes mutual TLS alone: plain text is refused, the gateway taken", async () => {
    const { plain, mutual } = await probe(await sidecar());
    assert.equal(plain.outcome, "refused");
    assert.deepEqual(mutual, { outcome: "taken", text: `URI:${workload}` });
  });

  it("finds a port that takes plain text, with what it answers; it speaks no TLS", async () => {
    const port = await listen(
      createServer((socket: Socket) => socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\n\r\n"))),
    );
    const { plain, mutual } = await probe(port);
    assert.deepEqual(plain, { outcome: "taken", text: "HTTP/1.1 200 OK" });
    assert.equal(mutual.outcome, "refused");
  });

  it("finds a workload that does not trust the gateway's certificate, although the handshake seems to end well", async () => {
    const other = await issue({ name: "another root", ca: true });
    const { mutual } = await probe(await sidecar({ ca: other.certificate }));
    assert.equal(mutual.outcome, "refused");
  });

  it("finds somebody else in the workload's place", async () => {
    const thief = await issue({ name: "thief", uris: ["spiffe://cluster.local/ns/other/sa/web"], issuer: root });
    const { mutual } = await probe(await sidecar({ key: thief.privateKey, cert: thief.certificate }));
    assert.ok(mutual.outcome === "refused");
    assert.match(mutual.reason, /shows the certificate of URI:spiffe:\/\/cluster\.local\/ns\/other\/sa\/web/);
  });

  it("finds a server that the mesh's root does not vouch for", async () => {
    const stranger = await issue({ name: "stranger", uris: [workload] });
    assert.equal(
      (await probe(await sidecar({ key: stranger.privateKey, cert: stranger.certificate }))).mutual.outcome,
      "refused",
    );
  });

  it("is silent where nobody listens, where nothing is answered, and without a certificate of the gateway", async () => {
    const closed = await probe(1);
    assert.deepEqual([closed.plain.outcome, closed.mutual.outcome], ["silent", "silent"]);
    const mute = await probe(await listen(createServer(() => {})), { timeout: 300 });
    assert.deepEqual([mute.plain.outcome, mute.mutual.outcome], ["silent", "silent"]);
    const { plain, mutual } = await probe(await sidecar(), { credentials: { reason: "istiod is silent" } });
    assert.equal(plain.outcome, "refused");
    assert.deepEqual(mutual, { outcome: "silent", reason: "no certificate of the gateway: istiod is silent" });
  });
});
