import type * as pulumi from "@pulumi/pulumi";
import { defined } from "../base/defined";
import { formerGatewayHostName } from "../mesh/enroute";
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
      const names = objectNames(type, props);
      const given = except.some(({ object }) => names.includes(object));
      return { props: props, opts: { ...opts, protect: !given } };
    },
  ];
}

/** `Kind namespace/name`, all plain values in everything that the components make; a GatewayHost's former name as well. */
function objectNames(type: string, props: Record<string, unknown>): string[] {
  // A patch of a Namespace is of kind Namespace.
  const kind = (props["kind"] as string | undefined) ?? type.split(":").pop()!;
  const { name, namespace } = (kind === "Release" ? props : props["metadata"]) as { name: string; namespace?: string };
  const names = kind === "GatewayHost" ? [name, formerGatewayHostName(name)] : [name];
  return names.map((one) => titleOf({ kind, metadata: defined({ name: one, namespace }) }));
}
