import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type Values, mergeValues } from "../../base/merge";
import { defaultRetention } from "../../mesh/charts";
import { chartImages, relocated } from "../../mesh/images";
import { type ChartArgs, chartSource, fixedName } from "../chart";

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

/** Helm values of the chart `prometheus`: the server alone. */
export function prometheusValues(
  args: Pick<PrometheusArgs, "retention" | "storage" | "registry" | "imagePullSecrets">,
): Values {
  const { registry, imagePullSecrets = [] } = args;
  const image = (repository: string) =>
    registry === undefined ? {} : { image: { repository: relocated(repository, registry) } };
  const reload = image(chartImages.prometheus.configmapReload);
  return {
    ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
    ...(registry === undefined ? {} : { configmapReload: { prometheus: reload } }),
    server: {
      ...image(chartImages.prometheus.server),
      retention: args.retention ?? defaultRetention,
      persistentVolume: args.storage === undefined ? { enabled: false } : { enabled: true, size: args.storage },
    },
    // Kiali asks for Istio's metrics only, and those come from the sidecars.
    alertmanager: { enabled: false },
    "kube-state-metrics": { enabled: false },
    "prometheus-node-exporter": { enabled: false },
    "prometheus-pushgateway": { enabled: false },
  };
}

/** The Prometheus that Kiali reads (release `prometheus`). */
export class Prometheus extends pulumi.ComponentResource {
  readonly release: k8s.helm.v3.Release;
  /** URL inside the cluster. */
  readonly url: string;

  constructor(name: string, args: PrometheusArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:observability:Prometheus", name, {}, opts);
    this.release = new k8s.helm.v3.Release(
      "prometheus",
      {
        name: "prometheus",
        namespace: args.namespace,
        ...chartSource("prometheus", args),
        atomic: true,
        values: mergeValues(prometheusValues(args), args.values),
      },
      { parent: this, ...fixedName },
    );
    this.url = `http://prometheus-server.${args.namespace}`;
    this.registerOutputs({ url: this.url });
  }
}
