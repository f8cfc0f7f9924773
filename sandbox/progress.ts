/**
 * Takes a line for the person who waits. A `passing` line says how far something is: on a terminal the next line takes
 * its place, elsewhere it is printed only when nothing else was for a while.
 */
export type Report = (line: string, passing?: boolean) => void;

const quietMilliseconds = 15_000;

/** Prints to a terminal or a log. */
export function reportTo(
  stream: { write(text: string): unknown; isTTY?: boolean; columns?: number },
  now: () => number = Date.now,
): Report {
  let last = now();
  let passingShown = false;
  return (line, passing = false) => {
    if (stream.isTTY) {
      const clear = passingShown ? "\r\u001b[K" : "";
      // A line that wraps could not be cleared.
      stream.write(passing ? clear + line.slice(0, (stream.columns ?? 80) - 1) : `${clear}${line}\n`);
      passingShown = passing;
    } else if (!passing || now() - last >= quietMilliseconds) {
      stream.write(`${line}\n`);
      last = now();
    }
  };
}

/** Seconds as a person reads them: 8 s, 2 min 05 s. */
export function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}
