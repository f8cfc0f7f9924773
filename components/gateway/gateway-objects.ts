import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { defaultCpuPercent, enroute } from "../../mesh/enroute";
import { fixedName } from "../chart";

/* What the gateway has beside its chart. */

/** Bounds of the horizontal autoscaler. */
export interface Autoscaling {
  /** Most replicas; the least is `replicas`. */
  maxReplicas: number;
  /** Mean CPU use of the Envoy containers to keep, in percent of their request. @default 70 */
  cpuPercent?: number;
}

/** Binds the chart's ClusterRole, which the chart itself does not bind (0.8.7), and adds the status that it lacks. */
export function grantRights(parent: pulumi.Resource, namespace: string): pulumi.Resource[] {
  const subjects = [{ kind: "ServiceAccount", name: enroute.serviceAccount, namespace }];
  const bind = (resource: string, role: pulumi.Input<string>) =>
    new k8s.rbac.v1.ClusterRoleBinding(
      resource,
      {
        metadata: { name: resource },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
        subjects,
      },
      { parent, ...fixedName },
    );
  const status = new k8s.rbac.v1.ClusterRole(
    "enroute-istio-status",
    {
      metadata: { name: "enroute-istio-status" },
      rules: [
        { apiGroups: ["enroute.saaras.io"], resources: ["gatewayhosts/status"], verbs: ["get", "patch", "update"] },
      ],
    },
    { parent, ...fixedName },
  );
  // Under names of ours: a later chart that binds its role itself does not collide.
  return [bind("enroute-istio-gateway", enroute.clusterRole), bind("enroute-istio-status", status.metadata.name)];
}

/** A budget, so that a drain of nodes leaves pods to serve. */
export function keepAvailable(parent: pulumi.Resource, namespace: string): void {
  new k8s.policy.v1.PodDisruptionBudget(
    `${enroute.release}-pdb`,
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
  { release, namespace, minReplicas }: { release: pulumi.Resource; namespace: string; minReplicas: number },
  autoscaling: Autoscaling,
): void {
  new k8s.autoscaling.v2.HorizontalPodAutoscaler(
    `${enroute.release}-hpa`,
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
