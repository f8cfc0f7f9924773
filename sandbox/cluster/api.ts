import { Agent, type RequestOptions, request } from "node:https";
import type { IncomingMessage } from "node:http";
import { createInterface } from "node:readline";

/** The little of a Kubernetes object that the supervisor reads. */
export interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly creationTimestamp: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
  readonly resourceVersion?: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** A live view of a collection. */
export interface View<T> {
  readonly items: () => T[];
  readonly close: () => void;
}

const retryMilliseconds = 300;

/**
 * The supervisor's own client of the API server. It makes a handful of calls and watches two collections for as long as
 * the sandbox lives; a full client library would take more memory than all the rest of the supervisor.
 */
export class Api {
  private readonly agent: Agent;

  constructor(
    private readonly server: string,
    certificateAuthority: Buffer,
    private readonly token: string,
  ) {
    this.agent = new Agent({ keepAlive: true, ca: certificateAuthority });
  }

  get<T>(path: string): Promise<T> {
    return this.call("GET", path);
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.call("POST", path, body, "application/json");
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.call("PATCH", path, body, "application/strategic-merge-patch+json");
  }

  /** Follows a collection. `changed` is called after each change, and once the first list is there. */
  view<T extends { metadata: Meta }>(path: string, changed: () => void, problem: (error: Error) => void): View<T> {
    const items = new Map<string, T>();
    let closed = false;
    let response: IncomingMessage | undefined;
    const follow = async () => {
      const list = await this.get<{ metadata: { resourceVersion: string }; items: T[] }>(path);
      items.clear();
      list.items.forEach((item) => items.set(item.metadata.uid, item));
      changed();
      const separator = path.includes("?") ? "&" : "?";
      const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${list.metadata.resourceVersion}`;
      response = await this.open("GET", `${path}${separator}${query}`);
      for await (const line of createInterface({ input: response })) {
        const event = JSON.parse(line) as { type: string; object: T };
        if (event.type === "ERROR") {
          return;
        }
        if (event.type === "BOOKMARK") {
          continue;
        }
        if (event.type === "DELETED") {
          items.delete(event.object.metadata.uid);
        } else {
          items.set(event.object.metadata.uid, event.object);
        }
        changed();
      }
    };
    const loop = async () => {
      while (!closed) {
        try {
          await follow();
        } catch (error) {
          if (!closed) {
            problem(error as Error);
          }
        }
        await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
      }
    };
    void loop();
    return {
      items: () => [...items.values()],
      close: () => {
        closed = true;
        response?.destroy();
      },
    };
  }

  close(): void {
    this.agent.destroy();
  }

  private async call<T>(method: string, path: string, body?: unknown, contentType?: string): Promise<T> {
    const text = await textOf(await this.open(method, path, body, contentType, 10_000));
    return (text.startsWith("{") ? JSON.parse(text) : text) as T;
  }

  private open(
    method: string,
    path: string,
    body?: unknown,
    contentType = "application/json",
    timeout?: number,
  ): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      Authorization: `Bearer ${this.token}`,
      Accept: "application/json",
      ...(payload === undefined ? {} : { "Content-Type": contentType, "Content-Length": Buffer.byteLength(payload) }),
    };
    const options: RequestOptions = {
      method,
      headers,
      agent: this.agent,
      ...(timeout === undefined ? {} : { timeout }),
    };
    return new Promise((resolve, reject) => {
      const call = request(this.server + path, options, (response) => {
        const status = response.statusCode ?? 0;
        if (status < 300) {
          resolve(response);
          return;
        }
        textOf(response).then(
          (text) => reject(new ApiError(status, `${method} ${path}: ${status} ${text.trim()}`)),
          reject,
        );
      });
      call.on("error", reject);
      call.on("timeout", () => call.destroy(new Error(`${method} ${path}: no answer within ${timeout} ms`)));
      call.end(payload);
    });
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) {
    text += chunk as string;
  }
  return text;
}
