import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sandbox } from "./cluster";
import { type Report, duration } from "./progress";
import { type Answer, clientIdentity, sendRequest } from "./request";
import { type Ended, type TetheredOptions, runTethered } from "./tethered";

/** How a person calls the command line for a sandbox, to go on with a command or options. */
export const commandOf = (name: string) =>
  name === "default" ? "npm run sandbox --" : `npm run sandbox -- --name ${name}`;

/** How a person starts a sandbox. */
export const startOf = (name: string) => (name === "default" ? "npm run sandbox" : commandOf(name));

/**
 * A line of the engine's, without the last status of a resource that has finished well: "Minimum number of Pods … was not attained"
 * behind "created" is over by then. Nothing that stays is lost: messages of that kind are listed under "Diagnostics:".
 */
export function withoutPastStatus(line: string): string {
  const done =
    "(?:created|updated|replaced|deleted|read|refresh|imported|discarded)(?: replacement| original| for replacement)?";
  const row = new RegExp(`^( ?[-+~<>=@]{1,2} +[^ ]+:[^ ]+ .* ${done} \\([0-9.]+s\\))(?: (\\[[^\\]]*\\]))?(?:;? .*)?$`);
  const found = row.exec(line);
  return found === null ? line : found.slice(1).filter(Boolean).join(" ");
}

/** Lines of an update as they are shown: each row once, however often the engine repeats it as a status comes and goes. */
export function updateLines(): (line: string) => string | undefined {
  const seen = new Set<string>();
  return (line) => {
    const shown = withoutPastStatus(line);
    const isRow = /^ ?[-+~<>=@ ]{1,3} +[^ ]+:[^ ]+ /.test(shown);
    if (isRow && seen.has(shown)) {
      return undefined;
    }
    seen.add(shown);
    return shown;
  };
}

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
  const pulumi = (args: string[], show: Pick<TetheredOptions, "show"> = {}): Promise<Ended> =>
    runTethered(binaries.tether, "pulumi", [...args, "--non-interactive"], { env, ...show, signal, graceMilliseconds });
  report(`rolling out the stack "${stack}"…`);
  await succeed(pulumi(["stack", "select", "--create", stack]), "pulumi stack select");
  const up = pulumi(["up", "--yes", "--skip-preview", "--suppress-progress"], { show: updateLines() });
  await succeed(up, "pulumi up", true);
  report(`the stack "${stack}" is rolled out after ${duration(Date.now() - started)}`);
}

async function succeed(command: Promise<Ended>, what: string, isShown = false): Promise<void> {
  const { code, stdout, stderr } = await command;
  if (code !== 0) {
    throw new Error(`${what} ended with exit code ${code}${isShown ? "; see above" : `:\n${stdout}${stderr}`}`);
  }
}

interface Outputs {
  readonly hosts: readonly string[];
  readonly gatewayAddress?: string;
  readonly caCertificate?: string;
}

const firstAnswerMilliseconds = 30_000;

/** Sends a real request through both legs for each host of a stack, and prints what client and workload saw. */
export async function showRequests(
  { folder, traffic, name }: Sandbox,
  env: NodeJS.ProcessEnv,
  stack: string,
  signal: AbortSignal,
): Promise<void> {
  if (!traffic) {
    console.log(
      `\nNo request is sent: the pods of the sandbox "${name}" are simulated. Stop it, and start it with traffic.`,
    );
    return;
  }
  const text = execFileSync("pulumi", ["stack", "output", "--json", "--stack", stack], { env, encoding: "utf8" });
  const { hosts, gatewayAddress, caCertificate } = JSON.parse(text) as Outputs;
  if (gatewayAddress === undefined || caCertificate === undefined) {
    console.log("\nNo request is sent: the stack names no CA, so there is nothing to trust the gateway by.");
    return;
  }
  const caPath = join(folder, "ca.pem");
  writeFileSync(caPath, caCertificate);
  for (const url of hosts) {
    const host = new URL(url).hostname;
    const answer = await firstAnswer(gatewayAddress, host, caCertificate, signal);
    const args = [
      "--silent",
      "--show-error",
      "--cacert",
      caPath,
      "--connect-to",
      `${host}:443:${gatewayAddress}:443`,
      `${url}/`,
    ];
    console.log(`\n$ curl ${args.join(" ")}`);
    const curl = spawnSync("curl", args, { env, encoding: "utf8" });
    process.stdout.write(curl.error === undefined ? curl.stdout + curl.stderr : answer.body);
    console.log(describe(answer));
  }
}

/** Processes that stand for pods start a moment after the pods. */
async function firstAnswer(address: string, host: string, ca: string, signal: AbortSignal): Promise<Answer> {
  const deadline = Date.now() + firstAnswerMilliseconds;
  for (;;) {
    let problem: string;
    try {
      const answer = await sendRequest({ address, host, ca });
      if (answer.status === 200) {
        return answer;
      }
      problem = `it answers ${answer.status}: ${answer.body}`;
    } catch (error) {
      problem = (error as Error).message;
    }
    if (Date.now() > deadline || signal.aborted) {
      throw new Error(`no request came through to ${host} within ${firstAnswerMilliseconds / 1000} s: ${problem}`);
    }
    await sleep(100);
  }
}

function describe(answer: Answer): string {
  const { status, tlsVersion, presented } = answer;
  const subject = presented?.subject.replaceAll("\n", ", ");
  return [
    `  status       ${status}`,
    `  leg 1        ${tlsVersion}, certificate ${subject}, serial ${presented?.serialNumber}, until ${presented?.validTo}`,
    `  leg 2        the workload's sidecar saw ${clientIdentity(answer) ?? "no certificate: plain text"}`,
  ].join("\n");
}

/** Prints what runs in the sandbox, and how to go on. */
export async function show(
  sandbox: Sandbox,
  env: NodeJS.ProcessEnv,
  stack: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { name, folder, serverUrl } = sandbox;
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
    await showRequests(sandbox, env, stack, signal);
  }
  console.log(
    `\nThe sandbox "${name}" runs at ${serverUrl}; its files and logs are in ${folder}.\n${nextSteps(name, stack)}`,
  );
}

/** What a person can do now. */
export function nextSteps(name: string, stack: string | undefined): string {
  const self = commandOf(name);
  const look = [
    "Look around:",
    `  ${self} exec -- kubectl get pods --all-namespaces`,
    ...(stack === undefined ? [] : [`  ${self} exec -- npm run verify -- --stack ${stack} --dial-services`]),
    `  ${self} status`,
  ];
  const change = [
    `Change something: edit stacks/Pulumi.${stack}.yaml, see what becomes of it, and roll it out:`,
    `  ${self} exec -- npm run review -- --stack ${stack}`,
    `  ${self} exec -- pulumi preview --diff`,
    `  ${self} exec -- pulumi up --yes`,
    "Or change a setting in the sandbox alone, where it stays until that file changes, and roll it out as well:",
    `  ${self} exec -- pulumi config set --path enroute-istio:gateway.replicas 2`,
  ];
  const rollOut = ["Roll out a stack:", `  ${startOf(name)}`];
  return [...look, ...(stack === undefined ? rollOut : change), "Stop it:", `  ${self} down`].join("\n");
}
