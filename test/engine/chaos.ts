import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { allGone, descendants, signal } from "../../sandbox/processes";
import type { Ended } from "../../sandbox/tethered";
import { pulumi, run } from "./sandbox-fixture";

/** What one round did, and how the stack came back. */
export interface Round {
  round: number;
  /** What was cut off. */
  operation: "up" | "destroy";
  /** SIGINT first, then SIGKILL to the whole tree; or SIGKILL at once. */
  manner: "SIGINT, then SIGKILL" | "SIGKILL";
  /** When, in milliseconds after the start. */
  afterMilliseconds: number;
  /** Whether the next `up` went through by itself, or after `npm run recover`. */
  healed: "by itself" | "with recover";
  /** Why the next `up` did not go through by itself, in the first words of its error. */
  why?: string;
}

export interface ChaosOptions {
  stack: string;
  rounds: number;
  /** Same seed, same kills at the same times. */
  seed: number;
  report?: (line: string) => void;
}

/** A small generator of pseudo-random numbers in [0, 1) that can be seeded (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Cuts updates of a stack off at random points, and brings the stack back each time as a person would: `up`; where that does
 * not go through, `npm run recover -- --yes` and `up`. The `up` after that must change nothing. Throws at the first round that
 * does not heal, with everything that was said.
 */
export async function chaos({ stack, rounds, seed, report = () => {} }: ChaosOptions): Promise<Round[]> {
  const next = random(seed);
  const done: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    const operation = next() < 0.3 && round > 1 ? "destroy" : "up";
    const manner = next() < 0.5 ? "SIGKILL" : "SIGINT, then SIGKILL";
    // What there is to cut off takes about so long. Where nothing is left to do, an `up` starts from nothing.
    const afterMilliseconds = Math.round(500 + next() * (operation === "up" ? 19_000 : 11_000));
    if (operation === "up" && round > 1)
      await succeed(pulumi(["destroy", "--yes", "--skip-preview", "--stack", stack]), "destroy");
    await cutOff(operation, stack, manner, afterMilliseconds, next);
    const healing = await heal(stack);
    await succeed(
      pulumi(["up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", stack]),
      `the second up after round ${round}`,
    );
    done.push({ round, operation, manner, afterMilliseconds, ...healing });
    report(
      `${round}/${rounds}: ${operation} cut off by ${manner} after ${(afterMilliseconds / 1000).toFixed(1)} s: healed ${healing.healed}${healing.why === undefined ? "" : ` (${healing.why})`}`,
    );
  }
  return done;
}

async function cutOff(
  operation: "up" | "destroy",
  stack: string,
  manner: Round["manner"],
  afterMilliseconds: number,
  next: () => number,
): Promise<void> {
  const before = new Set(descendants(process.pid).map(({ pid }) => pid));
  const ended = pulumi([operation, "--yes", "--skip-preview", "--stack", stack]);
  await Promise.race([ended, sleep(afterMilliseconds)]);
  const tree = () => descendants(process.pid).filter(({ pid }) => !before.has(pid));
  if (manner !== "SIGKILL") {
    // The engine alone, as Ctrl-C in a shell that runs it as a job of its own.
    const engine = tree().find(
      ({ pid }) => commandOf(pid).includes("/pulumi up") || commandOf(pid).includes("/pulumi destroy"),
    );
    if (engine !== undefined) signal(engine, "SIGINT");
    await Promise.race([ended, sleep(next() * 3000)]);
  }
  // Until nothing is left: a process that is killed may have started another in between.
  for (let victims = tree(); victims.length > 0; victims = tree()) {
    for (const victim of victims) signal(victim, "SIGKILL");
    await allGone(victims, 5000);
  }
  await ended;
}

/** Brings the stack back; tells whether it took the command for it. */
async function heal(stack: string): Promise<Pick<Round, "healed" | "why">> {
  const up = () => pulumi(["up", "--yes", "--skip-preview", "--refresh", "--stack", stack]);
  await namespacesGone();
  const first = await up();
  if (first.code === 0) return { healed: "by itself" };
  const said = first.stdout + first.stderr;
  await succeed(recover(stack), `recover, after an up that said:\n${said}\n`);
  await succeed(up(), `the up after recover, after an up that said:\n${said}\n`);
  const why =
    /error: (.*(?:cannot re-use|locked|already|in progress|not found).*)/.exec(said)?.[1] ??
    /error: (.*)/.exec(said)?.[1];
  return { healed: "with recover", ...(why === undefined ? {} : { why }) };
}

/**
 * Until the namespaces are gone that a killed destroy has begun to delete. A refresh still finds one that is on its way out, so
 * that the update after it would miss it; run again a moment later, it heals.
 */
async function namespacesGone(): Promise<void> {
  for (;;) {
    const { code, stdout } = await run("kubectl", [
      "get",
      "namespaces",
      "--output",
      "jsonpath={.items[*].status.phase}",
    ]);
    if (code === 0 && !stdout.includes("Terminating")) return;
    await sleep(200);
  }
}

function recover(stack: string): Promise<Ended> {
  const root = join(__dirname, "../..");
  const tsx = join(root, "node_modules/tsx/dist/cli.mjs");
  return run(process.execPath, [tsx, join(root, "cli/main.ts"), "recover", "--stack", stack, "--yes"]);
}

async function succeed(command: Promise<Ended>, what: string): Promise<void> {
  const { code, stdout, stderr } = await command;
  if (code !== 0) throw new Error(`${what} ended with exit code ${code}:\n${stdout}${stderr}`);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
