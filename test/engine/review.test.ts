import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { buildBinaries, buildTool } from "../../sandbox/build";
import { run as runCommand } from "../../review/run";
import type { Review } from "../../review/review";
import { parse, stringify } from "yaml";
import { Checkout } from "./checkout";
import { nextIstioVersion, serveChartRepository } from "./chart-repository";

type Section = Record<string, unknown>;

const root = join(__dirname, "../..");

describe("npm run review, by real Helm", function () {
  this.timeout(120_000);
  let repository: { url: string; close: () => void };
  let checkout: Checkout;
  let scratch: string;
  let environment: NodeJS.ProcessEnv;

  before(async function () {
    this.timeout(0);
    const binaries = await buildBinaries();
    repository = await serveChartRepository(binaries);
    checkout = new Checkout(repository.url);
    scratch = mkdtempSync(join(tmpdir(), "enroute-review-test-"));
    const path = [dirname(binaries.helm), process.env["PATH"]].join(delimiter);
    // Charts of the sandbox change without a new version: no other run's cache.
    environment = { ...process.env, PATH: path, XDG_CACHE_HOME: scratch, HELM_CACHE_HOME: join(scratch, "helm") };
  });

  after(() => {
    repository?.close();
    checkout?.delete();
    rmSync(scratch, { recursive: true, force: true });
  });

  afterEach(() => checkout.reset());

  const reviewCli = (args: string[], env: NodeJS.ProcessEnv) =>
    runCommand(process.execPath, ["--require", "tsx/cjs", join(root, "cli/main.ts"), "review", ...args], {
      cwd: root,
      env: { ...environment, ...env },
    });
  const cli = (args: string[], env: NodeJS.ProcessEnv = {}) => reviewCli(["--cwd", checkout.folder, ...args], env);

  async function reviewOf(stack: string, ...args: string[]): Promise<{ review: Review; code: number | undefined }> {
    const { code, stdout, stderr } = await cli(["--stack", stack, "--base", "main", "--json", ...args]);
    assert.notEqual(stdout, "", stderr);
    return { review: JSON.parse(stdout) as Review, code };
  }

  const gateway = (config: Section) => config["gateway"] as Section;
  const summary = ({ changes }: Review) => changes.map(({ action, title }) => `${title} ${action}`);

  it("finds nothing where nothing changes, also in what is random at each render", async () => {
    const { review, code } = await reviewOf("dev");
    assert.deepEqual(summary(review), []);
    assert.deepEqual(review.folded, []);
    assert.ok(review.unchanged > 60, `only ${review.unchanged} objects`);
    assert.equal(code, 0);
  });

  it("shows an upgrade of Istio by what it does, and folds the version labels of dozens of objects", async () => {
    checkout.edit("staging", (config) => ((config["istio"] as Section)["version"] = nextIstioVersion));
    const { review, code } = await reviewOf("staging");
    assert.deepEqual(summary(review), [
      "ConfigMap istio-system/istio-sidecar-injector updated",
      "Deployment istio-system/istiod updated",
    ]);
    assert.deepEqual(
      review.charts.map(({ release, after }) => `${release} ${after}`),
      [`istio-base ${nextIstioVersion}`, `istiod ${nextIstioVersion}`],
    );
    assert.ok(review.folded.length > 25, `only ${review.folded.length} folded`);
    const marks = review.changes.flatMap((change) => change.marks.map(({ text }) => text)).join("\n");
    assert.match(marks, /container discovery: docker\.io\/istio\/pilot:1\.31\.0 → /);
    assert.match(marks, /pods restart in turn/);
    assert.equal(code, 0);
  });

  it("shows in one comment a port exposed, STRICT given up, an image by a moving tag, a host added; and refuses it", async () => {
    // docs/review.md shows the change and what the review says of it.
    const document = readFileSync(join(root, "docs/review.md"), "utf8");
    const [, example = ""] = /^```yaml\n(enroute-istio:[^]*?)^```/m.exec(document)!;
    checkout.edit("prod", (config) => {
      for (const [key, value] of Object.entries(parse(example) as Section)) {
        const name = key.replace("enroute-istio:", "");
        config[name] = Array.isArray(value) ? value : { ...(config[name] as Section), ...(value as Section) };
      }
    });
    const comment = join(scratch, "comment.md");
    const { review, code } = await reviewOf("prod", "--comment", comment);
    assert.deepEqual(summary(review), [
      "PeerAuthentication shop/default created",
      "Service enroute-system/enroute updated",
      "Deployment enroute-system/enroute updated",
      "GatewayHost shop/new.example.com created",
    ]);
    assert.deepEqual(review.weaker, {
      "client → gateway": [],
      "gateway → workload": [
        "PeerAuthentication shop/default: every workload of shop: STRICT → PERMISSIVE, plain text is taken as well",
      ],
    });
    const text = readFileSync(comment, "utf8");
    const shown = [...document.matchAll(/^> ?(.*)$/gm)].map(([, line]) => line!);
    // In the document tables are padded, headings stand below its own, and the stack may have gained objects since.
    const plain = (line: string) =>
      line
        .replaceAll(/ +\||\| +|-{2,}/g, "|")
        .replace(/^#+/, "#")
        .replace(/\d+ unchanged/, "unchanged");
    const lines = (all: string[]) => all.map(plain).filter((line) => line !== "");
    const said = text.split("\n");
    const head = said.slice(
      1,
      said.findIndex((line) => line.startsWith("<details>")),
    );
    assert.deepEqual(lines(shown), lines(head));
    assert.equal(code, 1, "refused by the policies");
  });

  it("takes both sides' charts from another repository, and the clone to compare in, where the environment says so", async () => {
    checkout.edit("sandbox", (config) => (gateway(config)["replicas"] = 2));
    const env = {
      ENROUTE_ISTIO_CHART_REPOSITORY: repository.url,
      ENROUTE_ISTIO_REVIEW_CWD: checkout.folder,
      PULUMI_OPTION_CWD: "/nowhere",
    };
    const { code, stdout, stderr } = await reviewCli(["--stack", "sandbox", "--base", "main", "--json"], env);
    assert.equal(code, 0, stderr);
    const review = JSON.parse(stdout) as Review;
    assert.deepEqual(summary(review), [
      "Deployment enroute-system/enroute updated",
      "PodDisruptionBudget enroute-system/enroute-istio created",
    ]);
    assert.deepEqual(review.charts, []);
  });

  it("renders each side by its own program: a change of a component shows too", async () => {
    const path = join(checkout.folder, "mesh/global-config.ts");
    const source = readFileSync(path, "utf8");
    writeFileSync(path, source.replace("istio_enabled: true", "istio_enabled: false"));
    const { review, code } = await reviewOf("dev", "--strict");
    assert.deepEqual(summary(review), ["GlobalConfig enroute-system/mesh updated"]);
    assert.equal(review.weaker["gateway → workload"].length, 1);
    assert.equal(code, 1);
  });

  it("needs no secrets: encrypted values are placeholders, and nothing of them is shown", async () => {
    const provided = (privateKey: string) => ({
      issuer: "provided",
      certificateChain: "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n",
      privateKey: { secure: privateKey },
    });
    checkout.edit("prod", (config) => (gateway(config)["serviceAnnotations"] = { note: { secure: "v1:AAAA" } }));
    const { review } = await reviewOf("prod");
    assert.deepEqual(review.masked, ["gateway.serviceAnnotations.note"]);
    assert.match(review.changes[0]!.diff, /^\+\s+note: "\[encrypted [0-9a-f]{8}\]"$/m);
    assert.doesNotMatch(JSON.stringify(review), /AAAA/);
    // A chain that cannot be read is no matter of secrets.
    checkout.edit("prod", (config) => (config["certificate"] = provided("v1:BBBB")));
    const { code, stderr } = await cli(["--stack", "prod", "--base", "main"]);
    assert.equal(code, 3);
    assert.match(
      stderr,
      /the head \(the working tree\) does not pass[\s\S]*placeholders stood for .*certificate\.privateKey/,
    );
    assert.doesNotMatch(stderr, /BBBB/);
  });

  it("writes the same objects into a folder, the same ones every time and without key material", async () => {
    const outputs = [join(scratch, "one"), join(scratch, "two")];
    for (const output of outputs) assert.equal((await cli(["--stack", "dev", "--output", output])).code, 0);
    const [files, again] = outputs.map((output) =>
      readdirSync(output, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".yaml"))
        .sort()
        .map((name) => [name, readFileSync(join(output, name), "utf8")]),
    );
    assert.deepEqual(files, again);
    assert.ok(files!.length > 60, `only ${files!.length} files`);
    assert.ok(existsSync(join(outputs[0]!, "4-workloads/enroute-system_deployment_enroute.yaml")));
    assert.doesNotMatch(JSON.stringify(files), /kind: Secret|PRIVATE KEY/);
    assert.match(
      readFileSync(join(outputs[0]!, "README.md"), "utf8"),
      /`Secret bookinfo\/gateway-serving-certificate`/,
    );
  });

  describe("and by Helm 4", () => {
    let versions: { name: string; environment: NodeJS.ProcessEnv }[];
    before(async function () {
      this.timeout(0);
      const path = [dirname(await buildTool("helm4")), environment["PATH"]].join(delimiter);
      // Of a chart that is cached nothing is pulled.
      const places = { XDG_CACHE_HOME: join(scratch, "4"), HELM_CACHE_HOME: join(scratch, "4/helm") };
      versions = [
        { name: "v3", environment },
        { name: "v4", environment: { ...environment, ...places, PATH: path } },
      ];
    });

    it("writes the same objects", async () => {
      const [three, four] = await Promise.all(
        versions.map(async ({ name, environment: env }) => {
          const { stdout } = await runCommand("helm", ["version", "--short"], { env });
          assert.ok(stdout.startsWith(`${name}.`), stdout);
          const output = join(scratch, `by-${name}`);
          const { code, stderr } = await cli(["--stack", "dev", "--output", output], env);
          assert.equal(code, 0, stderr);
          return readdirSync(output, { recursive: true, encoding: "utf8" })
            .filter((file) => file.endsWith(".yaml"))
            .sort()
            .map((file) => [file, readFileSync(join(output, file), "utf8")]);
        }),
      );
      assert.ok(three!.length > 60);
      assert.deepEqual(three, four);
    });

    it("names a repository that refuses the login of this user", async () => {
      const server = createServer((_, response) => response.writeHead(401).end()).listen(0, "127.0.0.1");
      await once(server, "listening");
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      try {
        checkout.edit("dev", (config) => (gateway(config)["chartRepository"] = url));
        const config = join(scratch, "repositories.yaml");
        writeFileSync(config, stringify({ repositories: [{ name: "private", url, username: "u", password: "p" }] }));
        const refuse = async ({ environment: env }: { environment: NodeJS.ProcessEnv }) => {
          // As `helm repo add` left it: without an index, Helm refuses every other repository as well.
          const cache = join(env["HELM_CACHE_HOME"]!, "repository");
          mkdirSync(cache, { recursive: true });
          writeFileSync(join(cache, "private-index.yaml"), "apiVersion: v1\nentries: {}\n");
          const args = ["--stack", "dev", "--base", "main"];
          const { code, stderr } = await cli(args, { ...env, HELM_REPOSITORY_CONFIG: config });
          assert.match(
            stderr,
            /Chart enroute 0\.8\.7 .* cannot be pulled: private cannot be reached: .*401.*\n.*log in to it/,
          );
          assert.equal(code, 3);
        };
        await Promise.all(versions.map(refuse));
      } finally {
        server.close();
      }
    });
  });

  describe("where there can be no whole review there is none, but one clear error", () => {
    const refused = async (args: string[], said: RegExp, env: NodeJS.ProcessEnv = {}) => {
      const { code, stdout, stderr } = await cli(args, env);
      assert.match(stderr, said);
      assert.deepEqual([code, stdout], [3, ""]);
    };

    it("a base without the stack's file", async () => {
      checkout.git(checkout.folder, "checkout", "--quiet", "-b", "old");
      rmSync(join(checkout.folder, "stacks/Pulumi.staging.yaml"));
      checkout.commit("no staging");
      checkout.git(checkout.folder, "checkout", "--quiet", "-b", "new");
      checkout.git(checkout.folder, "checkout", "main", "--", "stacks/Pulumi.staging.yaml");
      await refused(
        ["--stack", "staging", "--base", "old"],
        /no file of stack staging in the base \(old, [0-9a-f]{10}\): stacks\/Pulumi\.staging\.yaml is missing/,
      );
    });

    it("no such base, no such option", async () => {
      await refused(["--stack", "dev", "--base", "nowhere"], /The base nowhere is not a commit of this repository/);
      await refused(["--stack", "dev", "--bass", "main"], /unknown option '--bass'/);
    });

    it("a chart repository that cannot be reached, a version that it has not", async () => {
      checkout.edit("dev", (config) => (gateway(config)["chartRepository"] = "http://127.0.0.1:1"));
      await refused(
        ["--stack", "dev", "--base", "main"],
        /Chart enroute 0\.8\.7 from http:\/\/127\.0\.0\.1:1, which the head .* cannot be pulled/,
      );
      checkout.reset();
      checkout.edit("dev", (config) => (gateway(config)["version"] = "0.8.99"));
      await refused(
        ["--stack", "dev", "--base", "main"],
        /Chart enroute 0\.8\.99 from .*, which the head .*, does not exist/,
      );
    });

    it("settings that do not pass, and which side's", async () => {
      checkout.edit("dev", (config) => (gateway(config)["version"] = "^0.8"));
      await refused(
        ["--stack", "dev", "--base", "main"],
        /Stack dev of the head \(the working tree\) does not pass:[\s\S]*gateway\.version/,
      );
    });

    it("no helm", () =>
      refused(["--stack", "dev", "--base", "main"], /The command helm is not on the PATH/, {
        PATH: (process.env["PATH"] ?? "")
          .split(delimiter)
          .filter((folder) => !existsSync(join(folder, "helm")))
          .join(delimiter),
        XDG_CACHE_HOME: join(scratch, "empty"),
      }));
  });
});

describe("the workflows", () => {
  it("pass actionlint, and use each action by the hash of a commit", async function () {
    this.timeout(0);
    const actionlint = await buildTool("actionlint");
    const files = [".github/workflows", "examples/github"].flatMap((folder) =>
      readdirSync(join(root, folder)).map((name) => join(root, folder, name)),
    );
    assert.deepEqual(files.map((file) => basename(file)).sort(), ["ci.yml", "deploy.yml", "preview.yml"]);
    const { code, stdout, stderr } = await runCommand(actionlint, files);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
    const sdk = JSON.parse(readFileSync(join(root, "node_modules/@pulumi/pulumi/package.json"), "utf8")) as {
      version: string;
    };
    for (const file of files) {
      const text = readFileSync(file, "utf8");
      const uses = [...text.matchAll(/uses: (.*)$/gm)].map(([, action]) => action!);
      assert.ok(uses.length > 2);
      for (const action of uses) assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      assert.match(text, /^permissions: \{\}$/m);
      // What deploys or previews runs the engine of the SDK; the project's own tests bring theirs.
      if (!file.endsWith("ci.yml")) assert.equal(/pulumi-version: (.*)/.exec(text)?.[1], sdk.version);
    }
  });

  it("are really checked: a mistake is found", async function () {
    this.timeout(0);
    const actionlint = await buildTool("actionlint");
    const { code, stdout } = await runCommand(actionlint, ["-"], {
      input: "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ github.nothing }}\n",
    });
    assert.equal(code, 1);
    assert.match(stdout, /nothing/);
  });
});
