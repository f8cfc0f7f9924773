import { isDeepStrictEqual } from "node:util";
import { type Tree, plain, treesAt } from "../objects";
import { type Changed, type Mark, type Marker, mark } from "./mark";

/** What changes about kinds and about who is asked when objects are written. */
export const definitionMarks: Marker = (changed) => {
  switch (changed.object.kind) {
    case "CustomResourceDefinition":
      return definition(changed);
    case "MutatingWebhookConfiguration":
    case "ValidatingWebhookConfiguration":
      return webhooks(changed);
    default:
      return [];
  }
};

function definition({ object, before, after }: Changed): Mark[] {
  if (before === undefined || after === undefined) return [];
  const versions = (tree: Tree) =>
    new Map(treesAt(tree, "spec", "versions").map((version) => [plain(version["name"]), version]));
  const [old, current] = [versions(before), versions(after)];
  const isServed = (version: Tree | undefined) => version?.["served"] === true;
  const dropped = [...old]
    .filter(([name, version]) => isServed(version) && !isServed(current.get(name)))
    .map(([name]) => name);
  const added = [...current]
    .filter(([name, version]) => isServed(version) && !isServed(old.get(name)))
    .map(([name]) => name);
  const stored = (map: Map<string, Tree>) => [...map].find(([, version]) => version["storage"] === true)?.[0];
  const marks: Mark[] = [];
  if (dropped.length > 0)
    marks.push(
      mark(
        "danger",
        "CRD",
        `${object.metadata.name}: version ${dropped.join(", ")} is no longer served; what still uses it fails`,
      ),
    );
  if (added.length > 0)
    marks.push(mark("notice", "CRD", `${object.metadata.name}: version ${added.join(", ")} is served from now on`));
  if (stored(old) !== stored(current))
    marks.push(
      mark(
        "danger",
        "CRD",
        `${object.metadata.name}: objects are stored as ${stored(current)}, not ${stored(old)}; there is no way back without converting them`,
      ),
    );
  const schemaChanged = [...current]
    .filter(([name, version]) => old.has(name) && !isDeepStrictEqual(old.get(name)!["schema"], version["schema"]))
    .map(([name]) => name);
  if (schemaChanged.length > 0)
    marks.push(mark("notice", "CRD", `${object.metadata.name}: schema of ${schemaChanged.join(", ")} changes`));
  return marks;
}

function webhooks({ before, after }: Changed): Mark[] {
  const byName = (tree: Tree | undefined) =>
    new Map(treesAt(tree, "webhooks").map((hook) => [plain(hook["name"]), hook]));
  const [old, current] = [byName(before), byName(after)];
  return [...new Set([...old.keys(), ...current.keys()])].flatMap((name) => {
    const [was, is] = [old.get(name), current.get(name)];
    if (is === undefined) return [mark("danger", "webhook", `${name} is no longer asked`)];
    if (was === undefined)
      return [
        mark(
          "danger",
          "webhook",
          `${name} is asked from now on (failurePolicy ${plain(is["failurePolicy"] ?? "Fail")})`,
        ),
      ];
    const fields = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
      (key) => !isDeepStrictEqual(was[key], is[key]),
    );
    return fields.length === 0
      ? []
      : [
          mark(
            "danger",
            "webhook",
            `${name}: ${fields.map((field) => describe(field, was[field], is[field])).join(", ")}`,
          ),
        ];
  });
}

function describe(field: string, was: unknown, is: unknown): string {
  return typeof (was ?? is) === "object" ? `${field} changes` : `${field} ${plain(was)} → ${plain(is)}`;
}
