import { readdirSync } from "node:fs";
import { join } from "node:path";
import completion from "@bomb.sh/tab/commander";
import type { Command } from "commander";

/** Adds `completion <shell>`; it completes commands, options, and the stacks that this folder has files for. */
export function completeStacks(program: Command): void {
  const root = completion(program, { completionCommandName: "completion" });
  for (const command of root.commands.values()) {
    const stack = command.options.get("stack");
    if (stack !== undefined) stack.handler = (complete) => stackFiles().forEach((name) => complete(name, "stack"));
  }
}

/** Stacks that the project in this folder has files for. */
function stackFiles(): string[] {
  const folder = process.env["PULUMI_OPTION_CWD"] ?? ".";
  return [folder, join(folder, "stacks")].flatMap((place) => {
    try {
      return readdirSync(place).flatMap((file) => /^Pulumi\.(.+)\.ya?ml$/.exec(file)?.[1] ?? []);
    } catch {
      return [];
    }
  });
}
