import { Document } from "yaml";
import { type Key, type Node, exampleOf, keysOf } from "./settings-node";

interface Row {
  id: string;
  meaning: string;
  /** What goes without the key. */
  unset: string;
  example: string;
}

const marked = /^( *)<!-- settings: (.+?) -->\n[\s\S]*?<!-- \/settings -->/gm;

/**
 * Fills the tables between `<!-- settings: <key> … -->` and `<!-- /settings -->`: each has the keys below its own, but not those that have a table of
 * their own. Throws where a key is in none.
 */
export function fillTables(text: string, settings: Node): string {
  const rows = keysOf(settings).filter(hasRow).map(rowOf);
  const tables = [...text.matchAll(marked)].map(([, , keys]) => keys!.split(" "));
  const isBelow = (id: string, key: string) => id === key || new RegExp(`^[.=[]`).test(id.slice(key.length));
  const homeOf = ({ id }: Row) =>
    tables
      .flat()
      .filter((key) => id.startsWith(key) && isBelow(id, key))
      .sort((a, b) => b.length - a.length)[0];
  const homeless = rows.filter((row) => homeOf(row) === undefined).map(({ id }) => id);
  if (homeless.length > 0) throw new Error(`docs/environments.md has no table for ${homeless.join(", ")}`);
  return text.replaceAll(marked, (_, indent: string, keys: string) => {
    const own = rows.filter((row) => keys.split(" ").includes(homeOf(row)!));
    if (own.length === 0) throw new Error(`docs/environments.md: <!-- settings: ${keys} --> has no keys`);
    const lines = [`<!-- settings: ${keys} -->`, "", ...tableOf(own), "", "<!-- /settings -->"];
    return lines.map((line) => (line === "" ? "" : indent + line)).join("\n");
  });
}

/** Of an object only where something else goes without it: its keys say the rest. */
function hasRow({ node: { properties, unset } }: Key): boolean {
  return properties === undefined || unset !== undefined;
}

function rowOf({ id, node, isRequired }: Key): Row {
  const isLeaf = [node.properties, node.items?.properties, node.oneOf].every((below) => below === undefined);
  return {
    id: node.const === undefined ? id : id.replace(/=\w+\.(\w+)$/, `.$1: ${node.const as string}`),
    meaning: node.description ?? "",
    unset: node.const === undefined ? unsetText(node, isRequired) : "",
    example: isLeaf && node.const === undefined ? code(exampleOf(node)) : "",
  };
}

function unsetText({ unset, default: value }: Node, isRequired: boolean): string {
  if (isRequired) return "required";
  if (unset !== undefined) return unset;
  return value === undefined ? "none" : code(value);
}

/** A value as the stack's file has it, in one line. */
function code(value: unknown): string {
  if (typeof value !== "string") return `\`${flow(value)}\``;
  const [line, ...more] = value.split("\n");
  return more.length === 0 ? `\`${value}\`` : `\`${line}…\``;
}

function flow(value: unknown): string {
  const document = new Document(value);
  return document
    .toString({ collectionStyle: "flow", lineWidth: 0, flowCollectionPadding: true })
    .trim()
    .replace(/^\[ (.*) \]$/, "[$1]");
}

/** Rows that say the same are one. */
function tableOf(rows: readonly Row[]): string[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const says = JSON.stringify([row.meaning, row.unset, row.example]);
    groups.set(says, [...(groups.get(says) ?? []), row]);
  }
  const cells = [...groups.values()].map((group) => {
    const { meaning, unset, example } = group[0]!;
    return [keysText(group.map(({ id }) => id.replaceAll(/=\w+/g, ""))), meaning, unset, example];
  });
  return [["key", "meaning", "default", "example"], ["---", "---", "---", "---"], ...cells].map(
    (row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`,
  );
}

/** `a.b.x`, `.c.x`: what each has in common with the first is left out. */
function keysText([first, ...others]: string[]): string {
  const parts = first!.split(".");
  const short = others.map((key) => {
    const own = key.split(".");
    const shared = own.findIndex((part, index) => part !== parts[index]);
    return shared > 0 ? `.${own.slice(shared).join(".")}` : key;
  });
  return [first, ...short].map((key) => `\`${key}\``).join(", ");
}
