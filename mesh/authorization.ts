/* Who may call a workload: Istio's AuthorizationPolicy. */

/** Name of the policy by which the workloads of a namespace take requests from the gateway alone. */
export const onlyFromGatewayName = "only-from-gateway";

/** An identity (SPIFFE) as an AuthorizationPolicy has it. */
export function principalOf(identity: string): string {
  return identity.replace(/^spiffe:\/\//, "");
}

/** `spec` of a policy without a selector: of the namespace's workloads, requests by these principals are taken, and no others. */
export function onlyFrom<Principal>(...principals: Principal[]) {
  return { action: "ALLOW", rules: [{ from: [{ source: { principals } }] }] };
}
