/** A key of the settings: its JSON schema, with what its `.meta()` says. */
export interface Node {
  type?: string | string[];
  description?: string;
  default?: unknown;
  examples?: unknown[];
  /** What goes without the key, in words. */
  unset?: string;
  /** Whether it may be encrypted, or must be; with everything below it. */
  secret?: "may" | "must";
  /** Whether an argument of a component may be an Output there. */
  input?: boolean;
  properties?: Record<string, Node>;
  required?: string[];
  items?: Node;
  additionalProperties?: boolean | Node;
  anyOf?: Node[];
  oneOf?: Node[];
  enum?: unknown[];
  const?: unknown;
}

/** The description with what goes without the key, where a default cannot say that. */
export function describe({ description = "", unset }: Node): string {
  return unset === undefined ? description : `${description} Default: ${unset}.`;
}

/** An example of a key: its own, or put together of those of the keys below that it needs. */
export function exampleOf(node: Node): unknown {
  const { const: constant, examples = [], default: value, properties, required = [], items, oneOf } = node;
  if (constant !== undefined) return constant;
  if (examples.length > 0) return examples.find((example) => example !== value) ?? examples[0];
  if (oneOf !== undefined) return exampleOf(oneOf[0]!);
  if (items !== undefined) return [exampleOf(items)];
  if (properties === undefined) return undefined;
  const keys = required.length > 0 ? required : Object.keys(properties).slice(0, 1);
  return Object.fromEntries(keys.map((key) => [key, exampleOf(properties[key]!)]));
}

/** A key of a schema, and every key below it. */
export interface Key {
  /** Its path, such as `hosts[].host`; a kind of a union is in it as `certificate=generated`. */
  id: string;
  node: Node;
  isRequired: boolean;
}

/** Every key below a node, each object before its keys, each union before its kinds. */
export function keysOf(node: Node, path = ""): Key[] {
  const below = Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const id = path === "" ? name : `${path}.${name}`;
    return [{ id, node: child, isRequired: node.required?.includes(name) ?? false }, ...keysOf(child, id)];
  });
  const items = node.items === undefined ? [] : keysOf(node.items, `${path}[]`);
  const kinds = (node.oneOf ?? []).flatMap((kind) => keysOf(kind, `${path}=${kindOf(kind)}`));
  return [...below, ...items, ...kinds];
}

/** The word that tells a kind of a union from the others. */
function kindOf({ properties = {} }: Node): string {
  return String(Object.values(properties).find((property) => property.const !== undefined)?.const);
}
