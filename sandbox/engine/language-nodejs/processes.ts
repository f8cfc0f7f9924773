import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import type { Command } from "./command";

/** How a process ended: by itself with a code, or ended by a signal. */
export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** whether `stop` or `stopAll` ended it */
  stopped: boolean;
}

/** A process that was started here. */
export interface Started {
  child: ChildProcess;
  /** resolves once it has ended and its output is complete; rejects if it could not be started */
  ended: Promise<Ending>;
  stop(): void;
}

/** Starts processes and makes sure that none outlives this one. */
export class Processes {
  private readonly running = new Set<Started>();

  /** Starts a command. It stays in our process group, so that whoever kills the group gets it too. */
  start(command: Command, stdio: StdioOptions): Started {
    const child = spawn(command.executable, command.args, { cwd: command.cwd, env: command.env, stdio });
    let stopped = false;
    const started: Started = {
      child,
      ended: new Promise((resolve, reject) => {
        child.on("error", reject);
        child.on("close", (code, signal) => resolve({ code, signal, stopped }));
      }),
      stop: () => {
        stopped = true;
        // A program has nothing to tidy up and may ignore gentler signals; its output is already with the engine.
        child.kill("SIGKILL");
      },
    };
    this.running.add(started);
    const forget = (): void => void this.running.delete(started);
    started.ended.then(forget, forget);
    return started;
  }

  /** Ends every process that is still running. */
  stopAll(): void {
    this.running.forEach((started) => started.stop());
  }
}
