import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { fixedName } from "../chart";

/**
 * How pods of a namespace join the mesh. A union, because with both labels on a namespace Istio obeys `istio-injection`
 * and ignores the revision.
 * - `enabled`: the default revision injects (label `istio-injection=enabled`)
 * - `{ revision }`: the control plane of that revision, or revision tag, injects (label `istio.io/rev`)
 * - `none`: pods stay outside the mesh
 */
export type Injection = "enabled" | "none" | { revision: string };

export interface MeshNamespaceArgs {
  /** Name of the namespace in the cluster. */
  name: string;
  /** `true` creates the namespace (it must not exist); `false` adds the labels to one that exists and leaves it behind. */
  create: boolean;
  /** How its pods join the mesh. */
  injection: Injection;
  /** Further labels. @default none */
  labels?: Record<string, string>;
}

/** The labels that an injection choice puts on a namespace. */
export function injectionLabels(injection: Injection): Record<string, string> {
  if (injection === "none") return {};
  return injection === "enabled" ? { "istio-injection": "enabled" } : { "istio.io/rev": injection.revision };
}

/** Label on every namespace that we create: preflight tells our own from one that somebody else made. */
export const ownerLabel = "app.kubernetes.io/managed-by";
export const ownerValue = "enroute-istio";

/** A namespace of the mesh: created, or an existing one that gets the label. */
export class MeshNamespace extends pulumi.ComponentResource {
  /** Name of the namespace in the cluster. */
  readonly namespace: string;

  constructor(name: string, args: MeshNamespaceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:mesh:MeshNamespace", name, {}, opts);
    const labels = { ...args.labels, ...injectionLabels(args.injection) };
    if (args.create) {
      new k8s.core.v1.Namespace(
        name,
        { metadata: { name: args.name, labels: { ...labels, [ownerLabel]: ownerValue } } },
        { parent: this, ...fixedName },
      );
    } else {
      new k8s.core.v1.NamespacePatch(name, { metadata: { name: args.name, labels } }, { parent: this, ...fixedName });
    }
    this.namespace = args.name;
    this.registerOutputs({ namespace: this.namespace });
  }
}
