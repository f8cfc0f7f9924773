import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { parse, stringify } from "yaml";
import { openCluster } from "../../cluster/client";
import { run, sandboxVariables, sharedSandbox, succeed } from "./sandbox-fixture";

interface Entry {
  name: string;
  [part: string]: unknown;
}
interface Config {
  clusters: Entry[];
  users: Entry[];
  contexts: Entry[];
  "current-context"?: string;
}
type Tree = Record<string, unknown>;

/** What a case is made of: files by their name, and the environment in which both look. */
interface Case {
  files: Record<string, unknown>;
  env?: Record<string, string>;
  /** Who both are; a pattern of the error where both are nobody. */
  expected: string | RegExp;
}

describe("kubeconfigs, against kubectl auth whoami", function () {
  this.timeout(120_000);
  let folder: string;
  let base: { cluster: Tree; user: { token: string } };
  let account: string;
  let api: { host: string; port: number };
  let proxied: string[] = [];
  let proxy: Server;
  let plain: { url: string; end: () => void };

  before(async function () {
    this.timeout(0);
    folder = mkdtempSync(join(tmpdir(), "enroute-whoami-"));
    const { kubeconfig } = await sharedSandbox();
    const { clusters, users } = parse(readFileSync(kubeconfig, "utf8")) as Config;
    base = { cluster: clusters[0]!["cluster"] as Tree, user: users[0]!["user"] as { token: string } };
    const { hostname, port } = new URL(String(base.cluster["server"]));
    api = { host: hostname, port: Number(port) };
    await succeed("kubectl", ["create", "serviceaccount", "whoami", "-n", "default"]);
    account = (await succeed("kubectl", ["create", "token", "whoami", "-n", "default"])).trim();
    // A proxy that knows a name for the API server.
    proxy = createServer().on("connect", (request, socket) => {
      proxied.push(String(request.url));
      const onwards = connect(api.port, api.host, () => socket.write("HTTP/1.1 200 Connection Established\r\n\r\n"));
      onwards.pipe(socket).pipe(onwards);
      onwards.on("error", () => socket.destroy());
      socket.on("error", () => onwards.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    plain = await kubectlProxy();
  });

  after(async () => {
    plain?.end();
    proxy?.close();
    rmSync(folder, { recursive: true, force: true });
    await run("kubectl", ["delete", "serviceaccount", "whoami", "-n", "default"]);
  });

  async function kubectlProxy() {
    const child = spawn("kubectl", ["proxy", "--port", "0"], {
      env: await sandboxVariables(),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const line = await new Promise<string>((resolve, reject) => {
      child.on("error", reject);
      createInterface({ input: child.stdout }).once("line", resolve);
    });
    return { url: `http://${/(127\.0\.0\.1:\d+)/.exec(line)![1]}`, end: () => child.kill() };
  }

  const proxyUrl = () => `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const config = (cluster: Tree, user?: Tree): Config & Tree => ({
    ...{ apiVersion: "v1", kind: "Config", "current-context": "a" },
    clusters: [{ name: "a", cluster }],
    users: user === undefined ? [] : [{ name: "a", user }],
    contexts: [{ name: "a", context: { cluster: "a", ...(user === undefined ? {} : { user: "a" }) } }],
  });
  const one = (cluster: Tree, user?: Tree) => ({ files: { config: config({ ...base.cluster, ...cluster }, user) } });
  /** A plugin that answers with a token, if what it is told is right. */
  const plugin = (check: string) =>
    `#!/bin/sh\n${check}\nprintf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}' '${account}'\n`;
  const exec = (more: Tree = {}) => ({
    exec: { apiVersion: "client.authentication.k8s.io/v1", interactiveMode: "Never", command: "./plugin", ...more },
  });

  const admin = "admin";
  const robot = "system:serviceaccount:default:whoami";
  const impersonated = (user: Tree) => one({}, { ...base.user, ...user });

  const cases: Record<string, () => Case> = {
    "a token": () => ({ ...one({}, base.user), expected: admin }),
    "a list with files that are missing, empty, and twice": () => ({
      files: { config: config(base.cluster, base.user), empty: "" },
      env: { KUBECONFIG: ["missing", "empty", "config", "config"].join(delimiter) },
      expected: admin,
    }),
    "one name in two files: the first counts": () => ({
      files: {
        config: config(base.cluster, { token: account }),
        second: config({ server: "https://127.0.0.1:1" }, base.user),
      },
      env: { KUBECONFIG: ["config", "second"].join(delimiter) },
      expected: robot,
    }),
    "a cluster in one file, its user in another": () => ({
      files: {
        config: { ...config(base.cluster), contexts: [{ name: "a", context: { cluster: "a", user: "b" } }] },
        second: { apiVersion: "v1", kind: "Config", users: [{ name: "b", user: { token: account } }] },
      },
      env: { KUBECONFIG: ["config", "second"].join(delimiter) },
      expected: robot,
    }),
    "one name twice in a file": () => ({
      files: {
        config: {
          ...config(base.cluster, base.user),
          users: ["one", "two"].map((token) => ({ name: "a", user: { token } })),
        },
      },
      expected: /duplicate name/,
    }),
    "a server without a scheme": () => ({
      files: { config: config({ server: plain.url.replace("http://", "") }) },
      expected: admin,
    }),
    "an exec plugin that does not say whether it asks": () => ({
      files: { config: config(base.cluster, exec({ interactiveMode: "" })), plugin: plugin("") },
      expected: /interactiveMode must be specified/,
    }),
    "a range in NO_PROXY that is none": () => ({
      ...one({}, base.user),
      env: { HTTPS_PROXY: "http://127.0.0.1:1", NO_PROXY: "10.0.0.0/99,10.0.0.0/x" },
      expected: admin,
    }),
    "a tokenFile, relative to the kubeconfig": () => ({
      files: { config: config(base.cluster, { tokenFile: "sub/token" }), "sub/token": `${account}\n` },
      expected: robot,
    }),
    "a tokenFile beside a stale token": () => ({
      files: { config: config(base.cluster, { tokenFile: "token", token: "stale" }), token: account },
      expected: robot,
    }),
    "a tokenFile that is missing": () => ({
      files: { config: config(base.cluster, { tokenFile: "nowhere" }) },
      expected: /no such file|ENOENT/,
    }),
    as: () => ({ ...impersonated({ as: "jane" }), expected: "jane" }),
    "as, as-groups and as-uid": () => ({
      ...impersonated({
        as: "jane",
        "as-groups": ["a", "b"],
        "as-uid": "42",
        "as-user-extra": { "x.y/z": ["1", "2"] },
      }),
      expected: "jane",
    }),
    "no user": () => ({ ...one({}), expected: /Unauthorized|forbidden|anonymous|EOF/i }),
    "http:// of kubectl proxy": () => ({ files: { config: config({ server: plain.url }) }, expected: admin }),
    "an exec plugin, relative to the kubeconfig": () => ({
      files: { config: config(base.cluster, exec()), plugin: plugin("") },
      expected: robot,
    }),
    "an exec plugin on the PATH, with arguments and variables": () => ({
      files: {
        config: config(
          base.cluster,
          exec({ command: "whoami-plugin", args: ["x y"], env: [{ name: "MODE", value: "m" }] }),
        ),
        "whoami-plugin": plugin('[ "$1" = "x y" ] && [ "$MODE" = m ] || exit 3'),
      },
      env: { PATH: `${folder}${delimiter}${process.env["PATH"]}` },
      expected: robot,
    }),
    "an exec plugin with provideClusterInfo": () => ({
      files: {
        config: config(base.cluster, exec({ provideClusterInfo: true })),
        plugin: plugin(
          `case "$KUBERNETES_EXEC_INFO" in *'"server":"${String(base.cluster["server"])}"'*) ;; *) exit 4 ;; esac`,
        ),
      },
      expected: robot,
    }),
    "an exec plugin that fails, and says why": () => ({
      files: { config: config(base.cluster, exec()), plugin: "#!/bin/sh\necho log in again >&2\nexit 5\n" },
      expected: /log in again/,
    }),
    "an exec plugin that is not there": () => ({
      files: {
        config: config(base.cluster, exec({ command: "no-such-plugin", installHint: "get it at example.com" })),
      },
      expected: /get it at example\.com/,
    }),
    "a proxy of the kubeconfig": () => ({ ...one({ "proxy-url": proxyUrl() }, base.user), expected: admin }),
    HTTPS_PROXY: () => ({
      ...one({ server: "https://api.sandbox.example:6443", "tls-server-name": "kubernetes" }, base.user),
      env: { HTTPS_PROXY: proxyUrl() },
      expected: admin,
    }),
    "HTTPS_PROXY, and NO_PROXY that leaves the cluster out": () => ({
      ...one({ server: "https://api.sandbox.invalid:6443" }, base.user),
      env: { HTTPS_PROXY: proxyUrl(), NO_PROXY: "sandbox.invalid" },
      expected: /no such host|ENOTFOUND|EAI_AGAIN|server misbehaving|lookup/,
    }),
    "HTTPS_PROXY, which is not for this machine": () => ({
      ...one({}, base.user),
      env: { HTTPS_PROXY: "http://127.0.0.1:1" },
      expected: admin,
    }),
    "tls-server-name": () => ({ ...one({ "tls-server-name": "kubernetes" }, base.user), expected: admin }),
    "another tls-server-name": () => ({
      ...one({ "tls-server-name": "other.example" }, base.user),
      expected: /certificate is valid for|altnames/i,
    }),
    "insecure-skip-tls-verify": () => ({
      files: { config: config({ server: base.cluster["server"], "insecure-skip-tls-verify": true }, base.user) },
      expected: admin,
    }),
    "no CA": () => ({
      files: { config: config({ server: base.cluster["server"] }, base.user) },
      expected: /unknown authority|self.signed|unable to verify|certificate/i,
    }),
    "a CA in a file, relative to the kubeconfig": () => ({
      files: {
        config: config({ server: base.cluster["server"], "certificate-authority": "ca.crt" }, base.user),
        "ca.crt": Buffer.from(String(base.cluster["certificate-authority-data"]), "base64").toString(),
      },
      expected: admin,
    }),
    "the home folder, without HOME": () => ({
      files: { config: config(base.cluster, base.user) },
      env: { HOME: "", KUBECONFIG: "config" },
      expected: admin,
    }),
  };

  for (const [what, make] of Object.entries(cases))
    it(`are both the same: ${what}`, async () => {
      const { files, env: own = {}, expected } = make();
      const place = mkdtempSync(join(folder, "case-"));
      for (const [name, content] of Object.entries(files)) {
        const path = name === "whoami-plugin" ? join(folder, name) : join(place, name);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, typeof content === "string" ? content : stringify(content));
        if (/plugin/.test(name)) chmodSync(path, 0o755);
      }
      const list = (own["KUBECONFIG"] ?? "config").split(delimiter).map((name) => join(place, name));
      const env = { ...own, KUBECONFIG: list.join(delimiter) };
      proxied = [];
      const theirs = await kubectl(env);
      const throughTheirs = proxied.length > 0;
      proxied = [];
      const found = await ours(env);
      assert.equal(proxied.length > 0, throughTheirs, "one goes through the proxy, the other does not");
      if (typeof expected === "string") {
        assert.equal(found.user, theirs.user, JSON.stringify([found, theirs]));
        assert.ok(found.user, JSON.stringify([found, theirs]));
        assert.equal((JSON.parse(found.user) as { username: string }).username, expected);
      } else {
        assert.match(theirs.error ?? theirs.user!, expected);
        assert.match(found.error ?? found.user!, expected);
      }
    });

  interface Who {
    user?: string;
    error?: string;
  }

  async function kubectl(env: Record<string, string>): Promise<Who> {
    const path = `${env["PATH"] ?? ""}${delimiter}${(await sandboxVariables())["PATH"]}`;
    const { code, stdout, stderr } = await run("kubectl", ["auth", "whoami", "-o", "json"], {
      env: { ...env, PATH: path },
    });
    return code === 0 ? { user: userOf(JSON.parse(stdout)) } : { error: stderr };
  }

  /** As this process, with another environment: the library reads no other. */
  async function ours(env: Record<string, string>): Promise<Who> {
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      const cluster = openCluster({ kubeconfig: "", context: "a" });
      if ("problem" in cluster) return { error: cluster.problem };
      const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
      return { user: userOf(await cluster.ask("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)) };
    } catch (error) {
      return { error: (error as Error).message };
    } finally {
      for (const key of Object.keys(process.env)) if (!(key in before)) delete process.env[key];
      Object.assign(process.env, before);
    }
  }

  /** Who somebody is, but for what differs at each login. */
  function userOf(review: unknown): string {
    const { userInfo } = (review as { status: { userInfo: Tree } }).status;
    const { extra = {}, ...user } = userInfo as { extra?: Tree };
    const kept = Object.entries(extra).filter(([key]) => !/credential-id/.test(key));
    return JSON.stringify({ ...user, extra: Object.fromEntries(kept) });
  }
});
