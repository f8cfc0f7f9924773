import { parse } from "yaml";
import { type Tree, at, isPlainTree, isTree } from "../base/tree";

/*
 * The mesh's configuration is a message of Protocol Buffers: istiod takes each field in two spellings, `discoverySelectors` and
 * `discovery_selectors` (pkg/util/protomarshal of istio/istio; https://protobuf.dev/programming-guides/json/), and refuses a text
 * that has both. Here the first is the one.
 */

/** Fields whose keys are data, not fields: of a workload's environment, of labels, of tags. */
const maps = ["proxyMetadata", "matchLabels", "labels", "customTags", "runtimeValues"];

const isProtoSpelling = (key: string) => /^[a-z][a-z0-9]*(_[a-z0-9]+)+$/.test(key);

/** The spelling of JSON, which Istio's reference uses. */
export function jsonSpelling(field: string): string {
  return isProtoSpelling(field) ? field.replace(/_([a-z0-9])/g, (_, first: string) => first.toUpperCase()) : field;
}

/** Where a configuration spells a field in the other way. */
export function protoSpellings(value: unknown, path: readonly string[] = []): string[][] {
  if (Array.isArray(value)) return value.flatMap((item, index) => protoSpellings(item, [...path, String(index)]));
  if (!isPlainTree(value)) return [];
  return Object.entries(value).flatMap(([key, below]) => [
    ...(isProtoSpelling(key) ? [[...path, key]] : []),
    ...(maps.includes(jsonSpelling(key)) ? [] : protoSpellings(below, [...path, key])),
  ]);
}

/** A configuration with every field spelled in one way. */
export function inJsonSpelling(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inJsonSpelling);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, below]) => {
      const name = jsonSpelling(key);
      return [name, maps.includes(name) ? below : inJsonSpelling(below)];
    }),
  );
}

/** Fields that the configuration of a ConfigMap has in both spellings, so that istiod refuses it and stays with its last one. */
export function fieldsTwiceIn(map: { data?: Record<string, string> } | undefined): string[] {
  const config = parsed(map);
  return protoSpellings(config).flatMap((path) => {
    const field = jsonSpelling(path.at(-1)!);
    return at(config, ...path.slice(0, -1), field) === undefined ? [] : [field];
  });
}

/**
 * The mesh configuration of a ConfigMap, as istiod reads it.
 *
 * @returns undefined if it is not YAML; empty if there is none
 */
export function readMeshConfig(map: { data?: Record<string, string> } | undefined): Tree | undefined {
  const read = inJsonSpelling(parsed(map));
  return isTree(read) ? read : undefined;
}

/** What a ConfigMap holds; undefined if it is not YAML. */
function parsed(map: { data?: Record<string, string> } | undefined): unknown {
  try {
    return parse(map?.data?.["mesh"] ?? "") ?? {};
  } catch {
    return undefined;
  }
}
