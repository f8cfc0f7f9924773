import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type ProcessId, startOf } from "../processes";
import type { BoundedLog } from "./log";
import type { PartState } from "./state";

export interface PartSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** How long to wait before starting again what ended by itself for the n-th time in a row. */
export function backoffMilliseconds(failures: number): number {
  return Math.min(200 * 2 ** Math.max(0, failures - 1), 10_000);
}

/** After running this long, a process that ends has not "failed in a row". */
const steadyMilliseconds = 30_000;

/**
 * A process of the sandbox, held by a tether: it cannot outlive the supervisor. When it ends by itself it is started
 * again, after longer and longer pauses.
 */
export class Part {
  restarts = 0;
  private failures = 0;
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;
  private child: ChildProcess | undefined;
  private ids: { process: ProcessId; tether: ProcessId } | undefined;

  /** @param changed is called whenever the process starts or ends. */
  constructor(
    readonly spec: PartSpec,
    private readonly tether: string,
    private readonly log: BoundedLog,
    private readonly changed: () => void,
  ) {}

  get state(): PartState | undefined {
    return this.ids && { name: this.spec.name, ...this.ids, restarts: this.restarts };
  }

  start(): this {
    const startedAt = Date.now();
    // Nothing but what a process needs: above all no proxy, token or kubeconfig of the person's own.
    const env = { PATH: process.env["PATH"] ?? "", HOME: this.spec.cwd ?? "/nonexistent", ...this.spec.env };
    const child = spawn(this.tether, ["--", this.spec.command, ...this.spec.args], {
      stdio: ["pipe", "pipe", "pipe", "pipe"],
      env,
      ...(this.spec.cwd === undefined ? {} : { cwd: this.spec.cwd }),
    });
    this.child = child;
    child.stdin?.on("error", () => {});
    child.stdout?.on("data", (data: Buffer) => this.log.write(data));
    child.stderr?.on("data", (data: Buffer) => this.log.write(data));
    createInterface({ input: child.stdio[3] as Readable }).once("line", (line) => {
      const [pid, tetherPid] = [Number(line), child.pid!];
      this.ids = {
        process: { pid, started: startOf(pid) ?? "" },
        tether: { pid: tetherPid, started: startOf(tetherPid) ?? "" },
      };
      this.changed();
    });
    child.once("error", (error) => this.log.note(`cannot start: ${error.message}`));
    child.once("close", (code, signal) => this.ended(code, signal, Date.now() - startedAt));
    return this;
  }

  /** Ends the process: asks first, and insists after `graceMilliseconds`. Returns when it is gone. */
  async stop(graceMilliseconds: number): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    const child = this.child;
    if (child === undefined) {
      return;
    }
    const gone = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGTERM");
    // The end of its standard input has the tether kill the whole group.
    const insist = setTimeout(() => child.stdin?.destroy(), graceMilliseconds);
    await gone;
    clearTimeout(insist);
  }

  private ended(code: number | null, signal: string | null, ranMilliseconds: number): void {
    this.child = undefined;
    this.ids = undefined;
    if (!this.stopped) {
      this.failures = ranMilliseconds > steadyMilliseconds ? 1 : this.failures + 1;
      const pause = backoffMilliseconds(this.failures);
      this.log.note(`ended by itself (${signal ?? `exit code ${code}`}); starting it again in ${pause} ms`);
      this.timer = setTimeout(() => {
        this.restarts++;
        this.start();
      }, pause);
    }
    this.changed();
  }
}
