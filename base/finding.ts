/** `error` stops a rollout, or fails a verification; a `warning` is for somebody to decide on. */
export type Severity = "error" | "warning";

/** One reason why the rollout cannot work on the cluster as it is, or may not. */
export interface Finding {
  /** Stable name of the look that found it, such as `cluster/reachable`. */
  check: string;
  severity: Severity;
  /** What is wrong. */
  problem: string;
  /** What to do about it. */
  fix: string;
}
