import { type Path } from "../base/encrypted";
import { at, isPlainTree, isTree } from "../base/tree";
import type { Settings } from "./schema";

/* Secrets in settings that a program holds as an object, and in texts. Loads neither the schema nor the SDK. */

/** Stands for a secret in texts. */
const hidden = "[secret]";

/** Takes the secrets of settings out of texts, such as errors of tools that quote what they were given. */
export function hidingSecrets(settings: Settings | undefined): (text: string) => string {
  const values = (settings?.secretPaths ?? []).flatMap((path) => {
    const value = String(at(settings, ...path));
    // As the engine: shorter ones are words of every text.
    if (value.length < 4) return [];
    const lines = value.split("\n").filter((line) => line.length >= 16 && !line.startsWith("-----"));
    return [value, JSON.stringify(value).slice(1, -1), Buffer.from(value).toString("base64"), ...lines];
  });
  const longestFirst = [...new Set(values)].sort((one, other) => other.length - one.length);
  return (text) => longestFirst.reduce((rest, value) => rest.replaceAll(value, hidden), text);
}

/** The settings with something in the place of each secret among them. */
export function withSecrets(settings: Settings, replace: (value: unknown) => unknown): Settings {
  const values = (settings.secretPaths ?? []).map((path) => ({ path, value: replace(at(settings, ...path)) }));
  return withValues(settings, values);
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

/** A value that {@link secret} marks. */
class Marked {
  constructor(readonly value: unknown) {}
}

/**
 * Marks a value of a settings object as a secret, as `pulumi config set --secret` does in a stack file: in the state it is
 * encrypted, and no event or error shows it. Typed as the value, so that it fits wherever that does.
 *
 * @example kiali: { values: { external_services: { prometheus: { auth: { password: secret(password) } } } } }
 */
export function secret<Value>(value: Value): Value {
  return new Marked(value) as Value;
}

/** A settings object without marks, and the paths of what they marked. */
export function unmarked(input: unknown): { input: unknown; paths: Path[] } {
  const paths: Path[] = [];
  const open = (value: unknown, path: Path): unknown => {
    if (value instanceof Marked) {
      paths.push(path);
      return open(value.value, path);
    }
    if (Array.isArray(value)) return value.map((item, index) => open(item, [...path, index]));
    if (!isPlainTree(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, open(item, [...path, key])]));
  };
  return { input: open(input, []), paths };
}

/** A Pulumi Output, as far as types tell one; the floor loads without the SDK. */
export interface Eventual<Value> {
  apply(use: (value: Value) => void): unknown;
}

/** Settings in which Outputs may stand in the place of values. */
export type Settable<Value> = unknown extends Value
  ? Value
  : Value extends string | number | boolean
    ? Value | Eventual<Value>
    : Value extends readonly (infer Item)[]
      ? Settable<Item>[]
      : { [Key in keyof Value]: Settable<Value[Key]> };

/** What of a Pulumi Output is used here; the floor loads without the SDK. */
interface Output extends Eventual<unknown> {
  promise(): Promise<unknown>;
  isSecret: Promise<boolean>;
}

/** A settings object whose Outputs have their values; secret ones are marked. */
export async function resolved(input: unknown): Promise<unknown> {
  if (isOutput(input)) {
    const [value, isSecret] = [await resolved(await input.promise()), await input.isSecret];
    return isSecret ? secret(value) : value;
  }
  if (Array.isArray(input)) return Promise.all(input.map(resolved));
  if (!isPlainTree(input)) return input;
  const entries = Object.entries(input).map(async ([key, item]) => [key, await resolved(item)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** Whether a value is there later: an Output, or a promise. */
export function isEventual(value: unknown): boolean {
  return isOutput(value) || (isTree(value) && typeof value["then"] === "function");
}

export function isOutput(value: unknown): value is Output {
  return typeof value === "object" && value !== null && (value as { __pulumiOutput?: unknown }).__pulumiOutput === true;
}
