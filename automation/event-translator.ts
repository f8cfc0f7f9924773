import type { EngineEvent, OpType, StepEventMetadata } from "@pulumi/pulumi/automation";
import { withoutUserinfo } from "../base/text";
import { defined } from "../base/defined";
import type { Left } from "./errors";
import type {
  Change,
  EventCommon,
  FinishedEvent,
  MessageEvent,
  Phase,
  PlannedEvent,
  ResourceRef,
  RolloutEvent,
} from "./events";

type Without<Event> = Event extends RolloutEvent ? Omit<Event, keyof EventCommon> : never;

const changes: Record<OpType, Change> = {
  same: "unchanged",
  create: "create",
  update: "update",
  delete: "delete",
  replace: "replace",
  "create-replacement": "replace",
  "delete-replaced": "replace",
  read: "read",
  "read-replacement": "read",
  refresh: "read",
  discard: "delete",
  "discard-replaced": "delete",
  "remove-pending-replace": "delete",
  import: "create",
  "import-replacement": "replace",
};

/**
 * The engine takes three steps to replace a resource: the new one, the old one, and `replace` for both. The new one's counts, as in
 * the engine's own summary; an old one alone is what an earlier update left.
 */
const partsOfReplacement: readonly OpType[] = [
  "replace",
  "delete-replaced",
  "discard-replaced",
  "remove-pending-replace",
];

const stackType = "pulumi:pulumi:Stack";
const releaseType = "kubernetes:helm.sh/v3:Release";

/** What a resource waits for, in words, and what to do about it, where waiting alone will hardly help. */
interface Waited {
  waited: string;
  fix?: string;
}

interface Begun {
  resource: ResourceRef;
  change: Change;
  at: number;
}

/** Turns the engine's events into the library's, and keeps what an error needs. */
export class EventTranslator {
  private readonly started: number;
  private readonly parents = new Map<string, string>();
  private readonly begun = new Map<string, Begun>();
  private readonly lastWait = new Map<string, Waited>();
  private readonly failed: ResourceRef[] = [];
  /** Resources that are being replaced, and those of which the old one has gone and no new one has come. */
  private readonly replacing = new Set<string>();
  private readonly oldOnes = new Map<string, ResourceRef>();
  /** What resources that failed were waiting for last, by `type name`. */
  private readonly waited = new Map<string, Waited>();
  /** Whether the engine has come to any resource; before that, nothing was touched. */
  hasBegun = false;
  /** The engine's errors, with the resource that each is about. */
  readonly errors: { text: string; resource?: string }[] = [];
  readonly violations: string[] = [];
  /** Every resource that changes, in order; previews read their result from it. */
  readonly changed: { resource: ResourceRef; change: Change; differs: string[] }[] = [];
  /** How many resources, by what happened to them. */
  readonly counts: Partial<Record<Change, number>> = {};

  /** Takes secrets out of texts: tools quote their input, and the engine masks the secrets of stack files alone. */
  hide: (text: string) => string = (text) => text;

  constructor(
    private readonly stack: string,
    private readonly phase: Phase,
    private readonly emit: (event: RolloutEvent) => void,
    private readonly now: () => number = () => Date.now(),
  ) {
    this.started = now();
  }

  start(): void {
    this.send({ kind: "started" });
  }

  finish(result: FinishedEvent["result"]): void {
    for (const resource of this.oldOnes.values()) this.count({ resource, change: "delete", differs: [] });
    this.oldOnes.clear();
    this.send({ kind: "finished", result, changes: this.counts });
  }

  planned(component: Omit<PlannedEvent, keyof EventCommon | "kind">): void {
    this.send({ kind: "planned", ...component });
  }

  /** Reports what a started resource waits for, and what to do about it, if that changed. */
  waiting(urn: string, words: string, fix?: string): void {
    const begun = this.begun.get(urn);
    const last = this.lastWait.get(urn);
    if (begun === undefined || (last?.waited === words && last.fix === fix)) return;
    this.lastWait.set(urn, { waited: words, ...defined({ fix }) });
    const seconds = this.since(begun.at);
    this.send({ kind: "waiting", resource: begun.resource, for: words, ...defined({ fix }), seconds });
  }

  /** Reports what a release of Helm waits for, while it is being changed. */
  releaseWaiting(release: string, { text, fix }: { text: string; fix?: string }): void {
    const own = this.running().find(
      ({ resource: { type, name }, change }) => type === releaseType && name === release && change !== "delete",
    );
    if (own !== undefined) this.waiting(own.resource.urn, this.readable(text), fix);
  }

  /** What has begun and not ended. */
  running(): Begun[] {
    return [...this.begun.values()];
  }

  /** What a resource that failed was waiting for last. */
  waitOf(resource: string | undefined): Partial<Waited> {
    return this.waited.get(resource ?? "") ?? {};
  }

  left(): Left {
    return {
      unfinished: [...this.failed, ...this.running().map(({ resource }) => resource)].map(
        ({ type, name }) => `${type} ${name}`,
      ),
      changed: this.changed.length,
    };
  }

  /** Takes an event of the engine. */
  take(event: EngineEvent): void {
    const { resourcePreEvent, resOutputsEvent, resOpFailedEvent, diagnosticEvent, policyEvent } = event;
    if (resourcePreEvent) this.begin(resourcePreEvent.metadata);
    else if (resOutputsEvent) this.end(resOutputsEvent.metadata, "done");
    else if (resOpFailedEvent) this.end(resOpFailedEvent.metadata, "failed");
    else if (diagnosticEvent) {
      const { urn, message, severity, ephemeral } = diagnosticEvent;
      const text = this.readable(message);
      // The SDK's and the engine's own notes to themselves, which the engine's displays leave out as well.
      if (text === "" || (severity as string) === "debug") return;
      // Providers report what they wait for in ephemeral messages.
      if (ephemeral === true && urn) this.waiting(urn, text.replace(/^\[\d+\/\d+\]\s*/, ""));
      else this.say(severity === "info#err" ? "info" : severity, text, urn);
    } else if (policyEvent) {
      const { enforcementLevel, policyName, policyPackName, message, resourceUrn } = policyEvent;
      const resource = resourceUrn ? { resource: this.ref(resourceUrn) } : {};
      const text = this.readable(message);
      if (enforcementLevel === "mandatory") this.violations.push(`${policyName}: ${text.replace(/\s*\n\s*/g, " ")}`);
      this.send({
        kind: "policy",
        severity: enforcementLevel,
        policy: policyName,
        pack: policyPackName,
        text,
        ...resource,
      });
    }
  }

  private readable(message: string): string {
    return withoutUserinfo(this.hide(plain(message)));
  }

  private say(severity: MessageEvent["severity"], text: string, urn: string | undefined): void {
    const resource = urn && !urn.includes(`::${stackType}::`) ? this.ref(urn) : undefined;
    if (severity === "error")
      this.errors.push({ text, ...(resource === undefined ? {} : { resource: `${resource.type} ${resource.name}` }) });
    this.send({ kind: "message", severity, text, ...(resource === undefined ? {} : { resource }) });
  }

  private begin(metadata: StepEventMetadata): void {
    this.hasBegun = true;
    this.learn(metadata);
    if (isPlumbing(metadata)) return;
    const resource = this.ref(metadata.urn);
    const change = changes[metadata.op] ?? "update";
    this.begun.set(metadata.urn, { resource, change, at: this.now() });
    if (change === "replace") {
      // The first of its steps begins it; the old one may go after the new one has come.
      if (this.replacing.has(metadata.urn) || metadata.op === "replace") return;
      this.replacing.add(metadata.urn);
    }
    if (change !== "unchanged" && metadata.op !== "remove-pending-replace")
      this.send({ kind: "resource", resource, change, status: "started" });
  }

  private end(metadata: StepEventMetadata, status: "done" | "failed"): void {
    this.learn(metadata);
    if (isPlumbing(metadata)) return;
    const begun = this.begun.get(metadata.urn);
    const waited = this.lastWait.get(metadata.urn);
    this.begun.delete(metadata.urn);
    this.lastWait.delete(metadata.urn);
    // What is only read again comes without a beginning.
    if (begun === undefined && status === "done") return;
    const resource = begun?.resource ?? this.ref(metadata.urn);
    // What the stack only reads is not its own: that a refresh finds it different, if only in the provider's notes, is not a change.
    const change = isExternal(metadata) ? "read" : (changes[metadata.op] ?? "update");
    const differs = Object.keys(metadata.detailedDiff ?? {});
    if (status === "failed") {
      this.failed.push(resource);
      if (waited !== undefined) this.waited.set(`${resource.type} ${resource.name}`, waited);
    }
    const properties = differs.length > 0 ? differs : (metadata.diffs ?? []);
    if (status === "done" && partsOfReplacement.includes(metadata.op)) {
      const isOld = metadata.op !== "replace" && !this.changed.some((one) => one.resource.urn === metadata.urn);
      if (isOld) this.oldOnes.set(metadata.urn, resource);
      return;
    }
    if (change === "replace") this.oldOnes.delete(metadata.urn);
    if (status === "done") this.count({ resource, change, differs: properties });
    this.send({
      kind: "resource",
      resource,
      change,
      status,
      seconds: this.since(begun?.at ?? this.now()),
      ...(properties.length === 0 ? {} : { differs: properties }),
    });
  }

  private count(one: { resource: ResourceRef; change: Change; differs: string[] }): void {
    this.counts[one.change] = (this.counts[one.change] ?? 0) + 1;
    if (one.change !== "unchanged" && one.change !== "read") this.changed.push(one);
  }

  private learn({ urn, new: after, old: before }: StepEventMetadata): void {
    const parent = after?.parent ?? before?.parent;
    if (parent) this.parents.set(urn, parent);
  }

  private ref(urn: string): ResourceRef {
    const { type, name } = parseUrn(urn);
    let top = urn;
    for (let parent = this.parents.get(top); parent !== undefined && !isStack(parent); parent = this.parents.get(top))
      top = parent;
    const component = parseUrn(top);
    return {
      type,
      name,
      urn,
      ...(isComponent(component.type) ? { component: { type: shortType(component.type), name: component.name } } : {}),
    };
  }

  private since(moment: number): number {
    return Math.round(this.now() - moment) / 1000;
  }

  private send(event: Without<RolloutEvent>): void {
    this.emit({ stack: this.stack, phase: this.phase, elapsedSeconds: this.since(this.started), ...event });
  }
}

/** Type and name of a resource from its URN. */
export function parseUrn(urn: string): { type: string; name: string } {
  const [, , types = "", ...name] = urn.split("::");
  return { type: types.slice(types.lastIndexOf("$") + 1), name: name.join("::") };
}

/** Whether a type is one of ours. */
export function isComponent(type: string): boolean {
  return type.startsWith("enroute-istio:");
}

/** The last part of a type: `IstioControlPlane`. */
export function shortType(type: string): string {
  return type.slice(type.lastIndexOf(":") + 1);
}

function isStack(urn: string): boolean {
  return parseUrn(urn).type === stackType;
}

/** The stack, providers and components: nothing of them is in the cluster. */
function isPlumbing({ type }: StepEventMetadata): boolean {
  return type === stackType || type.startsWith("pulumi:providers:") || isComponent(type);
}

/** Whether the stack only reads the resource. The engine sends it (apitype, `external`); the SDK's type omits it. */
function isExternal({ new: after, old: before }: StepEventMetadata): boolean {
  return ((after ?? before) as { external?: boolean } | undefined)?.external === true;
}

/** A message without the engine's colour codes. */
function plain(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/<\{%[^%]*%\}>|\u001b\[[0-9;]*m/g, "").trim();
}
