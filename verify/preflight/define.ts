import type { Issue } from "../../base/issue";
import type { HelmRelease } from "../../cluster/helm-releases";
import type { Named, PeerAuthentication, Pod } from "../../cluster/kinds";
import type { Settings } from "../../settings/schema";
import type { Check } from "../check";
import type { Read } from "../facts";
import type { ServingSecret } from "../view";
import type { IssuerState } from "./certificates";
import type { Claims, Node, NamespaceObject } from "./cluster-state";
import type { AuthorityState } from "./mesh-authority";
import type { Rights } from "./rights";
import type { ServerVersion } from "./versions";

/** Everything that the checks of preflight look at. What is not in the cluster yet is undefined, or an empty list. */
export interface PreflightFacts {
  version: ServerVersion;
  rights: Read<Rights>;
  nodes: Read<Node[]>;
  /** By name. */
  namespaces: Record<string, Read<NamespaceObject | undefined>>;
  /** By namespace of the release. */
  releases: Record<string, Read<HelmRelease[]>>;
  claims: Read<Claims>;
  /** The Deployment of istiod. */
  istiod: Read<Named | undefined>;
  /** Of the mesh's root namespace. */
  policies: Read<PeerAuthentication[]>;
  /** By namespace: the serving certificate. */
  servingSecrets: Record<string, Read<ServingSecret | undefined>>;
  /** By namespace: what would issue the serving certificate, where that is cert-manager. */
  issuers: Record<string, Read<IssuerState>>;
  authority: Read<AuthorityState>;
  /** Every pod of the cluster, where the mesh's CA is to change; else none of them is read. */
  proxies: Read<Pod[]> | undefined;
  /** What the chart repositories lack. */
  charts: Issue[];
}

/** A fact that could not be read. */
export interface Unread {
  what: string;
  reason: string;
  status?: number;
}

/** What the checks go by beside the facts. */
export interface PreflightContext {
  settings: Settings;
  /** The moment to judge validity by. */
  now: Date;
  /** The cluster: its address, or why it cannot be worked with. */
  connection: { server: string } | { issue: Issue };
  /** How many facts were read from the cluster, and those that could not be. */
  asked: number;
  unread: readonly Unread[];
}

export type PreflightCheck = Check<PreflightFacts, PreflightContext>;

/** A check of preflight; its `run` sees the facts that it needs, and no others. */
export function preflightCheck<const Need extends keyof PreflightFacts>(
  check: Check<PreflightFacts, PreflightContext, Need>,
): PreflightCheck {
  return check;
}
