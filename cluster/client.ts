import { existsSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { type RequestOptions, request as httpsRequest } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Finding, findingOf } from "../base/issue";
import { isKubeconfigText, kubeconfigName } from "../settings/kubeconfig";
import type { Settings } from "../settings/schema";
import { withoutUserinfo } from "../base/text";
import { ClusterAccess } from "./access";
import { type Kubeconfig, expandHome, parseKubeconfig, readKubeconfigs, targetOf, usualFiles } from "./kubeconfig";

/** An answer of the API server that is none of what was asked for, or no answer at all (then without a status). */
export class ClusterError extends Error {
  constructor(
    message: string,
    /** HTTP status. */
    readonly status?: number,
  ) {
    super(message);
    this.name = "ClusterError";
  }
}

/** How long a single request may take, in milliseconds. */
const patience = 10_000;

/** Items of a page of a list: with the pods of a mesh, some megabytes. */
const pageSize = 100;

/** Says that names and labels are enough: the API server then leaves contents, such as those of Secrets, where they are. */
const metadataOnly = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const asTable = "application/json;as=Table;g=meta.k8s.io;v=v1";

/**
 * The cluster of a stack. client-node finds the credentials, in all their forms; requests are plain JSON, because its typed
 * clients know no custom kinds, and cost more time than all the reading.
 */
export class Cluster {
  private options: Promise<RequestOptions> | undefined;
  private readonly send: typeof httpsRequest;

  constructor(readonly config: KubeConfig) {
    this.send = this.server.startsWith("http:") ? httpRequest : httpsRequest;
  }

  /** What every request goes in with; asked for once, and again where the API server does not take it any more. */
  private prepare(): Promise<RequestOptions> {
    const options: RequestOptions = {};
    return this.config.applyToHTTPSOptions(options).then(
      () => {
        // Dozens of requests in one go: as many connections would cost more than they bring.
        if (options.agent instanceof Object) options.agent.maxSockets = 12;
        return options;
      },
      (error: unknown) => {
        throw new ClusterError(`the credentials of the kubeconfig cannot be used: ${messageOf(error)}`);
      },
    );
  }

  /** URL of the API server. */
  get server(): string {
    return this.config.getCurrentCluster()?.server ?? "";
  }

  /** Reads a path. With `metadata`, a list's items carry their metadata alone; with `table`, it is what `kubectl get` prints. */
  get<Answer>(path: string, options: { metadata?: boolean; table?: boolean } = {}): Promise<Answer> {
    const accept = options.table === true ? asTable : options.metadata === true ? metadataOnly : "application/json";
    return this.call<Answer>("GET", path, undefined, accept).then((answer) => {
      // An empty list of metadata alone says `"items": null`.
      const list = answer as { items?: unknown };
      return (list.items === null ? { ...list, items: [] } : list) as Answer;
    });
  }

  /**
   * Reads a list page by page, so that the whole of it is never in memory at once, and keeps of each item what `keep` gives.
   * A list that ran out while it was read (the server forgot the place) is read from its beginning again. With `metadata`, as {@link get}.
   */
  async list<Item, Kept = Item>(
    path: string,
    keep: (item: Item) => Kept = (item) => item as unknown as Kept,
    options: { metadata?: boolean } = {},
  ): Promise<Kept[]> {
    for (let again = false; ; again = true) {
      try {
        return await this.pages(path, keep, options);
      } catch (error) {
        if (again || !(error instanceof ClusterError && error.status === 410)) throw error;
      }
    }
  }

  private async pages<Item, Kept>(
    path: string,
    keep: (item: Item) => Kept,
    options: { metadata?: boolean },
  ): Promise<Kept[]> {
    const kept: Kept[] = [];
    const query = `${path}${path.includes("?") ? "&" : "?"}limit=${pageSize}`;
    for (let next = ""; ;) {
      const page = await this.get<{ metadata?: { continue?: string }; items?: Item[] | null }>(
        next === "" ? query : `${query}&continue=${encodeURIComponent(next)}`,
        options,
      );
      for (const item of page.items ?? []) kept.push(keep(item));
      next = page.metadata?.continue ?? "";
      if (next === "") return kept;
    }
  }

  /** Asks the API server something that it answers without keeping it, such as a review of rights or a token request. */
  ask<Answer>(path: string, question: unknown): Promise<Answer> {
    return this.call("POST", path, JSON.stringify(question), "application/json");
  }

  /** Changes fields of an object, by a strategic merge, as `kubectl` does. */
  patch<Answer>(path: string, fields: unknown): Promise<Answer> {
    const type = "application/strategic-merge-patch+json";
    return this.call("PATCH", path, JSON.stringify(fields), "application/json", type);
  }

  /** Deletes an object. One that is gone already is fine. */
  async remove(path: string): Promise<void> {
    try {
      await this.call("DELETE", path, undefined, "application/json");
    } catch (error) {
      if (!(error instanceof ClusterError && error.status === 404)) throw error;
    }
  }

  private async call<Answer>(
    method: string,
    path: string,
    body: string | undefined,
    accept: string,
    type = "application/json",
  ): Promise<Answer> {
    const before = (this.options ??= this.prepare());
    try {
      return await this.callWith<Answer>(await before, method, path, body, accept, type);
    } catch (error) {
      // Tokens of files and of plugins end after minutes, and a rollout may take longer.
      if (!(error instanceof ClusterError && error.status === 401)) throw error;
      if (this.options === before) this.options = this.prepare();
      return await this.callWith<Answer>(await this.options, method, path, body, accept, type);
    }
  }

  private async callWith<Answer>(
    shared: RequestOptions,
    method: string,
    path: string,
    body: string | undefined,
    accept: string,
    type: string,
  ): Promise<Answer> {
    const base = this.server.replace(/\/+$/, "");
    const headers = {
      ...shared.headers,
      Accept: accept,
      ...(body === undefined ? {} : { "Content-Type": type }),
    };
    const { status, text } = await this.patiently(() =>
      new Promise<Response>((resolve, reject) => {
        const call: ClientRequest = this.send(base + path, { ...shared, method, headers }, (response) => {
          const retryAfter = Number(response.headers["retry-after"]);
          textOf(response).then((text) => resolve({ status: response.statusCode ?? 0, text, retryAfter }), reject);
        });
        const timer = setTimeout(() => call.destroy(new Error(`no answer within ${patience / 1000} s`)), patience);
        call.on("error", reject).on("close", () => clearTimeout(timer));
        call.end(body);
      }).catch((error: unknown) => {
        throw new ClusterError(messageOf(error));
      }),
    );
    if (status < 200 || status > 299) throw new ClusterError(serverMessage(text) ?? `HTTP ${status}`, status);
    try {
      return JSON.parse(text) as Answer;
    } catch {
      throw new ClusterError(`${this.server} answers, but not as a Kubernetes API server does`, status);
    }
  }

  /** Asks again where the API server says when: it is busy, or has not looked at a new kind's objects before. */
  private async patiently(ask: () => Promise<Response>): Promise<Response> {
    for (let waited = 0; ;) {
      const response = await ask();
      const seconds = response.retryAfter;
      if (response.status !== 429 || Number.isNaN(seconds) || (waited += seconds * 1000) > patience) return response;
      await sleep(seconds * 1000);
    }
  }
}

interface Response {
  status: number;
  text: string;
  /** Seconds; NaN where the server does not say. */
  retryAfter: number;
}

/** By which settings a stack names its cluster. */
type ClusterSettings = Pick<Settings, "kubeconfig" | "context" | "secretPaths">;

/** The cluster that a stack names, not looked at yet; a finding if the kubeconfig does not lead to one. */
export function openCluster(settings: ClusterSettings): Cluster | Finding {
  const { kubeconfig, context } = settings;
  const name = kubeconfigName(settings);
  const wrong = (id: string, subject: string, problem: string, fix: string) =>
    findingOf({ id: `cluster/${id}`, severity: "error", subject, problem, fix });
  const isText = isKubeconfigText(kubeconfig);
  const files = kubeconfig === "" ? usualFiles() : [expandHome(kubeconfig)];
  if (!isText && !files.some((file) => existsSync(file)))
    return wrong(
      "kubeconfig",
      "kubeconfig",
      `${kubeconfig === name ? "kubeconfig " : ""}${name} does not exist`,
      "correct enroute-istio:kubeconfig, or fetch the file first",
    );
  let found: Kubeconfig;
  try {
    found = isText ? parseKubeconfig(kubeconfig, ".") : readKubeconfigs(files);
  } catch (error) {
    const reason = isText ? "it is no kubeconfig" : messageOf(error).split("\n")[0];
    return wrong("kubeconfig", "kubeconfig", `${name} cannot be read: ${reason}`, "fetch the kubeconfig again");
  }
  const known = [...found.contexts.keys()];
  const one = `set enroute-istio:context to one of: ${known.join(", ") || "(the file has none)"}`;
  if (context !== "" && !known.includes(context))
    return wrong("context", "context", `context ${context} is not in ${name}`, one);
  const chosen = context === "" ? found.current : context;
  const target = targetOf(found, chosen);
  if (target === undefined)
    return wrong(
      "context",
      "context",
      known.includes(chosen)
        ? `context ${chosen} of ${name} names a cluster that is not in it`
        : `${name} does not say which cluster it means: its current context is ${chosen || "not set"}`,
      one,
    );
  return new Cluster(new ClusterAccess(target));
}

/** Why the cluster cannot be worked with, from the error of a first request. */
export function unreachable(settings: ClusterSettings, cluster: Cluster, error: unknown): Finding {
  const status = error instanceof ClusterError ? error.status : undefined;
  const { context } = settings;
  const { proxy } = cluster.config as Partial<ClusterAccess>;
  const way = proxy === undefined ? "" : `, through the proxy ${withoutUserinfo(proxy)},`;
  const name = `cluster ${context === "" ? `of ${kubeconfigName(settings)}` : context} at ${cluster.server}${way}`;
  if (status === undefined && /^the credentials of the kubeconfig/.test(messageOf(error)))
    return findingOf({
      id: "cluster/reachable",
      severity: "error",
      subject: cluster.server,
      problem: `${name} was not asked: ${messageOf(error)}`,
      fix: "put the credentials right; kubectl auth whoami shows whether they are",
    });
  if (status === 401 || status === 403)
    return findingOf({
      id: "cluster/reachable",
      severity: "error",
      subject: cluster.server,
      problem: `${name} refuses these credentials (HTTP ${status})`,
      fix: "log in again, or use credentials that may administer the cluster",
    });
  return findingOf({
    id: "cluster/reachable",
    severity: "error",
    subject: cluster.server,
    problem: `${name} cannot be reached: ${messageOf(error)}`,
    fix: "check that the cluster runs, and that VPN, proxy and the server's address are right",
  });
}

/** The text of an error. Node.js hides it in `errors` where an attempt at several addresses failed. */
export function messageOf(error: unknown): string {
  const { message, errors, code, cause } = error as {
    message?: string;
    errors?: { message: string }[];
    code?: string;
    cause?: unknown;
  };
  if (message) return message;
  if (errors?.[0] !== undefined) return errors[0].message;
  return code ?? (cause === undefined ? String(error) : messageOf(cause));
}

/** Whether something that ended with this error is simply not there. */
export function isAbsent(error: unknown): boolean {
  return error instanceof ClusterError && error.status === 404;
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function serverMessage(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}
