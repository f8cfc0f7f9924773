import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type Server as HttpServer, createServer as createHttpServer } from "node:http";
import { type Server, createServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster, openCluster } from "../../../cluster/client";
import { issue } from "../certificates";

describe("the way to a cluster", () => {
  let folder: string;
  let api: Server;
  let proxy: HttpServer;
  let ca: string;
  /** Hosts that the proxy was asked for, with its login. */
  let asked: string[];
  let tokens: string[];
  const portOf = (server: Server | HttpServer) => (server.address() as AddressInfo).port;
  const listen = (server: Server | HttpServer) =>
    new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "enroute-way-"));
    const { certificate, privateKey } = await issue({ hosts: ["kubernetes"] });
    ca = Buffer.from(certificate).toString("base64");
    api = createServer({ cert: certificate, key: privateKey }, ({ headers }, response) => {
      tokens.push(headers.authorization ?? "");
      const isOver = headers.authorization === "Bearer over";
      response.writeHead(isOver ? 401 : 200).end(JSON.stringify({ gitVersion: "v1" }));
    });
    proxy = createHttpServer().on("connect", (request, socket) => {
      asked.push(`${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
      const onwards = connect(portOf(api), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        onwards.pipe(socket).pipe(onwards);
      });
      onwards.on("error", () => socket.destroy());
      socket.on("error", () => onwards.destroy());
    });
    await Promise.all([listen(api), listen(proxy)]);
  });
  after(() => {
    for (const server of [api, proxy]) {
      server?.closeAllConnections();
      server?.close();
    }
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => ([asked, tokens] = [[], []]));

  const open = (cluster: object, user: object = { token: "t" }): Cluster => {
    const kubeconfig = join(folder, "config");
    const own = { "certificate-authority-data": ca, "tls-server-name": "kubernetes", ...cluster };
    const entries = { clusters: [{ name: "c", cluster: own }], users: [{ name: "u", user }] };
    const contexts = [{ name: "x", context: { cluster: "c", user: "u" } }];
    writeFileSync(kubeconfig, JSON.stringify({ ...entries, contexts }));
    const opened = openCluster({ kubeconfig, context: "x" });
    assert.ok(opened instanceof Cluster, JSON.stringify(opened));
    return opened;
  };
  const direct = () => `https://127.0.0.1:${portOf(api)}`;

  it("checks the certificate for the name of tls-server-name", async () => {
    await open({ server: direct() }).get("/version");
    assert.deepEqual(tokens, ["Bearer t"]);
    await assert.rejects(open({ server: direct(), "tls-server-name": "other" }).get("/version"), /altnames/);
    await open({ server: direct(), "tls-server-name": "other", "insecure-skip-tls-verify": true }).get("/version");
  });

  it("leads through the proxy of the kubeconfig, with its login", async () => {
    const cluster = open({ server: direct(), "proxy-url": `http://me:pass@127.0.0.1:${portOf(proxy)}` });
    await cluster.get("/version");
    const login = Buffer.from("me:pass").toString("base64");
    assert.deepEqual(asked, [`127.0.0.1:${portOf(api)} Basic ${login}`]);
  });

  it("leads through the proxy of the environment, which knows the name", async () => {
    process.env["HTTPS_PROXY"] = `http://127.0.0.1:${portOf(proxy)}`;
    try {
      await open({ server: "https://api.example.invalid:6443" }).get("/version");
      assert.deepEqual(asked, ["api.example.invalid:6443"]);
    } finally {
      delete process.env["HTTPS_PROXY"];
    }
  });

  it("takes a token anew where the API server takes the former no more", async () => {
    const tokenFile = join(folder, "token");
    writeFileSync(tokenFile, "t\n");
    const cluster = open({ server: direct() }, { tokenFile });
    await cluster.get("/version");
    writeFileSync(tokenFile, "over");
    const other = open({ server: direct() }, { tokenFile });
    const failed = other.get("/version");
    await assert.rejects(failed, { status: 401 });
    writeFileSync(tokenFile, "new");
    await other.get("/version");
    assert.deepEqual(tokens, ["Bearer t", "Bearer over", "Bearer over", "Bearer over", "Bearer new"]);
  });
});
