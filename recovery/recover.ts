import type { Stack } from "@pulumi/pulumi/automation";
import type { Finding } from "../base/issue";
import { type Cluster, type ClusterError, isAbsent, openCluster, unreachable } from "../cluster/client";
import { helmRevisions } from "../cluster/helm-releases";
import type { Named } from "../cluster/kinds";
import { claimName, claimOf } from "../mesh/ownership";
import { expectedReleases } from "../settings/expected";
import type { Settings } from "../settings/schema";
import { RecoveryError } from "./error";
import {
  type Forget,
  type ForeignRelease,
  type OwnReleases,
  type Revision,
  foreignReleases,
  planRecovery,
} from "./plan";

/** What a cut-off update left behind. */
export interface Recovery {
  /** Records that Helm is to forget. */
  forget: Forget[];
  /** Operations that the engine began and never finished, as `type name`. */
  pending: string[];
  /** Releases under the stack's names that are not the stack's: left as they are. Missing where there are none. */
  foreign?: ForeignRelease[];
}

interface Deployment {
  resources?: { type: string; id?: string; outputs?: { metadata?: Named["metadata"] } }[];
  pending_operations?: { type: string; resource: { urn: string } }[];
}

/**
 * Finds what a killed update left behind. Changes nothing.
 *
 * @param adopt releases, `namespace/name`, that the stack is to have although nothing of it names them
 */
export async function inspect(stack: Stack, settings: Settings, adopt: readonly string[] = []): Promise<Recovery> {
  const exported = (await stack.exportStack()) as { deployment?: Deployment };
  const { pending_operations: pending = [] } = exported.deployment ?? {};
  const cluster = await open(settings);
  const [all, gone] = await Promise.all([revisions(cluster, settings), takenOver(cluster, settings)]);
  const own = ownReleases(exported.deployment ?? {}, settings);
  const releases: OwnReleases = { ...own, named: new Set([...own.named, ...gone, ...adopt]) };
  const foreign = foreignReleases(all, releases);
  return {
    forget: planRecovery(all, releases),
    ...(foreign.length === 0 ? {} : { foreign }),
    pending: pending.map(({ type, resource }) => `${type} ${resource.urn.split("::").slice(2).join(" ")}`),
  };
}

/** Makes Helm forget what {@link inspect} found. No object of the rollout is deleted. */
export async function forget(settings: Settings, recovery: Recovery): Promise<void> {
  const cluster = await open(settings);
  for (const { namespace, name, revisions: numbers } of recovery.forget)
    for (const number of numbers)
      await cluster.remove(`/api/v1/namespaces/${namespace}/secrets/sh.helm.release.v1.${name}.v${number}`);
}

const releaseType = "kubernetes:helm.sh/v3:Release";

/** What the state names: the releases that it has, those of its claim, and those that an operation was making. */
function ownReleases(
  { resources = [], pending_operations: pending = [] }: Deployment,
  settings: Settings,
): OwnReleases {
  const isClaim = (outputs?: { metadata?: Named["metadata"] }) => outputs?.metadata?.name === claimName;
  const claims = resources.filter(({ outputs }) => isClaim(outputs));
  // A release has the same name in the program and in the cluster.
  const making = pending.flatMap(({ resource: { urn } }) =>
    urn.includes(releaseType) ? expectedReleases(settings).filter(({ name }) => name === urn.split("::").at(-1)) : [],
  );
  return {
    inState: new Set(resources.flatMap(({ type, id }) => (type === releaseType && id ? [id] : []))),
    claimed: new Set(claims.flatMap(({ outputs }) => claimOf(outputs?.metadata ?? {})?.releases ?? [])),
    named: new Set(making.map(({ namespace, name }) => `${namespace}/${name}`)),
  };
}

/** The releases of a stack that is gone, where the settings say that this one takes its mesh over. */
async function takenOver(cluster: Cluster, { istio, takeOverFrom }: Settings): Promise<string[]> {
  if (takeOverFrom === "") return [];
  const path = `/api/v1/namespaces/${istio.namespace.name}/configmaps/${claimName}`;
  const claim = await cluster.get<Named>(path).then(
    ({ metadata }) => claimOf(metadata),
    (error: unknown) => {
      if (isAbsent(error)) return undefined;
      throw error;
    },
  );
  return claim?.owner === takeOverFrom ? claim.releases : [];
}

async function open(settings: Settings): Promise<Cluster> {
  const refuse = (finding: Finding) =>
    new RecoveryError("cluster-unreachable", finding.problem, finding.fix, [finding]);
  const cluster = openCluster(settings);
  if ("problem" in cluster) throw refuse(cluster);
  try {
    await cluster.get("/version");
  } catch (error) {
    // Any other answer is one of an API server: what is missing shows where it is read.
    const { status } = error as Partial<ClusterError>;
    if (status === undefined || status === 401 || status === 403) throw refuse(unreachable(settings, cluster, error));
  }
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
