import { issueText } from "../base/issue";
import { count } from "../base/text";
import type { Adoption } from "./adoption";

/** What `adopt` prints. */
export function adoptionText({ file, imports, changes, issues, done }: Adoption, stack: string): string {
  const errors = issues.filter(({ severity }) => severity === "error");
  const warnings = issues.filter(({ severity }) => severity === "warning");
  const list = (title: string, items: readonly string[]) => (items.length === 0 ? [] : [title, ...items, ""]);
  const updates = (changes?.resources ?? []).map(({ resource: { type, name }, change, differs }) => {
    const what = differs.length === 0 || change === "create" ? "" : `: ${differs.join(", ")}`;
    return `  ${change.padEnd(8)} ${type.split(":").pop()} ${name}${what}`;
  });
  const against = errors.length > 0;
  return [
    ...list(
      "Cannot be taken over as it is:",
      errors.map((issue) => `  - ${issueText(issue)}`),
    ),
    ...list(
      "To be aware of:",
      warnings.map((issue) => `  - ${issueText(issue)}`),
    ),
    ...list(
      `${done ? "Taken over" : "Would be taken over"} into the state of stack ${stack}, ${count(imports.length, "object")}:`,
      imports.length === 0 ? [] : imports.map(({ object, name }) => `  ${object}  as ${name}`),
    ),
    ...list(`The first update ${done ? "changes" : "would change"}:`, updates),
    ...(file === undefined
      ? []
      : [
          `${done ? "Written" : "Would be written"}: ${file.path}`,
          ...file.text
            .trimEnd()
            .split("\n")
            .map((line) => `  ${line}`),
          "",
        ]),
    against && !done
      ? "Nothing was written."
      : done
        ? `Nothing in the cluster was changed. Go on with: enroute-istio up --stack ${stack}`
        : imports.length === 0 && changes?.hasChanges !== true
          ? `Stack ${stack} has all of it already.`
          : "Nothing was written. Do it with --yes.",
  ].join("\n");
}
