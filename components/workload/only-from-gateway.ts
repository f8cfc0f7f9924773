import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { reasonAnnotation } from "../../base/annotations";
import { onlyFrom, onlyFromGatewayName, principalOf } from "../../mesh/authorization";
import { checkedArguments } from "../arguments";
import { fixedName } from "../chart";

export interface OnlyFromGatewayArgs {
  /** Namespace of the workloads, which must exist and be in the mesh. */
  namespace: string;
  /** Identity of the gateway (SPIFFE), as `EncryptedIngress` tells it. */
  gatewayIdentity: pulumi.Input<string>;
}

/**
 * Has the workloads of a namespace take requests from the gateway alone, by its identity in the mesh (an AuthorizationPolicy). Requests
 * of everybody else get 403, those of neighbours in the same namespace, too.
 *
 * @example
 * const gatewayIdentity = "spiffe://cluster.local/ns/enroute-system/sa/enroute";
 * new OnlyFromGateway("shop", { namespace: "shop", gatewayIdentity }, { provider: cluster });
 */
export class OnlyFromGateway extends pulumi.ComponentResource {
  /** The policy. */
  readonly policy: k8s.apiextensions.CustomResource;

  constructor(name: string, args: OnlyFromGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:workload:OnlyFromGateway", name, {}, opts);
    args = checkedArguments(this, { type: "OnlyFromGateway", name }, args);
    const annotations = { [reasonAnnotation]: "the namespace's workloads take requests from the gateway alone" };
    this.policy = new k8s.apiextensions.CustomResource(
      name,
      {
        apiVersion: "security.istio.io/v1",
        kind: "AuthorizationPolicy",
        metadata: { name: onlyFromGatewayName, namespace: args.namespace, annotations },
        spec: onlyFrom(pulumi.output(args.gatewayIdentity).apply(principalOf)),
      },
      { parent: this, ...fixedName },
    );
    this.registerOutputs({});
  }
}
