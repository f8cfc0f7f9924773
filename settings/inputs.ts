import type { z } from "zod";
import { type Path, isWithin, pathOf, pathText } from "../base/encrypted";
import { at, isTree } from "../base/tree";
import { type Problem, Unresolved, describeProblems, strangeness } from "./error";
import { isEventual } from "./marks";
import { isPem, maybeSecret } from "./secrets";

/*
 * Arguments of components: the shape of settings, in which an Output may stand where the schema says so (`.meta({ input: true })`, and
 * what may be a secret). Loads without the SDK.
 */

/** An Output or a promise, and where it stands. */
export interface Later {
  path: Path;
  output: unknown;
}

export interface Read<Value> {
  problems: Problem[];
  /** With defaults filled in, and a value of the right form in the place of each Output. Missing where the form is wrong. */
  value?: Value;
  outputs: Later[];
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
  const outputs: (Later & { isFree: boolean })[] = [];
  const refused: Problem[] = [];
  const filled = fill(input, [], {
    later(output, path) {
      const { setting, isOpen } = settingAt(schema, path, input);
      const place = placeOf(setting);
      if (!isOpen) refused.push(tooLate(path));
      else if (place === "branch") refused.push(asWhole(path));
      else outputs.push({ path, output, isFree: place === "free" });
      return place === "free" ? new Unresolved() : placeholderOf(setting);
    },
    strange(what, path) {
      refused.push({ key: pathText(path), found: what, allowed: "a plain value, or an Output of one" });
      return undefined;
    },
  });
  const isNew = ({ key }: Problem) => !refused.some((one) => isWithin(key, one.key));
  const parsed = schema.safeParse(filled);
  const wrong = parsed.success ? [] : describeProblems(parsed.error, filled, maybeSecret(schema)).filter(isNew);
  if (!parsed.success || refused.length > 0) return { problems: [...refused, ...wrong], outputs };
  const problems = cross(parsed.data).filter(({ key }) => !outputs.some((output) => mayDependOn(key, output)));
  return { problems, value: parsed.data, outputs };
}

function tooLate(path: Path): Problem {
  const allowed =
    "a plain value: it decides what is made, or under which name, and an Output is known only when other resources are made";
  return { key: pathText(path), found: "an Output", allowed };
}

function asWhole(path: Path): Problem {
  const allowed =
    "an object whose members may be Outputs: as a whole it would take the place of what the component sets in it";
  return { key: pathText(path), found: "an Output", allowed };
}

/** The key or list item whose Outputs are checked together, as rules compare what is in it. */
export function scopeOf([first = "", second]: Path): string {
  const isAlone = typeof second === "number" || (first === "istio" && second === "ca");
  return pathText(isAlone ? [first, second] : [first]);
}

/** Whether what is said of a key may be another thing when an Output is known. */
function mayDependOn(key: string, { path, isFree }: { path: Path; isFree: boolean }): boolean {
  // Whatever it turns out to be, it is not what the component itself makes.
  if (isFree) return false;
  const [own, scope] = [pathText(path), scopeOf(path)];
  if (isWithin(key, own) || isWithin(own, key)) return true;
  // A certificate is compared with its key, its roots and its chain.
  return isPem(path) && isWithin(key, scope) && isPem(pathOf(key));
}

/** What is made of values that no settings can hold. */
interface Replace {
  later: (output: unknown, path: Path) => unknown;
  strange: (what: string, path: Path) => unknown;
}

/** A copy with something else in the place of such values, and without members that are undefined. */
function fill(value: unknown, path: Path, replace: Replace, above: readonly unknown[] = []): unknown {
  if (isEventual(value)) return replace.later(value, path);
  const strange = above.includes(value) ? "a value that contains itself" : strangeness(value);
  if (strange !== undefined) return replace.strange(strange, path);
  const within = [...above, value];
  if (Array.isArray(value)) return value.map((item, index) => fill(item, [...path, index], replace, within));
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) =>
      item === undefined ? [] : [[key, fill(item, [...path, key], replace, within)]],
    ),
  );
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

/** Whether a value of a schema is one leaf, a branch with members of its own, or among those that nobody knows, such as Helm values. */
function placeOf(setting: z.ZodType | undefined): "leaf" | "branch" | "free" {
  if (setting === undefined) return "free";
  const { type } = setting.def as AnyDefinition;
  if (type === "unknown") return "free";
  return ["record", "object", "array"].includes(type) ? "branch" : "leaf";
}

/** A value that a schema takes; undefined where that is not known. */
function placeholderOf(setting: z.ZodType | undefined): unknown {
  const { examples = [] } = (setting?.meta() ?? {}) as { examples?: unknown[] };
  const texts = ["output", "-----BEGIN OUTPUT-----\n-----END OUTPUT-----\n"];
  return [...examples, {}, ...texts, 1].find((value) => setting?.safeParse(value).success === true);
}
