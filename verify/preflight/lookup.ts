import { type Cluster, ClusterError, isAbsent } from "../../cluster/client";
import type { Named } from "../../cluster/kinds";
import type { PlannedObject } from "../../mesh/ownership";

/* Reading what may not be there. */

type List<Item> = { items: Item[] };

/** What a list holds; nothing where its kind is not installed. */
export async function listed<Item>(cluster: Cluster, path: string, metadata = false): Promise<Item[]> {
  try {
    return (await cluster.get<List<Item>>(path, { metadata })).items;
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** CustomResourceDefinitions of the cluster. */
export function definitionsOf(cluster: Cluster): Promise<Named[]> {
  return listed(cluster, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", true);
}

/** An object, or nothing where it, its namespace or its kind is not there. */
export async function existing<Value>(cluster: Cluster, path: string): Promise<Value | undefined> {
  try {
    return await cluster.get<Value>(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

export interface LiveObject<Asked extends PlannedObject = PlannedObject> {
  object: Asked;
  metadata: Named["metadata"];
}

/** Those of some objects that are there, by their metadata alone: one question for each kind and place. */
export async function lookUp<Asked extends PlannedObject>(
  cluster: Cluster,
  objects: Asked[],
): Promise<LiveObject<Asked>[]> {
  const versions = [...new Set(objects.map(({ apiVersion }) => apiVersion))];
  const kinds = new Map(
    await Promise.all(versions.map(async (version) => [version, await kindsOf(cluster, version)] as const)),
  );
  const places = new Map<string, Asked[]>();
  for (const object of objects) {
    const kind = kinds.get(object.apiVersion)?.find((known) => known.kind === object.kind && !known.name.includes("/"));
    // A kind that is not installed has no objects.
    if (kind === undefined) continue;
    const placed = { ...object };
    if (!kind.namespaced) delete placed.namespace;
    const scope = kind.namespaced ? `/namespaces/${object.namespace}` : "";
    const root = object.group === "" ? `/api/${object.apiVersion}` : `/apis/${object.apiVersion}`;
    const path = `${root}${scope}/${kind.name}`;
    places.set(path, [...(places.get(path) ?? []), placed]);
  }
  const found = await Promise.all(
    [...places].map(async ([path, wanted]) => {
      const names = [...new Set(wanted.map(({ name }) => name))];
      const query = names.length === 1 ? `?fieldSelector=metadata.name%3D${names[0]}` : "";
      const items = await listed<Named>(cluster, `${path}${query}`, true);
      return wanted.flatMap((object) => {
        const item = items.find(({ metadata }) => metadata.name === object.name);
        return item === undefined ? [] : [{ object, metadata: item.metadata }];
      });
    }),
  );
  return found.flat();
}

interface Kind {
  kind: string;
  /** In paths. */
  name: string;
  namespaced: boolean;
}

async function kindsOf(cluster: Cluster, version: string): Promise<Kind[]> {
  const path = version.includes("/") ? `/apis/${version}` : `/api/${version}`;
  try {
    return (await existing<{ resources: Kind[] }>(cluster, path))?.resources ?? [];
  } catch (error) {
    if (error instanceof ClusterError && error.status === 503) return [];
    throw error;
  }
}
