import { ingressesAnnotation, reasonAnnotation } from "../base/annotations";
import type { Issue } from "../base/issue";
import { listed } from "../base/text";
import { asText, treesAt } from "../base/tree";
import { clearText } from "../mesh/clear-text";
import { enroute } from "../mesh/enroute";
import { ingressGrants, ingressSupport } from "../mesh/gateway-rights";
import type { Survey } from "./survey";

/* The right to list Ingresses, which a gateway that was installed by hand has: with the chart's role. */

/** Whether a stack gives the right on, and what is to be known of it. */
export interface DraftedIngresses {
  ingresses: { reason: string } | undefined;
  issues: Issue[];
}

type Seen = Pick<Survey, "rights" | "gatewayHosts" | "serviceRoutes" | "ingresses" | "gatewayPods">;

/**
 * What becomes of the gateway's right to list Ingresses: it goes on where the gateway serves one by it. Either way the gateway's
 * pods start again, since they keep what they have read.
 *
 * @param namespace of the gateway
 */
export function draftIngresses(found: Seen, namespace: string): DraftedIngresses {
  const grants = ingressGrants(found.rights, namespace);
  const { ways: all } = clearText(found);
  const ways = grants.length === 0 ? [] : all.filter(({ cause }) => cause === "ingress");
  const declared = grants
    .filter(({ metadata }) => metadata.name === enroute.ingressBinding)
    .flatMap(({ metadata }) => asText(metadata.annotations?.[reasonAnnotation]) ?? []);
  const reason = declared[0] ?? (ways.length === 0 ? undefined : unknownReason);
  const ingresses = reason === undefined ? undefined : { reason };
  const wanted = ingressSupport(ingresses);
  const isStale = found.gatewayPods.some(({ metadata }) => metadata.annotations?.[ingressesAnnotation] !== wanted);
  const others = grants.filter(({ metadata }) => metadata.name !== enroute.ingressBinding);
  const issues: Issue[] = [];
  if (others.length > 0 && ingresses === undefined)
    issues.push({
      ...common(namespace),
      problem: `EnRoute may list Ingresses by ${listed(others.map(nameOf))}, and would serve each without a class annotation in clear text; there is none yet. The stack gives it a role without them, and the first update restarts the gateway's pods, one after the other`,
      fix: `after the first update take the right away, which verify fails for: ${others.map(removal).join("; ")}; then restart the gateway, which keeps what it has read: kubectl -n ${namespace} rollout restart deployment ${enroute.deployment}`,
    });
  else if (ways.length > 0 && declared.length === 0)
    issues.push({
      ...common(namespace),
      problem: `EnRoute serves ${listed(ways.map(({ host, prefix }) => `${host}${prefix}`))} for Ingresses, in clear text. The stack file says so in gateway.ingresses, and the first update restarts the gateway's pods, one after the other`,
      fix: "fill in gateway.ingresses.reason; or take gateway.ingresses out, where no Ingress has to be served",
    });
  else if (isStale)
    issues.push({
      ...common(namespace),
      problem:
        "the first update restarts the gateway's pods, one after the other: they carry whether Ingresses are served",
      fix: "nothing to do; with one replica, requests that last longer than the old pod's end are cut off",
    });
  return { ingresses, issues };
}

const unknownReason = "unknown: served when the stack took the gateway over";

type Grant = Survey["rights"][number];

const nameOf = ({ metadata }: Grant) => `ClusterRoleBinding ${metadata.name}`;

/** A binding for the gateway alone has no other use. */
const removal = (grant: Grant) =>
  treesAt(grant, "subjects").length === 1
    ? `kubectl delete clusterrolebinding ${grant.metadata.name}`
    : `kubectl edit clusterrolebinding ${grant.metadata.name} (take the gateway out of it)`;

const common = (namespace: string) =>
  ({
    id: "adoption/ingresses",
    severity: "warning",
    subject: `ServiceAccount ${namespace}/${enroute.serviceAccount}`,
  }) as const;
