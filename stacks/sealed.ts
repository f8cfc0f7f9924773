import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../settings/schema";

/**
 * The settings with each secret among them as a secret Output, for the arguments of components. The type does not show that: the
 * schema lets secrets stand only where a component takes an Input (a test plants one in each such place).
 */
export function sealed(settings: Settings): Settings {
  const copy = structuredClone(settings);
  for (const path of copy.secretPaths ?? []) {
    const branch = path.slice(0, -1).reduce<Branch>((tree, key) => tree[key] as Branch, copy as unknown as Branch);
    const key = path.at(-1)!;
    branch[key] = pulumi.secret(branch[key]);
  }
  return copy;
}

type Branch = Record<string | number, unknown>;
