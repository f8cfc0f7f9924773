import type { Pod } from "../../cluster/kinds";
import { ifRead } from "../facts";
import type { ClusterView } from "../view";

/* Commands of fixes. test/faults/fixes.test.ts runs every command of a fix as it stands here. */

/**
 * Puts back what somebody changed in an object of a Helm release, or deleted. An update of Pulumi does not, nor does its refresh:
 * they compare what the release was asked for, and not the objects that it made.
 */
export function restoring({ releases }: Pick<ClusterView, "releases">, namespace: string, name: string): string {
  const read = releases[namespace];
  const release = ifRead(read)?.find((one) => one.name === name);
  if (read?.state === "unreadable")
    return `have Helm put it back, by the latest revision of its release: helm history ${name} -n ${namespace}`;
  if (release?.status !== "deployed") return `put its release right first (${name}): see releases/deployed`;
  return `have Helm put it back: helm rollback ${name} ${release.revision} -n ${namespace}`;
}

/** The same for what the stack may have been changed to, without an update since. */
export function updating(view: Pick<ClusterView, "releases">, namespace: string, name: string): string {
  return `if the stack was changed since, run pulumi up; else ${restoring(view, namespace, name)}`;
}

/** What makes a pod again; without a kind, the pod itself, which nothing does. */
export interface Maker {
  kind?: "Deployment" | "StatefulSet" | "DaemonSet";
  name: string;
}

/** By its owner; a ReplicaSet is a Deployment's, whose name it has, and a hash. */
export function makerOf({ metadata: { name, ownerReferences = [] } }: Pod): Maker {
  const [owner] = ownerReferences;
  switch (owner?.kind) {
    case "ReplicaSet":
      return { kind: "Deployment", name: owner.name.replace(/-[a-z0-9]+$/, "") };
    case "StatefulSet":
    case "DaemonSet":
      return { kind: owner.kind, name: owner.name };
    default:
      return { name };
  }
}

/** Starts what runs in pods anew: by what made them, which makes them again. */
export function restarting(pods: readonly Pod[]): string {
  const commands = pods.map((pod) => {
    const { kind, name } = makerOf(pod);
    const what = kind === undefined ? `delete pod ${name}` : `rollout restart ${kind.toLowerCase()} ${name}`;
    return `kubectl -n ${pod.metadata.namespace} ${what}`;
  });
  const distinct = [...new Set(commands)];
  const bare = distinct.some((command) => command.includes(" delete pod "));
  return `${distinct.join("; ")}${bare ? " (a pod that nothing makes again: whoever made it has to)" : ""}`;
}
