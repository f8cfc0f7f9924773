import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pulumi, run, sandboxVariables, sharedSandbox } from "./sandbox-fixture";
import { editStack, makeStack } from "./stacks";

type Config = Record<string, Record<string, unknown>>;

const stack = "private-registry";
const root = join(__dirname, "../..");
const password = "pass-word-of-robot";

describe("charts of a registry for those who log in", function () {
  this.timeout(180_000);
  let sandboxFolder: string;
  let registry: { server: Server; address: string; refused: number; served: Set<string> };

  before(async function () {
    this.timeout(0);
    const sandbox = await sharedSandbox();
    sandboxFolder = sandbox.folder;
    registry = await serveRegistry(sandbox.chartRepository, "enroute", "0.8.7");
    await makeStack(stack, (config) => {
      Object.assign((config as Config)["gateway"]!, {
        chartRepository: `oci://${registry.address}/charts`,
        chartRepositoryAuth: { username: "robot" },
      });
    });
    const key = "enroute-istio:gateway.chartRepositoryAuth.password";
    const args = ["config", "set", "--secret", "--path", key, "--stack", stack];
    const { status, stderr } = spawnSync("pulumi", args, {
      env: await sandboxVariables(),
      input: password,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  });

  after(async () => {
    registry?.server.close();
    await pulumi(["stack", "rm", "--yes", "--force", "--stack", stack]);
  });

  const ours = (...args: string[]) =>
    run(
      process.execPath,
      [join(root, "node_modules/tsx/dist/cli.mjs"), join(root, "cli/main.ts"), ...args, "--stack", stack],
      {
        cwd: join(sandboxFolder, "project"),
      },
    );
  it("are loaded by the provider, whoever runs it, and the file by which it logs in is gone afterwards", async () => {
    const { code, stdout, stderr } = await pulumi(["preview", "--stack", stack]);
    assert.equal(code, 0, stdout + stderr);
    assert.ok(registry.served.has("blob"), "the chart comes from somewhere else");
    registry.served.clear();
    const library = await ours("preview", "--json");
    assert.equal(library.code, 0, library.stdout + library.stderr);
    assert.ok(registry.served.has("blob"), "the chart comes from somewhere else");
    for (const folder of [root, sandboxFolder, join(sandboxFolder, "project")])
      assert.ok(!existsSync(join(folder, ".enroute-istio")), folder);
  });

  it("are found by preflight, and refused with another login", async () => {
    const fine = await ours("preflight", "--only", "charts");
    assert.equal(fine.code, 0, fine.stdout + fine.stderr);
    await editStack(stack, (config) => {
      ((config as Config)["gateway"]!["chartRepositoryAuth"] as Record<string, unknown>)["username"] = "somebody";
    });
    const { code, stdout } = await ours("preflight", "--only", "charts");
    assert.equal(code, 1, stdout);
    assert.match(stdout, /refuses the login \(HTTP 401\)[^]*correct chartRepositoryAuth/);
    assert.doesNotMatch(stdout, new RegExp(password));
  });
});

/** A registry with one chart, for user `robot`. */
async function serveRegistry(charts: string, chart: string, version: string) {
  const layer = Buffer.from(await (await fetch(`${charts}/${chart}-${version}.tgz`)).arrayBuffer());
  const config = Buffer.from(JSON.stringify({ apiVersion: "v2", name: chart, version }));
  const digestOf = (content: Buffer) => `sha256:${createHash("sha256").update(content).digest("hex")}`;
  const part = (mediaType: string, content: Buffer) => ({ mediaType, digest: digestOf(content), size: content.length });
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: manifestType },
      config: part("application/vnd.cncf.helm.config.v1+json", config),
      layers: [part("application/vnd.cncf.helm.chart.content.v1.tar+gzip", layer)],
    }),
  );
  const login = `Basic ${Buffer.from(`robot:${password}`).toString("base64")}`;
  const found = { refused: 0, served: new Set<string>() };
  const server = createServer(({ url = "", method, headers }, response) => {
    if (headers.authorization !== login) {
      found.refused++;
      return void response.writeHead(401, { "WWW-Authenticate": 'Basic realm="charts"' }).end();
    }
    const send = (type: string, content: Buffer) => {
      const told = {
        "Content-Type": type,
        "Content-Length": content.length,
        "Docker-Content-Digest": digestOf(content),
      };
      response.writeHead(200, told).end(method === "HEAD" ? undefined : content);
    };
    const blobs = [layer, config, manifest];
    const blob = blobs.find((content) => url.endsWith(digestOf(content)));
    if (url.includes("/tags/list"))
      return send("application/json", Buffer.from(JSON.stringify({ name: `charts/${chart}`, tags: [version] })));
    if (url.endsWith(`/manifests/${version}`) || blob === manifest) return send(manifestType, manifest);
    if (blob === undefined) return void response.writeHead(url === "/v2/" ? 200 : 404).end();
    if (blob === layer) found.served.add("blob");
    send("application/octet-stream", blob);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(found, { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` });
}
