import { defined } from "../base/defined";

/** One revision of a Helm release, by the labels of its Secret. */
export interface Revision {
  namespace: string;
  name: string;
  revision: number;
  /** Helm's word: deployed, failed, superseded, pending-install, pending-upgrade, pending-rollback, uninstalling, uninstalled. */
  status: string;
  /** Whether Pulumi's kubernetes plugin wrote it. */
  byPulumi: boolean;
}

/** Revisions that Helm is to forget, and why. Their objects stay in the cluster, and the next installation takes them over. */
export interface Forget {
  namespace: string;
  name: string;
  revisions: number[];
  why: string;
}

/** Which releases are a stack's own; each `namespace/name`. */
export interface OwnReleases {
  /** In Pulumi's state. */
  inState: ReadonlySet<string>;
  /** In the stack's claim of the mesh: it was about to install them. */
  claimed: ReadonlySet<string>;
  /** An operation of the stack that never finished was making them, or they are of a stack that is gone (`takeOverFrom`). */
  named: ReadonlySet<string>;
  /** The user gives them to the stack. */
  adopted: ReadonlySet<string>;
  /** By release: another stack, whose claim lists it. */
  others: ReadonlyMap<string, string>;
}

/** A release under one of the stack's names that is not the stack's: it is left as it is. */
export interface ForeignRelease {
  namespace: string;
  name: string;
  why: string;
  /** The stack whose claim lists it. */
  owner?: string;
}

/**
 * What stands in the way of the next `pulumi up` after one that was cut off. Helm keeps its record of a release apart from
 * Pulumi's state, and a cut-off leaves the two at odds:
 * - a revision in the middle of something: Helm refuses to touch the release ("another operation is in progress");
 * - a revision that failed: the state knows it as one to be upgraded again, but only until a refresh, to which a failed
 *   release is as good as any other (pulumi-kubernetes 4.34, `Read` of a Release); recovering refreshes;
 * - a release that the state does not have, although the stack's own operation made it: Helm refuses to install it ("cannot
 *   re-use a name that is still in use").
 *
 * Helm is made to forget those records, never the objects: they carry the release's name, and Helm adopts such objects when it
 * installs the release again (since Helm 3.2), without a pod restarting.
 */
export function planRecovery(revisions: readonly Revision[], releases: OwnReleases): Forget[] {
  return byRelease(revisions).flatMap(({ id, own, last }) => {
    const { namespace, name, status } = last;
    if (foreignReason(id, last, releases) !== undefined) return [];
    const forget = (which: readonly Revision[], why: string): Forget[] => [
      { namespace, name, revisions: which.map(({ revision }) => revision), why },
    ];
    if (!releases.inState.has(id)) {
      if (status === "uninstalled") return [];
      const isBegun = releases.named.has(id) || releases.claimed.has(id);
      return forget(
        own,
        isBegun
          ? `is ${status}, but Pulumi does not know of it: the update that made it was cut off`
          : `is ${status}, and is given to this stack by --adopt`,
      );
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

/** Releases under the stack's names that nothing of the stack names: others installed them, and they are running. */
export function foreignReleases(revisions: readonly Revision[], releases: OwnReleases): ForeignRelease[] {
  return byRelease(revisions).flatMap(({ id, last }) => {
    const why = foreignReason(id, last, releases);
    const { namespace, name } = last;
    return why === undefined ? [] : [{ namespace, name, why, ...defined({ owner: releases.others.get(id) }) }];
  });
}

function foreignReason(
  id: string,
  { status, byPulumi }: Revision,
  { inState, claimed, named, adopted, others }: OwnReleases,
): string | undefined {
  if (inState.has(id) || status === "uninstalled") return undefined;
  // Only that stack, or one that takes over from it, gives a release away.
  const owner = others.get(id);
  if (owner !== undefined) return `is ${status}, and belongs to stack ${owner}, whose claim of the mesh lists it`;
  if (named.has(id) || adopted.has(id)) return undefined;
  if (!claimed.has(id)) return `is ${status}, and nothing of this stack names it: another owner installed it`;
  // The claim in the state came before the release. An operation of the stack made it that lost the cluster at its very end, and
  // could not write it down; or it was installed since by Helm's own command.
  return status === "deployed" && !byPulumi
    ? "is deployed, but not by Pulumi: it was installed under a name that this stack claims"
    : undefined;
}

function byRelease(revisions: readonly Revision[]) {
  const ids = [...new Set(revisions.map(({ namespace, name }) => `${namespace}/${name}`))].sort();
  return ids.map((id) => {
    const own = revisions
      .filter(({ namespace, name }) => `${namespace}/${name}` === id)
      .sort((a, b) => a.revision - b.revision);
    return { id, own, last: own.at(-1)! };
  });
}
