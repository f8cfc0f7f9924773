import { parse } from "yaml";
import { type Comparison, compare } from "../../../review/compare";
import type { Topic } from "../../../review/marks/mark";
import type { KubernetesObject, OwnedObject, Release } from "../../../review/objects";
import { type Review, summarise } from "../../../review/review";
import type { Side } from "../../../review/sides";

/** An object from a few lines of YAML. */
export function object(text: string): KubernetesObject {
  return parse(text) as KubernetesObject;
}

/** An object that a release renders. */
export function rendered(text: string, release = "enroute-istio"): OwnedObject {
  return { object: object(text), release };
}

/** An object that the program makes by itself. */
export function own(text: string, resource?: string): OwnedObject {
  const made = object(text);
  return { object: made, resource: resource ?? `${made.kind}::${made.metadata.name}` };
}

export function release(change: Partial<Release> = {}): Release {
  const named = { resource: "enroute-istio", name: "enroute-istio", namespace: "enroute-system" };
  return { ...named, chart: "enroute", version: "0.8.7", values: {}, ...change };
}

const istiod = release({
  resource: "istiod",
  name: "istiod",
  namespace: "istio-system",
  chart: "istiod",
  version: "1.31.0",
});

export function side(objects: OwnedObject[], releases: Release[] = [istiod, release()]): Side {
  return { name: "a side", objects, releases, judged: [], deletions: [], masked: [] };
}

export function changes(before: OwnedObject[], after: OwnedObject[]): Comparison {
  return compare(side(before), side(after));
}

/** `level topic: text` of every mark, in their order. */
export function marks(before: OwnedObject[], after: OwnedObject[], topic?: Topic): string[] {
  return changes(before, after)
    .changes.flatMap((change) => change.marks)
    .flatMap((mark) =>
      topic === undefined || mark.topic === topic ? [`${mark.level} ${mark.topic}: ${mark.text}`] : [],
    );
}

export function reviewOf(before: Side, after: Side): Review {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  return summarise({ stack: "prod", base: { ref: "main", commit }, head: { commit, dirty: false }, before, after });
}
