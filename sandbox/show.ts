import { execFileSync } from "node:child_process";
import type { Sandbox } from "./cluster";
import { type Report, duration } from "./progress";
import { type Ended, runTethered } from "./tethered";

/** Rolls out a stack with the real engine; its own words are shown as they come. */
export async function deploy(
  { binaries, reused }: Sandbox,
  env: NodeJS.ProcessEnv,
  stack: string,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const started = Date.now();
  // An interrupted update of a cluster that stays should end properly; one that goes with it need not.
  const graceMilliseconds = reused ? 60_000 : 3_000;
  const pulumi = (args: string[], show: boolean): Promise<Ended> =>
    runTethered(binaries.tether, "pulumi", [...args, "--non-interactive"], { env, show, signal, graceMilliseconds });
  report(`rolling out the stack "${stack}"…`);
  await succeed(pulumi(["stack", "select", "--create", stack], false), "pulumi stack select");
  await succeed(pulumi(["up", "--yes", "--skip-preview", "--suppress-progress"], true), "pulumi up", true);
  report(`the stack "${stack}" is rolled out after ${duration(Date.now() - started)}`);
}

async function succeed(command: Promise<Ended>, what: string, isShown = false): Promise<void> {
  const { code, stdout, stderr } = await command;
  if (code !== 0) {
    throw new Error(`${what} ended with exit code ${code}${isShown ? "; see above" : `:\n${stdout}${stderr}`}`);
  }
}

/** Prints what runs in the sandbox, and how to go on. */
export function show({ name, folder, serverUrl }: Sandbox, env: NodeJS.ProcessEnv, stack: string | undefined): void {
  const run = (command: string, ...args: string[]) => {
    console.log(`\n$ ${[command, ...args].join(" ")}`);
    process.stdout.write(execFileSync(command, args, { env, encoding: "utf8" }));
  };
  run("kubectl", "get", "nodes");
  if (stack !== undefined) {
    run("helm", "list", "--all-namespaces");
    run("kubectl", "get", "pods", "--namespace", "enroute-system");
    const containers =
      '{range .items[*]}{.metadata.name}{": "}{.spec.containers[*].name}{" + "}{.spec.initContainers[*].name}{"\\n"}{end}';
    run("kubectl", "get", "pods", "--namespace", "enroute-system", "--output", `jsonpath=${containers}`);
    run("pulumi", "stack", "output", "--stack", stack);
  }
  const self = name === "default" ? "npm run sandbox --" : `npm run sandbox -- --name ${name}`;
  console.log(`
The sandbox "${name}" runs at ${serverUrl}; its files and logs are in ${folder}. Look around, and change things:
  ${self} exec -- kubectl get pods --all-namespaces
  ${self} exec -- pulumi preview --diff
  ${self} status
Stop it:
  ${self} down`);
}
