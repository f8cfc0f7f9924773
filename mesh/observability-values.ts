import type { Values } from "../base/merge";
import { type KialiAuthentication, defaultAuthentication, defaultRetention } from "./charts";
import { chartImages, pullSecretValues, relocated } from "./images";

/* Helm values of the picture of the mesh: Kiali, and the Prometheus that it reads. */

/** URL of Prometheus inside the cluster. */
export function prometheusUrl(namespace: string): string {
  return `http://prometheus-server.${namespace}`;
}

export interface PrometheusValuesArgs {
  /** How long samples are kept, a Prometheus duration. @default "15d" */
  retention?: string;
  /** Size of the volume, such as `20Gi`. Left out, samples live as long as the pod. */
  storage?: string;
  /** Registry of the images, in the place of each one's host. */
  registry?: string | undefined;
  /** Names of Secrets by which the images are pulled. */
  imagePullSecrets?: string[] | undefined;
}

/** Helm values of the chart `prometheus`: the server alone. */
export function prometheusValues(args: PrometheusValuesArgs): Values {
  const { registry } = args;
  const image = (repository: string) =>
    registry === undefined ? {} : { image: { repository: relocated(repository, registry) } };
  const reload = image(chartImages.prometheus.configmapReload);
  return {
    ...pullSecretValues(args.imagePullSecrets),
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

/** Secret with the key by which Kiali signs its sessions. */
export const signingKeySecret = { name: "kiali-signing-key", key: "signing-key" };

export interface KialiValuesArgs {
  /** The mesh's root namespace. */
  namespace: string;
  /** URL of Prometheus inside the cluster. */
  prometheusUrl: string;
  /** @default "token" */
  authentication?: KialiAuthentication;
  /** `true` takes every right to change the cluster away from Kiali. @default true */
  viewOnly?: boolean;
  /** Registry of the image, in the place of its host. */
  registry?: string | undefined;
  /** Names of Secrets by which the image is pulled. */
  imagePullSecrets?: string[] | undefined;
}

/** Helm values of the chart `kiali-server`. */
export function kialiValues(args: KialiValuesArgs): Values {
  const { registry, imagePullSecrets = [] } = args;
  return {
    auth: { strategy: args.authentication ?? defaultAuthentication },
    deployment: {
      view_only_mode: args.viewOnly ?? true,
      ...(registry === undefined ? {} : { image_name: relocated(chartImages.kiali, registry) }),
      ...(imagePullSecrets.length === 0 ? {} : { image_pull_secrets: imagePullSecrets }),
    },
    external_services: {
      prometheus: { url: args.prometheusUrl },
      istio: { root_namespace: args.namespace },
      // Not installed here; Kiali would report them as unreachable.
      grafana: { enabled: false },
      tracing: { enabled: false },
    },
    // By reference: as text it would lie in a ConfigMap, and left empty the chart draws a new one at every render, which
    // restarts Kiali and logs everybody out.
    login_token: { signing_key: `secret:${signingKeySecret.name}:${signingKeySecret.key}` },
  };
}
