import { asText, at, textsAt, treesAt } from "../base/tree";
import { defaultIstioNamespace } from "./istio";
import type { MeshObject } from "./object";

/*
 * Who may call a workload: Istio's AuthorizationPolicy. Of several that hold for a workload, a request is taken that any ALLOW policy
 * takes, unless a DENY or CUSTOM one refuses it; where no ALLOW policy holds, every request is taken
 * (https://istio.io/latest/docs/concepts/security/#implicit-enablement, istio.io/api 1.31 security/v1beta1/authorization_policy.proto).
 */

/** Name of the policy by which the workloads of a namespace take requests from the gateway alone. */
export const onlyFromGatewayName = "only-from-gateway";

/** On a policy that is tried and not obeyed. */
export const dryRunAnnotation = "istio.io/dry-run";

/** An identity (SPIFFE) as an AuthorizationPolicy has it. */
export function principalOf(identity: string): string {
  return identity.replace(/^spiffe:\/\//, "");
}

/** Namespace and name of the service account of an identity (SPIFFE), or of its principal. */
function accountOf(identity: string): { namespace: string | undefined; account: string | undefined } {
  const [, namespace, account] = /\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(identity) ?? [];
  return { namespace, account };
}

/** Why the workloads of a namespace cannot be for the gateway alone; undefined where they can. */
export function onlyFromProblem(namespace: string, identity: string): string | undefined {
  if (namespace === accountOf(identity).namespace)
    return "an identity of another namespace than the workloads': here the gateway itself would refuse its clients, who have none";
  if (namespace === defaultIstioNamespace)
    return `the gateway of workloads in another namespace than ${defaultIstioNamespace}: a policy in the mesh's root namespace holds for the whole mesh`;
  return undefined;
}

/** `spec` of a policy without a selector: of the namespace's workloads, requests by these principals are taken, and no others. */
export function onlyFrom<Principal>(...principals: Principal[]) {
  return { action: "ALLOW", rules: [{ from: [{ source: { principals } }] }] };
}

type Policy = Pick<MeshObject, "metadata" | "spec">;

/** Whether sidecars obey a policy: one with a target is for a waypoint, or for a gateway of Istio's. */
function isInForce(policy: Policy): boolean {
  const hasTarget = at(policy, "spec", "targetRef") !== undefined || treesAt(policy, "spec", "targetRefs").length > 0;
  return !hasTarget && policy.metadata.annotations?.[dryRunAnnotation]?.toLowerCase() !== "true";
}

/** What a policy does with the requests that it is about: `ALLOW`, `DENY`, `CUSTOM` or `AUDIT`; undefined where sidecars do not obey it. */
export function actionInForce(policy: Policy): string | undefined {
  return isInForce(policy) ? actionOf(policy) : undefined;
}

const actionOf = (policy: Policy) => asText(at(policy, "spec", "action")) ?? "ALLOW";

/** Stands among those who are let in for all that reach a workload. */
export const everybody = "everybody";

/** Whom a policy lets call its workloads, in words: an identity as its principal. None where it lets nobody, or is no ALLOW policy. */
export function admitted(policy: Policy): string[] {
  if (actionInForce(policy) !== "ALLOW") return [];
  const home = policy.metadata.namespace ?? "";
  return [...new Set(treesAt(policy, "spec", "rules").flatMap((rule) => admittedBy(rule, home)))];
}

function admittedBy(rule: object, home: string): string[] {
  const conditions = treesAt(rule, "when");
  const byCondition = conditions.find(
    (condition) => at(condition, "key") === "source.principal" && textsAt(condition, "values").length > 0,
  );
  if (byCondition !== undefined) return textsAt(byCondition, "values");
  const from = treesAt(rule, "from");
  // A list that is empty matches nothing; Istio refuses it.
  return at(rule, "from") === undefined ? [everybody] : from.flatMap((one) => sourceTexts(at(one, "source"), home));
}

/** A source's fields hold together, so that the narrowest says enough. */
function sourceTexts(source: unknown, home: string): string[] {
  const of = (key: string) => textsAt(source, key);
  if (of("principals").length > 0) return of("principals");
  if (of("serviceAccounts").length > 0)
    return of("serviceAccounts").map((account) =>
      serviceAccount(account.includes("/") ? account : `${home}/${account}`),
    );
  if (of("namespaces").length > 0) return of("namespaces").map((namespace) => `everybody in ${namespace}`);
  const addresses = [...of("ipBlocks"), ...of("remoteIpBlocks")];
  if (addresses.length > 0) return [`everybody at ${addresses.join(", ")}`];
  if (of("requestPrincipals").length > 0)
    return of("requestPrincipals").map((token) => `bearers of tokens of ${token}`);
  return [everybody];
}

const serviceAccount = (account: string) => `service account ${account}`;

function isIdentity(text: string, principal: string): boolean {
  const { namespace, account } = accountOf(principal);
  return text === principal || text === serviceAccount(`${namespace}/${account}`);
}

/** Whom a policy lets call its workloads beside this principal. */
export function admittedBeside(policy: Policy, principal: string): string[] {
  return admitted(policy).filter((text) => !isIdentity(text, principal));
}

/** Where a policy holds: for all workloads of its place, or for those with some labels. */
function isForAll(policy: Policy): boolean {
  return Object.keys(at(policy, "spec", "selector", "matchLabels") ?? {}).length === 0;
}

/** Why workloads of a namespace do not take requests from the gateway alone. */
export type OpenReason<Of extends Policy> =
  /** No policy is for all workloads of the namespace. */
  | { state: "open" }
  /** No policy lets the gateway in. */
  | { state: "shut" }
  /** A policy lets others in. */
  | { state: "widened"; policy: Of; others: string[] };

/** What keeps the workloads of a namespace from taking requests from one identity alone; empty where they do. */
export function notOnlyFrom<Of extends Policy>(
  policies: readonly Of[],
  { namespace, rootNamespace, principal }: { namespace: string; rootNamespace: string; principal: string },
): OpenReason<Of>[] {
  const here = policies.filter(
    (policy) =>
      [namespace, rootNamespace].includes(policy.metadata.namespace ?? "") && actionInForce(policy) === "ALLOW",
  );
  const widened = here.flatMap((policy) => {
    const others = admittedBeside(policy, principal);
    return others.length === 0 ? [] : [{ state: "widened" as const, policy, others }];
  });
  if (!here.some(isForAll)) return [{ state: "open" }, ...widened];
  const lets = (policy: Of) => isForAll(policy) && admitted(policy).some((text) => isIdentity(text, principal));
  return here.some(lets) || widened.some(({ others }) => others.includes(everybody))
    ? widened
    : [{ state: "shut" }, ...widened];
}
