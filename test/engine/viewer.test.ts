import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { pulumi, run, sharedSandbox, succeed } from "./sandbox-fixture";
import { makeStack } from "./stacks";

const stack = "viewer";

describe("credentials that may look and nothing else", function () {
  this.timeout(180_000);

  before(async function () {
    this.timeout(0);
    const sandbox = await sharedSandbox();
    await succeed("kubectl", ["create", "serviceaccount", stack, "-n", "default"]);
    await succeed("kubectl", ["create", "clusterrole", stack, "--verb=get,list,watch", "--resource=*.*"]);
    const account = `--serviceaccount=default:${stack}`;
    await succeed("kubectl", ["create", "clusterrolebinding", stack, `--clusterrole=${stack}`, account]);
    const token = (await succeed("kubectl", ["create", "token", stack, "-n", "default"])).trim();
    const config = parse(readFileSync(sandbox.kubeconfig, "utf8")) as { users: { user: unknown }[] };
    config.users[0]!.user = { token };
    const kubeconfig = join(sandbox.folder, "viewer.kubeconfig");
    writeFileSync(kubeconfig, stringify(config), { mode: 0o600 });
    await makeStack(stack, (settings) => (settings["kubeconfig"] = kubeconfig));
  });

  after(async () => {
    await pulumi(["stack", "rm", "--yes", "--force", "--stack", stack]);
    for (const kind of ["clusterrolebinding", "clusterrole"]) await run("kubectl", ["delete", kind, stack]);
    await run("kubectl", ["delete", "serviceaccount", stack, "-n", "default"]);
  });

  it("are enough for a preview, which says what they may not change", async () => {
    const { code, stdout, stderr } = await pulumi(["preview", "--stack", stack]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /warning: these credentials may not create\/patch\/delete /);
    assert.match(stdout, /\+ \d+ to create/);
  });

  it("are refused for an update, before anything is touched", async () => {
    const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--stack", stack]);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /The cluster is not ready for the rollout; nothing was changed\.[^]*may not create/);
  });
});
