import type { Cluster } from "../../cluster/client";
import type { Named } from "../../cluster/kinds";
import { existing, kindNamed, kindsOf, listPath, listed, named } from "../../cluster/objects";
import { type FixedFields, fixedDifferences, fixedFields, hasFixedFields } from "../../mesh/immutability";
import type { PlannedObject } from "../../mesh/ownership";

export { existing, listed };

/** CustomResourceDefinitions of the cluster. */
export function definitionsOf(cluster: Cluster): Promise<Named[]> {
  return listed(cluster, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", true);
}

export interface LiveObject<Asked extends PlannedObject = PlannedObject> {
  object: Asked;
  metadata: Named["metadata"];
}

/** With the path of the list that it is in. */
type Found<Asked extends PlannedObject = PlannedObject> = LiveObject<Asked> & { path: string };

/** Those of some objects that are there, by their metadata alone: one question for each kind and place. */
export async function lookUp<Asked extends PlannedObject>(cluster: Cluster, objects: Asked[]): Promise<Found<Asked>[]> {
  const versions = [...new Set(objects.map(({ apiVersion }) => apiVersion))];
  const kinds = new Map(
    await Promise.all(versions.map(async (version) => [version, await kindsOf(cluster, version)] as const)),
  );
  const places = new Map<string, Asked[]>();
  for (const object of objects) {
    const kind = kindNamed(kinds.get(object.apiVersion) ?? [], object.kind);
    // A kind that is not installed has no objects.
    if (kind === undefined) continue;
    const placed = { ...object };
    if (!kind.namespaced) delete placed.namespace;
    const path = listPath(object.apiVersion, kind, object.namespace);
    const there = places.get(path);
    if (there === undefined) places.set(path, [placed]);
    else there.push(placed);
  }
  const found = await Promise.all(
    [...places].map(async ([path, wanted]) => {
      const names = [...new Set(wanted.map(({ name }) => name))];
      const query = names.length === 1 ? named(names[0]!) : "";
      const items = await listed<Named>(cluster, `${path}${query}`, true);
      const live = new Map(items.map(({ metadata }) => [metadata.name, metadata]));
      return wanted.flatMap((object) => {
        const metadata = live.get(object.name);
        return metadata === undefined ? [] : [{ object, metadata, path }];
      });
    }),
  );
  return found.flat();
}

/** Why an object that is there cannot become the planned one, in words: what differs cannot be changed in place. */
export async function differencesOf(cluster: Cluster, { object, metadata, path }: Found): Promise<string[]> {
  const { fixed } = object;
  if (fixed === undefined || !hasFixedFields(object)) return [];
  // Said by the metadata: whether a ConfigMap or Secret is immutable is not read with its data.
  const isSealed = (metadata.managedFields ?? []).some(
    ({ fieldsV1 = {} }: { fieldsV1?: object }) => "f:immutable" in fieldsV1,
  );
  const sealed: FixedFields = isSealed ? { immutable: true } : {};
  if (object.group === "" && object.kind === "ConfigMap") return fixedDifferences(sealed, fixed);
  const live =
    object.group === "" && object.kind === "Secret"
      ? await secretType(cluster, path, object.name)
      : fixedFields({ ...object, ...(await existing<object>(cluster, `${path}/${object.name}`)) });
  return fixedDifferences({ ...live, ...sealed }, fixed);
}

/** The type of a Secret, as `kubectl get` prints it: its data is not read. */
async function secretType(cluster: Cluster, path: string, name: string): Promise<FixedFields> {
  const { columnDefinitions, rows } = await cluster.get<{
    columnDefinitions: { name: string }[];
    rows: { cells: unknown[] }[];
  }>(`${path}${named(name)}`, { table: true });
  return { type: rows[0]?.cells[columnDefinitions.findIndex((column) => column.name === "Type")] };
}
