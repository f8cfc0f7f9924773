import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** What an API server answers: a body, or a status with one; a function sees what was asked. */
export type Answer = unknown;
export interface Question {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: unknown;
}

/** A stand-in of an API server: answers by path (without its query); what it does not know is a 404, as there. */
export interface FakeApi {
  kubeconfig: string;
  server: Server;
  url: string;
  asked: Question[];
  /** Goes away; the kubeconfig stays. */
  stop: () => Promise<void>;
  close: () => Promise<void>;
}

export class Status {
  constructor(
    readonly code: number,
    readonly message: string,
    readonly headers: Record<string, string> = {},
  ) {}
}

export async function fakeApi(answers: Record<string, Answer>): Promise<FakeApi> {
  const asked: Question[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const [path = ""] = (request.url ?? "").split("?");
      const body = await text(request);
      const question = {
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: body === "" ? undefined : (JSON.parse(body) as unknown),
      };
      asked.push(question);
      const known = answers[path];
      const answer: unknown =
        typeof known === "function" ? (known as (question: Question) => unknown)(question) : known;
      const status = answer === undefined ? new Status(404, "not found") : answer;
      if (status instanceof Status)
        response
          .writeHead(status.code, status.headers)
          .end(JSON.stringify({ kind: "Status", message: status.message, code: status.code }));
      else if (typeof answer === "string") response.writeHead(200).end(answer);
      else response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = mkdtempSync(join(tmpdir(), "enroute-api-"));
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, kubeconfigOf(url));
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const close = async () => {
    rmSync(folder, { recursive: true, force: true });
    await stop();
  };
  return { kubeconfig, server, url, asked, stop, close };
}

/** client-node speaks plain HTTP only where verification is off. */
export function kubeconfigOf(server: string, token = "a-token"): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "fake",
    contexts: [{ name: "fake", context: { cluster: "fake", user: "fake" } }],
    clusters: [{ name: "fake", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "fake", user: { token } }],
  });
}
