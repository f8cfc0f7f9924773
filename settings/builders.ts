import { isIP } from "node:net";
import { distance } from "fastest-levenshtein";
import semver from "semver";
import { z } from "zod";
import { durationHours, durationSeconds } from "../base/duration";

/*
 * Building blocks of the settings' schema. The message of each says what is allowed, and nothing else: the error text puts
 * the key before it and the value that was found behind it.
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

/** A text of a form; `allowed` says the form in words. */
export function text(allowed: string, form: RegExp | ((value: string) => boolean) = /\S/) {
  return z
    .string({ error: allowed })
    .refine((value) => (form instanceof RegExp ? form.test(value) : form(value)), { error: allowed });
}

export function wholeNumber(least: number, most: number, unit = "") {
  const allowed = `a whole number from ${least} to ${most}${unit}`;
  return z.int({ error: allowed }).min(least, { error: allowed }).max(most, { error: allowed });
}

export function oneOf<const Words extends readonly [string, ...string[]]>(...words: Words) {
  return z.enum(words, { error: `one of ${words.join(", ")}` });
}

export const flag = z.boolean({ error: "true or false" });

export function list<Item extends z.ZodType>(item: Item, what: string) {
  return z.array(item, { error: `a list of ${what}` });
}

/** Free-form values that are passed on: Helm values, mesh configuration. */
export const tree = z.record(z.string(), z.unknown(), { error: "an object" });

export const words = z.record(z.string(), z.string({ error: "a text (quote numbers and true/false)" }), {
  error: "an object of texts",
});

export const exactVersion = text(
  "an exact version such as 1.2.3; the stack decides what is installed, so no range and no leading v",
  (value) => semver.valid(value) === value,
);

export const dnsLabel = text(
  "a Kubernetes name: lower-case letters, digits and '-', at most 63",
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
);

const dnsName = /^(?=.{1,253}$)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
export const hostName = text(
  "a full DNS name in lower case such as shop.example.com; no wildcard, no port, no scheme",
  dnsName,
);
export const certificateName = text("a DNS name, or a wildcard such as *.example.com", (value) =>
  dnsName.test(value.replace(/^\*\./, "")),
);

/** Name of a root certificate; it becomes part of a common name, which may have 64 characters. */
export const rootName = z.preprocess(
  // YAML, and `pulumi config set --path`, read a year as a number.
  (name) => (typeof name === "number" ? String(name) : name),
  text(
    "a short name such as 2026: lower-case letters, digits and '-', at most 32",
    /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/,
  ),
);

export const ipAddress = text("an IP address such as 192.0.2.7 or 2001:db8::7", (value) => isIP(value) !== 0);

/** A Go duration such as `1h30m`. */
export const duration = text(
  "a duration of hours, minutes and seconds such as 24h or 1h30m",
  (value) => durationSeconds(value) !== undefined,
);

/** A Go duration of whole hours. */
export function hours(least: number, most: number, why: string) {
  return text(`a duration of whole hours from ${least}h to ${most}h such as 2160h; ${why}`, (value) => {
    const found = durationHours(value);
    return found !== undefined && found >= least && found <= most;
  });
}

export const chartRepository = text("the URL of a Helm repository: https://…, http://… or oci://…", (value) =>
  /^(https?|oci):\/\/[^\s/]+/.test(value),
);

export const timeoutSeconds = wholeNumber(1, 3600, " seconds");
