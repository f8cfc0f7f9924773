import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "./command";
import type { PackageManager } from "./options";

type Installer = Exclude<PackageManager, "auto">;

const lockFiles: [string, Installer][] = [
  ["yarn.lock", "yarn"],
  ["pnpm-lock.yaml", "pnpm"],
  ["bun.lock", "bun"],
  ["bun.lockb", "bun"],
];

/** The command that installs a program's packages; "auto" takes the tool whose lock file lies in the folder, else npm. */
export function installCommand(folder: string, packageManager: PackageManager, env: NodeJS.ProcessEnv): Command {
  const found = lockFiles.find(([file]) => existsSync(join(folder, file)))?.[1];
  const executable: Installer = packageManager === "auto" ? (found ?? "npm") : packageManager;
  // npm's own notices would drown what matters.
  return { executable, args: executable === "npm" ? ["install", "--loglevel=error"] : ["install"], cwd: folder, env };
}
