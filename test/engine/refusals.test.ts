import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "../../sandbox/cluster";
import { pulumi, sharedSandbox, succeed } from "./sandbox-fixture";
import { editStack, get, makeStack } from "./stacks";

type Config = Record<string, unknown>;
const section = (config: Config, key: string) => config[key] as Config;

describe("bad input, as a person sees it", function () {
  this.timeout(120_000);
  let sandbox: Sandbox;
  let initial: string[];

  const namespaces = async () =>
    (await get<{ items: { metadata: { name: string } }[] }>("namespaces")).items.map(({ metadata }) => metadata.name);

  before(async function () {
    this.timeout(0);
    sandbox = await sharedSandbox();
    initial = await namespaces();
    await makeStack("refused");
  });

  /** What `pulumi up` says to settings that must be refused. Nothing may have been touched, and nobody wants a stack trace. */
  async function refusal(change: (config: Config) => void, more: string[] = []): Promise<string> {
    await editStack("refused", change, "sandbox");
    const { code, stdout, stderr } = await pulumi(["up", "--yes", "--stack", "refused", ...more]);
    const text = stdout + stderr;
    assert.notEqual(code, 0, text);
    assert.deepEqual(await namespaces(), initial, "nothing was created");
    assert.doesNotMatch(text, /^\s+at .*\(.*:\d+:\d+\)$/m, text);
    return text;
  }

  it("names every misspelt or wrong key, with a suggestion", async () => {
    const text = await refusal((config) => {
      section(config, "istio")["verson"] = "1.31.0";
      section(config, "gateway")["replicas"] = "two";
      config["hots"] = [];
    });
    assert.match(text, /3 settings are wrong in stack refused; nothing was changed\./);
    assert.match(text, /istio\.verson[^]*did you mean version\?/);
    assert.match(text, /gateway\.replicas[^]*a whole number from 1 to 100/);
    assert.match(text, /hots[^]*did you mean hosts\?/);
    assert.match(text, /pulumi config set --path/);
  });

  it("names commands that put it right, one after the other", async () => {
    const values: Record<string, string> = { "istio.version": "1.31.0", "gateway.replicas": "1" };
    let text = await refusal((config) => {
      section(config, "istio")["version"] = "^1";
      section(config, "gateway")["replcas"] = 1;
      section(config, "gateway")["it's"] = { "a.b/c": 1 };
      config["a.b"] = "x";
    });
    const done: string[] = [];
    for (let round = 0; round < 6 && /settings? (is|are) wrong/.test(text); round++) {
      for (const [, command = ""] of text.matchAll(/^ +(?:Set one|Take one away) with: (.*)$/gm)) {
        const [, key = ""] = /'enroute-istio:(\S+)'/.exec(command) ?? [];
        await succeed("sh", ["-c", command.replace("<value>", values[key] ?? `no value for ${key}`)]);
        done.push(command);
      }
      const { stdout, stderr } = await pulumi(["preview", "--stack", "refused"]);
      text = stdout + stderr;
    }
    assert.doesNotMatch(text, /settings? (is|are) wrong/, done.join("\n"));
    assert.ok(done.length >= 5, done.join("\n"));
  });

  it("lets the CLI refuse a scalar of the wrong type", async () => {
    const text = await refusal((config) => (config["context"] = ["a"]));
    assert.match(text, /configuration key 'context' must be of type 'string'/);
  });

  it("tells that the cluster cannot be reached, where it is, and what to check", async () => {
    const broken = join(sandbox.folder, "unreachable.kubeconfig");
    const text = readFileSync(sandbox.kubeconfig, "utf8").replace(/server: .*/, "server: https://127.0.0.1:1");
    writeFileSync(broken, text, { mode: 0o600 });
    const said = await refusal((config) => (config["kubeconfig"] = broken));
    assert.match(said, /cluster .* at https:\/\/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/);
    assert.match(said, /check that the cluster runs/);
  });

  it("tells that the credentials are refused", async () => {
    const broken = join(sandbox.folder, "refused.kubeconfig");
    writeFileSync(broken, readFileSync(sandbox.kubeconfig, "utf8").replace(/token: .*/, "token: no-such-token"), {
      mode: 0o600,
    });
    assert.match(await refusal((config) => (config["kubeconfig"] = broken)), /refuses these credentials \(HTTP 401\)/);
  });

  it("tells that the kubeconfig does not exist", async () => {
    assert.match(
      await refusal((config) => (config["kubeconfig"] = "/nowhere/config")),
      /kubeconfig \/nowhere\/config does not exist/,
    );
  });

  it("tells that the context does not exist, and which do", async () => {
    const text = await refusal((config) => (config["context"] = "prodd"));
    assert.match(text, new RegExp(`context prodd is not in [^]*to one of: ${sandbox.context}`));
  });

  it("tells that the chart repository cannot be reached", async () => {
    const text = await refusal(
      (config) => (section(config, "gateway")["chartRepository"] = "http://127.0.0.1:1/charts"),
    );
    assert.match(text, /http:\/\/127\.0\.0\.1:1\/charts/);
    assert.match(text, /connection refused|ECONNREFUSED/);
    assert.match(text, /enroute/);
  });

  it("tells that the chart has no such version", async () => {
    const text = await refusal((config) => (section(config, "kiali")["version"] = "99.0.0"));
    assert.match(text, /kiali-server/);
    assert.match(text, /99\.0\.0/);
  });

  it("tells that a namespace exists that it was asked to create, and how to take it as it is", async () => {
    await succeed("kubectl", ["create", "namespace", "occupied"]);
    try {
      initial.push("occupied");
      initial.sort();
      const text = await refusal((config) => (config["namespaces"] = [{ name: "bookinfo" }, { name: "occupied" }]));
      assert.match(text, /namespace occupied exists already, and namespaces\[1\] asks to create it/);
      assert.match(text, /set namespaces\[1\]\.create to false/);
    } finally {
      await succeed("kubectl", ["delete", "namespace", "occupied"]);
      initial.splice(initial.indexOf("occupied"), 1);
    }
  });

  it("warns of a chart host that is being switched off, before it fails for another reason", async () => {
    const text = await refusal((config) => {
      section(config, "istio")["hub"] = "gcr.io/istio-release";
      config["kubeconfig"] = "/nowhere/config";
    });
    assert.match(
      text,
      /warning: istio\.hub is gcr\.io\/istio-release: .* is being switched off[^\n]*\n +fix: use docker\.io\/istio/,
    );
  });
});
