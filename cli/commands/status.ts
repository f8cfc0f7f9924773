import type { Command } from "commander";
import { statusText } from "../../automation/status";
import { type CommonOptions, common, environmentOf } from "../options";
import { print } from "../terminal";

/** The last operation, without reading the cluster. */
export function statusCommand(program: Command): void {
  common(program.command("status"))
    .description("show the last operation, versions, and what was cut off; does not read the cluster")
    .action(runStatus);
}

async function runStatus(options: CommonOptions): Promise<void> {
  const environment = environmentOf(options);
  const [status, outputs] = [await environment.status(), await environment.outputs()];
  if (options.json === true) return print({ ...status, versions: outputs.versions });
  print(statusText(status, outputs, options.stack));
}
