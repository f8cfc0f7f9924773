import { withoutUserinfo } from "../base/text";

/** Why there is no review. The message names what was examined, what is wrong, and the fix. */
export class ReviewError extends Error {
  constructor(problem: string, fix: string) {
    super(withoutUserinfo(`${problem}\n  fix: ${fix}`));
    this.name = "ReviewError";
  }
}
