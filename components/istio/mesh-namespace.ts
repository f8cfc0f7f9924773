import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type Injection, injectionLabels } from "../../mesh/injection";
import { ownerLabel, ownerValue } from "../../mesh/ownership";
import { checkedArguments } from "../arguments";
import { fixedName } from "../chart";

export { type Injection, injectionLabels, ownerLabel, ownerValue };

export interface MeshNamespaceArgs {
  /** Name of the namespace in the cluster. */
  name: string;
  /**
   * `true` creates the namespace, `"adopt"` also takes over one that exists: both delete it, with everything in it, when it
   * leaves the stack. `false` adds the labels to one that exists, and takes them off again.
   */
  create: boolean | "adopt";
  /** How its pods join the mesh. */
  injection: Injection;
  /** Further labels. @default none */
  labels?: Record<string, string>;
}

/**
 * A namespace of the mesh: created, or an existing one that gets the label.
 *
 * @example
 * new MeshNamespace("shop", { name: "shop", create: false, injection: "enabled" }, { provider: cluster });
 */
export class MeshNamespace extends pulumi.ComponentResource {
  /** Name of the namespace in the cluster. */
  readonly namespace: string;

  constructor(name: string, args: MeshNamespaceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:mesh:MeshNamespace", name, {}, opts);
    args = checkedArguments(this, { type: "MeshNamespace", name }, args);
    const labels = { ...args.labels, ...injectionLabels(args.injection) };
    // A change of `create` is an update of one resource: as two, the engine would delete the namespace that is handed over.
    const formerly = (type: string) => ({
      parent: this,
      ...fixedName,
      aliases: [{ type: `kubernetes:core/v1:${type}` }],
    });
    if (args.create !== false) {
      new k8s.core.v1.Namespace(
        name,
        { metadata: { name: args.name, labels: { ...labels, [ownerLabel]: ownerValue } } },
        formerly("NamespacePatch"),
      );
    } else {
      new k8s.core.v1.NamespacePatch(name, { metadata: { name: args.name, labels } }, formerly("Namespace"));
    }
    this.namespace = args.name;
    this.registerOutputs({ namespace: this.namespace });
  }
}
