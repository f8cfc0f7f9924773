import { type Cluster, messageOf } from "../../cluster/client";
import { configMapsNamed } from "../../cluster/config-maps";
import type { Named } from "../../cluster/kinds";
import {
  type Claim,
  type Claimant,
  type Held,
  type Planned,
  type PlannedObject,
  type PlannedRelease,
  claimName,
  claimOf,
  isSameObject,
} from "../../mesh/ownership";
import { baseWithout, istioDefinitions } from "../../mesh/istio-definitions";
import type { Settings } from "../../settings/schema";
import { CannotTell } from "../check";
import { type LiveObject, definitionsOf, differencesOf, existing, lookUp } from "./lookup";

/* What a stack holds and would make, and what of that is in the cluster. */

/** The stack that a preflight is for. Without it, only marks tell what is its own. */
export interface StackView {
  /** `organization/project/stack`. */
  owner: string;
  /** Folder that its provider runs in; without it, nobody checks whether it finds the same cluster there. */
  providerFolder?: string;
  /** What its state holds. */
  held: () => Promise<Held>;
  /** What its program would make. */
  planned: () => Promise<Planned>;
  /** What the chart of a release would make. */
  rendered: (release: PlannedRelease) => Promise<PlannedObject[]>;
}

export function claimantOf(
  { owner }: Pick<StackView, "owner">,
  { takeOverFrom }: Pick<Settings, "takeOverFrom">,
): Claimant {
  return takeOverFrom === "" ? { owner } : { owner, takeOverFrom };
}

/** The state of the stack cannot be read: what is its own cannot be told. */
export class StateUnreadable extends Error {}

/** What the state of the stack holds, or why that is not known. Undefined where no stack is given. */
export type HeldState = { held: Held } | { unknown: string } | undefined;

export async function readHeld(stack: StackView | undefined): Promise<HeldState> {
  if (stack === undefined) return undefined;
  try {
    return { held: await stack.held() };
  } catch (error) {
    if (error instanceof StateUnreadable) return { unknown: error.message };
    throw error;
  }
}

/** What the state holds; nothing where no stack is given. One that cannot be read leaves a check undecided. */
export function heldOf(state: HeldState): Held {
  if (state === undefined) return { objects: [], releases: [] };
  if ("unknown" in state) throw new CannotTell("the state of the stack cannot be read", "see ownership/state");
  return state.held;
}

export async function readClaim(cluster: Cluster, { istio }: Settings): Promise<Claim | undefined> {
  const path = `/api/v1/namespaces/${istio.namespace.name}/configmaps/${claimName}`;
  return claimOf((await existing<Named>(cluster, path))?.metadata ?? {});
}

/** The claims of every mesh in the cluster. */
export async function readMeshClaims(cluster: Cluster, { istio }: Settings): Promise<Claim[]> {
  const found = await configMapsNamed(cluster, claimName, istio.namespace.name);
  return found.flatMap((metadata) => claimOf(metadata) ?? []);
}

/** What the rollout would make, compared with the cluster. */
export interface Comparison {
  /** How many objects were looked for. */
  asked: number;
  /** Those that are there, and why one cannot become what is planned. */
  live: (LiveObject & { differences: string[] })[];
  /** Releases that the state does not have yet, `namespace/name`. */
  fresh: string[];
  /** Charts that could not be rendered, and why. */
  unrendered: { release: PlannedRelease; reason: string }[];
}

export const releaseId = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}/${name}`;

const isIstioBase = ({ name }: PlannedRelease) => name === "istio-base";

/** Istio's CRDs that the cluster does not have: nobody owns them, so that they need not be rendered. */
async function missingDefinitions(cluster: Cluster): Promise<string[]> {
  const names = new Set((await definitionsOf(cluster)).map(({ metadata }) => metadata.name));
  return istioDefinitions.filter((name) => !names.has(name));
}

/** Looks up everything that the program would make, and the charts of releases that the state does not have. */
export async function compare(
  cluster: Cluster,
  { rendered }: StackView,
  { objects, releases }: Planned,
  held: Held,
): Promise<Comparison> {
  // The objects of a release that the state has are Helm's own matter.
  const fresh = releases.filter((release) => !held.releases.includes(releaseId(release)));
  const unrendered: Comparison["unrendered"] = [];
  const missing = fresh.some(isIstioBase) ? await missingDefinitions(cluster) : [];
  const made = await Promise.all(
    fresh.map((release) =>
      rendered(isIstioBase(release) ? { ...release, values: baseWithout(missing, release.values) } : release).catch(
        (error: unknown) => {
          unrendered.push({ release, reason: messageOf(error).split("\n")[0]! });
          return [];
        },
      ),
    ),
  );
  // Namespaces are judged by their settings.
  const planned = [...objects.filter(({ kind }) => kind !== "Namespace"), ...made.flat()];
  const isHeld = (object: PlannedObject) =>
    object.release === undefined && held.objects.some((own) => !own.patch && isSameObject(own, object));
  const live = await Promise.all(
    (await lookUp(cluster, planned)).map(async (one) => ({
      ...{ object: one.object, metadata: one.metadata },
      // Where the state has an object, the engine replaces it.
      differences: isHeld(one.object) ? [] : await differencesOf(cluster, one),
    })),
  );
  return { asked: planned.length, live, fresh: fresh.map(releaseId), unrendered };
}
