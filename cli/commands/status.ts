import type { Command } from "commander";
import { type CommonOptions, common, environmentOf } from "../options";
import { print } from "../terminal";

/** The last operation, without a look at the cluster. */
export function statusCommand(program: Command): void {
  common(program.command("status"))
    .description("the last operation, versions, and what was cut off; does not look at the cluster")
    .action(runStatus);
}

async function runStatus(options: CommonOptions): Promise<void> {
  const environment = environmentOf(options);
  const [status, outputs] = [await environment.status(), await environment.outputs()];
  if (options.json === true) return print({ ...status, versions: outputs.versions });
  const { last, resources, pending } = status;
  print(
    last === undefined
      ? `Stack ${options.stack} was never deployed.`
      : `Stack ${options.stack}: the last ${last.kind} ${last.result} at ${last.endTime}; ${resources} resources.`,
  );
  for (const [part, version] of Object.entries(outputs.versions?.value ?? {})) print(`  ${part.padEnd(12)} ${version}`);
  if (outputs.gatewayAddress !== undefined) print(`  gateway at   ${String(outputs.gatewayAddress)}`);
  for (const operation of pending) print(`  never finished: ${operation}`);
  if (pending.length > 0) print(`Put it right with: enroute-istio recover --stack ${options.stack} --yes`);
}
