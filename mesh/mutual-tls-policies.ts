import { createHash } from "node:crypto";
import { ownerAnnotation, reasonAnnotation, untilAnnotation } from "../base/annotations";
import { type PeerAuthenticationObject, selectorOf, weaknessOf } from "./peer-authentication";

/** How strictly a listener asks for mutual TLS; `STRICT` is what the mesh does everywhere else. */
export const exceptionModes = ["PERMISSIVE", "DISABLE"] as const;
export type ExceptionMode = (typeof exceptionModes)[number];

/** One place where the mesh takes plain text, and why. */
export interface MutualTlsException {
  /** Namespace of the workloads. */
  namespace: string;
  /** Labels that select the workload. Left out, the exception is for every workload of the namespace. */
  workload?: Record<string, string>;
  /**
   * *Container* ports (not Service ports) that the exception is for; Istio asks for a `workload` with them.
   * Left out, it is for all ports.
   */
  ports?: number[];
  mode: ExceptionMode;
  /** Why plain text is needed there; kept on the object as annotation `enroute-istio/reason`. */
  reason: string;
  /** Who answers for it, a person or a team; kept as annotation `enroute-istio/owner`. */
  owner: string;
  /** Last day of the exception, `2027-03-31`; kept as annotation `enroute-istio/until`, the earliest of a policy's. */
  until: string;
}

/** Whether a day such as `2027-03-31` is over, in UTC; undefined if the text is no day. */
export function isPast(day: string, now: Date): boolean | undefined {
  const start = /^\d{4}-\d{2}-\d{2}$/.test(day) ? new Date(`${day}T00:00:00Z`) : undefined;
  // JavaScript takes 2027-02-30 to be the second of March.
  if (start === undefined || Number.isNaN(start.getTime()) || !start.toISOString().startsWith(day)) return undefined;
  return now.getTime() >= start.getTime() + 86_400_000;
}

/** A PeerAuthentication, ready to be created. */
export interface PeerAuthenticationPolicy {
  name: string;
  namespace: string;
  annotations: Record<string, string>;
  spec: {
    selector?: { matchLabels: Record<string, string> };
    mtls?: { mode: "STRICT" | ExceptionMode };
    portLevelMtls?: Record<string, { mode: ExceptionMode }>;
  };
}

/**
 * Problems of a list of exceptions, each one sentence with its index: what Istio would refuse, or silently ignore.
 * Two policies that select one workload do not merge: the oldest wins and the other counts for nothing.
 */
export function exceptionProblems(
  exceptions: readonly MutualTlsException[],
  rootNamespace: string,
): { index: number; problem: string }[] {
  const problems: { index: number; problem: string }[] = [];
  exceptions.forEach((exception, index) => {
    const say = (problem: string) => problems.push({ index, problem });
    if (exception.workload === undefined && exception.ports !== undefined)
      say("ports need a workload: Istio ignores port exceptions of a policy without a selector");
    if (exception.workload !== undefined && Object.keys(exception.workload).length === 0)
      say("an empty workload selects nothing in particular: leave it out to mean the whole namespace");
    if (exception.namespace === rootNamespace)
      say(
        exception.workload === undefined
          ? `in the root namespace ${rootNamespace} it would be a second mesh-wide policy, of which Istio obeys the oldest`
          : `in the root namespace ${rootNamespace} no pod has a sidecar, and a policy with a selector counts in its own namespace alone: name the namespace of the workload`,
      );
    exceptions.slice(0, index).forEach((earlier, earlierIndex) => {
      const problem = conflict(earlier, exception);
      if (problem !== undefined) say(`${problem} (see exceptions[${earlierIndex}])`);
    });
  });
  return problems;
}

function conflict(one: MutualTlsException, other: MutualTlsException): string | undefined {
  if (one.namespace !== other.namespace) return undefined;
  if ((one.workload === undefined) !== (other.workload === undefined)) return undefined; // the narrower one wins, by design
  if (selectorKey(one.workload) === selectorKey(other.workload)) {
    if (one.ports === undefined || other.ports === undefined)
      return one.ports === other.ports || one.workload === undefined
        ? "the same workloads have an exception already"
        : undefined; // one for all ports and one for some: they compile into one policy
    const twice = one.ports.filter((port) => other.ports?.includes(port));
    return twice.length > 0 ? `port ${twice.join(", ")} has an exception already` : undefined;
  }
  const [small, large] = [one.workload ?? {}, other.workload ?? {}].sort(
    (a, b) => Object.keys(a).length - Object.keys(b).length,
  );
  return isPartOf(small ?? {}, large)
    ? "it selects workloads that another exception selects by fewer labels; Istio obeys only the oldest of the two policies"
    : undefined;
}

/** How weak the exceptions of a stack allow a policy to be; with a port, for that port. */
export function allowedWeakness(
  exceptions: readonly MutualTlsException[],
  policy: PeerAuthenticationObject,
  port?: number,
): number {
  const selected = selectorOf(policy);
  const covering = exceptions.filter(
    ({ namespace, workload, ports }) =>
      namespace === policy.metadata.namespace &&
      (workload === undefined || (Object.keys(selected).length > 0 && isPartOf(workload, selected))) &&
      (ports === undefined || (port !== undefined && ports.includes(port))),
  );
  return Math.max(0, ...covering.map(({ mode }) => weaknessOf(mode)));
}

/** How a workload takes connections where nothing but the stack's exceptions says so. */
export interface DeclaredModes {
  all: "STRICT" | ExceptionMode;
  /** Of container ports that differ. */
  ports: Record<number, ExceptionMode>;
}

/**
 * What the exceptions of a stack come to for a pod: one answer, or where several of their policies select it, one for each, as
 * Istio obeys the oldest alone.
 */
export function declaredModes(
  exceptions: readonly MutualTlsException[],
  { namespace, labels = {} }: { namespace: string; labels?: Record<string, string> },
): [DeclaredModes, ...DeclaredModes[]] {
  const policies = compileExceptions(exceptions.filter((exception) => exception.namespace === namespace));
  const modes = ({ spec: { mtls, portLevelMtls = {} } }: PeerAuthenticationPolicy): DeclaredModes => ({
    all: mtls?.mode ?? "STRICT",
    ports: Object.fromEntries(Object.entries(portLevelMtls).map(([port, { mode }]) => [Number(port), mode])),
  });
  const own = policies.filter(({ spec }) => spec.selector !== undefined && isPartOf(spec.selector.matchLabels, labels));
  const [first, ...others] = own.length > 0 ? own : policies.filter(({ spec }) => spec.selector === undefined);
  return first === undefined ? [{ all: "STRICT", ports: {} }] : [modes(first), ...others.map(modes)];
}

/** Whether labels are all among others. */
export function isPartOf(few: Record<string, string>, many: Record<string, string> | undefined): boolean {
  return Object.entries(few).every(([key, value]) => many?.[key] === value);
}

/** The policies of a list of exceptions: one for each workload, and one for each namespace. Order and names are stable. */
export function compileExceptions(exceptions: readonly MutualTlsException[]): PeerAuthenticationPolicy[] {
  const groups = new Map<string, MutualTlsException[]>();
  for (const exception of exceptions) {
    const key = `${exception.namespace}/${selectorKey(exception.workload)}`;
    groups.set(key, [...(groups.get(key) ?? []), exception]);
  }
  return [...groups.keys()].sort().map((key) => {
    const group = groups.get(key)!;
    const namespaceException = exceptions.find(
      ({ namespace, workload }) => namespace === group[0]!.namespace && workload === undefined,
    );
    return policy(group, namespaceException?.mode ?? "STRICT");
  });
}

function policy(group: MutualTlsException[], namespaceMode: "STRICT" | ExceptionMode): PeerAuthenticationPolicy {
  const { namespace, workload } = group[0]!;
  const joinDistinct = (what: (exception: MutualTlsException) => string) => [...new Set(group.map(what))].join("; ");
  const annotations = {
    [reasonAnnotation]: joinDistinct(({ reason }) => reason),
    [ownerAnnotation]: joinDistinct(({ owner }) => owner),
    [untilAnnotation]: group.map(({ until }) => until).sort()[0]!,
  };
  const allPortsException = group.find((exception) => exception.ports === undefined);
  if (workload === undefined)
    // By convention the policy of a namespace is named `default`, and there can be only one.
    return { name: "default", namespace, annotations, spec: { mtls: { mode: namespaceMode } } };
  const ports = group
    .flatMap((exception) => (exception.ports ?? []).map((port) => [port, exception.mode] as const))
    .sort(([a], [b]) => a - b);
  return {
    name: policyName(workload),
    namespace,
    annotations,
    spec: {
      selector: { matchLabels: workload },
      // Set even where it repeats the namespace's mode: left out, Istio would inherit a policy that others put there.
      mtls: { mode: allPortsException?.mode ?? namespaceMode },
      ...(ports.length === 0
        ? {}
        : { portLevelMtls: Object.fromEntries(ports.map(([port, mode]) => [String(port), { mode }])) }),
    },
  };
}

/** A name made of the selector's values, with a hash of the whole selector so that two selectors never share one. */
function policyName(workload: Record<string, string>): string {
  const words = Object.values(workload).join("-").toLowerCase();
  const readable = words
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  const hash = createHash("sha256").update(selectorKey(workload)).digest("hex").slice(0, 8);
  return `plain-text-${readable === "" ? "" : `${readable}-`}${hash}`;
}

function selectorKey(workload: Record<string, string> | undefined): string {
  if (workload === undefined) return "";
  return JSON.stringify(Object.entries(workload).sort());
}
