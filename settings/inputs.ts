import type { z } from "zod";
import { type Path, pathText } from "../base/encrypted";
import { at, isTree } from "../base/tree";
import { type Problem, describeProblems } from "./error";
import { type Eventual, isOutput } from "./marks";

/*
 * Arguments of components: the shape of settings, in which an Output may stand where the schema says so (`.meta({ input: true })`, and
 * what may be a secret). Loads without the SDK.
 */

/** An Output, and where it stands. */
export interface Unresolved {
  path: Path;
  output: Eventual<unknown>;
}

export interface Read<Value> {
  problems: Problem[];
  /** With defaults filled in, and a value of the right form in the place of each Output. Missing where the form is wrong. */
  value?: Value;
  outputs: Unresolved[];
}

/**
 * Checks arguments as settings are checked. What depends on an Output is left out: it is checked when that is known, by a second call.
 *
 * @param cross problems that take more than one key to see
 */
export function readInput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  cross: (value: z.output<Schema>) => Problem[],
): Read<z.output<Schema>> {
  const outputs: Unresolved[] = [];
  const refused: Problem[] = [];
  const filled = fill(input, [], (output, path) => {
    const { setting, isOpen } = settingAt(schema, path, input);
    if (isOpen) outputs.push({ path, output });
    else refused.push(tooLate(path));
    return placeholderOf(setting);
  });
  const parsed = schema.safeParse(filled);
  const isNew = ({ key }: Problem) => !refused.some((one) => isWithin(key, one.key));
  const wrong = parsed.success ? [] : describeProblems(parsed.error, filled).filter(isNew);
  if (!parsed.success || refused.length > 0) return { problems: [...refused, ...wrong], outputs };
  const open = outputs.map(({ path }) => scopeOf(path));
  const problems = cross(parsed.data).filter(({ key }) => !open.some((scope) => isWithin(key, scope)));
  return { problems, value: parsed.data, outputs };
}

function tooLate(path: Path): Problem {
  const allowed =
    "a plain value: it decides what is made, or under which name, and an Output is known only when other resources are made";
  return { key: pathText(path), found: "an Output", allowed };
}

/** The key or list item whose rules see a value: what else is in it is judged together with it. */
export function scopeOf([first = "", second]: Path): string {
  const isAlone = typeof second === "number" || (first === "istio" && second === "ca");
  return pathText(isAlone ? [first, second] : [first]);
}

function isWithin(key: string, scope: string): boolean {
  return key === scope || (key.startsWith(scope) && /^[.[]/.test(key.slice(scope.length)));
}

/** A copy with something else in the place of each Output, and without members that are undefined. */
function fill(value: unknown, path: Path, replace: (output: Eventual<unknown>, path: Path) => unknown): unknown {
  if (isOutput(value)) return replace(value, path);
  if (Array.isArray(value)) return value.map((item, index) => fill(item, [...path, index], replace));
  if (!isTree(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) =>
      item === undefined ? [] : [[key, fill(item, [...path, key], replace)]],
    ),
  );
}

/** A copy with the values of some paths, which exist in it. */
export function withValues<Value>(tree: Value, values: readonly { path: Path; value: unknown }[]): Value {
  const put = (branch: unknown, [key, ...rest]: Path, value: unknown): unknown => {
    if (key === undefined) return value;
    if (Array.isArray(branch))
      return branch.map((item: unknown, index) => (index === key ? put(item, rest, value) : item));
    return { ...(branch as object), [key]: put(at(branch, key), rest, value) };
  };
  return values.reduce<unknown>((branch, { path, value }) => put(branch, path, value), tree) as Value;
}

interface AnyDefinition {
  type: string;
  shape?: Record<string, z.ZodType>;
  element?: z.ZodType;
  valueType?: z.ZodType;
  options?: z.ZodType[];
  innerType?: z.ZodType;
  out?: z.ZodType;
}

/** The schema of a value, and whether an Output may stand there; of a union, that of the kind that the input names. */
function settingAt(schema: z.ZodType, path: Path, input: unknown): { setting: z.ZodType | undefined; isOpen: boolean } {
  const { secret, input: isInput } = schema.meta() ?? {};
  const isOpen = secret !== undefined || isInput === true;
  const { shape, element, valueType, options, innerType, out } = schema.def as AnyDefinition;
  const inner = innerType ?? out ?? options?.find((option) => isOfKind(option, input));
  if (inner !== undefined) return orOpen(settingAt(inner, path, input), isOpen);
  const [key, ...rest] = path;
  if (key === undefined) return { setting: schema, isOpen };
  const child = shape?.[key] ?? element ?? valueType;
  return orOpen(child === undefined ? { setting: undefined, isOpen } : settingAt(child, rest, at(input, key)), isOpen);
}

function orOpen<Found extends { isOpen: boolean }>(found: Found, isOpen: boolean): Found {
  return { ...found, isOpen: found.isOpen || isOpen };
}

/** Whether the literals of an object's schema are those of the input: how kinds of a union are told apart. */
function isOfKind(option: z.ZodType, input: unknown): boolean {
  const { shape } = option.def as AnyDefinition;
  if (shape === undefined) return false;
  return Object.entries(shape).every(
    ([key, child]) => (child.def as AnyDefinition).type !== "literal" || child.safeParse(at(input, key)).success,
  );
}

/** A value that a schema takes; undefined where that is not known. */
function placeholderOf(setting: z.ZodType | undefined): unknown {
  const { examples = [] } = (setting?.meta() ?? {}) as { examples?: unknown[] };
  const texts = ["output", "-----BEGIN OUTPUT-----\n-----END OUTPUT-----\n"];
  return [...examples, {}, ...texts, 1].find((value) => setting?.safeParse(value).success === true);
}
