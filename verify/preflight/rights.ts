import type { Finding } from "../../base/finding";
import type { Cluster } from "../../cluster/client";
import { hostNamespaces } from "../../settings/expected";
import type { Settings } from "../../settings/schema";

/** A kind of object that the rollout makes; without a namespace, cluster-wide. */
export interface NeededKind {
  group: string;
  resource: string;
  namespace?: string;
}

const manage = ["get", "create", "patch", "delete"];

/** Every kind that the rollout of a stack makes, and where. */
export function neededKinds(settings: Settings): NeededKind[] {
  const { istio, gateway, bookinfo, prometheus, kiali } = settings;
  const root = istio.namespace.name;
  const edge = gateway.namespace.name;
  const inside = (namespace: string, ...kinds: string[]): NeededKind[] =>
    kinds.map((kind) => ({ ...kindOf(kind), namespace }));
  const everywhere = (...kinds: string[]): NeededKind[] => kinds.map(kindOf);
  const certificateKinds = {
    generated: ["secrets"],
    provided: ["secrets"],
    existingSecret: [],
    certManager: ["certificates.cert-manager.io"],
  }[settings.certificate.issuer];
  return [
    ...everywhere(
      "namespaces",
      "clusterroles.rbac.authorization.k8s.io",
      "clusterrolebindings.rbac.authorization.k8s.io",
      "customresourcedefinitions.apiextensions.k8s.io",
      "mutatingwebhookconfigurations.admissionregistration.k8s.io",
      "validatingwebhookconfigurations.admissionregistration.k8s.io",
    ),
    // Helm keeps its releases in Secrets.
    ...inside(root, "secrets", "serviceaccounts", "configmaps", "services", "deployments.apps"),
    ...inside(root, "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io"),
    ...(istio.profile === "small" ? [] : inside(root, "horizontalpodautoscalers.autoscaling")),
    ...(istio.profile === "ha" ? inside(root, "poddisruptionbudgets.policy") : []),
    ...inside(root, "peerauthentications.security.istio.io"),
    ...inside(edge, "secrets", "serviceaccounts", "services", "deployments.apps", "globalconfigs.enroute.saaras.io"),
    ...(gateway.replicas > 1 ? inside(edge, "poddisruptionbudgets.policy") : []),
    ...(gateway.autoscaling === undefined ? [] : inside(edge, "horizontalpodautoscalers.autoscaling")),
    ...hostNamespaces(settings).flatMap((name) => [
      ...inside(name, "gatewayhosts.enroute.saaras.io", ...certificateKinds),
    ]),
    ...[...new Set(settings.mutualTls.exceptions.map(({ namespace }) => namespace))].flatMap((name) =>
      inside(name, "peerauthentications.security.istio.io"),
    ),
    ...(bookinfo === undefined ? [] : inside(bookinfo.namespace, "serviceaccounts", "services", "deployments.apps")),
    ...(prometheus?.storage === undefined ? [] : inside(root, "persistentvolumeclaims")),
    ...(kiali === undefined ? [] : inside(root, "networkpolicies.networking.k8s.io")),
  ];
}

function kindOf(name: string): NeededKind {
  const [resource = "", ...group] = name.split(".");
  return { resource, group: group.join(".") };
}

/** Whether these credentials may make what the rollout makes. */
export async function rightsFindings(cluster: Cluster, settings: Settings): Promise<Finding[]> {
  // Whoever may do everything is most people who run this: one question instead of a hundred.
  if (await may(cluster, { verb: "*", group: "*", resource: "*" })) return [];
  const questions = neededKinds(settings).flatMap((kind) => manage.map((verb) => ({ verb, ...kind })));
  // Istio's and EnRoute's roles hold rights that a namespace's administrator lacks; nobody may grant what he has not.
  const grants = ["clusterroles", "roles"].map((resource) => ({
    verb: "escalate",
    group: "rbac.authorization.k8s.io",
    resource,
  }));
  const answers = await Promise.all(
    [...questions, ...grants].map(async (question) => ({ question, allowed: await may(cluster, question) })),
  );
  const denied = answers.filter(({ allowed }) => !allowed).map(({ question }) => question);
  const missing = denied.filter(({ verb }) => verb !== "escalate");
  const byKind = new Map<string, string[]>();
  for (const question of missing)
    byKind.set(kindText(question), [...(byKind.get(kindText(question)) ?? []), question.verb]);
  return [
    ...(missing.length === 0
      ? []
      : [
          {
            check: "cluster/rights",
            severity: "error" as const,
            problem: `these credentials may not ${[...byKind]
              .map(([kind, verbs]) => `${verbs.join("/")} ${kind}`)
              .join(", ")}`,
            fix: "use credentials that may administer the cluster, such as those of the ClusterRole cluster-admin",
          },
        ]),
    ...(denied.some(({ verb }) => verb === "escalate")
      ? [
          {
            check: "cluster/escalation",
            severity: "warning" as const,
            problem: "these credentials may not grant rights that they do not have themselves, as the charts' roles do",
            fix: "use credentials of the ClusterRole cluster-admin, or such that may escalate roles and clusterroles",
          },
        ]
      : []),
  ];
}

type Question = { verb: string; group: string; resource: string; namespace?: string };

function kindText({ group, resource, namespace }: Question): string {
  return `${resource}${group === "" ? "" : `.${group}`}${namespace === undefined ? "" : ` in ${namespace}`}`;
}

async function may(cluster: Cluster, resourceAttributes: Question): Promise<boolean> {
  const review = await cluster.ask<{ status: { allowed: boolean } }>(
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes } },
  );
  return review.status.allowed;
}
