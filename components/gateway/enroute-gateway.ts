import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type LogLevel, defaultLogLevel, enroute } from "../../mesh/enroute";
import { checkedArguments } from "../arguments";
import type { IngressNodePorts } from "../encrypted-ingress/outputs";
import { childName } from "../child-name";
import { defined } from "../../base/defined";
import { type ChartArgs, chartSource, fixedName } from "../chart";
import { ownValues } from "../own-values";
import {
  type GatewayImages,
  type Resources,
  type WorkloadCertificate,
  defaultGatewayResources,
  enrouteValues,
} from "../../mesh/enroute-values";
import { type GatewayServiceArgs, postRendererPath } from "../../mesh/gateway-service";
import { ingressSupport } from "../../mesh/gateway-rights";
import { gatewayOwned } from "../../mesh/owned-values";
import { type Autoscaling, type IngressSupportArgs, grantRights, keepAvailable, scale } from "./gateway-objects";
import { readService, writePostRenderer } from "./gateway-service";

export type { Autoscaling, GatewayServiceArgs, IngressSupportArgs };

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
  logLevel?: LogLevel;
  /** Requests and limits by container. @default Envoy asks for 200m CPU and 256 MiB */
  resources?: { enroute?: Resources; redis?: Resources; envoy?: Resources };
  /** Certificate towards the workloads. @default Istio's: 24 hours, in /etc/istio-certs */
  workloadCertificate?: WorkloadCertificate;
  /** Longest life that istiod signs, a Go duration: its variable MAX_WORKLOAD_CERT_TTL. @default "2160h", Istio's */
  maxWorkloadCertificateTtl?: string;
  /**
   * Lets EnRoute list Ingresses: it then serves every Ingress of the cluster without a class annotation, in clear text on port 80.
   * @default it may not, and serves none
   */
  ingresses?: IngressSupportArgs;
  /** Registry of the pod's images, in the place of each one's host; the cert-server's is fixed by the chart. @default each one's own */
  registry?: string;
  /** Names of Secrets by which the images are pulled. @default none */
  imagePullSecrets?: string[];
  /** How clients come to the gateway. @default a Service of type LoadBalancer */
  service?: GatewayServiceArgs;
  /** Folder that the provider runs in, where a type of Service other than the chart's takes a file. @default the current one */
  providerFolder?: string;
  /** Annotations of the Service, for the cloud's controller. @default none */
  serviceAnnotations?: Record<string, pulumi.Input<string>>;
}

/**
 * The EnRoute ingress gateway as a member of the mesh (release `enroute-istio`).
 *
 * @example
 * const images = { redis: { tag: "7.4.1" } };
 * const args = { namespace: "enroute-system", version: "0.8.7", chartRepository: "https://helm.getenroute.io", images };
 * new EnRouteGateway("gateway", args, { provider: cluster });
 */
export class EnRouteGateway extends pulumi.ComponentResource {
  /** Release `enroute-istio`. */
  readonly release: k8s.helm.v3.Release;
  /** Namespace of the gateway. */
  readonly namespace: string;
  /**
   * Address of its Service: an IP address or a host name, as the cloud gives it; of type ClusterIP the one inside the cluster; of type
   * NodePort none, as the nodes have theirs.
   */
  readonly address: pulumi.Output<string | undefined>;
  /** Ports of every node that lead to the gateway, where its Service has some. */
  readonly nodePorts: pulumi.Output<IngressNodePorts>;

  constructor(name: string, args: EnRouteGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:gateway:EnRouteGateway", name, {}, opts);
    args = checkedArguments(this, { type: "EnRouteGateway", name }, args);
    const replicas = args.replicas ?? 1;
    this.namespace = args.namespace;
    // Before anything is made: they may be refused.
    const values = ownValues(
      this,
      `EnRouteGateway ${name}`,
      gatewayOwned,
      enrouteValues({
        ...{ ...args, replicas, logLevel: args.logLevel ?? defaultLogLevel },
        resources: { ...defaultGatewayResources, ...args.resources },
        ingresses: ingressSupport(args.ingresses),
      }),
      args.values,
    );
    // A preview runs no Helm.
    if (!pulumi.runtime.isDryRun()) writePostRenderer(args.providerFolder ?? ".", args.service?.type);
    // Before the release: without its rights the gateway cannot list its routes, and would serve nothing.
    const own = (child: string) => childName(name, { inStacks: "gateway", child });
    const rights = grantRights(this, own, args.namespace, args.ingresses);
    this.release = new k8s.helm.v3.Release(
      own(enroute.release),
      {
        name: enroute.release,
        namespace: args.namespace,
        ...chartSource("enroute", args),
        // Nothing is built upon a failed first install, so it leaves nothing; a failed upgrade goes back to what ran.
        atomic: true,
        ...defined({ postrender: postRendererPath(args.service?.type) }),
        values,
      },
      { parent: this, dependsOn: rights, ...fixedName },
    );
    if (replicas > 1) keepAvailable(this, own, args.namespace);
    const { release, namespace } = this;
    if (args.autoscaling !== undefined)
      scale(this, own, { release, namespace, minReplicas: replicas }, args.autoscaling);
    ({ address: this.address, nodePorts: this.nodePorts } = readService(this, name, release, namespace));
    this.registerOutputs({ address: this.address, nodePorts: this.nodePorts });
  }
}
