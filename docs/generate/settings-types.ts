import { type Node, exampleOf } from "./settings-node";

/** The arguments of EncryptedIngress: the settings, with Inputs where an Output may stand. */
export function ingressArguments(settings: Node): string {
  return [
    "/* Generated from the schema (npm run docs): the arguments of EncryptedIngress, with what each means. */",
    "/* eslint-disable max-lines -- as long as the settings are */",
    'import type * as pulumi from "@pulumi/pulumi";',
    "",
    "/** What an ingress is made from; what has a default may be left out. */",
    `export interface EncryptedIngressArgs ${typeOf(settings, true)}`,
    "",
  ].join("\n");
}

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

/** @param inputs whether an Input stands where the schema lets an Output stand */
function typeOf(node: Node, inputs = false): string {
  const isInput = inputs && (node.secret !== undefined || node.input === true);
  const { additionalProperties, properties } = node;
  if (!isInput || properties !== undefined) return plainTypeOf(node, inputs);
  if (additionalProperties === undefined) return `pulumi.Input<${plainTypeOf(node, inputs)}>`;
  return plainTypeOf(node, inputs).replace(/^Record<string, (?!unknown)(.*)>$/, "Record<string, pulumi.Input<$1>>");
}

function plainTypeOf(node: Node, inputs: boolean): string {
  const { type, properties, items, additionalProperties, enum: words, const: constant } = node;
  const options = node.anyOf ?? node.oneOf;
  if (constant !== undefined) return JSON.stringify(constant);
  if (words !== undefined) return words.map((word) => JSON.stringify(word)).join(" | ");
  if (options !== undefined) {
    const types = options.map((option) => typeOf(option, inputs));
    return (types.includes("string") ? types.filter((one) => !one.startsWith('"')) : types).join(" | ");
  }
  if (properties !== undefined) return `{\n${fieldsOf(node, inputs)}\n}`;
  if (items !== undefined) return `(${typeOf(items, inputs)})[]`;
  if (type === "object")
    return `Record<string, ${typeof additionalProperties === "object" && additionalProperties.type !== undefined ? typeOf(additionalProperties, inputs) : "unknown"}>`;
  return [type].flat().join(" | ").replace("integer", "number");
}

function fieldsOf({ properties = {}, required = [] }: Node, inputs: boolean): string {
  return Object.entries(properties)
    .map(([key, node]) => {
      const mark = required.includes(key) ? "" : "?";
      // What has a default may be there and undefined; zod takes the default then.
      const type = node.default === undefined ? typeOf(node, inputs) : `(${typeOf(node, inputs)}) | undefined`;
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
