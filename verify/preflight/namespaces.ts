import type { Named } from "../../cluster/kinds";
import {
  type Held,
  type LabelConflict,
  type Owner,
  labelConflicts,
  ownerLabel,
  ownerOf,
  ownerValue,
} from "../../mesh/ownership";
import { revisionLabel } from "../../mesh/injection";
import { type WantedNamespace, wantedNamespaces } from "../../settings/expected";
import { valueOf } from "../checks/reading";
import { type PreflightCheck, type PreflightContext, type PreflightFacts, preflightCheck } from "./define";
import { heldOf } from "./stack-view";

export type NamespaceObject = Named & {
  metadata: { managedFields?: { manager?: string; fieldsV1?: object }[] };
  status?: { phase?: string };
};

type Facts = Pick<PreflightFacts, "namespaces" | "held">;

interface SeenNamespace {
  wanted: WantedNamespace;
  found: NamespaceObject["metadata"] | undefined;
}

function seenNamespaces(facts: Facts, { settings }: PreflightContext): SeenNamespace[] {
  return wantedNamespaces(settings).map((wanted) => ({
    wanted,
    found: valueOf(facts.namespaces[wanted.name], `namespace ${wanted.name}`)?.metadata,
  }));
}

/** Those that are there and stay, with their owners. What is wrong with one that does not is `cluster/namespaces`. */
function presentNamespaces(facts: Facts, context: PreflightContext) {
  return seenNamespaces(facts, context).flatMap(({ wanted, found }) => {
    if (found === undefined || found.deletionTimestamp !== undefined) return [];
    const owner = namespaceOwner(found, facts, context);
    return isRefused(wanted, owner) ? [] : [{ wanted, metadata: found, isOurs: owner.by === "ours" }];
  });
}

function isRefused({ create }: WantedNamespace, { by }: Owner): boolean {
  return (by === "stack" && create !== false) || (by !== "ours" && create === true);
}

/** Who owns a namespace. The mark of early versions names no stack: there the state decides, where it can be asked. */
function namespaceOwner(metadata: NamespaceObject["metadata"], { held }: Facts, { claimant }: PreflightContext): Owner {
  const isMade = metadata.labels?.[ownerLabel] === ownerValue;
  if (claimant === undefined) return isMade ? { by: "ours" } : { by: "unmarked" };
  const owner = ownerOf(metadata, claimant);
  if (owner.by !== "unmarked" || !isMade) return owner;
  return namespacesOf(heldOf(held), metadata.name).some(({ patch }) => !patch) ? { by: "ours" } : owner;
}

function namespacesOf({ objects }: Held, name: string) {
  return objects.filter((object) => object.kind === "Namespace" && object.name === name);
}

const namespaces = preflightCheck({
  id: "cluster/namespaces",
  title: "namespaces exist exactly where the stack expects them",
  needs: ["namespaces", "held"],
  subject: "namespaces",
  fix: "set create of that namespace as it is in the cluster",
  docs: {
    meaning:
      "a namespace exists that the stack is to create, is missing although it should exist, belongs to another stack, or is being deleted",
    fix: "set its `create`, or create it",
  },
  run(facts, context, problem) {
    const seen = seenNamespaces(facts, context).map(({ wanted, found }) => {
      const { key, name, create } = wanted;
      const subject = `Namespace ${name}`;
      if (found === undefined) {
        if (create === false)
          problem(`namespace ${name} does not exist, and ${key}.create is false`, {
            subject,
            fix: `create it, or set ${key}.create to true`,
          });
        return `${name} to be created`;
      }
      if (found.deletionTimestamp !== undefined) {
        problem(`namespace ${name} is being deleted`, {
          subject,
          fix: `wait until it is gone; if it stays, an object in it holds it back: kubectl describe namespace ${name}`,
        });
        return "";
      }
      const owner = namespaceOwner(found, facts, context);
      if (isRefused(wanted, owner))
        problem(
          owner.by === "stack"
            ? `namespace ${name} belongs to stack ${owner.stack}, and ${key} asks to create it`
            : `namespace ${name} exists already, and ${key} asks to create it`,
          {
            subject,
            fix:
              owner.by === "stack"
                ? `set ${key}.create to false here, or there first; two stacks never own one namespace`
                : `set ${key}.create to false: it is then labelled only, and left behind by destroy; or to adopt: it becomes this stack's, and destroy deletes it with everything in it`,
          },
        );
      return `${name} exists`;
    });
    return seen.join(", ");
  },
});

const handOver = preflightCheck({
  id: "cluster/hand-over",
  title: "no namespace changes hands by this update",
  severity: "warning",
  needs: ["namespaces", "held"],
  subject: "namespaces",
  fix: "nothing to do, if that is meant",
  docs: {
    meaning: "a namespace is handed over or taken over by this update (`create`)",
    fix: "nothing, if that is meant; else set its `create` back",
  },
  run(facts, context, problem) {
    const present = presentNamespaces(facts, context);
    for (const { wanted, isOurs } of present) {
      const { key, name, create } = wanted;
      const subject = `Namespace ${name}`;
      if (create === false && isOurs)
        problem(
          `namespace ${name} is handed over, as ${key}.create is false: it stays with everything in it, and destroy no longer deletes it`,
          { subject, fix: "nothing to do; adopt instead of false takes it back" },
        );
      if (create === "adopt" && !isOurs)
        problem(
          `namespace ${name} exists and is taken over, as ${key}.create is adopt: destroy deletes it with everything in it`,
          { subject, fix: "set it to false to leave it to its owner" },
        );
    }
    return present.length === 0
      ? "none of them is there yet"
      : present.map(({ wanted: { name }, isOurs }) => `${name} is ${isOurs ? "ours" : "its owner's"}`).join(", ");
  },
});

const labels = preflightCheck({
  id: "cluster/namespace-labels",
  title: "no label of a namespace stands against those of the stack",
  needs: ["namespaces", "held"],
  subject: "namespaces",
  fix: "agree with its owner, then remove it",
  docs: {
    meaning:
      "a namespace has a label that its owner chose, and the stack would change or contradict it; in a namespace of the stack's own a warning",
    fix: "agree with its owner, then remove it: `kubectl label namespace <name> <label>-`",
  },
  run(facts, context, problem) {
    const present = presentNamespaces(facts, context);
    for (const { wanted, metadata, isOurs } of present) {
      const managers = fieldManagers(metadata, wanted, facts, context);
      const conflicts = labelConflicts(metadata, wanted.labels, (manager) => managers.has(manager));
      // What a hand changed in a namespace of ours is put right; a label that we never set is left alone there, too.
      for (const conflict of isOurs ? conflicts.filter((one) => one.wanted === undefined) : conflicts)
        problem(conflictText(wanted, conflict), {
          subject: `Namespace ${wanted.name}`,
          severity: isOurs ? "warning" : "error",
          fix: conflictFix(wanted, conflict),
        });
    }
    return present.length === 0 ? "none of them is there yet" : present.map(({ wanted: { name } }) => name).join(", ");
  },
});

function conflictText({ name }: WantedNamespace, { key: label, value, wanted }: LabelConflict): string {
  const means =
    value === "disabled"
      ? "its team keeps its pods out of the mesh"
      : wanted === undefined
        ? "with both labels Istio obeys istio-injection alone"
        : "somebody else chose that";
  return `namespace ${name} has the label ${label}=${value}${wanted === undefined ? "" : `, and the stack would set ${wanted}`}: ${means}`;
}

function conflictFix({ key, name }: WantedNamespace, { key: label, value }: LabelConflict): string {
  const follow = label === revisionLabel ? `; or go by it: ${key}.injection: { revision: ${value} }` : "";
  return `agree with its owner, then remove it: kubectl label namespace ${name} ${label}-${follow}`;
}

/** Names under which the API server lists the labels that the stack itself has set on a namespace. */
function fieldManagers(
  metadata: NamespaceObject["metadata"],
  { labels: wanted }: WantedNamespace,
  { held }: Facts,
  { claimant }: PreflightContext,
): Set<string> {
  // Without a conflict, nobody has to be asked.
  if (claimant === undefined || labelConflicts(metadata, wanted, () => false).length === 0) return new Set();
  const own = namespacesOf(heldOf(held), metadata.name);
  // A namespace that was created without server-side apply lists the plugin's own name.
  return new Set(own.flatMap(({ fieldManager = "" }) => [fieldManager, "pulumi-kubernetes"]));
}

/** Whether the namespaces are there where the stack expects them, and are its own where it would delete them. */
export const namespacesChecks: readonly PreflightCheck[] = [namespaces, handOver, labels];
