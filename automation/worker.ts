import { type MessagePort, parentPort } from "node:worker_threads";
import { run } from "./engine";
import { type PlainError, type RolloutError } from "./errors";
import type { RolloutEvent } from "./events";
import type { Operation, Request, Result } from "./request";

/* A thread that runs operations, one at a time. The SDK keeps a running program's state in its process (listeners for unhandled
 * rejections, an exit hook, counters of errors): in its own thread, one stack cannot fail another one, or the application. */

/** To the thread. */
export type Order = { run: Request } | { stop: "graceful" | "now"; reason?: "timeout" };

/** From the thread. */
export type Answer = { event: RolloutEvent } | { result: Result<Operation> } | { error: PlainError };

let stop = new AbortController();
let kill = new AbortController();

function listen(port: MessagePort): void {
  port.on("message", (order: Order) => {
    if ("run" in order) void work(order.run, port);
    else {
      stop.abort(order.reason);
      if (order.stop === "now") kill.abort();
    }
  });
}

async function work(request: Request, port: MessagePort): Promise<void> {
  stop = new AbortController();
  kill = new AbortController();
  const { env } = request.target;
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  const send = (answer: Answer) => port.postMessage(answer);
  try {
    const control = { onEvent: (event: RolloutEvent) => send({ event }), signal: stop.signal, kill: kill.signal };
    send({ result: await run(request, control) });
  } catch (error) {
    send({ error: (error as RolloutError).toJSON() });
  }
}

if (parentPort !== null) listen(parentPort);
