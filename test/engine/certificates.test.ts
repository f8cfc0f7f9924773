import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "../../sandbox/cluster";
import { pulumi, sharedSandbox, succeed } from "./sandbox-fixture";
import { editStack, get, makeStack } from "./stacks";

interface Secret {
  metadata: { uid: string };
  data: Record<string, string>;
}
interface Versioned {
  metadata: { uid: string; resourceVersion: string };
}

const stack = "certificates";
const stackArgs = ["--stack", stack];
const namespace = "bookinfo";

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
    });
    await up();
  });

  after(async function () {
    await engine("destroy", "--yes", "--skip-preview");
  });

  it("renews a leaf that nears its end, in place: no host is touched, and the CA stays", async () => {
    const [before, hostBefore] = [await secret(), await host()];
    // As if the leaf had been made three months ago: the state is what the provider judges by.
    const state = join(sandbox.folder, "state.json");
    await succeed("pulumi", ["stack", "export", "--file", state, ...stackArgs]);
    const end = new Date(Date.now() + 20 * 24 * 3600_000).toISOString();
    const text = readFileSync(state, "utf8");
    const aged = text.replace(
      /("type": "tls:index\/locallySignedCert:LocallySignedCert"[^]*?"validityEndTime": ")[^"]*/,
      `$1${end}`,
    );
    assert.notEqual(aged, text);
    writeFileSync(state, aged);
    await succeed("pulumi", ["stack", "import", "--file", state, ...stackArgs]);
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
