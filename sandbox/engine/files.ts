// Files that several processes may be reading: each is put in place in one step.

import { createHash, randomUUID } from "node:crypto";
import * as fs from "node:fs/promises";

/** A short name for texts. */
export function hash(parts: string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

export async function write(path: string, content: string): Promise<void> {
  if ((await fs.readFile(path, "utf8").catch(() => undefined)) === content && !(await isLink(path))) return;
  await replace(path, (temporary) => fs.writeFile(temporary, content, { mode: 0o755 }));
}

export async function link(target: string, path: string): Promise<void> {
  if (target === path || (await fs.readlink(path).catch(() => undefined)) === target) return;
  await replace(path, (temporary) => fs.symlink(target, temporary));
}

// No symbolic link: the CLI would look for its language host where that leads.
export async function hardLink(source: string, path: string): Promise<void> {
  const [wanted, present] = await Promise.all([fs.stat(source), fs.lstat(path).catch(() => undefined)]);
  const sameFile = present?.ino === wanted.ino && present.dev === wanted.dev;
  const sameCopy = present?.isFile() && present.size === wanted.size && present.mtimeMs === wanted.mtimeMs;
  if (sameFile || sameCopy) return;
  await replace(path, async (temporary) => {
    try {
      await fs.link(source, temporary);
    } catch {
      // Another file system, or one without hard links.
      await fs.copyFile(source, temporary, fs.constants.COPYFILE_FICLONE);
      await fs.utimes(temporary, wanted.atime, wanted.mtime);
    }
  });
}

async function replace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await make(temporary);
    await fs.rename(temporary, path);
  } finally {
    await fs.rm(temporary, { force: true });
  }
}

async function isLink(path: string): Promise<boolean> {
  return (await fs.lstat(path)).isSymbolicLink();
}
