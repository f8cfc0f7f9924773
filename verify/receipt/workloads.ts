import type { Pod } from "../../cluster/kinds";
import { isOptedOut } from "../../mesh/injection";
import { workloadOf } from "../../mesh/object";
import { type ModeInForce, modeInForce } from "../../mesh/proxy-inbound";
import type { VerifyFacts } from "../checks/define";
import { livePods } from "../checks/injection";
import { ifRead } from "../facts";

/** A workload of the mesh and how it was proven. */
export interface Workload {
  namespace: string;
  /** Name of its Deployment or the like; of a bare pod, its own. */
  name: string;
  pods: number;
  /** Pods whose sidecar is ready. */
  ready: number;
  /** What was seen of it, one proof a line. */
  proof: string[];
}

type Facts = Partial<Pick<VerifyFacts, "pods" | "proxies">>;

/** The workloads of namespaces, in that order. Pods outside the mesh by their own word are among them. */
export function workloadsOf(facts: Facts, namespaces: readonly string[]): Workload[] {
  return namespaces.flatMap((namespace) => {
    const groups = new Map<string, Pod[]>();
    for (const pod of livePods(ifRead(facts.pods?.[namespace]) ?? [])) {
      const name = workloadOf(pod);
      groups.set(name, [...(groups.get(name) ?? []), pod]);
    }
    return [...groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, pods]) => workload(facts, namespace, name, pods));
  });
}

function workload({ proxies }: Facts, namespace: string, name: string, pods: Pod[]): Workload {
  const optedOut = pods.filter((pod) => isOptedOut(pod)).length;
  const ready = pods.filter(isSidecarReady).length;
  const proof = [
    optedOut > 0 ? `${optedOut} of ${pods.length} refuse a sidecar` : `sidecar ready in ${ready} of ${pods.length}`,
  ];
  const modes = new Map<string, number>();
  for (const { metadata } of pods) {
    const sent = proxies?.inbound[`${namespace}/${metadata.name}`];
    if (sent === undefined) continue;
    const text = sent.state === "sent" ? sentText(sent.value) : `could not tell what istiod sends: ${sent.reason}`;
    modes.set(text, (modes.get(text) ?? 0) + 1);
  }
  for (const [text, count] of modes) proof.push(`${text}: ${count} of ${pods.length}`);
  return { namespace, name, pods: pods.length, ready, proof };
}

const words: Record<ModeInForce, string> = {
  STRICT: "mutual TLS alone",
  PERMISSIVE: "plain text as well",
  DISABLE: "plain text only",
  TLS: "TLS without a client certificate",
};

/** What the listeners take that istiod sends, and the ports that differ. */
function sentText(sent: Parameters<typeof modeInForce>[0]): string {
  const text = (port?: number) => words[modeInForce(sent, port) ?? "DISABLE"];
  const everywhere = text();
  const others = Object.keys(sent.ports)
    .map(Number)
    .filter((port) => text(port) !== everywhere)
    .map((port) => `port ${port}: ${text(port)}`);
  return `istiod sends listeners that take ${[everywhere, ...others].join(", ")}`;
}

function isSidecarReady({ status }: Pod): boolean {
  const containers = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  return containers.some(({ name, ready }) => name === "istio-proxy" && ready);
}
