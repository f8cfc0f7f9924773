// What differs between an object as it was last seen and as it is declared now.

import { isWithin, type Path } from "./paths";
import { at, isMap, mapMap, same, unknownValue, type Tree, type TreeMap } from "./tree";

/** One difference. */
export interface Change {
  readonly path: Path;
  readonly kind: "add" | "update" | "delete";
  /** The value that an "add" brings. */
  readonly value?: Tree;
}

/**
 * The part of a live object that its inputs speak about: what a server, a webhook or another manager added stays out.
 * Lists go by index, up to the length of the inputs' list.
 */
export function prune(live: Tree, inputs: Tree): Tree {
  if (isMap(live) && isMap(inputs)) {
    const kept = Object.entries(live).filter(([key]) => Object.hasOwn(inputs, key));
    return Object.fromEntries(kept.map(([key, value]) => [key, prune(value, inputs[key] ?? null)]));
  }
  if (Array.isArray(live) && Array.isArray(inputs)) {
    return live.slice(0, inputs.length).map((value, i) => prune(value, inputs[i] ?? null));
  }
  return live;
}

/** As `prune`, for whole objects. */
export function pruneMap(live: TreeMap, inputs: TreeMap): TreeMap {
  return prune(live, inputs) as TreeMap;
}

/** A pruned live object with the empty values of its inputs that the server has left out: they are no drift. */
export function keepEmpty(live: Tree, inputs: Tree): Tree {
  if (isMap(live) && isMap(inputs)) {
    const absent = Object.entries(inputs).filter(([key, value]) => !Object.hasOwn(live, key) && isEmpty(value));
    return {
      ...mapMap(live, (value, key) => (Object.hasOwn(inputs, key) ? keepEmpty(value, inputs[key] ?? null) : value)),
      ...Object.fromEntries(absent),
    };
  }
  if (!Array.isArray(live) || !Array.isArray(inputs)) return live;
  return live.map((value, i) => keepEmpty(value, inputs[i] ?? null));
}

/**
 * The changes that lead from `old` to `new`. What is missing from the new and the old inputs alike is nobody's wish, so no
 * change; nor is an empty value that the server left out of the object when it was first asked for it.
 */
export function changes(old: TreeMap, now: TreeMap, oldInputs: TreeMap): Change[] {
  return [...compareMaps([], old, now, oldInputs)];
}

/** The changes without those at or under one of the ignored paths, which may hold "*". */
export function withoutIgnored(found: Change[], ignored: readonly Path[]): Change[] {
  return found.filter((change) => !ignored.some((pattern) => isWithin(change.path, pattern)));
}

function* compare(path: Path, old: Tree, now: Tree, oldInput: Tree | undefined): Generator<Change> {
  if (isMap(old) && isMap(now)) yield* compareMaps(path, old, now, oldInput);
  else if (Array.isArray(old) && Array.isArray(now)) yield* compareLists(path, old, now, oldInput);
  else if (!same(old, now)) yield { path, kind: "update" };
}

function* compareMaps(path: Path, old: TreeMap, now: TreeMap, oldInput: Tree | undefined): Generator<Change> {
  for (const [key, value] of Object.entries(now)) {
    const here = [...path, key];
    const before = old[key];
    if (before !== undefined) yield* compare(here, before, value, at(oldInput, key));
    else if (!isElided(value, at(oldInput, key))) yield { path: here, kind: "add", value };
  }
  for (const key of Object.keys(old)) {
    if (now[key] === undefined && at(oldInput, key) !== undefined) yield { path: [...path, key], kind: "delete" };
  }
}

function* compareLists(path: Path, old: Tree[], now: Tree[], oldInput: Tree | undefined): Generator<Change> {
  for (const [i, value] of now.entries()) {
    const before = old[i];
    if (before !== undefined) yield* compare([...path, i], before, value, at(oldInput, i));
    else yield { path: [...path, i], kind: "add", value };
  }
  for (let i = now.length; i < old.length; i++) yield { path: [...path, i], kind: "delete" };
}

// An empty value that was asked for before, too, and is not in the live object: the server writes no empty fields.
function isElided(value: Tree, oldInput: Tree | undefined): boolean {
  return isEmpty(value) && oldInput !== undefined && same(value, oldInput);
}

function isEmpty(value: Tree): boolean {
  if (value === unknownValue) return false;
  if (Array.isArray(value)) return value.length === 0;
  if (isMap(value)) return Object.values(value).every(isEmpty);
  return value === null || value === false || value === 0 || value === "";
}
