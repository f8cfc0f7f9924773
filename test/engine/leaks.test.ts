import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { pathText } from "../../base/encrypted";
import type { Sandbox } from "../../sandbox/cluster";
import { type Planted, formsOf, plantEverySecret, prepare, put } from "../unit/planted";
import { Checkout } from "./checkout";
import { pulumi, run, sandboxVariables, sharedSandbox, succeed } from "./sandbox-fixture";
import { editStack, makeStack } from "./stacks";

type Config = Record<string, unknown>;

const stack = "leaks";
const root = join(__dirname, "../..");
const tsx = join(root, "node_modules/tsx/dist/cli.mjs");

describe("leaks: a marker in every setting that may be a secret", function () {
  this.timeout(300_000);
  let sandbox: Sandbox;
  let planted: Planted[];
  let guard: Server;
  /** What was printed, by what printed it. */
  const said = new Map<string, string>();
  /** Arguments of every process of this machine, while something ran. */
  const processes = new Set<string>();

  const leaksOf = (text: string) =>
    planted
      .filter(({ marker }) => formsOf(marker).some((form) => text.includes(form)))
      .map(({ path }) => pathText(path));

  /** Runs something, keeps what it prints, and looks at the arguments of processes meanwhile. */
  async function keep(
    what: string,
    running: Promise<{ code: number; stdout: string; stderr: string }>,
  ): Promise<string> {
    const timer = setInterval(() => {
      for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
        try {
          processes.add(readFileSync(`/proc/${id}/cmdline`, "utf8"));
        } catch {
          // It has ended.
        }
    }, 50);
    const { code, stdout, stderr } = await running.finally(() => clearInterval(timer));
    said.set(what, stdout + stderr);
    return `${what} ended with ${code}:\n${stdout}${stderr}`;
  }
  const ours = (...args: string[]) =>
    keep(
      `enroute-istio ${args.join(" ")}`,
      run(process.execPath, [tsx, join(root, "cli/main.ts"), ...args, "--stack", stack], {
        cwd: join(sandbox.folder, "project"),
      }),
    );
  /** Encrypts what is planted, in the file of the stack. */
  async function plant(): Promise<void> {
    const env = await sandboxVariables();
    for (const { path, value } of planted) {
      const key = `enroute-istio:${pathText(path)}`;
      // On its standard input, as docs/certificates.md does.
      const { status, stderr } = spawnSync("pulumi", ["config", "set", "--secret", "--path", key, "--stack", stack], {
        ...{ env, input: value, encoding: "utf8" },
      });
      assert.equal(status, 0, `${key}: ${stderr}`);
    }
  }
  const engine = (...args: string[]) => keep(`pulumi ${args.join(" ")}`, pulumi([...args, "--stack", stack]));

  before(async function () {
    this.timeout(0);
    sandbox = await sharedSandbox();
    const kubeconfig = readFileSync(sandbox.kubeconfig, "utf8");
    const { users } = parse(kubeconfig) as { users: { user: { token: string } }[] };
    planted = await plantEverySecret("bookinfo.sandbox.example", {
      kubeconfig: { value: kubeconfig, marker: users[0]!.user.token },
    });
    guard = await guardCharts(sandbox.chartRepository);
    await makeStack(stack, (config) => {
      prepare(config);
      for (const key of ["istio", "gateway", "prometheus", "kiali"])
        put(config, [key, "chartRepository"], `http://127.0.0.1:${(guard.address() as AddressInfo).port}`);
    });
    await plant();
  });

  after(async () => {
    guard?.close();
    await pulumi(["destroy", "--yes", "--skip-preview", "--stack", stack]);
    await pulumi(["stack", "rm", "--yes", "--force", "--stack", stack]);
  });

  it("does not stop the rollout, whoever asks for it and however it is shown", async () => {
    assert.match(await engine("preview", "--diff"), /ended with 0/);
    assert.match(await engine("preview", "--json"), /ended with 0/);
    assert.match(await engine("up", "--yes", "--skip-preview", "--json"), /ended with 0/);
    assert.match(await ours("up", "--yes", "--json", "--expect-no-changes"), /ended with 0/);
    for (const args of [["preview", "--json"], ["preflight", "--json"], ["preflight"]])
      assert.match(await ours(...args), /ended with 0/);
    // Of a failure its own lines, not the hundreds around them.
    const shown = await ours("verify");
    assert.match(shown.replace(/\n(?!.*FAILED).*/g, ""), /ended with 0/);
    assert.match(await ours("verify", "--json"), /ended with 0/);
    for (const args of [["status", "--json"], ["outputs", "--json"], ["outputs"], ["recover", "--json"]])
      assert.match(await ours(...args), /ended with 0/);
    for (const args of [
      ["stack", "export"],
      ["stack", "history", "--json"],
      ["stack", "output", "--json"],
      ["config", "--json"],
    ])
      assert.match(await engine(...args), /ended with 0/);
    assert.match(await engine("preview", "--logtostderr", "-v=3"), /ended with 0/);
  });

  it("reaches the cluster, so that there is something to leak", async () => {
    const everything = await succeed("kubectl", ["get", "secrets,configmaps,deployments,services", "-A", "-o", "yaml"]);
    const there = leaksOf(everything);
    for (const key of ["certificate.privateKey", "istio.ca.privateKey", "istio.values.pilot.env.PLANTED"])
      assert.ok(there.includes(key), `${key} is not among ${there.join(", ")}`);
  });

  it("is in no error text: of wrong settings, of a chart, of the cluster", async () => {
    const [{ marker }] = planted as [Planted];
    const wrong: [string, (config: Config) => void][] = [
      ["settings", (config) => put(config, ["kiali", "values"], config["kubeconfig"])],
      ["a value that must not be a secret", (config) => put(config, ["hosts", 0, "host"], config["kubeconfig"])],
      [
        "chart",
        (config) => put(config, ["prometheus", "values", "server"], (config["certificate"] as Config)["privateKey"]),
      ],
      [
        "cluster",
        (config) => put(config, ["gateway", "values", "replicaCount"], (config["certificate"] as Config)["privateKey"]),
      ],
    ];
    let before: Config = {};
    await editStack(stack, (config) => (before = structuredClone(config)));
    for (const [what, change] of wrong) {
      await editStack(stack, change);
      assert.doesNotMatch(await engine("up", "--yes", "--skip-preview"), /ended with 0/, `${what} (${marker.length})`);
      said.set(`pulumi up: ${what}`, said.get("pulumi up --yes --skip-preview")!);
      assert.doesNotMatch(await ours("up", "--yes", "--json"), /ended with 0/, what);
      said.set(`enroute-istio up: ${what}`, said.get("enroute-istio up --yes --json")!);
      await editStack(stack, (config) => {
        for (const key of Object.keys(config)) delete config[key];
        Object.assign(config, structuredClone(before));
      });
    }
  });

  it("is in no comment of a review: of each secret that changes, and of each that was in plain text before", async () => {
    const checkout = new Checkout(sandbox.chartRepository);
    const own = join(sandbox.folder, "project/stacks", `Pulumi.${stack}.yaml`);
    const file = join(checkout.folder, "stacks", `Pulumi.${stack}.yaml`);
    const comment = join(sandbox.folder, "comment.md");
    try {
      for (const before of ["another text", "plain text"]) {
        await plant();
        const content = parse(readFileSync(own, "utf8")) as { config: Config };
        if (before === "plain text")
          for (const { path, value } of planted)
            put(content.config, [`enroute-istio:${path[0]}`, ...path.slice(1)], value);
        writeFileSync(file, stringify(content));
        checkout.commit(before);
        if (before === "another text") await plant();
        writeFileSync(file, readFileSync(own, "utf8"));
        const args = ["review", "--stack", stack, "--cwd", checkout.folder, "--base", "HEAD", "--comment", comment];
        const cli = [tsx, join(root, "cli/main.ts"), ...args, "--json"];
        const text = await keep(`review of ${before}`, run(process.execPath, cli, { cwd: checkout.folder }));
        const { masked, changes } = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)) as {
          masked: string[];
          changes: unknown[];
        };
        assert.deepEqual(
          planted.map(({ path }) => pathText(path)).filter((path) => !masked.includes(path)),
          [],
        );
        assert.ok(changes.length > 0, text);
        said.set(`comment of the review of ${before}`, readFileSync(comment, "utf8"));
      }
      assert.match(said.get("comment of the review of plain text")!, /\[not encrypted\]/);
    } finally {
      checkout.delete();
    }
  });

  it("is in nothing that was printed", () => {
    assert.ok(said.size > 20, `only ${said.size} commands`);
    for (const [what, text] of said) assert.deepEqual(leaksOf(text), [], what);
  });

  it("is in no file of the state, its backups and its history, nor in the project", () => {
    const folders = ["state", "project", "home/logs"].map((name) => join(sandbox.folder, name));
    const files = folders.flatMap(filesBelow);
    assert.ok(
      files.some((file) => /backups/.test(file)) && files.some((file) => /history/.test(file)),
      files.join("\n"),
    );
    for (const file of files) {
      const text = readFileSync(file, "utf8");
      // Which resource it is of, where it is a state.
      const places = text.split(/(?="urn":)/).filter((part) => leaksOf(part).length > 0);
      assert.deepEqual(leaksOf(text), [], `${file}: ${places.map((part) => part.slice(0, 150)).join("\n")}`);
    }
  });

  it("is in no argument of a process", () => {
    assert.ok([...processes].some((line) => line.includes("pulumi")));
    for (const line of processes) assert.deepEqual(leaksOf(line), [], line.replaceAll("\0", " ").slice(0, 200));
  });
});

/** A chart repository for those who log in, in front of another one. */
async function guardCharts(behind: string): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.headers.authorization?.startsWith("Basic ") !== true) return void response.writeHead(401).end();
    void (async () => {
      const answer = await fetch(behind + request.url);
      const body = Buffer.from(await answer.arrayBuffer());
      // Helm sends the login on to the same address only.
      const own = `http://${request.headers.host}`;
      const isIndex = request.url?.endsWith("index.yaml") === true;
      response.writeHead(answer.status).end(isIndex ? body.toString().replaceAll(behind, own) : body);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function filesBelow(folder: string): string[] {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true
    ? []
    : readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
        entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
      );
}
