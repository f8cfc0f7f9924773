import { Agent } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, type Target, clientIdentity, sendRequest } from "../../sandbox/request";

/** Sends requests through both legs all the time, and keeps count. */
export class Clients {
  requests = 0;
  /** Reasons of requests that failed, in order. */
  readonly failures: string[] = [];
  private ended = false;
  private readonly running: Promise<unknown>;

  constructor(
    private readonly target: Target,
    /** Identity that the workload must see. */
    private readonly identity: string,
    workers = 2,
  ) {
    this.running = Promise.all(Array.from({ length: workers }, () => this.work()));
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.running;
  }

  private async work(): Promise<void> {
    while (!this.ended) {
      // A new connection every few requests: each has to stand up to a handshake.
      const agent = new Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
      for (let count = 0; count < 5 && !this.ended; count++) {
        this.requests++;
        const failure = await sendRequest({ ...this.target, agent }).then(
          (answer) => this.problemOf(answer),
          (error: Error) => error.message,
        );
        if (failure !== undefined) this.failures.push(`${new Date().toISOString()} ${failure}`);
        await sleep(20);
      }
      agent.destroy();
    }
  }

  private problemOf(answer: Answer): string | undefined {
    if (answer.status !== 200) return `answered ${answer.status}: ${answer.body.slice(0, 200)}`;
    const identity = clientIdentity(answer);
    return identity === this.identity ? undefined : `the workload saw ${identity ?? "no certificate"}`;
  }
}
