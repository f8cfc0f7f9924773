import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type PrometheusValuesArgs, prometheusUrl, prometheusValues } from "../../mesh/observability-values";
import { prometheusOwned } from "../../mesh/owned-values";
import { checkedArguments } from "../arguments";
import { childName } from "../child-name";
import { type ChartArgs, chartSource, fixedName } from "../chart";
import { ownValues } from "../own-values";

export { type PrometheusValuesArgs, prometheusValues };

export interface PrometheusArgs extends ChartArgs {
  /** Namespace, which must exist. */
  namespace: string;
  /** How long samples are kept, a Prometheus duration. @default "15d" */
  retention?: string;
  /** Size of the volume, such as `20Gi`. Left out, samples live as long as the pod. */
  storage?: string;
  /** Registry of the images, in the place of each one's host. @default "quay.io" */
  registry?: string;
  /** Names of Secrets by which the images are pulled. @default none */
  imagePullSecrets?: string[];
}

/**
 * The Prometheus that Kiali reads (release `prometheus`).
 *
 * @example
 * const chartRepository = "https://prometheus-community.github.io/helm-charts";
 * new Prometheus(
 *   "prometheus",
 *   { namespace: "istio-system", version: "29.27.0", chartRepository, retention: "30d" },
 *   { provider: cluster },
 * );
 */
export class Prometheus extends pulumi.ComponentResource {
  readonly release: k8s.helm.v3.Release;
  /** URL inside the cluster. */
  readonly url: string;

  constructor(name: string, args: PrometheusArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:observability:Prometheus", name, {}, opts);
    args = checkedArguments(this, { type: "Prometheus", name }, args);
    this.release = new k8s.helm.v3.Release(
      childName(name, { inStacks: "prometheus", child: "prometheus" }),
      {
        name: "prometheus",
        namespace: args.namespace,
        ...chartSource("prometheus", args),
        atomic: true,
        values: ownValues(this, `Prometheus ${name}`, prometheusOwned, prometheusValues(args), args.values),
      },
      { parent: this, ...fixedName },
    );
    this.url = prometheusUrl(args.namespace);
    this.registerOutputs({ url: this.url });
  }
}
