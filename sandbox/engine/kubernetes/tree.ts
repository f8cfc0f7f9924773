// Kubernetes objects and property values without secret marks: plain JSON data in which parts may be unknown.

import { isDeepStrictEqual } from "node:util";
import { isObject, Secret, type unknown as notKnown, type Value } from "../wire";

/** JSON data; during a preview parts of it may be unknown. */
export type Tree = null | boolean | number | string | Tree[] | { [key: string]: Tree } | typeof notKnown;

/** A JSON object, such as a Kubernetes object. */
export type TreeMap = { [key: string]: Tree };

/** Whether the value is a JSON object. */
export function isMap(value: Tree | undefined): value is TreeMap {
  return isObject(value);
}

/** Stands for what is not known yet. */
export { unknown as unknownValue } from "../wire";

/** Whether a part of the value is not known. */
export { containsUnknown } from "../wire";

/** The value without secret marks at any depth. */
export function bare(value: Value): Tree {
  if (value instanceof Secret) return bare(value.value);
  if (Array.isArray(value)) return value.map(bare);
  return isObject(value) ? mapMap(value, bare) : value;
}

/** The properties without secret marks at any depth. */
export function bareMap(properties: Record<string, Value>): TreeMap {
  return mapMap(properties, bare);
}

/** The object with each value mapped. */
export function mapMap<From, To>(
  object: { [key: string]: From },
  map: (value: From, key: string) => To,
): { [key: string]: To } {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]));
}

/** The object without some of its keys. */
export function without<Item>(object: { [key: string]: Item }, ...keys: string[]): { [key: string]: Item } {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** The value at a path of keys and indices, if there is one. */
export function at(value: Tree | undefined, ...path: (string | number)[]): Tree | undefined {
  let here = value;
  for (const step of path) {
    if (typeof step === "number") here = Array.isArray(here) ? here[step] : undefined;
    else here = isMap(here) && Object.hasOwn(here, step) ? here[step] : undefined;
  }
  return here;
}

/** The text at a path; "" where there is none. */
export function textAt(value: Tree | undefined, ...path: (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
}

/** The number at a path, if there is one. */
export function numberAt(value: Tree | undefined, ...path: (string | number)[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === "number" ? found : undefined;
}

/** The list at a path; empty where there is none. */
export function listAt(value: Tree | undefined, ...path: (string | number)[]): Tree[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** The object at a path; empty where there is none. */
export function mapAt(value: Tree | undefined, ...path: (string | number)[]): TreeMap {
  const found = at(value, ...path);
  return isMap(found) ? found : {};
}

/** A copy of the object with a value at a path of keys; objects on the way are made. */
export function withAt(object: TreeMap, path: readonly string[], value: Tree | undefined): TreeMap {
  const [key, ...rest] = path;
  if (key === undefined) return object;
  const copy = { ...object };
  if (rest.length === 0) {
    if (value === undefined) delete copy[key];
    else copy[key] = value;
    return copy;
  }
  if (value === undefined && !isMap(copy[key])) return copy;
  return { ...copy, [key]: withAt(mapAt(object, key), rest, value) };
}

/** Whether two values are the same data. */
export function same(a: Tree | undefined, b: Tree | undefined): boolean {
  return isDeepStrictEqual(a, b);
}
