import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { credentialsOf } from "../../../../sandbox/engine/kubernetes/credentials";
import { resolveTarget, writeKubeconfig } from "../../../../sandbox/engine/kubernetes/kubeconfig";
import { checkSettings, diffSettings, readSettings } from "../../../../sandbox/engine/kubernetes/settings";
import type { TreeMap } from "../../../../sandbox/engine/kubernetes/tree";
import { unknown as notKnown } from "../../../../sandbox/engine/wire";

function kubeconfig(names: string[], current = names[0]): string {
  return stringify({
    "current-context": current,
    clusters: names.map((name) => ({
      name,
      cluster: { server: `https://${name}.test/`, "certificate-authority": "ca.pem" },
    })),
    users: names.map((name) => ({ name, user: { token: `token-${name}` } })),
    contexts: names.map((name) => ({ name, context: { cluster: name, user: name, namespace: `ns-${name}` } })),
  });
}

describe("the kubeconfig", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "kubeconfig-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  function file(name: string, text: string): string {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  }

  it("may be text or a file, whose paths start at its folder", () => {
    const inline = resolveTarget({ kubeconfig: kubeconfig(["a", "b"], "b") });
    assert.deepEqual([inline.server, inline.namespace, inline.user], ["https://b.test", "ns-b", { token: "token-b" }]);
    const { cluster } = resolveTarget({ kubeconfig: file("config", kubeconfig(["a"])) });
    assert.equal(cluster["certificate-authority"], join(folder, "ca.pem"));
  });

  it("comes from KUBECONFIG otherwise, where the first file wins", () => {
    const env = {
      KUBECONFIG: [join(folder, "absent"), file("1", kubeconfig(["a"])), file("2", kubeconfig(["b", "a"]))].join(":"),
    };
    assert.equal(resolveTarget({}, env).server, "https://a.test");
    assert.equal(resolveTarget({ context: "b" }, env).server, "https://b.test");
  });

  it("gives way to a chosen context and cluster", () => {
    const chosen = resolveTarget({ kubeconfig: kubeconfig(["a", "b", "c"]), context: "b", cluster: "c" });
    assert.deepEqual([chosen.server, chosen.user, chosen.namespace], ["https://c.test", { token: "token-b" }, "ns-b"]);
  });

  it("is refused without its text when it is unusable", () => {
    assert.throws(() => resolveTarget({ kubeconfig: kubeconfig(["a"]), context: "x" }), /context "x" does not exist/);
    assert.throws(
      () => resolveTarget({ kubeconfig: "not a\nkubeconfig: [secret" }),
      (error: Error) => !error.message.includes("secret"),
    );
    assert.throws(
      () => resolveTarget({}, { KUBECONFIG: join(folder, "absent") }),
      /no configuration has been provided/,
    );
  });

  it("for Helm holds the target alone", () => {
    const target = resolveTarget({ kubeconfig: kubeconfig(["a", "b"]), context: "b" });
    const written = writeKubeconfig(target);
    assert.deepEqual(resolveTarget({ kubeconfig: written }), target);
    assert.equal((parse(written) as { users: unknown[] }).users.length, 1);
  });

  it("may name a program that gives credentials, whose output no error shows", async () => {
    const target = (script: string) => ({
      server: "https://a.test",
      namespace: "",
      cluster: {},
      user: {
        exec: { command: process.execPath, args: ["-e", script], apiVersion: "client.authentication.k8s.io/v1" },
      },
    });
    const answer = "console.log(JSON.stringify({status:{token:JSON.parse(process.env.KUBERNETES_EXEC_INFO).kind}}))";
    assert.equal((await credentialsOf(target(answer))).authorization, "Bearer ExecCredential");
    await assert.rejects(credentialsOf(target("console.log('hidden');process.exit(3)")), (error: Error) => {
      assert.match(error.message, /failed \(3\)/);
      return !error.message.includes("hidden");
    });
    await assert.rejects(credentialsOf(target("console.log('hidden')")), /returned no credentials/);
  });
});

describe("the provider's configuration", () => {
  it("takes only the text true for true, and else the environment", () => {
    const config: Record<string, string> = { enableSecretMutable: "yes", enablePatchForce: "true" };
    const settings = readSettings((key) => config[key], { PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE: "true" });
    assert.equal(settings.enableSecretMutable, false);
    assert.equal(settings.enablePatchForce, true);
    assert.equal(settings.enableConfigMapMutable, true);
    assert.throws(
      () => readSettings((key) => (key === "helmReleaseSettings" ? "{" : undefined), {}),
      /helmReleaseSettings/,
    );
  });

  it("is refused in modes that the stand-in leaves out", () => {
    const reasons = (inputs: Record<string, string>) =>
      checkSettings(inputs, false, {}).map(({ property }) => property);
    assert.deepEqual(reasons({ enableServerSideApply: "false" }), ["enableServerSideApply"]);
    assert.deepEqual(reasons({ renderYamlToDirectory: "out" }), ["renderYamlToDirectory"]);
    assert.deepEqual(reasons({ strictMode: "true", context: "c" }), ["kubeconfig"]);
    assert.deepEqual(reasons({ kubeconfig: "k" }), []);
  });

  it("replaces everything only when it means another cluster", () => {
    const config = (name: string, token: string) => ({ kubeconfig: kubeconfig([name]).replace(/token-.*/, token) });
    assert.deepEqual(diffSettings(config("a", "1"), config("a", "2")), { diffs: ["kubeconfig"], replaces: [] });
    assert.deepEqual(diffSettings(config("a", "1"), config("b", "1")), {
      diffs: ["kubeconfig"],
      replaces: ["kubeconfig"],
    });
    assert.deepEqual(diffSettings(config("a", "1"), config("a", "1")), { diffs: [], replaces: [] });
    const unknown: TreeMap = { kubeconfig: notKnown, namespace: "n" };
    assert.deepEqual(diffSettings({}, unknown), { diffs: ["kubeconfig"], replaces: ["kubeconfig"] });
  });

  it("replaces by the cluster's identifier, where there is one before and after", () => {
    const config = (name: string, id?: string) => ({
      kubeconfig: kubeconfig([name]),
      ...(id === undefined ? {} : { clusterIdentifier: id }),
    });
    assert.deepEqual(diffSettings(config("a", "x"), config("b", "x")).replaces, []);
    assert.deepEqual(diffSettings(config("a", "x"), config("a", "y")).replaces, ["clusterIdentifier"]);
    assert.deepEqual(diffSettings(config("a"), config("a", "y")).replaces, []);
  });
});
