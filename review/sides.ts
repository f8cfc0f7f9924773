import { join } from "node:path";
import { defined } from "../base/defined";
import { ChartRenderer, type RenderOptions } from "./charts";
import { postRenderedType } from "../mesh/gateway-service";
import { ReviewError } from "./error";
import { layoutOf } from "./program-contract";
import { ProgramRunner } from "./programs";
import { type PolicyObject } from "../policy/rules";
import { asTree } from "../base/tree";
import { type ProgramResource, programObjects } from "../policy/objects";
import { type OwnedObject, type Release, at, identity, plain, treeAt } from "./objects";
import { type MaskedConfiguration, stackConfiguration } from "./stack-file";

/** One of the two states that are compared: everything that the program of a stack would put into the cluster. */
export interface Side {
  /** How errors and the review call it, such as "the base (origin/main)". */
  name: string;
  objects: OwnedObject[];
  releases: Release[];
  /** What the policies judge: resources of the program, and what its releases render to. */
  judged: PolicyObject[];
  /** Objects that the stack gives up, as `Kind namespace/name`. */
  deletions: string[];
  /** Paths of the settings that are encrypted; placeholders stand for them. */
  masked: string[];
}

export interface SideOptions {
  /** As in {@link Side.name}. */
  name: string;
  /** Folder with the program; that of the project, unless another has the same one. */
  program: string;
  /** The stack's settings. */
  configuration: MaskedConfiguration;
  /** The time at which certificates are judged. */
  now: Date;
}

const ownRoot = join(__dirname, "..");

/** Folder with the program of a project: its own, or where it is installed as a package the same for both sides. */
export function programOf(project: string): string {
  return layoutOf(project) === undefined ? ownRoot : project;
}

/** Renders one side: its stack's settings → its program's resources → the charts of its releases. */
export async function renderSide(
  { name, program, configuration, now }: SideOptions,
  { programs, charts }: { programs: ProgramRunner; charts: ChartRenderer },
): Promise<Side> {
  const { resources, deletions } = await programs.collect(program, configuration, now, name);
  const releases = resources.flatMap((resource) => toRelease(resource) ?? []);
  const rendered = (await Promise.all(releases.map((release) => charts.render(release, name)))).flat();
  const made = programObjects(resources);
  const own = made.flatMap((one) => toOwned(one) ?? []);
  refuseDuplicates([...own, ...rendered], name);
  const judged = [...made, ...rendered].map(({ object }) => object);
  return { name, objects: [...own, ...rendered], releases, judged, deletions, masked: configuration.masked };
}

/** Renders the working tree alone, as it would be deployed. */
export async function renderHead(project: string, stack: string, options: RenderOptions = {}): Promise<Side> {
  const programs = new ProgramRunner();
  try {
    const name = "the working tree";
    const configuration = stackConfiguration(project, stack, name);
    const side = { name, program: programOf(project), configuration, now: new Date() };
    return await renderSide(side, { programs, charts: new ChartRenderer(options) });
  } finally {
    programs.close();
  }
}

const releaseType = "kubernetes:helm.sh/v3:Release";

function toRelease({ type, name, props: inputs }: ProgramResource): Release | undefined {
  if (type !== releaseType) return undefined;
  const props = asTree(inputs);
  const repository = at(props, "repositoryOpts", "repo");
  return defined({
    resource: name,
    name: plain(props["name"]),
    namespace: plain(props["namespace"]),
    chart: plain(props["chart"]),
    version: plain(props["version"]),
    repository: typeof repository === "string" ? repository : undefined,
    values: treeAt(props, "values"),
    skipCrds: props["skipCrds"] === true || undefined,
    serviceType: postRenderedType(props["postrender"]),
  });
}

/** The object of a resource of the program; keys and certificates of it are compared and shown as objects too. */
function toOwned({
  resource,
  object: { protect, ...object },
}: ReturnType<typeof programObjects>[number]): OwnedObject | undefined {
  const { type, name } = resource;
  if (type === releaseType) return undefined;
  const isPatch = type.endsWith("Patch");
  return defined({
    object,
    resource: `${type}::${name}`,
    protect: protect === true || undefined,
    patch: isPatch || undefined,
    keepsName: resource.keepsName === true || undefined,
    formerTypes: resource.formerTypes,
  });
}

/** Two objects of one name: whichever comes later would win in the cluster, so neither can be shown as what will be. */
function refuseDuplicates(objects: readonly OwnedObject[], side: string): void {
  const seen = new Map<string, OwnedObject>();
  for (const owned of objects) {
    const id = identity(owned.object);
    const other = seen.get(id);
    // The labels go on top of a namespace that others create.
    if (other !== undefined && owned.patch !== true && other.patch !== true)
      throw new ReviewError(
        `${id} is there twice in ${side}: from ${origin(other)} and from ${origin(owned)}.`,
        "let only one of them make it",
      );
    seen.set(id, owned);
  }
}

function origin({ release, resource }: OwnedObject): string {
  return release === undefined ? `resource ${resource}` : `release ${release}`;
}

/** Whether a release of Kiali draws a new signing key at every render. */
export function drawsKey(release: Release | undefined): boolean {
  const key = at(release?.values, "login_token", "signing_key");
  return typeof key !== "string" || key === "";
}
