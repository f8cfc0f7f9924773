import { type Node, exampleOf } from "./settings-node";

/** The settings as a TypeScript type that says of each key what it means: zod's own type says nothing. */
export function inputType(settings: Node): string {
  return [
    "/* Generated from the schema (npm run docs): the settings as a person writes them, with what each key means. */",
    "/* eslint-disable max-lines -- as long as the settings are */",
    "",
    "/** Everything that a stack decides; what has a default may be left out. */",
    `export interface SettingsInput ${typeOf(settings)}`,
    "",
  ].join("\n");
}

function typeOf(node: Node): string {
  const { type, properties, items, additionalProperties, enum: words, const: constant } = node;
  const options = node.anyOf ?? node.oneOf;
  if (constant !== undefined) return JSON.stringify(constant);
  if (words !== undefined) return words.map((word) => JSON.stringify(word)).join(" | ");
  if (options !== undefined) {
    const types = options.map(typeOf);
    return (types.includes("string") ? types.filter((one) => !one.startsWith('"')) : types).join(" | ");
  }
  if (properties !== undefined) return `{\n${fieldsOf(node)}\n}`;
  if (items !== undefined) return `(${typeOf(items)})[]`;
  if (type === "object")
    return `Record<string, ${typeof additionalProperties === "object" && additionalProperties.type !== undefined ? typeOf(additionalProperties) : "unknown"}>`;
  return [type].flat().join(" | ").replace("integer", "number");
}

function fieldsOf({ properties = {}, required = [] }: Node): string {
  return Object.entries(properties)
    .map(([key, node]) => {
      const mark = required.includes(key) ? "" : "?";
      // What has a default may be there and undefined; zod takes the default then.
      const type = node.default === undefined ? typeOf(node) : `(${typeOf(node)}) | undefined`;
      return `/** ${tsDoc(node)} */\n${key}${mark}: ${type};`;
    })
    .join("\n");
}

function tsDoc(node: Node): string {
  const { description, unset, default: value, properties, const: constant } = node;
  const without = unset ?? (value === undefined || Object(value) === value ? undefined : JSON.stringify(value));
  const example = properties === undefined && constant === undefined ? exampleOf(node) : undefined;
  const isShown =
    ["boolean", "number"].includes(typeof example) || (typeof example === "string" && !example.includes("\n"));
  return [
    description,
    ...(without === undefined ? [] : [`@default ${without}`]),
    ...(isShown ? [`@example ${JSON.stringify(example)}`] : []),
  ].join(" ");
}
