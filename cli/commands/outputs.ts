import type { Command } from "commander";
import { standingOf } from "../../automation/status";
import { exit } from "../exit-codes";
import { type CommonOptions, common, environmentOf } from "../options";
import { print, printOutputs } from "../terminal";

/** The outputs of the last update. */
export function outputsCommand(program: Command): void {
  common(program.command("outputs"))
    .description("outputs of the last update: the gateway's address, the CA for clients, …")
    .argument("[name]", "print only this output, unformatted")
    .addHelpText(
      "after",
      `
Secret outputs print as [secret], unless you name one.

Example:
  enroute-istio outputs caCertificate --stack dev > ca.pem`,
    )
    .action((name: string | undefined, options: CommonOptions) => runOutputs(options, name));
}

async function runOutputs(options: CommonOptions, name: string | undefined): Promise<void> {
  const environment = environmentOf(options);
  const outputs = await environment.outputs();
  if (name === undefined) {
    if (options.json === true) print(outputs);
    else printOutputs(outputs);
    return;
  }
  const found = (outputs as Record<string, { value: unknown } | undefined>)[name];
  if (found === undefined) {
    const names = Object.keys(outputs).join(", ");
    const { summary, next = "run up again" } = names === "" ? standingOf(await environment.status()) : { summary: "" };
    console.error(
      names === ""
        ? `Stack ${options.stack} has no outputs: ${summary}.\n  fix: ${next}`
        : `Stack ${options.stack} has no output ${name}.\n  fix: choose one of ${names}`,
    );
    process.exitCode = exit.notRun;
  } else
    print(
      options.json === true || typeof found.value !== "string" ? JSON.stringify(found.value) : found.value.trimEnd(),
    );
}
