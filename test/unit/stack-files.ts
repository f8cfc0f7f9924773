import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { Settings, StackConfiguration } from "../../settings/schema";
import { loadSettings } from "../../settings/load";

const folder = join(__dirname, "../../stacks");

/** Names of the stacks that the repository has files for. */
export const stackNames = readdirSync(folder).flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? []);

/** Configuration values as the engine hands them over: objects as JSON text. */
export function configuration(config: Record<string, unknown>, stack = "test"): StackConfiguration {
  const values = Object.entries(config).map(([key, value]) => [
    key.includes(":") ? key : `enroute-istio:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return {
    project: "enroute-istio",
    stack,
    values: Object.fromEntries(values) as Record<string, string>,
    secretKeys: [],
  };
}

/** Configuration of a stack file. */
export function stackConfig(stack: string): Record<string, unknown> {
  return (parse(readFileSync(join(folder, `Pulumi.${stack}.yaml`), "utf8")) as { config: Record<string, unknown> })
    .config;
}

/** Settings of a stack file. */
export function stackFile(stack: string): Settings {
  return loadSettings(configuration(stackConfig(stack), stack));
}
