import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stackNameOf } from "../base/project-files";
import { titleOf } from "../mesh/object";
import type { Level, PolicyObject, PolicyOptions, Rule, Violation } from "./rule";
import { availabilityRules } from "./rules/availability";
import { changeRules } from "./rules/changes";
import { encryptionRules } from "./rules/encryption";
import { keyRules } from "./rules/keys";
import { meshConfigurationRules } from "./rules/mesh-configuration";
import { softwareRules } from "./rules/software";

export type { Finding, Level, PolicyObject, PolicyOptions, Rule, Violation } from "./rule";

/** Every rule, in the order of the findings. */
export const rules: readonly Rule[] = [
  ...encryptionRules,
  ...meshConfigurationRules,
  ...keyRules,
  ...softwareRules,
  ...availabilityRules,
  ...changeRules,
];

/** What is wrong with the objects of a stack, by rule. Pure: it reads and calls nothing. */
export function judge(objects: readonly PolicyObject[], options: PolicyOptions): Violation[] {
  return rules.flatMap((rule) => judgeBy(rule, objects, options));
}

/** As {@link judge}, for one rule. */
export function judgeBy(rule: Rule, objects: readonly PolicyObject[], options: PolicyOptions): Violation[] {
  const level = options.levels?.[rule.name] ?? rule.level;
  if (level === "disabled") return [];
  return rule.find(objects, options).map(({ object, message, fix }) => ({
    rule: rule.name,
    level,
    object: typeof object === "string" ? object : titleOf(object),
    message,
    fix,
  }));
}

const levels: readonly unknown[] = ["advisory", "mandatory", "disabled"] satisfies Level[];

/**
 * The levels of an environment: `policy/config/<environment>.json`, the file that `--policy-pack-config` takes, which gives
 * a level (or an object with an `enforcementLevel`) by rule. Without a file every rule has its own level.
 *
 * @throws if the file cannot be read, or names a rule or a level that does not exist.
 */
export function loadLevels(environment: string, folder = join(__dirname, "config")): Partial<Record<string, Level>> {
  const path = join(folder, `${stackNameOf(environment)}.json`);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof config !== "object" || config === null || Array.isArray(config))
    throw new Error(`${path}: an object of levels by rule is wanted`);
  const names = rules.map(({ name }) => name);
  return Object.fromEntries(
    Object.entries(config).map(([name, value]: [string, unknown]) => {
      if (!names.includes(name)) throw new Error(`${path}: there is no rule ${name}; there are ${names.join(", ")}`);
      const level =
        typeof value === "object" && value !== null
          ? (value as { enforcementLevel?: unknown }).enforcementLevel
          : value;
      if (!levels.includes(level))
        throw new Error(
          `${path}: the level of ${name} is ${JSON.stringify(level)}, but must be one of ${levels.join(", ")}`,
        );
      return [name, level as Level];
    }),
  );
}
