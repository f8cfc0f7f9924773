import type { Command } from "commander";
import { exit } from "../exit-codes";
import { type CommonOptions, common, environmentOf } from "../options";
import { print, printOutputs } from "../terminal";

/** What the last update told. */
export function outputsCommand(program: Command): void {
  common(program.command("outputs"))
    .description("what the last update told: the gateway's address, the CA for clients, …")
    .argument("[name]", "one output alone, as it is")
    .addHelpText(
      "after",
      `
Secret outputs show as [secret], unless one is asked for by its name.

Example:
  enroute-istio outputs caCertificate --stack dev > ca.pem`,
    )
    .action((name: string | undefined, options: CommonOptions) => runOutputs(options, name));
}

async function runOutputs(options: CommonOptions, name: string | undefined): Promise<void> {
  const outputs = await environmentOf(options).outputs();
  if (name === undefined) {
    if (options.json === true) print(outputs);
    else printOutputs(outputs);
    return;
  }
  const found = (outputs as Record<string, { value: unknown } | undefined>)[name];
  if (found === undefined) {
    console.error(
      `Stack ${options.stack} has no output ${name}.\n  fix: choose one of ${Object.keys(outputs).join(", ") || "(none: it was never deployed)"}`,
    );
    process.exitCode = exit.notRun;
    // Who asks for one value by its name gets it, as from pulumi stack output.
  } else
    print(
      options.json === true || typeof found.value !== "string" ? JSON.stringify(found.value) : found.value.trimEnd(),
    );
}
