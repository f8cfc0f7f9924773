import type { Severity } from "../base/issue";
import { nearest } from "../settings/builders";
import type { Check } from "./check";
import type { Readers } from "./facts";

/** A check that was asked for and does not exist; the message names the nearest that does. */
export class UnknownCheckError extends Error {
  constructor(
    message: string,
    readonly fix: string,
  ) {
    super(message);
    this.name = "UnknownCheckError";
  }
}

/**
 * The checks that are named, in the order of the registry; all of them where nothing is. A name is an id, or a group of them:
 * `hosts` and `hosts/*` are the same.
 *
 * @throws UnknownCheckError where a name fits none.
 */
export function select<One extends { id: string }>(checks: readonly One[], only?: readonly string[]): readonly One[] {
  if (only === undefined) return checks;
  const ids = checks.map(({ id }) => id);
  const groups = [...new Set(ids.map((id) => id.split("/")[0]!))];
  const fix = `name an id, or one of the groups ${groups.join(", ")}; --list shows every check`;
  if (only.length === 0) throw new UnknownCheckError("no check is named", fix);
  const chosen = only.flatMap((name) => {
    const group = name.replace(/\/\*?$/, "");
    const fitting = ids.filter((id) => id === name || id.startsWith(`${group}/`));
    if (fitting.length > 0) return fitting;
    const guess = nearest(name, [...ids, ...groups]);
    throw new UnknownCheckError(
      `there is no check ${name === "" ? '""' : name}${guess === undefined ? "" : `; did you mean ${guess}?`}`,
      fix,
    );
  });
  return checks.filter(({ id }) => chosen.includes(id));
}

/** What is known of a check without running it. */
export interface CheckDescription {
  id: string;
  title: string;
  /** The worst that it comes to where it fails. */
  severity: Severity;
  /** The stacks that it is for, where it is not for all. */
  when?: string;
  /** What it looks at. */
  needs: string[];
  /** What it connects to beside the API server. */
  dials: string[];
  /** What it looks at more exactly, and what to do where it fails, as Markdown. */
  meaning: string;
  fix: string;
}

export function describeChecks<Facts, Source>(
  checks: readonly Check<Facts, never>[],
  readers: Readers<Facts, Source>,
): CheckDescription[] {
  return checks.map(({ id, title, severity = "error", when, needs, docs }) => ({
    id,
    title,
    severity,
    ...(when === undefined ? {} : { when: when.text }),
    needs: needs.map((need) => readers[need].what),
    dials: needs.flatMap((need) => readers[need].dials ?? []),
    meaning: docs.meaning,
    fix: docs.fix,
  }));
}
