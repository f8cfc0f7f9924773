import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { fixedName } from "../chart";

export interface MeshGlobalConfigArgs {
  /** Namespace of the gateway. */
  namespace: string;
}

/**
 * The text of the GlobalConfig that makes EnRoute use Istio's certificates towards workloads. The CRD takes any text, so it is
 * made by the JSON library, with sorted keys: the same settings always give the same text.
 */
export function meshGlobalConfig(): string {
  return JSON.stringify({
    istio_enabled: true,
    linkerd_enabled: false,
    linkerd_header_disabled: false,
    linkerd_servicemode_disabled: false,
  });
}

/** EnRoute's switch for the leg gateway → workload: TLS with the certificates that Istio issued to the gateway. */
export class MeshGlobalConfig extends pulumi.ComponentResource {
  readonly config: k8s.apiextensions.CustomResource;

  constructor(name: string, args: MeshGlobalConfigArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:gateway:MeshGlobalConfig", name, {}, opts);
    this.config = new k8s.apiextensions.CustomResource(
      name,
      {
        apiVersion: "enroute.saaras.io/v1",
        kind: "GlobalConfig",
        metadata: { name: "mesh", namespace: args.namespace },
        spec: { name: "mesh", type: "globalconfig_globals", config: meshGlobalConfig() },
      },
      { parent: this, ...fixedName },
    );
    this.registerOutputs({});
  }
}
