import Mocha from "mocha";
import type { Outcome } from "./run";

/** Mocha's own report, with the counts for `npm test`, which sums those of its runs up. */
class Report extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const outcome = (): Outcome => ({ passed: this.stats.passes, failed: this.stats.failures });
    runner.once("end", () => process.send?.(outcome()));
  }
}

export = Report;
