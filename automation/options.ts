import type { Settable } from "../settings/marks";
import type { SettingsInput } from "../settings/schema";
import type { VerifyOptions } from "../verify/verify";
import type { Change, ResourceRef, RolloutEvent } from "./events";
import type { Outputs } from "./outputs";
import type { Changes } from "./request";

/* Options and results of the library's operations. */

export interface PreflightOptions extends RunOptions {
  /** Ask the chart repositories, too. @default true */
  charts?: boolean;
  /** Run these checks alone: ids such as `cluster/rights`, and groups such as `mesh`. @default all that the stack is for */
  only?: readonly string[];
}

/** What to verify, and how; the rest is known of the stack. */
export type VerifyRunOptions = Omit<VerifyOptions, "caCertificate" | "owner" | "unfinished">;

/** Where an environment is, and how it is run. */
export interface EnvironmentOptions {
  /** Name of the stack; `organization/project/stack` where the backend has organizations. */
  stack: string;
  /**
   * Folder of a Pulumi project with the stack's file (`Pulumi.<stack>.yaml`, or in its `stackConfigDir`). Give this or `settings`.
   */
  project?: string;
  /**
   * The settings as an object, in the place of a stack file. They stay in memory: nothing is written to a file but what is
   * in the state, encrypted where it is secret: private keys and passwords, what `secret()` marks, and secret Outputs of
   * Pulumi, which may stand wherever a value may. `kubeconfig` must be absolute here.
   */
  settings?: Settable<SettingsInput>;
  /** Name of the Pulumi project, with `settings`. @default "enroute-istio" */
  projectName?: string;
  /** URL of the backend that keeps the state, such as `s3://…`, `file:///…` or `https://api.pulumi.com`. @default that of the environment */
  backend?: string;
  /** Secrets provider of a stack that is created, such as `awskms://…`. @default the backend's own */
  secretsProvider?: string;
  /** Passphrase of the secrets provider `passphrase`. @default that of the environment */
  passphrase?: string;
  /** Path of a kubeconfig file, in the place of the one in the settings. */
  kubeconfig?: string;
  /** `preview` and `up` create the stack if the backend has none of this name. @default false */
  createIfMissing?: boolean;
  /** Further environment variables for pulumi and its plugins, such as a cloud's credentials. */
  env?: Readonly<Record<string, string>>;
}

/** Options of everything that takes a while. */
export interface RunOptions {
  /** Gets the progress. */
  onEvent?: (event: RolloutEvent) => void;
  /** Stops gracefully: what is being done is finished, nothing more is begun. `AbortSignal.timeout(…)` gives a time limit. */
  signal?: AbortSignal;
  /** Drops everything at once, as a second Ctrl-C does; for when the graceful way takes too long. */
  killSignal?: AbortSignal;
  /** How many resources are worked on side by side. @default the engine's */
  parallel?: number;
}

export interface PreviewOptions extends RunOptions {
  /** First reads what others changed in the cluster. @default false */
  refresh?: boolean;
  /** Folders of policy packs to judge the change by. `up` then previews first, because rules about the whole stack run last. */
  policyPacks?: string[];
  /** JSON files with settings of the policy packs, such as levels: one for each, in the same order. */
  policyPackConfigs?: string[];
}

export interface UpOptions extends PreviewOptions {
  /** Kept in the stack's history. */
  message?: string;
  /** Fails (`changes-found`) if anything had to change, after changing it; `preview` shows it before. @default false */
  expectNoChanges?: boolean;
}

export interface DestroyOptions extends RunOptions {
  /** Removes the stack and its history from the backend afterwards. @default false */
  remove?: boolean;
  message?: string;
}

/** A resource that changes. */
export interface ResourceChange {
  resource: ResourceRef;
  change: Change;
  /** Paths of the properties that differ. */
  differs: string[];
}

export interface ChangeResult {
  /** How many resources, by what happens to them. */
  changes: Partial<Record<Change, number>>;
  /** Each resource that changes. */
  resources: ResourceChange[];
  /** Whether anything changes. */
  hasChanges: boolean;
}

export interface UpResult extends ChangeResult {
  outputs: Outputs;
}

export function changeResult({ changes, changed }: Changes): ChangeResult {
  return { changes, resources: changed, hasChanges: changed.length > 0 };
}
