import * as pulumi from "@pulumi/pulumi";
import { Cluster, openCluster } from "../cluster/client";
import { liveMetadata } from "../cluster/objects";

/**
 * Labels and annotations of an object as it is in the cluster of a provider; undefined where it is not there, or where the provider goes
 * by a way that only itself knows, such as from inside of a pod: then a warning says so.
 */
export async function liveMarks(
  provider: pulumi.ProviderResource,
  object: { apiVersion: string; kind: string; namespace?: string; name: string },
): Promise<{ labels?: Record<string, string>; annotations?: Record<string, string> } | undefined> {
  const cluster = await clusterOf(provider);
  return cluster === undefined ? undefined : liveMetadata(cluster, object);
}

const opened = new WeakMap<pulumi.ProviderResource, Promise<Cluster | undefined>>();

/** Once for each provider, however many objects are made by it. */
function clusterOf(provider: pulumi.ProviderResource): Promise<Cluster | undefined> {
  const cluster = opened.get(provider) ?? openFor(provider);
  opened.set(provider, cluster);
  return cluster;
}

/** The engine is asked: in a program of another language, nothing else knows the arguments of a provider. */
async function openFor(provider: pulumi.ProviderResource): Promise<Cluster | undefined> {
  const urn = await new Promise<string>((resolve) => provider.urn.apply(resolve));
  const { state } = (await pulumi.runtime.invoke("pulumi:pulumi:getResource", { urn })) as { state: State };
  if (state.renderYamlToDirectory) return undefined;
  const { kubeconfig = "", context = "" } = state;
  const cluster = openCluster({ kubeconfig, context });
  if (cluster instanceof Cluster) return cluster;
  await pulumi.log.warn(`cannot look whether objects exist already: ${cluster.problem}`, provider);
  return undefined;
}

interface State {
  kubeconfig?: string;
  context?: string;
  renderYamlToDirectory?: string;
}
