import Mocha from "mocha";

/** Mocha's own report, with one line at its very end that a machine can read: `N passed, N failed`. */
class Report extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.once("end", () => console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`));
  }
}

export = Report;
