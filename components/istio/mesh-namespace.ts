import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type Injection, injectionLabels } from "../../mesh/injection";
import { fieldManagerAnnotation, ownerLabel, ownerValue } from "../../mesh/ownership";
import { checkedArguments } from "../arguments";
import { fixedName } from "../chart";
import { refuseExisting } from "../existing-objects";

export { type Injection, injectionLabels, ownerLabel, ownerValue };

export interface MeshNamespaceArgs {
  /** Name of the namespace in the cluster. */
  name: string;
  /**
   * `true` creates the namespace, `"adopt"` also takes over one that exists: both delete it, with everything in it, when it
   * leaves the stack. `false` adds the labels to one that exists, and takes them off again. @default true
   */
  create?: boolean | "adopt";
  /** How its pods join the mesh. */
  injection: Injection;
  /** Further labels. @default none */
  labels?: Record<string, string>;
}

/**
 * A namespace of the mesh: created, or an existing one that gets the label. Labels and annotations of others stay.
 *
 * An update of a Namespace takes over what clients such as `kubectl label` have set, and drops it (pulumi-kubernetes 4.34,
 * fixCSAFieldManagers in provider/pkg/await/await.go). One of a NamespacePatch does not: it makes every change, as the same field manager.
 *
 * @example
 * new MeshNamespace("shop", { name: "shop", create: false, injection: "enabled" }, { provider: cluster });
 */
export class MeshNamespace extends pulumi.ComponentResource {
  /** Name of the namespace in the cluster. */
  readonly namespace: string;
  /** The namespace itself; what starts pods waits for the whole component, which also has its labels. */
  readonly created: pulumi.Resource;

  constructor(name: string, args: MeshNamespaceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:mesh:MeshNamespace", name, {}, opts);
    args = checkedArguments(this, { type: "MeshNamespace", name }, args);
    const guard = args.create === false ? [] : refuseExisting(this, name, args.create === "adopt" ? [args.name] : []);
    const mark = args.create === false ? {} : { [ownerLabel]: ownerValue };
    const metadata = { name: args.name, labels: { ...args.labels, ...injectionLabels(args.injection), ...mark } };
    // A change of `create` is an update of one resource: as two, the engine would delete the namespace that is handed over.
    const once = (formerType: string) => ({
      parent: this,
      ...fixedName,
      aliases: [{ type: `kubernetes:core/v1:${formerType}` }],
      ignoreChanges: ["metadata.labels", "metadata.annotations"],
      transformations: [readFieldManager, ...guard],
    });
    this.created =
      args.create === false
        ? new k8s.core.v1.NamespacePatch(name, { metadata }, once("Namespace"))
        : new k8s.core.v1.Namespace(name, { metadata }, once("NamespacePatch"));
    const { __fieldManager: manager } = this.created as unknown as { __fieldManager: pulumi.Output<string> };
    new k8s.core.v1.NamespacePatch(
      `${name}.labels`,
      { metadata: { ...metadata, annotations: { [fieldManagerAnnotation]: manager } } },
      // What it has set goes with the other one, which has the same field manager.
      { parent: this, ...fixedName, retainOnDelete: true },
    );
    this.namespace = args.name;
    this.registerOutputs({ namespace: this.namespace });
  }
}

/** The SDK reads only outputs that it knows by name. */
const readFieldManager: pulumi.ResourceTransformation = ({ props, opts }) => ({
  props: { ...(props as object), __fieldManager: undefined },
  opts,
});
