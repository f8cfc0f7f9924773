import assert from "node:assert/strict";
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Environment } from "../../automation";
import { get, makeStack } from "./stacks";
import { pulumi, sandboxVariables, sharedSandbox } from "./sandbox-fixture";

const stack = "moved";

describe("the kubeconfig option of the library, where that of the state is gone", function () {
  this.timeout(300_000);
  let environment: Environment;
  let former: string;

  before(async function () {
    this.timeout(0);
    const sandbox = await sharedSandbox();
    former = join(sandbox.folder, "former.kubeconfig");
    copyFileSync(sandbox.kubeconfig, former);
    await makeStack(stack, (config) => {
      config["kubeconfig"] = former;
      for (const key of ["kiali", "prometheus", "bookinfo"]) delete config[key];
    });
    const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--stack", stack]);
    assert.equal(code, 0, stdout + stderr);
    rmSync(former);
    const project = join(sandbox.folder, "project");
    environment = new Environment({ stack, project, kubeconfig: sandbox.kubeconfig, env: await sandboxVariables() });
  });

  after(async () => {
    const sandbox = await sharedSandbox();
    copyFileSync(sandbox.kubeconfig, former);
    await pulumi(["destroy", "--yes", "--skip-preview", "--stack", stack]);
    await pulumi(["stack", "rm", "--yes", "--force", "--stack", stack]);
  });

  it("counts for refresh, which finds everything as it is", async () =>
    assert.deepEqual((await environment.refresh()).resources, []));

  it("counts for a preview that looks at the cluster first", async () => {
    const { resources } = await environment.preview({ refresh: true });
    assert.deepEqual(resources, []);
  });

  it("counts for recover, which refreshes, and takes nothing of a living cluster out of the state", async () => {
    assert.deepEqual((await environment.recover()).forget, []);
    const { done, refreshed } = await environment.recover({ apply: true });
    assert.deepEqual([done, refreshed], [true, []]);
  });

  it("counts for destroy, which leaves nothing", async () => {
    await environment.destroy();
    const { items } = await get<{ items: { metadata: { name: string } }[] }>("namespaces");
    assert.ok(!items.some(({ metadata }) => ["istio-system", "enroute-system"].includes(metadata.name)));
  });
});
