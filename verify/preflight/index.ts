import type { Finding } from "../../base/finding";
import { type Cluster, ClusterError, openCluster, unreachable } from "../../cluster/client";
import type { Settings } from "../../settings/schema";
import { servingCertificateFindings } from "./certificates";
import { chartFindings } from "./charts";
import {
  nodeFindings,
  otherIstioFindings,
  ownershipFindings,
  policyFindings,
  releaseFindings,
  upgradeFindings,
} from "./cluster-state";
import { meshAuthorityFindings } from "./mesh-authority";
import { namespaceFindings } from "./namespaces";
import {
  type StackView,
  StateUnreadable,
  claimFindings,
  hostFindings,
  objectFindings,
  releaseOwnerFindings,
} from "./ownership";
import { rightsFindings } from "./rights";
import { versionFindings } from "./versions";

export type { Finding } from "../../base/finding";
export type { StackView } from "./ownership";

export interface PreflightOptions {
  /**
   * Ask the chart repositories, too. The program leaves that to the engine, which loads every chart during the preview
   * anyway; the command asks. @default false
   */
  charts?: boolean;
  /** The stack itself: what it holds, and by which name it marks that. @default marks alone tell what is its own */
  stack?: StackView;
}

/**
 * Looks at the cluster before anything is registered with the engine, so that what cannot work fails before anything is
 * touched. Returns every finding; one of severity `error` means that the rollout would fail. Changes nothing.
 */
export async function preflight(
  settings: Settings,
  { charts = false, stack }: PreflightOptions = {},
): Promise<Finding[]> {
  const [onCharts, onCluster] = await Promise.all([
    charts ? chartFindings(settings) : [],
    clusterFindings(settings, stack),
  ]);
  return [...onCluster, ...onCharts].sort(
    (a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"),
  );
}

async function clusterFindings(settings: Settings, stack: StackView | undefined): Promise<Finding[]> {
  const cluster = openCluster(settings);
  if ("problem" in cluster) return [cluster];
  let version: { major?: string; minor?: string; gitVersion?: string };
  try {
    version = await cluster.get("/version");
  } catch (error) {
    return [unreachable(settings, cluster, error)];
  }
  const looks: [string, Promise<Finding[]>][] = [
    ["the rights", rightsFindings(cluster, settings)],
    ["the nodes", nodeFindings(cluster)],
    ["the namespaces", namespaceFindings(cluster, settings, stack)],
    ["the Helm releases", releaseFindings(cluster, settings)],
    ["other Istios", otherIstioFindings(cluster, settings)],
    ["the hosts of other gateways' objects", hostFindings(cluster, settings, stack)],
    ...stackLooks(cluster, settings, stack),
    ["the version of Istio", upgradeFindings(cluster, settings)],
    ["the mesh's policies", policyFindings(cluster, settings, stack !== undefined)],
    ["the serving certificate", servingCertificateFindings(cluster, settings)],
    ["the mesh's CA", meshAuthorityFindings(cluster, settings)],
  ];
  const findings = await Promise.all(
    looks.map(([what, look]) => look.catch((error: unknown) => [unseen(what, error)])),
  );
  const all = [...versionFindings(settings.istio.version, version), ...findings.flat()];
  // What every look needs is missing once.
  return all.filter(({ problem }, index) => all.findIndex((other) => other.problem === problem) === index);
}

/** What only the stack itself can be compared with. */
function stackLooks(
  cluster: Cluster,
  settings: Settings,
  stack: StackView | undefined,
): [string, Promise<Finding[]>][] {
  if (stack === undefined) return [["the owners of what is there", ownershipFindings(cluster, settings)]];
  return [
    ["the claim of the mesh", claimFindings(cluster, settings, stack)],
    ["the owners of the Helm releases", releaseOwnerFindings(cluster, settings, stack)],
    ["the objects that the rollout would make", objectFindings(cluster, settings, stack)],
  ];
}

/** A look that was not possible is a finding as well, and not a reason to hide the others. */
function unseen(what: string, error: unknown): Finding {
  if (error instanceof StateUnreadable)
    return {
      check: "ownership/state",
      severity: "error",
      problem: `the state of the stack cannot be read, so that nobody can tell what is its own: ${error.message}`,
      fix: "try again; where it stays, see docs/troubleshooting.md about an update that was cut off",
    };
  if (!(error instanceof ClusterError)) throw error;
  return error.status === 401 || error.status === 403
    ? {
        // What the rollout itself needs is asked for by name, and missing there it is an error.
        check: "cluster/rights",
        severity: "warning",
        problem: `${what} could not be looked at: ${error.message}`,
        fix: "use credentials that may administer the cluster",
      }
    : {
        check: "cluster/answers",
        severity: "error",
        problem: `${what} could not be looked at: ${error.message}`,
        fix: "check the cluster's API server, and try again",
      };
}

/** The findings that stop a rollout. */
export function errorsOf(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ severity }) => severity === "error");
}

/** One finding as text. */
export function findingText({ problem, fix }: Finding): string {
  return `${problem}\n      fix: ${fix}`;
}

/** The error text of a preflight that did not pass. */
export function preflightError(findings: readonly Finding[]): string {
  const lines = findings.map((finding) => `  - ${findingText(finding)}`);
  return [`The cluster is not ready for the rollout; nothing was changed.`, ...lines].join("\n");
}
