import { count } from "../../base/text";
import type { Cluster } from "../../cluster/client";
import { effectiveIstiod } from "../../settings/effective";
import { hostNamespaces, leastIstiods } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { valueOf } from "../checks/reading";
import { isDenial } from "./connection";
import { type PreflightCheck, preflightCheck } from "./define";

/** A kind of object that the rollout makes; without a namespace, cluster-wide. */
export interface NeededKind {
  group: string;
  resource: string;
  namespace?: string;
}

const manage = ["get", "create", "patch", "delete"];

/** Every kind that the rollout of a stack makes, and where. */
export function neededKinds(settings: Settings): NeededKind[] {
  const { istio, gateway, namespaces, bookinfo, prometheus, kiali } = settings;
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
    ...(effectiveIstiod(settings)["autoscaleEnabled"] === false
      ? []
      : inside(root, "horizontalpodautoscalers.autoscaling")),
    ...(leastIstiods(settings) > 1 ? inside(root, "poddisruptionbudgets.policy") : []),
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
    ...namespaces.flatMap(({ name, onlyFromGateway }) =>
      onlyFromGateway === true ? inside(name, "authorizationpolicies.security.istio.io") : [],
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

/** What the API server said about these credentials. */
export type Rights = { everything: true } | { everything: false; answers: { question: Question; allowed: boolean }[] };

/** Asks for what the rollout makes. */
export async function readRights(cluster: Cluster, settings: Settings): Promise<Rights> {
  // Most people who run this may do everything: one question instead of a hundred.
  if (await may(cluster, { verb: "*", group: "*", resource: "*" })) return { everything: true };
  const questions = neededKinds(settings).flatMap((kind) => manage.map((verb) => ({ verb, ...kind })));
  // Istio's and EnRoute's roles hold rights that a namespace's administrator lacks; nobody may grant what he has not.
  const grants = ["clusterroles", "roles"].map((resource) => ({
    verb: "escalate",
    group: "rbac.authorization.k8s.io",
    resource,
  }));
  const ask = async (question: Question) => ({ question, allowed: await may(cluster, question) });
  return { everything: false, answers: await Promise.all([...questions, ...grants].map(ask)) };
}

function denied(rights: Rights): Question[] {
  return rights.everything ? [] : rights.answers.filter(({ allowed }) => !allowed).map(({ question }) => question);
}

const granted = (rights: Rights) =>
  rights.everything ? "these credentials may do everything" : `${count(rights.answers.length, "right")} asked for`;

const needed = preflightCheck({
  id: "cluster/rights",
  title: "these credentials may do what the rollout does",
  needs: ["rights"],
  subject: "the credentials",
  fix: "use credentials that may administer the cluster, such as those of the ClusterRole cluster-admin",
  docs: {
    meaning:
      "the API server was asked for each kind that the stack makes (SelfSubjectAccessReview), and said no, which is a warning in a preview where the credentials may look; or something could not be looked at for lack of rights, a warning",
    fix: "use credentials of the ClusterRole `cluster-admin`",
  },
  run({ rights }, { unread, isPreview }, problem) {
    const byKind = new Map<string, string[]>();
    for (const question of rights.state === "read" ? denied(rights.value) : [])
      if (question.verb !== "escalate")
        byKind.set(kindText(question), [...(byKind.get(kindText(question)) ?? []), question.verb]);
    const named = (kinds: typeof byKind) => [...kinds].map(([kind, verbs]) => `${verbs.join("/")} ${kind}`).join(", ");
    // A preview by an account that may look and nothing else, as a workflow for pull requests has it, is right so.
    const looks = new Map(
      [...byKind].flatMap(([kind, verbs]) => (verbs.some(isLook) ? [[kind, verbs.filter(isLook)]] : [])),
    );
    const isEnough = isPreview && looks.size === 0;
    if (byKind.size > 0)
      problem(
        `these credentials may not ${named(isPreview && !isEnough ? looks : byKind)}`,
        isEnough ? { severity: "warning", fix: "nothing for a preview; pulumi up takes credentials that may" } : {},
      );
    if (rights.state === "unreadable" && isDenial(rights)) {
      // Nothing else that was asked tells anything then.
      problem(`these credentials may not even ask what they may do: ${rights.reason}`);
      return "";
    }
    for (const { what, reason } of unread.filter(isDenial))
      // What the rollout itself needs is asked for by name, and missing there it is an error.
      problem(`${what} could not be looked at: ${reason}`, {
        subject: what,
        severity: "warning",
        fix: "use credentials that may administer the cluster",
      });
    return granted(valueOf(rights, "these credentials' rights")!);
  },
});

const escalation = preflightCheck({
  id: "cluster/escalation",
  title: "these credentials may grant what the charts' roles grant",
  severity: "warning",
  needs: ["rights"],
  subject: "the credentials",
  fix: "use credentials of the ClusterRole cluster-admin, or such that may escalate roles and clusterroles",
  docs: {
    meaning: "the credentials may not grant what they do not have themselves, which the charts' roles need",
    fix: "use credentials of the ClusterRole `cluster-admin`",
  },
  run({ rights }, _, problem) {
    const answers = valueOf(rights, "these credentials' rights")!;
    if (denied(answers).some(({ verb }) => verb === "escalate"))
      problem("these credentials may not grant rights that they do not have themselves, as the charts' roles do");
    return granted(answers);
  },
});

/** Whether these credentials may make what the rollout makes. */
export const rightsChecks: readonly PreflightCheck[] = [needed, escalation];

/** Whether a verb looks, and changes nothing. */
function isLook(verb: string): boolean {
  return ["get", "list", "watch"].includes(verb);
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
