import type * as pulumi from "@pulumi/pulumi";
import { pathText } from "../base/encrypted";
import { type Values, mergeValues } from "../base/merge";
import { type Owned, type Path, allowedText, hiddenBranches, leafByLeaf, overridesOf, shown } from "../mesh/overrides";
import { oncePerKey } from "../settings/error";
import { ArgumentsError } from "./refusal";

export type { Owned, Path };

/**
 * The values of a chart: what its component makes, and over them those that are added. What an argument of the component decides,
 * or the rollout relies on, cannot be among the latter: mesh/owned-values.ts lists it.
 *
 * @param title of the component, for its error
 * @param read how the chart itself reads the values. @default as they are
 * @throws an {@link ArgumentsError} with all that is wrong
 */
export function ownValues(
  component: pulumi.Resource,
  title: string,
  owned: readonly Owned[],
  settled: Values,
  added: Values | undefined,
  { read = (values: Values) => values, made = settled }: { read?: (values: Values) => Values; made?: Values } = {},
): Values {
  const values = mergeValues(made, added);
  const hidden = hiddenBranches(settled, read(values)).map((path) => ({
    path,
    found: "an Output",
    allowed: leafByLeaf,
  }));
  const overridden = overridesOf(settled, read(values), owned).map(({ owned: one, ...override }) => ({
    path: override.path,
    found: override.found === undefined ? "taken away" : shown(override.found),
    allowed: allowedText({ ...override, owned: asArgument(one) }),
  }));
  const keyed = [...hidden, ...overridden].map(({ path, ...one }) => ({ key: `values.${pathText(path)}`, ...one }));
  const problems = oncePerKey(keyed);
  if (problems.length > 0) throw new ArgumentsError(component, title, problems);
  return values;
}

/** By the name that it has among the arguments of a component, which are those of a section of the settings. */
function asArgument(owned: Owned): Owned {
  if (owned.key === undefined) return owned;
  return {
    ...owned,
    key: owned.key.replace(/^(istio|gateway|kiali|prometheus)\./, "").replace(/^namespace\.name$/, "namespace"),
  };
}
