/**
 * Encrypted ingress as a service: a small HTTP API over the library, with a page to watch it.
 *
 *   GET    /                            the page
 *   GET    /environments                every environment, and where it is
 *   POST   /environments/:name          roll it out
 *   DELETE /environments/:name          take it away
 *   POST   /environments/:name/stop     stop what is going on, gracefully
 *   GET    /environments/:name/events   progress, as server-sent events
 *
 * It knows who may have an environment and with which settings; everything else is the library's.
 */
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import fastify, { type FastifyInstance } from "fastify";
import { type Environment, type Outputs, type Progress, advance, isRolloutError, startProgress } from "enroute-istio";

/** What the page shows of an environment. */
interface View {
  name: string;
  /** `idle` before anything was done with it. */
  state: "idle" | "running" | "deployed" | "destroyed" | "failed" | "interrupted";
  progress: Progress;
  outputs?: Outputs;
  /** What went wrong, and what to do about it. */
  error?: { code: string; message: string; next: string };
}

interface Kept {
  environment: Environment;
  view: View;
  /** There while an operation runs. */
  stop?: AbortController;
  changed: EventEmitter;
}

/** The service for these environments, by name. It listens where the caller says. */
export function createService(environments: ReadonlyMap<string, Environment>): FastifyInstance {
  const service = fastify();
  const kept = new Map<string, Kept>();
  const watchers = new Set<ServerResponse>();
  for (const [name, environment] of environments) {
    const changed = new EventEmitter().setMaxListeners(0);
    kept.set(name, { environment, changed, view: { name, state: "idle", progress: startProgress(name) } });
  }
  const page = readFileSync(join(__dirname, "page.html"), "utf8");

  service.get("/", (_request, reply) => reply.type("text/html; charset=utf-8").send(page));
  service.get("/environments", () => [...kept.values()].map(({ view }) => view));

  service.register((routes, _options, done) => {
    routes.addHook<{ Params: { name: string } }>("preHandler", async ({ params: { name } }, reply) => {
      if (!kept.has(name)) await reply.code(404).send({ error: `there is no environment ${name}` });
    });
    const of = (name: string) => kept.get(name)!;
    routes.post<{ Params: { name: string } }>("/environments/:name", ({ params: { name } }, reply) =>
      begin(of(name), "deployed", reply.code.bind(reply)),
    );
    routes.delete<{ Params: { name: string } }>("/environments/:name", ({ params: { name } }, reply) =>
      begin(of(name), "destroyed", reply.code.bind(reply)),
    );
    routes.post<{ Params: { name: string } }>("/environments/:name/stop", ({ params: { name } }) => {
      of(name).stop?.abort();
      return of(name).view;
    });
    routes.get<{ Params: { name: string } }>("/environments/:name/events", ({ params: { name } }, reply) => {
      const { changed } = of(name);
      reply.hijack();
      const stream = reply.raw;
      stream.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
      const send = () => stream.write(`data: ${JSON.stringify(of(name).view)}\n\n`);
      // First where it is, then every change: whoever comes late misses nothing.
      send();
      changed.on("change", send);
      watchers.add(stream);
      stream.on("close", () => {
        changed.off("change", send);
        watchers.delete(stream);
      });
    });
    done();
  });

  // What is going on is finished before the service ends; it never leaves an update half-way.
  service.addHook("preClose", async () => {
    const running = [...kept.values()].filter(({ stop }) => stop !== undefined);
    running.forEach(({ stop }) => stop?.abort());
    await Promise.all(running.map(({ changed }) => new Promise((resolve) => changed.once("over", resolve))));
    watchers.forEach((stream) => stream.end());
  });
  return service;
}

/** Starts an operation and answers at once; how it goes is told by events. */
function begin(kept: Kept, goal: "deployed" | "destroyed", code: (status: number) => unknown): View | object {
  if (kept.stop !== undefined) {
    code(409);
    return { error: `environment ${kept.view.name} is busy` };
  }
  void operate(kept, goal);
  code(202);
  return kept.view;
}

async function operate(kept: Kept, goal: "deployed" | "destroyed"): Promise<void> {
  const { environment, changed } = kept;
  const { name } = kept.view;
  const stop = new AbortController();
  kept.stop = stop;
  const show = (view: Partial<View>) => {
    kept.view = { ...kept.view, ...view };
    changed.emit("change");
  };
  kept.view = { name, state: "running", progress: startProgress(name) };
  const options = {
    signal: stop.signal,
    onEvent: (event: Parameters<typeof advance>[1]) => show({ progress: advance(kept.view.progress, event) }),
  };
  try {
    if (goal === "destroyed") await environment.destroy(options);
    const result = goal === "deployed" ? { outputs: (await environment.up(options)).outputs } : {};
    show({ state: goal, ...result });
  } catch (error) {
    const known = isRolloutError(error) ? error : undefined;
    const { code = "unknown", message = String(error), next = "look at the log of the service" } = known ?? {};
    if (known === undefined) console.error(error);
    show({ state: code === "interrupted" ? "interrupted" : "failed", error: { code, message, next } });
  } finally {
    delete kept.stop;
    changed.emit("over");
  }
}
