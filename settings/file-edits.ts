import { type Document, isMap, isScalar, parseDocument } from "yaml";
import type { SettingsEdit } from "./upgrade-plan";

/* Edits of a stack's file: what they do not touch stays as it is, comments as well. */

/**
 * The text of a stack's file with edits of its settings.
 *
 * @param project the namespace of the keys
 * @throws where the file is not YAML, or its settings are no object
 */
export function editedStackFile(text: string, project: string, edits: readonly SettingsEdit[]): string {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new Error(document.errors[0]!.message);
  if (document.contents === null) document.contents = document.createNode({}) as unknown as typeof document.contents;
  for (const { path, value } of edits) {
    const [section, ...rest] = path as [string, ...(string | number)[]];
    const place = ["config", keyIn(document, project, section), ...rest];
    openText(document, place.slice(0, 2));
    if (value !== undefined) setIn(document, place, value);
    else if (document.hasIn(place)) document.deleteIn(place);
  }
  return document.toString({ lineWidth: 0 });
}

/** A key may stand without its namespace, which is the project's then. */
function keyIn(document: Document, project: string, section: string): string {
  return document.hasIn(["config", section]) ? section : `${project}:${section}`;
}

/** `pulumi config set` without `--path` writes an object as its JSON text. */
function openText(document: Document, place: (string | number)[]): void {
  const found = document.getIn(place, true);
  if (isScalar(found) && typeof found.value === "string" && /^\s*[{[]/.test(found.value))
    document.setIn(place, document.createNode(JSON.parse(found.value)));
}

function setIn(document: Document, place: (string | number)[], value: unknown): void {
  for (let length = 1; length < place.length; length++) {
    const above = document.getIn(place.slice(0, length), true);
    if (above === undefined || (isScalar(above) && above.value === null))
      document.setIn(place.slice(0, length), document.createNode({}));
  }
  document.setIn(place, document.createNode(value));
  // What was written in one line stays so only if it was empty.
  const parent = document.getIn(place.slice(0, -1), true);
  if (isMap(parent) && parent.items.length > 1 && parent.flow === true && Object(value) === value) parent.flow = false;
}

/** An object of settings with edits. */
export function editedSettings<Value extends object>(settings: Value, edits: readonly SettingsEdit[]): Value {
  return edits.reduce<Value>((edited, { path, value }) => withValue(edited, path, value) as Value, settings);
}

function withValue(tree: unknown, [key, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (key === undefined) return value;
  const below = withValue((tree as Record<string | number, unknown> | undefined)?.[key], rest, value);
  if (Array.isArray(tree)) return tree.map((item: unknown, index) => (index === key ? below : item));
  const { [key]: _, ...others } = (tree ?? {}) as Record<string | number, unknown>;
  return below === undefined ? others : { ...others, [key]: below };
}
