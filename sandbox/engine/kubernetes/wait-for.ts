// The annotation pulumi.com/waitFor: the user's own conditions instead of the built-in ones.

import { holds, condition, type Pending } from "./ready";
import { isMap, textAt, type Tree, type TreeMap } from "./tree";

/** Whether an object meets one condition of the user's. */
export type Condition = { readonly text: string; readonly isMet: (object: TreeMap) => boolean };

/**
 * Reads the annotation: `jsonpath={.path}[=value]`, `condition=Type[=Status]`, or a JSON list of these.
 * @throws Error if it is neither
 */
export function parseWaitFor(annotation: string): Condition[] {
  const text = annotation.trim();
  if (!text.startsWith("[")) return [parseOne(text)];
  const list = parseList(text);
  if (list === undefined) throw new Error(`pulumi.com/waitFor must be a string or a list of strings: ${annotation}`);
  return list.map((item) => parseOne(item.trim()));
}

/** The conditions that an object does not meet yet. */
export function waitForPending(object: TreeMap, conditions: Condition[]): Pending {
  return conditions.filter(({ isMet }) => !isMet(object)).map(({ text }) => `waiting for ${text}`);
}

function parseList(text: string): string[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    const isTexts = Array.isArray(list) && list.every((item): item is string => typeof item === "string");
    return isTexts && list.length > 0 ? list : undefined;
  } catch {
    return undefined;
  }
}

function parseOne(text: string): Condition {
  if (text.startsWith("condition=")) {
    const [type = "", status = "True"] = text.slice("condition=".length).split("=");
    const isStatus = (found: string): boolean => found.toLowerCase() === status.toLowerCase();
    return {
      text,
      isMet: (object) =>
        status === "True" ? holds(object, type) : isStatus(textAt(condition(object, type), "status")),
    };
  }
  if (text.startsWith("jsonpath=")) {
    const [, path = "", , value] = /^jsonpath=\{?([^{}]*)\}?(=(.*))?$/.exec(text) ?? [];
    const steps = parseJsonPath(path, text);
    return {
      text,
      isMet: (object) => {
        const found = select([object], steps);
        return found.length > 0 && (value === undefined || found.some((item) => printed(item) === value));
      },
    };
  }
  throw new Error(`expected a "jsonpath=" or "condition=" prefix in pulumi.com/waitFor, got "${text}"`);
}

type Step = string | number | { key: string; value: string };

// The part of JSONPath that kubectl wait takes: keys, indices, [*] and [?(@.key=="value")].
function parseJsonPath(path: string, text: string): Step[] {
  const steps: Step[] = [];
  const pattern =
    /\.?((?:[^.[\]\\]|\\.)+)|\[(\d+)\]|\[(\*)\]|\['([^']+)'\]|\[\?\(@\.([\w.]+)\s*==\s*["']([^"']*)["']\)\]/y;
  let end = 0;
  for (let match = pattern.exec(path); match !== null; match = pattern.exec(path)) {
    const [, key, index, all, quoted, filterKey, filterValue = ""] = match;
    end = pattern.lastIndex;
    if (filterKey !== undefined) steps.push({ key: filterKey, value: filterValue });
    else if (index !== undefined) steps.push(Number(index));
    else steps.push((key ?? all ?? quoted ?? "").replaceAll("\\", ""));
  }
  if (end !== path.length || steps.length === 0) throw new Error(`unusable JSONPath in pulumi.com/waitFor: "${text}"`);
  return steps;
}

function select(values: Tree[], [step, ...rest]: Step[]): Tree[] {
  if (step === undefined) return values;
  return select(
    values.flatMap((value): Tree[] => {
      if (typeof step === "object") {
        const items = Array.isArray(value) ? value : [];
        return items.filter((item) =>
          select([item], step.key.split(".")).some((found) => printed(found) === step.value),
        );
      }
      if (step === "*") return Array.isArray(value) ? value : isMap(value) ? Object.values(value) : [];
      const found =
        typeof step === "number"
          ? Array.isArray(value)
            ? value[step]
            : undefined
          : isMap(value)
            ? value[step]
            : undefined;
      return found === undefined ? [] : [found];
    }),
    rest,
  );
}

function printed(value: Tree): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
