import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { meshConfigName, meshConfigType, meshGlobalConfig } from "../../mesh/global-config";
import { checkedArguments } from "../arguments";
import { fixedName } from "../chart";

export { meshGlobalConfig };

export interface MeshGlobalConfigArgs {
  /** Namespace of the gateway. */
  namespace: string;
}

/**
 * EnRoute's switch for the leg gateway → workload: TLS with the certificates that Istio issued to the gateway.
 *
 * @example
 * new MeshGlobalConfig("mesh-global-config", { namespace: "enroute-system" }, { provider: cluster });
 */
export class MeshGlobalConfig extends pulumi.ComponentResource {
  readonly config: k8s.apiextensions.CustomResource;

  constructor(name: string, args: MeshGlobalConfigArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:gateway:MeshGlobalConfig", name, {}, opts);
    args = checkedArguments(this, { type: "MeshGlobalConfig", name }, args);
    this.config = new k8s.apiextensions.CustomResource(
      name,
      {
        apiVersion: "enroute.saaras.io/v1",
        kind: "GlobalConfig",
        metadata: { name: meshConfigName, namespace: args.namespace },
        spec: { name: meshConfigName, type: meshConfigType, config: meshGlobalConfig() },
      },
      // One that was adopted keeps its name: EnRoute obeys one of a type, and a new one would mean a moment without any.
      { parent: this, ...fixedName, ignoreChanges: ["metadata.name"] },
    );
    this.registerOutputs({});
  }
}
