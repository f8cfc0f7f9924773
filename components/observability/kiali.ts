import { createHash } from "node:crypto";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import type { KialiAuthentication } from "../../mesh/charts";
import { type KialiValuesArgs, kialiValues, signingKeySecret } from "../../mesh/observability-values";
import { kialiOwned } from "../../mesh/owned-values";
import { checkedArguments } from "../arguments";
import { childName } from "../child-name";
import { type ChartArgs, chartSource, fixedName } from "../chart";
import { ownValues } from "../own-values";

export { kialiValues };
export type { KialiAuthentication, KialiValuesArgs };

export interface KialiArgs extends ChartArgs {
  /** Namespace, which must exist: the mesh's root namespace. */
  namespace: string;
  /** URL of Prometheus inside the cluster; without one Kiali is up but empty. */
  prometheusUrl: string;
  /** How people log in: `token` (of a service account) or `anonymous`. @default "token" */
  authentication?: KialiAuthentication;
  /** `true` takes every right to change the cluster away from Kiali. @default true */
  viewOnly?: boolean;
  /** Registry of the image, in the place of its host. @default "quay.io" */
  registry?: string;
  /** Names of Secrets by which the image is pulled. @default none */
  imagePullSecrets?: string[];
}

/**
 * Kiali, the picture of the mesh (release `kiali-server`).
 *
 * @example
 * new Kiali(
 *   "kiali",
 *   {
 *     namespace: "istio-system",
 *     version: "2.29.0",
 *     chartRepository: "https://kiali.org/helm-charts",
 *     prometheusUrl: "http://prometheus-server.istio-system",
 *   },
 *   { provider: cluster },
 * );
 */
export class Kiali extends pulumi.ComponentResource {
  readonly release: k8s.helm.v3.Release;

  constructor(name: string, args: KialiArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:observability:Kiali", name, {}, opts);
    args = checkedArguments(this, { type: "Kiali", name }, args);
    // Before anything is made: they may be refused.
    const values = ownValues(this, `Kiali ${name}`, kialiOwned, kialiValues(args), args.values);
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
      childName(name, { inStacks: "kiali", child: "kiali-server" }),
      {
        name: "kiali-server",
        namespace: args.namespace,
        ...chartSource("kiali-server", args),
        atomic: true,
        values,
      },
      // The pod mounts the key: it does not start without the Secret.
      { parent: this, dependsOn: secret, ...fixedName },
    );
    this.registerOutputs({});
  }
}
