import { createLogUpdate } from "log-update";
import { isClosingWord } from "../automation/classify";
import { reasonOf } from "../base/text";
import type { ComponentRef, RolloutEvent } from "../automation/events";
import { type ComponentProgress, type Progress, advance, startProgress } from "../automation/progress";

/** What is written to; `process.stdout` is one. */
export interface Screen {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write(text: string): boolean;
}

export interface View {
  take: (event: RolloutEvent) => void;
  /** A line that stays. */
  note: (text: string) => void;
  /** Leaves the last picture standing, and the terminal as it was. */
  close: () => void;
}

/** A live picture by component on a terminal; elsewhere a line for each thing that happens. */
export function openView(screen: Screen, stack: string, { colour = screen.isTTY === true } = {}): View {
  return screen.isTTY === true ? liveView(screen, stack, colour) : plainView(screen);
}

function plainView(screen: Screen): View {
  const note = (text: string) => void screen.write(`${text}\n`);
  return {
    take: (event) => {
      const line = eventLine(event);
      if (line !== undefined) note(line);
    },
    note,
    close: () => {},
  };
}

/** How often the view is redrawn while nothing happens, in milliseconds: the clock goes on. */
const interval = 200;

function liveView(screen: Screen, stack: string, colour: boolean): View {
  // log-update takes a stream, and uses what a Screen has.
  const update = createLogUpdate(screen as NodeJS.WriteStream, { showCursor: true });
  let progress = startProgress(stack);
  let last = Date.now();
  const paint = () => {
    const now =
      progress.result === undefined ? progress.elapsedSeconds + (Date.now() - last) / 1000 : progress.elapsedSeconds;
    update(
      picture(
        { ...progress, elapsedSeconds: now },
        { colour, columns: screen.columns ?? 80, rows: screen.rows ?? 40 },
      ).join("\n"),
    );
  };
  const timer = setInterval(paint, interval);
  const note = (text: string) => {
    update.clear();
    screen.write(`${text}\n`);
    paint();
  };
  return {
    take: (event) => {
      progress = advance(progress, event);
      last = Date.now();
      if (event.kind === "message" || event.kind === "policy") {
        const line = eventLine(event);
        if (line !== undefined) note(line);
      }
    },
    note,
    close: () => {
      clearInterval(timer);
      paint();
      update.done();
    },
  };
}

const marks: Record<ComponentProgress["status"], [string, number]> = {
  waiting: ["·", 90],
  running: ["▸", 36],
  done: ["✔", 32],
  unchanged: ["=", 90],
  deleted: ["−", 33],
  failed: ["✖", 31],
};
const phases: Record<string, string> = {
  preview: "previewing",
  update: "rolling out",
  refresh: "refreshing",
  destroy: "destroying",
  verify: "verifying",
};

export interface PictureOptions {
  colour: boolean;
  columns: number;
  /** Most lines. */
  rows: number;
}

/** The picture as lines: one for each component, with what it waits for. Pure. */
export function picture(progress: Progress, { colour, columns, rows }: PictureOptions): string[] {
  const { stack, phase, components, elapsedSeconds, result } = progress;
  const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const width = Math.max(0, ...components.map(({ component }) => label(component).length));
  const lines = components.map((known) => {
    const [mark, code] = marks[known.status];
    const count = known.resources === undefined ? String(known.done) : `${known.done}/${known.resources}`;
    const start =
      known.status === "running" && known.since !== undefined ? elapsedSeconds - known.since : known.seconds;
    const time = start === undefined ? "" : seconds(start);
    const text = `${label(known.component).padEnd(width)}  ${count.padStart(5)}  ${time.padStart(6)}  ${reason(known)}`;
    return `  ${paint(code, mark)} ${cut(text.trimEnd(), columns - 5)}`;
  });
  const head = `${phase === undefined ? "starting" : phases[phase]} ${stack}  ${seconds(elapsedSeconds)}${result === undefined ? "" : `  ${result}`}`;
  const room = Math.max(3, rows - 2);
  // On a low terminal what is done gives way to what is not.
  const kept = lines.length <= room ? lines : shorten(lines, components, room);
  return [cut(head, columns - 1), ...kept];
}

function shorten(lines: string[], components: ComponentProgress[], room: number): string[] {
  const ended = ["done", "unchanged", "deleted"];
  const isOpen = (_: string, index: number) => !ended.includes(components[index]?.status ?? "");
  const open = lines.filter(isOpen);
  const done = lines.length - open.length;
  return [`  … ${done} done`, ...open.slice(0, room - 1)];
}

function reason({ status, waitsFor, waits, done, active }: ComponentProgress): string {
  if (status === "waiting" && waitsFor.length > 0) return `waits for ${waitsFor.map(({ name }) => name).join(", ")}`;
  if (status !== "running" && status !== "waiting") return "";
  const [first, ...more] = Object.entries(waits);
  // Some of it may be made before the rest has to wait.
  if (first === undefined)
    return waitsFor.length > 0 && (done === 0 || active <= 0)
      ? `waits for ${waitsFor.map(({ name }) => name).join(", ")}`
      : "";
  return `${first[0]}: ${first[1]}${more.length === 0 ? "" : ` (and ${more.length} more)`}`;
}

/** An event as a line for logs; undefined for what logs leave out. */
export function eventLine(event: RolloutEvent): string | undefined {
  const at = seconds(event.elapsedSeconds).padStart(6);
  switch (event.kind) {
    case "started":
      return `${at}  ${phases[event.phase]} ${event.stack}`;
    case "resource": {
      const { resource, change, status, differs } = event;
      if (change === "unchanged" || change === "read")
        return status === "failed" ? `${at}  FAILED    ${what(event)}` : undefined;
      if (status === "started") return undefined;
      const took = event.phase === "preview" ? "" : ` in ${seconds(event.seconds ?? 0)}`;
      const why = differs === undefined || change === "create" ? "" : `: ${differs.join(", ")}`;
      return `${at}  ${(status === "failed" ? "FAILED" : change).padEnd(8)}  ${what(event)}${resource.component === undefined ? "" : ` of ${label(resource.component)}`}${took}${why}`;
    }
    case "waiting":
      return `${at}  waiting   ${what(event)}: ${event.for}${event.fix === undefined ? "" : `\n          fix: ${event.fix}`}`;
    case "message":
      if (isClosingWord(event.text)) return undefined;
      return event.severity === "info" && event.resource === undefined
        ? undefined
        : `${at}  ${event.severity.padEnd(8)}  ${event.resource === undefined ? "" : `${what({ resource: event.resource })}: `}${reasonOf(event.text).replaceAll("\n", "\n          ")}`;
    case "policy":
      return `${at}  policy    ${event.severity}: ${event.policy}: ${event.text}`;
    case "finished":
      return `${at}  ${event.result}: ${changesText(event.changes, event.phase)}`;
    default:
      return undefined;
  }
}

function what({ resource: { type, name } }: { resource: { type: string; name: string } }): string {
  return `${type.split(":").at(-1)} ${name}`;
}

const past = { create: "created", update: "updated", replace: "replaced", delete: "deleted", unchanged: "unchanged" };
const future = {
  create: "to create",
  update: "to update",
  replace: "to replace",
  delete: "to delete",
  unchanged: "unchanged",
};

/** `3 created, 1 updated`; of a preview, `3 to create`. */
export function changesText(changes: Progress["changes"], phase: Progress["phase"]): string {
  const words = Object.entries(phase === "preview" ? future : past);
  const parts = words.flatMap(([key, word]) => {
    const count = changes[key as keyof typeof past] ?? 0;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  return parts.length === 0 ? "nothing to do" : parts.join(", ");
}

function label({ type, name }: ComponentRef): string {
  return `${type} ${name}`;
}

function seconds(value: number): string {
  const tenths = Math.round(value * 10) / 10;
  const whole = Math.round(value);
  return tenths < 100 ? `${tenths.toFixed(1)}s` : `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`;
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;
}
