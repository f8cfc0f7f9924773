import { setTimeout as sleep } from "node:timers/promises";
import {
  type ApiException,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
} from "@kubernetes/client-node";

type Tree = Record<string, unknown>;
export type Thing = KubernetesObject & Tree;

/** Which object is meant. */
export interface Reference {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
}

/** Takes a fault back. */
export type Heal = () => Promise<void>;

/** Ways to break a cluster, each with the way back. */
export class Seeds {
  readonly api: KubernetesObjectApi;

  constructor(kubeconfig: string) {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    this.api = KubernetesObjectApi.makeApiClient(config);
  }

  async read(reference: Reference): Promise<Thing> {
    return plain(await this.api.read(header(reference)));
  }

  /** Merges a patch into an object: `null` deletes, lists are replaced whole. */
  async patch(reference: Reference, change: Tree): Promise<Heal> {
    const before = await this.read(reference);
    await this.merge(reference, change);
    return () => this.merge(reference, inverse(before, change));
  }

  async create(object: Thing): Promise<Heal> {
    const made = plain(await this.api.create(structuredClone(object)));
    return () => this.remove(referenceTo(made));
  }

  async delete(reference: Reference): Promise<Heal> {
    const before = await this.read(reference);
    await this.remove(reference);
    return async () => void (await this.create(anew(before)));
  }

  /** Deletes an object and makes it again with changes, for what cannot be changed in place. */
  async remake(reference: Reference, change: (object: Thing) => Thing): Promise<Heal> {
    const before = anew(await this.read(reference));
    await this.remove(reference);
    await this.create(change(structuredClone(before)));
    return async () => {
      await this.remove(reference);
      await this.create(before);
    };
  }

  private async merge(reference: Reference, change: Tree): Promise<void> {
    const { metadata = {}, ...rest } = change as { metadata?: Tree };
    const { metadata: identity, ...kind } = header(reference);
    const body = { ...kind, ...rest, metadata: { ...metadata, ...identity } };
    await this.api.patch(body as never, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch);
  }

  /** Deletes, and waits until it is gone. */
  private async remove(reference: Reference): Promise<void> {
    await this.api.delete(header(reference), undefined, undefined, 0);
    for (;;) {
      try {
        await this.read(reference);
      } catch (error) {
        if ((error as Partial<ApiException<unknown>>).code === 404) return;
        throw error;
      }
      await sleep(50);
    }
  }
}

function header({ apiVersion, kind, namespace, name }: Reference) {
  return { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } };
}

function referenceTo({ apiVersion, kind, metadata }: Thing): Reference {
  const { name = "", namespace } = metadata ?? {};
  return { apiVersion: apiVersion!, kind: kind!, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** As JSON: without the client's classes and dates. */
function plain(object: unknown): Thing {
  return JSON.parse(JSON.stringify(object)) as Thing;
}

/** An object as it was before it came into being. */
function anew(object: Thing): Thing {
  const { name, namespace, labels, annotations } = object.metadata ?? {};
  return plain({ ...object, status: undefined, metadata: { name, namespace, labels, annotations } });
}

/** The merge patch that takes another one back. */
export function inverse(before: Tree, change: Tree): Tree {
  return Object.fromEntries(
    Object.entries(change).map(([key, value]) => {
      const old = before[key];
      const isBranch = (it: unknown): it is Tree => typeof it === "object" && it !== null && !Array.isArray(it);
      return [key, isBranch(value) && isBranch(old) ? inverse(old, value) : (old ?? null)];
    }),
  );
}
