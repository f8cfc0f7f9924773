import type { Finding } from "../base/finding";

/** Why there is no recovery; the library gives it the shape of its own errors. */
export class RecoveryError extends Error {
  constructor(
    readonly code: "cluster-unreachable" | "state-damaged",
    message: string,
    /** What to do about it. */
    readonly fix: string,
    readonly findings: readonly Finding[] = [],
  ) {
    super(message);
    this.name = "RecoveryError";
  }
}
