import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stackFile } from "./project-files";
import { at, isTree } from "./tree";
import { parseYaml } from "./yaml";

/* Which values of a stack's configuration are encrypted: the engine tells a program that of whole keys alone. */

/** Path of a value; its first part is the key without the project's name. */
export type Path = readonly (string | number)[];

/** A path as `pulumi config set --path` takes it: `podAnnotations["sidecar.istio.io/inject"]`, `hosts[0].port`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const word = String(part);
    if (!/^[\w*-]+$/.test(word)) return `${text}[${JSON.stringify(word)}]`;
    return text === "" ? word : `${text}.${word}`;
  }, "");
}

/** The path of a text that {@link pathText} wrote. */
export function pathOf(text: string): Path {
  return [...text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g)].map(([, index, word, plain]) =>
    index !== undefined ? Number(index) : word !== undefined ? (JSON.parse(word) as string) : plain!,
  );
}

/** Whether a path, as text, is another one or below it. */
export function isWithin(path: string, above: string): boolean {
  return path === above || (path.startsWith(above) && /^[.[]/.test(path.slice(above.length)));
}

/** Whether a path is another one, or leads to it. */
export function leadsTo(path: Path, other: Path): boolean {
  return path.length <= other.length && path.every((part, index) => part === other[index]);
}

/** The encrypted text of a value that `pulumi config set --secret` wrote; undefined for every other value. */
export function encryptedText(value: unknown): string | undefined {
  return isTree(value) && typeof value["secure"] === "string" && Object.keys(value).length === 1
    ? value["secure"]
    : undefined;
}

/** Every value of a tree that is no list and no tree, with its path. Empty ones hold nothing. */
export function leavesOf(value: unknown, path: Path = []): { path: Path; value: unknown }[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => leavesOf(item, [...path, index]));
  if (!isTree(value)) return value === undefined ? [] : [{ path, value }];
  return Object.entries(value).flatMap(([key, item]) => leavesOf(item, [...path, key]));
}

/** What of a configuration is encrypted. */
export interface Encrypted {
  /** Paths of values that the stack's file encrypts; everything below one is, too. */
  paths: Path[];
  /** Paths of values of which that is not known, as they are not from the stack's file; they are taken for encrypted. */
  unsure: Path[];
}

interface Configuration {
  project: string;
  stack: string;
  /** By full key, decrypted. */
  values: Readonly<Record<string, string>>;
  /** Full keys in which something is encrypted. */
  secretKeys: readonly string[];
}

/** Which values of a configuration are encrypted, by the stack's file in the folder of its project. */
export function encryptedIn(folder: string, { project, stack, values, secretKeys }: Configuration): Encrypted {
  const found: Encrypted = { paths: [], unsure: [] };
  const config = configOf(folder, stack);
  for (const fullKey of secretKeys.filter((key) => key.startsWith(`${project}:`))) {
    const key = fullKey.slice(project.length + 1);
    const written = config[fullKey] ?? config[key];
    if (encryptedText(written) !== undefined) found.paths.push([key]);
    else
      for (const leaf of leavesOf(json(values[fullKey]), [key])) {
        const above = leaf.path.findIndex(
          (_, index) => encryptedText(at(written, ...leaf.path.slice(1, index + 1))) !== undefined,
        );
        if (above > 0) found.paths.push(leaf.path.slice(0, above + 1));
        else if (plainly(at(written, ...leaf.path.slice(1))) !== plainly(leaf.value)) found.unsure.push(leaf.path);
      }
  }
  return found;
}

/** A scalar as text, however YAML and JSON write it. */
function plainly(value: unknown): string | undefined {
  return ["string", "number", "boolean"].includes(typeof value) ? String(value) : undefined;
}

function configOf(folder: string, stack: string): Record<string, unknown> {
  const file = stackFile(folder, stack);
  if (file === undefined || !existsSync(join(folder, file))) return {};
  const config = at(parseYaml(readFileSync(join(folder, file), "utf8")), "config");
  return isTree(config) ? config : {};
}

function json(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return text;
  }
}
