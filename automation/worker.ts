import { parentPort } from "node:worker_threads";
import { run } from "./engine";
import { type PlainError, type RolloutError } from "./errors";
import type { RolloutEvent } from "./events";
import type { Outcome, Request } from "./request";

/*
 * A thread that runs operations, one at a time. The SDK keeps the state of a running program in its process (listeners for
 * unhandled rejections, an exit hook, counters of errors): in a thread of its own one stack cannot fail another one, and
 * nothing of it reaches the application.
 */

/** To the thread. */
export type Order = { run: Request } | { stop: "graceful" | "now"; reason?: "timeout" };

/** From the thread. */
export type Answer = { event: RolloutEvent } | { outcome: Outcome } | { error: PlainError };

const port = parentPort!;
let stop = new AbortController();
let kill = new AbortController();

port.on("message", (order: Order) => {
  if ("run" in order) void work(order.run);
  else {
    stop.abort(order.reason);
    if (order.stop === "now") kill.abort();
  }
});

async function work(request: Request): Promise<void> {
  stop = new AbortController();
  kill = new AbortController();
  for (const name of Object.keys(process.env)) if (!(name in request.env)) delete process.env[name];
  Object.assign(process.env, request.env);
  const send = (answer: Answer) => port.postMessage(answer);
  try {
    send({
      outcome: await run(request, { onEvent: (event) => send({ event }), signal: stop.signal, kill: kill.signal }),
    });
  } catch (error) {
    send({ error: (error as RolloutError).toJSON() });
  }
}
