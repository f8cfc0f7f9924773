import type { Cluster } from "../../cluster/client";
import {
  type LimitRange,
  type PodSecurityNeeds,
  type ResourceQuota,
  podSecurityLevel,
  podSecurityProblem,
  quotaProblems,
} from "../../mesh/pod-admission";
import { enforceLabel, lowerPodSecurity, orUseCni } from "../../mesh/pod-refusal";
import { asText, at } from "../../base/tree";
import { effectiveIstiod } from "../../settings/effective";
import { type WantedNamespace, wantedNamespaces } from "../../settings/expected";
import { gatewayContainers, hasIstioCni, sidecarContainers } from "../../settings/placement";
import type { Settings } from "../../settings/schema";
import { valueOf } from "../checks/reading";
import { type PreflightCheck, preflightCheck } from "./define";
import { listed } from "./lookup";

/* Whether the API server will refuse pods of the rollout, by what their namespaces enforce. */

/** What bounds the pods of a namespace. */
export interface Bounds {
  quotas: ResourceQuota[];
  limits: LimitRange[];
}

export async function readBounds(cluster: Cluster, namespace: string): Promise<Bounds> {
  const [quotas, limits] = await Promise.all([
    listed<ResourceQuota>(cluster, `/api/v1/namespaces/${namespace}/resourcequotas`),
    listed<LimitRange>(cluster, `/api/v1/namespaces/${namespace}/limitranges`),
  ]);
  return { quotas, limits };
}

/** What the pods of a namespace need to be allowed. */
function needsOf(namespace: WantedNamespace, settings: Settings): PodSecurityNeeds {
  const hasInitContainer = !hasIstioCni(settings);
  switch (namespace.key) {
    case "istio.namespace": {
      const hasProfile = asText(at(effectiveIstiod(settings), "seccompProfile", "type")) !== undefined;
      const charts = [...(hasProfile ? [] : ["istiod"]), ...(settings.prometheus === undefined ? [] : ["prometheus"])];
      return { hasInitContainer: false, unrestricted: charts };
    }
    case "gateway.namespace":
      return { hasInitContainer, unrestricted: ["EnRoute"] };
    default:
      return { hasInitContainer, unrestricted: [] };
  }
}

const podSecurity = preflightCheck({
  id: "cluster/pod-security",
  title: "no namespace enforces a Pod Security level that refuses its pods",
  severity: "warning",
  needs: ["namespaces"],
  subject: "namespaces",
  fix: `agree with its owner, then change the label ${enforceLabel}`,
  docs: {
    meaning:
      "a namespace enforces the Pod Security level baseline or restricted, by its label or by `labels` of the stack: both refuse the sidecar's init container, unless Istio's CNI plugin does its work, and restricted also pods of the charts",
    fix: "another level, or Istio's CNI plugin (`istio.values.cni.enabled`)",
  },
  run(facts, { settings }, problem) {
    const levels = wantedNamespaces(settings).map((namespace) => {
      const { name, key, labels } = namespace;
      const live = valueOf(facts.namespaces[name], `namespace ${name}`)?.metadata.labels?.[enforceLabel];
      const level = podSecurityLevel(labels[enforceLabel] ?? live);
      const why = podSecurityProblem(level, needsOf(namespace, settings));
      if (why !== undefined)
        problem(
          `namespace ${name} enforces the Pod Security level ${level}, and ${why}: the API server refuses its pods`,
          {
            subject: `Namespace ${name}`,
            fix:
              labels[enforceLabel] === undefined
                ? lowerPodSecurity(name)
                : `set ${key}.labels["${enforceLabel}"] to privileged, ${orUseCni}`,
          },
        );
      return `${name} ${level ?? "none"}`;
    });
    return levels.join(", ");
  },
});

const quotas = preflightCheck({
  id: "cluster/quotas",
  title: "no quota or limit of a namespace refuses a pod with a sidecar",
  severity: "warning",
  needs: ["bounds"],
  subject: "namespaces",
  fix: "agree with its owner on the quota or the limit",
  docs: {
    meaning:
      "a ResourceQuota or LimitRange refuses the gateway's pod, or the containers that Istio adds to every pod: it wants requests or limits that they do not have, has none left, or bounds a container to less",
    fix: "`kubectl describe quota,limitrange -n <namespace>`: raise it, or give defaults by a LimitRange",
  },
  run(facts, { settings }, problem) {
    const members = wantedNamespaces(settings).filter(({ key }) => key !== "istio.namespace");
    const seen = members.map(({ key, name }) => {
      const { quotas: own, limits } = valueOf(facts.bounds[name], `quotas of namespace ${name}`)!;
      const containers = key === "gateway.namespace" ? gatewayContainers(settings) : sidecarContainers(settings);
      for (const why of quotaProblems(own, limits, containers))
        problem(`namespace ${name}: ${why}: the API server refuses its pods`, {
          subject: `Namespace ${name}`,
          fix: `agree with its owner: kubectl -n ${name} describe resourcequotas,limitranges; defaults for containers without requests and limits come from a LimitRange`,
        });
      return `${name} ${own.length + limits.length === 0 ? "has none" : "has room"}`;
    });
    return seen.join(", ");
  },
});

/** Whether the API server will refuse pods of the rollout. */
export const admissionChecks: readonly PreflightCheck[] = [podSecurity, quotas];
