import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Settings } from "../../../settings/schema";
import { registryConfigOf, writeRegistryLogin } from "../../../stacks/registry-login";
import { stackFile } from "../stack-files";

describe("the login to registries", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "enroute-registry-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const settings = (chartRepository: string): Settings => {
    const own = structuredClone(stackFile("dev"));
    own.istio = { ...own.istio, chartRepository, chartRepositoryAuth: { username: "u", password: "p" } };
    return own;
  };

  it("takes no file where Helm is given it otherwise, or where there is none", () => {
    assert.equal(registryConfigOf(stackFile("dev"), "dev"), undefined);
    assert.equal(registryConfigOf(settings("https://charts.example.com"), "dev"), undefined);
    writeRegistryLogin(settings("https://charts.example.com"), folder, "dev");
    assert.ok(!existsSync(join(folder, ".enroute-istio")));
  });

  it("is at the same path on every machine, for this user alone, and gone when the program ends", () => {
    const own = settings("oci://registry.example.com/charts");
    const path = registryConfigOf(own, "acme/p/dev")!;
    assert.equal(path, ".enroute-istio/registry-dev.json");
    // In a process of its own, as it goes with that.
    const script = `
      const { writeRegistryLogin } = require(${JSON.stringify(join(__dirname, "../../../stacks/registry-login.ts"))});
      const cleanUp = writeRegistryLogin(${JSON.stringify(own)}, ${JSON.stringify(folder)}, "dev");
      process.once("exit", cleanUp);
      const { readFileSync, statSync } = require("node:fs");
      const path = ${JSON.stringify(join(folder, path))};
      console.log(JSON.stringify({ content: JSON.parse(readFileSync(path, "utf8")), mode: statSync(path).mode & 0o777 }));`;
    const said = execFileSync(process.execPath, ["--require", "tsx/cjs", "--eval", script], {
      ...{ encoding: "utf8", cwd: join(__dirname, "../../..") },
      env: { ...process.env, HELM_REGISTRY_CONFIG: join(folder, "none.json") },
    });
    const auth = Buffer.from("u:p").toString("base64");
    assert.deepEqual(JSON.parse(said), { content: { auths: { "registry.example.com": { auth } } }, mode: 0o600 });
    assert.ok(!existsSync(join(folder, ".enroute-istio")), "it is left behind");
  });
});
