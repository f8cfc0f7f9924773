import { readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/* docs/components.md, and the examples of the components as code that the tests compile and run: both from the doc comments. */

const root = join(__dirname, "../..");

interface Member {
  name: string;
  type: string;
  isRequired: boolean;
  meaning: string;
  /** What goes without it. */
  unset: string;
}

interface Component {
  name: string;
  family: string;
  meaning: string;
  examples: string[];
  args: Member[];
  fields: Member[];
}

interface Declared {
  meaning: string;
  examples: string[];
  unset: string;
}

function declared(node: ts.Node): Declared {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).slice(-1);
  const textOf = (comment: ts.JSDoc["comment"]) => ts.getTextOfJSDocComment(comment) ?? "";
  const tags = (name: string) =>
    (doc?.tags ?? []).filter(({ tagName }) => tagName.text === name).map(({ comment }) => textOf(comment));
  return {
    meaning: textOf(doc?.comment).replaceAll(/\s*\n\s*/g, " "),
    examples: tags("example").map((code) => code.trim()),
    unset: tags("default").join(" ").replaceAll(/\s+/g, " "),
  };
}

/** Every component, with its arguments and fields. */
export function componentsOf(read: (path: string) => string): Component[] {
  const files = readdirSync(join(root, "components"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .sort()
    .map((file) => ts.createSourceFile(file, read(`components/${file}`), ts.ScriptTarget.ES2022, true));
  const interfaces = new Map<string, ts.InterfaceDeclaration>();
  for (const node of files.flatMap(({ statements }) => [...statements]))
    if (ts.isInterfaceDeclaration(node)) interfaces.set(node.name.text, node);
  const membersOf = (name: string): Member[] => {
    const node = interfaces.get(name);
    const bases =
      node?.heritageClauses?.flatMap(({ types }) => types.map(({ expression }) => expression.getText())) ?? [];
    return [...(node?.members ?? []), []]
      .flat()
      .filter(ts.isPropertySignature)
      .map(memberOf)
      .concat(bases.flatMap(membersOf));
  };
  return files.flatMap((file) =>
    [...file.statements].filter(ts.isClassDeclaration).flatMap((node) => {
      const isExported = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
      const family = file.fileName.split("/")[0]!;
      if (!isExported || !/extends pulumi\.ComponentResource/.test(node.getText()) || family.endsWith(".ts")) return [];
      const name = node.name!.text;
      const fields = node.members.filter(ts.isPropertyDeclaration).map(memberOf);
      const outputs = membersOf(name === "EncryptedIngress" ? "IngressOutputs" : "");
      const { meaning, examples } = declared(node);
      const args = name === "EncryptedIngress" ? [] : membersOf(`${name}Args`);
      return [{ name, family, meaning, examples, args, fields: outputs.length > 0 ? outputs : fields }];
    }),
  );
}

function memberOf(node: ts.PropertySignature | ts.PropertyDeclaration): Member {
  const { meaning, unset } = declared(node);
  const type = (node.type?.getText() ?? "unknown").replaceAll(/\s+/g, " ");
  return { name: node.name.getText(), type, isRequired: node.questionToken === undefined, meaning, unset };
}

const cell = (text: string) => text.replaceAll("|", "\\|");

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return ["", line(head), line(head.map(() => "---")), ...rows.map(line)];
}

function sectionOf({ name, family, meaning, examples, args, fields }: Component): string {
  return [
    `### \`${name}\``,
    "",
    `${meaning} (\`enroute-istio/components/${family}\`)`,
    ...examples.flatMap((code) => [
      "",
      "```ts",
      `import { ${importsOf(name, code)} } from "enroute-istio/components";`,
      "",
      code,
      "```",
    ]),
    ...(name === "EncryptedIngress"
      ? [
          "",
          "Its arguments are the settings of [environments.md](environments.md), without those of the cluster and `verifyAfterUp`.",
        ]
      : []),
    ...tableOf(
      ["argument", "type", "meaning", "default"],
      args.map((one) => [`\`${one.name}\``, `\`${one.type}\``, one.meaning, one.isRequired ? "required" : one.unset]),
    ),
    ...tableOf(
      ["field", "type", "meaning"],
      fields.map((one) => [`\`${one.name}\``, `\`${one.type}\``, one.meaning]),
    ),
  ].join("\n");
}

function importsOf(name: string, code: string): string {
  return [name, ...(code.includes("clusterSettings") ? ["clusterSettings"] : [])].join(", ");
}

/** One function for each component: its examples, which the types and the mocks try. */
function exampleCode(components: readonly Component[]): string {
  const names = components.map(({ name }) => name).sort();
  return [
    "/* Generated from the doc comments of the components (npm run docs). */",
    'import type * as k8s from "@pulumi/kubernetes";',
    'import * as pulumi from "@pulumi/pulumi";',
    `import { ${names.join(", ")} } from "../../../components";`,
    "",
    "/** The examples of each component, on a cluster. */",
    "export const examples: Record<string, (cluster: k8s.Provider) => void> = {",
    ...components.map(({ name, examples }) => `${name}: (cluster) => {\n${examples.join("\n")}\n},`),
    "};",
    "",
  ].join("\n");
}

/** What is generated from the doc comments of the components. */
export function componentDocuments(read: (path: string) => string): Record<string, string> {
  const components = componentsOf(read);
  const without = components.filter(({ examples }) => examples.length === 0).map(({ name }) => name);
  if (without.length > 0) throw new Error(`no @example: ${without.join(", ")}`);
  const document = "docs/components.md";
  const place = /(<!-- generated: components -->)[^]*(<!-- end generated -->)/;
  const order = ["EncryptedIngress"];
  const sorted = [...components].sort((a, b) => order.indexOf(b.name) - order.indexOf(a.name));
  const sections = sorted.map(sectionOf).join("\n\n");
  return {
    [document]: read(document).replace(place, (_, begin: string, end: string) => `${begin}\n\n${sections}\n\n${end}`),
    "test/unit/components/examples.ts": exampleCode(sorted),
  };
}
