import { existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ReviewError } from "./error";
import { run } from "./run";

/** A commit, and a copy of the project as it is there. */
export interface BaseCheckout {
  /** What was asked for, such as `origin/main`. */
  ref: string;
  /** Full hash of the commit. */
  commit: string;
  /** Time of the commit, RFC 3339. */
  date: string;
  /** Folder of the project in the copy. */
  project: string;
  /** Deletes the copy. */
  remove: () => void;
}

/** Runs git. Throws a {@link ReviewError} if there is no git at all. */
async function git(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const ended = await run("git", args, { cwd: folder, env: { ...process.env, ...env } });
  if (ended.code === undefined)
    throw new ReviewError("The command git is not on the PATH.", "install it (https://git-scm.com/downloads)");
  return { ...ended, stdout: ended.stdout.trimEnd() };
}

/** Bases that are tried in turn where none is given. */
const usualBases = ["origin/HEAD", "origin/main", "origin/master", "main", "master"];

/**
 * The commit that the working tree is compared with: the merge-base of `HEAD` and `ref`, as for a pull request. What the
 * other branch has gained since is not taken for a change of this one.
 */
async function baseCommit(project: string, ref: string | undefined): Promise<{ ref: string; commit: string }> {
  const inside = await git(project, ["rev-parse", "--is-inside-work-tree"]);
  if (inside.code !== 0)
    throw new ReviewError(
      `${project} is in no git repository, so there is nothing to compare with.`,
      "run this in a clone",
    );
  const candidates = ref === undefined ? usualBases : [ref];
  const head = (await git(project, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])).stdout;
  for (const candidate of candidates) {
    const found = await git(project, ["rev-parse", "--verify", "--quiet", `${candidate}^{commit}`]);
    if (found.code !== 0) continue;
    const common = await git(project, ["merge-base", "HEAD", found.stdout]);
    if (common.code !== 0)
      throw new ReviewError(
        `${candidate} and HEAD have no commit in common here; in a shallow clone it is cut off.`,
        "fetch the history: git fetch --unshallow (actions/checkout: fetch-depth: 0)",
      );
    // On the base branch itself, what is compared is its newest commit with the one before.
    if (ref === undefined && common.stdout === head) {
      const { stdout: status } = await git(project, ["status", "--porcelain", "--untracked-files=no"]);
      const before = await git(project, ["rev-parse", "--verify", "--quiet", "HEAD~1^{commit}"]);
      if (status === "" && before.code === 0) return { ref: "HEAD~1", commit: before.stdout };
    }
    return { ref: candidate, commit: common.stdout };
  }
  throw new ReviewError(
    ref === undefined
      ? `There is none of the usual branches to compare with (${usualBases.join(", ")}).`
      : `The base ${ref} is not a commit of this repository.`,
    "name one with --base; in a shallow clone fetch it first: git fetch origin <branch>",
  );
}

/** Copies the project as it is at the base into a temporary folder. Nothing of the repository is touched. */
export async function checkOutBase(project: string, wanted?: string): Promise<BaseCheckout> {
  const { ref, commit } = await baseCommit(project, wanted);
  const [{ stdout: prefix }, { stdout: top }, { stdout: date }] = await Promise.all([
    git(project, ["rev-parse", "--show-prefix"]),
    git(project, ["rev-parse", "--show-toplevel"]),
    git(project, ["show", "--no-patch", "--format=%cI", commit]),
  ]);
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "enroute-istio-review-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    // An index of its own, so that what is staged stays as it is.
    const env = { GIT_INDEX_FILE: join(folder, "index") };
    for (const args of [
      ["read-tree", commit],
      ["checkout-index", "--all", `--prefix=${join(folder, "tree")}/`],
    ]) {
      const { code, stderr } = await git(top, args, env);
      if (code !== 0)
        throw new ReviewError(`git ${args[0]} of ${ref} (${commit}) failed: ${stderr.trim()}`, "follow git's message");
    }
    const base = join(folder, "tree", prefix);
    if (!existsSync(base))
      throw new ReviewError(
        `The folder ${prefix.replace(/\/$/, "")} does not exist in the base ${ref} (${commit.slice(0, 10)}).`,
        "choose another --base",
      );
    return { ref, commit, date, project: base, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Lets the code in a copy of a project find the packages that are installed for the project. */
export function linkPackages(copy: string, project: string): void {
  let folder = project;
  while (!existsSync(join(folder, "node_modules")) && dirname(folder) !== folder) folder = dirname(folder);
  // "junction": Windows asks for no rights for such a link.
  if (!existsSync(join(copy, "node_modules")))
    symlinkSync(join(folder, "node_modules"), join(copy, "node_modules"), "junction");
}

/** Whether the working tree has no other code than a commit: then one program does for both. */
export async function hasProgramOf(project: string, commit: string): Promise<boolean> {
  const [changed, untracked] = await Promise.all([
    git(project, ["diff", "--name-only", "--relative", commit]),
    git(project, ["ls-files", "--others", "--exclude-standard"]),
  ]);
  const files = `${changed.stdout}\n${untracked.stdout}`.split("\n").filter((name) => name !== "");
  return changed.code === 0 && files.every((name) => /\.(ya?ml|md)$/.test(name));
}

/** The commit of the working tree, and whether it holds more than that commit. */
export async function headOf(project: string): Promise<{ commit: string; dirty: boolean }> {
  const [{ stdout: commit }, { stdout: status }] = await Promise.all([
    git(project, ["rev-parse", "HEAD"]),
    git(project, ["status", "--porcelain"]),
  ]);
  return { commit, dirty: status !== "" };
}
