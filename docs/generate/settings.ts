import { parseDocument } from "yaml";
import { z } from "zod";
import { componentArguments } from "../../settings/arguments";
import { settingsSchema } from "../../settings/schema";
import { type Node, describe } from "./settings-node";
import { stackFileSchema } from "./settings-schema";
import { fillTables } from "./settings-tables";
import { ingressArguments, inputType } from "./settings-types";

/** What is generated from the schema of the settings. */
export function settingsDocuments(read: (path: string) => string): Record<string, string> {
  const settings = settingsNode();
  const definition = parseDocument(read("Pulumi.yaml"));
  definition.set("config", definition.createNode(declarations(settings)));
  return {
    "Pulumi.yaml": definition.toString({ lineWidth: 0 }),
    "docs/environments.md": fillTables(read("docs/environments.md"), settings),
    "settings/input.ts": inputType(settings),
    "components/encrypted-ingress/args.ts": ingressArguments(settingsNode(componentArguments.EncryptedIngress.schema)),
    "stacks/schema.json": JSON.stringify(stackFileSchema(settings, String(definition.get("name")))),
  };
}

/** The settings as a person writes them, with the meta of every key. */
export function settingsNode(schema: z.ZodType = settingsSchema): Node {
  return z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    target: "draft-7",
    // zod leaves both out where a value is read in more than one form; ours read what they say.
    override: ({ zodSchema, jsonSchema }) => {
      const { examples } = z.globalRegistry.get(zodSchema) ?? {};
      if (Array.isArray(examples)) jsonSchema.examples ??= examples;
      if (zodSchema._zod.def.type === "default") jsonSchema.default ??= zodSchema._zod.def.defaultValue as string;
    },
  }) as Node;
}

/** The scalars, which Pulumi checks and lists by itself; it knows no objects. */
function declarations({ properties = {} }: Node): Record<string, object> {
  const scalars = Object.entries(properties).filter(([, { default: value }]) => Object(value) !== value);
  return Object.fromEntries(
    scalars.flatMap(([key, node]) =>
      node.default === undefined
        ? []
        : [[key, { type: typeof node.default, default: node.default, description: describe(node) }]],
    ),
  );
}
