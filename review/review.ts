import { resolve } from "node:path";
import { withoutUserinfo } from "../base/text";
import { defined } from "../base/defined";
import { ChartRenderer, type RenderOptions } from "./charts";
import { type Change, type Comparison, compare } from "./compare";
import { checkOutBase, hasProgramOf, headOf, linkPackages } from "./git";
import type { Leg, Mark } from "./marks/mark";
import { type Violation, judge, loadLevels } from "../policy/rules";
import { type Release, title } from "./objects";
import { ProgramRunner } from "./programs";
import { type Side, programOf, renderSide } from "./sides";
import { stackConfiguration } from "./stack-file";

export interface ReviewOptions extends RenderOptions {
  /** Folder of the Pulumi project, in a git working tree. */
  project: string;
  stack: string;
  /** Branch, tag or commit to compare with, see the merge-base of it and `HEAD`. @default the main branch */
  base?: string;
}

/** A release whose chart has another version, or that comes or goes. */
export interface ChartChange {
  release: string;
  chart: string;
  /** Missing where the release is new. */
  before?: string;
  /** Missing where the release goes. */
  after?: string;
}

/** What a stack's changes come to: everything that was found; the Markdown shows a part. */
export interface Review extends Comparison {
  stack: string;
  base: { ref: string; commit: string };
  head: { commit: string; dirty: boolean };
  charts: ChartChange[];
  /** How each leg gets weaker; empty where it does not. */
  weaker: Record<Leg, string[]>;
  /** What fails for a while or for good, and the object that causes it. */
  outages: string[];
  policies: PolicyFindings;
  /** Settings that are encrypted: placeholders stood for them. */
  masked: string[];
}

/** What the policies find, by whether the change brings it. */
export interface PolicyFindings {
  /** Found at the head, and not at the base. */
  added: Violation[];
  /** Found on both sides. */
  standing: Violation[];
  /** Found at the base only. */
  fixed: Violation[];
}

/** Whether the policies refuse the head. */
export function isRefused({ policies }: Review): boolean {
  return [...policies.added, ...policies.standing].some(({ level }) => level === "mandatory");
}

/** Compares what a stack puts into the cluster: at the base, and in the working tree. Throws a ReviewError. */
export async function review(options: ReviewOptions): Promise<Review> {
  const project = resolve(options.project);
  const base = await checkOutBase(project, options.base);
  const programs = new ProgramRunner();
  try {
    const { stack } = options;
    const charts = new ChartRenderer(options);
    const [baseName, headName] = [`the base (${base.ref}, ${base.commit.slice(0, 10)})`, "the head (the working tree)"];
    // Before anything takes time. The head's errors come first: it is the side at hand.
    const configuration = stackConfiguration(project, stack, headName);
    // What was in plain text at the base, and is a secret now, is one in the comment, too.
    const secret = configuration.encrypted?.paths ?? [];
    const baseConfiguration = stackConfiguration(base.project, stack, baseName, secret);
    const [head, isSameProgram] = await Promise.all([headOf(project), hasProgramOf(project, base.commit)]);
    const program = programOf(project);
    const baseProgram = isSameProgram ? program : programOf(base.project);
    if (baseProgram === base.project) linkPackages(base.project, project);
    const tools = { programs, charts };
    const [after, before] = await Promise.allSettled([
      renderSide({ name: headName, program, configuration, now: new Date() }, tools),
      // A certificate that has expired since does not keep the base from being compared.
      renderSide(
        { name: baseName, program: baseProgram, configuration: baseConfiguration, now: new Date(base.date) },
        tools,
      ),
    ]);
    if (after.status === "rejected") throw after.reason;
    if (before.status === "rejected") throw before.reason;
    return summarise({
      stack,
      base: { ref: base.ref, commit: base.commit },
      head,
      before: before.value,
      after: after.value,
    });
  } finally {
    programs.close();
    base.remove();
  }
}

interface Sides {
  stack: string;
  base: Review["base"];
  head: Review["head"];
  before: Side;
  after: Side;
}

export function summarise({ stack, base, head, before, after }: Sides): Review {
  const comparison = compare(before, after);
  const marks = comparison.changes.flatMap((change) => change.marks.map((found) => ({ change, found })));
  const titled = ({ change, found }: { change: Change; found: Mark }) => `${change.title}: ${found.text}`;
  const leg = (wanted: Leg) =>
    marks
      .filter(({ found }) => found.level === "weaker" && (found.leg === wanted || found.leg === undefined))
      .map(titled);
  return {
    stack,
    base,
    head,
    ...comparison,
    charts: chartChanges(before, after),
    policies: policyFindings(stack, before, after),
    weaker: { "client → gateway": leg("client → gateway"), "gateway → workload": leg("gateway → workload") },
    outages: marks.filter(({ found }) => found.level === "outage").map(titled),
    masked: [...new Set([...before.masked, ...after.masked])].sort(),
  };
}

function policyFindings(environment: string, before: Side, after: Side): PolicyFindings {
  const levels = loadLevels(environment);
  const stays = new Set(
    before.objects.filter(({ installedOnce, patch }) => installedOnce ?? patch).map(({ object }) => title(object)),
  );
  const kept = new Set(after.judged.map(title));
  const found = judge(after.judged, {
    environment,
    levels,
    deletions: after.deletions,
    // What neither Helm nor the provider deletes is not deleted, whatever becomes of it in the program.
    previous: before.judged.filter((object) => kept.has(title(object)) || !stays.has(title(object))),
  });
  const old = judge(before.judged, { environment, levels, deletions: before.deletions });
  const isIn = (list: readonly Violation[]) => (one: Violation) =>
    list.some(({ rule, object, message }) => rule === one.rule && object === one.object && message === one.message);
  return {
    added: found.filter((one) => !isIn(old)(one)),
    standing: found.filter(isIn(old)),
    fixed: old.filter((one) => !isIn(found)(one)),
  };
}

function chartChanges(before: Side, after: Side): ChartChange[] {
  const names = [...new Set([...before.releases, ...after.releases].map(({ name }) => name))].sort();
  return names.flatMap((name) => {
    const [old, current] = [before, after].map(({ releases }) => releases.find((release) => release.name === name));
    const source = [old, current].map(
      (release) => release && [release.chart, release.version, release.repository].join(),
    );
    if (source[0] === source[1]) return [];
    const version = ({ chart, version: number, repository }: Release, other: Release | undefined) =>
      other === undefined || other.repository === repository
        ? number
        : `${number} from ${withoutUserinfo(repository ?? chart)}`;
    const { chart } = (current ?? old)!;
    return [
      defined({ release: name, chart, before: old && version(old, current), after: current && version(current, old) }),
    ];
  });
}
