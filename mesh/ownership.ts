import { defined } from "../base/defined";
import { formerGatewayHostName } from "./enroute";
import type { FixedFields } from "./immutability";
import { injectionLabelKeys } from "./injection";
import { titleOf } from "./object";

/*
 * Who owns an object of the cluster. A stack marks everything that it makes, and claims the mesh as a whole in the root
 * namespace; what carries no mark is the stack's where its state holds it, and somebody else's otherwise.
 */

/** Label on every namespace and mesh CA that we create. Stacks rolled out by early versions have no other mark. */
export const ownerLabel = "app.kubernetes.io/managed-by";
export const ownerValue = "enroute-istio";

/** Annotation on every object that a stack makes, and on its claim: `organization/project/stack`. */
export const stackAnnotation = "enroute-istio/stack";

/** Annotation by which the Kubernetes provider takes the name of a field manager. */
export const fieldManagerAnnotation = "pulumi.com/patchFieldManager";

/** ConfigMap in the mesh's root namespace by which a stack claims the mesh. */
export const claimName = "enroute-istio-owner";

/** Annotation of the claim: the Helm releases of the stack, `namespace/name` each, separated by blanks. */
export const releasesAnnotation = "enroute-istio/releases";

/** An object in a cluster: what tells it from every other. The version of its API does not. */
export interface ObjectName {
  kind: string;
  /** Group of its API; empty for the core group. */
  group: string;
  /** Missing for what is cluster-wide. */
  namespace?: string;
  name: string;
}

/** `Kind namespace/name`. */
export function objectText({ kind, namespace, name }: ObjectName): string {
  return titleOf({ kind, metadata: defined({ name, namespace }) });
}

/** Whether two names are of one object. */
export function isSameObject(a: ObjectName, b: ObjectName): boolean {
  return a.kind === b.kind && a.group === b.group && a.namespace === b.namespace && a.name === b.name;
}

/** What the state of a stack holds. */
export interface HeldObject extends ObjectName {
  /** Only fields of an object that somebody else owns (`NamespacePatch`), or not even those: one that is only read. */
  patch: boolean;
  /** Name under which the API server lists the fields that the stack set. */
  fieldManager?: string;
  /** Pulumi's name of the resource. */
  urn: string;
}

export interface Held {
  objects: HeldObject[];
  /** Helm releases, `namespace/name`. */
  releases: string[];
}

/** What of an object's metadata tells its owner. */
export interface OwnerMarks {
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** The stack that asks, as far as ownership goes. */
export interface Claimant {
  owner: string;
  /** Another stack that is gone, whose objects this one takes over. */
  takeOverFrom?: string;
}

/**
 * Who owns an object, by its marks: this stack (`ours`), another one (`stack`), a Helm release, or nobody who left a name
 * (`unmarked`). What is unmarked is decided by the state alone.
 */
export type Owner =
  { by: "ours" } | { by: "stack"; stack: string } | { by: "release"; release: string } | { by: "unmarked" };

export function ownerOf({ labels = {}, annotations = {} }: OwnerMarks, claimant: Claimant): Owner {
  const mark = annotations[stackAnnotation];
  if (mark !== undefined)
    return mark === claimant.owner || mark === claimant.takeOverFrom ? { by: "ours" } : { by: "stack", stack: mark };
  const release = helmOwner({ labels, annotations });
  return release === undefined ? { by: "unmarked" } : { by: "release", release };
}

/** The Helm release that may touch an object, `namespace/name`: Helm asks for all three marks. */
export function helmOwner({ labels = {}, annotations = {} }: OwnerMarks): string | undefined {
  const name = annotations["meta.helm.sh/release-name"];
  if (name === undefined || labels[ownerLabel] !== "Helm") return undefined;
  return `${annotations["meta.helm.sh/release-namespace"] ?? ""}/${name}`;
}

/** A stack's claim of a mesh. */
export interface Claim {
  owner: string;
  /** Helm releases, `namespace/name`. */
  releases: string[];
}

/** The claim in a ConfigMap's annotations; undefined where it is none. */
export function claimOf({ annotations = {} }: OwnerMarks): Claim | undefined {
  const owner = annotations[stackAnnotation];
  const releases = annotations[releasesAnnotation] ?? "";
  return owner === undefined ? undefined : { owner, releases: releases.split(" ").filter((text) => text !== "") };
}

/** The claim as annotations; the mark itself is put on everything of a stack. */
export function claimAnnotations(releases: readonly string[]): Record<string, string> {
  return { [releasesAnnotation]: [...releases].sort().join(" ") };
}

/** The stack's name everywhere: what a backend tells apart. */
export function ownerName({ organization, project, stack }: Record<"organization" | "project" | "stack", string>) {
  return `${organization}/${project}/${stack}`;
}

/** Whether a mark is a stack's. A stack whose organization is not known is written with `*` in its place. */
export function isStack(mark: string, stack: string): boolean {
  return mark === stack || (stack.startsWith("*/") && mark.slice(mark.indexOf("/")) === stack.slice(1));
}

/** A label that stands against those that a stack would set. */
export interface LabelConflict {
  key: string;
  value: string;
  /** What the stack sets; undefined where it sets another label, with which this one does not go together. */
  wanted: string | undefined;
}

/** An object that a state holds, and the mark that it had when the state was written. */
export interface RememberedObject extends HeldObject {
  apiVersion: string;
  mark?: string;
}

/** A stack that took an object over since a state was written: its mark is another one now. Undefined where none did. */
export function newOwner(
  { mark }: Pick<RememberedObject, "mark">,
  { annotations = {} }: OwnerMarks,
): string | undefined {
  const now = annotations[stackAnnotation];
  return now === mark ? undefined : now;
}

interface ManagedFields {
  manager?: string;
  fieldsV1?: object;
}

/**
 * Labels of a namespace that somebody else chose, and that a stack would change or contradict. One that has the same value
 * stays its owner's: the API server keeps it when the stack leaves.
 *
 * @param isOurs whether a field manager is this stack
 */
export function labelConflicts(
  live: OwnerMarks & { managedFields?: readonly ManagedFields[] },
  wanted: Record<string, string>,
  isOurs: (manager: string) => boolean,
): LabelConflict[] {
  const { labels = {}, managedFields = [] } = live;
  const isMember = injectionLabelKeys.some((key) => key in wanted);
  const keys = new Set([...Object.keys(wanted), ...(isMember ? injectionLabelKeys : [])]);
  return [...keys].flatMap((key) => {
    const value = labels[key];
    if (value === undefined || value === wanted[key]) return [];
    const managers = managedFields.filter((entry) => hasLabel(entry, key)).map(({ manager }) => manager ?? "");
    const isOnlyOurs = managers.length > 0 && managers.every(isOurs);
    return isOnlyOurs ? [] : [{ key, value, wanted: wanted[key] }];
  });
}

function hasLabel({ fieldsV1 }: ManagedFields, key: string): boolean {
  const fields = fieldsV1 as { "f:metadata"?: { "f:labels"?: Record<string, unknown> } } | undefined;
  return `f:${key}` in (fields?.["f:metadata"]?.["f:labels"] ?? {});
}

/** Pulumi's own name of what the program makes. */
export interface RegisteredAs {
  type: string;
  name: string;
}

/** A Helm release that the program would install. */
export interface PlannedRelease {
  registered?: RegisteredAs;
  name: string;
  namespace: string;
  chart: string;
  version: string;
  repository?: string;
  /** How to log in to it. */
  access?: { username?: string; password?: string; caFile?: string };
  values: Record<string, unknown>;
}

/** An object that the program, or the chart of one of its releases, would make. */
export interface PlannedObject extends ObjectName {
  apiVersion: string;
  /** `namespace/name` of the release whose chart makes it; undefined where the program does. */
  release?: string;
  registered?: RegisteredAs;
  /** What of it cannot be changed in place; nothing else of it is kept. */
  fixed?: FixedFields;
}

export interface Planned {
  objects: PlannedObject[];
  releases: PlannedRelease[];
}

/** What a stack holds and would no longer make, as `Kind namespace/name`. What it only patches is somebody else's. */
export function leftovers(held: Held, planned: Planned): string[] {
  const name = ({ namespace, name: own }: { namespace?: string; name: string }) =>
    namespace === undefined ? own : `${namespace}/${own}`;
  const made = planned.objects.flatMap((object) => {
    // One that an early version made keeps its name.
    const names = object.kind === "GatewayHost" ? [object.name, formerGatewayHostName(object.name)] : [object.name];
    return names.map((one) => `${object.group} ${object.kind} ${name({ ...object, name: one })}`);
  });
  const releases = planned.releases.map(name);
  return [
    ...held.objects
      .filter((object) => !object.patch && !made.includes(`${object.group} ${object.kind} ${name(object)}`))
      .map((object) => `${object.kind} ${name(object)}`),
    ...held.releases.filter((release) => !releases.includes(release)).map((release) => `Release ${release}`),
  ];
}

/** Releases of a stack that its program would make under another namespace. */
export function movedReleases(held: Held, planned: Planned): { name: string; from: string; to: string }[] {
  const ids = planned.releases.map(({ namespace, name }) => `${namespace}/${name}`);
  const left = held.releases.filter((id) => !ids.includes(id)).map((id) => id.split("/") as [string, string]);
  return planned.releases.flatMap(({ name, namespace: to }) =>
    held.releases.includes(`${to}/${name}`)
      ? []
      : left.flatMap(([from, former]) => (former === name ? [{ name, from, to }] : [])),
  );
}

/** The stack whose claim lists a Helm release, `namespace/name`. */
export function claimedBy(claims: readonly Claim[], release: string): string | undefined {
  return claims.find(({ releases }) => releases.includes(release))?.owner;
}

/** Why an object that is there may not be made, in words; undefined where it is the stack's own. */
export function foreignOwner(
  planned: PlannedObject,
  live: OwnerMarks,
  claimant: Claimant,
  held: Held,
): Exclude<Owner, { by: "ours" }> | undefined {
  const owner = ownerOf(live, claimant);
  // Helm goes by its own marks, and refuses an object that has none.
  if (planned.release !== undefined)
    return owner.by === "release" && owner.release === planned.release
      ? undefined
      : owner.by === "ours"
        ? { by: "unmarked" }
        : owner;
  if (owner.by === "ours") return undefined;
  const isHeld = held.objects.some((object) => !object.patch && isSameObject(object, planned));
  // The mark of another stack counts even where our state has the object: early versions let two stacks hold one.
  return owner.by === "unmarked" && isHeld ? undefined : owner;
}

/**
 * Why a program without a preflight may not make an object that is there, with what to do; undefined where it may. A namespace is never
 * taken over unasked, not even with the program's mark: the engine may be about to delete it under another name of the component.
 *
 * @param isAdopted of a namespace: it was asked to take it over
 */
export function takeOverProblem(
  object: ObjectName,
  live: OwnerMarks,
  claimant: Claimant,
  isAdopted: boolean,
): string | undefined {
  const owner = ownerOf(live, claimant);
  const title = objectText(object);
  const whose = { ours: "this stack's mark", unmarked: "no mark of this stack" };
  const has =
    owner.by === "stack"
      ? `it is stack ${owner.stack}'s`
      : owner.by === "release"
        ? `it is Helm release ${owner.release}'s`
        : `it has ${whose[owner.by]}`;
  if (object.kind === "Namespace" && object.group === "") {
    if (isAdopted && owner.by !== "stack") return undefined;
    const fix =
      owner.by === "stack"
        ? 'set its "create" to false, there or here: two stacks never own one namespace'
        : 'set its "create" to false: it is labelled only, and stays behind on destroy; or to "adopt": destroy deletes it with everything in it';
    const renamed =
      owner.by === "ours" ? "; if the component has another name now, give it an alias with the one before" : "";
    return `${title} exists already, and is not to be taken over unasked, as destroy would delete it with everything in it (${has}); ${fix}${renamed}`;
  }
  if (owner.by === "ours") return undefined;
  const fix = "use other names here, or agree with its owner and remove it";
  const hand = `, or hand it over: set its annotation ${stackAnnotation} to ${claimant.owner}`;
  return `${title} exists already, and would be overwritten (${has}); ${fix}${owner.by === "unmarked" && claimant.owner !== "" ? hand : ""}`;
}
