import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/**
 * When the process with this number on this host began; undefined if there is none (a zombie is none), "unknown" where the
 * platform only says that there is one.
 */
export function processStart(pid: number): Date | "unknown" | undefined {
  if (existsSync("/proc/stat")) return fromProc(pid);
  if (process.platform !== "win32") {
    try {
      const env = { ...process.env, LC_ALL: "C" };
      const line = execFileSync("ps", ["-o", "stat=", "-o", "lstart=", "-p", String(pid)], { encoding: "utf8", env });
      const [, state = "", began = ""] = /^\s*(\S+)\s+(.*?)\s*$/.exec(line) ?? [];
      if (state.startsWith("Z")) return undefined;
      const date = new Date(began);
      return Number.isNaN(date.getTime()) ? "unknown" : date;
    } catch (error) {
      // Exit code 1: there is no such process. Anything else proves nothing.
      if ((error as { status?: number }).status === 1) return undefined;
    }
  }
  return isThere(pid) ? "unknown" : undefined;
}

/** Linux counts in ticks of a hundredth of a second since the machine's start. */
function fromProc(pid: number): Date | "unknown" | undefined {
  try {
    // "pid (name) state ppid … starttime …": the name may hold anything, so count from its closing bracket.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (/^[ZX]$/.test(fields[0] ?? "")) return undefined;
    const boot = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1];
    return boot === undefined ? "unknown" : new Date(Number(boot) * 1000 + Number(fields[19]) * 10);
  } catch {
    // Where processes of other users are hidden (hidepid), signal 0 still finds it.
    return isThere(pid) ? "unknown" : undefined;
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
