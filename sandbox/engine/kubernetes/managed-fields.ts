// Who owns which fields of an object: the bookkeeping of server-side apply.

import type { Path } from "./paths";
import { at, isMap, listAt, mapAt, same, textAt, type Tree, type TreeMap } from "./tree";

// Managers whose plain writes count as ours: kubectl's and the provider's own creates.
const adopted = [
  "kubectl",
  "before-first-apply",
  "pulumi-kubernetes",
  "pulumi-kubernetes.exe",
  "pulumi-resource-kubernetes",
];

function isAdopted(entry: Tree): boolean {
  return (
    adopted.includes(textAt(entry, "manager")) &&
    textAt(entry, "operation") === "Update" &&
    textAt(entry, "subresource") === ""
  );
}

/** Whether fields were written by a plain create or update that a later apply of ours must take over. */
export function hasAdoptable(live: TreeMap): boolean {
  return listAt(live, "metadata", "managedFields").some(isAdopted);
}

/** The managed fields after those of plain writers have moved to an applying manager, who then can also remove them. */
export function adoptFields(live: TreeMap, manager: string): Tree[] {
  const entries = listAt(live, "metadata", "managedFields");
  const moved = entries.filter(isAdopted);
  const [first] = moved;
  if (!isMap(first)) return entries;
  const isOurs = (entry: Tree): boolean =>
    textAt(entry, "manager") === manager && textAt(entry, "operation") === "Apply";
  const rest = entries.filter((entry) => !isAdopted(entry) && !isOurs(entry));
  const base = entries.find(isOurs) ?? { ...first, manager, operation: "Apply" };
  const fields = moved.reduce<TreeMap>((all, entry) => union(all, mapAt(entry, "fieldsV1")), mapAt(base, "fieldsV1"));
  return [...rest, { ...(base as TreeMap), fieldsV1: fields }];
}

function union(a: TreeMap, b: TreeMap): TreeMap {
  const result = { ...a };
  for (const [key, value] of Object.entries(b)) result[key] = union(mapAt(result, key), isMap(value) ? value : {});
  return result;
}

/** Whether another manager owns the field at a path, and this one does not. */
export function isForeign(live: TreeMap, path: Path, manager: string): boolean {
  const owners = listAt(live, "metadata", "managedFields")
    .filter((entry) => owns(mapAt(entry, "fieldsV1"), path, live))
    .map((entry) => textAt(entry, "manager"));
  return owners.length > 0 && !owners.includes(manager);
}

function owns(fields: TreeMap, [step, ...rest]: Path, value: Tree | undefined): boolean {
  if (step === undefined) return true;
  const below = at(value, step);
  for (const [key, inner] of Object.entries(fields)) {
    if (!isMap(inner) || !isStep(key, step, below)) continue;
    // An owner of a leaf owns what is in it; "." stands for the thing itself.
    if (Object.keys(inner).every((item) => item === ".") || owns(inner, rest, below)) return true;
  }
  return false;
}

// Keys of fieldsV1: f:<field>, k:<JSON of a list element's keys>, v:<value>, i:<index>.
function isStep(key: string, step: string | number, value: Tree | undefined): boolean {
  if (typeof step === "string") return key === `f:${step}`;
  if (key === `i:${step}`) return true;
  const [mark, json] = [key.slice(0, 2), key.slice(2)];
  if (mark === "v:") return same(JSON.parse(json) as Tree, value);
  if (mark !== "k:") return false;
  return Object.entries(JSON.parse(json) as TreeMap).every(([name, wanted]) => same(at(value, name), wanted));
}
