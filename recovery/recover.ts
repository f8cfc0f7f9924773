import type { Stack } from "@pulumi/pulumi/automation";
import { type Cluster, openCluster } from "../cluster/client";
import { helmRevisions } from "../cluster/helm-releases";
import { expectedReleases } from "../settings/expected";
import type { Settings } from "../settings/schema";
import { RecoveryError } from "./error";
import { type Forget, type Revision, planRecovery } from "./plan";

/** What a cut-off update left behind. */
export interface Recovery {
  /** Records that Helm is to forget. */
  forget: Forget[];
  /** Operations that the engine began and never finished, as `type name`. */
  pending: string[];
}

interface Deployment {
  resources?: { type: string; id?: string }[];
  pending_operations?: { type: string; resource: { urn: string } }[];
}

/** Looks at what a cut-off update left behind. Changes nothing. */
export async function inspect(stack: Stack, settings: Settings): Promise<Recovery> {
  const exported = (await stack.exportStack()) as { deployment?: Deployment };
  const { resources = [], pending_operations: pending = [] } = exported.deployment ?? {};
  const inState = new Set(
    resources.flatMap(({ type, id }) => (type === "kubernetes:helm.sh/v3:Release" && id ? [id] : [])),
  );
  return {
    forget: planRecovery(await revisions(open(settings), settings), inState),
    pending: pending.map(({ type, resource }) => `${type} ${resource.urn.split("::").slice(2).join(" ")}`),
  };
}

/**
 * Puts right what {@link inspect} found, so that the next `pulumi up` can go on: releases the stack's lock, makes Helm forget,
 * and refreshes the state. No object of the rollout is deleted.
 *
 * @throws if an update of the stack really is running elsewhere, that update fails at its next step: ask before.
 */
export async function recover(stack: Stack, settings: Settings, recovery: Recovery): Promise<void> {
  const cluster = open(settings);
  await unlock(stack);
  for (const { namespace, name, revisions: numbers } of recovery.forget)
    for (const number of numbers)
      await cluster.remove(`/api/v1/namespaces/${namespace}/secrets/sh.helm.release.v1.${name}.v${number}`);
  await stack.refresh({ clearPendingCreates: true });
}

async function unlock(stack: Stack): Promise<void> {
  try {
    await stack.cancel();
  } catch (error) {
    // Nothing to cancel is fine; every backend says it in its own words. A lock that stays makes the refresh fail, and say so.
    if (
      !/no update in progress|not (currently )?(running|locked)|conflict|nothing to cancel/i.test(
        (error as Error).message,
      )
    )
      throw error;
  }
}

function open(settings: Settings): Cluster {
  const cluster = openCluster(settings);
  if ("problem" in cluster) throw new RecoveryError("cluster-unreachable", cluster.problem, cluster.fix, [cluster]);
  return cluster;
}

/** Every revision of the releases that the stack installs. */
async function revisions(cluster: Cluster, settings: Settings): Promise<Revision[]> {
  const expected = expectedReleases(settings);
  const namespaces = [...new Set(expected.map(({ namespace }) => namespace))];
  const found = await Promise.all(
    namespaces.map(async (namespace) =>
      (await helmRevisions(cluster, namespace)).flatMap((revision): Revision[] =>
        expected.some((release) => release.name === revision.name && release.namespace === namespace)
          ? [{ namespace, ...revision }]
          : [],
      ),
    ),
  );
  return found.flat();
}
