import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { reasonAnnotation } from "../../base/annotations";
import {
  type MutualTlsException,
  type PeerAuthenticationPolicy,
  compileExceptions,
} from "../../mesh/mutual-tls-policies";
import { checkedArguments } from "../arguments";
import { fixedName } from "../chart";

export interface MeshMutualTlsArgs {
  /** The mesh's root namespace: a policy there without a selector is mesh-wide. */
  rootNamespace: string;
  /** Places that take plain text. @default none */
  exceptions?: MutualTlsException[];
}

/**
 * Mutual TLS for the whole mesh: a STRICT PeerAuthentication in the root namespace, and declared exceptions below it.
 *
 * @example
 * new MeshMutualTls("mutual-tls", { rootNamespace: "istio-system" }, { provider: cluster });
 */
export class MeshMutualTls extends pulumi.ComponentResource {
  /** The mesh-wide policy. */
  readonly policy: k8s.apiextensions.CustomResource;
  /** One policy for each workload or namespace with exceptions. */
  readonly exceptions: k8s.apiextensions.CustomResource[];

  constructor(name: string, args: MeshMutualTlsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:istio:MeshMutualTls", name, {}, opts);
    args = checkedArguments(this, { type: "MeshMutualTls", name }, args);
    const exceptions = args.exceptions ?? [];
    const create = (resource: string, policy: PeerAuthenticationPolicy) =>
      new k8s.apiextensions.CustomResource(
        resource,
        {
          apiVersion: "security.istio.io/v1",
          kind: "PeerAuthentication",
          metadata: {
            name: policy.name,
            namespace: policy.namespace,
            annotations: policy.annotations,
          },
          spec: policy.spec,
        },
        // One that was adopted keeps its name: a new one beside it would be the younger, which Istio ignores.
        { parent: this, ...fixedName, ignoreChanges: ["metadata.name"] },
      );
    this.policy = create(`${name}-mesh`, {
      name: "default",
      namespace: args.rootNamespace,
      annotations: { [reasonAnnotation]: "every workload of the mesh speaks mutual TLS" },
      spec: { mtls: { mode: "STRICT" } },
    });
    this.exceptions = compileExceptions(exceptions).map((policy) =>
      create(`${name}-${policy.namespace}-${policy.name}`, policy),
    );
    this.registerOutputs({});
  }
}
