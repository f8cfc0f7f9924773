import completion from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import { stacksOf } from "../base/project-files";

/** Adds `completion <shell>`; it completes commands, options, and the stacks that this folder has files for. */
export function completeStacks(program: Command): void {
  const root = completion(program, { completionCommandName: "completion" });
  for (const command of root.commands.values()) {
    const stack = command.options.get("stack");
    if (stack !== undefined) stack.handler = (complete) => stackNames().forEach((name) => complete(name, "stack"));
  }
}

/** Stacks that the project in this folder has files for; a shell that completes has no use for an error. */
function stackNames(): string[] {
  try {
    return stacksOf(process.env["PULUMI_OPTION_CWD"] ?? ".");
  } catch {
    return [];
  }
}
