/* The commands that texts name, as a POSIX shell takes them: a person copies them, so each has to do what its text promises. */

import { stackNameOf } from "../base/project-files";

/** Whose setting it is. */
export interface Place {
  /** Name of the Pulumi project; undefined where the command runs in its folder and nothing else is known. */
  project?: string;
  /** Name of the stack, in full where it has an organization. */
  stack: string;
}

/** A stack's full name as `--stack` takes it: without an organization that is not known (`*`). */
export function stackArgument(owner: string): string {
  return owner.startsWith("*/") ? stackNameOf(owner) : owner;
}

/** A word in quotes, whatever it holds. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const keyOf = ({ project }: Place, path: string) => quoted(project === undefined ? path : `${project}:${path}`);

/**
 * Sets a setting.
 *
 * @param path as {@link pathText} writes it
 * @param as `json`: a whole list or object, which without `--path` is read from its JSON text. `pem`: from a file, as its text begins
 * like an option.
 */
export function setCommand(
  place: Place,
  path: string,
  { value = "<value>", isSecret = false, as }: { value?: string; isSecret?: boolean; as?: "json" | "pem" } = {},
): string {
  const options = [...(isSecret ? ["--secret"] : []), ...(as === "json" ? [] : ["--path"])];
  const words = ["pulumi config set", ...options, keyOf(place, path)];
  // A secret on the command line stays in the shell's history: pulumi asks for it, or reads its standard input.
  const input = as === "json" ? ["'<JSON>'"] : isSecret || as === "pem" ? [] : [value];
  const file = isSecret ? "< key.pem" : "< certificates.pem";
  return [...words, ...input, `--stack ${place.stack}`, ...(as === "pem" ? [file] : [])].join(" ");
}

/** Takes a setting away. */
export function removeCommand(place: Place, path: string): string {
  return `pulumi config rm --path ${keyOf(place, path)} --stack ${place.stack}`;
}

/**
 * Takes over from a stack that is gone.
 *
 * @param stack the one that takes over, in full or as `--stack` takes it; undefined where it is not known
 */
export function takeOverCommand(from: string, stack: string | undefined): string {
  return setCommand({ stack: stack === undefined ? "<stack>" : stackArgument(stack) }, "takeOverFrom", { value: from });
}
