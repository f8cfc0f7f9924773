import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { stringify } from "yaml";
import { credentialsOf } from "../../../cluster/credentials";
import {
  expandHome,
  parseKubeconfig,
  providerProblem,
  readKubeconfigs,
  targetOf,
  usualFiles,
} from "../../../cluster/kubeconfig";

type Tree = Record<string, unknown>;

/** What kubectl does with the same files is compared in test/engine/kubeconfigs.test.ts. */
describe("a kubeconfig", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "enroute-kubeconfigs-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const config = (user: Tree, cluster: Tree = {}, more: Tree = {}) => ({
    clusters: [{ name: "c", cluster: { server: "https://c", ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    ...more,
  });
  const write = (name: string, content: unknown) => {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), typeof content === "string" ? content : stringify(content));
    return join(folder, name);
  };

  it("is the usual one, or all of KUBECONFIG, each once", () => {
    assert.deepEqual(usualFiles({}), [join(homedir(), ".kube/config")]);
    assert.deepEqual(usualFiles({ KUBECONFIG: ["/a", "", "/b", "/a"].join(delimiter) }), ["/a", "/b"]);
    assert.equal(expandHome("~/x"), join(homedir(), "x"));
    assert.equal(expandHome("~x"), "~x");
  });

  it("is merged of several: the first entry of a name counts, files that are missing or empty do not", () => {
    const one = write("one", config({ token: "1" }, {}, { "current-context": "" }));
    const two = write("two", config({ token: "2" }, {}, { "current-context": "x" }));
    const merged = readKubeconfigs([join(folder, "missing"), write("empty", ""), one, two, one]);
    assert.deepEqual(targetOf(merged, merged.current)?.user, { token: "1" });
    assert.equal(merged.current, "x");
  });

  it("has its paths from its own folder, but for a plugin on the PATH", () => {
    const file = write(
      "sub/config",
      config({ tokenFile: "t", exec: { command: "./p" } }, { "certificate-authority": "/ca" }),
    );
    const target = targetOf(readKubeconfigs([file]), "x")!;
    assert.equal(target.user["tokenFile"], join(folder, "sub/t"));
    assert.deepEqual(target.user["exec"], { command: join(folder, "sub/p") });
    assert.equal(target.cluster["certificate-authority"], "/ca");
    assert.deepEqual(target.relative, ["t", "./p"]);
    const bare = parseKubeconfig(stringify(config({ exec: { command: "aws" } })), ".");
    assert.deepEqual(targetOf(bare, "x")?.user, { exec: { command: "aws" } });
  });

  it("leads nowhere without the context, or without its cluster", () => {
    const parsed = parseKubeconfig(stringify({ ...config({}), clusters: [] }), ".");
    assert.equal(targetOf(parsed, "x"), undefined);
    assert.equal(targetOf(parsed, "y"), undefined);
    assert.throws(() => parseKubeconfig("- a", "."), /it is no kubeconfig/);
  });

  const unusable: [string, Tree, RegExp][] = [
    ["an auth-provider", { "auth-provider": { name: "gcp" } }, /auth-provider \(gcp\).*dropped in 1\.26/],
    ["a tokenFile that is missing", { tokenFile: "/nowhere/t" }, /tokenFile \/nowhere\/t cannot be read: ENOENT/],
    ["a certificate that is missing", { "client-certificate": "/nowhere/c" }, /client-certificate \/nowhere\/c/],
    ["a plugin that wants a terminal", { exec: { command: "p", interactiveMode: "Always" } }, /asks for a terminal/],
    [
      "a plugin that answers with something else",
      { exec: { command: "echo", args: ["secret-text"] } },
      /not answer with an ExecCredential/,
    ],
    [
      "a plugin that answers in another version",
      { exec: { command: "echo", args: ['{"apiVersion":"a/v1","status":{"token":"t"}}'], apiVersion: "b/v1" } },
      /answers in a\/v1, and the kubeconfig asks for b\/v1/,
    ],
    [
      "a plugin that gives nothing",
      { exec: { command: "echo", args: ['{"apiVersion":"b/v1","status":{}}'], apiVersion: "b/v1" } },
      /neither a token nor a certificate/,
    ],
  ];
  for (const [what, user, expected] of unusable)
    it(`has credentials that cannot be used, with the reason: ${what}`, async () => {
      const target = targetOf(parseKubeconfig(stringify(config(user)), "."), "x")!;
      await assert.rejects(credentialsOf(target), (error: Error) => {
        assert.match(error.message, expected);
        assert.doesNotMatch(error.message, /secret-text/);
        return true;
      });
    });

  it("is told where Pulumi's provider would not do as kubectl does", () => {
    const file = write("p/config", config({ tokenFile: "t" }));
    const relative = targetOf(readKubeconfigs([file]), "x")!;
    assert.match(providerProblem(file, relative, folder)!.problem, /names t by relative paths/);
    assert.equal(providerProblem(file, relative, join(folder, "p")), undefined);
    assert.equal(providerProblem("", relative, folder), undefined);
    const nobody = targetOf(parseKubeconfig(stringify({ ...config({}), users: [] }), "."), "x")!;
    assert.match(providerProblem("", nobody, folder)!.problem, /context x has no user/);
    assert.equal(providerProblem(file, nobody, folder), undefined);
  });

  it("impersonates with all that Kubernetes knows", async () => {
    const user = { token: "t", as: "jane", "as-uid": "1", "as-groups": ["a", "b"], "as-user-extra": { "x/y": ["1"] } };
    const { headers } = await credentialsOf(targetOf(parseKubeconfig(stringify(config(user)), "."), "x")!);
    assert.deepEqual(headers, {
      "Impersonate-User": "jane",
      "Impersonate-Uid": "1",
      "Impersonate-Group": ["a", "b"],
      "Impersonate-Extra-x%2Fy": ["1"],
    });
  });
});
