import { existsSync } from "node:fs";
import { join } from "node:path";
import type * as settingsModule from "../settings";
import type * as composition from "../stacks/encrypted-ingress";

/*
 * What a review takes from a program. The base's program is as old as the branch's first commit, so its modules are found by
 * layout: moving one of them adds a layout here, and the old ones stay, or a branch from before the move has no review.
 */

/** Where a version of the program has what a review needs; paths without their extension. */
export interface Layout {
  /** Exports `loadSettings` and `settingsSchema`. */
  settings: string;
  /** Exports `encryptedIngress`. */
  composition: string;
}

/** The newest first. */
export const layouts: readonly Layout[] = [
  { settings: "settings/index", composition: "stacks/encrypted-ingress" },
  // Up to the commit that gave the settings a folder of their own.
  { settings: "stacks/settings", composition: "stacks/encrypted-ingress" },
];

/** What every version of the program exports. */
export type Program = Pick<typeof settingsModule, "loadSettings" | "settingsSchema"> &
  Pick<typeof composition, "encryptedIngress">;

/** The layout of the program in a folder, in TypeScript or built; undefined where there is none. */
export function layoutOf(folder: string): Layout | undefined {
  const isThere = (path: string) => [".ts", ".js"].some((type) => existsSync(join(folder, `${path}${type}`)));
  return layouts.find(({ settings, composition: root }) => isThere(settings) && isThere(root));
}

/** Loads the program in a folder. */
export function loadProgram(folder: string): Program {
  const layout = layoutOf(folder);
  if (layout === undefined) {
    const known = layouts.map(({ settings, composition: root }) => `${settings} with ${root}`).join(", or ");
    throw new Error(`${folder} has no program that a review can load: it takes ${known}`);
  }
  const { loadSettings, settingsSchema } = load<typeof settingsModule>(folder, layout.settings);
  const { encryptedIngress } = load<typeof composition>(folder, layout.composition);
  return { loadSettings, settingsSchema, encryptedIngress };
}

function load<Module>(folder: string, path: string): Module {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return require(join(folder, path)) as Module;
}
