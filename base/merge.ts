import { isPlainTree } from "./tree";

/** Helm values: a tree of plain values in which any leaf or branch may be an Output. */
export type Values = { [key: string]: unknown };

/**
 * Merges the values of an escape hatch over those that a component computed, as JSON Merge Patch (RFC 7396) does:
 * objects merge key by key, arrays and scalars replace, and `null` deletes the component's value, so that the chart's own
 * default applies again. An Output counts as a scalar: it is taken whole.
 */
export function mergeValues(base: Values, patch: Values | undefined): Values {
  const merged: Values = { ...base };
  for (const [key, value] of Object.entries(patch ?? {})) {
    if (value === null) {
      delete merged[key];
    } else if (isPlainTree(value)) {
      const below = merged[key];
      merged[key] = mergeValues(isPlainTree(below) ? below : {}, value);
    } else if (value !== undefined) {
      merged[key] = value;
    }
  }
  return merged;
}
