import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { CollectReply, CollectRequest, Collected } from "./collect";
import { ReviewError } from "./error";
import type { MaskedConfiguration } from "./stack-file";

/** Runs programs, each version of it in one process, which is kept for the next stack or side. */
export class ProgramRunner {
  private readonly processes = new Map<string, ChildProcess>();
  private readonly waiting = new Map<number, { program: string; resolve: (reply: CollectReply) => void }>();
  private last = 0;

  /**
   * What the program in a folder would create.
   *
   * @param now the time at which certificates are judged
   * @param side names the side in errors
   * @throws {@link ReviewError} with everything that is wrong with the settings, or what else the program stumbles over
   */
  async collect(program: string, configuration: MaskedConfiguration, now: Date, side: string): Promise<Collected> {
    const id = ++this.last;
    const reply = await new Promise<CollectReply>((resolve) => {
      this.waiting.set(id, { program, resolve });
      const child = this.processes.get(program) ?? this.start(program);
      child.send({ id, program, configuration, now: now.toISOString() } satisfies CollectRequest);
    });
    if ("collected" in reply) return reply.collected;
    throw new ReviewError(
      `Stack ${configuration.stack} of ${side} does not pass:\n${reply.problem.replace(/^/gm, "  ")}`,
      `put it right in ${side}; pulumi preview --stack ${configuration.stack} would say the same`,
    );
  }

  /** Ends the processes. */
  close(): void {
    for (const child of this.processes.values()) child.kill();
    this.processes.clear();
  }

  private start(program: string): ChildProcess {
    const child = fork(join(__dirname, "collect"), {
      cwd: program,
      execArgv: typeScriptLoader(program),
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.processes.set(program, child);
    const stderr: string[] = [];
    child.stderr!.setEncoding("utf8").on("data", (text: string) => stderr.push(text));
    child.on("message", (reply: CollectReply) => this.settle(reply));
    const fail = (problem: string) => {
      this.processes.delete(program);
      for (const [id, { program: awaited }] of this.waiting) if (awaited === program) this.settle({ id, problem });
    };
    child.on("error", (error) => fail(error.message));
    child.on("close", (code) => fail(stderr.join("").trim() || `its process ended with exit code ${code}`));
    return child;
  }

  private settle(reply: CollectReply): void {
    this.waiting.get(reply.id)?.resolve(reply);
    this.waiting.delete(reply.id);
  }
}

/** Node.js options with which a checkout's TypeScript runs; an installed package is JavaScript and comes without the loader. */
function typeScriptLoader(program: string): string[] {
  try {
    return ["--require", require.resolve("tsx/cjs", { paths: [program, __dirname] })];
  } catch {
    return [];
  }
}
