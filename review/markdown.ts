import type { Change, Folded } from "./compare";
import { count } from "../base/text";
import { type Leg, type Mark, levels } from "./marks/mark";
import type { ChartChange, Review } from "./review";

/** GitHub refuses a comment of more than 65,536 characters; a workflow adds a heading and a preview. */
export const commentLimit = 60_000;

/** First line of every comment of a stack: the next run finds the one to update by it. */
export function marker(stack: string): string {
  return `<!-- enroute-istio review: ${stack} -->`;
}

const icons: Record<Mark["level"], string> = { weaker: "🔓", outage: "⛔", danger: "⚠️", notice: "ℹ️" };

export interface MarkdownOptions {
  /** Most characters. @default commentLimit */
  limit?: number;
  /** Output of `pulumi preview`, to be shown too. @default none */
  preview?: string;
}

/**
 * The review as a comment on a pull request: a verdict to read in ten seconds, what matters, and the rest folded. Never longer
 * than `limit`; what does not fit is left out from the end, the least grave first, and the top of the comment names it.
 */
export function markdown(review: Review, { limit = commentLimit, preview }: MarkdownOptions = {}): string {
  const engine = preview === undefined ? "" : enginePreview(preview, Math.floor(limit / 4));
  const groups = byKind(review.changes);
  const parts = [
    ...[marker(review.stack), verdict(review), policies(review), matters(review), charts(review.charts)],
    ...[...groups, folded(review.folded), engine, footer(review)],
  ];
  const whole = joined(parts);
  return whole.length <= limit ? whole : shortened(review, engine, limit);
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("\n\n");
}

/** The comment where there is no review. */
export function failureMarkdown(stack: string, message: string): string {
  const text = message.length > 10_000 ? `${message.slice(0, 10_000)}\n(cut short)` : message;
  return [marker(stack), `## ⛔ ${stack}: there is no review`, fenced("text", text)].join("\n\n");
}

/** What the engine would do, in its own words; its end, where the summary is, if it is too long. */
function enginePreview(preview: string, limit: number): string {
  const lines = preview.trimEnd().split("\n");
  let length = 0;
  let first = lines.length;
  while (first > 0 && length + lines[first - 1]!.length + 1 <= limit) length += lines[--first]!.length + 1;
  const cut = first === 0 ? "" : `, the first ${first} of ${lines.length} lines left out`;
  return details(`pulumi preview${cut}`, fenced("text", lines.slice(first).join("\n")));
}

function verdict(review: Review): string {
  const { changes, outages, weaker } = review;
  const weakened = (Object.keys(weaker) as Leg[]).filter((leg) => weaker[leg].length > 0);
  const restarts = changes.filter(({ marks }) => marks.some(({ topic }) => topic === "restart")).length;
  const actions = (["created", "updated", "replaced", "deleted", "left behind"] as const)
    .map((action) => ({ action, number: changes.filter((change) => change.action === action).length }))
    .filter(({ number }) => number > 0)
    .map(({ action, number }) => `${number} ${action}, `);
  const summary =
    changes.length === 0
      ? "nothing changes in the cluster"
      : `${count(changes.length, "object")} ${changes.length === 1 ? "changes" : "change"}`;
  return [
    `## ${weakened.length > 0 ? "🔓" : outages.length > 0 ? "⛔" : "🔒"} ${review.stack}: ${summary}`,
    "",
    "| | |",
    "| --- | --- |",
    `| **Encryption** | ${weakened.length === 0 ? "no leg gets weaker" : `**gets weaker: ${weakened.join(" and ")}**`} |`,
    `| **Outage** | ${outages.length === 0 ? (restarts === 0 ? "none, no pod restarts" : `none; ${count(restarts, "workload")} ${restarts === 1 ? "restarts" : "restart"} in turn`) : `**${count(outages.length, "cause")}, see below**`} |`,
    `| **Policies** | ${policyVerdict(review)} |`,
    `| **Objects** | ${actions.join("")}${review.unchanged} unchanged |`,
  ].join("\n");
}

function policyVerdict({ policies: { added, standing } }: Review): string {
  const mandatoryOf = (list: Review["policies"]["added"]) => list.filter(({ level }) => level === "mandatory").length;
  const all = [...added, ...standing];
  const [mandatory, fresh] = [mandatoryOf(all), mandatoryOf(added)];
  const advisory = all.length - mandatory;
  const parts: string[] = [];
  if (mandatory > 0)
    parts.push(`**refused: ${count(mandatory, "mandatory finding")}**${fresh < mandatory ? ` (${fresh} new)` : ""}`);
  if (advisory > 0) parts.push(`${advisory} advisory`);
  return parts.join(", ") || "nothing found";
}

/** What the policies find: why, and what to do about it. */
function policies({ policies: { added, standing, fixed } }: Review): string {
  const line = ({ level, rule, object, message, fix }: (typeof added)[number]) =>
    `- ${level === "mandatory" ? "⛔" : "⚠️"} ${code(rule)} ${code(object)}: ${escape(message)} **Fix:** ${escape(fix)}`;
  const parts: string[] = [];
  if (added.length > 0) parts.push(["### Policies", "", ...added.map(line)].join("\n"));
  if (standing.length > 0)
    parts.push(details(`Policy findings that were there before (${standing.length})`, standing.map(line).join("\n")));
  if (fixed.length > 0)
    parts.push(`Fixed: ${fixed.map(({ rule, object }) => `${code(rule)} ${code(object)}`).join(", ")}`);
  return parts.join("\n\n");
}

const mattersLimit = 40;

/** Every mark, the gravest first: what a reviewer has to have seen. */
function matters({ changes }: Review): string {
  const marked = changes.flatMap((change) => change.marks.map((found) => ({ change, found })));
  const lines = levels.flatMap((level) =>
    marked
      .filter(({ found }) => found.level === level)
      .map(
        ({ change, found }) =>
          `- ${icons[level]} ${found.level === "weaker" ? `**${escape(found.text)}**` : escape(found.text)} — ${code(change.title)}`,
      ),
  );
  if (lines.length === 0) return "";
  const more = lines.length - mattersLimit;
  return [
    "### What matters",
    "",
    ...lines.slice(0, mattersLimit),
    ...(more > 0 ? [`- … and ${more} more, see the objects`] : []),
  ].join("\n");
}

function charts(changes: readonly ChartChange[]): string {
  if (changes.length === 0) return "";
  const rows = changes.map(
    ({ release, chart, before = "—", after = "—" }) => `| ${release} | ${chart} | ${before} | ${after} |`,
  );
  return ["### Charts", "", "| release | chart | before | after |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** One folded part for each kind, the kinds in the order of their gravest change. */
function byKind(changes: readonly Change[], show: (change: Change) => string = shownChange): string[] {
  const kinds = [...new Set(changes.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const group = changes.filter((change) => change.kind === kind);
    const icon = group[0]!.marks[0] === undefined ? "" : ` ${icons[group[0]!.marks[0].level]}`;
    return details(`${kind} (${group.length})${icon}`, group.map(show).join("\n\n"));
  });
}

function heading({ title, action, release }: Change): string {
  return `**${code(title)}** ${action}${release === undefined ? "" : ` (release ${release})`}`;
}

function shownChange(change: Change): string {
  return `${heading(change)}\n\n${fenced("diff", change.diff)}`;
}

/** A part that is folded. */
function details(summary: string, text: string): string {
  return `<details>\n<summary>${summary}</summary>\n\n${text}\n\n</details>`;
}

/** A block in a fence longer than any in the text, so that nothing in an object can end it. */
function fenced(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

function folded(all: readonly Folded[]): string {
  if (all.length === 0) return "";
  const reasons = [...new Set(all.map(({ reason }) => reason))];
  const lines = reasons.map(
    (reason) => `- ${reason}: ${all.flatMap((item) => (item.reason === reason ? [code(item.title)] : [])).join(", ")}`,
  );
  return details(`Without a meaning of their own (${all.length})`, lines.join("\n"));
}

function footer({ base, head, masked }: Review): string {
  const secrets = masked.length === 0 ? "" : ` Encrypted settings were not read: ${masked.map(code).join(", ")}.`;
  return `<sub>Rendered by Helm without a cluster: ${base.ref} (${base.commit.slice(0, 10)}) → ${head.commit.slice(0, 10)}${head.dirty ? " and what is not committed" : ""}. Hidden: secrets, random values, webhook certificates.${secrets}</sub>`;
}

/** The review with as many whole diffs as fit; every changed object is named, or counted. */
function shortened(review: Review, engine: string, limit: number): string {
  const top = [marker(review.stack), verdict(review)].join("\n\n");
  const tail = footer(review);
  const assemble = (shown: ReadonlySet<Change>, named: ReadonlySet<Change>) => {
    const left = review.changes.filter((change) => !named.has(change)).length;
    const warning = `> [!WARNING]\n> **This comment is cut short:** it shows the diffs of ${shown.size} of ${review.changes.length} objects${left > 0 ? `, and leaves out even the names of ${left}` : ""}. See all of it: \`npm run review -- --stack ${review.stack} --base ${review.base.commit.slice(0, 10)} --json\``;
    const groups = byKind(
      review.changes.filter((change) => named.has(change)),
      (change) => (shown.has(change) ? shownChange(change) : `${heading(change)}: diff left out`),
    );
    const notes = [cutLines(matters(review), limit / 3), cutLines(charts(review.charts), limit / 10)];
    return joined([top, warning, ...notes, ...groups, engine, tail]);
  };
  const named = new Set<Change>();
  for (const change of review.changes) {
    named.add(change);
    if (assemble(new Set(), named).length > limit) {
      named.delete(change);
      break;
    }
  }
  const shown = new Set<Change>();
  for (const change of named) {
    shown.add(change);
    if (assemble(shown, named).length > limit) shown.delete(change);
  }
  return assemble(shown, named);
}

/** The first lines of a text that fit, and that some are missing. */
function cutLines(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const kept: string[] = [];
  let length = 0;
  for (const line of text.split("\n")) {
    length += line.length + 1;
    if (length > limit - 40) break;
    kept.push(line);
  }
  return [...kept, "", "… and more, cut short"].join("\n");
}
function code(text: string): string {
  return `\`${text.replaceAll("`", "'")}\``;
}

/** Text that stays text: what stands in an object must not become a link, a mention or markup. */
function escape(text: string): string {
  return text.replace(/[\\`*_{}[\]<>#|]/g, "\\$&").replace(/(?<!\w)@(?=\w)/g, "@\u200b");
}
