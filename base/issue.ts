import { withoutUserinfo } from "./text";

/** `error` stops a rollout, or fails a verification; a `warning` is for a person to decide on. */
export type Severity = "error" | "warning";

/** Something that is wrong, and its fix: the one shape for preflight, verify and the settings. */
export interface Issue {
  /** Stable name of the check or rule that found it, such as `cluster/reachable`. */
  id: string;
  severity: Severity;
  /** What it is about: `Kind namespace/name`, the key of a setting, or a part of the cluster. */
  subject: string;
  /** What is wrong. */
  problem: string;
  /** What to do about it. */
  fix: string;
}

/** An issue with its id under the first name of that key, `check`, too: what is given to programs. */
export interface Finding extends Issue {
  /** The same as `id`. */
  check: string;
}

export function findingOf(issue: Issue): Finding {
  const { subject, problem, fix } = issue;
  return {
    ...{ check: issue.id, ...issue },
    ...{ subject: withoutUserinfo(subject), problem: withoutUserinfo(problem), fix: withoutUserinfo(fix) },
  };
}

/** An issue as text. */
export function issueText({ problem, fix }: Pick<Issue, "problem" | "fix">): string {
  return withoutUserinfo(`${problem}\n      fix: ${fix}`);
}
