import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type ChartArgs, chartSource, fixedName } from "../chart";
import {
  type GatewayImages,
  type Resources,
  type WorkloadCertificate,
  enroute,
  enrouteValues,
  ttlProblem,
} from "./enroute-values";
import { mergeValues } from "../../base/merge";

/** Bounds of the horizontal autoscaler. */
export interface Autoscaling {
  /** Most replicas; the least is `replicas`. */
  maxReplicas: number;
  /** Mean CPU use of the Envoy containers to keep, in percent of their request. @default 70 */
  cpuPercent?: number;
}

export interface EnRouteGatewayArgs extends ChartArgs {
  /** Namespace of the gateway: it must exist and be labelled for injection before a pod starts. */
  namespace: string;
  /** Container images. */
  images: GatewayImages;
  /** Pods. Above 1 the gateway gets a PodDisruptionBudget. @default 1 */
  replicas?: number;
  /** Scaling by load. @default none */
  autoscaling?: Autoscaling;
  /** Log level of Envoy. @default "info" (the chart's own default, debug, logs every request's headers) */
  logLevel?: "trace" | "debug" | "info" | "warning" | "error" | "critical" | "off";
  /** Requests and limits by container. @default Envoy asks for 200m CPU and 256 MiB */
  resources?: { enroute?: Resources; redis?: Resources; envoy?: Resources };
  /** Certificate towards the workloads. @default Istio's: 24 hours, in /etc/istio-certs */
  workloadCertificate?: WorkloadCertificate;
  /** Annotations of the LoadBalancer Service, for the cloud's controller. @default none */
  serviceAnnotations?: Record<string, string>;
}

/** The EnRoute ingress gateway as a member of the mesh (release `enroute-istio`). */
export class EnRouteGateway extends pulumi.ComponentResource {
  /** Release `enroute-istio`. */
  readonly release: k8s.helm.v3.Release;
  /** Namespace of the gateway. */
  readonly namespace: string;
  /** Address of the LoadBalancer Service: an IP address or a host name, as the cloud gives it. */
  readonly address: pulumi.Output<string | undefined>;

  constructor(name: string, args: EnRouteGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:gateway:EnRouteGateway", name, {}, opts);
    const replicas = args.replicas ?? 1;
    const ttl = args.workloadCertificate?.ttl;
    const wrongTtl = ttl === undefined ? undefined : ttlProblem(ttl);
    if (wrongTtl !== undefined)
      throw new pulumi.ResourceError(`workloadCertificate.ttl is ${ttl}; it must be ${wrongTtl}`, this);
    this.namespace = args.namespace;
    // Before the release: without its rights the gateway cannot list its routes, and would serve nothing.
    const rights = this.grantRights(args.namespace);
    this.release = new k8s.helm.v3.Release(
      enroute.release,
      {
        name: enroute.release,
        namespace: args.namespace,
        ...chartSource("enroute", args),
        // Nothing is built upon a failed first install, so it leaves nothing; a failed upgrade goes back to what ran.
        atomic: true,
        values: mergeValues(
          enrouteValues({
            replicas,
            images: args.images,
            logLevel: args.logLevel ?? "info",
            resources: { envoy: { requests: { cpu: "200m", memory: "256Mi" } }, ...args.resources },
            workloadCertificate: args.workloadCertificate,
            serviceAnnotations: args.serviceAnnotations,
          }),
          args.values,
        ),
      },
      { parent: this, dependsOn: rights, ...fixedName },
    );
    if (replicas > 1) this.keepAvailable(args.namespace);
    if (args.autoscaling !== undefined) this.scale(args.namespace, replicas, args.autoscaling);
    const service = k8s.core.v1.Service.get(
      `${name}-service`,
      // Through the release, so that a preview of an empty cluster does not look for it.
      this.release.status.apply((status) => `${status.namespace ?? args.namespace}/${enroute.service}`),
      { parent: this },
    );
    this.address = service.status.apply((status) => {
      const [ingress] = status?.loadBalancer?.ingress ?? [];
      return ingress?.ip ?? ingress?.hostname;
    });
    this.registerOutputs({ address: this.address });
  }

  /** Binds the chart's ClusterRole, which the chart itself leaves to nobody (0.8.7), and adds the status that it lacks. */
  private grantRights(namespace: string): pulumi.Resource[] {
    const subjects = [{ kind: "ServiceAccount", name: enroute.serviceAccount, namespace }];
    const bind = (resource: string, role: pulumi.Input<string>) =>
      new k8s.rbac.v1.ClusterRoleBinding(
        resource,
        {
          metadata: { name: resource },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
          subjects,
        },
        { parent: this, ...fixedName },
      );
    const status = new k8s.rbac.v1.ClusterRole(
      "enroute-istio-status",
      {
        metadata: { name: "enroute-istio-status" },
        rules: [
          { apiGroups: ["enroute.saaras.io"], resources: ["gatewayhosts/status"], verbs: ["get", "patch", "update"] },
        ],
      },
      { parent: this, ...fixedName },
    );
    // Under names of ours: a later chart that binds its role itself does not collide.
    return [bind("enroute-istio-gateway", enroute.clusterRole), bind("enroute-istio-status", status.metadata.name)];
  }

  private keepAvailable(namespace: string): void {
    new k8s.policy.v1.PodDisruptionBudget(
      `${enroute.release}-pdb`,
      {
        metadata: { name: enroute.release, namespace },
        spec: { maxUnavailable: 1, selector: { matchLabels: { ...enroute.selector } } },
      },
      { parent: this, ...fixedName },
    );
  }

  private scale(namespace: string, minReplicas: number, autoscaling: Autoscaling): void {
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
                target: { type: "Utilization", averageUtilization: autoscaling.cpuPercent ?? 70 },
              },
            },
          ],
        },
      },
      { parent: this, dependsOn: this.release, ...fixedName },
    );
  }
}
