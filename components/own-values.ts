import * as pulumi from "@pulumi/pulumi";
import { pathText } from "../base/encrypted";
import { type Values, mergeValues } from "../base/merge";
import { type Owned, type Path, allowedText, overridesOf, shown } from "../mesh/overrides";

export type { Owned, Path };

/**
 * The values of a chart: what its component makes, and over them those that are added. What an argument of the component decides,
 * or the rollout relies on, cannot be among the latter: mesh/owned-values.ts lists it.
 *
 * @param read how the chart itself reads the values. @default as they are
 */
export function ownValues(
  component: pulumi.Resource,
  owned: readonly Owned[],
  settled: Values,
  added: Values | undefined,
  { read = (values: Values) => values, made = settled }: { read?: (values: Values) => Values; made?: Values } = {},
): Values {
  const values = mergeValues(made, added);
  const [override] = overridesOf(settled, read(values), owned);
  if (override === undefined) return values;
  const found = override.found === undefined ? "taken away" : shown(override.found);
  throw new pulumi.ResourceError(
    `values.${pathText(override.path)} is ${found}; it must be ${allowedText(override)}`,
    component,
  );
}
