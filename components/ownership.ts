import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { claimAnnotations, claimName, ownerLabel, ownerValue, stackAnnotation } from "../mesh/ownership";
import { fixedName } from "./chart";

/** Marks everything that a stack makes in its cluster as its own. Helm marks what belongs to releases. */
export function ownershipMarks(owner: string): pulumi.ResourceTransformation {
  return ({ type, props, opts }) => {
    const isRead = (opts as pulumi.CustomResourceOptions).id !== undefined;
    const { metadata } = props as { metadata?: Record<"annotations" | "labels", Record<string, string> | undefined> };
    // A patch is of an object of another owner, but for one that says whose the object is.
    const isForeign = type.endsWith("Patch") && metadata?.labels?.[ownerLabel] !== ownerValue;
    if (!type.startsWith("kubernetes:") || isForeign || isRead || metadata === undefined) return undefined;
    const annotations = { ...metadata.annotations, [stackAnnotation]: owner };
    return { props: { ...props, metadata: { ...metadata, annotations } }, opts };
  };
}

export interface MeshClaimArgs {
  /** The mesh's root namespace, which must exist. */
  namespace: string;
  /** Helm releases that the stack is about to install, `namespace/name`. */
  releases: string[];
}

/** A stack's claim of a mesh: another stack is refused by it, and a recovery knows which releases are the stack's. */
export class MeshClaim extends pulumi.ComponentResource {
  constructor(name: string, args: MeshClaimArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:mesh:MeshClaim", name, {}, opts);
    new k8s.core.v1.ConfigMap(
      name,
      // All in annotations: the provider replaces a ConfigMap whose data changes.
      { metadata: { name: claimName, namespace: args.namespace, annotations: claimAnnotations(args.releases) } },
      { parent: this, ...fixedName },
    );
    this.registerOutputs({});
  }
}
