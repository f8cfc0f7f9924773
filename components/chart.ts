import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { defined } from "../base/defined";
import type { Values } from "../base/merge";
import { type ChartRepositoryAuth, defaultTimeoutSeconds, isRegistry, loginOf, registryChart } from "../mesh/charts";

export { retiredHosts } from "../mesh/istio";
export type { ChartRepositoryAuth };

/** Where a chart comes from and how long Helm may wait for it. */
export interface ChartSourceArgs {
  /** URL of the Helm repository that serves the chart, or an `oci://` registry path above it. @default that of the chart's project */
  chartRepository?: string;
  /**
   * How to log in to it. To a registry (`oci://`) the provider logs in by the file of its own `helmReleaseSettings.registryConfigPath`,
   * not by this. @default without a login
   */
  chartRepositoryAuth?: ChartRepositoryAuth<pulumi.Input<string>>;
  /** How long Helm waits for the release to become ready, in seconds. @default 300 */
  timeoutSeconds?: pulumi.Input<number>;
  /** Escape hatch: extra Helm values, merged last. Arrays replace, `null` deletes what the component set. */
  values?: Values;
}

/** The same of one version. */
export interface ChartArgs extends ChartSourceArgs {
  /** Exact chart version, such as `1.31.0`. Never a range: the stack decides what is installed. */
  version: string;
}

/** Arguments of a `helm.v3.Release` that name the chart. An OCI chart is named by its whole reference. */
export function chartSource(
  chart: string,
  args: ChartArgs,
): Pick<k8s.helm.v3.ReleaseArgs, "chart" | "version" | "repositoryOpts" | "timeout"> {
  // Arguments that are checked have it.
  const { chartRepository = "" } = args;
  const timeout = args.timeoutSeconds ?? defaultTimeoutSeconds;
  const login = loginOf(args.chartRepositoryAuth);
  const access = defined({
    repo: chartRepository,
    username: login?.username,
    password: login === undefined ? undefined : pulumi.secret(login.password),
    caFile: args.chartRepositoryAuth?.caFile,
  });
  return isRegistry(chartRepository)
    ? { chart: registryChart(chartRepository, chart), version: args.version, timeout }
    : { chart, version: args.version, repositoryOpts: access, timeout };
}

/**
 * Options of everything whose name in the cluster is fixed: its successor cannot be made while it exists.
 * For a `helm.v3.Release` too: the provider replaces one (a new name or namespace) by creating first, and the objects of the
 * charts here have cluster-wide fixed names.
 */
export const fixedName = { deleteBeforeReplace: true } as const;
