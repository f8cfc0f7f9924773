import { type Cluster, ClusterError, isAbsent } from "./client";
import type { Named } from "./kinds";

/* Reading what may not be there. */

/** An object, or nothing where it, its namespace or its kind is not there. */
export async function existing<Value>(cluster: Cluster, path: string): Promise<Value | undefined> {
  try {
    return await cluster.get<Value>(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** What a list holds, page by page; nothing where its kind is not installed. */
export async function listed<Item>(
  cluster: Cluster,
  path: string,
  metadata = false,
  keep?: (item: Item) => Item,
): Promise<Item[]> {
  try {
    return await cluster.list<Item, Item>(path, keep, { metadata });
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

export interface Kind {
  kind: string;
  /** In paths. */
  name: string;
  namespaced: boolean;
}

/** The kinds of an API version; none where it is not served. */
export async function kindsOf(cluster: Cluster, version: string): Promise<Kind[]> {
  try {
    return (await existing<{ resources: Kind[] }>(cluster, rootOf(version)))?.resources ?? [];
  } catch (error) {
    if (error instanceof ClusterError && error.status === 503) return [];
    throw error;
  }
}

/** Path of the list of a kind, in a namespace where it has some. */
export function listPath(version: string, kind: Kind, namespace: string | undefined): string {
  return `${rootOf(version)}${kind.namespaced ? `/namespaces/${namespace}` : ""}/${kind.name}`;
}

/** The kind of objects of that name, without what hangs below them. */
export function kindNamed(kinds: readonly Kind[], kind: string): Kind | undefined {
  return kinds.find((known) => known.kind === kind && !known.name.includes("/"));
}

/** Query for one object of a list by its name. */
export function named(name: string): string {
  return `?fieldSelector=metadata.name%3D${name}`;
}

/** The metadata of an object as it is in the cluster; nothing where it is not there. */
export async function liveMetadata(
  cluster: Cluster,
  {
    apiVersion,
    kind,
    namespace = "default",
    name,
  }: Record<"apiVersion" | "kind" | "name", string> & { namespace?: string },
): Promise<Named["metadata"] | undefined> {
  const known = kindNamed(await kindsOf(cluster, apiVersion), kind);
  if (known === undefined) return undefined;
  const path = `${listPath(apiVersion, known, namespace)}${named(name)}`;
  return (await listed<Named>(cluster, path, true))[0]?.metadata;
}

function rootOf(version: string): string {
  return version.includes("/") ? `/apis/${version}` : `/api/${version}`;
}
