import { holdsPrivateKey } from "../base/certificate";
import { defined } from "../base/defined";
import { asText, asTree } from "../base/tree";
import { titleOf } from "../mesh/object";
import { fieldManagerAnnotation } from "../mesh/ownership";
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

/**
 * The objects that a program's resources stand for. A patch of an object that an earlier resource makes, or patches, is no object of
 * its own: it has the last word on that one's labels and annotations.
 */
export function programObjects<Resource extends ProgramResource>(
  resources: readonly Resource[],
  openSecret?: OpenSecret,
): { resource: Resource; object: PolicyObject }[] {
  const all: { resource: Resource; object: PolicyObject }[] = [];
  for (const resource of resources) {
    const object = toPolicyObject(resource, openSecret);
    if (object === undefined) continue;
    const made = resource.type.endsWith("Patch")
      ? all.find((one) => one.object.apiVersion === object.apiVersion && titleOf(one.object) === titleOf(object))
      : undefined;
    if (made === undefined) all.push({ resource, object });
    else made.object = { ...made.object, metadata: patched(made.object.metadata, object.metadata) };
  }
  return all;
}

function patched(metadata: PolicyObject["metadata"], { labels, annotations = {} }: PolicyObject["metadata"]) {
  const others = Object.entries(annotations).filter(([key]) => key !== fieldManagerAnnotation);
  return {
    ...metadata,
    ...defined({ labels }),
    ...(others.length === 0 ? {} : { annotations: Object.fromEntries(others) }),
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
