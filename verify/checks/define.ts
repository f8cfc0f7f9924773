import type { Settings } from "../../settings/schema";
import type { Check } from "../check";
import type { HostProbe, HttpAttempt } from "../probes/client-leg";
import type { ProxyInbound } from "../../mesh/proxy-inbound";
import type { ProxyOutbound } from "../../mesh/proxy-outbound";
import type { SigningAttempt } from "../probes/identity";
import type { PortProbe } from "../probes/workload-leg";
import type { ClusterView } from "../view";

/** What clients saw, by host; undefined where the gateway has no address to connect to. */
export type ClientLegProbes = Record<string, HostProbe> | undefined;

/** What plain requests for Ingresses' paths came to, by `host/path`; undefined where the gateway has no address to connect to. */
export type IngressProbes = Record<string, HttpAttempt> | undefined;
/** What istiod sends to the proxy of a pod, as far as it is judged; or why that is not known. */
export type ProxyFact<Value> = { state: "sent"; value: Value } | { state: "unknown"; reason: string };

/** What istiod sends to the proxies of the mesh's namespaces, by `namespace/pod`. */
export interface ProxyFacts {
  /** Of workloads. */
  inbound: Record<string, ProxyFact<ProxyInbound>>;
  /** Of the gateway. */
  outbound: Record<string, ProxyFact<ProxyOutbound[]>>;
  /** Pods that were not asked about, as `sample` bounds it. */
  leftOut: number;
}

/** What connections to the ports of workloads came to, by `namespace/Service:port`. */
export interface WorkloadLegFacts {
  ports: Record<string, PortProbe>;
  /** Ports that were not connected to, as `sample` bounds it. */
  leftOut: number;
}

/** What live connections came to. */
export interface Probes {
  clientLeg: ClientLegProbes;
  ingressAnswers: IngressProbes;
  signing: SigningAttempt;
  proxies: ProxyFacts;
  /** Undefined where Services cannot be dialled. */
  workloadLeg: WorkloadLegFacts | undefined;
}

/** Everything that the checks of verify look at. */
export interface VerifyFacts extends ClusterView, Probes {}

/** What the checks go by beside the facts. */
export interface VerifyContext {
  settings: Settings;
  /** The moment to judge validity by. */
  now: Date;
  /** A certificate that ends within so many days is pointed out. */
  days: number;
  /** Certificate of the CA that clients of this stack trust, as PEM, where it is known. */
  caCertificate?: string | undefined;
  /** The stack's name, `organization/project/stack`, where it is known; `*` for an organization that is not. */
  owner?: string | undefined;
}

export type VerifyCheck = Check<VerifyFacts, VerifyContext>;

/** A check of verify; its `run` sees the facts that it needs, and no others. */
export function verifyCheck<const Need extends keyof VerifyFacts>(
  check: Check<VerifyFacts, VerifyContext, Need>,
): VerifyCheck {
  return check;
}
