import assert from "node:assert/strict";
import { existsSync, readFileSync, readlinkSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Sandbox, findSandbox, startSandbox } from "../../sandbox/cluster";
import { descendants } from "../../sandbox/processes";
import { type Target, clientIdentity, sendRequest } from "../../sandbox/request";
import { loadSettings } from "../../settings/load";
import type { Report } from "../../base/report";
import { verify } from "../../verify/verify";
import { pulumi, succeed } from "./sandbox-fixture";
import { clearTextFaults, grant, ingress } from "../faults/clear-text";
import { Seeds } from "../faults/seeds";
import { issue } from "../unit/certificates";
import { editStack, makeStack } from "./stacks";

/*
 * Encryption shown by traffic: real requests through the gateway's Envoy and the workload's sidecar, with right settings and with
 * wrong ones. What is wrong is made by kubectl, as somebody would by hand, and put right by `pulumi up --refresh`.
 */
const stack = "live";
const host = "bookinfo.sandbox.example";
const gateway = "spiffe://cluster.local/ns/enroute-system/sa/enroute";

describe("a live request through both legs", function () {
  this.timeout(120_000);
  let sandbox: Sandbox;
  let address = "";
  let ca = "";
  let service = "";

  const kubectl = (...args: string[]) => succeed("kubectl", args, { sandbox });
  const request = (target: Partial<Target> = {}) => sendRequest({ address, host, ca, ...target });
  const plain = (target: Partial<Target> = {}) => sendRequest({ address, host, ...target });
  const repair = async () => {
    const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--refresh", "--stack", stack], {
      sandbox,
    });
    assert.equal(code, 0, stdout + stderr);
    assert.equal((await eventually(request, ({ status }) => status === 200)).status, 200);
  };
  const report = async (): Promise<Report> => {
    const text = await succeed("pulumi", ["config", "--json", "--show-secrets", "--stack", stack], { sandbox });
    const config = JSON.parse(text) as Record<string, { value: string }>;
    const values = Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value]));
    const settings = loadSettings({ project: "enroute-istio", stack, values, secretKeys: [] });
    return verify(settings, { dialServices: true, caCertificate: ca });
  };
  const failed = ({ results }: Report) =>
    results.flatMap(({ status, check }) => (status === "passed" ? [] : check)).sort();

  before(async function () {
    this.timeout(0);
    sandbox = await startSandbox({ name: `live-${process.pid}`, tied: true, traffic: true });
    const lean = (config: Record<string, unknown>) => {
      delete config["prometheus"];
      delete config["kiali"];
    };
    await makeStack(stack, lean, "sandbox", sandbox);
    const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--stack", stack], { sandbox });
    assert.equal(code, 0, stdout + stderr);
    const outputs = JSON.parse(
      await succeed("pulumi", ["stack", "output", "--json", "--stack", stack], { sandbox }),
    ) as {
      gatewayAddress: string;
      caCertificate: string;
    };
    [address, ca] = [outputs.gatewayAddress, outputs.caCertificate];
    const clusterIP = "--output=jsonpath={.spec.clusterIP}";
    service = await kubectl("get", "service", "productpage", "--namespace", "bookinfo", clusterIP);
    await eventually(request, ({ status }) => status === 200);
  });

  after(async () => {
    await sandbox?.stop();
    if (sandbox !== undefined) rmSync(sandbox.folder, { recursive: true, force: true });
  });

  it("reaches the workload: TLS with the stack's certificate, then mutual TLS in the gateway's name", async () => {
    const answer = await request({ path: "/productpage" });
    assert.equal(answer.status, 200);
    assert.equal(answer.tlsVersion, "TLSv1.3");
    assert.match(answer.presented!.subject, /EnRoute gateway/);
    assert.equal(answer.echo!.namespace, "bookinfo");
    assert.equal(answer.echo!.path, "/productpage");
    assert.equal(clientIdentity(answer), gateway);
  });

  it("redirects clients that come without TLS", async () => {
    const { status, location } = await plain({ path: "/productpage" });
    assert.deepEqual([status, location], [301, `https://${host}/productpage`]);
  });

  it("passes every check of verify, the live ones included", async () => {
    const found = await report();
    assert.deepEqual(failed(found), []);
    assert.equal(found.status, "passed");
  });

  it("keeps its text to itself on both legs, which without encryption can be read", async () => {
    const text = `/needle-${"x".repeat(20)}`;
    const end = sandbox.record();
    await request({ path: text });
    const encrypted = end();
    for (const leg of [`${address}:443`, `${service}:9080`])
      assert.ok((encrypted.get(leg)?.length ?? 0) > 100, `nothing was recorded on ${leg}`);
    // Also on what else was recorded, as agents' connections to istiod, of which it can be a few bytes.
    for (const [leg, bytes] of encrypted) assert.ok(!bytes.includes(text), `the request's text can be read on ${leg}`);

    const endPlain = sandbox.record();
    await plain({ path: text });
    assert.ok(
      endPlain().get(`${address}:80`)!.includes(text),
      "the search finds it on the client's leg, where there is no encryption",
    );
  });

  it("gets a 503 without GlobalConfig, as EnRoute then speaks plain text to a workload that takes none", async () => {
    await kubectl("delete", "globalconfig", "--all", "--namespace", "enroute-system");
    const answer = await eventually(request, ({ status }) => status === 503);
    assert.equal(answer.echo, undefined);
    assert.ok(failed(await report()).includes("global-config/one"));
  });

  it("gets through in plain text where the mesh is PERMISSIVE, and verify says so", async () => {
    await setMode("PERMISSIVE");
    const answer = await eventually(request, ({ status }) => status === 200);
    assert.equal(clientIdentity(answer), undefined, "the workload saw no certificate");
    assert.ok(failed(await report()).includes("strict/mesh-wide"));

    const text = `/needle-${"y".repeat(20)}`;
    const end = sandbox.record();
    await request({ path: text });
    assert.ok(
      end().get(`${service}:9080`)!.includes(text),
      "the search finds it on the workload's leg, where there is no encryption",
    );
    await repair();
    assert.equal(clientIdentity(await request()), gateway);
  });

  it("is refused where Envoy does not take the Secret: another certificate's key, or an RSA key below 2048 bits", async () => {
    const secret = ["patch", "secret/gateway-serving-certificate", "--namespace", "bookinfo", "--patch"];
    const weak = await issue({ hosts: [host], key: "RSA-1024" });
    const encode = (text: string) => Buffer.from(text).toString("base64");
    for (const data of [
      { "tls.key": await otherKey() },
      { "tls.crt": encode(weak.certificate), "tls.key": encode(weak.privateKey) },
    ]) {
      await kubectl(...secret, JSON.stringify({ data }));
      await eventually(
        () =>
          request().then(
            () => "answered",
            () => "refused",
          ),
        (outcome) => outcome === "refused",
      );
      // EnRoute asks no more than that both keys are there: plain HTTP is redirected on.
      assert.equal((await plain()).status, 301);
      assert.ok(failed(await report()).includes("client-leg/certificate"));
      await repair();
    }
  });

  it("is in clear text where the Secret is missing: the known trap that verify is there for", async () => {
    await kubectl("delete", "secret/gateway-serving-certificate", "--namespace", "bookinfo");
    const answer = await eventually(plain, ({ status }) => status === 200);
    assert.equal(answer.tlsVersion, undefined);
    const found = failed(await report());
    for (const check of ["certificates/present", "client-leg/plain-http"]) assert.ok(found.includes(check), check);
    await repair();
    assert.equal((await eventually(plain, ({ status }) => status === 301)).status, 301);
  });

  describe("gets in without TLS, and verify says so, by", () => {
    for (const { name, break: breakIt, found, live = [], open } of clearTextFaults)
      it(name, async () => {
        const heal = await breakIt(new Seeds(sandbox.kubeconfig));
        try {
          const answer = await eventually(
            () => plain(open),
            ({ status }) => status === 200,
          );
          assert.equal(answer.tlsVersion, undefined);
          assert.equal(answer.echo!.path, open.path);
          assert.deepEqual(failed(await report()), [...found, ...live].sort());
        } finally {
          await heal();
        }
        await eventually(
          () => plain(open),
          ({ status }) => status === 301 || status === 404,
        );
        await eventually(
          async () => failed(await report()),
          (checks) => checks.length === 0,
        );
      });
  });

  describe("for an Ingress of another controller", function () {
    this.timeout(300_000);
    const wiki = { host: "wiki.sandbox.example", path: "/" };
    const isServed = ({ status }: { status?: number }) => status === 200;
    const isNot = ({ status }: { status?: number }) => status === 404;
    const update = async (reason: string | undefined) => {
      const change = (config: Record<string, unknown>) => {
        const own = config["gateway"] as Record<string, unknown>;
        delete own["ingresses"];
        if (reason !== undefined) own["ingresses"] = { reason };
      };
      await editStack(stack, change, stack, sandbox);
      const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--stack", stack], { sandbox });
      assert.equal(code, 0, stdout + stderr);
    };
    const clearText = async () =>
      Object.fromEntries(
        (await report()).results
          .filter(({ check }) => check.startsWith("clear-text/"))
          .map(({ check, status, evidence, fix }) => [check, { status, evidence, fix: fix ?? "" }]),
      );

    const restarted = ["status", "deployment/enroute", "--namespace", "enroute-system", "--timeout=60s"];
    before(async () => {
      // A gateway that once had the right goes on to watch Ingresses.
      await kubectl("rollout", "restart", "deployment/enroute", "--namespace", "enroute-system");
      await kubectl("rollout", ...restarted);
      await kubectl("create", "--filename", ingressFile());
    });
    after(() => kubectl("delete", "--filename", ingressFile()));

    it("is not answered, as EnRoute may not list it", async () => {
      assert.equal((await plain(wiki)).status, 404);
      const { "clear-text/ingresses": right, "clear-text/answers": answers } = await clearText();
      assert.deepEqual([right!.status, answers!.status], ["passed", "passed"]);
      assert.match(
        right!.evidence,
        /it may not; 1 path that it would serve: wiki\.sandbox\.example\/ of Ingress bookinfo\/wiki/,
      );
      assert.equal(answers!.evidence, "none of 1 path");
    });

    it("goes on being answered when the right is taken away by hand; what verify says puts that right", async () => {
      const heal = await new Seeds(sandbox.kubeconfig).patch(
        { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", name: "enroute-istio-gateway" },
        { subjects: [{ kind: "ServiceAccount", name: "enroute", namespace: "enroute-system" }] },
      );
      assert.ok(isServed(await eventually(() => plain(wiki), isServed)));
      const granted = (await clearText())["clear-text/ingresses"]!;
      assert.equal(granted.status, "failed");
      assert.match(granted.evidence, /ClusterRoleBinding "enroute-istio-gateway"/);
      await obey(granted.fix);
      assert.ok(isNot(await eventually(() => plain(wiki), isNot)));
      // Without a restart EnRoute keeps what it has read.
      const again = await new Seeds(sandbox.kubeconfig).create(grant);
      assert.ok(isServed(await eventually(() => plain(wiki), isServed)));
      await again();
      await heal();
      assert.ok(isServed(await plain(wiki)));
      const kept = await clearText();
      assert.equal(kept["clear-text/ingresses"]!.status, "passed");
      assert.match(kept["clear-text/answers"]!.evidence, /the gateway answers for wiki\.sandbox\.example\//);
      await obey(kept["clear-text/answers"]!.fix);
      assert.ok(isNot(await eventually(() => plain(wiki), isNot)));
      assert.deepEqual(failed(await report()), []);
    });

    it("is answered while the stack says why, and no longer, and the stack's own host all the time", async () => {
      let isOver = false;
      const failures: string[] = [];
      const asking = (async () => {
        while (!isOver) {
          await request().then(
            ({ status }) => status !== 200 && failures.push(String(status)),
            (error: Error) => failures.push(error.message),
          );
          await sleep(50);
        }
      })();
      try {
        await update("a test needs it");
        assert.ok(isServed(await eventually(() => plain(wiki), isServed)));
        const served = await clearText();
        assert.deepEqual(failed(await report()), []);
        assert.match(
          served["clear-text/ingresses"]!.evidence,
          /as the stack says \(a test needs it\): wiki\.sandbox\.example\//,
        );
        assert.match(
          served["clear-text/answers"]!.evidence,
          /wiki\.sandbox\.example\/ of Ingress bookinfo\/wiki \(200\)/,
        );
        await update(undefined);
        assert.ok(isNot(await eventually(() => plain(wiki), isNot)));
        assert.deepEqual(failed(await report()), []);
      } finally {
        isOver = true;
        await asking;
      }
      assert.deepEqual(failures, []);
    });

    function ingressFile(): string {
      const path = join(sandbox.folder, "ingress.json");
      writeFileSync(path, JSON.stringify(ingress(wiki.host, wiki.path)));
      return path;
    }
    /** Follows a fix literally: its commands, up to the first alternative. */
    async function obey(fix: string): Promise<void> {
      const commands = fix.split("; or ")[0]!.match(/kubectl [^;]+/g)!;
      for (const command of commands) {
        const parts = command
          .trim()
          .match(/'[^']*'|\S+/g)!
          .map((part) => part.replace(/^'|'$/g, ""));
        await kubectl(...parts.slice(1));
      }
      await kubectl("rollout", ...restarted);
    }
  });

  it("is answered on, and a new gateway does not count as ready, while Envoy refuses its configuration", async () => {
    const pods = ["--namespace", "enroute-system", "--selector", "app.kubernetes.io/name=enroute"];
    const gateways = async () =>
      (
        JSON.parse(await kubectl("get", "pods", ...pods, "--output", "json")) as {
          items: { status: { conditions: { type: string; status: string; message?: string }[] } }[];
        }
      ).items.map(({ status }) => status.conditions.find(({ type }) => type === "Ready"));
    const refused =
      /\[envoy\]: Envoy refuses its configuration: .*Duplicate entry of domain bookinfo\.sandbox\.example/;
    const areRefused = (count: number) => (conditions: Awaited<ReturnType<typeof gateways>>) =>
      conditions.length === count &&
      conditions.every((ready) => ready?.status === "False" && refused.test(ready.message ?? ""));

    // EnRoute compares names exactly, Envoy does not.
    await createHost("twice", "Bookinfo.sandbox.example");
    await eventually(gateways, areRefused(1));
    await kubectl("rollout", "restart", "deployment/enroute", "--namespace", "enroute-system");
    await eventually(gateways, areRefused(2));
    assert.equal((await request()).status, 200);
    const events = await kubectl("get", "events", "--namespace", "enroute-system");
    assert.match(events, /Unhealthy .*Envoy refuses/);
    assert.doesNotMatch(events, /Envoy does not answer/, "a start is no problem");

    await kubectl("delete", "gatewayhost", "twice", "--namespace", "bookinfo");
    await kubectl("rollout", "status", "deployment/enroute", "--namespace", "enroute-system", "--timeout=60s");
    await eventually(gateways, (conditions) => conditions.length === 1 && conditions[0]?.status === "True");
    assert.equal((await eventually(request, ({ status }) => status === 200)).status, 200);
    const envoys = () => findSandbox(sandbox.folder)!.parts.filter(({ name }) => name.endsWith("-envoy"));
    await eventually(
      () => Promise.resolve(envoys().length),
      (count) => count === 1,
    );
  });

  it("is refused by the client where the certificate is not for the host", async () => {
    const other = "other.sandbox.example";
    await createHost("other", other);
    const refusal = await eventually(
      () =>
        request({ host: other }).then(
          () => "answered",
          (error: NodeJS.ErrnoException) => String(error.code),
        ),
      (outcome) => outcome !== "ECONNRESET",
    );
    assert.equal(refusal, "ERR_TLS_CERT_ALTNAME_INVALID");
    await kubectl("delete", "gatewayhost", "other", "--namespace", "bookinfo");
  });

  it("takes no plain text from a neighbour of the workload", async () => {
    await assert.rejects(sendRequest({ address: service, port: 9080, host: "productpage" }), { code: "ECONNRESET" });
  });

  it("is taken from the gateway's identity alone where the stack says so; of another identity the workload refuses it", async () => {
    const only = (config: Record<string, unknown>) => {
      config["namespaces"] = [{ name: "bookinfo", onlyFromGateway: true }];
    };
    await editStack(stack, only, stack, sandbox);
    await repair();
    assert.deepEqual(failed(await report()), []);
    const allow = (principal: string) => {
      const rules = [{ from: [{ source: { principals: [principal] } }] }];
      const patch = `--patch=${JSON.stringify({ spec: { rules } })}`;
      return kubectl("patch", "authorizationpolicy", "only-from-gateway", "-n", "bookinfo", "--type=merge", patch);
    };
    // Of the two sides of the comparison the policy's is changed: the gateway is then the wrong one.
    await allow("cluster.local/ns/enroute-system/sa/another");
    const refused = await eventually(request, ({ status }) => status === 403);
    assert.deepEqual([refused.status, refused.echo], [403, undefined]);
    await repair();
    const open = (config: Record<string, unknown>) => {
      config["namespaces"] = [{ name: "bookinfo" }];
    };
    await editStack(stack, open, stack, sandbox);
    await repair();
  });

  it("may be in clear text on a route that the stack declares plain: the update verifies itself, and comes up", async function () {
    this.timeout(300_000);
    const productpage = { service: "productpage", port: 9080 };
    const permitInsecure = { reason: "clients that speak no TLS" };
    const withRoutes = async (...routes: object[]) => {
      const change = (config: Record<string, unknown>) => {
        config["verifyAfterUp"] = true;
        config["hosts"] = [{ host, namespace: "bookinfo", routes }];
      };
      await editStack(stack, change, stack, sandbox);
      const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--stack", stack], { sandbox });
      assert.equal(code, 0, stdout + stderr);
      const summary = await succeed("pulumi", ["stack", "output", "verification", "--json", "--stack", stack], {
        sandbox,
      });
      assert.deepEqual((JSON.parse(summary) as { failed: string[] }).failed, []);
    };
    const isServed = ({ status }: { status?: number }) => status === 200;
    await withRoutes({ ...productpage, prefix: "/old", permitInsecure }, productpage);
    assert.ok(isServed(await eventually(() => plain({ path: "/old" }), isServed)));
    assert.equal((await plain({ path: "/productpage" })).status, 301);
    assert.equal((await request({ path: "/old" })).status, 200);
    await withRoutes({ ...productpage, permitInsecure });
    assert.ok(isServed(await eventually(() => plain({ path: "/productpage" }), isServed)));
    // Without the reason in the stack it is a fault again.
    const found = await report();
    assert.deepEqual(failed(found), []);
    const patch = (operations: object[]) =>
      kubectl(
        "patch",
        "gatewayhost",
        host,
        "--namespace=bookinfo",
        "--type=json",
        `--patch=${JSON.stringify(operations)}`,
      );
    await patch(openRoute);
    assert.deepEqual(failed(await report()), ["hosts/secure-routes"]);
    await patch([{ op: "remove", path: "/spec/routes/1" }]);
    await withRoutes(productpage);
  });

  // Last, as it stops the sandbox.
  it("says what gives the gateway's Service an address, and goes on without: by a port of the nodes, or inside the cluster", async function () {
    this.timeout(300_000);
    const up = (change: (gateway: Record<string, unknown>) => unknown) =>
      editStack(stack, (config) => change(config["gateway"] as Record<string, unknown>), stack, sandbox).then(() =>
        pulumi(["up", "--yes", "--skip-preview", "--stack", stack], { sandbox }),
      );
    const outputs = async () =>
      JSON.parse(await succeed("pulumi", ["stack", "output", "--json", "--stack", stack], { sandbox })) as Record<
        string,
        unknown
      >;
    const type = () =>
      kubectl("get", "service", "enroute", "--namespace", "enroute-system", "--output=jsonpath={.spec.type}");

    const inside = await up((own) => (own["service"] = { type: "ClusterIP" }));
    assert.equal(inside.code, 0, inside.stdout + inside.stderr);
    assert.deepEqual([await type(), (await outputs())["gatewayAddress"]], ["ClusterIP", address]);
    assert.deepEqual(failed(await report()), []);

    const ports = await up((own) => (own["service"] = { type: "NodePort", nodePorts: { https: 30443 } }));
    assert.equal(ports.code, 0, ports.stdout + ports.stderr);
    const { gatewayAddress, gatewayNodePorts } = await outputs();
    assert.deepEqual(
      [await type(), gatewayAddress, (gatewayNodePorts as { https: number }).https],
      ["NodePort", undefined, 30443],
    );
    assert.deepEqual(failed(await report()), []);
    assert.equal((await request()).status, 200);

    const file = join(sandbox.folder, "no-addresses.json");
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: noAddresses }));
    await kubectl("apply", "--filename", file);
    try {
      const { code, stdout, stderr } = await up((own) => {
        delete own["service"];
        own["timeoutSeconds"] = 10;
      });
      assert.notEqual(code, 0);
      assert.match(
        stdout + stderr,
        /warning: enroute-istio waits for Service enroute: no address yet[^]*fix: .*MetalLB, cloud-provider-kind \(kind\), minikube tunnel \(minikube\); or set gateway\.service\.type/,
      );
      // Helm went back.
      assert.equal(await type(), "NodePort");
    } finally {
      await kubectl("delete", "--filename", file);
    }
    // Without a refresh, which would lose that the update before failed.
    const again = await up((own) => delete own["timeoutSeconds"]);
    assert.equal(again.code, 0, again.stdout + again.stderr);
    assert.equal(await type(), "LoadBalancer");
    assert.deepEqual(failed(await report()), []);
  });

  describe("and in the end", () => {
    it("listens on loopback only, and leaves no process behind", async () => {
      const pids = [...new Set(sandbox.pids().flatMap((pid) => [pid, ...descendants(pid).map((child) => child.pid)]))];
      const names = pids.map((pid) => readlinkSync(`/proc/${pid}/exe`).split("/").at(-1));
      assert.equal(
        names.filter((name) => name === "envoy").length,
        8,
        `the gateway's Envoy, its sidecar's, and one for each of six pods of Bookinfo: ${names.join()}`,
      );
      assert.equal(names.filter((name) => name === "pilot-agent").length, 7);
      assert.deepEqual(listeningElsewhere(pids), []);
      await sandbox.stop();
      await eventually(
        () => Promise.resolve(pids.filter((pid) => existsSync(`/proc/${pid}`))),
        (left) => left.length === 0,
      );
    });
  });

  /** Makes a host like the stack's own, under another name. */
  async function createHost(name: string, fqdn: string): Promise<void> {
    const manifest = JSON.parse(await kubectl("get", "gatewayhost", "--namespace", "bookinfo", "--output", "json")) as {
      items: { spec: { virtualhost: object } }[];
    };
    const { spec } = manifest.items[0]!;
    const copy = {
      apiVersion: "enroute.saaras.io/v1",
      kind: "GatewayHost",
      metadata: { name, namespace: "bookinfo" },
      spec: { ...spec, virtualhost: { ...spec.virtualhost, fqdn } },
    };
    const file = join(sandbox.folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(copy));
    await kubectl("create", "--filename", file);
  }

  async function setMode(mode: string): Promise<void> {
    const patch = JSON.stringify({ spec: { mtls: { mode } } });
    await kubectl(
      "patch",
      "peerauthentication/default",
      "--namespace",
      "istio-system",
      "--type=merge",
      "--patch",
      patch,
    );
  }
});

/** Adds a route in clear text that no stack declares. */
const openRoute = [
  {
    op: "add",
    path: "/spec/routes/-",
    value: {
      conditions: [{ prefix: "/hidden" }],
      services: [{ name: "productpage", port: 9080 }],
      permitInsecure: true,
    },
  },
];

/** A cluster in which nothing gives addresses to Services: what would give them is refused. */
const noAddresses = [
  {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "no-addresses" },
    spec: {
      matchConstraints: {
        resourceRules: [
          { apiGroups: [""], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["services/status"] },
        ],
      },
      validations: [{ expression: "!has(object.status.loadBalancer.ingress)" }],
    },
  },
  {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: "no-addresses" },
    spec: { policyName: "no-addresses", validationActions: ["Deny"] },
  },
];

/** A key of somebody else's, in base64 as in a Secret. */
async function otherKey(): Promise<string> {
  const { generateKeyPairSync } = await import("node:crypto");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" })).toString("base64");
}

/** Tries until it is so; fails with what came last. */
async function eventually<T>(attempt: () => Promise<T>, isSo: (value: T) => boolean, seconds = 20): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    let last: unknown;
    try {
      const value = await attempt();
      if (isSo(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`still not so after ${seconds} s: ${describeLast(last)}`);
    await sleep(100);
  }
}

function describeLast(last: unknown): string {
  return last instanceof Error ? last.message : JSON.stringify(last);
}

/** Addresses other than loopback's that one of the processes listens on, as the kernel writes them. */
function listeningElsewhere(pids: readonly number[]): string[] {
  const sockets = new Set(
    pids.flatMap((pid) =>
      readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
        try {
          return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
        } catch {
          return [];
        }
      }),
    ),
  );
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, "utf8")
      .split("\n")
      .slice(1)
      .flatMap((line) => {
        const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
        // 0A is LISTEN; an IPv4 address is written backwards, so that 127 is its last byte.
        const isLoopback = /^([0-9A-F]{6}7F|0{31}1|0{24}01000000):/.test(local);
        return state === "0A" && sockets.has(inode) && !isLoopback ? [`${table} ${local}`] : [];
      }),
  );
}
