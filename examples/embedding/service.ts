/**
 * Encrypted ingress as a service: a small HTTP API over the library, with a page to watch it.
 *
 *   GET    /                            the page
 *   GET    /environments                every environment, and where it is
 *   GET    /events                      the same, and every change of one, as server-sent events: one stream for all
 *   POST   /environments/:name          roll it out
 *   DELETE /environments/:name          take it away
 *   POST   /environments/:name/stop     stop what is going on, gracefully
 *
 * It knows who may have an environment and with which settings; everything else is the library's.
 */
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import fastify, { type FastifyInstance } from "fastify";
import {
  type Environment,
  type Progress,
  type StackStatus,
  advance,
  forEachEnvironment,
  isRolloutError,
  standingOf,
  startProgress,
} from "enroute-istio";

/** What the page shows of an environment. */
interface View {
  name: string;
  /** `reading`: its state has not been read yet. `elsewhere`: another process works on it. */
  state: "reading" | "new" | "running" | "elsewhere" | "deployed" | "destroyed" | "failed" | "interrupted";
  /** What the stack's state says, also after a restart of the service. */
  last?: StackStatus["last"] & object;
  resources?: number;
  /** What runs, or ran last, since the service began. */
  progress: Progress;
  hosts?: readonly string[];
  address?: string;
  /** What a destroy leaves in the cluster. */
  kept?: readonly string[];
  /** What went wrong, and what to do about it: more than one where the settings or the cluster have several faults. */
  errors: { problem: string; fix: string }[];
}

interface Kept {
  environment: Environment;
  view: View;
  /** There while an operation runs. */
  stop?: AbortController;
}

/** The service for these environments, by name. It listens where the caller says. */
export function createService(environments: ReadonlyMap<string, Environment>): FastifyInstance {
  const service = fastify();
  const watchers = new Set<ServerResponse>();
  const over = new EventEmitter();
  const ending = new AbortController();
  const kept = new Map<string, Kept>(
    [...environments].map(([name, environment]) => [
      name,
      { environment, view: { name, state: "reading", progress: startProgress(name), errors: [] } },
    ]),
  );
  const page = readFileSync(join(__dirname, "page.html"), "utf8");
  const message = (view: View) => `data: ${JSON.stringify(view)}\n\n`;
  const show = (one: Kept, changes: Partial<View>) => {
    one.view = { ...one.view, ...changes };
    for (const stream of watchers) stream.write(message(one.view));
  };

  /** What the stack's state says: who restarts the service loses nothing. */
  async function read({ environment }: Kept): Promise<Partial<View>> {
    const options = { killSignal: ending.signal };
    try {
      const status = await environment.status(options);
      const { hosts, gatewayAddress, keptOnDestroy } = await environment.outputs(options);
      const { last, resources } = status;
      const state = stateOf(status);
      const { summary, next } = standingOf(status);
      const isLeft = ["failed", "interrupted", "elsewhere"].includes(state) && next !== undefined;
      return {
        ...{ state, resources, errors: isLeft ? [{ problem: summary, fix: next }] : [] },
        ...{ hosts: hosts?.value ?? [], address: gatewayAddress?.value ?? "", kept: keptOnDestroy?.value ?? [] },
        ...(last === undefined ? {} : { last }),
      };
    } catch (error) {
      if (isRolloutError(error) && error.code === "stack-not-found") return { state: "new" };
      return { state: "failed", errors: errorsOf(error) };
    }
  }

  /** Starts an operation and answers at once; how it goes is told by events. */
  async function operate(one: Kept, goal: "deployed" | "destroyed"): Promise<void> {
    const { environment } = one;
    const stop = (one.stop = new AbortController());
    show(one, { state: "running", progress: startProgress(one.view.name), errors: [] });
    const options = {
      signal: stop.signal,
      onEvent: (event: Parameters<typeof advance>[1]) => show(one, { progress: advance(one.view.progress, event) }),
    };
    let failed: Partial<View> = {};
    try {
      await (goal === "deployed" ? environment.up(options) : environment.destroy(options));
    } catch (error) {
      const isStopped = isRolloutError(error) && error.code === "interrupted";
      failed = { state: isStopped ? "interrupted" : "failed", errors: errorsOf(error) };
    }
    const found = ending.signal.aborted ? {} : await read(one);
    delete one.stop;
    show(one, { ...found, ...failed });
    over.emit("over");
  }

  service.get("/", (_request, reply) => reply.type("text/html; charset=utf-8").send(page));
  service.get("/environments", () => [...kept.values()].map(({ view }) => view));
  service.get("/events", (_request, reply) => {
    reply.hijack();
    const stream = reply.raw;
    stream.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    // First where each is, then every change: whoever comes late misses nothing.
    for (const { view } of kept.values()) stream.write(message(view));
    watchers.add(stream);
    stream.on("close", () => watchers.delete(stream));
  });

  service.register((routes, _options, done) => {
    type Named = { Params: { name: string } };
    const of = (name: string) => kept.get(name)!;
    routes.addHook<Named>("preHandler", async ({ params: { name } }, reply) => {
      if (!kept.has(name)) await reply.code(404).send({ error: `there is no environment ${name}` });
    });
    for (const [method, goal] of [
      ["POST", "deployed"],
      ["DELETE", "destroyed"],
    ] as const)
      routes.route<Named>({
        method,
        url: "/environments/:name",
        handler: async ({ params: { name } }, reply) => {
          if (of(name).stop !== undefined) return reply.code(409).send({ error: `environment ${name} is busy` });
          void operate(of(name), goal);
          return reply.code(202).send(of(name).view);
        },
      });
    routes.post<Named>("/environments/:name/stop", ({ params: { name } }) => {
      of(name).stop?.abort();
      return of(name).view;
    });
    done();
  });

  service.addHook("onListen", () => {
    const byStack = new Map([...kept.values()].map((one) => [one.environment, one]));
    void forEachEnvironment(byStack.keys(), async (environment) => {
      const one = byStack.get(environment)!;
      const found = await read(one);
      // Somebody may have begun something meanwhile.
      if (one.view.state === "reading" && !ending.signal.aborted) show(one, found);
    });
  });

  // What is going on is finished before the service ends; it never leaves an update half-way.
  service.addHook("preClose", async () => {
    ending.abort();
    const running = () => [...kept.values()].filter(({ stop }) => stop !== undefined);
    running().forEach(({ stop }) => stop?.abort());
    while (running().length > 0) await once(over, "over");
    watchers.forEach((stream) => stream.end());
  });
  return service;
}

function stateOf({ last, resources, pending, locks }: StackStatus): View["state"] {
  if (locks.some(({ state }) => state !== "left-behind")) return "elsewhere";
  if (pending.length > 0 || locks.length > 0 || last?.result === "in-progress") return "interrupted";
  if (last?.result === "failed") return "failed";
  if (resources > 0) return "deployed";
  return last === undefined ? "new" : "destroyed";
}

function errorsOf(error: unknown): View["errors"] {
  if (!isRolloutError(error)) {
    console.error(error);
    return [{ problem: String(error), fix: "look at the log of the service" }];
  }
  const { message, next, about } = error;
  const found = "findings" in about ? about.findings.filter(({ severity }) => severity === "error") : [];
  return found.length === 0 ? [{ problem: message, fix: next }] : found.map(({ problem, fix }) => ({ problem, fix }));
}
