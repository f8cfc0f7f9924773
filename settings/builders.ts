import { isIP } from "node:net";
import { distance } from "fastest-levenshtein";
import semver from "semver";
import { z } from "zod";
import { durationForm, durationHours } from "../base/duration";

/*
 * Building blocks of the settings' schema. The message of each says what is allowed, and nothing else: the error text puts
 * the key before it and the value that was found behind it. What each key means is in its `.meta()`: `description` and
 * `examples`, and `unset` for what goes without it where `default` cannot say that. docs/generate/settings.ts reads them.
 */

/** The key most like a misspelt one, if any is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates
    .map((candidate) => ({ candidate, edits: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  return best !== undefined && best.edits <= Math.max(2, word.length / 3) ? best.candidate : undefined;
}

/** An object of exactly these keys. */
export function object<Shape extends z.ZodRawShape>(shape: Shape) {
  const keys = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys") return `an object with the keys ${keys.join(", ")}`;
      return issue.keys
        .map((key) => {
          const guess = nearest(key, keys);
          return `${key}: unknown key${guess === undefined ? "" : `; did you mean ${guess}?`} (known here: ${keys.join(", ")})`;
        })
        .join("\n");
    },
  });
}

/** A string of a form; `allowed` says the form in words, and editors show it beside a value of another form. */
export function string(allowed: string, form: RegExp = /\S/) {
  return z.string({ error: allowed }).regex(form, { error: allowed }).meta({ patternErrorMessage: allowed });
}

/** A string that takes more than a form to check; editors check the form alone. */
export function checkedString(allowed: string, form: RegExp, check: (value: string) => boolean) {
  return string(allowed, form).refine((value) => !form.test(value) || check(value), { error: allowed });
}

export function integer(least: number, most: number, unit = "") {
  const allowed = `a whole number from ${least} to ${most}${unit}`;
  return z.int({ error: allowed }).min(least, { error: allowed }).max(most, { error: allowed });
}

export function enumOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: `one of ${words.join(", ")}` }).meta({ examples: [...words] });
}

export const boolean = z.boolean({ error: "true or false" }).meta({ examples: [true, false] });

export function array<Item extends z.ZodType>(item: Item, what: string) {
  return z.array(item, { error: `a list of ${what}` });
}

/** Free-form values that are passed on: Helm values, mesh configuration. */
export const tree = z.record(z.string(), z.unknown(), { error: "an object" });

export const record = z.record(z.string(), z.string({ error: "a text (quote numbers and true/false)" }), {
  error: "an object of texts",
});

export const exactVersion = checkedString(
  "an exact version such as 1.2.3; the stack decides what is installed, so no range and no leading v",
  /^\d+\.\d+\.\d+([-+][\w.+-]+)?$/,
  (value) => semver.valid(value) === value,
);

export const dnsLabel = string(
  "a Kubernetes name: lower-case letters, digits and '-', at most 63",
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
);

const dnsName = /^(?=.{1,253}$)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
export const hostName = string(
  "a full DNS name in lower case such as shop.example.com; no wildcard, no port, no scheme",
  dnsName,
);
export const certificateName = string(
  "a DNS name, or a wildcard such as *.example.com",
  new RegExp(dnsName.source.replace("^", "^(\\*\\.)?")),
);

/** Name of a root certificate; it becomes part of a common name, which may have 64 characters. */
export const rootName = orNumber(
  string(
    "a short name such as 2026: lower-case letters, digits and '-', at most 32",
    /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/,
  ),
);

/** YAML, and `pulumi config set --path`, read a year or a version such as 1.3 as a number. */
export function orNumber<Text extends z.ZodType<string>, Numbers extends number = number>(text: Text) {
  return z
    .preprocess((value: z.input<Text> | Numbers) => (typeof value === "number" ? String(value) : value), text)
    .meta({ type: ["string", "number"] });
}

export const ipAddress = checkedString(
  "an IP address such as 192.0.2.7 or 2001:db8::7",
  /^[0-9a-fA-F.:]+(%.+)?$/,
  (value) => isIP(value) !== 0,
).meta({ examples: ["192.0.2.7"] });

/** A Go duration such as `1h30m`. */
export const duration = string("a duration of hours, minutes and seconds such as 24h or 1h30m", durationForm);

/** A Go duration of whole hours. */
export function hours(least: number, most: number, why: string) {
  const allowed = `a duration of whole hours from ${least}h to ${most}h such as 2160h; ${why}`;
  return checkedString(allowed, durationForm, (value) => {
    const found = durationHours(value);
    return found !== undefined && found >= least && found <= most;
  });
}

export const chartRepository = checkedString(
  "the URL of a Helm repository: https://…, http://… or oci://…, without user and password, which everybody could read in it: set chartRepositoryAuth",
  // Nor a query, in which some carry a token.
  /^(https?|oci):\/\/[^\s/@?#]+(\/[^\s@?#]*)?$/,
  (url) => URL.canParse(url),
);
