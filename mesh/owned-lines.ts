import { type Owned, type Path } from "./overrides";

/* How a line of mesh/owned-*.ts is written. */

export const path = (dotted: string): Path => dotted.split(".");

/** Several values with one reason. `key` is the setting that decides them; empty where there is none. */
export function owned(key: string, why: string, paths: readonly (string | Path)[], allows?: Owned["allows"]): Owned[] {
  return paths.map((one) => ({
    path: typeof one === "string" ? path(one) : one,
    ...(key === "" ? {} : { key }),
    why: `${why}.`,
    ...(allows === undefined ? {} : { allows }),
  }));
}

/** Allows these values, and a value that is not set. */
export const only =
  (...values: unknown[]) =>
  (value: unknown) =>
    value === undefined || values.includes(value);
export const unset = only("", null);
/** Where the images come from, as far as the stack decides it: what it leaves to the chart, a value may say. */
export const pulled = (paths: readonly string[], secrets: string): Owned[] =>
  [
    ...owned("registry", "All images come from there", paths),
    ...owned("imagePullSecrets", "There is one setting for it", [secrets]),
  ].map((one) => ({ ...one, whereSet: true }));
export const off = only(false, "false", "", null);
export const on = only(true, "true");
