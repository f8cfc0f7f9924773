import { isDeepStrictEqual } from "node:util";
import type { Values } from "../base/merge";
import { type Tree, asTree, isTree, texts } from "../base/tree";

/* Values of Helm: what runs, and what has to be set so that the same runs on. Pure. */

/** Istio's charts keep their own values below a key, so that a profile can come between (`zzz_profile.yaml`). */
const istioDefaults = "_internal_defaults_do_not_set";

/** A chart's own values, as its templates see them. */
export function chartDefaults(values: Tree): Tree {
  return isTree(values[istioDefaults]) ? values[istioDefaults] : values;
}

/** Values over those of a chart, as Helm puts them together: branches key by key; `null` takes the chart's value away. */
export function overDefaults(defaults: Tree, values: Tree): Tree {
  const merged: Tree = { ...defaults };
  for (const [key, value] of Object.entries(values)) {
    if (value === null) delete merged[key];
    else merged[key] = isTree(value) ? overDefaults(asTree(merged[key]), value) : value;
  }
  return merged;
}

/**
 * What the escape hatch `values` has to say so that a release which the program gives `planned` renders as it does now: `null`
 * where the chart's own value counts, and otherwise the value that runs.
 */
export function reproducing({ defaults, values, planned }: Record<"defaults" | "values" | "planned", Tree>): Values {
  return difference(defaults, overDefaults(defaults, values), { planned, would: overDefaults(defaults, planned) });
}

function difference(defaults: Tree, runs: Tree, { planned, would }: { planned: Tree; would: Tree }): Values {
  const patch: Values = {};
  for (const key of new Set([...Object.keys(runs), ...Object.keys(would)])) {
    const [now, then] = [runs[key], would[key]];
    if (isDeepStrictEqual(now, then)) continue;
    if (key in planned && isDeepStrictEqual(now, defaults[key])) patch[key] = null;
    else if (isTree(now) && isTree(then)) {
      const below = difference(asTree(defaults[key]), now, { planned: asTree(planned[key]), would: then });
      if (Object.keys(below).length > 0) patch[key] = below;
    } else if (now !== undefined) patch[key] = now;
  }
  return patch;
}

/** The values without some paths, and without the branches that are empty then. */
export function without(values: Tree, ...paths: string[][]): Tree {
  const entries = Object.entries(values).flatMap(([key, value]) => {
    const below = paths.filter(([first]) => first === key).map(([, ...rest]) => rest);
    if (below.some(({ length }) => length === 0)) return [];
    if (below.length === 0 || !isTree(value)) return [[key, value] as const];
    const kept = without(value, ...below);
    return Object.keys(kept).length === 0 ? [] : [[key, kept] as const];
  });
  return Object.fromEntries(entries);
}

const confidential = /password|passwd|passphrase|secret|token|credential|private_?key|signing_?key|api_?key/i;

/** Paths of values that look like secrets. One that refers to a Secret is none. */
export function secretsIn(values: Tree): string[] {
  return [...texts(values)].flatMap(({ path, text }) => {
    const key = path.split(".").pop()!;
    const isReference = /^secret:/.test(text) || /(name|ref|path|file)$|^imagePullSecrets/i.test(key);
    const isKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text);
    return isKey || (confidential.test(key) && text !== "" && !isReference) ? [path] : [];
  });
}
