import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Path, encryptedText, pathText } from "../base/encrypted";
import { parseYaml } from "../base/yaml";
import { misnamedStackFile, projectFile, stackFile, stacksOf } from "../base/project-files";
import type { StackConfiguration } from "../settings/schema";
import { ReviewError } from "./error";
import { type Tree, isTree } from "./objects";

/** Configuration of a stack as its file has it, with a placeholder for each encrypted value. */
export interface MaskedConfiguration extends StackConfiguration {
  /** Paths of the encrypted values, such as `certificate.privateKey`. */
  masked: string[];
}

/**
 * What stands for an encrypted value. It changes when the encrypted text does, so that a new secret shows as a change; a
 * password cannot be guessed from it, because the text that is hashed holds a random number. It looks like PEM to what asks
 * for PEM.
 */
function placeholder(encrypted: string): string {
  return `[encrypted ${createHash("sha256").update(encrypted).digest("hex").slice(0, 8)}] ${likePem}`;
}

const likePem = "-----BEGIN ENCRYPTED VALUE-----";
/** Stands for a value in plain text that the other side encrypts: most likely it is still in force. */
const plainPlaceholder = `[not encrypted] ${likePem}`;

/**
 * Reads the project's file and the stack's file of a project, without the engine and without the keys of the stack's secrets.
 *
 * @param side names the side in errors, such as "the base (main)"
 * @param secret paths of values that are not shown either, as the other side encrypts them
 */
export function stackConfiguration(
  project: string,
  stack: string,
  side: string,
  secret: readonly Path[] = [],
): MaskedConfiguration {
  const definition = readYaml(projectFile(project) ?? join(project, "Pulumi.yaml"), side);
  const file = definition === undefined ? undefined : stackFile(project, stack);
  if (definition === undefined || file === undefined)
    throw new ReviewError(
      `There is no Pulumi project in ${side}: it has no Pulumi.yaml or Pulumi.yml.`,
      "run this in the project's folder, or name it with --cwd; for the base, choose another --base",
    );
  const name = String(definition["name"]);
  const content = readYaml(join(project, file), side);
  if (content === undefined) {
    const misnamed = misnamedStackFile(project, stack);
    throw new ReviewError(
      `There is no file of stack ${stack} in ${side}: ${file} is missing. It has ${list(project)}.`,
      misnamed === undefined
        ? "name a stack that both sides have; a new environment has no base to be compared with: see it with pulumi preview"
        : `rename ${misnamed}: Pulumi reads stack files with the extension of the project's file alone`,
    );
  }
  if (content["environment"] !== undefined)
    throw new ReviewError(
      `Stack ${stack} of ${side} takes settings from environments of Pulumi ESC (environment: in ${file}). A review reads the stack's file alone, so it would show only a part.`,
      "put the settings that shape the rollout into the stack's file, and keep credentials of the cluster in the shell's environment",
    );
  const masked: Path[] = [];
  const values: Record<string, string> = {};
  const secretKeys: string[] = [];
  for (const [key, value] of [
    ...projectValues(definition),
    ...Object.entries(isTree(content["config"]) ? content["config"] : {}),
  ]) {
    const fullKey = key.includes(":") ? key : `${name}:${key}`;
    const before = masked.length;
    const plain = mask(value, [fullKey.slice(fullKey.indexOf(":") + 1)], { masked, secret: secret.map(pathText) });
    if (masked.length > before) secretKeys.push(fullKey);
    values[fullKey] = typeof plain === "string" ? plain : JSON.stringify(plain);
  }
  return {
    ...{ project: name, stack, values, secretKeys },
    encrypted: { paths: masked, unsure: [] },
    masked: masked.map(pathText),
  };
}

/** Values that the project's file gives to every stack: `key: value`, `key: { value }` or `key: { default }`. */
function projectValues(definition: Tree): [string, unknown][] {
  return Object.entries(isTree(definition["config"]) ? definition["config"] : {}).flatMap(([key, declared]) => {
    const value = isTree(declared) ? (declared["value"] ?? declared["default"]) : declared;
    return value === undefined ? [] : [[key, value] as [string, unknown]];
  });
}

/** The value with its encrypted leaves (`secure: <text>`), and those at `secret`, replaced; their paths are added to `masked`. */
function mask(value: unknown, path: Path, known: { masked: Path[]; secret: readonly string[] }): unknown {
  if (Array.isArray(value)) return value.map((item, index) => mask(item, [...path, index], known));
  const encrypted = encryptedText(value);
  const isHidden = typeof value === "string" && known.secret.includes(pathText(path));
  if (encrypted !== undefined || isHidden) {
    known.masked.push(path);
    return encrypted === undefined ? plainPlaceholder : placeholder(encrypted);
  }
  if (!isTree(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mask(item, [...path, key], known)]));
}

function readYaml(path: string, side: string): Tree | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const content: unknown = parseYaml(readFileSync(path, "utf8"));
    return isTree(content) ? content : {};
  } catch (error) {
    throw new ReviewError(`${path} of ${side} is not YAML: ${(error as Error).message.split("\n")[0]}`, "correct it");
  }
}

function list(project: string): string {
  const stacks = stacksOf(project);
  return stacks.length === 0 ? "no stack files at all" : `files of ${stacks.join(", ")}`;
}
