import { isAbsolute, resolve } from "node:path";
import type { Encrypted } from "../base/encrypted";
import { at } from "../base/tree";
import { type Problem, SettingsError, describeProblems, problem } from "./error";
import { howToSet } from "./how-to-set";
import { crossProblems } from "./rules";
import { type Settings, type StackConfiguration, settingsSchema } from "./schema";
import { isKubeconfigText } from "./kubeconfig";
import { certificateTextProblems, secretPathsOf, secretProblems, withoutSecret, maybeSecret } from "./secrets";
import { hidingSecrets, unmarked } from "./marks";

/** Keys whose value is text as it stands, also where it reads as a number. */
const textKeys = Object.entries(settingsSchema.shape).flatMap(([key, schema]) =>
  schema.safeParse("").success ? [key] : [],
);

/**
 * The settings of a stack. Throws one {@link SettingsError} that names everything that is wrong. Keys of other namespaces
 * (`kubernetes:…`, `pulumi:…`) are the engine's business.
 */
export function loadSettings(configuration: StackConfiguration, now: Date = new Date()): Settings {
  return checkSettings(inputOf(configuration), configuration, now);
}

/** What the configuration of a stack says, unchecked. */
export function inputOf(configuration: Pick<StackConfiguration, "project" | "values">): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const [fullKey, value] of Object.entries(configuration.values)) {
    const [project, key] = fullKey.split(/:(.*)/s) as [string, string];
    if (project !== configuration.project) continue;
    if (textKeys.includes(key)) {
      input[key] = value;
    } else {
      try {
        input[key] = JSON.parse(value) as unknown;
      } catch {
        input[key] = value;
      }
    }
  }
  return input;
}

/**
 * As {@link loadSettings}, for settings that a program holds as an object: checked by the same schema, with the same errors.
 * What must be a secret is one; what may be is one where `secret()` marks it.
 */
export function settingsOf(
  input: unknown,
  where: Pick<StackConfiguration, "project" | "stack">,
  now: Date = new Date(),
): Settings {
  const object = "  Correct the settings object; docs/environments.md describes every key.";
  const { input: plain, paths } = unmarked(input);
  const encrypted = { paths, unsure: [] };
  const configuration = { ...where, values: {}, secretKeys: [], encrypted, isObject: true, howToSet: object };
  const settings = checkSettings(plain, configuration, now);
  const relative = relativePaths(settings);
  if (relative.length === 0) return settings;
  const why = "an absolute path: an object has no folder that a relative one could start from";
  const problems = relative.map((path) => problem(path.join("."), at(settings, ...path), why));
  throw new SettingsError(problems.map(withoutSecret(paths)), { ...where, howToSet: object });
}

function checkSettings(input: unknown, configuration: StackConfiguration, now: Date): Settings {
  const parsed = settingsSchema.safeParse(input);
  const encrypted = configuration.encrypted ?? wholeKeys(configuration);
  const all = [...encrypted.paths, ...encrypted.unsure];
  if (!parsed.success)
    throw refused(describeProblems(parsed.error, input, maybeSecret()).map(withoutSecret(all)), configuration);
  const secretPaths = secretPathsOf(parsed.data, all);
  const settings = secretPaths.length === 0 ? parsed.data : { ...parsed.data, secretPaths };
  const problems = [
    ...secretProblems(settings, { ...configuration, encrypted }),
    ...certificateTextProblems(settings),
    ...crossProblems(settings, now),
  ];
  if (problems.length === 0) return settings;
  // What is allowed at one key may quote what another one decides.
  const hide = hidingSecrets(settings);
  const shown = problems.map(withoutSecret(all)).map((one) => ({ ...one, allowed: hide(one.allowed) }));
  throw refused(shown, configuration);
}

function refused(problems: readonly Problem[], { howToSet: own, ...where }: StackConfiguration): SettingsError {
  return new SettingsError(problems, { stack: where.stack, howToSet: own ?? howToSet(problems, where) });
}

/** Where nothing but whole keys is known, each may be encrypted all through. */
function wholeKeys({ project, secretKeys }: StackConfiguration): Encrypted {
  const own = secretKeys.filter((key) => key.startsWith(`${project}:`));
  return { paths: [], unsure: own.map((key) => [key.slice(project.length + 1)]) };
}

/** The settings with paths of files that are right from everywhere: a relative one starts from this folder. */
export function atFolder(settings: Settings, folder: string): Settings {
  const relative = relativePaths(settings);
  if (relative.length === 0) return settings;
  const copy = structuredClone(settings);
  for (const path of relative) {
    const branch = at(copy, ...path.slice(0, -1)) as Record<string, string>;
    const key = path.at(-1)!;
    branch[key] = resolve(folder, branch[key]!);
  }
  return copy;
}

/** Where settings name a file by a path that depends on the folder. */
function relativePaths(settings: Settings): string[][] {
  const files = ["istio", "gateway", "prometheus", "kiali"].map((key) => [key, "chartRepositoryAuth", "caFile"]);
  const isRelative = (path: unknown) =>
    typeof path === "string" && path !== "" && !isKubeconfigText(path) && !isAbsolute(path) && !/^~(\/|$)/.test(path);
  return [["kubeconfig"], ...files].filter((path) => isRelative(at(settings, ...path)));
}
