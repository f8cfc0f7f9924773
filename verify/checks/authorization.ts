import { listed } from "../../base/text";
import { type OpenReason, notOnlyFrom, onlyFromGatewayName, principalOf } from "../../mesh/authorization";
import { type MeshObject, placeOf } from "../../mesh/object";
import { gatewayIdentity } from "../../settings/expected";
import { type VerifyCheck, verifyCheck } from "./define";
import { valueOf } from "./reading";

const refresh = "run pulumi up --refresh";

const isOwn =
  (namespace: string) =>
  ({ metadata }: MeshObject) =>
    metadata.name === onlyFromGatewayName && metadata.namespace === namespace;

function reasonText(
  namespace: string,
  reason: OpenReason<MeshObject>,
  isThere: boolean,
): { evidence: string; fix: string } {
  if (reason.state === "open")
    return {
      evidence: `no policy of ${namespace} is for all of its workloads: they take requests from everybody`,
      // What others added to it, such as a selector, or that it is only tried, an update leaves.
      fix: isThere
        ? `kubectl -n ${namespace} delete authorizationpolicy ${onlyFromGatewayName}; then ${refresh}`
        : refresh,
    };
  if (reason.state === "shut")
    return { evidence: `no policy of ${namespace} lets the gateway in: its requests get 403`, fix: refresh };
  const { policy, others } = reason;
  const place = placeOf(policy);
  const { name, namespace: home } = policy.metadata;
  return {
    evidence: `AuthorizationPolicy ${place} lets ${listed(others)} call workloads of ${namespace}`,
    fix: isOwn(namespace)(policy)
      ? refresh
      : `delete it: kubectl -n ${home} delete authorizationpolicy ${name}; or set onlyFromGateway of ${namespace} to false`,
  };
}

const onlyFromGateway = verifyCheck({
  id: "authorization/only-from-gateway",
  title: "namespaces that take requests from the gateway alone do so",
  needs: ["authorizationPolicies"],
  subject: "AuthorizationPolicies",
  fix: refresh,
  docs: {
    meaning:
      "where `namespaces[].onlyFromGateway` is set, a policy lets the gateway's identity in, and no other ALLOW policy, of the namespace or of the mesh, lets others in",
    fix: "`pulumi up --refresh`, or delete the policy that lets others in",
  },
  run(view, { settings }, problem) {
    const closed = settings.namespaces.filter(({ onlyFromGateway: only }) => only === true).map(({ name }) => name);
    if (closed.length === 0) return "no namespace is to";
    // Without the kind there is no policy, and nobody is refused.
    const policies = valueOf(view.authorizationPolicies, "AuthorizationPolicies") ?? [];
    const place = { rootNamespace: settings.istio.namespace.name, principal: principalOf(gatewayIdentity(settings)) };
    for (const namespace of closed)
      for (const reason of notOnlyFrom(policies, { ...place, namespace })) {
        const { evidence, fix } = reasonText(namespace, reason, policies.some(isOwn(namespace)));
        problem(evidence, { subject: `namespace ${namespace}`, fix });
      }
    return listed(closed);
  },
});

/** Who may call workloads. */
export const authorizationChecks: readonly VerifyCheck[] = [onlyFromGateway];
