import type { Command } from "commander";
import type * as review from "../review";

/** Judges a change for a pull request. */
export function reviewCommand(program: Command): void {
  program
    .command("review")
    .description("judge a change for a pull request: what differs from another revision, risks, policy findings")
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .passThroughOptions()
    .argument("[options...]", "see enroute-istio review --help")
    .action((_args: string[], options: object, command: Command) => runReview(options, command));
}

async function runReview(_options: object, command: Command): Promise<void> {
  // A program of its own, with its own options; loaded where it is used.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { run } = require("../review") as typeof review;
  await run(command.args);
}
