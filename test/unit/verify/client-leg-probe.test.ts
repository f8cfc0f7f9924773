import assert from "node:assert/strict";
import { type RequestListener, createServer as createHttpServer } from "node:http";
import { type AddressInfo, type Server, createServer as createTcpServer } from "node:net";
import { type TlsOptions, createSecureContext, createServer as createTlsServer } from "node:tls";
import { probeHost } from "../../../verify/probes/client-leg";
import { type Issued, issue } from "../certificates";
import { fingerprintOf } from "./healthy";

const address = "127.0.0.1";
const host = "shop.example.com";

describe("probeHost", () => {
  let right: Issued;
  let other: Issued;
  const servers: Server[] = [];
  before(async () => {
    [right, other] = await Promise.all([issue({ hosts: [host] }), issue({ hosts: ["other.example.com"] })]);
  });
  afterEach(() => servers.splice(0).forEach((server) => server.close()));

  async function listen(server: Server): Promise<number> {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    return (server.address() as AddressInfo).port;
  }
  /** A gateway with one certificate for the host, and another one for whoever names none. */
  function gateway(options: TlsOptions = {}): Promise<number> {
    const pair = ({ certificate, privateKey }: Issued) => ({ cert: certificate, key: privateKey });
    const server = createTlsServer({
      ...pair(other),
      SNICallback: (name, callback) =>
        callback(null, name === host ? createSecureContext({ ...options, ...pair(right) }) : undefined),
      ...options,
    });
    server.on("tlsClientError", () => {});
    return listen(server);
  }
  const plain = (listener: RequestListener) => listen(createHttpServer(listener));
  const redirect: RequestListener = ({ headers, url }, response) =>
    response.writeHead(301, { Location: `https://${headers.host}${url}` }).end();
  /** A port that nobody listens on. */
  async function closed(): Promise<number> {
    const server = createTcpServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
  const probe = (httpsPort: number, httpPort: number, minimumTlsVersion: "1.2" | "1.3" = "1.2", timeout = 3000) =>
    probeHost({ address, host, minimumTlsVersion, httpsPort, httpPort, timeout });

  it("sees the certificate of the host that it names, the version, and the redirection", async () => {
    const seen = await probe(await gateway(), await plain(redirect));
    assert.deepEqual(seen.handshake, { outcome: "connected", fingerprint: fingerprintOf(right), version: "TLSv1.3" });
    assert.equal(seen.outdated.outcome, "refused");
    assert.deepEqual(seen.plain, { outcome: "answered", status: 301, location: `https://${host}/` });
  });

  it("gets in with TLS 1.2 where 1.3 should be the minimum, and not where it is", async () => {
    const closedPort = await closed();
    assert.equal((await probe(await gateway(), closedPort, "1.3")).outdated.outcome, "connected");
    assert.equal(
      (await probe(await gateway({ minVersion: "TLSv1.3" }), closedPort, "1.3")).outdated.outcome,
      "refused",
    );
  });

  it("gets in with TLS 1.1 where the gateway lets it", async () => {
    const lax = await gateway({ minVersion: "TLSv1", ciphers: "DEFAULT:@SECLEVEL=0" });
    const { outdated } = await probe(lax, await closed());
    assert.ok(outdated.outcome === "connected");
    assert.equal(outdated.version, "TLSv1.1");
  });

  it("tells clear text, a closed port and a refused handshake apart", async () => {
    const refusing = createTcpServer((socket) => socket.destroy());
    const seen = await probe(await listen(refusing), await plain((_, response) => response.end("hello")));
    assert.equal(seen.handshake.outcome, "refused");
    assert.deepEqual(seen.plain, { outcome: "answered", status: 200 });
    assert.equal((await probe(await gateway(), await closed())).plain.outcome, "closed");
  });

  it("is silent where nothing answers, in time or at all", async () => {
    const nobody = await closed();
    const gone = await probe(nobody, nobody);
    assert.deepEqual([gone.handshake.outcome, gone.outdated.outcome], ["silent", "silent"]);
    const mute = createTcpServer((socket) => socket.on("error", () => {}));
    const port = await listen(mute);
    const seen = await probe(port, port, "1.2", 200);
    assert.deepEqual(
      [seen.handshake.outcome, seen.outdated.outcome, seen.plain.outcome],
      ["silent", "silent", "silent"],
    );
    assert.match(JSON.stringify(seen), /no answer within 0\.2 s/);
  });
});
