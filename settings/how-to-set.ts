import { type Path, pathOf } from "../base/encrypted";
import { stackNameOf } from "../base/project-files";
import type { z } from "zod";
import { type Place, removeCommand, setCommand } from "./commands";
import type { Problem } from "./error";
import { settingsSchema } from "./schema";
import { type AnyDefinition, isPem, secrecyAt } from "./secrets";

/** How to put settings of a stack file right: one command of each kind, and the file. */
export function howToSet(problems: readonly Problem[], where: Required<Place> & { file?: string }): string {
  const settable = problems.filter(({ isUnknown, meant }) => isUnknown !== true || meant !== undefined);
  const [set] = settable
    .flatMap(({ key, meant = key }) => settingCommand(where, meant) ?? [])
    .sort((a, b) => Number(a.isWhole) - Number(b.isWhole));
  const unknown = problems.find(({ isUnknown }) => isUnknown)?.key;
  const commands = [
    ...(set === undefined ? [] : [`Set one with: ${set.command}`]),
    ...(unknown === undefined ? [] : [`Take one away with: ${removeCommand(where, unknown)}`]),
  ];
  const file = where.file ?? `stacks/Pulumi.${stackNameOf(where.stack)}.yaml`;
  const edit = `${commands.length === 0 ? "Edit" : "or edit"} ${file}; docs/environments.md describes every key.`;
  return [...commands, edit].map((line) => `  ${line}`).join("\n");
}

/** The command that sets a setting; none for a list or an object below the top, which pulumi writes as text only. */
function settingCommand(where: Place, key: string): { command: string; isWhole: boolean } | undefined {
  const path = pathOf(key);
  const types = schemasAt(settingsSchema, path).map(({ def }) => def.type);
  const isSecret = secrecyAt(path) === "must";
  const isWhole = types.length > 0 && types.every((type) => ["object", "array", "record"].includes(type));
  if (isWhole) return path.length > 1 ? undefined : { command: setCommand(where, key, { as: "json" }), isWhole };
  const as = isPem(path) ? ({ as: "pem" } as const) : {};
  return { command: setCommand(where, key, { isSecret, ...as }), isWhole };
}

/** The schemas that a value at a path may follow; none where the path leads out of the schema. */
function schemasAt(schema: z.ZodType, path: Path): z.ZodType[] {
  const { shape, element, valueType, options, innerType, out } = schema.def as AnyDefinition & {
    valueType?: z.ZodType;
  };
  const same = [...(options ?? []), innerType, out].filter((one) => one !== undefined);
  if (same.length > 0) return same.flatMap((one) => schemasAt(one, path));
  const [part, ...rest] = path;
  if (part === undefined) return [schema];
  const child = typeof part === "number" ? element : (shape?.[part] ?? valueType);
  return child === undefined ? [] : schemasAt(child, rest);
}
