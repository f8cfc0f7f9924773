import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { FastifyInstance } from "fastify";
import { type Browser, type Page, chromium } from "playwright-core";
import { parse } from "yaml";
import { Environment, type SettingsInput } from "../../automation";
import { createService } from "../../examples/embedding/service";
import type { Sandbox } from "../../sandbox/cluster";
import { chromiumArguments, findChromium } from "./browser";
import { sandboxVariables, sharedSandbox } from "./sandbox-fixture";

const root = join(__dirname, "../..");

describe("the example service, in a browser", function () {
  this.timeout(180_000);
  let sandbox: Sandbox;
  let service: FastifyInstance;
  let url: string;
  let browser: Browser;
  let page: Page;
  let begin: (port: number) => Promise<void>;
  const errors: string[] = [];
  const streams: string[] = [];

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
    const all: [string, SettingsInput][] = [
      ["shop", settings],
      ["<b>broken</b>", { ...settings, kubeconfig: "/nowhere/kubeconfig" }],
      ["faulty", { ...settings, hots: [], istio: { ...settings.istio, version: "^1" } } as unknown as SettingsInput],
      ...["bakery", "cinema", "flowers", "garden", "hardware", "travel", "zoo"].map((name): [string, SettingsInput] => [
        name,
        settings,
      ]),
    ];
    begin = async (port) => {
      service = createService(
        new Map(
          all.map(([name, its]) => {
            const stack = name.replace(/<.*?>/g, "");
            return [name, new Environment({ stack, settings: its, env, createIfMissing: true })];
          }),
        ),
      );
      url = await service.listen({ host: "127.0.0.1", port });
    };
    await begin(0);
    browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments });
    page = await browser.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("request", (request) => request.resourceType() === "eventsource" && streams.push(request.url()));
    await page.goto(url);
  });
  after(async () => {
    await browser?.close();
    await service?.close();
  });

  const card = (name: string) => page.locator("article", { has: page.getByRole("heading", { name, exact: true }) });
  const button = (name: string, label: string) => card(name).getByRole("button", { name: label });
  const reaches = (name: string, state: string) =>
    card(name)
      .and(page.locator(`[data-state="${state}"]`))
      .waitFor({ timeout: 120_000 });
  const row = (component: string) => card("shop").locator(`li[data-component="${component}"]`);

  it("shows ten environments by one stream, each as its state says", async () => {
    await card("zoo").waitFor();
    assert.equal(await page.locator("article").count(), 10);
    for (const name of ["shop", "bakery", "zoo"]) await reaches(name, "new");
    assert.deepEqual(streams, [`${url}/events`]);
    assert.equal(await button("zoo", "Destroy").isDisabled(), true, "there is nothing to destroy");
  });

  it("shows each line of an error as a line", async () => {
    await reaches("faulty", "failed");
    const text = await card("faulty").getByRole("alert").innerText();
    assert.match(
      text,
      /^2 settings are wrong[^\n]*\n\s+- hots\n\s+found:[^\n]*\n\s+allowed: [^]*\n\s+- istio\.version\n/,
    );
    assert.match(text, /\nWhat to do: correct what the problems name/);
  });

  it("rolls an environment out, and shows what waits for what as it goes", async () => {
    // Held back, so that there is something to see.
    sandbox.holdIstiod(true);
    try {
      await button("shop", "Roll out").focus();
      await page.keyboard.press("Enter");
      await row("IstioControlPlane istio")
        .getByText("istiod: Deployment istiod: 0 of 1 ready")
        .waitFor({ timeout: 60_000 });
      assert.match(await row("EnRouteGateway gateway").innerText(), /3\/5\s+waits for istio/);
      assert.equal(await button("shop", "Destroy").isDisabled(), true);
      assert.equal(await card("shop").getByRole("status").innerText(), "rolling out");
      // The keyboard is where it can go on: the button that was pressed is off now.
      assert.equal(await page.evaluate("document.activeElement.className"), "stop");
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
      await late.locator('li[data-status="done"]').count(),
      await page.locator('li[data-status="done"]').count(),
    );
    await late.close();
  });

  it("shows an error with its next step, and names as text", async () => {
    await button("<b>broken</b>", "Roll out").click();
    await reaches("<b>broken</b>", "failed");
    assert.match(
      await card("<b>broken</b>").getByRole("alert").innerText(),
      /kubeconfig .*does not exist\s+What to do: correct/,
    );
    assert.equal(await page.locator("h2 b").count(), 0);
  });

  it("fits a telephone and a wide screen, in light and dark, without a line that sticks out", async () => {
    for (const [width, colorScheme] of [
      [360, "light"],
      [360, "dark"],
      [1400, "light"],
      [1400, "dark"],
    ] as const) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      assert.equal(await page.evaluate("document.documentElement.scrollWidth"), width, colorScheme);
    }
    const background = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    const dark = await background();
    await page.emulateMedia({ colorScheme: "light" });
    assert.notEqual(await background(), dark);
  });

  it("knows after a restart what the state says, and the page goes on by itself", async () => {
    const port = Number(new URL(url).port);
    await service.close();
    await page.getByText("The service does not answer").waitFor();
    await begin(port);
    await page.getByText("The service does not answer").waitFor({ state: "hidden", timeout: 60_000 });
    // What ran before the restart is not known any more; the rest is read from the state.
    await card("shop").locator("li").first().waitFor({ state: "detached" });
    await reaches("shop", "deployed");
    assert.match(
      await card("shop").locator(".facts").innerText(),
      /^last update succeeded, .*\d{4}.* · \d\d resources$/,
    );
    assert.match(await card("shop").locator(".address").innerText(), /bookinfo\.sandbox\.example at 127\./);
    await reaches("zoo", "new");
  });

  it("asks before it takes an environment away: which, and what is deleted", async () => {
    const dialog = page.getByRole("dialog");
    await button("shop", "Destroy").click();
    assert.match(
      await dialog.innerText(),
      /^Destroy shop\?\s+\d\d resources of it are deleted from its cluster, and https:\/\/bookinfo\.sandbox\.example no longer answers\. These stay: /,
    );
    const go = dialog.getByRole("button", { name: "Destroy" });
    assert.equal(await go.isDisabled(), true);
    await dialog.getByRole("textbox").fill("sho");
    assert.equal(await go.isDisabled(), true);
    // Enter is not a way around it.
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "hidden" });
    await button("shop", "Destroy").click();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    assert.equal(await card("shop").getAttribute("data-state"), "deployed");
    await button("shop", "Destroy").click();
    await dialog.getByRole("textbox").fill("shop");
    await go.click();
    await reaches("shop", "destroyed");
    assert.ok((await card("shop").locator('li[data-status="deleted"]').count()) > 3);
    assert.deepEqual(errors, []);
  });

  it("answers 404 for what it does not know", async () => {
    assert.equal((await fetch(`${url}/environments/nobody`, { method: "POST" })).status, 404);
  });
});

describe("the example service, started as docs/embedding.md says", function () {
  this.timeout(120_000);
  const [, text = ""] =
    /^## As a service\n([^]*?)^## /m.exec(readFileSync(join(root, "docs/embedding.md"), "utf8")) ?? [];
  const blocks = [...text.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block]) => block!);
  let folder: string;
  let started: ChildProcess | undefined;

  /** A checkout with nothing in it but what the commands need, so that what they make is not in this one. */
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "embedding-"));
    for (const name of ["node_modules", "tsconfig.json", "package.json"])
      symlinkSync(join(root, name), join(folder, name));
    for (const name of ["automation", "examples"]) symlinkSync(join(root, name), join(folder, name));
    cpSync(join(root, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
  });
  afterEach(async () => {
    if (started?.exitCode !== null) return;
    const ended = new Promise((resolve) => started?.once("exit", resolve));
    process.kill(-started.pid!, "SIGTERM");
    await ended;
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs commands in a shell, and gives the address that the service prints. */
  async function start(commands: string, env: NodeJS.ProcessEnv): Promise<string> {
    const child = (started = spawn("sh", ["-e", "-c", commands], {
      ...{ cwd: folder, env, detached: true },
      stdio: ["ignore", "pipe", "pipe"],
    }));
    let printed = "";
    child.stderr.on("data", (data: Buffer) => (printed += data.toString()));
    for await (const line of createInterface(child.stdout)) {
      printed += `${line}\n`;
      const [, address] = /environments? at (http\S+)/.exec(line) ?? [];
      if (address !== undefined) return address;
    }
    throw new Error(`it did not start:\n${commands}\n${printed}`);
  }

  type View = { name: string; state: string; errors: { problem: string }[] };
  async function settled(address: string): Promise<View[]> {
    for (;;) {
      const views = (await (await fetch(`${address}/environments`)).json()) as View[];
      if (views.every(({ state }) => state !== "reading" && state !== "running")) return views;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  it("serves the sample settings with a state in a folder", async () => {
    const [block = ""] = blocks;
    const env: NodeJS.ProcessEnv = await sandboxVariables();
    for (const name of ["PULUMI_BACKEND_URL", "PULUMI_OPTION_CWD"]) delete env[name];
    // Any free port, as others may listen on that of the document.
    const commands = block.replace(/ 8080$/m, " 0");
    assert.notEqual(commands, block);
    const address = await start(commands, env);
    assert.deepEqual(await settled(address), [
      {
        name: "shop",
        state: "new",
        progress: { stack: "shop", elapsedSeconds: 0, components: [], changes: {} },
        errors: [],
      },
    ]);
    // The sample's cluster is not there, which is as far as anybody gets with it: the settings and the backend are fine.
    await fetch(`${address}/environments/shop`, { method: "POST" });
    const [shop] = await settled(address);
    assert.match(shop!.errors[0]!.problem, /context shop .*does not exist|no context shop|context "?shop/);
    assert.ok(existsSync(join(folder, "state/.pulumi")));
  });

  it("serves the stacks of the sandbox", async () => {
    const [, block = ""] = blocks;
    assert.match(block, /^npm run sandbox\nnpm run sandbox -- exec -- (.*)\n$/);
    const [, command = ""] = /exec -- (.*)$/m.exec(block) ?? [];
    const address = await start(`${command} "$PULUMI_OPTION_CWD" 0`, await sandboxVariables());
    const views = await settled(address);
    assert.ok(views.length > 2 && views.some(({ name }) => name === "sandbox"), JSON.stringify(views));
    assert.deepEqual(
      views.flatMap(({ errors: found }) => found),
      [],
    );
  });
});
