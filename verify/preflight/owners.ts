import {
  type Claim,
  type Claimant,
  type Owner,
  type OwnerMarks,
  type PlannedObject,
  claimedBy,
  objectText,
  ownerOf,
  stackAnnotation,
} from "../../mesh/ownership";
import { takeOverCommand } from "../../settings/commands";

/* What to do about what others own, in words: who gives it away, and what of that would work. */

/** An object that is there and that the stack may not make. */
export interface Foreign {
  object: PlannedObject;
  owner: Owner;
  /** Why it cannot become the stack's. */
  differences: string[];
}

/** How a stack changes a name that cannot change in place. */
export const moveFix =
  "to move it: pulumi destroy, change the name, then pulumi up, which is an outage (docs/environments.md)";

/** What to do about something that a stack has. Where the stack that asks is not known, it may be that one. */
export function leaveTo(stack: string, claimant?: Claimant): string {
  const own = claimant === undefined ? `if this is that stack, set the name back; ${moveFix}; else ` : "";
  return `${own}use that stack, or destroy it first, or use other names here; if it is gone without having been destroyed: ${takeOverCommand(stack, claimant?.owner)}`;
}

/** The same, of an object by its marks; undefined where no other stack has it. */
export function leaveToStack(marks: OwnerMarks, claimant: Claimant | undefined): string | undefined {
  const owner = ownerOf(marks, claimant ?? { owner: "" });
  return owner.by === "stack" ? leaveTo(owner.stack, claimant) : undefined;
}

export function groupedByOwner(foreign: readonly Foreign[]): Foreign[][] {
  const key = ({ object, owner, differences }: Foreign) =>
    `${JSON.stringify([owner, differences])} ${object.release ?? ""}`;
  return [...new Set(foreign.map(key))].map((one) => foreign.filter((candidate) => key(candidate) === one));
}

/** The problem and the fix of objects with one owner. */
export function explain(group: readonly Foreign[], claimant: Claimant, claims: readonly Claim[]): [string, string] {
  const { object, owner, differences } = group[0]!;
  const names = group.map((one) => objectText(one.object)).join(", ");
  const [belong, are, it] = group.length === 1 ? ["belongs", "is", "it"] : ["belong", "are", "them"];
  const would = object.release === undefined ? `the stack would overwrite ${it}` : `Helm refuses to install over ${it}`;
  switch (owner.by) {
    case "stack":
      return [`${names} ${belong} to stack ${owner.stack}: ${would}`, leaveTo(owner.stack, claimant)];
    case "release": {
      const [namespace, name] = owner.release.split("/");
      const stack = claimedBy(claims, owner.release);
      if (stack !== undefined && stack !== claimant.owner)
        return [
          `${names} ${belong} to Helm release ${owner.release} of stack ${stack}: ${would}`,
          leaveTo(stack, claimant),
        ];
      return [
        `${names} ${belong} to Helm release ${owner.release}: ${would}`,
        `agree with its owner, then: helm uninstall ${name} -n ${namespace}; or use other names here`,
      ];
    }
    case "ours":
    case "unmarked": {
      const remove = group.map((one) => kubectl("delete", one.object)).join("; ");
      if (differences.length > 0)
        return [
          `${names} ${are} there, and cannot become this stack's: ${differences.join("; ")}; that cannot be changed in place`,
          `agree with the owner, then remove ${it}: ${remove}; or use other names here`,
        ];
      const hand = group.map((one) => handOver(one.object, claimant.owner)).join("; ");
      return [
        `${names} ${are} there, and not this stack's: ${would}`,
        `agree with the owner, then remove ${it}: ${remove}; or hand ${it} over to this stack, which then overwrites and owns ${it}: ${hand}`,
      ];
    }
  }
}

function handOver(object: PlannedObject, claimant: string): string {
  const annotate = kubectl("annotate", object);
  if (object.release === undefined) return `${annotate} ${stackAnnotation}=${claimant}`;
  const [namespace, name] = object.release.split("/");
  const label = `${kubectl("label", object)} app.kubernetes.io/managed-by=Helm --overwrite`;
  return `${annotate} meta.helm.sh/release-name=${name} meta.helm.sh/release-namespace=${namespace}; ${label}`;
}

function kubectl(verb: string, { kind, group, namespace, name }: PlannedObject): string {
  const type = `${kind.toLowerCase()}${group === "" ? "" : `.${group}`}`;
  return `kubectl ${verb} ${type} ${name}${namespace === undefined ? "" : ` -n ${namespace}`}`;
}
