import type { Change, ComponentRef, FinishedEvent, Phase, RolloutEvent } from "./events";

/** Where a component of the rollout is. */
export interface ComponentProgress {
  component: ComponentRef;
  /** `waiting`: for what `waitsFor` says. `unchanged`: nothing had to be done. `deleted`: all of it is gone. */
  status: "waiting" | "running" | "done" | "unchanged" | "deleted" | "failed";
  /** How many of its resources are done. */
  done: number;
  /** How many are being worked on. */
  active: number;
  /** How many it has; undefined where that is not known, as on destruction. */
  resources?: number;
  /** Components that must be done first. */
  waitsFor: ComponentRef[];
  /** What its resources are waiting for right now, in words: `istiod: 0 of 1 ready`. */
  waits: Record<string, string>;
  /** Whether nothing but deletions has come of it. */
  isGoing?: true;
  /** Moment of its first change, in seconds since the operation began. */
  since?: number;
  /** How long it took from its first to its last change. */
  seconds?: number;
}

/** A picture of an operation that can be shown, made of its events. */
export interface Progress {
  stack: string;
  phase?: Phase;
  elapsedSeconds: number;
  /** In the order of the rollout. */
  components: ComponentProgress[];
  result?: FinishedEvent["result"];
  changes: Partial<Record<Change, number>>;
}

export function startProgress(stack: string): Progress {
  return { stack, elapsedSeconds: 0, components: [], changes: {} };
}

const isSame = (a: ComponentRef, b: ComponentRef) => a.type === b.type && a.name === b.name;

/** The picture after one more event. Pure: the picture before stays as it was. */
export function advance(before: Progress, event: RolloutEvent): Progress {
  const progress = { ...before, phase: event.phase, elapsedSeconds: event.elapsedSeconds };
  switch (event.kind) {
    case "started":
      // Also after the preview before an update.
      return { ...startProgress(before.stack), phase: event.phase, elapsedSeconds: event.elapsedSeconds };
    case "planned": {
      const { component, resources, waitsFor } = event;
      return settle(change(progress, component, (known) => ({ ...known, resources, waitsFor })));
    }
    case "resource":
      return event.resource.component === undefined
        ? progress
        : settle(change(progress, event.resource.component, (known) => take(known, event)));
    case "waiting": {
      const { component, name } = event.resource;
      if (component === undefined) return progress;
      return change(progress, component, (known) => ({ ...known, waits: { ...known.waits, [name]: event.for } }));
    }
    case "finished":
      return { ...settle(progress, event.result === "succeeded"), result: event.result, changes: event.changes };
    default:
      return progress;
  }
}

function take(known: ComponentProgress, event: Extract<RolloutEvent, { kind: "resource" }>): ComponentProgress {
  const { status, change: what, resource, elapsedSeconds } = event;
  // A refresh before the change reads what is then deleted.
  const isChange = what !== "unchanged" && what !== "read";
  if (status === "started" && !isChange) return { ...known, status: "running", active: known.active + 1 };
  if (status === "started") {
    const { isGoing, ...others } = known;
    const goesOn = what === "delete" && (known.since === undefined || isGoing === true);
    return {
      ...others,
      ...{ status: "running", active: known.active + 1, since: known.since ?? elapsedSeconds },
      ...(goesOn ? { isGoing: true } : {}),
    };
  }
  const waits = Object.fromEntries(Object.entries(known.waits).filter(([name]) => name !== resource.name));
  const since = known.since ?? (isChange ? elapsedSeconds - (event.seconds ?? 0) : undefined);
  return {
    ...known,
    waits,
    done: known.done + (status === "done" ? 1 : 0),
    // What stays unchanged ends without having begun.
    active: what === "unchanged" ? known.active : known.active - 1,
    status: status === "failed" || known.status === "failed" ? "failed" : "running",
    ...(since === undefined ? {} : { since, seconds: elapsedSeconds - since }),
  };
}

function change(
  progress: Progress,
  component: ComponentRef,
  how: (known: ComponentProgress) => ComponentProgress,
): Progress {
  const index = progress.components.findIndex((known) => isSame(known.component, component));
  const unknown: ComponentProgress = { component, status: "waiting", done: 0, active: 0, waitsFor: [], waits: {} };
  const components =
    index < 0
      ? [...progress.components, how(unknown)]
      : progress.components.map((known, at) => (at === index ? how(known) : known));
  return { ...progress, components };
}

/** Marks the components that are done, and drops them from what the others wait for. */
function settle(progress: Progress, isOver = false): Progress {
  const settled = progress.components.map((known): ComponentProgress => {
    // Without a program the total is unknown: it is done when all that began has ended.
    const isAll = known.resources === undefined ? known.done > 0 && known.active <= 0 : known.done >= known.resources;
    const isComplete = isOver || isAll;
    if (!isComplete || known.status === "failed") return known;
    // What the program still has is not gone, whatever of it is.
    const isGone = known.isGoing === true && known.resources === undefined;
    return { ...known, status: known.since === undefined ? "unchanged" : isGone ? "deleted" : "done" };
  });
  const isReady = (needed: ComponentRef) =>
    settled.some(
      ({ component, status }) => isSame(component, needed) && ["done", "unchanged", "deleted"].includes(status),
    );
  return {
    ...progress,
    components: settled.map((known) => ({ ...known, waitsFor: known.waitsFor.filter((needed) => !isReady(needed)) })),
  };
}
