import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { type CheckingCommand, listChecks } from "../verify/registry";

/*
 * `npm run docs`: the parts of the documents that are made from the code, between
 *   <!-- generated: <name> --> and <!-- end generated -->.
 * To add one, put the two lines into a document and a part here; test/unit/docs.test.ts compares both.
 */

interface Part {
  /** Path of the document, from the project's folder. */
  document: string;
  name: string;
  /** The Markdown between the two lines. */
  text: () => string;
}

const root = join(__dirname, "..");

/** A Markdown table; a bar in a cell would end it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** A part for each group of a command's checks. */
function checkTables(command: CheckingCommand, head: readonly string[]): Part[] {
  const checks = listChecks(command);
  const groups = [...new Set(checks.map(({ id }) => id.split("/")[0]!))];
  return groups.map((group) => ({
    document: "docs/verify.md",
    name: `${command} ${group}`,
    text: () =>
      table(
        head,
        checks
          .filter(({ id }) => id.startsWith(`${group}/`))
          .map(({ id, severity, when, meaning, fix }) => [
            `\`${id}\``,
            `${severity === "warning" ? "⚠ " : ""}${meaning}${when === undefined ? "" : ` (only with \`${when}\`)`}`,
            fix,
          ]),
      ),
  }));
}

export const parts: readonly Part[] = [
  ...checkTables("preflight", ["check", "where it finds something", "fix"]),
  ...checkTables("verify", ["check", "holds where it passes", "if not"]),
];

/** A document as it should be. Every part must have its place in it, and every place its part. */
export async function generated(document: string): Promise<string> {
  const path = join(root, document);
  const own = parts.filter((part) => part.document === document);
  const places = /(<!-- generated: (.+?) -->)[^]*?(<!-- end generated -->)/g;
  const found: string[] = [];
  const text = readFileSync(path, "utf8").replace(places, (_, begin: string, name: string, end: string) => {
    found.push(name);
    const part = own.find((one) => one.name === name);
    if (part === undefined) throw new Error(`${document} has a place for "${name}", which nothing generates`);
    return `${begin}\n\n${part.text()}\n\n${end}`;
  });
  const homeless = own.filter(({ name }) => !found.includes(name)).map(({ name }) => `<!-- generated: ${name} -->`);
  if (homeless.length > 0) throw new Error(`${document} has no place for ${homeless.join(", ")}`);
  return format(text, { ...(await resolveConfig(path)), filepath: path });
}

export const documents = [...new Set(parts.map(({ document }) => document))];

async function main(): Promise<void> {
  for (const document of documents) {
    writeFileSync(join(root, document), await generated(document));
    console.log(document);
  }
}

if (require.main === module) void main();
