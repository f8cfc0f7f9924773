import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import type { Adoption } from "../../automation";
import { type Sandbox, startSandbox } from "../../sandbox/cluster";
import { sendRequest } from "../../sandbox/request";
import { apply, handMade, installByHand } from "./by-hand";
import { pulumi, run, succeed } from "./sandbox-fixture";
import { editStack } from "./stacks";
import { Clients } from "./traffic";

const root = join(__dirname, "../..");
const stack = "adopted";
const gateway = "spiffe://cluster.local/ns/enroute-system/sa/enroute";
/** The shell commands of the document, in its order. */
const documented = [...readFileSync(join(root, "docs/adoption.md"), "utf8").matchAll(/^```sh\n([^]*?)^```$/gm)].map(
  ([, script = ""]) => script.trimEnd(),
);

interface Preview {
  resources: { resource: { type: string; name: string }; change: string; differs: string[] }[];
}

/** What changes, in words that do not depend on the order. */
const changesIn = ({ resources }: Preview) =>
  resources
    .map(({ resource: { type, name }, change, differs }) => `${change} ${type} ${name} ${[...differs].sort().join()}`)
    .sort();

describe("what somebody installed by hand", function () {
  this.timeout(300_000);
  let sandbox: Sandbox;
  let clients: Clients | undefined;
  let context = "";
  let path = "";
  let announced: Adoption;
  let pods: string[];

  const kubectl = (...args: string[]) => succeed("kubectl", args, { sandbox });
  const cli = (...args: string[]) =>
    run(process.execPath, [join(root, "node_modules/tsx/dist/cli.mjs"), join(root, "cli/main.ts"), ...args], {
      sandbox,
      env: { NO_COLOR: "1" },
    });
  const adopt = async (...more: string[]): Promise<{ code: number | null; adoption: Adoption; text: string }> => {
    const { code, stdout, stderr } = await cli("adopt", "--stack", stack, "--json", ...more);
    assert.ok(stdout.startsWith("{"), stdout + stderr);
    return { code, adoption: JSON.parse(stdout) as Adoption, text: stdout + stderr };
  };
  /** Runs the commands of a block of the document, for another stack and cluster than it names. */
  const follow = async (block: number, ...replaced: [string, string][]): Promise<string> => {
    const names: [string, string][] = [
      ["--stack prod", `--stack ${stack}`],
      ["--context prod", `--context ${context}`],
      ...replaced,
    ];
    const script = names.reduce((text, [from, to]) => text.replaceAll(from, to), documented[block]!);
    const { code, stdout, stderr } = await run("bash", ["-euo", "pipefail", "-c", `cd ${root}; ${script}`], {
      sandbox,
      env: { NO_COLOR: "1", PULUMI_OPTION_CWD: join(sandbox.folder, "project"), PULUMI_OPTION_SKIP_PREVIEW: "true" },
    });
    assert.equal(code, 0, stdout + stderr);
    return stdout + stderr;
  };
  const up = () => pulumi(["up", "--yes", "--skip-preview", "--stack", stack], { sandbox });
  const passes = async (ended: ReturnType<typeof pulumi>): Promise<string> => {
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stdout + stderr);
    return stdout + stderr;
  };
  const uids = async (): Promise<string[]> => {
    const format = 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{"\\n"}{end}';
    return (await kubectl("get", "pods", "--all-namespaces", "--output", format)).trim().split("\n").sort();
  };
  const versions = () =>
    kubectl(
      ...[
        "get",
        "gatewayhosts.enroute.saaras.io,globalconfigs.enroute.saaras.io,peerauthentications,secrets,deployments",
      ],
      ...["--all-namespaces", "--output"],
      'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.spec}{.data}{"\\n"}{end}',
    );
  /** Pods that are on their way out take a moment. */
  const settledPods = async (): Promise<string[]> => {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline && (await uids()).length > pods.length;)
      await sleep(500);
    return uids();
  };
  const failures = async (): Promise<string[]> => {
    const { stdout, stderr } = await cli("verify", "--stack", stack, "--json", "--dial-services");
    assert.ok(stdout.startsWith("{"), stdout + stderr);
    const { results } = JSON.parse(stdout) as { results: { id: string; status: string; evidence: string }[] };
    return results.flatMap(({ id, status, evidence }) => (status === "failed" ? [`${id}: ${evidence}`] : []));
  };
  const nobodyNoticed = async () => {
    assert.deepEqual(await uids(), pods, "no pod has gone");
    assert.ok(clients!.requests > 0);
    assert.deepEqual(clients!.failures, []);
  };

  before(async function () {
    this.timeout(0);
    sandbox = await startSandbox({ name: `adopt-${process.pid}`, tied: true, traffic: true });
    path = join(sandbox.folder, "project", "stacks", `Pulumi.${stack}.yaml`);
    const { certificate } = await installByHand(sandbox);
    context = (await kubectl("config", "current-context")).trim();
    await initialise(stack);
    const ip = "--output=jsonpath={.status.loadBalancer.ingress[0].ip}";
    const address = await kubectl("get", "service", "enroute", "--namespace", "enroute-system", ip);
    const target = { address, host: handMade.host, ca: certificate.certificate };
    await answered(() => sendRequest(target));
    pods = await uids();
    clients = new Clients(target, gateway);
  });

  after(async () => {
    await clients?.end();
    await sandbox?.stop();
    if (sandbox !== undefined) rmSync(sandbox.folder, { recursive: true, force: true });
  });

  /** A stack with nothing but what the sandbox needs: its version of the provider. */
  async function initialise(name: string): Promise<void> {
    await succeed("pulumi", ["stack", "init", name, "--no-select"], { sandbox });
    const { stdout } = await run("printenv", ["ENROUTE_SANDBOX_KUBERNETES_VERSION"], { sandbox });
    const version = stdout.trim();
    if (version !== "")
      await succeed("pulumi", ["config", "set", "kubernetesPluginVersion", version, "--stack", name], { sandbox });
  }

  it("is refused with the steps where it cannot be taken over as it is, and nothing is written", async () => {
    const file = readFileSync(path, "utf8");
    const metadata = { namespace: "istio-system", name: "younger" };
    await apply(sandbox, [
      { apiVersion: "security.istio.io/v1", kind: "PeerAuthentication", metadata, spec: { mtls: { mode: "STRICT" } } },
      {
        apiVersion: "enroute.saaras.io/v1",
        kind: "GlobalConfig",
        metadata: { namespace: "default", name: "other" },
        spec: { name: "other", type: "globalconfig_globals", config: "{}" },
      },
    ]);
    try {
      const { code, adoption, text } = await adopt("--context", context);
      assert.equal(code, 1, text);
      assert.equal(adoption.done, false);
      const said = adoption.issues.map(({ severity, problem, fix }) => `${severity} ${problem} ${fix}`).join("\n");
      assert.match(said, /error GlobalConfig default\/other [^\n]*kubectl delete globalconfig other -n default/);
      assert.match(said, /PeerAuthentication istio-system\/younger [^\n]*delete peerauthentication younger/);
    } finally {
      await kubectl("delete", "peerauthentication", metadata.name, "--namespace", metadata.namespace);
      await kubectl("delete", "globalconfig", "other", "--namespace", "default");
    }
    assert.equal(readFileSync(path, "utf8"), file);
    await nobodyNoticed();
  });

  it("is shown: what becomes the stack's, the stack file, and what the first update would change", async () => {
    const file = readFileSync(path, "utf8");
    const cluster = await versions();
    const { code, adoption, text } = await adopt("--context", context);
    assert.equal(code, 0, text);
    announced = adoption;
    assert.deepEqual(
      adoption.imports.map(({ object }) => object),
      [
        "Helm release istio-system/istio-base",
        "Helm release istio-system/istiod",
        "Helm release enroute-system/enroute-istio",
        "PeerAuthentication istio-system/strict",
        `PeerAuthentication ${handMade.namespace}/legacy`,
        "GlobalConfig enroute-system/enable-istio",
        `GatewayHost ${handMade.namespace}/shop`,
      ],
    );
    const changes = changesIn(adoption.changes!);
    assert.deepEqual(
      changes.filter((line) => !/^(create|update) /.test(line)),
      [],
      "no deletion, no replacement",
    );
    assert.equal(
      changes.filter((line) => line.startsWith("update ")).length,
      adoption.imports.length,
      changes.join("\n"),
    );
    const { config } = parse(adoption.file!.text) as { config: Record<string, Record<string, unknown>> };
    assert.deepEqual(config["enroute-istio:certificate"], { issuer: "existingSecret", secretName: handMade.secret });
    assert.deepEqual(config["enroute-istio:istio"]!["values"], { resources: { requests: { cpu: "200m" } } });
    assert.deepEqual(
      adoption.issues.map(({ severity, subject }) => `${severity} ${subject}`),
      ["warning ServiceAccount enroute-system/enroute", `warning PeerAuthentication ${handMade.namespace}/legacy`],
    );
    assert.match(adoption.issues[0]!.problem, /may list Ingresses by ClusterRoleBinding enroute/);
    // By the document's own command, for people.
    assert.match(await follow(0), /Nothing was written\. Do it with --yes\./);
    assert.equal(readFileSync(path, "utf8"), file);
    assert.equal(await versions(), cluster);
    assert.equal(await resources(), 0);
    await nobodyNoticed();
  });

  it("is taken over: the stack file is written, the state has it, and the cluster stays as it is", async () => {
    const cluster = await versions();
    const said = await follow(1);
    assert.match(said, /Nothing in the cluster was changed\. Go on with: enroute-istio up/);
    assert.equal(readFileSync(path, "utf8"), announced.file!.text);
    assert.equal(await versions(), cluster);
    const preview = await cli("preview", "--stack", stack, "--json");
    assert.equal(preview.code, 0, preview.stdout + preview.stderr);
    assert.deepEqual(changesIn(JSON.parse(preview.stdout) as Preview), changesIn(announced.changes!));
    await nobodyNoticed();
  });

  it("keeps what is written: a second adoption finds all of it, and leaves the file alone", async () => {
    writeFileSync(path, `# mine\n${readFileSync(path, "utf8")}`);
    const file = readFileSync(path, "utf8");
    const { code, adoption, text } = await adopt("--yes");
    assert.equal(code, 0, text);
    assert.equal(adoption.file, undefined);
    assert.equal(readFileSync(path, "utf8"), file);
  });

  it("runs on where the first update fails: Helm goes back to what somebody installed", async () => {
    const text = readFileSync(path, "utf8");
    await editStack(
      stack,
      (config) => {
        const section = config["gateway"] as Record<string, unknown>;
        section["timeoutSeconds"] = 15;
        section["values"] = { ...(section["values"] as object), nodeSelector: { pool: "nowhere" } };
      },
      stack,
      sandbox,
    );
    const { code, stdout, stderr } = await up();
    assert.notEqual(code, 0, stdout + stderr);
    assert.match(stdout + stderr, /has been rolled back due to atomic being set/);
    const helm = await succeed("helm", ["history", "enroute-istio", "-n", "enroute-system", "-o", "json"], { sandbox });
    const last = (JSON.parse(helm) as { status: string; description: string }[]).at(-1)!;
    assert.deepEqual([last.status, last.description], ["deployed", "Rollback to 1"]);
    // The pod that found no node takes a moment to go.
    for (const deadline = Date.now() + 30_000; Date.now() < deadline && (await uids()).length > pods.length;)
      await sleep(500);
    await nobodyNoticed();
    writeFileSync(path, text);
  });

  it("is updated as announced, without a request noticing, and then stays unchanged", async () => {
    const before = pods;
    await follow(2);
    pods = await settledPods();
    const others = (all: string[]) => all.filter((line) => !line.startsWith("enroute-"));
    assert.deepEqual(others(pods), others(before), "no pod but the gateway's has gone");
    assert.notDeepEqual(pods, before, "the gateway's pod does not keep what it has read");
    await nobodyNoticed();
    assert.match(await passes(up()), /Resources:\s+\d+ unchanged/);
    const names = await kubectl("get", "gatewayhosts,peerauthentications,globalconfigs", "-A", "--output=name");
    assert.deepEqual(names.trim().split("\n").sort(), [
      "gatewayhost.enroute.saaras.io/shop",
      "globalconfig.enroute.saaras.io/enable-istio",
      "peerauthentication.security.istio.io/legacy",
      "peerauthentication.security.istio.io/strict",
    ]);
    const open = await failures();
    assert.equal(open.length, 1, open.join("\n"));
    assert.match(open[0]!, /^clear-text\/ingresses: EnRoute may list Ingresses .*ClusterRoleBinding "enroute"/);
    // By the commands of the finding, in their order.
    const { fix } = announced.issues[0]!;
    const steps = [...fix.matchAll(/kubectl ([a-z-]+ [^;]+)/g)].map(([, step = ""]) => step.trim().split(/ +/));
    assert.equal(steps.length, 2, fix);
    for (const step of steps) await kubectl(...step);
    await kubectl("rollout", "status", "deployment/enroute", "--namespace", "enroute-system", "--timeout=90s");
    pods = await settledPods();
    await nobodyNoticed();
    assert.deepEqual(await failures(), []);
  });

  it("is taken over from a stack that is gone, by another that names it", async () => {
    await succeed("pulumi", ["stack", "rm", stack, "--force", "--yes", "--non-interactive"], { sandbox });
    await initialise("heir");
    const refused = await cli("adopt", "--stack", "heir", "--context", context);
    assert.equal(refused.code, 1, refused.stdout + refused.stderr);
    assert.match(
      refused.stdout,
      /stack organization\/enroute-istio\/adopted claims the mesh[^]*--take-over-from organization/,
    );
    const gone = "organization/enroute-istio/old";
    await follow(
      3,
      [`--stack ${stack}`, "--stack heir"],
      [gone, `organization/enroute-istio/${stack} --context ${context}`],
    );
    assert.match(await passes(pulumi(["up", "--yes", "--skip-preview", "--stack", "heir"], { sandbox })), /unchanged/);
    await nobodyNoticed();
  });

  it("leaves what it did not make when it goes", async () => {
    await clients!.end();
    const secret = ["get", "secret", handMade.secret, "--namespace", handMade.namespace, "--output", "json"];
    const kept = await kubectl(...secret);
    await passes(pulumi(["destroy", "--yes", "--skip-preview", "--stack", "heir"], { sandbox }));
    assert.equal(await kubectl(...secret), kept);
    for (const namespace of ["istio-system", "enroute-system", handMade.namespace])
      assert.match(await kubectl("get", "namespace", namespace, "--output", "jsonpath={.status.phase}"), /Active/);
    assert.match(await kubectl("get", "deployments", "-n", handMade.namespace, "--output=name"), /storefront/);
  });

  it("is all that the document says", () => assert.equal(documented.length, 4));

  async function resources(): Promise<number> {
    const text = await succeed("pulumi", ["stack", "export", "--stack", stack], { sandbox });
    return (JSON.parse(text) as { deployment: { resources?: unknown[] } }).deployment.resources?.length ?? 0;
  }
});

async function answered(request: () => Promise<{ status: number; body: string }>): Promise<void> {
  let last: unknown;
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(200))
    try {
      const answer = await request();
      if (answer.status === 200) return;
      last = `${answer.status} ${answer.body}`;
    } catch (error) {
      last = error;
    }
  throw new Error("no request came through within a minute", { cause: last });
}
