// The configured cluster: reached once per run, with what the run has learnt about its custom kinds.

import { Client, UnknownKindError } from "./client";
import { messageOf } from "./errors";
import { builtInScope, type Kind } from "./kinds";
import { resolveTarget } from "./kubeconfig";
import type { Settings } from "./settings";
import { listAt, textAt, type Tree } from "./tree";

/** The cluster cannot be used. */
export class UnreachableError extends Error {
  constructor(readonly reason: string) {
    super(`configured Kubernetes cluster is unreachable: ${reason}`);
  }
}

/** The cluster that the settings choose. */
export class Cluster {
  private readonly client: Promise<Client | UnreachableError>;
  private readonly scopes = new Map<string, boolean>();
  private laterKinds: (() => Promise<Tree[]>)[] = [];
  private learning: Promise<void> = Promise.resolve();

  constructor(
    readonly settings: Settings,
    readonly signal: AbortSignal,
  ) {
    this.client = connect(settings, signal);
  }

  /** A client of the cluster. @throws UnreachableError */
  async reach(): Promise<Client> {
    const client = await this.client;
    if (client instanceof UnreachableError) throw client;
    return client;
  }

  /** A client of the cluster, if it can be reached. */
  async ifReachable(): Promise<Client | undefined> {
    const client = await this.client;
    return client instanceof UnreachableError ? undefined : client;
  }

  /** The namespace of objects that state none. */
  defaultNamespace(): string {
    if (this.settings.namespace !== "") return this.settings.namespace;
    try {
      return resolveTarget(this.settings.choice).namespace || "default";
    } catch {
      return "default";
    }
  }

  /** Learns the scope of the kinds that CustomResourceDefinitions define: their objects may be checked before they exist. */
  learnKinds(definitions: Tree[]): void {
    for (const crd of definitions) {
      if (textAt(crd, "kind") !== "CustomResourceDefinition") continue;
      const key = `${textAt(crd, "spec", "group")}/${textAt(crd, "spec", "names", "kind")}`;
      this.scopes.set(key, textAt(crd, "spec", "scope") !== "Cluster");
    }
  }

  /** As `learnKinds`, but `definitions`, which must not fail, runs only if a kind turns up that nothing else knows. */
  learnKindsLater(definitions: () => Promise<Tree[]>): void {
    this.laterKinds.push(definitions);
  }

  /** Whether objects of a kind have a namespace; what nobody knows is taken for namespaced. */
  async isNamespaced(kind: Kind): Promise<boolean> {
    return (
      builtInScope(kind) ?? this.learntScope(kind) ?? (await this.servedScope(kind)) ?? (await this.laterScope(kind))
    );
  }

  private learntScope({ apiVersion, kind }: Kind): boolean | undefined {
    return this.scopes.get(`${apiVersion.split("/")[0]}/${kind}`);
  }

  private async servedScope(kind: Kind): Promise<boolean | undefined> {
    try {
      return (await (await this.ifReachable())?.served(kind))?.namespaced;
    } catch (error) {
      if (error instanceof UnknownKindError) return undefined;
      throw error;
    }
  }

  private async laterScope(kind: Kind): Promise<boolean> {
    const asked = this.laterKinds;
    this.laterKinds = [];
    // One after the other: who asks while others are asked for waits for the answer, too.
    this.learning = this.learning.then(async () => {
      const answers = await Promise.all(asked.map((definitions) => definitions()));
      for (const definitions of answers) this.learnKinds(definitions);
    });
    await this.learning;
    return this.learntScope(kind) ?? true;
  }
}

async function connect(settings: Settings, signal: AbortSignal): Promise<Client | UnreachableError> {
  try {
    const client = new Client(resolveTarget(settings.choice), signal);
    const groups = await client.request({ method: "GET", path: "/apis" });
    if (listAt(groups, "groups").length === 0) throw new Error(`${client.target.server} serves no Kubernetes API`);
    return client;
  } catch (error) {
    return new UnreachableError(`unable to load schema information from the API server: ${messageOf(error)}`);
  }
}
