import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { asTree } from "../base/tree";
import { isRegistry, loginOf, registryConfigPath, registryHost } from "../mesh/charts";
import { dockerConfig } from "../mesh/images";
import { expectedReleases } from "../settings/expected";
import type { Settings } from "../settings/schema";

/**
 * Writes the file by which the provider's Helm logs in to registries (oci://): the provider takes their credentials from a file alone
 * (4.25, pkg/provider/helm_release.go). Only this user may read it.
 *
 * @param folder that the provider runs in
 * @returns takes it away again, unless another program still needs it
 */
export function writeRegistryLogin(settings: Settings, folder: string, stack: string): () => void {
  const logins = registryLogins(settings);
  if (logins.length === 0) return () => {};
  const path = join(folder, registryConfigPath(stack));
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(join(dirname(path), ".gitignore"), "*\n");
  const known = ownConfig();
  const auths = logins.map((login) => asTree((JSON.parse(dockerConfig(login)) as { auths: unknown }).auths));
  const content = { ...known, auths: Object.assign({}, asTree(known["auths"]), ...auths) as object };
  // Of each program one: a preview may run beside an update.
  const mine = `${path}.${process.pid}.${randomUUID()}`;
  writeFileSync(mine, "");
  writeFileSync(path, JSON.stringify(content), { mode: 0o600 });
  return () => {
    rmSync(mine, { force: true });
    if (!existsSync(dirname(path))) return;
    const others = readdirSync(dirname(path)).filter((name) => /\.json\.\d+\./.test(name) && isAlive(name));
    if (others.length === 0) rmSync(dirname(path), { recursive: true, force: true });
  };
}

/** The registries that a stack logs in to. */
function registryLogins(settings: Settings) {
  return expectedReleases(settings).flatMap(({ chartRepository, chartRepositoryAuth }) => {
    const login = loginOf(chartRepositoryAuth);
    return login === undefined || !isRegistry(chartRepository)
      ? []
      : [{ registry: registryHost(chartRepository), ...login }];
  });
}

/** The provider's input about it; undefined where the stack logs in to no registry, and Helm's own logins count. */
export function registryConfigOf(settings: Settings, stack: string): string | undefined {
  return registryLogins(settings).length === 0 ? undefined : registryConfigPath(stack);
}

/** Logins that this user has with Helm, which go on counting. */
function ownConfig(): Record<string, unknown> {
  const config =
    process.env["HELM_CONFIG_HOME"] ?? join(process.env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config"), "helm");
  const path = process.env["HELM_REGISTRY_CONFIG"] ?? join(config, "registry/config.json");
  return existsSync(path) ? asTree(JSON.parse(readFileSync(path, "utf8"))) : {};
}

function isAlive(name: string): boolean {
  try {
    process.kill(Number(/\.json\.(\d+)\./.exec(name)![1]), 0);
    return true;
  } catch {
    return false;
  }
}
