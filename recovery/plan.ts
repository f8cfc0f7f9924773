/** One revision of a Helm release, as the labels of its Secret tell it. */
export interface Revision {
  namespace: string;
  name: string;
  revision: number;
  /** Helm's word: deployed, failed, superseded, pending-install, pending-upgrade, pending-rollback, uninstalling, uninstalled. */
  status: string;
}

/** Revisions that Helm is to forget, and why. Their objects stay in the cluster, and the next installation takes them over. */
export interface Forget {
  namespace: string;
  name: string;
  revisions: number[];
  why: string;
}

/**
 * What stands in the way of the next `pulumi up` after one that was cut off. Helm keeps its record of a release apart from
 * Pulumi's state, and a cut-off leaves the two at odds:
 * - a revision in the middle of something: Helm refuses to touch the release ("another operation is in progress");
 * - a revision that failed: the state knows it as one to be upgraded again, but only until a refresh, to which a failed
 *   release is as good as any other (pulumi-kubernetes 4.34, `Read` of a Release); recovering refreshes;
 * - a release that the state does not have: Helm refuses to install it ("cannot re-use a name that is still in use").
 *
 * Helm is made to forget those records, never the objects: they carry the release's name, and Helm adopts such objects when it
 * installs the release again (since Helm 3.2), without a pod restarting.
 *
 * @param inState `namespace/name` of the releases in Pulumi's state
 */
export function planRecovery(revisions: readonly Revision[], inState: ReadonlySet<string>): Forget[] {
  const names = [...new Set(revisions.map(({ namespace, name }) => `${namespace}/${name}`))].sort();
  return names.flatMap((id) => {
    const own = revisions
      .filter(({ namespace, name }) => `${namespace}/${name}` === id)
      .sort((a, b) => a.revision - b.revision);
    const { namespace, name, status } = own.at(-1)!;
    const forget = (which: readonly Revision[], why: string): Forget[] => [
      { namespace, name, revisions: which.map(({ revision }) => revision), why },
    ];
    if (!inState.has(id)) {
      return status === "uninstalled"
        ? []
        : forget(own, `is ${status}, but Pulumi does not know of it: the update that made it was cut off`);
    }
    // What ran before stays deployed until an upgrade is through; only a cut between Helm's last two writes leaves none.
    const worked = own.findLastIndex((revision) => revision.status === "deployed");
    if (/^(pending-|failed$)/.test(status)) {
      const how = status === "failed" ? "failed" : "was cut off";
      return worked >= 0
        ? forget(own.slice(worked + 1), `is ${status}: the upgrade ${how}. What ran before counts again`)
        : forget(own, `is ${status}: the installation ${how}`);
    }
    if (status === "superseded") return forget(own, "is superseded, and the record of what superseded it is lost");
    return status === "uninstalling" ? forget(own, "is uninstalling: its removal was cut off") : [];
  });
}
