import { type Node, describe, exampleOf } from "./settings-node";

const secure = {
  description: "An encrypted value: `pulumi config set --secret`.",
  type: "object",
  properties: { secure: { type: "string" } },
  required: ["secure"],
  additionalProperties: false,
};
const isSecure = { $ref: "#/definitions/secure" };

/** The JSON schema of a stack's file, for editors. */
export function stackFileSchema({ properties = {}, required = [] }: Node, project: string): object {
  const keys = Object.keys(properties);
  const settings = keys.map((key) => [key, topLevel(properties[key]!)]);
  const refer = (key: string) => ({ $ref: `#/definitions/${key}` });
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: `Stack file of ${project}`,
    description: "The settings of one environment (stacks/Pulumi.<stack>.yaml). docs/environments.md describes them.",
    type: "object",
    properties: {
      config: {
        description: "The settings; a key of another namespace, such as `kubernetes:context`, is its provider's.",
        type: "object",
        properties: Object.fromEntries(keys.map((key) => [`${project}:${key}`, refer(key)])),
        // Pulumi takes a key without a namespace as the project's.
        patternProperties: {
          ...Object.fromEntries(keys.map((key) => [`^${key}$`, refer(key)])),
          [`^(?!${project}:)[^:]+:`]: {},
        },
        additionalProperties: false,
      },
      encryptionsalt: {
        description: "Salt of the passphrase that encrypts secrets. Pulumi writes it.",
        type: "string",
      },
      encryptedkey: { description: "Encrypted key of the secrets. Pulumi writes it.", type: "string" },
      secretsprovider: {
        description: "What encrypts the secrets: `pulumi stack init --secrets-provider`.",
        type: "string",
        examples: ["awskms://alias/pulumi?region=eu-central-1"],
      },
      environment: {
        description: "Environments of Pulumi ESC that add to the settings.",
        type: ["array", "object"],
        examples: [["prod-cluster"]],
      },
    },
    additionalProperties: false,
    // An environment may hold any of the settings.
    if: { not: { required: ["environment"] } },
    then: {
      required: ["config"],
      properties: {
        config: {
          allOf: required.map((key) => ({ anyOf: [{ required: [`${project}:${key}`] }, { required: [key] }] })),
        },
      },
    },
    definitions: { secure, ...(Object.fromEntries(settings) as object) },
  };
}

/** A key of `config:`. Without `--path`, `pulumi config set` writes every value as text, objects as JSON. */
function topLevel(node: Node): object {
  const { description, ...schema } = forEditors(node) as Node;
  if (isText(node)) return { description, ...schema };
  const asText = node.type === "boolean" ? { enum: ["true", "false"] } : { type: "string", pattern: "^\\s*[{[]" };
  return { description, anyOf: [{ description, ...schema }, isSecure, asText] };
}

function isText({ type, const: constant }: Node): boolean {
  return constant === undefined && [type].flat().includes("string");
}

/** A key with all that an editor shows; of a text that may be a secret, the encrypted form, too. */
function forEditors(node: Node, mayBeSecret = false): object {
  const schema = { ...node };
  const isSecret = mayBeSecret || node.secret !== undefined;
  for (const note of ["unset", "description", "default", "examples", "secret", "input"] as const) delete schema[note];
  const { default: value } = node;
  const description = node.description === undefined ? undefined : describe(node);
  const example = description === undefined ? undefined : exampleOf(node);
  const notes = {
    ...(description === undefined ? {} : { description }),
    // The default of an object would be its completion.
    ...(value === undefined || Object(value) === value ? {} : { default: value }),
    ...(example === undefined || node.const !== undefined ? {} : { examples: node.examples ?? [example] }),
  };
  const { properties, items, oneOf, additionalProperties } = schema;
  const constraints = {
    ...schema,
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([key, child]) => [key, forEditors(child, isSecret)]),
          ),
        }),
    ...(items === undefined ? {} : { items: forEditors(items, isSecret) }),
    ...(oneOf === undefined ? {} : { oneOf: oneOf.map((kind) => forEditors(kind, isSecret)) }),
    ...(typeof additionalProperties === "object"
      ? { additionalProperties: forEditors(additionalProperties, isSecret) }
      : {}),
  };
  return isText(node) && isSecret ? { ...notes, anyOf: [constraints, isSecure] } : { ...notes, ...constraints };
}
