/* Reading trees whose shape nobody vouches for: what a path leads to, or nothing. */

export type Tree = Record<string, unknown>;

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A tree of plain values. What is of a class, as a Pulumi Output is, is a leaf. */
export function isPlainTree(value: unknown): value is Tree {
  return isTree(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
}

/** The value at a path; undefined as soon as one key is missing. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (branch, key) =>
      typeof branch === "object" && branch !== null ? (branch as Record<string | number, unknown>)[key] : undefined,
    value,
  );
}

/** A branch; empty where the value is none. */
export function asTree(value: unknown): Tree {
  return isTree(value) ? value : {};
}

/** A list; empty where the value is none. */
export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** A text that says something; undefined for an empty one, too. */
export function asText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The branch at a path; empty where there is none. */
export function treeAt(value: unknown, ...path: (string | number)[]): Tree {
  return asTree(at(value, ...path));
}

/** The list at a path, of trees only; empty where there is none. */
export function treesAt(value: unknown, ...path: (string | number)[]): Tree[] {
  return asList(at(value, ...path)).filter(isTree);
}

/** The list of texts at a path; empty where there is none. */
export function textsAt(value: unknown, ...path: (string | number)[]): string[] {
  return asList(at(value, ...path)).filter((item) => typeof item === "string");
}

/** A value in words: scalars as they are, structures as JSON, `none` where there is nothing. */
export function plain(value: unknown): string {
  if (value === undefined || value === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Every text of a tree with its path, such as `spec.values[0].key`. */
export function* texts(value: unknown, path = ""): Generator<{ path: string; text: string }> {
  if (typeof value === "string") yield { path, text: value };
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* texts(item, `${path}[${index}]`);
  else
    for (const [key, item] of Object.entries(asTree(value))) yield* texts(item, path === "" ? key : `${path}.${key}`);
}

/** What a JSON text holds; undefined where it is no JSON. */
export function parsedJson(text: unknown): unknown {
  try {
    return typeof text === "string" ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
