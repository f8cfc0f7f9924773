import { count, listed } from "../../base/text";
import type { DestinationRule, PeerAuthentication } from "../../cluster/kinds";
import { clientTlsProblems } from "../../mesh/destination-rule";
import { allowedWeakness, compileExceptions, isPartOf } from "../../mesh/mutual-tls-policies";
import { placeOf } from "../../mesh/object";
import { stackAnnotation } from "../../mesh/ownership";
import {
  type PeerAuthenticationObject,
  byAge,
  isDeclared,
  meshPolicies,
  modesOf,
  scopeOf,
  selectorOf,
} from "../../mesh/peer-authentication";
import { meshMembers } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, notThere } from "../check";
import type { ClusterView } from "../view";
import { type VerifyCheck, verifyCheck } from "./define";
import { itemsOf, valueOf } from "./reading";

const declareOrDelete = "declare it in mutualTls.exceptions with its reason, or delete it";
const removal = ({ metadata: { namespace, name } }: PeerAuthentication) => ({
  subject: `PeerAuthentication ${namespace}/${name}`,
  fix: `${declareOrDelete}: kubectl -n ${namespace} delete peerauthentication ${name}`,
});

/** Every policy of the cluster. Where their kind is not installed, `strict/mesh-wide` fails, and nothing else can be said. */
function all(view: Pick<ClusterView, "peerAuthentications">): PeerAuthentication[] {
  const policies = valueOf(view.peerAuthentications, "PeerAuthentications");
  if (policies === undefined) throw notThere("the kind PeerAuthentication is not installed", "strict/mesh-wide");
  return policies;
}

const meshWide = verifyCheck({
  id: "strict/mesh-wide",
  title: "the mesh-wide policy that Istio obeys is STRICT",
  needs: ["peerAuthentications"],
  subject: "mesh-wide PeerAuthentication",
  fix: "run pulumi up --refresh",
  docs: {
    meaning: "the mesh-wide PeerAuthentication that Istio obeys, the oldest, is STRICT",
    fix: "delete the other, or `pulumi up --refresh`",
  },
  run(view, { settings }, problem) {
    const root = settings.istio.namespace.name;
    if (valueOf(view.peerAuthentications, "PeerAuthentications") === undefined) {
      problem("the kind PeerAuthentication is not installed");
      return "";
    }
    const [obeyed, ...ignored] = meshPolicies(all(view), root);
    if (obeyed === undefined) {
      problem(`there is no mesh-wide PeerAuthentication in ${root}: plain text is taken everywhere`);
      return "";
    }
    const [{ mode, weakness }] = modesOf(obeyed, root);
    if (weakness > 0) {
      const others = ignored.length === 0 ? "" : `, and ignores the younger ${listed(ignored.map(placeOf))}`;
      problem(`Istio obeys ${placeOf(obeyed)}, which is ${mode}${others}`, {
        fix:
          obeyed.metadata.name === "default" || isDeclared(obeyed)
            ? "run pulumi up --refresh"
            : `kubectl -n ${root} delete peerauthentication ${obeyed.metadata.name}`,
      });
    }
    return `${placeOf(obeyed)} is STRICT`;
  },
});

const onlyMeshPolicy = verifyCheck({
  id: "strict/one-mesh-policy",
  title: "there is only one mesh-wide policy",
  severity: "warning",
  needs: ["peerAuthentications"],
  subject: "mesh-wide PeerAuthentication",
  fix: "delete those that are not ours",
  docs: { meaning: "there is no second mesh-wide policy", fix: "delete it" },
  run(view, { settings }, problem) {
    const root = settings.istio.namespace.name;
    const policies = meshPolicies(all(view), root);
    if (policies.length === 0) throw notThere(`no mesh-wide PeerAuthentication in ${root}`, "strict/mesh-wide");
    const isOurs = (policy: PeerAuthentication) =>
      policies.some(isDeclared) ? isDeclared(policy) : policy.metadata.name === "default";
    const foreign = policies.filter((policy) => !isOurs(policy));
    if (policies.length > 1)
      problem(
        `${listed(policies.map(placeOf))}: Istio obeys the oldest, ${placeOf(policies[0]!)}, and ignores the others without a word`,
        {
          fix: foreign
            .map(({ metadata }) => `kubectl -n ${root} delete peerauthentication ${metadata.name}`)
            .join("; "),
        },
      );
    return count(policies.length, "policy");
  },
});

/** Policies of namespaces, or of workloads, and those that go further than the stack's exceptions allow them to. */
function judged(
  view: Pick<ClusterView, "peerAuthentications">,
  { istio, mutualTls: { exceptions: declared } }: Settings,
  scope: "namespace" | "workload",
) {
  const root = istio.namespace.name;
  const policies = all(view).filter((policy) => scopeOf(policy, root) === scope);
  const weak = policies.flatMap((policy) => {
    const [{ mode, weakness }] = modesOf(policy, root);
    return weakness > allowedWeakness(declared, policy) ? [{ policy, mode }] : [];
  });
  return { policies, weak };
}

const namespacePolicies = verifyCheck({
  id: "strict/namespaces",
  title: "no policy weakens a namespace, but for declared exceptions",
  needs: ["peerAuthentications"],
  subject: "PeerAuthentications",
  fix: declareOrDelete,
  docs: {
    meaning: "no policy weakens a namespace, anywhere in the cluster, but for declared exceptions",
    fix: "declare it in `mutualTls.exceptions`, or delete it",
  },
  run(view, { settings }, problem) {
    const { policies, weak } = judged(view, settings, "namespace");
    for (const { policy, mode } of weak) problem(`${placeOf(policy)} makes its namespace ${mode}`, removal(policy));
    return policies.length === 0 ? "no policy for a namespace" : `fine: ${listed(policies.map(placeOf))}`;
  },
});

const workloadPolicies = verifyCheck({
  id: "strict/workloads",
  title: "no policy weakens a workload, but for declared exceptions",
  needs: ["peerAuthentications"],
  subject: "PeerAuthentications",
  fix: declareOrDelete,
  docs: {
    meaning: "no policy weakens a workload (policies with a selector), but for declared exceptions",
    fix: "declare it in `mutualTls.exceptions`, or delete it",
  },
  run(view, { settings }, problem) {
    const { policies, weak } = judged(view, settings, "workload");
    for (const { policy, mode } of weak)
      problem(`${placeOf(policy)} makes ${describe(selectorOf(policy))} ${mode}`, removal(policy));
    return policies.length === 0 ? "no policy for a workload" : `fine: ${listed(policies.map(placeOf))}`;
  },
});

const portPolicies = verifyCheck({
  id: "strict/ports",
  title: "no policy weakens a port, but for declared exceptions",
  needs: ["peerAuthentications"],
  subject: "PeerAuthentications",
  fix: declareOrDelete,
  docs: {
    meaning: "no policy weakens a port, but for declared exceptions",
    fix: "declare it in `mutualTls.exceptions`, or delete it",
  },
  run(view, { settings }, problem) {
    const ports = all(view).flatMap((policy) =>
      modesOf(policy, settings.istio.namespace.name).flatMap(({ port, mode, weakness }) =>
        // What a port inherits is told of its workload.
        port === undefined || mode === "UNSET" ? [] : [{ policy, port, mode, weakness }],
      ),
    );
    for (const { policy, port, mode, weakness } of ports)
      if (weakness > allowedWeakness(settings.mutualTls.exceptions, policy, port))
        problem(
          `${placeOf(policy)} makes port ${port} of ${describe(selectorOf(policy)) || "every workload"} ${mode}`,
          removal(policy),
        );
    return ports.length === 0
      ? "no policy for a port"
      : `fine: ${listed(ports.map(({ policy, port }) => `${placeOf(policy)} port ${port}`))}`;
  },
});

const exceptions = verifyCheck({
  id: "strict/exceptions",
  title: "the declared exceptions are in force",
  needs: ["peerAuthentications"],
  subject: "mutualTls.exceptions",
  fix: "run pulumi up --refresh",
  docs: {
    meaning: "every declared exception is there, as declared, and no older policy takes its place",
    fix: "`pulumi up --refresh`",
  },
  run(view, { settings }, problem) {
    const wanted = compileExceptions(settings.mutualTls.exceptions);
    for (const { name, namespace, spec } of wanted) {
      const declared = { metadata: { name, namespace }, spec };
      const rivals = byAge(
        all(view).filter(
          (policy) =>
            policy.metadata.namespace === namespace && describe(selectorOf(policy)) === describe(selectorOf(declared)),
        ),
      );
      // One that was adopted has the name that it had.
      const mine =
        rivals.find(({ metadata }) => metadata.name === name) ??
        rivals.find(({ metadata }) => metadata.annotations?.[stackAnnotation] !== undefined);
      if (mine === undefined) problem(`${namespace}/${name} is missing: its clients are refused`);
      else if (rivals[0] !== mine)
        problem(`Istio obeys the older ${placeOf(rivals[0]!)} instead of ${namespace}/${name}`, {
          fix: `kubectl -n ${namespace} delete peerauthentication ${rivals[0]!.metadata.name}`,
        });
      else if (modes(mine) !== modes(declared))
        problem(`${namespace}/${name} says ${modes(mine)} instead of ${modes(declared)}`);
    }
    return wanted.length === 0
      ? "none is declared"
      : listed(wanted.map(({ name, namespace }) => `${namespace}/${name}`));
  },
});

function modes(policy: PeerAuthenticationObject): string {
  const [every, ...ports] = modesOf(policy, undefined);
  return [every.mode, ...ports.map(({ port, mode }) => `port ${port} ${mode}`).sort()].join(", ");
}

function describe(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map((pair) => pair.join("="))
    .sort()
    .join(",");
}

const destinationRules = verifyCheck({
  id: "strict/destination-rules",
  title: "no DestinationRule makes clients speak plain text to the mesh",
  needs: ["destinationRules", "services"],
  subject: "DestinationRules",
  fix: "remove its tls settings, or delete it",
  docs: {
    meaning:
      "no DestinationRule turns TLS off (`DISABLE`), or half of it (`SIMPLE`, `insecureSkipVerify`), towards the mesh's namespaces; rules for hosts outside, and for declared exceptions, are fine",
    fix: "remove it",
  },
  run(view, { settings }, problem) {
    const rules = itemsOf(view.destinationRules, "DestinationRules");
    const namespaces = meshMembers(settings).map(({ name }) => name);
    const unread = new Set<string>();
    for (const rule of rules) {
      const targets = namespaces.filter((namespace) => clientTlsProblems(rule, [namespace]).length > 0);
      const harmful = targets.filter((namespace) => {
        const services = view.services[namespace];
        if (services?.state === "unreadable") unread.add(namespace);
        return !isExcepted(rule, namespace, view, settings);
      });
      if (harmful.length === 0) continue;
      const found = clientTlsProblems(rule, harmful);
      const isPlain = found.some(({ weakness }) => weakness === 2);
      const places = found.map(({ where, setting, weakness }) => (weakness === 2 ? where : `${where}: ${setting}`));
      problem(
        `${placeOf(rule)} ${isPlain ? "turns TLS off" : "weakens TLS"} for ${rule.spec?.host} (${places.join(", ")})`,
        {
          subject: `DestinationRule ${placeOf(rule)}`,
          fix: `remove ${found.map(({ path }) => path).join(", ")} from it, or delete it: kubectl -n ${rule.metadata.namespace} delete destinationrule ${rule.metadata.name}`,
        },
      );
    }
    if (unread.size > 0) throw new CannotTell(`Services of ${listed([...unread])} could not be read`);
    return rules.length === 0 ? "there is none" : `${count(rules.length, "rule")}, none of them does`;
  },
});

/** Whether the Services that a rule means take plain text by a declared exception. */
function isExcepted(
  rule: DestinationRule,
  namespace: string,
  view: Pick<ClusterView, "services">,
  settings: Settings,
): boolean {
  const declared = settings.mutualTls.exceptions.filter((exception) => exception.namespace === namespace);
  if (declared.some(({ workload }) => workload === undefined)) return true;
  const [name] = (rule.spec?.host ?? "").split(".");
  const services = view.services[namespace];
  const selector =
    services?.state === "read"
      ? services.value.find(({ metadata }) => metadata.name === name)?.spec.selector
      : undefined;
  return declared.some(({ workload = {} }) => isPartOf(workload, selector));
}

/** Whether mutual TLS is demanded everywhere, and nothing below the mesh-wide policy takes it back. */
export const strictChecks: readonly VerifyCheck[] = [
  meshWide,
  onlyMeshPolicy,
  namespacePolicies,
  workloadPolicies,
  portPolicies,
  exceptions,
  destinationRules,
];
