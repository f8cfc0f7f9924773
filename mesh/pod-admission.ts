import { quantity } from "../base/quantity";

/* What the API server will refuse of the pods that a rollout makes, by what namespaces enforce. */

/** Requests and limits of a container. */
export interface ContainerResources {
  name: string;
  requests?: Record<string, unknown>;
  limits?: Record<string, unknown>;
}

export interface ResourceQuota {
  metadata: { name: string };
  spec?: { hard?: Record<string, string>; scopes?: string[]; scopeSelector?: object };
  status?: { used?: Record<string, string> };
}

export interface LimitRange {
  metadata: { name: string };
  spec?: {
    limits?: {
      type: string;
      default?: Record<string, string>;
      defaultRequest?: Record<string, string>;
      max?: Record<string, string>;
      min?: Record<string, string>;
    }[];
  };
}

/** Where the charts' pods are refused by a Pod Security level: each needs at least the one before. */
export const podSecurityLevels = ["privileged", "baseline", "restricted"] as const;
export type PodSecurityLevel = (typeof podSecurityLevels)[number];

/** The level that a value of the label enforces; undefined for a value that there is not, which enforces nothing. */
export function podSecurityLevel(value: string | undefined): PodSecurityLevel | undefined {
  return podSecurityLevels.find((level) => level === value);
}

/** What a namespace's pods are, as far as Pod Security goes. */
export interface PodSecurityNeeds {
  /** Its pods get Istio's init container: root, with NET_ADMIN and NET_RAW. */
  hasInitContainer: boolean;
  /** Pods of charts that ask for less than baseline allows, and for more than restricted does. */
  unrestricted: readonly string[];
}

/**
 * Why a level refuses a namespace's pods. baseline allows no added capability such as NET_ADMIN; restricted wants every container to
 * drop all, without root, with a seccomp profile (https://kubernetes.io/docs/concepts/security/pod-security-standards/).
 */
export function podSecurityProblem(
  level: PodSecurityLevel | undefined,
  { hasInitContainer, unrestricted }: PodSecurityNeeds,
): string | undefined {
  if (level === undefined || level === "privileged") return undefined;
  if (hasInitContainer) return "the init container of the sidecars runs as root with NET_ADMIN and NET_RAW";
  return level === "restricted" && unrestricted.length > 0
    ? `the pods of ${unrestricted.join(" and ")} do not drop what restricted wants dropped`
    : undefined;
}

/** Resources that a quota may count, each with the part of a container that it counts. */
const counted = {
  ...{ cpu: ["requests", "cpu"], "requests.cpu": ["requests", "cpu"], "limits.cpu": ["limits", "cpu"] },
  ...{ memory: ["requests", "memory"], "requests.memory": ["requests", "memory"] },
  "limits.memory": ["limits", "memory"],
} as const satisfies Record<string, readonly ["requests" | "limits", string]>;

/** Why the quotas and limits of a namespace refuse a pod with these containers; empty where they do not. */
export function quotaProblems(
  quotas: readonly ResourceQuota[],
  limitRanges: readonly LimitRange[],
  containers: readonly ContainerResources[],
): string[] {
  const limits = limitRanges.flatMap(({ metadata, spec }) =>
    (spec?.limits ?? []).flatMap((limit) => (limit.type === "Container" ? { ...limit, name: metadata.name } : [])),
  );
  const amount = (container: ContainerResources, part: "requests" | "limits", resource: string) => {
    const defaults = limits.map((one) => (part === "limits" ? one.default : (one.defaultRequest ?? one.default)));
    // A container with a limit alone requests as much.
    const own = container[part]?.[resource] ?? (part === "requests" ? container.limits?.[resource] : undefined);
    return quantity(own ?? defaults.find((one) => one?.[resource] !== undefined)?.[resource]);
  };
  const ofQuota = ({ metadata: { name }, spec = {}, status }: ResourceQuota): string[] => {
    // One with a scope is for some pods alone.
    if ((spec.scopes ?? []).length > 0 || spec.scopeSelector !== undefined) return [];
    return Object.entries(spec.hard ?? {}).flatMap(([key, hard]) => {
      const left = (quantity(hard) ?? Infinity) - (quantity(status?.used?.[key] ?? "0") ?? 0);
      if (key === "pods" || key === "count/pods") return left < 1 ? `ResourceQuota ${name} has no pod left` : [];
      if (!(key in counted)) return [];
      const [part, resource] = counted[key as keyof typeof counted];
      const amounts = containers.map((container) => ({ name: container.name, is: amount(container, part, resource) }));
      const without = amounts.filter(({ is }) => is === undefined);
      if (without.length > 0)
        return `ResourceQuota ${name} wants ${key} of every container, and ${without.map((one) => one.name).join(", ")} ${without.length === 1 ? "has" : "have"} none`;
      const sum = amounts.reduce((total, { is }) => total + (is ?? 0), 0);
      return sum > left ? `ResourceQuota ${name} has less ${key} left than a pod takes` : [];
    });
  };
  const ofLimit = ({ name, max = {}, min = {} }: (typeof limits)[number]): string[] =>
    containers.flatMap((container) => [
      ...Object.entries(max).flatMap(([resource, most]) =>
        (amount(container, "limits", resource) ?? 0) > (quantity(most) ?? Infinity)
          ? `LimitRange ${name} allows a container ${most} of ${resource}, and ${container.name} may use more`
          : [],
      ),
      ...Object.entries(min).flatMap(([resource, least]) =>
        (amount(container, "requests", resource) ?? Infinity) < (quantity(least) ?? 0)
          ? `LimitRange ${name} wants ${least} of ${resource} for a container, and ${container.name} asks for less`
          : [],
      ),
    ]);
  return [...quotas.flatMap(ofQuota), ...limits.flatMap(ofLimit)];
}
