import type { MeshObject } from "../../mesh/object";
import type { KubernetesObject, Tree } from "../objects";

/** The two encrypted parts of a request's way, and what both rest upon. */
export type Leg = "client → gateway" | "gateway → workload";

/**
 * How grave a mark is, the gravest first.
 * - `weaker`: a leg loses encryption, or part of it
 * - `outage`: requests fail for a while, or for good
 * - `danger`: more rights, more exposed, less isolated, or refused by the cluster
 * - `notice`: worth knowing
 */
export const levels = ["weaker", "outage", "danger", "notice"] as const;

/** Something about a change that a reviewer must not overlook. */
export interface Mark {
  level: (typeof levels)[number];
  /** What the mark is about. */
  topic: Topic;
  /** What changes and what that means, in one line. */
  text: string;
  /** The leg that gets weaker. */
  leg?: Leg;
}

/** What happens to an object. `left behind`: nothing of ours makes it any more, and nothing deletes it. */
export type Action = "created" | "updated" | "replaced" | "deleted" | "left behind";

/** In the order in which a review shows them. */
export const topics = [
  "encryption",
  "outage",
  "rights",
  "exposure",
  "security context",
  "image",
  "webhook",
  "CRD",
  "availability",
  "deletion",
  "restart",
  "certificate",
] as const;
export type Topic = (typeof topics)[number];

/** An object that changes. Trees are settled: texts parsed, lists in order. */
export interface Changed {
  /** The object after the change, or before it where it is deleted. */
  object: KubernetesObject;
  before: Tree | undefined;
  after: Tree | undefined;
  /** The Helm release that it belongs to. */
  release: string | undefined;
}

/** What marks know of the rest of each side. */
export interface Surroundings {
  /** The mesh's root namespace: a PeerAuthentication there without a selector is mesh-wide. */
  rootNamespace: string;
  /** The gateway's namespace. */
  gatewayNamespace: string;
  before: SideView;
  after: SideView;
}

/** What marks ask of one side. */
export interface SideView {
  /** Fewest pods that a workload runs with: that of its autoscaler, or its replicas. */
  minimumPods(kind: string, namespace: string | undefined, name: string): number | undefined;
  /** The ClusterRoleBindings by which the gateway of a namespace may list Ingresses, which it serves in clear text. */
  ingressGrants(gatewayNamespace: string): readonly MeshObject[];
}

/** Judges one change. */
export type Marker = (changed: Changed, surroundings: Surroundings) => Mark[];

export function mark(level: Mark["level"], topic: Topic, text: string): Mark {
  return { level, topic, text };
}

export function weaker(leg: Leg, text: string): Mark {
  return { level: "weaker", topic: "encryption", text, leg };
}
