#!/usr/bin/env node
import { isRolloutError } from "../automation/errors";
import { exit, exitOfError } from "./exit-codes";
import { commandLine } from "./program";
import { print } from "./terminal";

async function main(): Promise<void> {
  const wantsJson = process.argv.includes("--json");
  try {
    await commandLine().parseAsync();
  } catch (error) {
    if (!isRolloutError(error)) {
      // A stack trace helps only with what should not have happened.
      console.error(error);
      process.exitCode = exit.failed;
      return;
    }
    if (wantsJson) print({ error });
    console.error(`${error.message}\n  fix: ${error.next}`);
    process.exitCode = exitOfError(error);
  }
}

if (require.main === module) void main();
