// One HTTP request, and its answer as a whole.

import type http from "node:http";
import type { Tree } from "./tree";

/** An answer of any status. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** Sends a prepared request. @throws Error that starts with `what` if there is no answer; AbortError */
export async function exchange(request: http.ClientRequest, body: Buffer | undefined, what: string): Promise<Answer> {
  try {
    return await new Promise((resolve, reject) => {
      request.on("error", reject);
      request.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString("utf8"),
          }),
        );
      });
      request.end(body);
    });
  } catch (error) {
    if (!(error instanceof Error) || error.name === "AbortError") throw error;
    // The server may close an idle connection just as it is used again: nothing was sent then.
    if (request.reusedSocket && "code" in error && error.code === "ECONNRESET") {
      return { status: 503, headers: { "retry-after": "0" }, text: "" };
    }
    // Node.js leaves the message empty when every address of a name refused.
    const code = "code" in error ? String(error.code) : "";
    throw new Error(`${what}: ${error.message || code}`, { cause: error });
  }
}

/** The data of a JSON text; undefined if it is none. */
export function parseJson(text: string): Tree | undefined {
  try {
    return JSON.parse(text) as Tree;
  } catch {
    return undefined;
  }
}
