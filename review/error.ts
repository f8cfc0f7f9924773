import { withoutUserinfo } from "../base/text";

/** A reason why there is no review, said in full by its message: what was looked at, what is wrong, and the way out. */
export class ReviewError extends Error {
  constructor(problem: string, fix: string) {
    super(withoutUserinfo(`${problem}\n  fix: ${fix}`));
    this.name = "ReviewError";
  }
}
