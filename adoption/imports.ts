import { asText, at } from "../base/tree";
import type { Named } from "../cluster/kinds";
import { fqdnOf } from "../mesh/gateway-host";
import { isMeshConfig } from "../mesh/global-config";
import { compileExceptions } from "../mesh/mutual-tls-policies";
import { type Claimant, type Planned, type PlannedObject, objectText, ownerOf } from "../mesh/ownership";
import { byAge, meshPolicies, selectorOf } from "../mesh/peer-authentication";
import type { Settings } from "../settings/schema";
import type { LiveObject } from "../verify/preflight/lookup";
import { releaseId } from "../verify/preflight/stack-view";
import { isDeepStrictEqual } from "node:util";
import type { Survey } from "./survey";

/* Which objects of a cluster become which resources of a stack. Pure. */

/** A resource that takes over what is in the cluster. */
export interface Import {
  /** Pulumi's type and name of it. */
  type: string;
  name: string;
  /** The object, as the kubernetes provider names it: `namespace/name`, or `name` outside of namespaces. */
  id: string;
  /** The same in words. */
  object: string;
}

export interface Candidates {
  planned: Planned;
  found: Survey;
  /** What of the planned objects is there under the same name. */
  live: readonly LiveObject[];
}

/**
 * What a stack takes over of what is there. Objects of other stacks and of Helm's releases stay theirs, and Secrets stay as
 * they are: the stack would overwrite what is in them.
 */
export function importsOf({ planned, found, live }: Candidates, settings: Settings, claimant: Claimant): Import[] {
  const releases = planned.releases.flatMap(({ registered, ...release }): Import[] => {
    const id = releaseId(release);
    const installed = found.releases.find((one) => releaseId(one) === id);
    const isThere = installed !== undefined && ["deployed", "failed"].includes(installed.status);
    return registered === undefined || !isThere ? [] : [{ ...registered, id, object: `Helm release ${id}` }];
  });
  const objects = planned.objects.flatMap((object): Import[] => {
    const { registered, kind } = object;
    const there = counterpart(object, { found, live }, settings);
    if (registered === undefined || there === undefined || kind === "Secret") return [];
    const owner = ownerOf(there, claimant).by;
    if (owner === "stack" || owner === "release") return [];
    const { name, namespace } = there;
    const id = namespace === undefined ? name : `${namespace}/${name}`;
    return [
      { ...registered, id, object: objectText({ ...object, name, ...(namespace === undefined ? {} : { namespace }) }) },
    ];
  });
  return [...releases, ...objects];
}

/** The object that is there for a planned one: by what it is for, where that counts, and by its name otherwise. */
function counterpart(
  object: PlannedObject,
  { found, live }: Pick<Candidates, "found" | "live">,
  settings: Settings,
): Named["metadata"] | undefined {
  const { kind, group, namespace, name, registered } = object;
  const inPlace = ({ metadata }: Named) => metadata.namespace === namespace;
  switch (`${group}/${kind}`) {
    case "/Namespace":
      return found.namespaces.find(({ metadata }) => metadata.name === name)?.metadata;
    case "enroute.saaras.io/GatewayHost":
      return found.gatewayHosts.find((host) => inPlace(host) && fqdnOf(host)?.toLowerCase() === registered?.name)
        ?.metadata;
    case "enroute.saaras.io/GlobalConfig":
      return found.globalConfigs.find((config) => inPlace(config) && isMeshConfig(config))?.metadata;
    case "security.istio.io/PeerAuthentication":
      return policyFor(object, found, settings)?.metadata;
    default:
      return live.find((one) => one.object.registered?.name === registered?.name && one.object.kind === kind)?.metadata;
  }
}

/** The policy that Istio obeys for what the stack's is for. */
function policyFor({ namespace, name }: PlannedObject, { policies }: Survey, { istio, mutualTls }: Settings) {
  const root = istio.namespace.name;
  const compiled = compileExceptions(mutualTls.exceptions).find(
    (policy) => policy.namespace === namespace && policy.name === name,
  );
  if (compiled === undefined) return namespace === root ? meshPolicies(policies, root)[0] : undefined;
  const selector = compiled.spec.selector?.matchLabels ?? {};
  return byAge(policies).find(
    (policy) => policy.metadata.namespace === namespace && isDeepStrictEqual(selectorOf(policy), selector),
  );
}

/** A file of `pulumi import`, as `pulumi preview --import-file` writes it: every resource that an update would create. */
export interface ImportFile {
  resources?: { type: string; name: string; logicalName?: string; id?: string; parent?: string; component?: boolean }[];
}

/** The file with the resources that are taken over, and the components that they are in; undefined where nothing is. */
export function withImports<File extends ImportFile>(file: File, imports: readonly Import[]): File | undefined {
  const all = file.resources ?? [];
  const taken = all.flatMap((resource) => {
    const own = imports.find(
      ({ type, name }) => resource.type === type && (resource.logicalName ?? resource.name) === name,
    );
    return own === undefined || resource.component === true ? [] : [{ ...resource, id: own.id }];
  });
  const kept = new Set<string>();
  const keep = (name: unknown) => {
    const parent = asText(name);
    if (parent === undefined || kept.has(parent)) return;
    kept.add(parent);
    keep(
      at(
        all.find((one) => one.component === true && one.name === parent),
        "parent",
      ),
    );
  };
  for (const { parent } of taken) keep(parent);
  const components = all.filter(({ component, name }) => component === true && kept.has(name));
  return taken.length === 0 ? undefined : { ...file, resources: [...components, ...taken] };
}
