import type { Values } from "../base/merge";
import { at, isPlainTree, isTree } from "../base/tree";

/*
 * Helm values are an escape hatch, not a second way to say what a setting says: the rollout, its outputs, the policies and verify
 * go by the settings. mesh/owned-values.ts lists what is owned; here is how that is compared with what a chart would get.
 */

export type Path = readonly string[];

/** Values of a chart that a setting decides, or that the rollout relies on. */
export interface Owned {
  readonly path: Path;
  /** The setting that decides it, such as `istio.trustDomain`; left out where there is none. */
  readonly key?: string;
  /** What goes wrong otherwise. */
  readonly why: string;
  /** Further values that change nothing. @default none but what the settings make of it */
  readonly allows?: (value: unknown, values: Values) => boolean;
  /** Free where the settings make nothing of it. @default owned all the same */
  readonly whereSet?: true;
  /** What of the values is refused, wherever it stands, and what belongs in its place. @default what differs at the path */
  readonly refuses?: (values: Values) => { path: Path; instead: string }[];
}

/** Something that is owned, and overridden. */
export interface Override {
  owned: Owned;
  /** Where the values differ, within or at the path. */
  path: Path;
  /** What the settings make of it; undefined: nothing, so that the chart's default stays. */
  wanted: unknown;
  /** What the chart would get; undefined: nothing, as `null` took it away. */
  found: unknown;
  /** What belongs in its place, where that is no value of this path. */
  instead?: string;
}

/** What of the owned values the chart would get differently from what the settings make of it. */
export function overridesOf(settled: Values, effective: Values, owned: readonly Owned[]): Override[] {
  return owned.flatMap((one) => {
    if (one.refuses !== undefined)
      return one.refuses(effective).map(({ path, instead }) => ({
        ...{ owned: one, path, instead },
        ...{ wanted: undefined, found: at(effective, ...path) },
      }));
    const [wanted, found] = [at(settled, ...one.path), at(effective, ...one.path)];
    if (one.whereSet === true && wanted === undefined) return [];
    if (one.allows?.(found, effective) === true) return [];
    return differences(wanted, found, one.path).map((difference) => ({ owned: one, ...difference }));
  });
}

/**
 * Branches of the settled values in whose place a value stands of which nothing is known, such as a Pulumi Output: what was settled in
 * them would be lost.
 */
export function hiddenBranches(settled: unknown, effective: unknown, path: Path = []): Path[] {
  if (!isPlainTree(settled) || Object.keys(settled).length === 0) return [];
  if (!isPlainTree(effective)) return isTree(effective) ? [path] : [];
  return Object.keys(settled).flatMap((key) => hiddenBranches(settled[key], effective[key], [...path, key]));
}

/** What is allowed in the place of a hidden branch. */
export const leafByLeaf =
  "an object with Outputs as its leaves: as a whole it would take the place of what is set in it";

/** Where something is no longer as it was settled. What else stands beside it in a branch is another matter. */
function differences(wanted: unknown, found: unknown, path: Path): Omit<Override, "owned">[] {
  if (isPlainTree(wanted))
    return isTree(found)
      ? Object.keys(wanted).flatMap((key) => differences(wanted[key], found[key], [...path, key]))
      : Object.keys(wanted).length === 0 && found === undefined
        ? []
        : [{ path, wanted, found }];
  return isSame(wanted, found) ? [] : [{ path, wanted, found }];
}

function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]));
  if (!isPlainTree(one) || !isPlainTree(other)) return false;
  return Object.keys({ ...one, ...other }).every((key) => isSame(one[key], other[key]));
}

/** Where a tree says something about a path: at it, or at the branch in whose place it has `null` or a value; else undefined. */
export function saidOf(tree: unknown, path: Path): Path | undefined {
  const [key, ...rest] = path;
  if (tree === undefined) return undefined;
  if (key === undefined || !isPlainTree(tree)) return [];
  const below = saidOf(tree[key], rest);
  return below === undefined ? undefined : [key, ...below];
}

/** What is allowed in the place of an override, and why. */
export function allowedText({ owned: { key, why }, wanted, instead }: Override): string {
  if (instead !== undefined) return `${instead}. ${why}`;
  if (key === undefined) return `${wanted === undefined ? "nothing" : shown(wanted)}: leave it out. ${why}`;
  return wanted === undefined
    ? `nothing: set ${key} instead. ${why}`
    : `${shown(wanted)}, as ${key} decides: set that, and leave this out. ${why}`;
}

/** A value in a message; what a program only knows later is not shown. */
export function shown(value: unknown): string {
  const text = typeof value === "object" && value !== null && !Array.isArray(value) && !isPlainTree(value);
  return text ? "a value of the program" : JSON.stringify(value);
}
