import type { z } from "zod";
import { foreignBlocksProblem } from "../base/certificate";
import { type Path, isWithin, leadsTo, leavesOf, pathText } from "../base/encrypted";
import { setCommand } from "./commands";
import { type Problem, problem } from "./error";
import { isKubeconfigText } from "./kubeconfig";
import { type Settings, type StackConfiguration, settingsSchema } from "./schema";

/*
 * Which settings are secret. What may be one says the schema (`.meta({ secret })`): a secret goes nowhere but into the state, encrypted,
 * and into the cluster. Everything else becomes a name, a choice or an output that everybody reads, so it cannot stay a secret.
 */

/** In a setting's meta: it may be encrypted, or it must be. */
export type Secrecy = "may" | "must";

interface SecretSetting {
  /** Its path; `*` stands for every index of a list. */
  path: string[];
  secrecy: Secrecy;
}

const settingsOfSchema = new Map<z.core.$ZodType, SecretSetting[]>();

/** Every setting that may be a secret, by the schema. Everything below one may, too. */
export function secretSettings(schema: z.ZodType = settingsSchema): readonly SecretSetting[] {
  const known = settingsOfSchema.get(schema) ?? secretsBelow(schema, []);
  settingsOfSchema.set(schema, known);
  return known;
}

/** What a schema of any type is made of. */
export interface AnyDefinition {
  type: string;
  shape?: Record<string, z.ZodType>;
  element?: z.ZodType;
  options?: z.ZodType[];
  innerType?: z.ZodType;
  out?: z.ZodType;
}

function secretsBelow(schema: z.ZodType, path: string[]): SecretSetting[] {
  const secrecy = schema.meta()?.["secret"] as Secrecy | undefined;
  if (secrecy !== undefined) return [{ path, secrecy }];
  const { shape, element, options, innerType, out } = schema.def as AnyDefinition;
  const found = [
    ...Object.entries(shape ?? {}).flatMap(([key, child]) => secretsBelow(child, [...path, key])),
    ...(element === undefined ? [] : secretsBelow(element, [...path, "*"])),
    ...[...(options ?? []), innerType, out].flatMap((same) => (same === undefined ? [] : secretsBelow(same, path))),
  ];
  const seen = new Set<string>();
  return found.filter(({ path: one }) => !seen.has(one.join("/")) && seen.add(one.join("/")));
}

/** Whether a setting of the schema is at a path, leads to it, or the other way round. */
function touches(pattern: readonly string[], path: Path): boolean {
  return pattern.every((part, index) => index >= path.length || part === "*" || part === path[index]);
}

/** Whether a setting may be encrypted, or must be; undefined where it cannot be. */
export function secrecyAt(path: Path): Secrecy | undefined {
  return secretSettings().find((one) => isAtOrAbove(one.path, path))?.secrecy;
}

/**
 * Whether a value of a schema must not be shown, by its path: it is a secret, or may be; or nobody knows it, and what is always one
 * stands beside it, of which it may be a misspelt one.
 */
export function maybeSecret(schema: z.ZodType = settingsSchema): (path: readonly PropertyKey[]) => boolean {
  const secrets = secretSettings(schema);
  const always = secrets.filter(({ secrecy }) => secrecy === "must").map(({ path }) => path);
  return (path) => {
    const known = path.map((part) => (typeof part === "number" ? part : String(part)));
    return secrets.some((one) => isAtOrAbove(one.path, known)) || isUnknownBeside(schema, always, known);
  };
}

function isUnknownBeside(schema: z.ZodType, patterns: readonly string[][], path: Path): boolean {
  const isBeside = patterns.some(
    (pattern) =>
      pattern.length === path.length && path.length > 1 && isAtOrAbove(pattern.slice(0, -1), path.slice(0, -1)),
  );
  return isBeside && !isKnown(schema, path);
}

/** Whether a schema has something at a path, in any kind of a union. */
function isKnown(schema: z.ZodType, [key, ...rest]: Path): boolean {
  if (key === undefined) return true;
  const { shape, element, options, innerType, out } = schema.def as AnyDefinition;
  const child = shape?.[String(key)] ?? (typeof key === "number" ? element : undefined);
  if (child !== undefined && isKnown(child, rest)) return true;
  return [...(options ?? []), innerType, out].some((same) => same !== undefined && isKnown(same, [key, ...rest]));
}

function isAtOrAbove(pattern: readonly string[], path: Path): boolean {
  return pattern.length <= path.length && touches(pattern, path);
}

/** Paths of the secrets of checked settings: what is encrypted of what may be, and what must be. */
export function secretPathsOf(settings: object, encrypted: readonly Path[]): Path[] {
  return leavesOf(settings).flatMap(({ path, value }) => {
    const setting = secretSettings().find((one) => isAtOrAbove(one.path, path));
    if (setting === undefined || value === "" || value === null) return [];
    return setting.secrecy === "must" || encrypted.some((one) => leadsTo(one, path)) ? [path] : [];
  });
}

/** Problems of what is encrypted and cannot be, and of what is not and must be. */
export function secretProblems(
  settings: Settings,
  { project, stack, encrypted, isObject = false }: StackConfiguration & Required<Pick<StackConfiguration, "encrypted">>,
): Problem[] {
  const all = [...encrypted.paths, ...encrypted.unsure];
  const isSecret = (path: Path) => all.some((one) => leadsTo(one, path));
  const readable = encrypted.paths
    .filter((path) => !secretSettings().some((one) => touches(one.path, path)))
    .map((path) =>
      problem(
        pathText(path),
        undefined,
        `a value that is not encrypted: it becomes a name, a choice or an output that everybody can read, so it cannot stay a secret. Set it without --secret`,
      ),
    );
  const leaves = isObject ? [] : leavesOf(settings);
  const plain = leaves.filter(
    ({ path }) =>
      !isSecret(path) &&
      secretSettings().some(({ path: one, secrecy }) => secrecy === "must" && isAtOrAbove(one, path)),
  );
  const text = isObject || !isKubeconfigText(settings.kubeconfig) || isSecret(["kubeconfig"]) ? [] : [["kubeconfig"]];
  return [
    ...[...plain.map(({ path }) => path), ...text].map((path) =>
      problem(
        pathText(path),
        undefined,
        `a secret: it stands in plain text. Set it with: ${setCommand({ project, stack }, pathText(path), {
          isSecret: true,
          ...(isPem(path) ? { as: "pem" } : {}),
        })}`,
      ),
    ),
    ...readable,
  ];
}

const certificateTexts = ["certificateChain", "caCertificate", "rootCertificates"];

/** Whether a setting holds PEM text. */
export function isPem(path: Path): boolean {
  return ["privateKey", ...certificateTexts].includes(String(path.at(-1)));
}

/** Settings that hold certificates, wherever they are: nothing but certificates may stand there. */
export function certificateTextProblems(settings: Settings): Problem[] {
  return leavesOf([settings.certificate, settings.istio.ca]).flatMap(({ path: [section, key], value }) => {
    const isCertificates = certificateTexts.includes(String(key));
    // What stands for a value that a review cannot read.
    const isPlaceholder = String(value).includes("-----BEGIN ENCRYPTED VALUE-----");
    const why = isCertificates && !isPlaceholder ? foreignBlocksProblem(String(value)) : undefined;
    return why === undefined ? [] : [problem(`${section === 0 ? "certificate" : "istio.ca"}.${key}`, undefined, why)];
  });
}

/** The problem without what was found, where that is a secret or holds one. */
export function withoutSecret(encrypted: readonly Path[]): (one: Problem) => Problem {
  const secrets = encrypted.map(pathText);
  return (one) =>
    secrets.some((secret) => isWithin(one.key, secret) || isWithin(secret, one.key))
      ? { ...one, found: undefined }
      : one;
}
