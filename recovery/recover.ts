import type { Stack } from "@pulumi/pulumi/automation";
import type { Finding } from "../base/issue";
import { fullStackName } from "../base/project-files";
import { type Cluster, type ClusterError, openCluster, unreachable } from "../cluster/client";
import { configMapsNamed } from "../cluster/config-maps";
import { helmRevisions } from "../cluster/helm-releases";
import type { Named } from "../cluster/kinds";
import { type Claim, claimName, claimOf, isStack } from "../mesh/ownership";
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
  const { resources = [], pending_operations: pending = [] } = exported.deployment ?? {};
  const cluster = await open(settings);
  const [all, claimed, { name: project }] = await Promise.all([
    revisions(cluster, settings),
    configMapsNamed(cluster, claimName, settings.istio.namespace.name),
    stack.workspace.projectSettings(),
  ]);
  const claims = claimed.flatMap((metadata) => claimOf(metadata) ?? []);
  const own = claimsIn(resources);
  const stackName = fullStackName(stack.name, () => project);
  // A claim in the state was this stack's under another name.
  const isOurs = ({ owner }: Claim) => isStack(owner, stackName) || own.some((claim) => claim.owner === owner);
  const isGone = ({ owner }: Claim) => settings.takeOverFrom !== "" && owner === settings.takeOverFrom;
  const releases: OwnReleases = {
    inState: new Set(resources.flatMap(({ type, id }) => (type === releaseType && id ? [id] : []))),
    claimed: new Set(own.flatMap((claim) => claim.releases)),
    named: new Set([...releasesBegun(pending, settings), ...claims.filter(isGone).flatMap((claim) => claim.releases)]),
    adopted: new Set(adopt),
    others: new Map(
      claims
        .filter((claim) => !isOurs(claim) && !isGone(claim))
        .flatMap(({ owner, releases: theirs }) => theirs.map((id) => [id, owner] as const)),
    ),
  };
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

/** The claims that the state has. */
function claimsIn(resources: NonNullable<Deployment["resources"]>): Claim[] {
  return resources.flatMap(({ outputs }) =>
    outputs?.metadata?.name === claimName ? (claimOf(outputs.metadata) ?? []) : [],
  );
}

/** Releases that an operation was making which never ended. */
function releasesBegun(pending: NonNullable<Deployment["pending_operations"]>, settings: Settings): string[] {
  // A release has the same name in the program and in the cluster.
  return pending.flatMap(({ resource: { urn } }) =>
    urn.includes(releaseType)
      ? expectedReleases(settings).flatMap(({ namespace, name }) =>
          name === urn.split("::").at(-1) ? [`${namespace}/${name}`] : [],
        )
      : [],
  );
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
