import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { dockerConfig } from "../../mesh/images";
import { checkedArguments } from "../arguments";
import { fixedName } from "../chart";

export interface ImagePullSecretArgs {
  /** Name of the Secret. */
  name: string;
  /** Host of the registry, such as `registry.example.com`. */
  registry: pulumi.Input<string>;
  /** User of the registry. */
  username: pulumi.Input<string>;
  /** Password or token of the user. */
  password: pulumi.Input<string>;
  /** Namespaces whose pods pull by it; a pod finds it only in its own. */
  namespaces: string[];
}

/**
 * Credentials by which kubelets pull images, in each namespace that has pods of the rollout, or pods with its sidecar.
 *
 * @example
 * const login = { registry: "registry.example.com", username: "robot", password: pulumi.secret("…") };
 * new ImagePullSecret("login", { name: "registry-login", namespaces: ["shop"], ...login }, { provider: cluster });
 */
export class ImagePullSecret extends pulumi.ComponentResource {
  constructor(name: string, args: ImagePullSecretArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:workload:ImagePullSecret", name, {}, opts);
    args = checkedArguments(this, { type: "ImagePullSecret", name }, args);
    const config = pulumi
      .all([args.registry, args.username, args.password])
      .apply(([registry, username, password]) => dockerConfig({ registry, username, password }));
    for (const namespace of args.namespaces)
      new k8s.core.v1.Secret(
        `${name}-${namespace}`,
        {
          metadata: { name: args.name, namespace },
          type: "kubernetes.io/dockerconfigjson",
          stringData: { ".dockerconfigjson": pulumi.secret(config) },
        },
        { parent: this, ...fixedName },
      );
    this.registerOutputs({});
  }
}
