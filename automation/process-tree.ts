import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";

/**
 * Ends a process and all below it at once. Plugins of pulumi are in process groups of their own, and one that outlives its
 * pulumi goes on for minutes: Helm would keep changing what a recovery repairs.
 */
export function killTree(root: number): void {
  // First it is stopped, so that it starts no more.
  send(root, "SIGSTOP");
  const below = descendants(root);
  for (const pid of [root, ...below]) send(pid, "SIGKILL");
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended, or Windows knows no such signal.
  }
}

/** Every process below this one. */
export function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const [pid, parent] of parents()) children.set(parent, [...(children.get(parent) ?? []), pid]);
  const below = (pid: number): number[] => (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(root);
}

/** Each process with its parent; none where the platform has no list. */
function parents(): [number, number][] {
  if (existsSync("/proc/stat")) return readdirSync("/proc").flatMap((entry) => parentOf(entry) ?? []);
  try {
    const lines = execFileSync("ps", ["-A", "-o", "pid=", "-o", "ppid="], { encoding: "utf8" }).trim().split("\n");
    return lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  } catch {
    return [];
  }
}

function parentOf(entry: string): [[number, number]] | undefined {
  if (!/^\d+$/.test(entry)) return undefined;
  try {
    // "pid (name) state ppid …": the name may hold anything, so count from its closing bracket.
    const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
    return [[Number(entry), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])]];
  } catch {
    return undefined;
  }
}
