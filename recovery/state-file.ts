import { existsSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Workspace } from "@pulumi/pulumi/automation";
import { RecoveryError } from "./error";

/** A state file that was cut short, and the newest whole copy of it. */
export interface DamagedState {
  file: string;
  backup: string;
  /** When the copy was written. */
  from: Date;
}

/**
 * The stack's state file, if it was cut short: by a full disk, or by a kill in the middle of writing it. Only the file backend
 * (`file://`) can leave one; it also keeps copies, from just before the last step (`.bak`) and of every update (history).
 *
 * @throws {@link RecoveryError} `state-damaged`, if there is no whole copy.
 */
export async function damagedState(workspace: Workspace, stack: string): Promise<DamagedState | undefined> {
  const { url } = await workspace.whoAmI();
  if (url?.startsWith("file://") !== true) return undefined;
  const name = (await workspace.projectSettings()).name;
  // The CLI takes file://~ for the home folder.
  const root = url.startsWith("file://~") ? url.replace("file://~", homedir()) : fileURLToPath(url);
  return findDamage(join(root, ".pulumi"), name, stack);
}

/** As {@link damagedState}, in the folder `.pulumi` of a file backend. */
export function findDamage(folder: string, project: string, stack: string): DamagedState | undefined {
  const file = join(folder, "stacks", project, `${stack}.json`);
  if (!existsSync(file) || isWhole(file)) return undefined;
  const history = join(folder, "history", project, stack);
  const checkpoints = existsSync(history)
    ? readdirSync(history).filter((entry) => entry.endsWith(".checkpoint.json"))
    : [];
  const copies = [`${file}.bak`, ...checkpoints.map((entry) => join(history, entry))].filter(
    (copy) => existsSync(copy) && isWhole(copy),
  );
  const [backup] = copies.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (backup === undefined)
    throw new RecoveryError(
      "state-damaged",
      `the state file of stack ${stack} is cut short, and there is no whole copy of it: ${file}`,
      "restore it from your own backup, or import what is in the cluster into a new stack",
    );
  return { file, backup, from: statSync(backup).mtime };
}

/** Puts the copy in place of the damaged file, which is kept beside it. */
export function restore({ file, backup }: DamagedState): void {
  renameSync(file, `${file}.damaged-${Date.now()}`);
  const partial = `${file}.restoring`;
  writeFileSync(partial, readFileSync(backup), { mode: 0o600 });
  renameSync(partial, file);
}

function isWhole(file: string): boolean {
  try {
    const { checkpoint } = JSON.parse(readFileSync(file, "utf8")) as { checkpoint?: unknown };
    return checkpoint !== undefined;
  } catch {
    return false;
  }
}
