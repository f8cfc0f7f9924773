import { componentArguments } from "../../settings/arguments";
import { componentsOf } from "./components";
import { settingsNode } from "./settings";
import { type Node, describe } from "./settings-node";

/*
 * plugin/declarations.ts: the components as other languages see them, for the analyzer of Pulumi's SDK. It knows no unions: of one, the
 * nearest shape stands there, and what does not belong together is refused when it is used.
 */

/** Interfaces by name. */
type Interfaces = Map<string, string>;

function doc(text: string): string {
  return text === "" ? "" : `/** ${text.replaceAll("*/", "*\\/")} */\n`;
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/** A type of the declarations; interfaces that it needs are added. `name` is what the setting is called. */
function typeOf(node: Node, name: string, owner: string, interfaces: Interfaces): string {
  const { properties, items, additionalProperties, oneOf, anyOf, enum: words, type, const: constant } = node;
  const isOpen = node.secret !== undefined || node.input === true;
  const leaf = (word: string) => (isOpen ? `pulumi.Input<${word}>` : word);
  if (oneOf !== undefined) return interfaceOf(mergedKinds(oneOf), name, owner, interfaces);
  if (anyOf !== undefined) return "any";
  if (properties !== undefined) return interfaceOf(node, name, owner, interfaces);
  if (items !== undefined) return `${typeOf(items, singular(name), owner, interfaces)}[]`;
  if (type === "object" && typeof additionalProperties === "object" && additionalProperties.items !== undefined)
    return `{ [key: string]: ${typeOf(additionalProperties, name, owner, interfaces)} }`;
  if (type === "object" && typeof additionalProperties === "object" && additionalProperties.type !== undefined)
    return `{ [key: string]: ${leaf("string")} }`;
  if (type === "object") return "{ [key: string]: any }";
  if (words !== undefined || constant !== undefined) return leaf("string");
  const [first = "any"] = [type].flat();
  return leaf(first === "integer" ? "number" : first);
}

const singular = (name: string) => name.replace(/ies$/, "y").replace(/s$/, "");

function interfaceOf(node: Node, name: string, owner: string, interfaces: Interfaces): string {
  const own = `${capital(name)}Settings`;
  const body = fieldsOf(node, own, interfaces);
  const shared = [own, `${owner}${own}`].find(
    (one) => interfaces.get(one) === undefined || interfaces.get(one) === body,
  );
  if (shared === undefined) throw new Error(`two interfaces would be ${owner}${own}`);
  interfaces.set(shared, body);
  return shared;
}

function fieldsOf({ properties = {}, required = [] }: Node, owner: string, interfaces: Interfaces): string {
  return Object.entries(properties)
    .map(([key, node]) => {
      const mark = required.includes(key) ? "" : "?";
      return `${doc(describe(node))}${key}${mark}: ${typeOf(node, key, owner, interfaces)};`;
    })
    .join("\n");
}

/** The kinds of a union in one: what all need is required, and each key says whose it is. */
function mergedKinds(kinds: readonly Node[]): Node {
  const tagOf = (kind: Node) =>
    Object.entries(kind.properties ?? {}).find(([, { const: word }]) => word !== undefined)!;
  const [tag] = tagOf(kinds[0]!);
  const words = kinds.map((kind) => String(tagOf(kind)[1].const));
  const keys = [...new Set(kinds.flatMap(({ properties = {} }) => Object.keys(properties)))];
  const merged = keys.map((key) => {
    const having = kinds.filter(({ properties = {} }) => key in properties);
    const first = having[0]!.properties![key]!;
    if (key === tag) {
      const meanings = kinds.map((kind) => `\`${String(tagOf(kind)[1].const)}\`: ${tagOf(kind)[1].description}`);
      return [key, { type: "string", description: meanings.join(" ") }] as const;
    }
    const whose = words.filter((_, index) => having.includes(kinds[index]!)).map((word) => `\`${word}\``);
    const only = having.length === kinds.length ? "" : ` Only with ${tag} ${whose.join(", ")}.`;
    const { unset, ...node } = first;
    return [key, { ...node, description: `${describe(first)}${only}` }] as const;
  });
  const required = keys.filter((key) => kinds.every((kind) => kind.required?.includes(key)));
  return { properties: Object.fromEntries(merged), required };
}

/** Outputs of a component: what is no resource. */
function outputsOf(fields: ReturnType<typeof componentsOf>[number]["fields"]): string {
  return fields
    .flatMap(({ name, type, meaning, isRequired }) => {
      const bare = type.replace(/^pulumi\.Output<(.*)>( \| undefined)?$/, "$1").replace(" | undefined", "");
      if (!/^(string|string\[\]|Record<string, string>|Ingress\w+)$/.test(bare)) return [];
      const mark = isRequired && !type.includes("undefined") ? "" : "?";
      const plain = bare.replace("Record<string, string>", "{ [key: string]: string }");
      return [`${doc(meaning)}readonly ${name}${mark}: pulumi.Output<${plain}>;`];
    })
    .join("\n");
}

/** What is generated for other languages. */
export function pluginDocuments(read: (path: string) => string): Record<string, string> {
  const interfaces: Interfaces = new Map();
  const documented = componentsOf(read);
  const components = Object.entries(componentArguments).map(([name, { schema }]) => {
    const { meaning, fields } = documented.find((one) => one.name === name)!;
    const args = `export interface ${name}Args {\n${fieldsOf(settingsNode(schema), name, interfaces)}\n}`;
    const body = `${outputsOf(fields)}\nconstructor(name: string, args: ${name}Args, opts?: pulumi.ComponentResourceOptions);`;
    return `${args}\n\n${doc(meaning)}export declare class ${name} extends pulumi.ComponentResource {\n${body}\n}`;
  });
  const nested = [...interfaces].map(([name, body]) => `export interface ${name} {\n${body}\n}`);
  const outputs = ["IngressNamespaces", "IngressNodePorts", "IngressWorkloadCertificate"].map(
    (name) =>
      new RegExp(`(/\\*\\*[^/]*\\*/\n)?export interface ${name} \\{[^}]*\\}`).exec(
        read("components/encrypted-ingress/outputs.ts"),
      )![0],
  );
  const { version, license } = JSON.parse(read("package.json")) as { version: string; license: string };
  const manifest = JSON.parse(read("plugin/package.json")) as object;
  return {
    "plugin/package.json": JSON.stringify({ ...manifest, version, license }),
    "plugin/declarations.ts": [
      "/* Generated from the schema of the components (npm run docs): what they look like to other languages. */",
      "/* eslint-disable max-lines, @typescript-eslint/no-explicit-any -- as long as the settings are; a union is any value */",
      'import * as pulumi from "@pulumi/pulumi";',
      "",
      [...nested, ...outputs, ...components].join("\n\n"),
      "",
    ].join("\n"),
  };
}
