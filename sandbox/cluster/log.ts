import { appendFileSync, renameSync, statSync } from "node:fs";

/**
 * A log file of bounded size: at half of `bytes` it becomes `<path>.1`, in the place of the one before.
 */
export class BoundedLog {
  private size: number;

  constructor(
    private readonly path: string,
    private readonly bytes = 8 * 1024 * 1024,
  ) {
    this.size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }

  write(text: string | Buffer): void {
    if (this.size + text.length > this.bytes / 2 && this.size > 0) {
      renameSync(this.path, `${this.path}.1`);
      this.size = 0;
    }
    appendFileSync(this.path, text);
    this.size += text.length;
  }

  /** A line of the supervisor's own. */
  note(text: string): void {
    this.write(`${new Date().toISOString()} ${text}\n`);
  }
}
