import { type CheckingCommand, listChecks } from "../../verify/registry";

/* The tables of docs/verify.md, each between <!-- generated: <command> <group> --> and <!-- end generated -->. */

interface Part {
  name: string;
  /** The Markdown between the two lines. */
  text: () => string;
}

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

const document = "docs/verify.md";

/** The document with its tables as the checks say. Every group must have its place in it, and every place its group. */
export function checkDocuments(read: (path: string) => string): Record<string, string> {
  const parts = [
    ...checkTables("preflight", ["check", "where it finds something", "fix"]),
    ...checkTables("verify", ["check", "holds where it passes", "if not"]),
  ];
  const places = /(<!-- generated: (.+?) -->)[^]*?(<!-- end generated -->)/g;
  const found: string[] = [];
  const text = read(document).replace(places, (_, begin: string, name: string, end: string) => {
    found.push(name);
    const part = parts.find((one) => one.name === name);
    if (part === undefined) throw new Error(`${document} has a place for "${name}", which nothing generates`);
    return `${begin}\n\n${part.text()}\n\n${end}`;
  });
  const homeless = parts.filter(({ name }) => !found.includes(name)).map(({ name }) => `<!-- generated: ${name} -->`);
  if (homeless.length > 0) throw new Error(`${document} has no place for ${homeless.join(", ")}`);
  return { [document]: text };
}
