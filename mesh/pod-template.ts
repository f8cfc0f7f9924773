import { type Tree, at, isTree } from "../base/tree";
import type { MeshObject } from "./object";

/* Where a workload keeps its pods, and what its images say about the bits that run. */

const kindsWithTemplate = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"];

/** The pod template of a workload, or a pod itself; undefined for everything else. */
export function podTemplateOf(object: Pick<MeshObject, "kind"> | undefined): PodTemplate | undefined {
  const template =
    object?.kind === "Pod"
      ? object
      : object?.kind === "CronJob"
        ? at(object, "spec", "jobTemplate", "spec", "template")
        : kindsWithTemplate.includes(object?.kind ?? "")
          ? at(object, "spec", "template")
          : undefined;
  return isTree(template) ? template : undefined;
}

export interface PodTemplate extends Tree {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: unknown;
}

/** Why an image may mean other bits tomorrow. */
export interface Floating {
  /** Without a tag the container runtime takes `latest`. */
  tag: string | undefined;
}

/**
 * What makes an image float; undefined for one that names its bits by digest, or by a tag of a release. With `isExact`, a tag
 * must be a full version: its publisher moves `1.2` to each new release.
 */
export function floating(reference: string, isExact = false): Floating | undefined {
  if (/@sha256:[0-9a-f]+$/.test(reference)) return undefined;
  const tag = /:([^/:]+)$/.exec(reference)?.[1];
  const isFixed = tag !== undefined && tag !== "latest" && (!isExact || fullVersion.test(tag));
  return isFixed ? undefined : { tag };
}

const fullVersion = /^v?\d+\.\d+\.\d+([-+._][\w.+-]*)?$/;
