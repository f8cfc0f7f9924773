import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { Sandbox } from "../../sandbox/cluster";
import { sharedSandbox, succeed } from "./sandbox-fixture";

type Config = Record<string, unknown>;

/**
 * Makes a stack of the sandbox's project: the settings of `like`, changed by `change`. Returns its name.
 * Keys have no prefix: `config.istio`, not `config["enroute-istio:istio"]`. In the shared sandbox, if none is given.
 */
export async function makeStack(
  name: string,
  change: (config: Config) => void = () => {},
  like = "sandbox",
  sandbox?: Sandbox,
): Promise<string> {
  await succeed("pulumi", ["stack", "select", "--create", name, "--non-interactive"], optionsFor(sandbox));
  await editStack(name, change, like, sandbox);
  return name;
}

/** Changes the settings of a stack of the sandbox's project, starting from those of `from`. */
export async function editStack(
  name: string,
  change: (config: Config) => void,
  from = name,
  sandbox?: Sandbox,
): Promise<void> {
  const { folder } = sandbox ?? (await sharedSandbox());
  const path = (stack: string) => join(folder, "project", "stacks", `Pulumi.${stack}.yaml`);
  const source = parse(readFileSync(path(from), "utf8")) as { config: Config };
  const own = parse(readFileSync(path(name), "utf8")) as object;
  const config = Object.fromEntries(
    Object.entries(source.config).map(([key, value]) => [key.replace("enroute-istio:", ""), value]),
  );
  change(config);
  const prefixed = Object.fromEntries(Object.entries(config).map(([key, value]) => [`enroute-istio:${key}`, value]));
  // Keeps the salt of the stack's secrets.
  writeFileSync(path(name), stringify({ ...own, config: prefixed }));
}

/** Reads objects of the cluster as JSON. */
export async function get<Item = unknown>(...args: string[]): Promise<Item> {
  return JSON.parse(await succeed("kubectl", ["get", ...args, "--output", "json"])) as Item;
}

const optionsFor = (sandbox: Sandbox | undefined) => (sandbox === undefined ? {} : { sandbox });
