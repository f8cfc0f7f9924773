import pMap from "p-map";
import type { Pod, Service } from "../cluster/kinds";
import { enroute } from "../mesh/enroute";
import { isPartOf } from "../mesh/mutual-tls-policies";
import { placeOf, workloadOf } from "../mesh/object";
import { type ProxyInbound, proxyInbound } from "../mesh/proxy-inbound";
import { type ProxyOutbound, proxyOutbound } from "../mesh/proxy-outbound";
import { hostNamespaces, meshMembers } from "../settings/expected";
import type { Settings } from "../settings/schema";
import type { ProxyFact, ProxyFacts, WorkloadLegFacts } from "./checks/define";
import { livePods, proxyOf } from "./checks/injection";
import { ifRead } from "./facts";
import { istiodRoutes } from "./istiod";
import { meshCredentials } from "./probes/identity";
import { type ProxyProbe, probeProxies } from "./probes/proxies";
import { probePort } from "./probes/workload-leg";
import type { VerifySource } from "./readers";
import type { ClusterView } from "./view";

/* What is in force for workloads: how it is asked for, and of whom. */

type Seen = Pick<ClusterView, "services" | "pods" | "rootCertificates">;

/** Whether a pod is the gateway's. Nothing is caught for its sidecar, as clients come to it without the mesh. */
export function isGatewayPod({ metadata }: Pod, { gateway }: Settings): boolean {
  return metadata.namespace === gateway.namespace.name && isPartOf(enroute.selector, metadata.labels);
}

/** Pods that run: what waits for a node, or for its images, takes nothing yet. */
export function runningPods(pods: readonly Pod[]): Pod[] {
  return livePods(pods).filter(({ status }) => status?.phase === "Running");
}

/** The pods of the mesh's namespaces that run with a proxy, as far as they could be read. */
function injectedPods({ pods }: Pick<ClusterView, "pods">, settings: Settings): Pod[] {
  return meshMembers(settings).flatMap(({ name }) => {
    return runningPods(ifRead(pods[name]) ?? []).filter((pod) => proxyOf(pod) !== undefined);
  });
}

/**
 * So many pods at most, taken from as many workloads as possible: the pods of one generation of a workload are alike, so that the
 * first of each comes before the second of any.
 */
export function sampled(pods: readonly Pod[], most: number): Pod[] {
  const rank = new Map<string, number>();
  const ranked = [...pods]
    .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1))
    .map((pod) => {
      const { namespace, labels } = pod.metadata;
      const group = [namespace, workloadOf(pod), labels?.["pod-template-hash"] ?? ""].join("/");
      rank.set(group, (rank.get(group) ?? 0) + 1);
      return { pod, rank: rank.get(group)! };
    });
  return ranked
    .sort((a, b) => a.rank - b.rank)
    .slice(0, most)
    .map(({ pod }) => pod);
}

export async function readProxies(source: VerifySource, view: Seen): Promise<ProxyFacts> {
  const { settings, timeout, sample } = source;
  const injected = injectedPods(view, settings);
  const workloads = injected.filter((pod) => !isGatewayPod(pod, settings));
  const chosen = sampled(workloads, sample);
  const gateways = injected.filter((pod) => isGatewayPod(pod, settings));
  const namespaces = hostNamespaces(settings);
  const routes = istiodRoutes(source, view);
  const probe: ProxyProbe =
    typeof routes === "string"
      ? { proxies: new Map(), silent: routes }
      : await probeProxies(
          routes.map((route) => ({ ...route, timeout })),
          new Map([...chosen.map((pod) => [idOf(pod), "lds"]), ...gateways.map((pod) => [idOf(pod), "cds,eds"])] as [
            string,
            string,
          ][]),
          (kinds, dump) =>
            kinds === "lds"
              ? proxyInbound(dump)
              : proxyOutbound(dump).filter(({ namespace }) => namespaces.includes(namespace)),
        );
  const facts = <Value>(pods: readonly Pod[]) =>
    Object.fromEntries(pods.map((pod) => [placeOf(pod), factOf<Value>(probe, pod)]));
  return {
    inbound: facts<ProxyInbound>(chosen),
    outbound: facts<ProxyOutbound[]>(gateways),
    leftOut: workloads.length - chosen.length,
  };
}

/** As istiod names its proxy. */
const idOf = ({ metadata: { name, namespace = "" } }: Pod) => `${name}.${namespace}`;

function factOf<Value>({ proxies, silent }: ProxyProbe, pod: Pod): ProxyFact<Value> {
  const sent = proxies.get(idOf(pod));
  if (sent?.state === "sent") return { state: "sent", value: sent.dump as Value };
  const reason =
    silent === undefined ? "no proxy of it is connected to istiod" : `istiod could not be asked: ${silent}`;
  return sent ?? { state: "unknown", reason };
}

/** A port of a Service that leads to pods of workloads, with or without a proxy. */
export interface WorkloadPort {
  service: Service;
  port: number;
  pods: Pod[];
}

/** Every TCP port of a Service that leads to pods of workloads. */
export function workloadPorts(view: Pick<ClusterView, "services" | "pods">, settings: Settings): WorkloadPort[] {
  return meshMembers(settings).flatMap(({ name }) => {
    const workloads = runningPods(ifRead(view.pods[name]) ?? []).filter((pod) => !isGatewayPod(pod, settings));
    return (ifRead(view.services[name]) ?? []).flatMap((service) => {
      const { selector = {}, clusterIP, ports = [] } = service.spec;
      const behind = workloads.filter(({ metadata }) => isPartOf(selector, metadata.labels));
      if (Object.keys(selector).length === 0 || behind.length === 0 || !clusterIP || clusterIP === "None") return [];
      const named = { ...service, metadata: { ...service.metadata, namespace: name } };
      return ports
        .filter(({ protocol = "TCP" }) => protocol === "TCP")
        .map(({ port }) => ({ service: named, port, pods: behind }));
    });
  });
}

/** How a port of a workload is called in facts and texts. */
export const portName = ({ service, port }: WorkloadPort) => `${placeOf(service)}:${port}`;

export async function readWorkloadLeg(source: VerifySource, view: Seen): Promise<WorkloadLegFacts | undefined> {
  const { settings, dialServices, timeout, sample } = source;
  if (!dialServices) return undefined;
  const all = workloadPorts(view, settings);
  const chosen = all.slice(0, sample);
  if (chosen.length === 0) return { ports: {}, leftOut: 0 };
  const routes = istiodRoutes(source, view);
  const account = { namespace: settings.gateway.namespace.name, name: enroute.serviceAccount };
  const credentials =
    typeof routes === "string" ? { reason: routes } : await meshCredentials({ ...routes[0], account, timeout });
  const probes = await pMap(
    chosen,
    async (one) => {
      const { spec, metadata } = one.service;
      const identity = `spiffe://${settings.istio.trustDomain}/ns/${metadata.namespace}/`;
      const options = { address: spec.clusterIP!, port: one.port, credentials, identity, timeout };
      return [portName(one), await probePort(options)] as const;
    },
    { concurrency: 16 },
  );
  return { ports: Object.fromEntries(probes), leftOut: all.length - chosen.length };
}
