import type { Result } from "../../base/report";
import { count, listed } from "../../base/text";
import type { DestinationRule, MtlsMode, PeerAuthentication, TrafficPolicy } from "../../cluster/kinds";
import { compileExceptions } from "../../mesh/mutual-tls-policies";
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

const weakness: Record<MtlsMode, number> = { UNSET: 0, STRICT: 0, PERMISSIVE: 1, DISABLE: 2 };
const removeIt = (...policies: PeerAuthentication[]) =>
  `declare it in mutualTls.exceptions with its reason, or delete it: ${policies
    .map(({ metadata }) => `kubectl -n ${metadata.namespace} delete peerauthentication ${metadata.name}`)
    .join("; ")}`;
const nameOf = ({ metadata }: PeerAuthentication) => `${metadata.namespace}/${metadata.name}`;
const selectorOf = ({ spec }: PeerAuthentication) => spec?.selector?.matchLabels ?? {};
const isSelective = (policy: PeerAuthentication) => Object.keys(selectorOf(policy)).length > 0;
const modeOf = (mtls: { mode?: MtlsMode } | undefined): MtlsMode => mtls?.mode ?? "UNSET";

/** In the order in which Istio prefers policies that compete: the oldest, then by name. */
export function byAge<Policy extends PeerAuthentication>(policies: readonly Policy[]): Policy[] {
  const age = ({ metadata }: Policy) =>
    `${metadata.creationTimestamp ?? ""} ${metadata.name}.${metadata.namespace ?? ""}`;
  return [...policies].sort((a, b) => (age(a) < age(b) ? -1 : 1));
}

/** The policies for the whole mesh, the one that Istio obeys first. */
export function meshPolicies(policies: readonly PeerAuthentication[], rootNamespace: string): PeerAuthentication[] {
  return byAge(policies.filter((policy) => policy.metadata.namespace === rootNamespace && !isSelective(policy)));
}

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
      const mode = modeOf(obeyed.spec?.mtls);
      if (mode !== "STRICT") {
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
      return count(policies.length, "policy").replace("policys", "policies");
    },
  );
}

/** How weak the declared exceptions allow it to be, for what a policy selects; with a port, for that port. */
function allowed(settings: Settings, policy: PeerAuthentication, port?: number): number {
  const selected = selectorOf(policy);
  const covering = settings.mutualTls.exceptions.filter(
    ({ namespace, workload, ports }) =>
      namespace === policy.metadata.namespace &&
      (workload === undefined
        ? true
        : isSelective(policy) && Object.entries(workload).every(([key, value]) => selected[key] === value)) &&
      (ports === undefined || (port !== undefined && ports.includes(port))),
  );
  return Math.max(0, ...covering.map(({ mode }) => weakness[mode]));
}

/** Policies below the mesh-wide one. Those with a selector in the root namespace count for nothing in Istio. */
function below(view: ClusterView, settings: Settings): PeerAuthentication[] {
  return all(view).filter(({ metadata }) => metadata.namespace !== settings.istio.namespace.name);
}

function namespacePolicies(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "strict/namespaces",
      title: "no policy weakens a namespace, but for declared exceptions",
      fix: "",
    },
    (problem) => {
      const policies = below(view, settings).filter((policy) => !isSelective(policy));
      for (const policy of policies) {
        const mode = modeOf(policy.spec?.mtls);
        if (weakness[mode] > allowed(settings, policy))
          problem(`${nameOf(policy)} makes its namespace ${mode}`, removeIt(policy));
      }
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
      const policies = below(view, settings).filter(isSelective);
      for (const policy of policies) {
        const mode = modeOf(policy.spec?.mtls);
        if (weakness[mode] > allowed(settings, policy))
          problem(`${nameOf(policy)} makes ${describe(selectorOf(policy))} ${mode}`, removeIt(policy));
      }
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
      const ports = below(view, settings)
        .filter(isSelective)
        .flatMap((policy) =>
          Object.entries(policy.spec?.portLevelMtls ?? {}).map(([port, mtls]) => ({
            policy,
            port,
            mode: modeOf(mtls),
          })),
        );
      for (const { policy, port, mode } of ports)
        if (weakness[mode] > allowed(settings, policy, Number(port)))
          problem(`${nameOf(policy)} makes port ${port} of ${describe(selectorOf(policy))} ${mode}`, removeIt(policy));
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
        const rivals = byAge(
          all(view).filter(
            (policy) =>
              policy.metadata.namespace === namespace &&
              describe(selectorOf(policy)) === describe(spec.selector?.matchLabels ?? {}),
          ),
        );
        const mine = rivals.find(({ metadata }) => metadata.name === name);
        if (mine === undefined) problem(`${namespace}/${name} is missing: its clients are refused`);
        else if (rivals[0] !== mine)
          problem(
            `Istio obeys the older ${nameOf(rivals[0]!)} instead of ${namespace}/${name}`,
            `kubectl -n ${namespace} delete peerauthentication ${rivals[0]!.metadata.name}`,
          );
        else if (modes(mine.spec) !== modes(spec))
          problem(`${namespace}/${name} says ${modes(mine.spec)} instead of ${modes(spec)}`);
      }
      return wanted.length === 0
        ? "none is declared"
        : listed(wanted.map(({ name, namespace }) => `${namespace}/${name}`));
    },
  );
}

function modes(spec: PeerAuthentication["spec"]): string {
  const ports = Object.entries(spec?.portLevelMtls ?? {}).map(([port, mtls]) => `port ${port} ${modeOf(mtls)}`);
  return [modeOf(spec?.mtls), ...ports.sort()].join(", ");
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
        const places = plainTextPlaces(rule);
        if (places.length === 0) continue;
        const targets = namespaces.filter((namespace) => aimsAt(rule, namespace));
        const harmful = targets.filter((namespace) => {
          const services = view.services[namespace];
          if (services?.state === "unreadable") unread.add(namespace);
          return !isExcepted(rule, namespace, view, settings);
        });
        if (harmful.length > 0)
          problem(
            `${rule.metadata.namespace}/${rule.metadata.name} turns TLS off for ${rule.spec?.host} (${places.join(", ")})`,
            `remove tls.mode DISABLE from it, or delete it: kubectl -n ${rule.metadata.namespace} delete destinationrule ${rule.metadata.name}`,
          );
      }
      if (unread.size > 0) throw new CannotTell(`Services of ${listed([...unread])} could not be read`);
      return rules.length === 0 ? "there is none" : `${count(rules.length, "rule")}, none of them does`;
    },
  );
}

/** Where a rule says DISABLE. */
function plainTextPlaces({ spec }: DestinationRule): string[] {
  const inside = (policy: TrafficPolicy | undefined, where: string) => [
    ...(policy?.tls?.mode === "DISABLE" ? [where] : []),
    ...(policy?.portLevelSettings ?? [])
      .filter(({ tls }) => tls?.mode === "DISABLE")
      .map(({ port }) => `${where}, port ${port?.number ?? "?"}`),
  ];
  return [
    ...inside(spec?.trafficPolicy, "all traffic"),
    ...(spec?.subsets ?? []).flatMap((subset) => inside(subset.trafficPolicy, `subset ${subset.name}`)),
  ];
}

/** Whether a rule's host means Services of a namespace. A short name means one of the rule's own namespace. */
function aimsAt({ metadata, spec }: DestinationRule, namespace: string): boolean {
  const host = spec?.host ?? "";
  if (!host.includes(".") && !host.startsWith("*")) return metadata.namespace === namespace;
  if (host.startsWith("*")) {
    const rest = host.slice(1);
    // "*", "*.local" and the like take in every Service; "*.shop.svc.cluster.local" those of one namespace.
    return rest === "" || `.${namespace}.svc.cluster.local`.endsWith(rest) || rest.startsWith(`.${namespace}.svc`);
  }
  return host.split(".")[1] === namespace && (host.split(".")[2] ?? "svc") === "svc";
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
  return declared.some(({ workload = {} }) =>
    Object.entries(workload).every(([key, value]) => selector?.[key] === value),
  );
}
