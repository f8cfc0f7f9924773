import { isAbsolute, resolve } from "node:path";
import { SettingsError, describeProblems, problem } from "./error";
import { crossProblems } from "./rules";
import { type Settings, type StackConfiguration, settingsSchema } from "./schema";

const scalarKeys = ["kubeconfig", "context", "clusterIdentifier", "kubernetesPluginVersion", "takeOverFrom"];

/**
 * The settings of a stack. Throws one {@link SettingsError} that names everything that is wrong. Keys of other namespaces
 * (`kubernetes:…`, `pulumi:…`) are the engine's business.
 */
export function loadSettings(configuration: StackConfiguration, now: Date = new Date()): Settings {
  const input: Record<string, unknown> = {};
  for (const [fullKey, value] of Object.entries(configuration.values)) {
    const [project, key] = fullKey.split(/:(.*)/s) as [string, string];
    if (project !== configuration.project) continue;
    if (scalarKeys.includes(key)) {
      input[key] = value;
    } else {
      try {
        input[key] = JSON.parse(value) as unknown;
      } catch {
        input[key] = value;
      }
    }
  }
  return checkSettings(input, configuration, now);
}

/**
 * As {@link loadSettings}, for settings that a program holds as an object: checked by the same schema, with the same errors.
 * What is secret in it never becomes configuration, so nothing must be marked.
 */
export function settingsOf(
  input: unknown,
  where: Pick<StackConfiguration, "project" | "stack">,
  now: Date = new Date(),
): Settings {
  const howToSet = "  Correct the settings object; docs/environments.md describes every key.";
  const settings = checkSettings(
    input,
    { ...where, values: {}, secretKeys: [`${where.project}:certificate`], howToSet },
    now,
  );
  if (atFolder(settings, "/") === settings) return settings;
  const why = "an absolute path: an object has no folder that a relative one could start from";
  throw new SettingsError([problem("kubeconfig", settings.kubeconfig, why)], { ...where, howToSet });
}

function checkSettings(input: unknown, configuration: StackConfiguration, now: Date): Settings {
  const parsed = settingsSchema.safeParse(input);
  const problems = parsed.success
    ? crossProblems(parsed.data, configuration, now)
    : describeProblems(parsed.error, input);
  if (problems.length > 0) throw new SettingsError(problems, configuration);
  return parsed.data!;
}

/** The settings with a `kubeconfig` that is right from everywhere: a relative path starts from this folder. */
export function atFolder(settings: Settings, folder: string): Settings {
  const { kubeconfig } = settings;
  const isRelative = kubeconfig !== "" && !isAbsolute(kubeconfig) && !kubeconfig.startsWith("~/");
  return isRelative ? { ...settings, kubeconfig: resolve(folder, kubeconfig) } : settings;
}
