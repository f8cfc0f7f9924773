import { type PolicyObject, asRecord, asText } from "./rule";

/** A resource of a Pulumi program. */
export interface ProgramResource {
  /** Type token such as `kubernetes:core/v1:Secret`. */
  type: string;
  /** Name in the program. */
  name: string;
  /** Inputs or outputs, in the clear. */
  props: Record<string, unknown>;
  /** Whether the engine refuses to delete or replace it. */
  protect: boolean;
}

/**
 * The object that a resource of the program stands for; undefined for what is no object, such as components and providers.
 * Resources of @pulumi/tls are objects of apiVersion `tls`.
 */
export function toPolicyObject({ type, name, props, protect }: ProgramResource): PolicyObject | undefined {
  const [scheme, module = "", kind = ""] = type.split(":");
  switch (scheme) {
    case "kubernetes": {
      const isRelease = kind === "Release";
      const metadata = isRelease ? props : asRecord(props["metadata"]);
      const apiVersion = asText(props["apiVersion"]) ?? (isRelease ? "helm.sh/v3" : module.replace(/^core\//, ""));
      const namespace = asText(metadata["namespace"]);
      return {
        ...props,
        apiVersion,
        kind: asText(props["kind"]) ?? kind,
        metadata: {
          ...(isRelease ? {} : metadata),
          name: asText(metadata["name"]) ?? name,
          ...(namespace === undefined ? {} : { namespace }),
        },
        protect,
      };
    }
    case "tls":
      return { ...props, apiVersion: "tls", kind, metadata: { name } };
    default:
      return undefined;
  }
}
