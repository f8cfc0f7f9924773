import type { OutputMap } from "@pulumi/pulumi/automation";
import type { Import } from "../adoption/imports";
import type { Issue } from "../base/issue";
import type { Tree } from "../base/tree";
import type { StackLock } from "../recovery/locks";
import type { Settings } from "../settings/schema";
import type { Change, ResourceRef } from "./events";

/* What the library and the thread of an operation exchange, as plain data. */

/** How the engine goes about a change. */
export interface ChangeInput {
  parallel?: number;
  refresh?: boolean;
  policyPacks?: string[];
  policyPackConfigs?: string[];
  message?: string;
  expectNoChanges?: boolean;
}

/** What an operation changed, or would change. */
export interface Changes {
  changes: Partial<Record<Change, number>>;
  changed: { resource: ResourceRef; change: Change; differs: string[] }[];
}

/** Every operation: what it takes beside the environment, and what it comes to. */
export interface Operations {
  preview: { input: ChangeInput; result: Changes };
  up: { input: ChangeInput; result: Changes & { outputs: OutputMap } };
  refresh: { input: ChangeInput; result: Changes };
  /** `remove`: the stack and its history go afterwards. */
  destroy: { input: ChangeInput & { remove?: boolean }; result: Changes };
  outputs: { input: object; result: OutputMap };
  settings: { input: object; result: Settings };
  /** Settings and outputs together, of which verify takes both. */
  deployed: { input: object; result: { settings: Settings; outputs: OutputMap } };
  status: { input: object; result: StackStatus };
  /** `adopt`: releases, `namespace/name`, that the stack is to have although nothing of it names them. */
  recover: { input: { apply: boolean; adopt: string[] }; result: StackRecovery };
  /** `unseen`: also where nobody can look for the cluster. `remove`: the stack and its history go afterwards. */
  forget: { input: { apply: boolean; unseen: boolean; remove: boolean }; result: ClusterLeft };
  /** A stack file that reproduces what runs. */
  draft: { input: DraftInput; result: AdoptionDraft };
  /** Brings what runs into the state. */
  import: { input: object; result: Import[] };
}

export type Operation = keyof Operations;
export type Input<Name extends Operation> = Operations[Name]["input"];
export type Result<Name extends Operation> = Operations[Name]["result"];

/** The environment of an operation, as plain data. */
export interface Target {
  stack: string;
  /** Name of the Pulumi project. */
  projectName: string;
  /** Folder of the Pulumi project that holds the stack file; none where the settings come as an object. */
  project?: string;
  settings?: Settings;
  kubeconfig?: string;
  /** The whole environment of the tools. */
  env: Record<string, string>;
  secretsProvider?: string;
  createIfMissing: boolean;
}

/** An order to run one operation. */
export interface Request<Name extends Operation = Operation> {
  operation: Name;
  target: Target;
  input: Input<Name>;
}

/** What a draft goes by. */
export interface DraftInput {
  /** Settings that the stack has already, as its file has them: which cluster it is. */
  known: Tree;
  /** Where every chart comes from. */
  chartRepository?: string;
  /** A stack that is gone. */
  takeOverFrom?: string;
  /** The stack's full name. */
  owner: string;
}

/** A stack file that reproduces what runs in a cluster. */
export interface AdoptionDraft {
  /** URL of the API server. */
  server: string;
  /** Its settings, without those that say which cluster it is; missing where there is too little to write any. */
  drafted?: Tree;
  /** All of them, checked; missing where something is wrong with them, which is among the issues. */
  settings?: Settings;
  /** What stands against it (errors), and what is left or would change (warnings). */
  issues: Issue[];
}

/** What a cut-off operation left behind. */
export interface StackRecovery {
  /** Locks of updates that were killed. */
  locks: StackLock[];
  /** Small files beside the state that were cut short, so that Pulumi reads nothing; it does as well without them. */
  cutShort: string[];
  /** When the whole copy was written that takes the place of a state file that was cut short, RFC 3339 in UTC. */
  stateOf?: string;
  /** Records that Helm forgets; the objects stay. */
  forget: { namespace: string; name: string; revisions: number[]; why: string }[];
  /** Operations that the engine began and never finished, as `type name`. */
  pending: string[];
  /** Releases of others under the stack's names: left as they are. Missing where there are none. */
  foreign?: { namespace: string; name: string; why: string; owner?: string }[];
  /** With `apply`: what the state had otherwise than the cluster has it. What is not there any more left the state (`delete`). */
  refreshed?: { resource: string; change: Change }[];
  /** Whether it was repaired. */
  done: boolean;
}

/** What a stack had in a cluster that is gone for good. */
export interface ClusterLeft {
  /** How it is known that the cluster is gone; empty where nothing names a cluster. */
  evidence: string;
  /** What leaves the state, as `type name`. */
  resources: string[];
  /** What may be left outside of the cluster, such as a load balancer of its cloud. */
  mayBeLeft: string[];
  /** Whether it was done. */
  done: boolean;
}

/** What is known of a stack without reading its cluster. */
export interface StackStatus {
  /** The last operation on it; undefined if there was none. */
  last?: { kind: string; result: string; startTime: string; endTime: string; message: string };
  /** How many resources its state has. */
  resources: number;
  /** Operations that the engine began and never finished, as `type name`. */
  pending: string[];
  /** Its locks: of an update that is running, or that was killed. Those in a bucket show only when they are in the way. */
  locks: StackLock[];
}
