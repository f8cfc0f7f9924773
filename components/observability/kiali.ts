import { createHash } from "node:crypto";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { type Values, mergeValues } from "../../base/merge";
import { type KialiAuthentication, defaultAuthentication } from "../../mesh/charts";
import { chartImages, relocated } from "../../mesh/images";
import { type ChartArgs, chartSource, fixedName } from "../chart";

export type { KialiAuthentication };

export interface KialiArgs extends ChartArgs {
  /** Namespace, which must exist: the mesh's root namespace. */
  namespace: string;
  /** URL of Prometheus inside the cluster; without one Kiali is up but empty. */
  prometheusUrl: string;
  /** @default "token" */
  authentication?: KialiAuthentication;
  /** `true` takes every right to change the cluster away from Kiali. @default true */
  viewOnly?: boolean;
  /** Registry of the image, in the place of its host. @default "quay.io" */
  registry?: string;
  /** Names of Secrets by which the image is pulled. @default none */
  imagePullSecrets?: string[];
}

const signingKeySecret = { name: "kiali-signing-key", key: "signing-key" };

/** Helm values of the chart `kiali-server`. */
export function kialiValues(
  args: Pick<
    KialiArgs,
    "namespace" | "prometheusUrl" | "authentication" | "viewOnly" | "registry" | "imagePullSecrets"
  >,
): Values {
  return {
    auth: { strategy: args.authentication ?? defaultAuthentication },
    deployment: {
      view_only_mode: args.viewOnly ?? true,
      ...(args.registry === undefined ? {} : { image_name: relocated(chartImages.kiali, args.registry) }),
      ...((args.imagePullSecrets ?? []).length === 0 ? {} : { image_pull_secrets: args.imagePullSecrets }),
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

/** Kiali, the picture of the mesh (release `kiali-server`). */
export class Kiali extends pulumi.ComponentResource {
  readonly release: k8s.helm.v3.Release;

  constructor(name: string, args: KialiArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:observability:Kiali", name, {}, opts);
    // A key drawn once and kept as a secret in the state. Kiali takes 16, 24 or 32 bytes.
    const random = new tls.PrivateKey(
      `${name}-signing-key`,
      { algorithm: "ECDSA", ecdsaCurve: "P256" },
      { parent: this },
    );
    const signingKey = random.privateKeyPem.apply((pem) =>
      createHash("sha256").update(pem).digest("base64url").slice(0, 32),
    );
    const secret = new k8s.core.v1.Secret(
      `${name}-signing-key`,
      {
        metadata: { name: signingKeySecret.name, namespace: args.namespace },
        stringData: { [signingKeySecret.key]: pulumi.secret(signingKey) },
      },
      { parent: this, ...fixedName },
    );
    this.release = new k8s.helm.v3.Release(
      "kiali-server",
      {
        name: "kiali-server",
        namespace: args.namespace,
        ...chartSource("kiali-server", args),
        atomic: true,
        values: mergeValues(kialiValues(args), args.values),
      },
      // The pod mounts the key: it does not start without the Secret.
      { parent: this, dependsOn: secret, ...fixedName },
    );
    this.registerOutputs({});
  }
}
