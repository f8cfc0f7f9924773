import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { type Browser, type Page, chromium } from "playwright-core";
import { parse } from "yaml";
import { Environment, type SettingsInput } from "../../automation";
import { createService } from "../../examples/embedding/service";
import type { Sandbox } from "../../sandbox/cluster";
import { chromiumArguments, findChromium } from "./browser";
import { sandboxVariables, sharedSandbox } from "./sandbox-fixture";

describe("the example service, in a browser", function () {
  this.timeout(180_000);
  let sandbox: Sandbox;
  let service: FastifyInstance;
  let url: string;
  let browser: Browser;
  let page: Page;
  const errors: string[] = [];

  before(async function () {
    this.timeout(0); // the first build takes minutes
    sandbox = await sharedSandbox();
    const env = await sandboxVariables();
    const file = join(sandbox.folder, "project/stacks/Pulumi.sandbox.yaml");
    const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
    const own = Object.entries(config).filter(([key]) => !/:(bookinfo|kiali|prometheus)$/.test(key));
    const settings = Object.fromEntries(
      own.map(([key, value]) => [key.replace("enroute-istio:", ""), value]),
    ) as unknown as SettingsInput;
    const broken = { ...settings, kubeconfig: "/nowhere/kubeconfig" };
    const environment = (stack: string, its: SettingsInput) =>
      new Environment({ stack, settings: its, env, createIfMissing: true });
    service = createService(
      new Map([
        ["shop", environment("shop", settings)],
        ["<b>broken</b>", environment("broken", broken)],
      ]),
    );
    url = await service.listen({ host: "127.0.0.1", port: 0 });
    browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments });
    page = await browser.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(url);
  });
  after(async () => {
    await browser?.close();
    await service?.close();
  });

  const card = (name: string) => page.locator("article", { has: page.getByRole("heading", { name, exact: true }) });
  const reaches = (name: string, state: string) =>
    card(name)
      .and(page.locator(`[data-state="${state}"]`))
      .waitFor({ timeout: 120_000 });
  const row = (component: string) => card("shop").locator(`tr[data-component="${component}"]`);

  it("rolls an environment out, and shows what waits for what as it goes", async () => {
    // Held back, so that there is something to see.
    sandbox.holdIstiod(true);
    try {
      await card("shop").getByRole("button", { name: "Roll out" }).click();
      await row("IstioControlPlane istio")
        .getByText("istiod: Deployment istiod: 0 of 1 ready")
        .waitFor({ timeout: 60_000 });
      assert.match(await row("EnRouteGateway gateway").innerText(), /0\/5\s+waits for istio/);
      assert.equal(await card("shop").getByRole("button", { name: "Destroy" }).isDisabled(), true);
      const busy = await fetch(`${url}/environments/shop`, { method: "DELETE" });
      assert.equal(busy.status, 409);
    } finally {
      sandbox.holdIstiod(false);
    }
    await reaches("shop", "deployed");
    assert.equal(await row("EnRouteGateway gateway").getAttribute("data-status"), "done");
    assert.match(await card("shop").locator(".address").innerText(), /^https:\/\/bookinfo\.sandbox\.example at 127\./);
  });

  it("shows who comes later the same picture", async () => {
    const late = await browser.newPage();
    await late.goto(url);
    await late.locator('article[data-state="deployed"]').waitFor();
    assert.equal(
      await late.locator('tr[data-status="done"]').count(),
      await page.locator('tr[data-status="done"]').count(),
    );
    await late.close();
  });

  it("shows an error with its next step, and names as text", async () => {
    await card("<b>broken</b>").getByRole("button", { name: "Roll out" }).click();
    await reaches("<b>broken</b>", "failed");
    assert.match(await card("<b>broken</b>").getByRole("alert").innerText(), /kubeconfig .*does not exist.*correct/);
    assert.equal(await page.locator("h2 b").count(), 0);
  });

  it("takes the environment away", async () => {
    await card("shop").getByRole("button", { name: "Destroy" }).click();
    await reaches("shop", "destroyed");
    assert.deepEqual(errors, []);
  });

  it("answers 404 for what it does not know", async () => {
    assert.equal((await fetch(`${url}/environments/nobody`, { method: "POST" })).status, 404);
  });
});
