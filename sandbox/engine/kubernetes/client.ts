// The Kubernetes API over HTTP: one connection pool, discovery as needed, and the server's own words in errors.

import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { credentialsOf, isRenewable, type Credentials } from "./credentials";
import { exchange, parseJson, type Answer } from "./http";
import { kindName, parseId, type Kind } from "./kinds";
import type { Target } from "./kubeconfig";
import { at, isMap, listAt, numberAt, textAt, type Tree, type TreeMap } from "./tree";

/** The API server refused a request; the message is its own. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** The HTTP status. */
    readonly status: number,
    /** Such as "NotFound", "AlreadyExists", "Conflict". */
    readonly reason: string,
    /** Further facts, such as the kind that was not found. */
    readonly details: Tree = null,
  ) {
    super(message);
  }
}

/** The API server has no such kind: its CRD may be missing. */
export class UnknownKindError extends Error {
  constructor(readonly kind: Kind) {
    super(`no matches for kind "${kind.kind}" in version "${kind.apiVersion}"`);
  }
}

/** Whether the server said that the object is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

/** How the server serves a kind. */
export interface Served {
  readonly plural: string;
  readonly namespaced: boolean;
}

/** A request to the API server. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Tree;
  /** Default: application/json. */
  readonly contentType?: string;
}

const mostRetries = 5;

/** A client of one cluster. Its reads end with an AbortError when `signal` says so, and no write starts after that. */
export class Client {
  private readonly found = new Map<string, Served>();
  private readonly discovering = new Map<string, Promise<Tree>>();
  private credentials: Promise<Credentials> | undefined;
  private agent: http.Agent | undefined;

  constructor(
    readonly target: Target,
    readonly signal: AbortSignal,
  ) {}

  /**
   * Sends a request. Throttled and interrupted ones are repeated.
   * @throws ApiError if the server refuses it; Error that names the address if it cannot be reached
   */
  async request(request: ApiRequest): Promise<Tree> {
    for (let retries = 0; ; retries++) {
      const answer = await this.send(request);
      // Tokens of credential plugins and of pods expire: one more try with fresh ones.
      if (answer.status === 401 && retries === 0 && isRenewable(this.target)) {
        this.forgetCredentials();
        continue;
      }
      const wait = retryAfter(answer);
      if (wait !== undefined && retries < mostRetries) await sleep(wait * 1000, undefined, { signal: this.signal });
      else return read(answer);
    }
  }

  /** How the server serves a kind. @throws UnknownKindError if it does not */
  async served(kind: Kind): Promise<Served> {
    const known = this.found.get(kindName(kind));
    if (known !== undefined) return known;
    // What was not found before is asked for again, as its CRD may have come since.
    const listing = await this.discover(kind.apiVersion);
    for (const item of listAt(listing, "resources")) {
      const plural = textAt(item, "name");
      // Names with a slash are parts of objects, such as "pods/status".
      if (plural.includes("/")) continue;
      const name = kindName({ apiVersion: kind.apiVersion, kind: textAt(item, "kind") });
      this.found.set(name, { plural, namespaced: at(item, "namespaced") === true });
    }
    const served = this.found.get(kindName(kind));
    if (served === undefined) throw new UnknownKindError(kind);
    return served;
  }

  /** The path of a kind's objects in a namespace, or of one of them by its id. */
  async path(kind: Kind, place: { id: string } | { namespace: string }): Promise<string> {
    const { plural, namespaced } = await this.served(kind);
    const { namespace, name } = "id" in place ? parseId(place.id) : { ...place, name: "" };
    const scope = namespaced && namespace !== "" ? `/namespaces/${encodeURIComponent(namespace)}` : "";
    return `${apiRoot(kind.apiVersion)}${scope}/${plural}${name === "" ? "" : `/${encodeURIComponent(name)}`}`;
  }

  /** Reads an object. @throws ApiError, UnknownKindError */
  async get(kind: Kind, id: string): Promise<TreeMap> {
    return asObject(await this.request({ method: "GET", path: await this.path(kind, { id }) }));
  }

  /** Reads an object; undefined if there is none, or no such kind. */
  async find(kind: Kind, id: string): Promise<TreeMap | undefined> {
    try {
      return await this.get(kind, id);
    } catch (error) {
      if (isNotFound(error) || error instanceof UnknownKindError) return undefined;
      throw error;
    }
  }

  /** Lists a namespace's objects of a kind. */
  async list(kind: Kind, namespace: string, labelSelector: string): Promise<Tree[]> {
    const path = await this.path(kind, { namespace });
    return listAt(await this.request({ method: "GET", path, query: { labelSelector } }), "items");
  }

  /** Forgets how kinds are served. */
  forgetKinds(): void {
    this.found.clear();
  }

  private forgetCredentials(): void {
    this.credentials = undefined;
    this.agent = undefined;
  }

  private async discover(apiVersion: string): Promise<Tree> {
    const running = this.discovering.get(apiVersion);
    if (running !== undefined) return running;
    const asking = this.request({ method: "GET", path: apiRoot(apiVersion) })
      .catch((error: unknown) => {
        if (isNotFound(error)) return null;
        throw error;
      })
      .finally(() => this.discovering.delete(apiVersion));
    this.discovering.set(apiVersion, asking);
    return asking;
  }

  private async send(request: ApiRequest): Promise<Answer> {
    this.signal.throwIfAborted();
    this.credentials ??= credentialsOf(this.target);
    const { tls, authorization } = await this.credentials;
    const url = new URL(`${this.target.server}${request.path}`);
    for (const [key, value] of Object.entries(request.query ?? {})) url.searchParams.set(key, value);
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const secure = url.protocol === "https:";
    this.agent ??= secure ? new https.Agent({ keepAlive: true, ...tls }) : new http.Agent({ keepAlive: true });
    const options: https.RequestOptions = {
      method: request.method,
      agent: this.agent,
      // A write that is under way is let finish: else nobody would know what it did.
      ...(request.method === "GET" ? { signal: this.signal } : {}),
      headers: {
        accept: "application/json",
        "user-agent": "pulumi-kubernetes-stand-in",
        ...(body === undefined
          ? {}
          : { "content-type": request.contentType ?? "application/json", "content-length": body.length }),
        ...(authorization === "" ? {} : { authorization }),
      },
    };
    return exchange((secure ? https : http).request(url, options), body, `${request.method} "${url.href}"`);
  }
}

/** The path under which a group's version is served. */
export function apiRoot(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function retryAfter({ status, headers }: Answer): number | undefined {
  if (status !== 429 && status !== 503) return undefined;
  const seconds = Number(headers["retry-after"]);
  return headers["retry-after"] !== undefined && Number.isFinite(seconds) ? seconds : undefined;
}

function read({ status, text }: Answer): Tree {
  const body = parseJson(text);
  if (status >= 200 && status < 300) return body ?? null;
  if (isMap(body) && body["kind"] === "Status") {
    const message = textAt(body, "message");
    throw new ApiError(
      status === 401 ? "the server has asked for the client to provide credentials" : message,
      numberAt(body, "code") ?? status,
      textAt(body, "reason"),
      body["details"] ?? null,
    );
  }
  throw new ApiError(`the server answered ${status}: ${text.trim().slice(0, 500)}`, status, "");
}

function asObject(value: Tree): TreeMap {
  if (!isMap(value)) throw new Error("the API server's answer is no object");
  return value;
}
