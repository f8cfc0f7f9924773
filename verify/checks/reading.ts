import type { LabelSelector } from "../../cluster/kinds";
import { CannotTell } from "../result";
import type { Read } from "../view";

/** The value that was read, or undefined where there is none in the cluster. What could not be read leaves a check undecided. */
export function valueOf<Value>(read: Read<Value> | undefined, what: string): Value | undefined {
  if (read === undefined) throw new Error(`${what}: not part of the view`);
  if (read.state === "unreadable")
    throw new CannotTell(`${what} could not be read: ${read.reason}`, "use credentials that may read it");
  return read.state === "read" ? read.value : undefined;
}

/** Items of a list; none where the kind is not installed. */
export function itemsOf<Item>(read: Read<Item[]> | undefined, what: string): Item[] {
  return valueOf(read, what) ?? [];
}

/** Whether labels satisfy a selector, as the API server decides it. */
export function selects(selector: LabelSelector | undefined, labels: Record<string, string>): boolean {
  const equal = Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return (
    equal &&
    (selector?.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case "In":
          return value !== undefined && values.includes(value);
        case "NotIn":
          return value === undefined || !values.includes(value);
        case "Exists":
          return value !== undefined;
        case "DoesNotExist":
          return value === undefined;
        default:
          return false;
      }
    })
  );
}

/** The certificates of a PEM text, compared by content. */
export function pemBlocks(text: string | undefined): string[] {
  return (text?.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []).map((block) =>
    block.replace(/\s+/g, ""),
  );
}
