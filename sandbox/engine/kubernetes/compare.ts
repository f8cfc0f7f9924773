// Decides what a changed declaration means for an existing object.

import type { Cluster } from "./cluster";
import { changes, pruneMap, withoutIgnored, type Change } from "./diff";
import { forceNewPaths, forcesNew } from "./force-new";
import { groupOf, isPatchType, kindOf } from "./kinds";
import { isAutonamed } from "./naming";
import { normalise } from "./normalise";
import { formatPath, parsePath } from "./paths";
import type { State } from "./state";
import { at, isMap, textAt, withAt, type TreeMap } from "./tree";

/** The answer to a diff. */
export interface Difference {
  readonly detailed: readonly DetailedChange[];
  readonly deleteBeforeReplace: boolean;
  /** Top-level properties that changed, where the official provider tells them. */
  readonly diffs: readonly string[];
}

/** One changed property. */
export interface DetailedChange {
  /** A property path, such as "spec.containers[0].image". */
  readonly path: string;
  readonly kind: Change["kind"];
  readonly replaces: boolean;
}

/** Compares an object as it was last seen with new inputs. */
export async function compareObject(
  cluster: Cluster,
  type: string,
  state: State,
  news: TreeMap,
  ignoreChanges: readonly string[],
): Promise<Difference> {
  const kind = kindOf(news);
  const namespaced = await cluster.isNamespaced(kind);
  const oldInputs = withDefaultNamespace(normalise(state.inputs), namespaced);
  const inputs = withDefaultNamespace(normalise(news), namespaced);
  const live = withDefaultNamespace(normalise(state.live), namespaced);
  const hasName = (at(inputs, "metadata", "name") ?? "") !== "";
  let old = pruneMap(live, oldInputs);
  if (hasName) old = withAt(old, ["metadata", "name"], at(live, "metadata", "name") ?? "");
  const mutable = {
    secrets: cluster.settings.enableSecretMutable,
    configMaps: cluster.settings.enableConfigMapMutable,
  };
  const paths = isPatchType(type, kind.kind)
    ? ["metadata.name", "metadata.namespace"].map(parsePath)
    : forceNewPaths(kind, inputs, mutable);
  const isOtherGroup = groupOf(kind.apiVersion) !== groupOf(textAt(old, "apiVersion"));
  const detailed = withoutIgnored(changes(old, inputs, oldInputs), ignoreChanges.map(parsePath)).map((change) => ({
    path: formatPath(change.path),
    kind: change.kind,
    replaces:
      forcesNew(change, kind, paths) ||
      (change.kind === "delete" && change.path.length === 1 && change.path[0] === "metadata") ||
      (isOtherGroup && formatPath(change.path) === "apiVersion"),
  }));
  const isSamePlace =
    hasName &&
    at(inputs, "metadata", "name") === at(live, "metadata", "name") &&
    at(inputs, "metadata", "namespace") === at(live, "metadata", "namespace");
  return {
    detailed,
    // Two objects cannot have one name at the same time; a name that the provider makes up is a new one.
    deleteBeforeReplace: detailed.some(({ replaces }) => replaces) && isSamePlace && !isAutonamed(inputs),
    diffs: [],
  };
}

// "" is "default"; and what has no namespace states none.
function withDefaultNamespace(object: TreeMap, namespaced: boolean): TreeMap {
  const metadata = object["metadata"];
  if (!isMap(metadata)) return object;
  const namespace = metadata["namespace"] ?? "";
  if (!namespaced) return withAt(object, ["metadata", "namespace"], undefined);
  return namespace === "" ? withAt(object, ["metadata", "namespace"], "default") : object;
}
