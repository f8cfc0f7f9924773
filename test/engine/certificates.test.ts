import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sandbox } from "../../sandbox/cluster";
import { pulumi, run, sharedSandbox, succeed } from "./sandbox-fixture";
import { editStack, get, makeStack } from "./stacks";

interface Secret {
  metadata: { uid: string };
  data: Record<string, string>;
}
interface Resource {
  urn: string;
  outputs: Record<string, unknown>;
}
interface Versioned {
  metadata: { uid: string; resourceVersion: string };
}

const stack = "certificates";
const stackArgs = ["--stack", stack];
const namespace = "bookinfo";

/** Life of every workload certificate: how long each phase of the mesh's root takes. */
const life = 5;

describe("certificates through their whole life", function () {
  this.timeout(300_000);
  let sandbox: Sandbox;

  const engine = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await pulumi([...args, ...stackArgs]);
    assert.equal(code, 0, stdout + stderr);
    return stdout + stderr;
  };
  const up = (...args: string[]) => engine("up", "--yes", "--skip-preview", ...args);
  /** What the engine says to an update that must be refused, with nothing changed. */
  const refused = async (): Promise<string> => {
    const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", ...stackArgs]);
    assert.notEqual(code, 0, stdout + stderr);
    return stdout + stderr;
  };
  const certificate = (settings: object) => editStack(stack, (config) => (config["certificate"] = settings));
  const secret = (name = "gateway-serving-certificate") => get<Secret>("secret", "-n", namespace, name);
  const part = ({ data }: Secret, key: string) => Buffer.from(data[key]!, "base64").toString();
  const leafOf = (found: Secret) => new X509Certificate(part(found, "tls.crt"));
  const host = () => get<Versioned>("gatewayhost", "-n", namespace, "bookinfo-sandbox-example");

  before(async function () {
    this.timeout(0);
    sandbox = await sharedSandbox();
    await makeStack(stack, (config) => {
      for (const optional of ["prometheus", "kiali", "bookinfo"]) delete config[optional];
      delete (config["gateway"] as Record<string, unknown>)["workloadCertificate"];
      Object.assign(config["istio"] as object, {
        ca: { issuer: "generated", roots: ["one"] },
        meshConfig: { defaultConfig: { proxyMetadata: { SECRET_TTL: `${life}s` } } },
      });
    });
    await up();
  });

  after(async function () {
    await engine("destroy", "--yes", "--skip-preview");
  });

  const authority = (settings: object) =>
    editStack(stack, (config) => ((config["istio"] as Record<string, unknown>)["ca"] = settings));
  const meshRoots = async () => {
    const { data } = await get<{ data: Record<string, string> }>(
      "configmap",
      "-n",
      "istio-system",
      "istio-ca-root-cert",
    );
    const blocks = data["root-cert.pem"]!.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g)!;
    return blocks.map((block) => new X509Certificate(block).subject.split("CN=")[1]);
  };
  const cacerts = () => get<Secret>("secret", "-n", "istio-system", "cacerts");
  const signer = async () => new X509Certificate(part(await cacerts(), "ca-cert.pem")).issuer.split("CN=")[1];

  it("plugs the mesh's CA in before istiod starts: istiod never made one of its own", async () => {
    assert.deepEqual(await meshRoots(), ["Istio mesh root one"]);
    const secrets = await get<{ items: { metadata: { name: string } }[] }>("secrets", "-n", "istio-system");
    assert.ok(!secrets.items.some(({ metadata }) => metadata.name === "istio-ca-secret"));
    const cli = join(__dirname, "../../verify/cli.ts");
    const { stdout } = await run(process.execPath, [
      "--import",
      "tsx",
      cli,
      "verify",
      ...stackArgs,
      "--dial-services",
      "--json",
    ]);
    const report = JSON.parse(stdout) as { results: { check: string; status: string; evidence: string }[] };
    const identity = report.results.filter(({ check }) => check.startsWith("identity/"));
    assert.deepEqual([...new Set(identity.map(({ status }) => status))], ["passed"], JSON.stringify(identity));
  });

  it("changes the mesh's root by phases, and refuses to hurry", async () => {
    await authority({ issuer: "generated", roots: ["one", "two"], signer: "two" });
    assert.match(await refused(), /istio\.ca: root two is to sign in the update that adds it: nobody trusts it yet/);
    await authority({ issuer: "generated", roots: ["one", "two"] });
    await up();
    await eventually(async () => assert.deepEqual(await meshRoots(), ["Istio mesh root one", "Istio mesh root two"]));
    assert.equal(await signer(), "Istio mesh root one");
    await authority({ issuer: "generated", roots: ["one", "two"], signer: "two" });
    const hurried = await refused();
    assert.match(
      hurried,
      /root two may not sign yet: istiod has told of it since .*1 proxy \(enroute-system\/enroute-/,
    );
    await waitUntil(hurried);
    await up();
    assert.equal(await signer(), "Istio mesh root two");
    await authority({ issuer: "generated", roots: ["two"] });
    const early = await refused();
    assert.match(early, /root one may not go yet: .* may still present an earlier certificate/);
    await waitUntil(early);
    await up();
    await eventually(async () => assert.deepEqual(await meshRoots(), ["Istio mesh root two"]));
    await authority({ issuer: "istiod" });
    assert.match(await refused(), /istiod would sign by a root of its own, which no proxy trusts, instead of two/);
    await authority({ issuer: "generated", roots: ["two"] });
  });

  it("renews a leaf that nears its end, in place: no host is touched, and the CA stays", async () => {
    const [before, hostBefore] = [await secret(), await host()];
    // As if the leaf had been made three months ago: the state is what the provider judges by.
    const file = join(sandbox.folder, "state.json");
    await succeed("pulumi", ["stack", "export", "--file", file, ...stackArgs]);
    const state = JSON.parse(readFileSync(file, "utf8")) as { deployment: { resources: Resource[] } };
    const leaf = state.deployment.resources.find(({ urn }) =>
      /LocallySignedCert::serving-certificate-leaf$/.test(urn),
    )!;
    leaf.outputs["validityEndTime"] = new Date(Date.now() + 20 * 24 * 3600_000).toISOString();
    writeFileSync(file, JSON.stringify(state));
    await succeed("pulumi", ["stack", "import", "--file", file, ...stackArgs]);
    const said = await up("--refresh");
    const [after, hostAfter] = [await secret(), await host()];
    assert.notEqual(part(after, "tls.crt"), part(before, "tls.crt"), said);
    assert.equal(after.metadata.uid, before.metadata.uid);
    assert.equal(part(after, "ca.crt"), part(before, "ca.crt"));
    assert.deepEqual(hostAfter.metadata, hostBefore.metadata);
    await up("--refresh", "--expect-no-changes");
  });

  it("changes the CA by phases, with both trusted meanwhile, and refuses to skip one", async () => {
    const [before, hostBefore] = [await secret(), await host()];
    await certificate({ issuer: "generated", roots: ["ca", "2026"], signer: "2026" });
    assert.match(await refused(), /root 2026 is to sign in the update that adds it: nobody trusts it yet/);
    await certificate({ issuer: "generated", roots: ["ca", "2026"] });
    await up();
    const both = await secret();
    assert.equal(part(both, "tls.crt"), part(before, "tls.crt"), "the leaf stays");
    assert.equal(part(both, "ca.crt").match(/BEGIN CERTIFICATE/g)!.length, 2);
    assert.ok(part(both, "ca.crt").startsWith(part(before, "ca.crt")), "the CA that there was is trusted still");
    await certificate({ issuer: "generated", roots: ["2026"] });
    assert.match(await refused(), /root ca has signed the certificates in use, and is dropped/);
    await certificate({ issuer: "generated", roots: ["ca", "2026"], signer: "2026", ipAddresses: ["192.0.2.7"] });
    await up();
    const switched = await secret();
    assert.match(leafOf(switched).issuer, /CN=EnRoute gateway CA 2026/);
    assert.match(leafOf(switched).subjectAltName!, /IP Address:192\.0\.2\.7/);
    assert.equal(part(switched, "ca.crt"), part(both, "ca.crt"));
    await certificate({ issuer: "generated", roots: ["2026"], ipAddresses: ["192.0.2.7"] });
    await up();
    const after = await secret();
    assert.equal(part(after, "tls.crt"), part(switched, "tls.crt"));
    assert.equal(part(after, "ca.crt").match(/BEGIN CERTIFICATE/g)!.length, 1);
    assert.equal(after.metadata.uid, before.metadata.uid);
    assert.deepEqual((await host()).metadata, hostBefore.metadata);
  });
});

/** Waits until the moment that a refusal names. */
async function waitUntil(refusal: string): Promise<void> {
  const moment = /wait until (\S+),/.exec(refusal)?.[1];
  assert.ok(moment !== undefined, refusal);
  await sleep(Math.max(0, Date.parse(moment) - Date.now()) + 100);
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
