import { structuredPatch } from "diff";
import { stringify } from "yaml";
import type { Tree } from "./objects";

/** Lines that a diff may differ in before it is not worth reading line by line; beyond that the search takes seconds. */
const maxEditLength = 4000;

/** The YAML of an object as it is compared and shown. */
export function yamlOf(tree: Tree): string {
  return stringify(tree, { lineWidth: 0, aliasDuplicateObjects: false });
}

/**
 * What changes from one object to another, line by line, as the body of a unified diff. Each part is headed by the place in the
 * object where it begins.
 */
export function textDiff(before: Tree | undefined, after: Tree | undefined): string {
  const [old, current] = [before, after].map((tree) => (tree === undefined ? "" : yamlOf(tree))) as [string, string];
  if (before === undefined || after === undefined)
    return `${old}${current}`.trimEnd().replace(/^/gm, before === undefined ? "+" : "-");
  const patch = structuredPatch("", "", old, current, "", "", { context: 2, maxEditLength });
  if (patch === undefined) return `(more than ${maxEditLength} lines differ)`;
  const lines = current.split("\n");
  return patch.hunks
    .map((hunk) => {
      const place = placeOf(lines, hunk.newStart - 1 + firstChange(hunk.lines));
      return [`@@ ${place} @@`, ...hunk.lines.filter((line) => !line.startsWith("\\"))].join("\n");
    })
    .join("\n");
}

function firstChange(lines: readonly string[]): number {
  return Math.max(
    lines.findIndex((line) => !line.startsWith(" ")),
    0,
  );
}

/** The keys above a line of YAML, by its indentation; an item of a list is named by its own first key. */
function placeOf(lines: readonly string[], index: number): string {
  const keys: string[] = [];
  let indent = indentOf(lines[Math.min(index, lines.length - 1)] ?? "");
  for (let position = Math.min(index, lines.length - 1) - 1; position >= 0 && indent > 0; position--) {
    const line = lines[position]!;
    const depth = indentOf(line);
    if (depth >= indent || line.trim() === "") continue;
    indent = depth;
    const item = /^\s*- (?:name: (.+)|.*)$/.exec(line);
    if (item !== null) {
      if (item[1] !== undefined) keys.unshift(`[${item[1]}]`);
      continue;
    }
    const key = /^\s*([^:]+):/.exec(line)?.[1];
    if (key !== undefined) keys.unshift(key);
  }
  return keys.join(".").replaceAll(".[", "[") || "(top)";
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
