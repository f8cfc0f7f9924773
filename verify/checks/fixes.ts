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

/** Starts what runs in pods anew: by what made them, which makes them again. */
export function restarting(pods: readonly Pod[]): string {
  const commands = pods.map(({ metadata: { name, namespace, ownerReferences = [] } }) => {
    const [owner] = ownerReferences;
    switch (owner?.kind) {
      case "ReplicaSet":
        // A Deployment's, whose name it has, and a hash.
        return `kubectl -n ${namespace} rollout restart deployment ${owner.name.replace(/-[a-z0-9]+$/, "")}`;
      case "StatefulSet":
      case "DaemonSet":
        return `kubectl -n ${namespace} rollout restart ${owner.kind.toLowerCase()} ${owner.name}`;
      default:
        return `kubectl -n ${namespace} delete pod ${name}`;
    }
  });
  const distinct = [...new Set(commands)];
  const bare = distinct.some((command) => command.includes(" delete pod "));
  return `${distinct.join("; ")}${bare ? " (a pod that nothing makes again: whoever made it has to)" : ""}`;
}
