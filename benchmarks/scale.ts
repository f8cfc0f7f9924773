/**
 * Many hosts, namespaces and exceptions in one stack: npm run bench:scale -- [hosts] [namespaces] [exceptions]
 *
 * 1,000 hosts more in the stack `sandbox` beside a bare program with as many CustomResources of the same kind, on one cluster, both with
 * the state in a file: a preview, an update and one without a change, with a checkpoint at every step (the engine's default) and without
 * (PULUMI_SKIP_CHECKPOINTS); the state that a host takes; the most memory that the program has. Then 200 namespaces with 50 exceptions.
 */
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type Sandbox, startSandbox } from "../sandbox/cluster";
import { sandboxEnvironment } from "../sandbox/environment";
import { reportTo } from "../sandbox/progress";
import { peakOfProgram, timed, writeProgram } from "./pulumi";

const report = reportTo(process.stderr);
/** Saved at every step, the whole state is written for each of them: that takes the square of their number, so it gets a fifth of them. */
const settings = [
  { setting: "every step saved", variables: {}, share: 0.2 },
  { setting: "saved at the end", variables: { PULUMI_SKIP_CHECKPOINTS: "true" }, share: 1 },
];

/** A program and its stack. */
interface Subject {
  what: string;
  stack: string;
  env: NodeJS.ProcessEnv;
  /** Path of its state below the sandbox's folder. */
  state: string;
  /** Gives the program so many hosts more. */
  fill: (hosts: number) => void;
}

function ours(sandbox: Sandbox, env: NodeJS.ProcessEnv): Subject {
  const change = changeSettings(sandbox);
  return {
    ...{ what: "ours", stack: "sandbox", env, state: "enroute-istio/sandbox" },
    fill: (hosts) =>
      change((config) => {
        const [first] = config["enroute-istio:hosts"] as object[];
        const host = (index: number) => ({ ...first, host: `host-${index}.sandbox.example` });
        config["enroute-istio:hosts"] = [first, ...Array.from({ length: hosts }, (_, index) => host(index))];
      }),
  };
}

/** The same objects, with nothing around them. */
function bare(sandbox: Sandbox, env: NodeJS.ProcessEnv): Subject {
  const program = (count: number) => `
import * as k8s from "@pulumi/kubernetes";
const version = process.env["ENROUTE_SANDBOX_KUBERNETES_VERSION"];
const args = { kubeconfig: ${JSON.stringify(sandbox.kubeconfig)}, context: ${JSON.stringify(sandbox.context)} };
const provider = new k8s.Provider("cluster", args, version === undefined ? {} : { version });
for (let index = 0; index < ${count}; index++)
  new k8s.apiextensions.CustomResource(\`host-\${index}\`, {
    apiVersion: "enroute.saaras.io/v1",
    kind: "GatewayHost",
    metadata: { name: \`bare-\${index}.sandbox.example\`, namespace: "bookinfo" },
    spec: {
      virtualhost: {
        fqdn: \`bare-\${index}.sandbox.example\`,
        tls: { secretName: "gateway-serving-certificate", minimumProtocolVersion: "1.2" },
      },
      routes: [{ conditions: [{ prefix: "/" }], services: [{ name: "productpage", port: 9080 }] }],
    },
  }, { provider });
`;
  const fill = (hosts: number) => writeProgram(sandbox, env, "bare", program(hosts));
  return { what: "bare program", stack: "bare", env: fill(0), state: "bare/bare", fill };
}

function changeSettings(sandbox: Sandbox): (change: (config: Record<string, unknown>) => void) => void {
  const path = join(sandbox.folder, "project/stacks/Pulumi.sandbox.yaml");
  return (change) => {
    const file = parse(readFileSync(path, "utf8")) as { config: Record<string, unknown> };
    change(file.config);
    // A host written once and referred to a thousand times is refused as an attack.
    writeFileSync(path, stringify(file, { aliasDuplicateObjects: false }));
  };
}

async function main(): Promise<void> {
  const [hosts = 1000, namespaces = 200, exceptions = 50] = process.argv.slice(2).map(Number);
  if (![hosts, namespaces, exceptions].every((count) => Number.isInteger(count) && count > 0))
    throw new Error("usage: npm run bench:scale -- [hosts] [namespaces] [exceptions]");
  const sandbox = await startSandbox({ name: `scale-${process.pid}`, tied: true, report });
  try {
    const env = await sandboxEnvironment(sandbox);
    console.log(`${cpus().length} cores, Node.js ${process.version}; load ${loadavg()[0]!.toFixed(1)}`);
    const subjects = [ours(sandbox, env), bare(sandbox, env)];
    for (const { env: own, stack } of subjects)
      await timed(sandbox, own, "pulumi", ["stack", "select", "--create", stack, "--non-interactive"]);
    for (const subject of subjects) await measured(sandbox, subject, "up");
    for (const { setting, variables, share } of settings)
      for (const subject of subjects) await grow(sandbox, subject, Math.ceil(hosts * share), setting, variables);
    await manyNamespaces(sandbox, subjects[0]!, namespaces, exceptions);
    console.log(`load at the end ${loadavg()[0]!.toFixed(1)}`);
  } finally {
    await sandbox.stop();
    rmSync(sandbox.folder, { recursive: true, force: true });
  }
}

/** From none to all of them, and back. */
async function grow(sandbox: Sandbox, subject: Subject, hosts: number, setting: string, variables: object) {
  const own = { ...subject, env: { ...subject.env, ...variables } };
  const size = () => statSync(join(sandbox.folder, "state/.pulumi/stacks", `${subject.state}.json`)).size;
  const before = size();
  subject.fill(hosts);
  const title = `${hosts} hosts, ${subject.what}, ${setting}`;
  show(title, "preview", await measured(sandbox, own, "preview"));
  show(title, "up", await measured(sandbox, own, "up"));
  show(title, "up without a change", await measured(sandbox, own, "up"));
  console.log(`${title.padEnd(60)} ${((size() - before) / hosts).toFixed(0)} bytes of state a host`);
  subject.fill(0);
  await measured(sandbox, { ...subject, env: { ...subject.env, PULUMI_SKIP_CHECKPOINTS: "true" } }, "up");
}

async function manyNamespaces(sandbox: Sandbox, subject: Subject, namespaces: number, exceptions: number) {
  changeSettings(sandbox)((config) => {
    const [first] = config["enroute-istio:namespaces"] as object[];
    const name = (index: number) => `team-${index}`;
    config["enroute-istio:namespaces"] = [
      first,
      ...Array.from({ length: namespaces }, (_, index) => ({ name: name(index) })),
    ];
    const exception = (index: number) => ({
      ...{
        namespace: name(index % namespaces),
        workload: { app: `legacy-${index}` },
        ports: [9102],
        mode: "PERMISSIVE",
      },
      ...{ reason: "a scraper outside of the mesh", owner: "benchmark", until: "2999-12-31" },
    });
    const all = Array.from({ length: exceptions }, (_, index) => exception(index));
    config["enroute-istio:mutualTls"] = { exceptions: all };
  });
  for (const [what, kind] of [
    ["preview", "preview"],
    ["up", "up"],
    ["up without a change", "up"],
  ] as const)
    show(`${namespaces} namespaces, ${exceptions} exceptions`, what, await measured(sandbox, subject, kind));
}

async function measured(sandbox: Sandbox, { env, stack }: Subject, kind: "preview" | "up") {
  const args = kind === "up" ? ["up", "--yes", "--skip-preview"] : ["preview"];
  report(`${kind} of ${stack}`);
  const { result, bytes } = await peakOfProgram(() =>
    timed(sandbox, env, "pulumi", [...args, "--stack", stack, "--non-interactive"]),
  );
  return { seconds: result.seconds, bytes };
}

function show(title: string, what: string, { seconds, bytes }: { seconds: number; bytes: number }): void {
  const memory = `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
  console.log(`${title.padEnd(60)} ${what.padEnd(20)} ${seconds.toFixed(1).padStart(7)} s ${memory.padStart(9)}`);
}

main().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
