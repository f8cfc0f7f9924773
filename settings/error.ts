import type { z } from "zod";
import { pathText } from "../base/encrypted";
import { withoutUserinfo } from "../base/text";
import { isPlainTree } from "../base/tree";

/** One thing that is wrong with the settings. */
export interface Problem {
  /** Path of the key, such as `hosts[0].routes[1].port`. */
  key: string;
  /** What stands there, as JSON; undefined where nothing does, or where it is nobody's to see. */
  found: string | undefined;
  /** What is allowed there. */
  allowed: string;
  /** The key that was meant, where this one does not exist: undefined where none is like it. */
  meant?: string | undefined;
  /** It does not exist, or may not be set at all: taking it away puts it right. */
  isUnknown?: true;
}

/** A problem with a key; `found` is cut short, and left out for key material. */
export function problem(key: string, found: unknown, allowed: string): Problem {
  return { key, found: isConfidential(key) ? undefined : foundText(found), allowed };
}

/** The same for a value that is known to be public: a switch or a name among Helm values. */
export function publicProblem(key: string, found: unknown, allowed: string): Problem {
  return { key, found: foundText(found), allowed };
}

/** What stands somewhere, in one short line; undefined where nothing does. Never throws, whatever it is. */
function foundText(found: unknown): string | undefined {
  if (found === undefined) return undefined;
  const strange = strangeness(found);
  if (strange !== undefined) return strange;
  try {
    const text = JSON.stringify(found, (_, value: unknown) => strangeness(value) ?? value);
    return shorten(withoutUserinfo(text));
  } catch {
    return "a value that contains itself";
  }
}

/** What a value is that no settings can hold: a word for it, or undefined for text, numbers, true, false, null, lists and objects. */
export function strangeness(value: unknown): string | undefined {
  switch (typeof value) {
    case "function":
    case "symbol":
      return `a ${typeof value}`;
    case "bigint":
      return "a bigint";
    case "number":
      return Number.isFinite(value) ? undefined : String(value);
    case "object": {
      if (value === null || Array.isArray(value) || isPlainTree(value)) return undefined;
      if (value instanceof Unresolved) return "an Output";
      const { name = "" } = (value as { constructor?: { name?: string } }).constructor ?? {};
      return name === "" ? "an object of a class" : `an object of class ${name}`;
    }
    default:
      return undefined;
  }
}

/** Stands for an Output among Helm values, of which a rule knows no more than that it is none of its own values. */
export class Unresolved {}

/** The problems that are there. */
export function found(...problems: (Problem | false)[]): Problem[] {
  return problems.filter((one) => one !== false);
}

/** The first problem of each key. */
export function oncePerKey(problems: readonly Problem[]): Problem[] {
  return problems.filter(({ key }, index) => problems.findIndex((other) => other.key === key) === index);
}

/** A problem as errors list it. */
export function problemText({ key, found, allowed }: Problem): string {
  const value = found === undefined ? "" : `\n      found:   ${found}`;
  return `  - ${key}${value}\n      allowed: ${allowed}`;
}

/** Every setting that is wrong, in one error. */
export class SettingsError extends Error {
  constructor(
    readonly problems: readonly Problem[],
    where: {
      stack: string;
      /** How to put it right. */
      howToSet: string;
    },
  ) {
    const count = problems.length === 1 ? "1 setting is" : `${problems.length} settings are`;
    const lines = problems.map(problemText);
    super([`${count} wrong in stack ${where.stack}; nothing was changed.`, ...lines, where.howToSet].join("\n"));
    this.name = "SettingsError";
  }
}

/**
 * Problems of a failed validation, in the order of the keys.
 *
 * @param isSecret whether what stands at a path may be a secret, so that it is not shown
 */
export function describeProblems(
  error: z.ZodError,
  input: unknown,
  isSecret: (path: readonly PropertyKey[]) => boolean,
): Problem[] {
  return error.issues
    .flatMap((issue) => {
      if (issue.code === "unrecognized_keys")
        // One line for each key, made by schema.object: "<key>: unknown key; …"
        return issue.message.split("\n").map((line, index) => {
          const path = [...issue.path, issue.keys[index]!];
          const [, guess] = /; did you mean (\S+)\?/.exec(line) ?? [];
          return {
            ...problem(
              pathText(path),
              isSecret(path) ? undefined : valueAt(input, path),
              line.slice(issue.keys[index]!.length + 2),
            ),
            isUnknown: true as const,
            ...(guess === undefined ? {} : { meant: pathText([...issue.path, guess]) }),
          };
        });
      const found = valueAt(input, issue.path);
      const missing = found === undefined ? "missing; " : "";
      return [problem(pathText(issue.path), isSecret(issue.path) ? undefined : found, `${missing}${issue.message}`)];
    })
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    input,
  );
}

const publicKeys =
  /^(certificate|authority|istio\.ca)\.(issuer|\w*[vV]alidity|renewBefore|warnBefore|roots|signer|keyAlgorithm|secretName|extraNames|ipAddresses)/;

// The certificates' settings may hold a private key under a misspelt name too, and Helm values may hold anything.
function isConfidential(key: string): boolean {
  return (/^(certificate|authority|istio\.ca)(\.|$)/.test(key) && !publicKeys.test(key)) || /\.values\b/.test(key);
}

function shorten(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
