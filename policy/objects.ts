import { holdsPrivateKey } from "../base/certificate";
import { asText, asTree } from "../base/tree";
import { type PolicyObject, unknownValue } from "./rule";
import { plainKeyPaths } from "./rules/keys";

/** A resource of a Pulumi program. */
export interface ProgramResource {
  /** Type token such as `kubernetes:core/v1:Secret`. */
  type: string;
  /** Name in the program. */
  name: string;
  /** Inputs or outputs. */
  props: unknown;
  /** Whether the engine refuses to delete or replace it. */
  protect: boolean;
  /** Types that the same resource had in an earlier version of the program: a change from one is an update. */
  formerTypes?: string[];
  /** It keeps the name in the cluster that it has. */
  keepsName?: boolean;
}

/**
 * Opens what stands for a secret; undefined for every other value. Without one, nothing marks secrets, and rules
 * do not ask.
 */
export type OpenSecret = (value: unknown) => { value: unknown } | undefined;

/**
 * The object that a resource of the program stands for; undefined for other resources, such as components and providers.
 * Resources of @pulumi/tls are objects of apiVersion `tls`.
 */
export function toPolicyObject(
  { type, name, props, protect }: ProgramResource,
  openSecret?: OpenSecret,
): PolicyObject | undefined {
  const [scheme, module = "", kind = ""] = type.split(":");
  if (scheme !== "kubernetes" && scheme !== "tls") return undefined;
  const plainKeys: string[] = [];
  const fields = asTree(read(props, "", openSecret === undefined, openSecret ?? (() => undefined), plainKeys));
  const common = { ...fields, ...(plainKeys.length === 0 ? {} : { [plainKeyPaths]: plainKeys }) };
  if (scheme === "tls") return { ...common, apiVersion: "tls", kind, metadata: { name } };
  const isRelease = kind === "Release";
  const metadata = isRelease ? fields : asTree(fields["metadata"]);
  const namespace = asText(metadata["namespace"]);
  return {
    ...common,
    apiVersion: asText(fields["apiVersion"]) ?? (isRelease ? "helm.sh/v3" : module.replace(/^core\//, "")),
    kind: asText(fields["kind"]) ?? kind,
    metadata: {
      ...(isRelease ? {} : metadata),
      name: asText(metadata["name"]) ?? name,
      ...(namespace === undefined ? {} : { namespace }),
    },
    protect,
  };
}

/** A value in the clear. Notes where a private key is not a secret. */
function read(value: unknown, path: string, isSecret: boolean, open: OpenSecret, plainKeys: string[]): unknown {
  const secret = open(value);
  if (secret !== undefined) return read(secret.value, path, true, open, plainKeys);
  if (typeof value === "string" && !isSecret && holdsPrivateKey(value)) plainKeys.push(path);
  if (typeof value !== "object" || value === null) return value;
  const member = (key: string | number, below: string) => {
    let item: unknown;
    try {
      item = (value as Record<string | number, unknown>)[key];
    } catch {
      return unknownValue; // @pulumi/policy throws where a value is not known before the update
    }
    return read(item, below, isSecret, open, plainKeys);
  };
  return Array.isArray(value)
    ? Array.from({ length: value.length }, (_, index) => member(index, `${path}[${index}]`))
    : Object.fromEntries(
        Object.keys(value).map((key) => [key, member(key, path === "" ? key : `${path}.${key}`)] as const),
      );
}
