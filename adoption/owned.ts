import { pathText } from "../base/encrypted";
import type { Issue } from "../base/issue";
import { type Tree, asTree } from "../base/tree";
import { type Override, shown } from "../mesh/overrides";
import { overridesIn } from "../settings/contradictions";
import type { Settings } from "../settings/schema";
import { without } from "./values";

/* Values that run and that a stack does not take: what its settings decide, or the rollout relies on (mesh/owned-values.ts). */

/** What changes the identity of every workload where it changes: never by the way. */
const fundamental = ["istio.ca", "istio.namespace.name", "istio.trustDomain"];

/**
 * Settings without the values that a stack owns, and each of these as a difference to what runs. What a setting can say, the draft
 * has in it already.
 *
 * @param check the settings by their shape alone; undefined where that is wrong
 */
export function withoutOwned(
  settings: Tree,
  check: (tree: Tree) => Settings | undefined,
): { settings: Tree; issues: Issue[] } {
  const checked = check(settings);
  const found = checked === undefined ? [] : overridesIn(checked);
  const paths = found.map(({ said }) => said.map(String));
  const isAnnounced = ({ override }: (typeof found)[number]) => override.owned.key === "gateway.ingresses";
  const issues = found
    .filter((one) => !isAnnounced(one))
    .map(({ said, override }) => issueOf(pathText(said), override));
  const sections = Object.entries(settings).map(([key, section]) => {
    const own = paths.filter(([first]) => first === key).map(([, ...rest]) => rest);
    // A section stays, also where nothing of it is left.
    return [key, own.length === 0 ? section : without(asTree(section), ...own)] as const;
  });
  return { settings: Object.fromEntries(sections), issues: distinct(issues) };
}

/** A branch that is taken away as a whole is one difference, however much was in it. */
function distinct(issues: Issue[]): Issue[] {
  return issues.filter(({ subject }, index) => issues.findIndex((other) => other.subject === subject) === index);
}

function issueOf(subject: string, { owned: { key, why }, wanted, found }: Override): Issue {
  const [runs, then] = [found, wanted].map((value) => (value === undefined ? "nothing" : shown(value)));
  const decides = key === undefined ? "the rollout relies on it" : `${key} decides it`;
  const isFundamental = key !== undefined && fundamental.includes(key);
  return {
    id: "adoption/owned",
    severity: isFundamental ? "error" : "warning",
    subject,
    problem: isFundamental
      ? `${subject} is ${runs} in what runs, and a stack says it by ${key} alone. ${why}`
      : `${subject} is ${runs} in what runs, and the first update makes it ${then}: ${decides}. ${why}`,
    fix: isFundamental
      ? `write ${key} into a stack file, or change it in the cluster; then adopt again`
      : key === undefined
        ? "see who needs it before the first update"
        : `set ${key} in the stack file, where it has to stay`,
  };
}
