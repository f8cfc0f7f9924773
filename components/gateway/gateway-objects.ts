import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { reasonAnnotation } from "../../base/annotations";
import { defaultCpuPercent, enroute } from "../../mesh/enroute";
import { gatewayRules } from "../../mesh/gateway-rights";
import { fixedName } from "../chart";

/* What the gateway has beside its chart. */

/** Names a child of the gateway. */
type ChildName = (child: string) => string;

/** Bounds of the horizontal autoscaler. */
export interface Autoscaling {
  /** Most replicas; the least is `replicas`. */
  maxReplicas: number;
  /** Mean CPU use of the Envoy containers to keep, in percent of their request. @default 70 */
  cpuPercent?: number;
}

/** Gives EnRoute's Ingress support back to it, and why. */
export interface IngressSupportArgs {
  /** Why Ingresses have to be served, in words; kept on the binding. */
  reason: string;
}

/**
 * Gives EnRoute a role of ours in the place of the chart's, which the chart leaves to nobody (0.8.7) and which may list Ingresses. The
 * chart's is bound to nobody either, unless the stack wants Ingresses served.
 */
export function grantRights(
  parent: pulumi.Resource,
  own: ChildName,
  namespace: string,
  ingresses: IngressSupportArgs | undefined,
): pulumi.Resource[] {
  const subjects = [{ kind: "ServiceAccount", name: enroute.serviceAccount, namespace }];
  const roleRef = (name: pulumi.Input<string>) => ({
    apiGroup: "rbac.authorization.k8s.io",
    kind: "ClusterRole",
    name,
  });
  // The names are those of early versions, where this role was for the status alone: another one would mean a moment without rights.
  const status = own("enroute-istio-status");
  const role = new k8s.rbac.v1.ClusterRole(
    status,
    { metadata: { name: "enroute-istio-status" }, rules: gatewayRules() },
    { parent, ...fixedName },
  );
  const rights = new k8s.rbac.v1.ClusterRoleBinding(
    status,
    { metadata: { name: "enroute-istio-status" }, roleRef: roleRef(role.metadata.name), subjects },
    { parent, ...fixedName },
  );
  // Emptied, never deleted: what leaves a program is deleted at the end of an update, after the pods have started with the right.
  const chart = new k8s.rbac.v1.ClusterRoleBinding(
    own(enroute.ingressBinding),
    {
      metadata: {
        name: enroute.ingressBinding,
        ...(ingresses === undefined ? {} : { annotations: { [reasonAnnotation]: ingresses.reason } }),
      },
      roleRef: roleRef(enroute.clusterRole),
      subjects: ingresses === undefined ? [] : subjects,
    },
    // After the other, so that a stack that had this one alone is never without rights.
    { parent, dependsOn: rights, ...fixedName },
  );
  return [rights, chart];
}

/** A budget, so that a drain of nodes leaves pods to serve. */
export function keepAvailable(parent: pulumi.Resource, own: ChildName, namespace: string): void {
  new k8s.policy.v1.PodDisruptionBudget(
    own(`${enroute.release}-pdb`),
    {
      metadata: { name: enroute.release, namespace },
      spec: { maxUnavailable: 1, selector: { matchLabels: { ...enroute.selector } } },
    },
    { parent, ...fixedName },
  );
}

/** Scaling by the load of Envoy. */
export function scale(
  parent: pulumi.Resource,
  own: ChildName,
  { release, namespace, minReplicas }: { release: pulumi.Resource; namespace: string; minReplicas: number },
  autoscaling: Autoscaling,
): void {
  new k8s.autoscaling.v2.HorizontalPodAutoscaler(
    own(`${enroute.release}-hpa`),
    {
      metadata: { name: enroute.release, namespace },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: enroute.deployment },
        minReplicas,
        maxReplicas: autoscaling.maxReplicas,
        // By Envoy alone: the mean over all containers needs a request on each, and the chart cannot size its cert-server.
        metrics: [
          {
            type: "ContainerResource",
            containerResource: {
              name: "cpu",
              container: "envoy",
              target: { type: "Utilization", averageUtilization: autoscaling.cpuPercent ?? defaultCpuPercent },
            },
          },
        ],
      },
    },
    { parent, dependsOn: release, ...fixedName },
  );
}
