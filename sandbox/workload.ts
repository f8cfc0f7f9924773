/**
 * Stands for the applications in workloads' pods: real HTTP servers that answer every request with what they saw of it.
 * Argument: path of a file with the list of {@link Application}, which is followed.
 */
import { readFileSync } from "node:fs";
import { type Server, createServer } from "node:http";

/** What the workload saw of a request. */
export interface Echo {
  readonly namespace: string;
  readonly pod: string;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** What the sidecar says about its client (`x-forwarded-client-cert`); missing where the connection was not encrypted. */
  readonly clientCertificate?: string;
}

/** Where an application listens, and for which pod. */
export interface Application {
  readonly address: string;
  readonly port: number;
  readonly namespace: string;
  readonly pod: string;
}

const lookMilliseconds = 200;
const servers = new Map<string, Server>();
let seen = "";

/** Opens and closes what the file says. */
function follow(path: string): void {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return; // not written yet
  }
  if (text === seen) {
    return;
  }
  seen = text;
  const wanted = new Map((JSON.parse(text) as Application[]).map((each) => [JSON.stringify(each), each]));
  for (const [key, server] of servers) {
    if (!wanted.has(key)) {
      server.close();
      server.closeAllConnections();
      servers.delete(key);
    }
  }
  for (const [key, application] of wanted) {
    if (!servers.has(key)) {
      servers.set(key, serve(application));
    }
  }
}

function serve({ address, port, namespace, pod }: Application): Server {
  const server = createServer((request, response) => {
    const certificate = request.headers["x-forwarded-client-cert"];
    const echo: Echo = {
      namespace,
      pod,
      method: request.method ?? "",
      path: request.url ?? "",
      host: request.headers.host ?? "",
      ...(certificate === undefined ? {} : { clientCertificate: String(certificate) }),
    };
    request.resume();
    response.writeHead(200, { "content-type": "application/json" }).end(`${JSON.stringify(echo)}\n`);
  });
  // Longer than its proxy keeps a connection: who closes first decides which request is lost.
  server.keepAliveTimeout = 3_600_000;
  server.on("error", (error) => console.error(`${namespace}/${pod}: ${error.message}`));
  return server.listen(port, address);
}

// Nothing but types is taken from this file elsewhere.
if (process.argv[2] !== undefined) {
  const path = process.argv[2];
  follow(path);
  setInterval(() => follow(path), lookMilliseconds);
}
