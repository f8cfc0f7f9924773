import type * as pulumi from "@pulumi/pulumi";
import { titleOf } from "../mesh/object";

export interface DeletionProtectionArgs {
  /** Whether the engine refuses to delete or replace objects of the cluster. */
  enabled: boolean;
  /** Objects that may go all the same, as `Kind namespace/name`, or `Kind name` outside of namespaces. */
  except: { object: string }[];
}

/**
 * The engine's `protect` for what a stack has in its cluster: an update that would delete or replace it is refused during its
 * preview. Certificates are not among it, which are replaced to be renewed.
 */
export function deletionProtection({ enabled, except }: DeletionProtectionArgs): pulumi.ResourceTransformation[] {
  if (!enabled) return [];
  return [
    ({ type, props, opts }) => {
      const isRead = (opts as pulumi.CustomResourceOptions).id !== undefined;
      if (!type.startsWith("kubernetes:") || isRead) return undefined;
      const given = except.some(({ object }) => object === objectName(type, props));
      return { props: props, opts: { ...opts, protect: !given } };
    },
  ];
}

/** Title of what a resource makes. Both are plain values in everything that the components make. */
function objectName(type: string, props: Record<string, unknown>): string {
  // A patch of a Namespace is of kind Namespace.
  const kind = (props["kind"] as string | undefined) ?? type.split(":").pop()!;
  const metadata = (kind === "Release" ? props : props["metadata"]) as { name: string; namespace?: string };
  return titleOf({ kind, metadata });
}
