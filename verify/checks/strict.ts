import type { Result } from "../../base/report";
import { count, listed } from "../../base/text";
import type { DestinationRule, PeerAuthentication } from "../../cluster/kinds";
import { clientTlsProblems } from "../../mesh/destination-rule";
import { placeOf } from "../../mesh/object";
import { allowedWeakness, compileExceptions, isPartOf } from "../../mesh/mutual-tls-policies";
import {
  type PeerAuthenticationObject,
  byAge,
  meshPolicies,
  modesOf,
  scopeOf,
  selectorOf,
} from "../../mesh/peer-authentication";
import { meshMembers } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, judge } from "../result";
import type { ClusterView } from "../view";
import { itemsOf, valueOf } from "./reading";

/** Whether mutual TLS is demanded everywhere, and nothing below the mesh-wide policy takes it back. */
export function checkStrict(view: ClusterView, settings: Settings): Result[] {
  return [
    meshWide(view, settings),
    onlyMeshPolicy(view, settings),
    namespacePolicies(view, settings),
    workloadPolicies(view, settings),
    portPolicies(view, settings),
    exceptions(view, settings),
    destinationRules(view, settings),
  ];
}

const removeIt = (...policies: PeerAuthentication[]) =>
  `declare it in mutualTls.exceptions with its reason, or delete it: ${policies
    .map(({ metadata }) => `kubectl -n ${metadata.namespace} delete peerauthentication ${metadata.name}`)
    .join("; ")}`;
const nameOf = placeOf;
function all(view: ClusterView): PeerAuthentication[] {
  return itemsOf(view.peerAuthentications, "PeerAuthentications");
}

function meshWide(view: ClusterView, settings: Settings): Result {
  const root = settings.istio.namespace.name;
  return judge(
    {
      check: "strict/mesh-wide",
      title: "the mesh-wide policy that Istio obeys is STRICT",
      fix: "run pulumi up --refresh",
    },
    (problem) => {
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
        const others = ignored.length === 0 ? "" : `, and ignores the younger ${listed(ignored.map(nameOf))}`;
        problem(
          `Istio obeys ${nameOf(obeyed)}, which is ${mode}${others}`,
          obeyed.metadata.name === "default"
            ? "run pulumi up --refresh"
            : `kubectl -n ${root} delete peerauthentication ${obeyed.metadata.name}`,
        );
      }
      return `${nameOf(obeyed)} is STRICT`;
    },
  );
}

function onlyMeshPolicy(view: ClusterView, settings: Settings): Result {
  const root = settings.istio.namespace.name;
  return judge(
    {
      check: "strict/one-mesh-policy",
      title: "there is only one mesh-wide policy",
      severity: "warning",
      fix: "delete those that are not ours",
    },
    (problem) => {
      const policies = meshPolicies(all(view), root);
      const foreign = policies.filter(({ metadata }) => metadata.name !== "default");
      if (policies.length > 1)
        problem(
          `${listed(policies.map(nameOf))}: Istio obeys the oldest, ${nameOf(policies[0]!)}, and ignores the others without a word`,
          foreign.map(({ metadata }) => `kubectl -n ${root} delete peerauthentication ${metadata.name}`).join("; "),
        );
      return count(policies.length, "policy");
    },
  );
}

/** Policies of namespaces, or of workloads, that go further than the stack's exceptions allow them to. */
function tooWeak(view: ClusterView, settings: Settings, scope: "namespace" | "workload") {
  const root = settings.istio.namespace.name;
  const policies = all(view).filter((policy) => scopeOf(policy, root) === scope);
  const { exceptions } = settings.mutualTls;
  const weak = policies.flatMap((policy) => {
    const [{ mode, weakness }] = modesOf(policy, root);
    return weakness > allowedWeakness(exceptions, policy) ? [{ policy, mode }] : [];
  });
  return { policies, weak };
}

function namespacePolicies(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "strict/namespaces",
      title: "no policy weakens a namespace, but for declared exceptions",
      fix: "",
    },
    (problem) => {
      const { policies, weak } = tooWeak(view, settings, "namespace");
      for (const { policy, mode } of weak) problem(`${nameOf(policy)} makes its namespace ${mode}`, removeIt(policy));
      return policies.length === 0 ? "no policy for a namespace" : `fine: ${listed(policies.map(nameOf))}`;
    },
  );
}

function workloadPolicies(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "strict/workloads",
      title: "no policy weakens a workload, but for declared exceptions",
      fix: "",
    },
    (problem) => {
      const { policies, weak } = tooWeak(view, settings, "workload");
      for (const { policy, mode } of weak)
        problem(`${nameOf(policy)} makes ${describe(selectorOf(policy))} ${mode}`, removeIt(policy));
      return policies.length === 0 ? "no policy for a workload" : `fine: ${listed(policies.map(nameOf))}`;
    },
  );
}

function portPolicies(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "strict/ports",
      title: "no policy weakens a port, but for declared exceptions",
      fix: "",
    },
    (problem) => {
      const ports = all(view).flatMap((policy) =>
        modesOf(policy, settings.istio.namespace.name).flatMap(({ port, mode, weakness }) =>
          // What a port inherits is told of its workload.
          port === undefined || mode === "UNSET" ? [] : [{ policy, port, mode, weakness }],
        ),
      );
      for (const { policy, port, mode, weakness } of ports)
        if (weakness > allowedWeakness(settings.mutualTls.exceptions, policy, port))
          problem(
            `${nameOf(policy)} makes port ${port} of ${describe(selectorOf(policy)) || "every workload"} ${mode}`,
            removeIt(policy),
          );
      return ports.length === 0
        ? "no policy for a port"
        : `fine: ${listed(ports.map(({ policy, port }) => `${nameOf(policy)} port ${port}`))}`;
    },
  );
}

function exceptions(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "strict/exceptions",
      title: "the declared exceptions are in force",
      fix: "run pulumi up --refresh",
    },
    (problem) => {
      const wanted = compileExceptions(settings.mutualTls.exceptions);
      for (const { name, namespace, spec } of wanted) {
        const wantedPolicy = { metadata: { name, namespace }, spec };
        const rivals = byAge(
          all(view).filter(
            (policy) =>
              policy.metadata.namespace === namespace &&
              describe(selectorOf(policy)) === describe(selectorOf(wantedPolicy)),
          ),
        );
        const mine = rivals.find(({ metadata }) => metadata.name === name);
        if (mine === undefined) problem(`${namespace}/${name} is missing: its clients are refused`);
        else if (rivals[0] !== mine)
          problem(
            `Istio obeys the older ${nameOf(rivals[0]!)} instead of ${namespace}/${name}`,
            `kubectl -n ${namespace} delete peerauthentication ${rivals[0]!.metadata.name}`,
          );
        else if (modes(mine) !== modes(wantedPolicy))
          problem(`${namespace}/${name} says ${modes(mine)} instead of ${modes(wantedPolicy)}`);
      }
      return wanted.length === 0
        ? "none is declared"
        : listed(wanted.map(({ name, namespace }) => `${namespace}/${name}`));
    },
  );
}

function modes(policy: PeerAuthenticationObject): string {
  const [all, ...ports] = modesOf(policy, undefined);
  return [all.mode, ...ports.map(({ port, mode }) => `port ${port} ${mode}`).sort()].join(", ");
}

function describe(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map((pair) => pair.join("="))
    .sort()
    .join(",");
}

function destinationRules(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "strict/destination-rules",
      title: "no DestinationRule makes clients speak plain text to the mesh",
      fix: "",
    },
    (problem) => {
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
          `${nameOf(rule)} ${isPlain ? "turns TLS off" : "weakens TLS"} for ${rule.spec?.host} (${places.join(", ")})`,
          `remove ${found.map(({ path }) => path).join(", ")} from it, or delete it: kubectl -n ${rule.metadata.namespace} delete destinationrule ${rule.metadata.name}`,
        );
      }
      if (unread.size > 0) throw new CannotTell(`Services of ${listed([...unread])} could not be read`);
      return rules.length === 0 ? "there is none" : `${count(rules.length, "rule")}, none of them does`;
    },
  );
}

/** Whether the Services that a rule means take plain text by a declared exception. */
function isExcepted(rule: DestinationRule, namespace: string, view: ClusterView, settings: Settings): boolean {
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
