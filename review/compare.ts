import { isDeepStrictEqual } from "node:util";
import { defined } from "../base/defined";
import { defaultGatewayNamespace } from "../mesh/enroute";
import { ingressGrants } from "../mesh/gateway-rights";
import { immutableChanges, isKept } from "../mesh/immutability";
import { defaultIstioNamespace } from "../mesh/istio";
import type { MeshObject } from "../mesh/object";
import { encryptionMarks } from "./marks/encryption";
import { generalMarks } from "./marks/general";
import { lifeMarks, ownershipMarks } from "./marks/life";
import {
  type Action,
  type Changed,
  type Mark,
  type SideView,
  type Surroundings,
  levels,
  mark,
  topics,
} from "./marks/mark";
import { restartMark } from "./marks/restart";
import { canonical, settled } from "./normalise";
import { type OwnedObject, type Tree, apiGroup, at, identity, podTemplate, title, treeAt } from "./objects";
import { withoutSecrets } from "./secrets";
import { type Side, drawsKey } from "./sides";
import { textDiff } from "./text-diff";

/** What happens to one object. */
export interface Change {
  action: Action;
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
  /** `Kind namespace/name`. */
  title: string;
  /** The Helm release that it belongs to; missing for objects of the program itself. */
  release?: string;
  /** What a reviewer must not overlook, the gravest first. */
  marks: Mark[];
  /** What changes, as the body of a unified diff of YAML; without secrets and without noise. */
  diff: string;
}

/** A change without a meaning of its own, shown in one line with its cause. */
export interface Folded {
  title: string;
  reason: string;
}

export interface Comparison {
  changes: Change[];
  folded: Folded[];
  /** Objects that are the same on both sides. */
  unchanged: number;
}

interface Entry {
  owned: OwnedObject;
  /** See {@link settled}. */
  tree: Tree;
}

/** What becomes of each object when the stack goes from one side to the other. */
export function compare(before: Side, after: Side): Comparison {
  const old = entries(before);
  const current = entries({ ...after, objects: after.objects.map((owned) => withKeptName(owned, before)) });
  const surroundings: Surroundings = {
    rootNamespace: rootNamespace(after) ?? rootNamespace(before) ?? defaultIstioNamespace,
    gatewayNamespace: gatewayNamespace(after) ?? gatewayNamespace(before) ?? defaultGatewayNamespace,
    before: view(old),
    after: view(current),
  };
  const moved = movedReleases(before, after);
  const reconfigured = releasesWithNewConfiguration(old, current);
  const comparison: Comparison = { changes: [], folded: [], unchanged: 0 };
  for (const id of [...new Set([...old.keys(), ...current.keys()])]) {
    const [was, is] = [old.get(id), current.get(id)];
    const { owned } = (is ?? was)!;
    if (was !== undefined && is !== undefined && !moved.has(owned.release ?? "")) {
      const isRestarted = reconfigured.has(owned.release ?? "") && checksums(was) !== checksums(is);
      if (isDeepStrictEqual(was.tree, is.tree) && !isRestarted) {
        comparison.unchanged++;
        continue;
      }
      const left = [was, is].map(({ tree }) => canonical(tree, owned.release));
      if (isDeepStrictEqual(left[0], left[1]) && !isRestarted && podTemplate(was.tree) === undefined) {
        comparison.folded.push({
          title: title(owned.object),
          reason:
            left[0] === undefined
              ? "a copy of the release's values"
              : "only labels with the chart's version, or repeats of another object",
        });
        continue;
      }
    }
    comparison.changes.push(change(was, is, { surroundings, moved, reconfigured }));
  }
  joinReplacements(comparison.changes, old, current);
  comparison.changes.sort((a, b) => gravity(a) - gravity(b) || compareText(sortKey(a), sortKey(b)));
  comparison.folded.sort((a, b) => compareText(a.title, b.title));
  return comparison;
}

/** The object under its present name, where the engine keeps that name. */
function withKeptName(owned: OwnedObject, before: Side): OwnedObject {
  const { object, keepsName, resource } = owned;
  const was = keepsName === true ? before.objects.find((old) => old.resource === resource)?.object : undefined;
  if (was === undefined || was.metadata.namespace !== object.metadata.namespace) return owned;
  return { ...owned, object: { ...object, metadata: { ...object.metadata, name: was.metadata.name } } };
}

function entries(side: Side): Map<string, Entry> {
  const releases = new Map(side.releases.map((release) => [release.name, release]));
  return new Map(
    side.objects.map((owned) => [
      identity(owned.object),
      { owned, tree: settled(owned, drawsKey(releases.get(owned.release ?? ""))) },
    ]),
  );
}

function rootNamespace({ releases }: Side): string | undefined {
  return releases.find(({ chart }) => chart.split("/").pop() === "istiod")?.namespace;
}

function gatewayNamespace({ releases }: Side): string | undefined {
  return releases.find(({ chart }) => chart.split("/").pop() === "enroute")?.namespace;
}

function view(side: Map<string, Entry>): SideView {
  return {
    ingressGrants(gatewayNamespace) {
      const objects = [...side.values()].map(({ tree }) => tree as unknown as MeshObject);
      return ingressGrants(objects, gatewayNamespace);
    },
    minimumPods(kind, namespace, name) {
      const trees = [...side.values()].map(({ tree }) => tree);
      const isTarget = (tree: Tree) => {
        const target = treeAt(tree, "spec", "scaleTargetRef");
        return target["kind"] === kind && target["name"] === name && at(tree, "metadata", "namespace") === namespace;
      };
      const scaled = trees.find((tree) => tree["kind"] === "HorizontalPodAutoscaler" && isTarget(tree));
      const workload = side.get(["apps", kind, namespace ?? "", name].join("/"));
      if (workload === undefined) return undefined;
      return Number(
        scaled === undefined ? (at(workload.tree, "spec", "replicas") ?? 1) : (at(scaled, "spec", "minReplicas") ?? 1),
      );
    },
  };
}

/** Releases that Helm uninstalls and installs again, because their name or namespace changes: by old and new name. */
function movedReleases(before: Side, after: Side): Set<string> {
  return new Set(
    after.releases.flatMap((release) => {
      const old = before.releases.find(({ resource }) => resource === release.resource);
      const isMoved = old !== undefined && (old.name !== release.name || old.namespace !== release.namespace);
      return isMoved ? [old.name, release.name] : [];
    }),
  );
}

/** Releases with a ConfigMap or Secret that really changes: their checksums in pod templates mean a restart. */
function releasesWithNewConfiguration(old: Map<string, Entry>, current: Map<string, Entry>): Set<string> {
  return new Set(
    [...current].flatMap(([id, { owned, tree }]) =>
      ["ConfigMap", "Secret"].includes(owned.object.kind) && !isDeepStrictEqual(old.get(id)?.tree, tree)
        ? [owned.release ?? ""]
        : [],
    ),
  );
}

function checksums({ owned }: Entry): string {
  const annotations = treeAt(podTemplate(owned.object), "metadata", "annotations");
  return JSON.stringify(Object.entries(annotations).filter(([key]) => key.startsWith("checksum/")));
}

interface Context {
  surroundings: Surroundings;
  moved: Set<string>;
  reconfigured: Set<string>;
}

function change(was: Entry | undefined, is: Entry | undefined, { surroundings, moved, reconfigured }: Context): Change {
  const { owned } = (is ?? was)!;
  const { object, release } = owned;
  const changed: Changed = { object, before: was?.tree, after: is?.tree, release };
  const isMoved = moved.has(release ?? "");
  const action = actionOf(was, is, isMoved);
  const marks =
    action === "left behind" ? [] : [encryptionMarks, generalMarks].flatMap((marker) => marker(changed, surroundings));
  marks.push(...lifeMarks(action, changed, owned));
  if (action === "updated") marks.push(...ownershipMarks(was!.owned, owned));
  if (
    is !== undefined &&
    was !== undefined &&
    isDeepStrictEqual(podTemplate(was.tree), podTemplate(is.tree)) &&
    reconfigured.has(release ?? "") &&
    checksums(was) !== checksums(is)
  )
    marks.push(restartMark(object, is.tree, surroundings));
  if (
    object.kind === "ConfigMap" &&
    /^istio-sidecar-injector/.test(object.metadata.name) &&
    was !== undefined &&
    is !== undefined
  )
    marks.push(
      mark(
        "notice",
        "restart",
        "sidecars are made by another template: pods of the mesh get it when they restart, and nothing restarts them",
      ),
    );
  const [before, after] = [was, is].map((entry) => shown(entry, release));
  return defined({
    action,
    apiVersion: object.apiVersion,
    kind: object.kind,
    namespace: object.metadata.namespace,
    name: object.metadata.name,
    title: title(object),
    release,
    marks: sortMarks(marks),
    diff: diffOf(before, after),
  });
}

function diffOf(before: Tree | undefined, after: Tree | undefined): string {
  // The difference is secret, or a checksum of what is shown elsewhere.
  if (before !== undefined && after !== undefined && isDeepStrictEqual(before, after))
    return before["kind"] === "Secret"
      ? "(other secret data)"
      : "(only what is not shown: a secret, or a checksum of another object)";
  return textDiff(before, after);
}

function shown(entry: Entry | undefined, release: string | undefined): Tree | undefined {
  if (entry === undefined) return undefined;
  return withoutSecrets(canonical(entry.tree, release) ?? entry.tree);
}

function actionOf(was: Entry | undefined, is: Entry | undefined, isMoved: boolean): Action {
  if (is === undefined) return staysBehind(was!.owned) ? "left behind" : "deleted";
  if (was === undefined) return "created";
  if (was.owned.patch !== true && is.owned.patch === true && !isSameResource(was.owned, is.owned)) return "deleted";
  const isReplaced = isMoved || (is.owned.release === undefined && immutableChanges(was.tree, is.tree).length > 0);
  return isReplaced ? "replaced" : "updated";
}

/** Whether the engine takes the one for an earlier version of the other, also under another type. */
function isSameResource(was: OwnedObject, is: OwnedObject): boolean {
  const type = was.resource?.split("::")[0] ?? "";
  return was.resource === is.resource || is.formerTypes?.includes(type) === true;
}

/** What neither Helm nor the provider deletes. */
function staysBehind({ object, installedOnce, patch }: OwnedObject): boolean {
  return installedOnce === true || patch === true || isKept(object);
}

/** An object that goes and one that comes from the same resource of the program are one that is replaced. */
function joinReplacements(changes: Change[], old: Map<string, Entry>, current: Map<string, Entry>): void {
  const resourceOf = (side: Map<string, Entry>, { apiVersion, kind, namespace, name }: Change) =>
    side.get([apiGroup(apiVersion), kind, namespace ?? "", name].join("/"))?.owned.resource;
  for (const created of changes.filter(({ action }) => action === "created")) {
    const resource = resourceOf(current, created);
    const gone = changes.find(
      (other) => other.action === "deleted" && resource !== undefined && resourceOf(old, other) === resource,
    );
    if (gone === undefined) continue;
    created.action = "replaced";
    created.marks = sortMarks([
      ...created.marks,
      mark(
        ["Namespace", "Service", "GatewayHost", "Secret", "Deployment"].includes(created.kind) ? "outage" : "danger",
        "outage",
        `takes the place of ${gone.title}, which is deleted first`,
      ),
    ]);
  }
}

function sortMarks(marks: Mark[]): Mark[] {
  return marks.sort(
    (a, b) => levels.indexOf(a.level) - levels.indexOf(b.level) || topics.indexOf(a.topic) - topics.indexOf(b.topic),
  );
}

function gravity({ marks }: Change): number {
  return marks.length === 0 ? levels.length : levels.indexOf(marks[0]!.level);
}

function sortKey({ kind, title: name }: Change): string {
  return `${kind} ${name}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
