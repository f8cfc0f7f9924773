/** The little of @pulumi/eks that the example uses; the package brings all of AWS along, and is not installed here. */
declare module "@pulumi/eks" {
  import type * as pulumi from "@pulumi/pulumi";

  export interface ClusterOptions {
    desiredCapacity?: pulumi.Input<number>;
    minSize?: pulumi.Input<number>;
    maxSize?: pulumi.Input<number>;
  }

  export class Cluster extends pulumi.ComponentResource {
    readonly kubeconfigJson: pulumi.Output<string>;
    constructor(name: string, args?: ClusterOptions, opts?: pulumi.ComponentResourceOptions);
  }
}
