import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { unknownValue } from "../policy/rule";
import { ReviewError } from "./error";
import { settled } from "./normalise";
import { type KubernetesObject, type OwnedObject, type Tree, apiGroup, at, isTree, title } from "./objects";
import { withoutSecrets } from "./secrets";
import type { Side } from "./sides";

/**
 * Steps of the rollout for a tool that knows nothing of the order, as `stacks/encrypted-ingress.ts` has it. Each is a folder,
 * and a sync wave of Argo CD: the next begins when everything in it is healthy.
 */
export const steps = ["namespaces", "kinds", "control-plane", "policies", "workloads", "routes"] as const;
export type Step = (typeof steps)[number];

/** The step of an object. */
export function stepOf({ object, release, installedOnce }: OwnedObject): Step {
  const { apiVersion, kind } = object;
  if (kind === "Namespace") return "namespaces";
  if (kind === "CustomResourceDefinition" || installedOnce === true || release === "istio-base") return "kinds";
  // Its webhook adds the sidecars: a pod that starts earlier stays outside the mesh for good.
  if (/^istiod(-|$)/.test(release ?? "") || kind === "MutatingWebhookConfiguration") return "control-plane";
  if (apiVersion.startsWith("security.istio.io/") || apiVersion.startsWith("networking.istio.io/")) return "policies";
  if (apiVersion.startsWith("enroute.saaras.io/")) return "routes";
  return "workloads";
}

/** An object that is not written, and why. */
export interface LeftOut {
  title: string;
  reason: string;
}

export interface Manifests {
  /** Path in the folder → content; in the order of the paths. */
  files: Map<string, string>;
  leftOut: LeftOut[];
}

/** One file for each object, with names and an order that do not depend on the run. Nothing in them is secret. */
export function manifests({ objects }: Pick<Side, "objects">): Manifests {
  const files = new Map<string, string>();
  const leftOut: LeftOut[] = [];
  for (const owned of objects) {
    const { object } = owned;
    if (object.apiVersion === "tls") continue;
    const reason = reasonToLeaveOut(owned);
    if (reason !== undefined) leftOut.push({ title: title(object), reason });
    else files.set(pathOf(owned), stringify(withWave(owned), { lineWidth: 0, sortMapEntries: true }));
  }
  const byPath = ([a]: [string, string], [b]: [string, string]) => (a < b ? -1 : 1);
  return {
    files: new Map([...files].sort(byPath)),
    leftOut: leftOut.sort((a, b) => (a.title < b.title ? -1 : 1)),
  };
}

function reasonToLeaveOut({ object, patch, release }: OwnedObject): string | undefined {
  if (patch === true) {
    const labels = Object.entries(object.metadata.labels ?? {}).map((pair) => pair.join("="));
    return `belongs to another owner, who must give it ${labels.join(" and ")} before its pods start`;
  }
  if (object.kind === "Secret")
    return "holds key material: make it in the cluster, or by cert-manager or a secret store";
  const tree = settled({ object, release: release ?? "" });
  if (JSON.stringify(withoutSecrets(tree)) !== JSON.stringify(tree))
    return "holds a credential in clear text: refer to a Secret instead, or make it in the cluster";
  return holdsUnknown(object)
    ? "holds what only a deployment by Pulumi makes, such as the certificate of a generated CA"
    : undefined;
}

function holdsUnknown(value: unknown): boolean {
  if (typeof value === "string") return value.includes(unknownValue);
  return typeof value === "object" && value !== null && Object.values(value).some(holdsUnknown);
}

function pathOf(owned: OwnedObject): string {
  const { kind, metadata, apiVersion } = owned.object;
  const step = stepOf(owned);
  const group = apiGroup(apiVersion).split(".")[0]!;
  // Two groups may have kinds of one name.
  const parts = [metadata.namespace ?? "cluster", kind, ...(builtIn.includes(group) ? [] : [group]), metadata.name];
  return `${steps.indexOf(step)}-${step}/${parts
    .join("_")
    .toLowerCase()
    .replace(/[^a-z0-9._-]/g, "-")}.yaml`;
}

const builtIn = ["", "apps", "batch", "policy", "autoscaling", "rbac", "apiextensions", "admissionregistration"];

/** The object as it is applied, without what only Pulumi reads, and with its step as a sync wave. */
function withWave(owned: OwnedObject): Tree {
  const object = withoutNulls(owned.object) as KubernetesObject;
  const annotations = Object.entries((at(object, "metadata", "annotations") ?? {}) as Record<string, string>);
  const kept = annotations.filter(([key]) => !key.startsWith("pulumi.com/"));
  const wave = ["argocd.argoproj.io/sync-wave", String(steps.indexOf(stepOf(owned)))];
  return { ...object, metadata: { ...object.metadata, annotations: Object.fromEntries([...kept, wave]) as Tree } };
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === null ? [] : [[key, withoutNulls(item)]])),
  );
}

const notes = "README.md";
const writtenBy = "Written by `npm run review`";

/**
 * Writes the manifests into a folder, in which nothing but an earlier output may be: what is no longer there is deleted, so
 * that Argo CD or Flux takes it out of the cluster.
 */
export function writeManifests(folder: string, stack: string, { files, leftOut }: Manifests): void {
  if (existsSync(folder)) {
    const content = readdirSync(folder).filter((name) => name !== ".git" && name !== ".gitkeep");
    const isOurs = existsSync(join(folder, notes)) && readFileSync(join(folder, notes), "utf8").includes(writtenBy);
    if (content.length > 0 && !isOurs)
      throw new ReviewError(
        `${folder} holds something else than an output of this command, which would be mixed up with it.`,
        "name an empty folder, or a new one",
      );
    for (const step of content.filter((name) => /^\d-/.test(name))) rmSync(join(folder, step), { recursive: true });
  }
  for (const [path, content] of files) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  writeFileSync(join(folder, notes), notesText(stack, leftOut));
}

function notesText(stack: string, leftOut: readonly LeftOut[]): string {
  const lines = leftOut.map(({ title: name, reason }) => `- \`${name}\`: ${reason}`);
  return [
    `# Stack ${stack}`,
    "",
    `${writtenBy} (see docs/review.md); changes by hand are lost. Folders are steps: each needs the ones before it to be up.`,
    "",
    "## Left out",
    "",
    ...(lines.length === 0 ? ["Nothing."] : lines),
    "",
  ].join("\n");
}
