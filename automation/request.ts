import type { OutputMap } from "@pulumi/pulumi/automation";
import type { StackLock } from "../recovery/locks";
import type { Settings } from "../settings/schema";
import type { Issue } from "../base/issue";
import type { Import } from "../adoption/imports";
import type { DraftRequest } from "./adopt";
import type { Change, ResourceRef } from "./events";

/* What the library and the thread that runs an operation say to each other, as plain data. */

export type Operation =
  "preview" | "up" | "refresh" | "destroy" | "outputs" | "settings" | "status" | "recover" | "draft" | "import";

/** Everything that an operation needs, as plain data. */
export interface Request {
  operation: Operation;
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
  parallel?: number;
  message?: string;
  refresh?: boolean;
  expectNoChanges?: boolean;
  policyPacks?: string[];
  policyPackConfigs?: string[];
  /** With destroy: remove the stack and its history afterwards. */
  remove?: boolean;
  /** With recover: put right what was found. */
  apply?: boolean;
  /** With recover: releases, `namespace/name`, that the stack is to have although nothing of it names them. */
  adopt?: string[];
  /** With draft. */
  draft?: DraftRequest;
}

/** A stack file that reproduces what runs in a cluster. */
export interface AdoptionDraft {
  /** URL of the API server. */
  server: string;
  /** Its settings, without those that say which cluster it is; missing where there is too little to write any. */
  settings?: Record<string, unknown>;
  /** What stands against it (errors), and what is left or would change (warnings). */
  issues: Issue[];
}

/** What an operation came to. */
export interface Outcome {
  changes: Partial<Record<Change, number>>;
  changed: { resource: ResourceRef; change: Change; differs: string[] }[];
  outputs?: OutputMap;
  settings?: Settings;
  status?: StackStatus;
  recovery?: StackRecovery;
  draft?: AdoptionDraft;
  imported?: Import[];
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
  /** Releases under the stack's names that are not the stack's: left as they are. Missing where there are none. */
  foreign?: { namespace: string; name: string; why: string }[];
  /** Whether it was put right. */
  done: boolean;
}

/** What is known of a stack without looking at its cluster. */
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
