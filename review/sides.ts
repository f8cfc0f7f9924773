import { fork } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ChartRenderer } from "./charts";
import type { CollectReply, CollectRequest, Collected } from "./collect";
import { ReviewError } from "./error";
import { type PolicyObject } from "../policy/rules";
import { type ProgramResource, toPolicyObject } from "../policy/objects";
import { asRecord } from "../policy/rule";
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
  /** Folder of the Pulumi project. */
  project: string;
  stack: string;
  renderer: ChartRenderer;
  /** The time at which certificates are judged. */
  now: Date;
}

const ownRoot = join(__dirname, "..");

/** Renders one side: its stack's settings → its program's resources → the charts of its releases. */
export async function renderSide({ name, project, stack, renderer, now }: SideOptions): Promise<Side> {
  const configuration = stackConfiguration(project, stack, name);
  // A project that has the program as a package has the same program on both sides: the one that is installed.
  const hasProgram = existsSync(join(project, "stacks/encrypted-ingress.ts"));
  const { resources, deletions } = await collect(hasProgram ? project : ownRoot, configuration, name, now);
  const releases = resources.flatMap((resource) => toRelease(resource) ?? []);
  const rendered = (await Promise.all(releases.map((release) => renderer.render(release, name)))).flat();
  const own = resources.flatMap((resource) => toOwned(resource) ?? []);
  refuseDuplicates([...own, ...rendered], name);
  const judged = [
    ...resources.flatMap((resource) => toPolicyObject(resource) ?? []),
    ...rendered.map(({ object }) => object),
  ];
  return { name, objects: [...own, ...rendered], releases, judged, deletions, masked: configuration.masked };
}

const releaseType = "kubernetes:helm.sh/v3:Release";

function toRelease({ type, name, props: inputs }: ProgramResource): Release | undefined {
  if (type !== releaseType) return undefined;
  const props = asRecord(inputs);
  const repository = at(props, "repositoryOpts", "repo");
  return {
    resource: name,
    name: plain(props["name"]),
    namespace: plain(props["namespace"]),
    chart: plain(props["chart"]),
    version: plain(props["version"]),
    ...(typeof repository === "string" ? { repository } : {}),
    values: treeAt(props, "values"),
    ...(props["skipCrds"] === true ? { skipCrds: true } : {}),
  };
}

/** The object of a resource of the program; keys and certificates of it are compared and shown as objects too. */
function toOwned(resource: ProgramResource): OwnedObject | undefined {
  const { type, name } = resource;
  const judged = type === releaseType ? undefined : toPolicyObject(resource);
  if (judged === undefined) return undefined;
  const { protect, ...object } = judged;
  return {
    object: object,
    resource: `${type}::${name}`,
    ...(protect === true ? { protect } : {}),
    ...(type.endsWith("Patch") ? { patch: true } : {}),
  };
}

async function collect(
  program: string,
  configuration: MaskedConfiguration,
  side: string,
  now: Date,
): Promise<Collected> {
  const child = fork(join(__dirname, "collect"), {
    cwd: program,
    // The base is TypeScript whatever this file is.
    execArgv: ["--require", require.resolve("tsx/cjs")],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const stderr: Buffer[] = [];
  child.stderr!.on("data", (chunk: Buffer) => stderr.push(chunk));
  const reply = await new Promise<CollectReply>((resolve, reject) => {
    child.on("error", reject);
    child.on("message", (message) => resolve(message as CollectReply));
    child.on("close", (code) =>
      resolve({ problem: Buffer.concat(stderr).toString("utf8").trim() || `it ended with exit code ${code}` }),
    );
    child.send({ program, configuration, now: now.toISOString() } satisfies CollectRequest);
  });
  if ("collected" in reply) return reply.collected;
  throw new ReviewError(
    `Stack ${configuration.stack} of ${side} does not pass:\n${reply.problem.replace(/^/gm, "  ")}`,
    `put it right in ${side}; pulumi preview --stack ${configuration.stack} would say the same`,
  );
}

/** Two objects of one name: whichever comes later would win in the cluster, so neither can be shown as what will be. */
function refuseDuplicates(objects: readonly OwnedObject[], side: string): void {
  const seen = new Map<string, OwnedObject>();
  for (const owned of objects) {
    const id = identity(owned.object);
    const other = seen.get(id);
    // Labels of a namespace that somebody else makes go on top of it.
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

/** Whether a release of Kiali draws its signing key anew at every render. */
export function drawsKey(release: Release | undefined): boolean {
  const key = at(release?.values, "login_token", "signing_key");
  return typeof key !== "string" || key === "";
}
