import type { Issue } from "../../base/issue";
import type { HelmRelease } from "../../cluster/helm-releases";
import type {
  Deployment,
  GatewayHost,
  GlobalConfig,
  Named,
  PeerAuthentication,
  Pod,
  ServiceRoute,
  WebhookConfiguration,
} from "../../cluster/kinds";
import type { MeshObject } from "../../mesh/object";
import type { Claim, Claimant, Planned } from "../../mesh/ownership";
import type { RunningMesh } from "../../mesh/revisions";
import type { Settings } from "../../settings/schema";
import type { Check } from "../check";
import type { Read } from "../facts";
import type { ServingSecret } from "../view";
import type { Bounds } from "./admission";
import type { IssuerState } from "./certificates";
import type { Owned } from "./cluster-state";
import type { AuthorityState } from "./mesh-authority";
import type { NamespaceObject } from "./namespaces";
import type { Rights } from "./rights";
import type { Node, Storage } from "./room";
import type { Followers } from "./revisions";
import type { Comparison, HeldState } from "./stack-view";
import type { ServerVersion } from "./versions";

/** Everything that the checks of preflight look at. What is not in the cluster yet is undefined, or an empty list. */
export interface PreflightFacts {
  version: ServerVersion;
  rights: Read<Rights>;
  nodes: Read<Node[]>;
  /** What the volume of Prometheus comes from; not read where the stack wants none. */
  storage: Read<Storage>;
  metricsApi: Read<"missing" | "unavailable" | "available">;
  /** By namespace of the mesh: its quotas and limits. */
  bounds: Record<string, Read<Bounds>>;
  /** By name. */
  namespaces: Record<string, Read<NamespaceObject | undefined>>;
  /** By namespace of the release. */
  releases: Record<string, Read<HelmRelease[]>>;
  /** Objects with the names of our charts' objects; the best known of them. */
  claims: Read<Owned[]>;
  /** Every istiod of the cluster. */
  istiods: Read<Named[]>;
  gatewayHosts: Read<GatewayHost[]>;
  serviceRoutes: Read<ServiceRoute[]>;
  /** None is read where the stack lets EnRoute serve none. */
  ingresses: Read<MeshObject[]>;
  globalConfigs: Read<GlobalConfig[]>;
  /** What the stack's state holds. */
  held: HeldState;
  /** What the stack's program would make; undefined where no stack is given. */
  planned: Planned | undefined;
  /** By which a stack claims the mesh. */
  claim: Read<Claim | undefined>;
  /** The claims of every mesh in the cluster; with few rights, that of this mesh alone. */
  meshClaims: Read<Claim[]>;
  /** What the rollout would make, compared with the cluster; absent where the state is not known. */
  comparison: Read<Comparison>;
  /** What runs of the mesh's control planes, and which of it is the stack's. */
  revisions: Read<RunningMesh>;
  /** The definitions of the cluster that an advisory is about. */
  definitions: Read<string[]>;
  /** The gateway's Deployment. */
  enroute: Read<Deployment | undefined>;
  /** Who follows them, where one of them changes or goes; else nobody is read. */
  followers: Followers | undefined;
  /** Webhooks that change objects, those that inject sidecars among them. */
  injectors: Read<WebhookConfiguration[]>;
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
  /** The stack that it is for, where one is given. */
  claimant: Claimant | undefined;
  /** The moment to judge validity by. */
  now: Date;
  /** It is for a preview, which changes nothing. */
  isPreview: boolean;
  /** The cluster: its address, or why it cannot be worked with. */
  connection: { server: string } | { issue: Issue };
  /** How many facts were read from the cluster, and those that could not be. */
  asked: number;
  unread: readonly Unread[];
}

interface StackChoice {
  /**
   * `true`: only where the stack itself is given, as by `pulumi preview` and `up`, since it takes its state and its program;
   * `false`: only where it is not, since another check then sees more. @default both
   */
  readonly withStack?: boolean;
}

export type PreflightCheck = Check<PreflightFacts, PreflightContext> & StackChoice;

/** A check of preflight; its `run` sees the facts that it needs, and no others. */
export function preflightCheck<const Need extends keyof PreflightFacts>(
  check: Check<PreflightFacts, PreflightContext, Need> & StackChoice,
): PreflightCheck {
  return check;
}
