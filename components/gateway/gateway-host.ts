import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { gatewayHostName } from "../../mesh/enroute";
import {
  type MinimumTlsVersion,
  declaredReasons,
  defaultMinimumTlsVersion,
  defaultPrefix,
  reasonAnnotations,
} from "../../mesh/gateway-host";
import { checkedArguments } from "../arguments";
import { fixedName } from "../chart";

export { gatewayHostName };

/** One path of a host, and the Service behind it. */
export interface Route {
  /** Path prefix. @default "/" */
  prefix?: string;
  /** Name of a Service in the host's namespace. */
  service: pulumi.Input<string>;
  /** Port of that Service. */
  port: pulumi.Input<number>;
  /** Serves the path in clear text on port 80, too, instead of sending clients to HTTPS; and why. @default no */
  permitInsecure?: { reason: string };
}

export interface GatewayHostArgs {
  /** DNS name that clients use. */
  host: string;
  /** Namespace of the Services, of the TLS Secret and of this GatewayHost. */
  namespace: string;
  /** Name of a `kubernetes.io/tls` Secret in that namespace. It must exist first: without it EnRoute serves clear text. */
  tlsSecretName: pulumi.Input<string>;
  /** Oldest TLS version that clients may speak; EnRoute takes any other word to mean 1.1. @default "1.2" */
  minimumTlsVersion?: MinimumTlsVersion;
  /** Where requests go, in any order: EnRoute takes the longest prefix that fits. Of two with one prefix it would drop one. */
  routes: Route[];
}

/**
 * A host that the gateway serves over TLS. Plain HTTP is redirected, as EnRoute does for hosts with a certificate.
 *
 * @example
 * const routes = [{ service: "storefront", port: 80 }];
 * new GatewayHost(
 *   "shop.example.com",
 *   { host: "shop.example.com", namespace: "shop", tlsSecretName: "shop-tls", routes },
 *   { provider: cluster },
 * );
 */
export class GatewayHost extends pulumi.ComponentResource {
  readonly gatewayHost: k8s.apiextensions.CustomResource;

  constructor(name: string, args: GatewayHostArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:gateway:GatewayHost", name, {}, opts);
    args = checkedArguments(this, { type: "GatewayHost", name }, args);
    const annotations = reasonAnnotations(declaredReasons(args.routes));
    this.gatewayHost = new k8s.apiextensions.CustomResource(
      name,
      {
        apiVersion: "enroute.saaras.io/v1",
        kind: "GatewayHost",
        metadata: {
          name: gatewayHostName(args.host),
          namespace: args.namespace,
          ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
        },
        spec: {
          virtualhost: {
            fqdn: args.host,
            tls: {
              secretName: args.tlsSecretName,
              minimumProtocolVersion: args.minimumTlsVersion ?? defaultMinimumTlsVersion,
            },
          },
          routes: args.routes.map((route) => ({
            conditions: [{ prefix: route.prefix ?? defaultPrefix }],
            services: [{ name: route.service, port: route.port }],
            ...(route.permitInsecure === undefined ? {} : { permitInsecure: true }),
          })),
        },
      },
      // One of an early version, or an adopted one, may have another name, and a new one would mean a moment without any.
      { parent: this, ...fixedName, ignoreChanges: ["metadata.name"] },
    );
    this.registerOutputs({});
  }
}
