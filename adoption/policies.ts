import { ownerAnnotation, reasonAnnotation, untilAnnotation } from "../base/annotations";
import type { Issue } from "../base/issue";
import type { PeerAuthentication } from "../cluster/kinds";
import { type MutualTlsException, exceptionModes, exceptionProblems, isPast } from "../mesh/mutual-tls-policies";
import { placeOf } from "../mesh/object";
import { byAge, meshPolicies, modesOf, scopeOf } from "../mesh/peer-authentication";
import type { Survey } from "./survey";

/* PeerAuthentications as `mutualTls.exceptions` of a stack. */

export interface DraftedExceptions {
  exceptions: MutualTlsException[];
  issues: Issue[];
}

/** How long an exception lasts whose policy says no day: long enough to find out who needs it. */
const unknownLifeDays = 90;

/** The exceptions from STRICT that stand in a cluster. */
export function draftExceptions(
  { policies }: Pick<Survey, "policies">,
  { root, members, now }: { root: string; members: readonly string[]; now: Date },
): DraftedExceptions {
  const issues: Issue[] = [];
  const exceptions: MutualTlsException[] = [];
  for (const policy of byAge(policies)) {
    const scope = scopeOf(policy, root);
    if (scope === "mesh" || scope === "ignored") continue;
    const found = exceptionsOf(policy, root, now);
    const problems = exceptionProblems([...exceptions, ...found], root).filter(
      ({ index }) => index >= exceptions.length,
    );
    const { namespace = "" } = policy.metadata;
    const isStranger = found.length > 0 && namespace !== root && !members.includes(namespace);
    const why = isStranger
      ? `namespace ${namespace} is not in the mesh, which the exceptions of a stack are for`
      : problems.map(({ problem }) => problem)[0];
    if (why !== undefined) {
      issues.push(left(policy, why));
      continue;
    }
    exceptions.push(...found);
    if (found.some(({ owner }) => owner === unknownOwner))
      issues.push({
        id: "adoption/exception",
        severity: "warning",
        subject: `PeerAuthentication ${placeOf(policy)}`,
        problem: `PeerAuthentication ${placeOf(policy)} lets workloads take plain text, and says neither why nor who answers for it`,
        fix: "fill in reason, owner and until of that exception in the stack file",
      });
  }
  return { exceptions, issues: [...meshIssues(meshPolicies(policies, root), root), ...issues] };
}

const unknownOwner = "unknown: found when the stack took the mesh over";

function left(policy: PeerAuthentication, why: string): Issue {
  return {
    id: "adoption/exception",
    severity: "warning",
    subject: `PeerAuthentication ${placeOf(policy)}`,
    problem: `PeerAuthentication ${placeOf(policy)} is left to its owner: ${why}`,
    fix: `delete it, if it is not needed: kubectl delete peerauthentication ${policy.metadata.name} -n ${policy.metadata.namespace}; or leave it: it stays in force`,
  };
}

function exceptionsOf(policy: PeerAuthentication, root: string, now: Date): MutualTlsException[] {
  const [all, ...ports] = modesOf(policy, root);
  const { namespace = "", annotations = {} } = policy.metadata;
  const day = annotations[untilAnnotation] ?? "";
  const common = {
    namespace,
    ...(policy.spec?.selector?.matchLabels === undefined ? {} : { workload: policy.spec.selector.matchLabels }),
    reason: annotations[reasonAnnotation] ?? `found as PeerAuthentication ${placeOf(policy)}`,
    owner: annotations[ownerAnnotation] ?? unknownOwner,
    until: isPast(day, now) === false ? day : dayAfter(now, unknownLifeDays),
  };
  return exceptionModes.flatMap((mode): MutualTlsException[] => {
    const open = ports.flatMap((one) => (one.mode === mode && one.port !== undefined ? [one.port] : []));
    return [
      ...(all.mode === mode ? [{ ...common, mode }] : []),
      ...(open.length === 0 ? [] : [{ ...common, ports: open.sort((a, b) => a - b), mode }]),
    ];
  });
}

const dayAfter = (now: Date, days: number) => new Date(now.getTime() + days * 86_400_000).toISOString().slice(0, 10);

/** What becomes of the policy for the whole mesh. */
function meshIssues([obeyed]: PeerAuthentication[], root: string): Issue[] {
  const strict = "every workload of the mesh then refuses plain text";
  const fix = `see who still speaks it (a dashboard of Istio's metric istio_requests_total by connection_security_policy), and declare what is needed in mutualTls.exceptions`;
  if (obeyed === undefined)
    return [
      {
        id: "adoption/mesh-policy",
        severity: "warning",
        subject: "mesh-wide PeerAuthentication",
        problem: `there is no mesh-wide PeerAuthentication in ${root}, and the first update makes one of mode STRICT: ${strict}`,
        fix,
      },
    ];
  const [{ mode, weakness }] = modesOf(obeyed, root);
  if (weakness === 0) return [];
  return [
    {
      id: "adoption/mesh-policy",
      severity: "warning",
      subject: `PeerAuthentication ${placeOf(obeyed)}`,
      problem: `PeerAuthentication ${placeOf(obeyed)} for the whole mesh is ${mode}, and the first update makes it STRICT: ${strict}`,
      fix,
    },
  ];
}
