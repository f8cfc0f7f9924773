import { existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { RecoveryError } from "./error";

/** Where a file backend keeps a stack. */
export interface StatePlace {
  /** Its folder `.pulumi`. */
  folder: string;
  /** Name of the Pulumi project. */
  project: string;
  /** Name of the stack, without its project. */
  name: string;
}

/** Files of a stack that were cut short: by a full disk, a lost power, or a kill in the middle of writing. */
export interface DamagedState {
  /** The state file, and the newest whole copy of it. */
  state?: {
    file: string;
    backup: string;
    /** When the copy was written. */
    from: Date;
  };
  /** Files without which Pulumi does as well, and with which, as they are, it reads nothing. */
  others: string[];
}

/** Where the stack is; undefined unless its backend is a folder (`file://`). */
export function statePlace(
  { url, folder }: { url: string | undefined; folder: string },
  { project, stack }: { project: string; stack: string },
): StatePlace | undefined {
  const root = url === undefined ? undefined : backendFolder(url, folder);
  const [name, ownProject] = stack.split("/").reverse();
  return root === undefined
    ? undefined
    : { folder: join(root, ".pulumi"), project: ownProject ?? project, name: name! };
}

/** Folder of a file backend by its URL, as the CLI reads it: `~` is the home folder, and relative ones begin at the project. */
function backendFolder(url: string, project: string): string | undefined {
  if (!url.startsWith("file://")) return undefined;
  const path = decodeURIComponent(url.slice("file://".length).split("?")[0]!).replace(/^~(?=\/|$)/, homedir());
  // file:///C:/state on Windows
  return resolve(project, path.replace(/^\/(?=[A-Za-z]:)/, ""));
}

/** Whether there is such a stack. The CLI compresses its file where it is asked to. */
export function isThere({ folder, project, name }: StatePlace): boolean {
  return ["", ".gz", ".zst"].some((end) => existsSync(join(folder, "stacks", project, `${name}.json${end}`)));
}

/**
 * What was cut short of a stack, in a file backend. It keeps copies of the state, from just before the last step (`.bak`) and
 * of every update (history), and beside each file a small one with its attributes (`.attrs`), which it does not write in one
 * go: a kill in between leaves it empty, and Pulumi reports "failed to load checkpoint: EOF" for the whole state.
 *
 * @throws {@link RecoveryError} `state-damaged`, if there is no intact copy.
 */
export function findDamage({ folder, project, name }: StatePlace): DamagedState | undefined {
  const file = join(folder, "stacks", project, `${name}.json`);
  const history = join(folder, "history", project, name);
  const entries = existsSync(history) ? readdirSync(history).map((entry) => join(history, entry)) : [];
  const attributes = [join(folder, "meta.yaml.attrs"), `${file}.attrs`, ...entries.filter((one) => isAttributes(one))];
  const histories = entries.filter((entry) => entry.endsWith(".history.json"));
  const others = [...attributes, ...histories].filter((one) => existsSync(one) && parsed(one) === undefined);
  if (!existsSync(file) || isWhole(file)) return others.length === 0 ? undefined : { others };
  const checkpoints = entries.filter((entry) => entry.endsWith(".checkpoint.json"));
  const copies = [`${file}.bak`, ...checkpoints].filter((copy) => existsSync(copy) && isWhole(copy));
  const [backup] = copies.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (backup === undefined)
    throw new RecoveryError(
      "state-damaged",
      `the state file of stack ${name} is cut short, and it has no intact copy: ${file}`,
      "restore it from your own backup, or import what is in the cluster into a new stack",
    );
  return { state: { file, backup, from: statSync(backup).mtime }, others };
}

/** Puts the copy in place of the damaged state file, which is kept beside it, and takes the others out of the way. */
export function restore({ state, others }: DamagedState): void {
  for (const file of others)
    if (isAttributes(file)) rmSync(file, { force: true });
    else renameSync(file, aside(file));
  if (state === undefined) return;
  const { file, backup } = state;
  renameSync(file, aside(file));
  const partial = `${file}.restoring`;
  writeFileSync(partial, readFileSync(backup), { mode: 0o600 });
  renameSync(partial, file);
}

const aside = (file: string) => `${file}.damaged-${Date.now()}`;
const isAttributes = (file: string) => file.endsWith(".attrs");

function isWhole(file: string): boolean {
  const { checkpoint } = (parsed(file) ?? {}) as { checkpoint?: unknown };
  return checkpoint !== undefined;
}

/** The file's content as JSON; undefined if it is not an object or array. */
function parsed(file: string): object | undefined {
  try {
    const found = JSON.parse(readFileSync(file, "utf8")) as unknown;
    return typeof found === "object" && found !== null ? found : undefined;
  } catch {
    return undefined;
  }
}
