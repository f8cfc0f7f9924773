import { existsSync } from "node:fs";
import { extname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { explanations, failure, fromPlain, isRolloutError, stopOf } from "./errors";
import type { RolloutEvent } from "./events";
import type { Operation, Request, Result } from "./request";
import type { Answer, Order } from "./worker";

export interface WorkOptions {
  onEvent?: ((event: RolloutEvent) => void) | undefined;
  /** Stops gracefully. */
  signal?: AbortSignal | undefined;
  /** Ends everything at once. */
  killSignal?: AbortSignal | undefined;
  /** Ends the thread with the operation, so that what comes next has its memory: with the SDK, some 60 MiB. @default false */
  endThread?: boolean;
}

/** Idle threads: loading the SDK again takes longer than a preview without changes. */
const idle: { worker: Thread; timer: NodeJS.Timeout; uses: number }[] = [];
/** How long a thread waits for more work, in milliseconds. */
const patience = 5_000;
/**
 * After so many operations a thread makes room for a new one: the SDK keeps half a megabyte of every program that it ran, and
 * V8 lets some more lie around.
 */
const mostUses = 10;

/** Runs one operation in a thread. Threads are used again while there is work; idle ones hold no process. */
export async function work<Name extends Operation>(
  request: Request<Name>,
  { onEvent, signal, killSignal, endThread = false }: WorkOptions,
): Promise<Result<Name>> {
  const { worker, uses } = take();
  const order = (message: Order) => worker.postMessage(message);
  const stop = () =>
    order({
      stop: "graceful",
      ...(signal !== undefined && stopOf(signal).code === "timed-out" ? { reason: "timeout" as const } : {}),
    });
  const kill = () => order({ stop: "now" });
  let isReusable = false;
  try {
    const answer = await new Promise<Exclude<Answer, { event: unknown }>>((resolve, reject) => {
      worker.listener = { answer: resolve, event: (event) => onEvent?.(event), end: reject };
      order({ run: request });
      signal?.addEventListener("abort", stop);
      killSignal?.addEventListener("abort", kill);
      if (signal?.aborted === true) stop();
      if (killSignal?.aborted === true) kill();
    });
    if ("error" in answer) throw fromPlain(answer.error);
    isReusable = !endThread;
    // A thread answers the operation that it was given.
    return answer.result;
  } catch (error) {
    if (isRolloutError(error)) throw error;
    // An exception that the program did not catch ends its thread, and nothing else.
    const { cause, next } = explanations["operation-failed"];
    const { message, stack } = error as Error;
    throw failure("operation-failed", `${cause}: ${message}`, next, {}, stack);
  } finally {
    signal?.removeEventListener("abort", stop);
    killSignal?.removeEventListener("abort", kill);
    // What a program that failed left behind would fail the next one (pulumi/pulumi#12521).
    if (isReusable && uses + 1 < mostUses) keep(worker, uses + 1);
    else if (endThread) await worker.terminate();
    else void worker.terminate();
  }
}

interface Listener {
  answer: (answer: Exclude<Answer, { event: unknown }>) => void;
  event: (event: RolloutEvent) => void;
  /** The thread ended. */
  end: (why: Error) => void;
}

/** A thread with one listener at a time. (A Worker whose listeners were all removed receives nothing any more.) */
class Thread extends Worker {
  listener: Listener | undefined;

  constructor() {
    const file = threadFile(__dirname, extname(__filename));
    // In a checkout the sources run directly: each new thread needs tsx.
    const require_ = (path: string) => `require(${JSON.stringify(path)})`;
    if (file.endsWith(".ts")) super(`${require_(require.resolve("tsx/cjs"))}; ${require_(file)}`, { eval: true });
    else super(file);
    this.on("message", (answer: Answer) =>
      "event" in answer ? this.listener?.event(answer.event) : this.listener?.answer(answer),
    );
    this.on("error", (error) => this.listener?.end(error));
    this.on("exit", (code) => this.listener?.end(new Error(`its thread ended with exit code ${code}`)));
  }
}

/**
 * What a thread runs: a file beside this one.
 *
 * @throws where there is none, as in an application that a bundler made one file of
 */
export function threadFile(folder: string, extension: string): string {
  const file = join(folder, `worker${extension}`);
  if (existsSync(file)) return file;
  throw failure(
    "operation-failed",
    `the library's thread, ${file}, is missing: enroute-istio was packed into a bundle, without the files that it starts`,
    "leave enroute-istio and @pulumi/* out of the bundle (esbuild --external:enroute-istio --external:@pulumi/*), and install them beside it",
    {},
  );
}

function take(): { worker: Thread; uses: number } {
  const kept = idle.pop();
  if (kept === undefined) return { worker: new Thread(), uses: 0 };
  clearTimeout(kept.timer);
  kept.worker.ref();
  return kept;
}

function keep(worker: Thread, uses: number): void {
  const drop = () => {
    const index = idle.indexOf(entry);
    if (index >= 0) idle.splice(index, 1);
    void worker.terminate();
  };
  const entry = { worker, uses, timer: setTimeout(drop, patience).unref() };
  worker.listener = { answer: () => {}, event: () => {}, end: drop };
  worker.unref();
  idle.push(entry);
}
