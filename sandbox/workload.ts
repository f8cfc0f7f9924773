/**
 * Stands for the application in a workload's pod: a real HTTP server that answers every request with what it saw.
 * Arguments: address, port, name of the pod, and of its namespace.
 */
import { createServer } from "node:http";

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

const [address, port, namespace = "", pod = ""] = process.argv.slice(2);
const server = createServer((request, response) => {
  const seen = request.headers["x-forwarded-client-cert"];
  const echo: Echo = {
    namespace,
    pod,
    method: request.method ?? "",
    path: request.url ?? "",
    host: request.headers.host ?? "",
    ...(seen === undefined ? {} : { clientCertificate: String(seen) }),
  };
  request.resume();
  response.writeHead(200, { "content-type": "application/json" }).end(`${JSON.stringify(echo)}\n`);
});
// Longer than its proxy keeps a connection: who closes first decides which request is lost.
server.keepAliveTimeout = 3_600_000;
server.listen(Number(port), address);
