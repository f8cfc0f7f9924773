import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type Values, mergeValues } from "../../base/merge";
import { type ChartArgs, chartSource, fixedName } from "../chart";

export interface PrometheusArgs extends ChartArgs {
  /** Namespace, which must exist. */
  namespace: string;
  /** How long samples are kept, a Prometheus duration. @default "15d" */
  retention?: string;
  /** Size of the volume, such as `20Gi`. Left out, samples live as long as the pod. */
  storage?: string;
}

/** Helm values of the chart `prometheus`: the server alone. */
export function prometheusValues(args: Pick<PrometheusArgs, "retention" | "storage">): Values {
  return {
    server: {
      retention: args.retention ?? "15d",
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
