import { pemBlocks } from "../../base/certificate";
import { type LabelSelector, satisfies } from "../../mesh/label-selector";
import { CannotTell } from "../check";
import { type Read, ifRead } from "../facts";

/** The value that was read, or undefined where there is none in the cluster. What could not be read leaves a check undecided. */
export function valueOf<Value>(read: Read<Value> | undefined, what: string): Value | undefined {
  if (read === undefined) throw new Error(`${what}: not part of the view`);
  if (read.state === "unreadable")
    throw new CannotTell(`${what} could not be read: ${read.reason}`, "use credentials that may read it");
  return ifRead(read);
}

/** Items of a list; none where the kind is not installed. */
export function itemsOf<Item>(read: Read<Item[]> | undefined, what: string): Item[] {
  return valueOf(read, what) ?? [];
}

/** Whether labels satisfy a selector, as the API server decides it. */
export function selects(selector: LabelSelector | undefined, labels: Record<string, string>): boolean {
  return satisfies(selector, labels) === true;
}

/** The certificates of a PEM text, to be compared by content. */
export function certificateTexts(pem: string | undefined): string[] {
  return pemBlocks(pem).map((block) => block.replace(/\s+/g, ""));
}
