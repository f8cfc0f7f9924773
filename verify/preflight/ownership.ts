import type { Finding } from "../../base/finding";
import { type Cluster, ClusterError, messageOf } from "../../cluster/client";
import { helmReleases } from "../../cluster/helm-releases";
import type { GatewayHost, GlobalConfig, Named } from "../../cluster/kinds";
import { formerGatewayHostName, gatewayHostName } from "../../mesh/enroute";
import {
  type Claim,
  type Claimant,
  type Held,
  type Owner,
  type Planned,
  type PlannedObject,
  type PlannedRelease,
  claimName,
  claimOf,
  foreignOwner,
  isSameObject,
  objectText,
  ownerAnnotation,
} from "../../mesh/ownership";
import type { Settings } from "../../settings/schema";
import { existing, listed } from "./cluster-state";

/** The stack that a preflight is for. Without it, only marks tell what is its own. */
export interface StackView {
  /** `organization/project/stack`. */
  owner: string;
  /** What its state holds. */
  held: () => Promise<Held>;
  /** What its program would make. */
  planned: () => Promise<Planned>;
  /** What the chart of a release would make. */
  rendered: (release: PlannedRelease) => Promise<PlannedObject[]>;
}

/** The state of the stack cannot be read: what is its own cannot be told. */
export class StateUnreadable extends Error {}

export function claimantOf({ owner }: StackView, { takeOverFrom }: Settings): Claimant {
  return takeOverFrom === "" ? { owner } : { owner, takeOverFrom };
}

const finding = (check: string, problem: string, fix: string, severity: Finding["severity"] = "error"): Finding => ({
  check,
  severity,
  problem,
  fix,
});

const claimPath = ({ istio }: Settings) => `/api/v1/namespaces/${istio.namespace.name}/configmaps/${claimName}`;

async function claimIn(cluster: Cluster, settings: Settings): Promise<Claim | undefined> {
  return claimOf((await existing<Named>(cluster, claimPath(settings)))?.metadata ?? {});
}

/** Whether the claim of the mesh is another stack's. One that our own state holds was ours under another name. */
async function foreignClaim(cluster: Cluster, settings: Settings, stack: StackView): Promise<Claim | undefined> {
  const claim = await claimIn(cluster, settings);
  if (claim === undefined || claim.owner === stack.owner) return undefined;
  const { objects } = await stack.held();
  return objects.some(({ kind, name }) => kind === "ConfigMap" && name === claimName) ? undefined : claim;
}

/** Whether the mesh is claimed by another stack: of two, each would undo what the other does. */
export async function claimFindings(cluster: Cluster, settings: Settings, stack: StackView): Promise<Finding[]> {
  const claim = await foreignClaim(cluster, settings, stack);
  if (claim === undefined) return [];
  const mesh = `the mesh in namespace ${settings.istio.namespace.name}`;
  return claim.owner === settings.takeOverFrom
    ? [
        finding(
          "ownership/taken-over",
          `${mesh} is taken over from stack ${claim.owner}, as takeOverFrom says`,
          "nothing to do, if that stack is gone; docs/adoption.md tells how to go on",
          "warning",
        ),
      ]
    : [
        finding(
          "ownership/claim",
          `${mesh} belongs to stack ${claim.owner}: two stacks never hold one mesh`,
          `use that stack, or destroy it first; if it is gone without having been destroyed: pulumi config set takeOverFrom ${claim.owner}`,
        ),
      ];
}

/** Helm releases under our names that this stack did not install: Helm refuses to install over them. */
export async function releaseOwnerFindings(cluster: Cluster, settings: Settings, stack: StackView): Promise<Finding[]> {
  const [{ releases }, held, claim] = await Promise.all([stack.planned(), stack.held(), claimIn(cluster, settings)]);
  const unknown = releases.filter((release) => !held.releases.includes(idOf(release)));
  const namespaces = [...new Set(unknown.map(({ namespace }) => namespace))];
  const found = await Promise.all(
    namespaces.map(async (namespace) =>
      (await helmReleases(cluster, namespace)).map((release) => ({ ...release, namespace })),
    ),
  );
  return found.flat().flatMap((release) => {
    const id = idOf(release);
    const isPlanned = unknown.some((wanted) => idOf(wanted) === id);
    if (!isPlanned || release.status === "uninstalled") return [];
    // What the claim of another stack lists is that stack's: the finding on the claim has the ways out.
    if (claim !== undefined && claim.owner !== stack.owner && claim.releases.includes(id)) return [];
    const isClaimed = claim?.owner === stack.owner && claim.releases.includes(id);
    // One that this stack was in the middle of is another finding, with the same way out.
    if (isClaimed && release.status !== "deployed") return [];
    const [name, namespace] = [release.name, release.namespace];
    return [
      isClaimed
        ? finding(
            "releases/unknown",
            `Helm release ${id} is deployed, and the state of this stack does not know it: an update was cut off, or this is not the state that it was installed from`,
            "npm run recover -- --stack <stack> says which; it forgets the release only where it was this stack's own update",
          )
        : finding(
            "releases/foreign",
            `Helm release ${id} is ${release.status}, and this stack did not install it`,
            `agree with its owner, then: helm uninstall ${name} -n ${namespace}; or use another namespace; docs/adoption.md tells how to take it over`,
          ),
    ];
  });
}

const idOf = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}/${name}`;

/** Objects that the program or its charts would make, and that are there and somebody else's: all at once. */
export async function objectFindings(cluster: Cluster, settings: Settings, stack: StackView): Promise<Finding[]> {
  const [{ objects, releases }, held] = await Promise.all([stack.planned(), stack.held()]);
  // The objects of a release that the state has are Helm's own matter.
  const fresh = releases.filter((release) => !held.releases.includes(idOf(release)));
  const unrendered: Finding[] = [];
  const rendered = await Promise.all(
    fresh.map((release) =>
      stack.rendered(release).catch((error: unknown) => {
        unrendered.push(unrenderedFinding(release, error));
        return [];
      }),
    ),
  );
  // Namespaces are judged by their settings.
  const planned = [...objects.filter(({ kind }) => kind !== "Namespace"), ...rendered.flat()];
  const live = await lookUp(cluster, planned);
  const claimant = claimantOf(stack, settings);
  const foreign = live.flatMap(({ object, metadata }) => {
    const owner = foreignOwner(object, metadata, claimant, held);
    return owner === undefined || isJudgedElsewhere(object, owner, fresh) ? [] : [{ object, owner }];
  });
  return [...unrendered, ...groupedByOwner(foreign).map((group) => foreignFinding(group, stack))];
}

function unrenderedFinding(release: PlannedRelease, error: unknown): Finding {
  return finding(
    "ownership/charts",
    `chart ${release.chart} ${release.version} could not be rendered, so that what it would make could not be compared: ${messageOf(error).split("\n")[0]}`,
    "the engine names the cause when it loads the chart",
    "warning",
  );
}

/** Another finding names the release of ours that holds the object, or Secret cacerts with the ways of its own. */
function isJudgedElsewhere({ kind, name }: PlannedObject, owner: Owner, fresh: PlannedRelease[]): boolean {
  if (owner.by === "release" && fresh.some((release) => idOf(release) === owner.release)) return true;
  return owner.by === "unmarked" && kind === "Secret" && name === "cacerts";
}

interface Foreign {
  object: PlannedObject;
  owner: Owner;
}

function groupedByOwner(foreign: Foreign[]): Foreign[][] {
  const key = ({ object, owner }: Foreign) => `${JSON.stringify(owner)} ${object.release ?? ""}`;
  return [...new Set(foreign.map(key))].map((one) => foreign.filter((candidate) => key(candidate) === one));
}

function foreignFinding(group: Foreign[], stack: StackView): Finding {
  const { object, owner } = group[0]!;
  const names = group.map((one) => objectText(one.object)).join(", ");
  const [is, it] = group.length === 1 ? ["belongs", "it"] : ["belong", "them"];
  const would = object.release === undefined ? `the stack would overwrite ${it}` : `Helm refuses to install over ${it}`;
  const remove = group.map((one) => kubectl("delete", one.object)).join("; ");
  switch (owner.by) {
    case "stack":
      return finding(
        "ownership/objects",
        `${names} ${is} to stack ${owner.stack}: ${would}`,
        `take ${it} out of that stack, or use other names here; if it is gone: pulumi config set takeOverFrom ${owner.stack}`,
      );
    case "release": {
      const [namespace, name] = owner.release.split("/");
      return finding(
        "ownership/objects",
        `${names} ${is} to Helm release ${owner.release}: ${would}`,
        `agree with its owner, then: helm uninstall ${name} -n ${namespace}; or use other names here`,
      );
    }
    case "ours":
    case "unmarked": {
      const [ns, release] = object.release?.split("/") ?? [];
      const marks =
        release === undefined
          ? `${ownerAnnotation}=${stack.owner}`
          : `meta.helm.sh/release-name=${release} meta.helm.sh/release-namespace=${ns}`;
      const label = (one: PlannedObject) =>
        release === undefined ? "" : `; ${kubectl("label", one)} app.kubernetes.io/managed-by=Helm --overwrite`;
      const hand = group.map((one) => `${kubectl("annotate", one.object)} ${marks}${label(one.object)}`).join("; ");
      return finding(
        "ownership/objects",
        `${names} ${group.length === 1 ? "is" : "are"} there, and not this stack's: ${would}`,
        `agree with the owner, then remove ${it}: ${remove}; or hand ${it} over to this stack, which then overwrites and owns ${it}: ${hand}`,
      );
    }
  }
}

function kubectl(verb: string, { kind, group, namespace, name }: PlannedObject): string {
  const type = `${kind.toLowerCase()}${group === "" ? "" : `.${group}`}`;
  return `kubectl ${verb} ${type} ${name}${namespace === undefined ? "" : ` -n ${namespace}`}`;
}

interface Live {
  object: PlannedObject;
  metadata: Named["metadata"];
}

/** Those of some objects that are there, by their metadata alone: one question for each kind and place. */
async function lookUp(cluster: Cluster, objects: PlannedObject[]): Promise<Live[]> {
  const versions = [...new Set(objects.map(({ apiVersion }) => apiVersion))];
  const kinds = new Map(
    await Promise.all(versions.map(async (version) => [version, await kindsOf(cluster, version)] as const)),
  );
  const places = new Map<string, PlannedObject[]>();
  for (const object of objects) {
    const kind = kinds.get(object.apiVersion)?.find((known) => known.kind === object.kind && !known.name.includes("/"));
    // A kind that is not installed has no objects.
    if (kind === undefined) continue;
    const { namespace, ...clusterWide } = object;
    const placed = kind.namespaced ? object : clusterWide;
    const scope = kind.namespaced ? `/namespaces/${namespace}` : "";
    const root = object.group === "" ? `/api/${object.apiVersion}` : `/apis/${object.apiVersion}`;
    const path = `${root}${scope}/${kind.name}`;
    places.set(path, [...(places.get(path) ?? []), placed]);
  }
  const found = await Promise.all(
    [...places].map(async ([path, wanted]) => {
      const names = [...new Set(wanted.map(({ name }) => name))];
      const query = names.length === 1 ? `?fieldSelector=metadata.name%3D${names[0]}` : "";
      const items = await listed<Named>(cluster, `${path}${query}`, true);
      return wanted.flatMap((object) => {
        const item = items.find(({ metadata }) => metadata.name === object.name);
        return item === undefined ? [] : [{ object, metadata: item.metadata }];
      });
    }),
  );
  return found.flat();
}

interface Kind {
  kind: string;
  /** In paths. */
  name: string;
  namespaced: boolean;
}

async function kindsOf(cluster: Cluster, version: string): Promise<Kind[]> {
  const path = version.includes("/") ? `/apis/${version}` : `/api/${version}`;
  try {
    return (await existing<{ resources: Kind[] }>(cluster, path))?.resources ?? [];
  } catch (error) {
    if (error instanceof ClusterError && error.status === 503) return [];
    throw error;
  }
}

/** What EnRoute would not serve, or not obey, beside our hosts: names count once in the cluster, whatever their case. */
export async function hostFindings(cluster: Cluster, settings: Settings, stack?: StackView): Promise<Finding[]> {
  const enroute = "/apis/enroute.saaras.io/v1";
  const [hosts, configs] = await Promise.all([
    listed<GatewayHost>(cluster, `${enroute}/gatewayhosts`),
    listed<GlobalConfig>(cluster, `${enroute}/globalconfigs`),
  ]);
  const held = stack === undefined ? [] : (await stack.held()).objects;
  const isHeld = (kind: string, { metadata: { namespace, name } }: Named) =>
    held.some((object) => isSameObject(object, { kind, group: "enroute.saaras.io", namespace: namespace!, name }));
  // An object under our own name is compared as such.
  const isOurs = (candidate: GatewayHost) =>
    isHeld("GatewayHost", candidate) ||
    settings.hosts.some(
      ({ host, namespace }) =>
        namespace === candidate.metadata.namespace &&
        [gatewayHostName(host), formerGatewayHostName(host)].includes(candidate.metadata.name),
    );
  const rivals = hosts
    .filter((candidate) => !isOurs(candidate))
    .flatMap((candidate) => {
      const fqdn = candidate.spec?.virtualhost?.fqdn ?? "";
      const index = settings.hosts.findIndex(({ host }) => host === fqdn.toLowerCase());
      return index < 0 ? [] : [{ candidate, fqdn, index }];
    });
  const { namespace } = settings.gateway;
  const others = configs.filter(
    (config) =>
      config.spec?.type === "globalconfig_globals" &&
      !(config.metadata.namespace === namespace.name && config.metadata.name === "mesh") &&
      !isHeld("GlobalConfig", config),
  );
  return [
    ...rivals.map(({ candidate: { metadata }, fqdn, index }) =>
      finding(
        "ownership/hosts",
        `GatewayHost ${metadata.namespace}/${metadata.name} claims ${fqdn}, as hosts[${index}] does: ${
          fqdn === settings.hosts[index]!.host
            ? "EnRoute would serve neither"
            : "EnRoute tells the two spellings apart, and Envoy then refuses every host"
        }`,
        `agree with its owner, then: kubectl delete gatewayhost ${metadata.name} -n ${metadata.namespace}; or take hosts[${index}] out of the stack`,
      ),
    ),
    ...others.map(({ metadata }) =>
      finding(
        "ownership/global-config",
        `GlobalConfig ${metadata.namespace}/${metadata.name} is of type globalconfig_globals, as the one of the stack: EnRoute obeys one of them, and nobody knows which`,
        `agree with its owner, then: kubectl delete globalconfig ${metadata.name} -n ${metadata.namespace}`,
      ),
    ),
    ...sharedFindings(held),
  ];
}

/** Hosts that an early version gave one object: taking one out of the stack would take both off the air. */
function sharedFindings(held: Held["objects"]): Finding[] {
  const hosts = held.filter(({ kind }) => kind === "GatewayHost");
  return hosts.flatMap((object, index) => {
    const first = hosts.findIndex((other) => isSameObject(other, object));
    return first === index
      ? []
      : [
          finding(
            "ownership/shared-object",
            `two hosts of the stack share ${objectText(object)}, as an earlier version named them alike: one of them is not served`,
            `pulumi state delete '${object.urn}', which leaves the object as it is; the next update gives that host its own`,
          ),
        ];
  });
}
