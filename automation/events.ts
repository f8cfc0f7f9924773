/* The events of the library: what `onEvent` gets. */

/** What is going on as a whole. */
export type Phase = "preview" | "update" | "refresh" | "destroy" | "verify";

/** What happens to a resource. */
export type Change = "create" | "update" | "replace" | "delete" | "read" | "unchanged";

/** A component of the rollout: type, such as `IstioControlPlane`, and name. Only both together are unique. */
export interface ComponentRef {
  type: string;
  name: string;
}

/** A resource, and the component of the rollout that it belongs to. */
export interface ResourceRef {
  /** Pulumi's type, such as `kubernetes:helm.sh/v3:Release`. */
  type: string;
  name: string;
  urn: string;
  /** The outermost component; undefined for what stands alone. */
  component?: ComponentRef;
}

export interface EventCommon {
  /** Name of the stack. */
  stack: string;
  phase: Phase;
  /** Since the operation began. */
  elapsedSeconds: number;
}

/** A component of the rollout is known, and what it waits for. Comes once for each, when the program has run. */
export interface PlannedEvent extends EventCommon {
  kind: "planned";
  component: ComponentRef;
  /** How many resources it has. */
  resources: number;
  /** Components that must be done before it begins. */
  waitsFor: ComponentRef[];
}

/** A resource's operation began or ended. In a preview, `done` means what would happen. */
export interface ResourceEvent extends EventCommon {
  kind: "resource";
  resource: ResourceRef;
  change: Change;
  status: "started" | "done" | "failed";
  /** How long the operation took; with `done` and `failed`. */
  seconds?: number;
  /** Names of the properties that differ; with `done`. */
  differs?: string[];
}

/** What a resource that has been started is waiting for right now, in words. */
export interface WaitingEvent extends EventCommon {
  kind: "waiting";
  resource: ResourceRef;
  for: string;
  /** What to do about it, where waiting alone will hardly help. */
  fix?: string;
  /** Since the resource's operation began. */
  seconds: number;
}

/** A message of the engine, a provider or the program. */
export interface MessageEvent extends EventCommon {
  kind: "message";
  severity: "info" | "warning" | "error";
  text: string;
  resource?: ResourceRef;
}

/** A policy was violated. */
export interface PolicyEvent extends EventCommon {
  kind: "policy";
  severity: "warning" | "mandatory";
  policy: string;
  pack: string;
  text: string;
  resource?: ResourceRef;
}

/** The operation began. */
export interface StartedEvent extends EventCommon {
  kind: "started";
}

/** The phase ended: the last event, unless it was the preview before an update with policy packs. */
export interface FinishedEvent extends EventCommon {
  kind: "finished";
  result: "succeeded" | "failed" | "interrupted";
  /** How many resources were changed, by what happened to them. */
  changes: Partial<Record<Change, number>>;
}

/** Progress of an operation. */
export type RolloutEvent =
  StartedEvent | PlannedEvent | ResourceEvent | WaitingEvent | MessageEvent | PolicyEvent | FinishedEvent;
