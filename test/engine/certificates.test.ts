import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sandbox } from "../../sandbox/cluster";
import { buildTool } from "../../sandbox/build";
import { type Ended, runTethered } from "../../sandbox/tethered";
import { issue } from "../unit/certificates";
import { pulumi, run, sharedSandbox, succeed } from "./sandbox-fixture";
import { editStack, get, makeStack } from "./stacks";

interface Secret {
  metadata: { uid: string };
  data: Record<string, string>;
}
interface Versioned {
  metadata: { uid: string; resourceVersion: string };
  spec: { virtualhost: { tls: { secretName: string } } };
}
interface Resource {
  urn: string;
  outputs: Record<string, unknown>;
}
type Config = Record<string, unknown>;

const stack = "certificates";
const stackArgs = ["--stack", stack];
const namespace = "bookinfo";
const host = "bookinfo.sandbox.example";
/** The shell commands of docs/certificates.md by the heading that they stand under; each has to be used. */
const documented = shellBlocks(readFileSync(join(__dirname, "../../docs/certificates.md"), "utf8"));
const used = new Set<string>();

describe("certificates through their whole life, by the commands of docs/certificates.md", function () {
  this.timeout(300_000);
  let sandbox: Sandbox;
  let certManager: string;

  const engine = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await pulumi([...args, ...stackArgs]);
    assert.equal(code, 0, stdout + stderr);
    return stdout + stderr;
  };
  const up = (...args: string[]) => engine("up", "--yes", "--skip-preview", ...args);
  /** Runs blocks of the document; of several, the update comes once, after all the settings. */
  const follow = async (...blocks: string[]): Promise<Ended> => {
    const lines = blocks.flatMap((block) => {
      used.add(block);
      assert.ok(documented[block] !== undefined, `the document has no block ${block}`);
      return documented[block].split("\n");
    });
    const isUpdate = (line: string) => line.startsWith("pulumi up");
    const once = lines.filter((line, index) => !isUpdate(line) || !lines.slice(index + 1).some(isUpdate));
    return run("bash", ["-euo", "pipefail", "-c", once.join("\n")], {
      cwd: join(sandbox.folder, "project"),
      env: { NO_COLOR: "1", PULUMI_OPTION_SKIP_PREVIEW: "true" },
    });
  };
  const taken = async (ended: Promise<Ended>): Promise<string> => {
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stdout + stderr);
    return stdout + stderr;
  };
  /** What is said to an update that must be refused, with nothing changed. */
  const refused = async (ended: Promise<Ended>): Promise<string> => {
    const { code, stdout, stderr } = await ended;
    assert.notEqual(code, 0, stdout + stderr);
    assert.match(stdout + stderr, /nothing was changed/);
    return stdout + stderr;
  };
  const tryUp = () => pulumi(["up", "--yes", "--skip-preview", ...stackArgs]);
  const istio = (config: Config) => config["istio"] as Config;
  const secret = (name = "gateway-serving-certificate") => get<Secret>("secret", "-n", namespace, name);
  const part = ({ data }: Secret, key: string) => Buffer.from(data[key]!, "base64").toString();
  const leafOf = (found: Secret) => new X509Certificate(part(found, "tls.crt"));
  const gatewayHost = () => get<Versioned>("gatewayhost", "-n", namespace, host);
  const meshRoots = async () => {
    const path = ["configmap", "-n", "istio-system", "istio-ca-root-cert"];
    const { data } = await get<{ data: Record<string, string> }>(...path);
    return certificates(data["root-cert.pem"]!).map(({ subject }) => subject.replaceAll("\n", ", "));
  };
  const signer = async () => {
    const cacerts = await get<Secret>("secret", "-n", "istio-system", "cacerts");
    return new X509Certificate(part(cacerts, "ca-cert.pem")).issuer.replaceAll("\n", ", ");
  };
  const next = "O=enroute-istio, CN=Istio mesh root next";
  /** The checks of the leg's certificates and of the mesh's identity that do not pass. */
  const doubts = async () => {
    const cli = join(__dirname, "../../cli/main.ts");
    const args = ["--import", "tsx", cli, "verify", ...stackArgs, "--dial-services", "--json"];
    const { stdout, stderr } = await run(process.execPath, args);
    assert.notEqual(stdout, "", stderr);
    const { results } = JSON.parse(stdout) as { results: { check: string; status: string; evidence: string }[] };
    return results.filter(({ check, status }) => /^(certificates|identity)\//.test(check) && status !== "passed");
  };

  before(async function () {
    this.timeout(0);
    sandbox = await sharedSandbox();
    certManager = await buildTool("certManager");
    await makeStack(stack, (config) => {
      for (const optional of ["prometheus", "kiali", "bookinfo"]) delete config[optional];
    });
    await up();
  });

  after(async function () {
    await engine("destroy", "--yes", "--skip-preview");
  });

  it("renews a leaf that nears its end, in place: no host is touched, and the CA stays", async () => {
    const [before, hostBefore] = [await secret(), await gatewayHost()];
    // As if the leaf had been made two months ago: the state is what the provider judges by.
    const file = join(sandbox.folder, "state.json");
    await succeed("pulumi", ["stack", "export", "--file", file, ...stackArgs]);
    const state = JSON.parse(readFileSync(file, "utf8")) as { deployment: { resources: Resource[] } };
    const leaf = state.deployment.resources.find(({ urn }) =>
      urn.endsWith("LocallySignedCert::serving-certificate-leaf"),
    )!;
    leaf.outputs["validityEndTime"] = new Date(Date.now() + 20 * 24 * 3600_000).toISOString();
    writeFileSync(file, JSON.stringify(state));
    await succeed("pulumi", ["stack", "import", "--file", file, ...stackArgs]);
    await taken(follow("Renewing what the stack has generated 1"));
    const [after, hostAfter] = [await secret(), await gatewayHost()];
    assert.notEqual(part(after, "tls.crt"), part(before, "tls.crt"));
    assert.equal(after.metadata.uid, before.metadata.uid);
    assert.equal(part(after, "ca.crt"), part(before, "ca.crt"));
    assert.deepEqual(hostAfter.metadata, hostBefore.metadata);
  });

  it("changes the hosts' CA and the mesh's root by phases, with both trusted meanwhile, and refuses to skip or to hurry one", async () => {
    const [before, hostBefore, own] = [await secret(), await gatewayHost(), await meshRoots()];
    await editStack(stack, (config) => {
      config["certificate"] = { issuer: "generated", roots: ["ca", "next"], signer: "next" };
      istio(config)["ca"] = { issuer: "generated", roots: ["next"] };
    });
    const skipped = await refused(tryUp());
    assert.match(skipped, /certificate\.roots: root next is to sign in the update that adds it: nobody trusts it yet/);
    assert.match(
      skipped,
      /istio\.ca: root next is to sign in the update that adds it[^]*fix: take over istiod's own CA/,
    );

    await editStack(stack, (config) => {
      config["certificate"] = { issuer: "generated", ipAddresses: ["192.0.2.7"] };
      delete istio(config)["ca"];
    });
    await taken(follow("Changing the CA of generated certificates 1", "A CA of your own for the mesh 1"));
    const both = await secret();
    assert.equal(leafOf(both).issuer, leafOf(before).issuer);
    assert.match(leafOf(both).subjectAltName!, /IP Address:192\.0\.2\.7/);
    assert.equal(
      part(both, "ca.crt").startsWith(part(before, "ca.crt")),
      true,
      "the CA that there was is trusted still",
    );
    assert.equal(certificates(part(both, "ca.crt")).length, 2);
    await eventually(async () => assert.deepEqual(await meshRoots(), [next, ...own]));
    assert.deepEqual([await signer()], own);

    const hurried = await refused(
      follow("Changing the CA of generated certificates 2", "A CA of your own for the mesh 2"),
    );
    assert.match(hurried, /istio\.ca: root next may not sign yet: .* 1 proxy \(enroute-system\/enroute-/);
    assert.equal(part(await secret(), "tls.crt"), part(both, "tls.crt"));
    await restartProxies(hurried);
    await up();
    const switched = await secret();
    assert.match(leafOf(switched).issuer, /CN=EnRoute gateway CA next/);
    assert.equal(part(switched, "ca.crt"), part(both, "ca.crt"));
    assert.equal(await signer(), next);
    await eventually(async () => assert.deepEqual(await doubts(), []));

    const early = await refused(
      follow("Changing the CA of generated certificates 3", "A CA of your own for the mesh 3"),
    );
    assert.match(
      early,
      /istio\.ca: root .*cluster\.local.* may not go yet: .* may still present an earlier certificate/,
    );
    await restartProxies(early);
    await up();
    const after = await secret();
    assert.equal(part(after, "tls.crt"), part(switched, "tls.crt"));
    assert.equal(certificates(part(after, "ca.crt")).length, 1);
    assert.equal(after.metadata.uid, before.metadata.uid);
    assert.deepEqual((await gatewayHost()).metadata, hostBefore.metadata);
    await eventually(async () => assert.deepEqual(await meshRoots(), [next]));
    await eventually(async () => assert.deepEqual(await doubts(), []));
    const back = (config: Config) => (istio(config)["ca"] = { issuer: "istiod" });
    await editStack(stack, back);
    assert.match(
      await refused(tryUp()),
      /istiod would sign by a root of its own, which no proxy trusts, instead of next/,
    );
    await editStack(stack, (config) => (istio(config)["ca"] = { issuer: "generated", roots: ["next"] }));
  });

  it("has cert-manager issue, and lets no host go without its Secret meanwhile", async () => {
    const block = "Having cert-manager issue it 1";
    assert.match(await refused(follow(block)), /cert-manager is not installed/);
    let controllers = await startCertManager();
    await eventually(async () =>
      assert.match(await refused(tryUp()), /Issuer ours does not exist in namespace bookinfo/),
    );
    const ca = await issue({ name: "issuing CA", ca: true });
    const stringData = { "tls.crt": ca.certificate, "tls.key": ca.privateKey };
    await apply(
      { apiVersion: "v1", kind: "Secret", metadata: { name: "ca", namespace }, type: "kubernetes.io/tls", stringData },
      {
        apiVersion: "cert-manager.io/v1",
        kind: "Issuer",
        metadata: { name: "ours", namespace },
        spec: { ca: { secretName: "ca" } },
      },
    );
    await succeed("kubectl", ["wait", "--for=condition=Ready", "issuer/ours", "-n", namespace, "--timeout=300s"]);
    // Without its controllers, the order stands and nobody issues.
    await controllers.stop();
    const update = tryUp();
    const name = "gateway-serving-certificate-managed";
    const wanted = await ordered(name);
    assert.deepEqual(wanted.spec["dnsNames"], [host]);
    await sleep(1500);
    assert.equal((await gatewayHost()).spec.virtualhost.tls.secretName, "gateway-serving-certificate");
    controllers = await startCertManager();
    await taken(update);
    await controllers.stop();
    const leaf = leafOf(await secret(name));
    assert.deepEqual([leaf.subjectAltName, leaf.issuer], [`DNS:${host}`, "CN=issuing CA"]);
    assert.equal((await gatewayHost()).spec.virtualhost.tls.secretName, name);
    const { stdout } = await run("kubectl", ["get", "secrets", "-n", namespace, "--output", "name"]);
    assert.doesNotMatch(stdout, /gateway-serving-certificate$/m, "the one of before goes after the host has moved");
    assert.deepEqual(await doubts(), []);
  });

  it("takes a certificate that was brought, and keeps every key out of the plain state", async () => {
    const ca = await issue({ name: "brought", ca: true });
    const { certificate, privateKey } = await issue({ hosts: [host], issuer: ca });
    const folder = join(sandbox.folder, "project");
    for (const [file, text] of Object.entries({ chain: certificate, key: privateKey, ca: ca.certificate }))
      writeFileSync(join(folder, `${file}.pem`), text, { mode: 0o600 });
    const said = await taken(follow("Bringing a certificate 1"));
    assert.equal(part(await secret(), "tls.crt").trimEnd(), certificate.trimEnd());
    const everything = await succeed("pulumi", ["stack", "export", "--show-secrets", ...stackArgs]);
    const keys = [...everything.matchAll(/-----BEGIN[A-Z ]* PRIVATE KEY-----\\+n([A-Za-z0-9+/=]{40})/g)].map(
      ([, line]) => line!,
    );
    assert.ok(new Set(keys).size >= 3, "keys of the mesh's root and intermediate, and of the leaf, are in the state");
    const plain = {
      said,
      state: await succeed("pulumi", ["stack", "export", ...stackArgs]),
      outputs: await succeed("pulumi", ["stack", "output", "--json", "--show-secrets", ...stackArgs]),
      settings: readFileSync(join(folder, "stacks", `Pulumi.${stack}.yaml`), "utf8"),
      istiod: await succeed("helm", ["get", "values", "--all", "istiod", "-n", "istio-system"]),
    };
    for (const [where, text] of Object.entries(plain))
      for (const key of keys) assert.ok(!text.includes(key), `a key is in ${where}`);
  });

  it("has run every command of the document", () =>
    assert.deepEqual(Object.keys(documented), [...used].sort(byDocument)));

  const byDocument = (a: string, b: string) => Object.keys(documented).indexOf(a) - Object.keys(documented).indexOf(b);

  /** Runs cert-manager's own controllers on the sandbox, until they are stopped. */
  async function startCertManager(): Promise<{ stop(): Promise<void> }> {
    const ending = new AbortController();
    let output = "";
    let isReady = false;
    const args = ["--kubeconfig", sandbox.kubeconfig];
    const ended = runTethered(sandbox.binaries.tether, certManager, args, {
      env: process.env,
      signal: ending.signal,
      show: (line) => {
        output += `${line}\n`;
        isReady ||= line === "the controllers are started";
        return undefined;
      },
    });
    let isOver = false;
    void ended.finally(() => (isOver = true));
    while (!isReady) {
      assert.ok(!isOver, output);
      await sleep(100);
    }
    return {
      async stop() {
        ending.abort();
        await ended;
      },
    };
  }

  async function apply(...objects: object[]): Promise<void> {
    const file = join(sandbox.folder, "objects.json");
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }), { mode: 0o600 });
    await succeed("kubectl", ["apply", "--server-side", "--force-conflicts", "--field-manager=test", "-f", file]);
  }

  async function ordered(name: string): Promise<{ spec: Record<string, unknown> }> {
    for (;;) {
      const path = [
        "get",
        "certificates.cert-manager.io",
        name,
        "-n",
        namespace,
        "--ignore-not-found",
        "--output",
        "json",
      ];
      const text = await succeed("kubectl", path);
      if (text !== "") return JSON.parse(text) as { spec: Record<string, unknown> };
      await sleep(300);
    }
  }
});

function certificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** Shell blocks of a document, as `<heading> <number below it>`. */
function shellBlocks(text: string): Record<string, string> {
  const blocks: Record<string, string> = {};
  for (const section of text.split(/^#+ /m).slice(1)) {
    const [heading = ""] = section.split("\n");
    [...section.matchAll(/^```sh\n([^]*?)^```$/gm)].forEach(
      ([, script = ""], index) => (blocks[`${heading} ${index + 1}`] = script.trimEnd()),
    );
  }
  return blocks;
}

/** Does what a refusal advises whoever does not want to wait. */
async function restartProxies(refusal: string): Promise<void> {
  const command = /or restart them: (kubectl rollout restart deployment -n enroute-system);/.exec(refusal)?.[1];
  assert.ok(command !== undefined, refusal);
  await succeed("bash", ["-euc", `${command}; kubectl rollout status deployment -n enroute-system`]);
  // The one of before, on its way out.
  await eventually(async () => {
    const { items } = await get<{ items: unknown[] }>("pods", "-n", "enroute-system");
    assert.equal(items.length, 1);
  });
}

/** Tries again until it holds; the test's own time limit ends it. */
async function eventually(holds: () => Promise<void>): Promise<void> {
  for (;;)
    try {
      return await holds();
    } catch (error) {
      if (!(error instanceof assert.AssertionError)) throw error;
      await sleep(500);
    }
}
