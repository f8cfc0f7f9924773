import { count, listed } from "../../base/text";
import type { DestinationRule, MtlsMode, PeerAuthentication, TrafficPolicy } from "../../cluster/kinds";
import { compileExceptions } from "../../mesh/mutual-tls-policies";
import { meshMembers } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, notThere } from "../check";
import type { ClusterView } from "../view";
import { type VerifyCheck, verifyCheck } from "./define";
import { itemsOf, valueOf } from "./reading";

const weakness: Record<MtlsMode, number> = { UNSET: 0, STRICT: 0, PERMISSIVE: 1, DISABLE: 2 };
const declareOrDelete = "declare it in mutualTls.exceptions with its reason, or delete it";
const removal = ({ metadata: { namespace, name } }: PeerAuthentication) => ({
  subject: `PeerAuthentication ${namespace}/${name}`,
  fix: `${declareOrDelete}: kubectl -n ${namespace} delete peerauthentication ${name}`,
});
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
    const mode = modeOf(obeyed.spec?.mtls);
    if (mode !== "STRICT") {
      const others = ignored.length === 0 ? "" : `, and ignores the younger ${listed(ignored.map(nameOf))}`;
      problem(`Istio obeys ${nameOf(obeyed)}, which is ${mode}${others}`, {
        fix:
          obeyed.metadata.name === "default"
            ? "run pulumi up --refresh"
            : `kubectl -n ${root} delete peerauthentication ${obeyed.metadata.name}`,
      });
    }
    return `${nameOf(obeyed)} is STRICT`;
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
    const foreign = policies.filter(({ metadata }) => metadata.name !== "default");
    if (policies.length > 1)
      problem(
        `${listed(policies.map(nameOf))}: Istio obeys the oldest, ${nameOf(policies[0]!)}, and ignores the others without a word`,
        {
          fix: foreign
            .map(({ metadata }) => `kubectl -n ${root} delete peerauthentication ${metadata.name}`)
            .join("; "),
        },
      );
    return count(policies.length, "policy").replace("policys", "policies");
  },
});

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
function below(view: Pick<ClusterView, "peerAuthentications">, settings: Settings): PeerAuthentication[] {
  return all(view).filter(({ metadata }) => metadata.namespace !== settings.istio.namespace.name);
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
    const policies = below(view, settings).filter((policy) => !isSelective(policy));
    for (const policy of policies) {
      const mode = modeOf(policy.spec?.mtls);
      if (weakness[mode] > allowed(settings, policy))
        problem(`${nameOf(policy)} makes its namespace ${mode}`, removal(policy));
    }
    return policies.length === 0 ? "no policy for a namespace" : `fine: ${listed(policies.map(nameOf))}`;
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
    const policies = below(view, settings).filter(isSelective);
    for (const policy of policies) {
      const mode = modeOf(policy.spec?.mtls);
      if (weakness[mode] > allowed(settings, policy))
        problem(`${nameOf(policy)} makes ${describe(selectorOf(policy))} ${mode}`, removal(policy));
    }
    return policies.length === 0 ? "no policy for a workload" : `fine: ${listed(policies.map(nameOf))}`;
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
        problem(`${nameOf(policy)} makes port ${port} of ${describe(selectorOf(policy))} ${mode}`, removal(policy));
    return ports.length === 0
      ? "no policy for a port"
      : `fine: ${listed(ports.map(({ policy, port }) => `${nameOf(policy)} port ${port}`))}`;
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
        problem(`Istio obeys the older ${nameOf(rivals[0]!)} instead of ${namespace}/${name}`, {
          fix: `kubectl -n ${namespace} delete peerauthentication ${rivals[0]!.metadata.name}`,
        });
      else if (modes(mine.spec) !== modes(spec))
        problem(`${namespace}/${name} says ${modes(mine.spec)} instead of ${modes(spec)}`);
    }
    return wanted.length === 0
      ? "none is declared"
      : listed(wanted.map(({ name, namespace }) => `${namespace}/${name}`));
  },
});

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

const destinationRules = verifyCheck({
  id: "strict/destination-rules",
  title: "no DestinationRule makes clients speak plain text to the mesh",
  needs: ["destinationRules", "services"],
  subject: "DestinationRules",
  fix: "remove tls.mode DISABLE from it, or delete it",
  docs: {
    meaning:
      "no DestinationRule turns TLS off (`DISABLE`) towards the mesh's namespaces; rules for hosts outside, and for declared exceptions, are fine",
    fix: "remove it",
  },
  run(view, { settings }, problem) {
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
          {
            subject: `DestinationRule ${rule.metadata.namespace}/${rule.metadata.name}`,
            fix: `remove tls.mode DISABLE from it, or delete it: kubectl -n ${rule.metadata.namespace} delete destinationrule ${rule.metadata.name}`,
          },
        );
    }
    if (unread.size > 0) throw new CannotTell(`Services of ${listed([...unread])} could not be read`);
    return rules.length === 0 ? "there is none" : `${count(rules.length, "rule")}, none of them does`;
  },
});

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
  return declared.some(({ workload = {} }) =>
    Object.entries(workload).every(([key, value]) => selector?.[key] === value),
  );
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
