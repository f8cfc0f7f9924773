import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import * as grpc from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import type { Sandbox } from "../../sandbox/cluster";
import {
  channelOptions,
  decode,
  empty,
  encode,
  listen,
  plain,
  unary,
  type Properties,
} from "../../sandbox/engine/wire";
import { kubernetesPluginVersion, sandboxVariables, sharedSandbox } from "./sandbox-fixture";

/*
 * What the rollout relies on in Pulumi's kubernetes provider, asked of the plugin that the sandbox uses, as the engine asks
 * it. Where a release of the provider behaves otherwise, the title says what of the rollout breaks.
 */

/** The state that the engine has of a resource. */
interface Stored {
  readonly type: string;
  readonly id: string;
  readonly inputs: Properties;
  readonly state: Properties;
}

/** A failure of which the engine keeps the state. */
class PartialFailure extends Error {
  constructor(
    message: string,
    readonly id: string,
    readonly state: Properties,
    readonly reasons: string[],
  ) {
    super(message);
  }
}

/** Plays the engine: starts the plugin, and keeps states. */
class Engine {
  private constructor(
    private readonly log: grpc.Server,
    private readonly plugin: ChildProcess,
    private readonly client: ResourceProviderClient,
  ) {}

  static async start(executable: string, env: Record<string, string>, config: Record<string, string>): Promise<Engine> {
    const answer = unary(() => empty());
    const { server: log, port: logPort } = await listen((server) =>
      server.addService(EngineService, {
        log: answer,
        getRootResource: answer,
        setRootResource: answer,
        startDebugging: answer,
        requirePulumiVersion: answer,
      }),
    );
    const plugin = spawn(executable, [`127.0.0.1:${logPort}`], { env, stdio: ["pipe", "pipe", "ignore"] });
    const port = await new Promise<string>((resolve, reject) => {
      plugin.on("error", reject).on("exit", (code) => reject(new Error(`the plugin ended with ${code}`)));
      createInterface({ input: plugin.stdout }).once("line", resolve);
    });
    const credentials = grpc.credentials.createInsecure();
    const engine = new Engine(
      log,
      plugin,
      new ResourceProviderClient(`127.0.0.1:${port}`, credentials, channelOptions),
    );
    const request = new rpc.ConfigureRequest();
    for (const [key, value] of Object.entries(config)) request.getVariablesMap().set(`kubernetes:config:${key}`, value);
    request.setAcceptsecrets(true);
    await engine.call<rpc.ConfigureResponse>((done) => engine.client.configure(request, done));
    return engine;
  }

  async check(type: string, news: Properties, olds: Properties = {}): Promise<Properties> {
    const request = new rpc.CheckRequest();
    request.setUrn(urn(type));
    request.setNews(encode(news));
    request.setOlds(encode(olds));
    request.setRandomseed(Uint8Array.of(1, 2, 3));
    const response = await this.call<rpc.CheckResponse>((done) => this.client.check(request, done));
    assert.deepEqual(
      response.getFailuresList().map((failure) => failure.getReason()),
      [],
    );
    return decode(response.getInputs());
  }

  async preview(type: string, news: Properties): Promise<Properties> {
    return decode((await this.requestCreate(type, await this.check(type, news), true, 0)).getProperties());
  }

  async create(type: string, news: Properties, timeout = 0): Promise<Stored> {
    const inputs = await this.check(type, news);
    const response = await this.requestCreate(type, inputs, false, timeout);
    return { type, id: response.getId(), inputs, state: decode(response.getProperties()) };
  }

  /** Kinds of changes by path; one that replaces ends in "_replace". */
  async diff(old: Stored, news: Properties): Promise<Record<string, string>> {
    const request = new rpc.DiffRequest();
    request.setUrn(urn(old.type));
    request.setId(old.id);
    request.setOlds(encode(old.state));
    request.setOldInputs(encode(old.inputs));
    request.setNews(encode(await this.check(old.type, news, old.inputs)));
    const response = await this.call<rpc.DiffResponse>((done) => this.client.diff(request, done));
    const names = new Map(Object.entries(rpc.PropertyDiff.Kind).map(([key, value]) => [value as number, key]));
    const changes = response.getDetaileddiffMap().toArray() as unknown as [string][];
    return Object.fromEntries(
      changes.map(([path]) => [
        path,
        names.get(response.getDetaileddiffMap().get(path)!.getKind())?.toLowerCase() ?? "",
      ]),
    );
  }

  async update(old: Stored, news: Properties, timeout = 0): Promise<Stored> {
    const inputs = await this.check(old.type, news, old.inputs);
    const request = new rpc.UpdateRequest();
    request.setUrn(urn(old.type));
    request.setId(old.id);
    request.setOlds(encode(old.state));
    request.setOldInputs(encode(old.inputs));
    request.setNews(encode(inputs));
    request.setTimeout(timeout);
    const response = await this.call<rpc.UpdateResponse>((done) => this.client.update(request, done));
    return { ...old, inputs, state: decode(response.getProperties()) };
  }

  /** What `pulumi import` reads. */
  async import(type: string, id: string): Promise<Stored> {
    const request = new rpc.ReadRequest();
    request.setUrn(urn(type));
    request.setId(id);
    const response = await this.call<rpc.ReadResponse>((done) => this.client.read(request, done));
    return {
      type,
      id: response.getId(),
      inputs: decode(response.getInputs()),
      state: decode(response.getProperties()),
    };
  }

  async delete(old: Stored): Promise<void> {
    const request = new rpc.DeleteRequest();
    request.setUrn(urn(old.type));
    request.setId(old.id);
    request.setProperties(encode(old.state));
    request.setOldInputs(encode(old.inputs));
    await this.call((done) => this.client.delete(request, done));
  }

  stop(): void {
    this.client.close();
    this.log.forceShutdown();
    this.plugin.removeAllListeners("exit");
    this.plugin.kill("SIGKILL");
  }

  private requestCreate(type: string, inputs: Properties, preview: boolean, timeout: number) {
    const request = new rpc.CreateRequest();
    request.setUrn(urn(type));
    request.setProperties(encode(inputs));
    request.setPreview(preview);
    request.setTimeout(timeout);
    return this.call<rpc.CreateResponse>((done) => this.client.create(request, done));
  }

  private call<Answer>(start: (done: (error: grpc.ServiceError | null, answer: Answer) => void) => unknown) {
    return new Promise<Answer>((resolve, reject) => {
      start((error, answer) => (error === null ? resolve(answer) : reject(failureOf(error))));
    });
  }
}

function failureOf(error: grpc.ServiceError): Error {
  const [details] = error.metadata.get("grpc-status-details-bin");
  if (!(details instanceof Buffer)) return new Error(error.details);
  const [detail] = Status.deserializeBinary(details).getDetailsList();
  assert.equal(detail?.getTypeName(), "pulumirpc.ErrorResourceInitFailed");
  const failed = rpc.ErrorResourceInitFailed.deserializeBinary(detail.getValue_asU8());
  return new PartialFailure(error.details, failed.getId(), decode(failed.getProperties()), failed.getReasonsList());
}

async function partialFailure(action: Promise<unknown>): Promise<PartialFailure> {
  const error: unknown = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof PartialFailure, `no partial failure: ${String(error)}`);
  return error;
}

function urn(type: string): string {
  return `urn:pulumi:test::project::${type}::name`;
}

function field(properties: Properties, ...path: string[]): unknown {
  return path.reduce<unknown>((here, step) => (here as Record<string, unknown> | undefined)?.[step], plain(properties));
}

const types = {
  Namespace: "kubernetes:core/v1:Namespace",
  NamespacePatch: "kubernetes:core/v1:NamespacePatch",
  ConfigMap: "kubernetes:core/v1:ConfigMap",
  Secret: "kubernetes:core/v1:Secret",
  Release: "kubernetes:helm.sh/v3:Release",
};

describe("the kubernetes provider in use", function () {
  this.timeout(120_000);

  let sandbox: Sandbox;
  let engine: Engine;
  let folder: string;
  let count = 0;

  before(async function () {
    this.timeout(0);
    sandbox = await sharedSandbox();
    const env = await sandboxVariables();
    const plugin = `resource-kubernetes-v${await kubernetesPluginVersion()}/pulumi-resource-kubernetes`;
    const executable = join(env["PULUMI_HOME"]!, "plugins", plugin);
    // As `clusterProvider` asks for it.
    engine = await Engine.start(executable, env, {
      kubeconfig: sandbox.kubeconfig,
      enableSecretMutable: "true",
      enablePatchForce: "true",
      upsertExistingObjects: "true",
    });
    folder = mkdtempSync(join(tmpdir(), "provider-test-"));
  });
  after(() => {
    engine.stop();
    rmSync(folder, { recursive: true });
  });

  function kubectl(...args: string[]): string {
    const all = ["--kubeconfig", sandbox.kubeconfig, ...args];
    return execFileSync(sandbox.binaries.kubectl, all, { encoding: "utf8", stdio: "pipe" }).trim();
  }

  function namespace(): string {
    const name = `provider-${++count}`;
    kubectl("create", "namespace", name);
    return name;
  }

  const configMap = (metadata: Properties, data: Properties): Properties => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata,
    data,
  });

  it("takes over an object that exists: an update that was cut off after making it can simply be run again", async () => {
    const ns = namespace();
    kubectl("create", "configmap", "c", "--namespace", ns, "--from-literal", "theirs=1");
    const made = await engine.create(types.ConfigMap, configMap({ name: "c", namespace: ns }, { ours: "1" }));
    assert.equal(made.id, `${ns}/c`);
    assert.deepEqual(field(made.state, "data"), { ours: "1", theirs: "1" });
  });

  it("puts right what another field manager changed: a policy that somebody made PERMISSIVE by hand does not stay so", async () => {
    const ns = namespace();
    const inputs = configMap({ name: "c", namespace: ns }, { mode: "STRICT" });
    const made = await engine.create(types.ConfigMap, inputs);
    const file = join(folder, "theirs.yaml");
    writeFileSync(file, JSON.stringify(configMap({ name: "c", namespace: ns }, { mode: "PERMISSIVE" })));
    kubectl("apply", "--server-side", "--force-conflicts", "--field-manager", "somebody", "--filename", file);
    const data = { mode: "STRICT", more: "1" };
    assert.deepEqual(field((await engine.update(made, { ...inputs, data })).state, "data"), data);
  });

  it("updates a Secret in place: a replacement would leave a moment without a certificate, served in clear text", async () => {
    const ns = namespace();
    const inputs = (value: string): Properties => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s", namespace: ns },
      stringData: { value },
    });
    const made = await engine.create(types.Secret, inputs("1"));
    const uid = field(made.state, "metadata", "uid");
    assert.deepEqual(await engine.diff(made, inputs("2")), { "data.value": "update" });
    assert.equal(field((await engine.update(made, inputs("2"))).state, "metadata", "uid"), uid);
  });

  it("waits for a condition of ours, and keeps the state when it does not come: a Certificate that is not issued is told", async () => {
    const ns = namespace();
    const annotations = { "pulumi.com/waitFor": "jsonpath={.data.ready}=yes" };
    const inputs = (data: Properties): Properties => configMap({ name: "c", namespace: ns, annotations }, data);
    const error = await partialFailure(engine.create(types.ConfigMap, inputs({ a: "1" }), 1));
    assert.equal(error.id, `${ns}/c`);
    const stored = { type: types.ConfigMap, id: error.id, inputs: inputs({ a: "1" }), state: error.state };
    const updated = await engine.update(stored, inputs({ ready: "yes" }));
    assert.equal(field(updated.state, "data", "ready"), "yes");
  });

  it("tries an object again until its kind is served: nothing waits for the definitions of istio-base", async () => {
    const ns = namespace();
    const definition = join(folder, "late.yaml");
    const schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
    writeFileSync(
      definition,
      JSON.stringify({
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: "lates.test.example" },
        spec: {
          group: "test.example",
          names: { kind: "Late", plural: "lates" },
          scope: "Namespaced",
          versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } }],
        },
      }),
    );
    const metadata = { name: "policy", namespace: ns };
    const begin = Date.now();
    const making = engine.create("kubernetes:test.example/v1:Late", {
      apiVersion: "test.example/v1",
      kind: "Late",
      metadata,
      spec: { mode: "STRICT" },
    });
    await sleep(2000);
    kubectl("create", "--filename", definition);
    const made = await making;
    assert.ok(Date.now() - begin >= 2000);
    assert.equal(made.id, `${ns}/policy`);
    assert.equal(kubectl("get", "lates", "policy", "--namespace", ns, "--output", "jsonpath={.spec.mode}"), "STRICT");
  });

  it("owns with a NamespacePatch its own labels only, and gives them back: somebody's namespace stays theirs", async () => {
    const ns = namespace();
    kubectl("label", "namespace", ns, "theirs=stays");
    const made = await engine.create(types.NamespacePatch, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: ns, labels: { ours: "1" } },
    });
    const labels = (): unknown =>
      JSON.parse(kubectl("get", "namespace", ns, "--output", "jsonpath={.metadata.labels}"));
    assert.deepEqual(labels(), { "kubernetes.io/metadata.name": ns, ours: "1", theirs: "stays" });
    await engine.delete(made);
    assert.deepEqual(labels(), { "kubernetes.io/metadata.name": ns, theirs: "stays" });
  });

  describe("with a Helm release", () => {
    /** A chart with a Deployment whose pods can be kept from being ready, and a CRD. */
    function chart(): string {
      const path = join(folder, "demo");
      mkdirSync(join(path, "templates"), { recursive: true });
      writeFileSync(join(path, "Chart.yaml"), "apiVersion: v2\nname: demo\nversion: 1.2.3\n");
      writeFileSync(join(path, "values.yaml"), "nodeSelector: {}\n");
      writeFileSync(
        join(path, "templates/all.yaml"),
        `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      nodeSelector: {{ .Values.nodeSelector | toJson }}
      containers: [{name: main, image: "example.test/app:1"}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: gadgets.chart.test
spec:
  group: chart.test
  names: {kind: Gadget, plural: gadgets}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`,
      );
      return path;
    }

    const release = (ns: string, values: Properties = {}, more: Properties = {}): Properties => ({
      chart: chart(),
      name: "app",
      namespace: ns,
      values,
      compat: "true",
      ...more,
    });
    const nowhere = { nodeSelector: { nowhere: "yes" } };

    it("previews a custom resource whose kind the release will define: the first preview of a cluster is whole", async () => {
      const gadget = {
        apiVersion: "chart.test/v1",
        kind: "Gadget",
        metadata: { name: "g", namespace: "not-there-yet" },
        spec: { size: 1 },
      };
      await engine.preview(types.Release, release("not-there-yet"));
      assert.deepEqual(await engine.preview("kubernetes:chart.test/v1:Gadget", gadget), gadget);
    });

    it("waits for the release's pods, and imports it by namespace/name: what depends on istiod starts when it is ready", async () => {
      const ns = namespace();
      const made = await engine.create(types.Release, release(ns));
      assert.equal(field(made.state, "status", "status"), "deployed");
      const ready = ["get", "deployment", "app", "--namespace", ns, "--output", "jsonpath={.status.readyReplicas}"];
      assert.equal(kubectl(...ready), "1");
      assert.deepEqual(await engine.diff(made, release(ns)), {});
      const imported = await engine.import(types.Release, `${ns}/app`);
      assert.equal(imported.id, `${ns}/app`);
      assert.deepEqual([field(imported.state, "name"), field(imported.state, "version")], ["app", "1.2.3"]);
      await engine.delete(made);
      assert.equal(kubectl("get", "deployments", "--namespace", ns, "--output", "name"), "");
    });

    it("keeps the state of an installation that failed, and repairs it: `pulumi up` can be run again", async () => {
      const ns = namespace();
      const error = await partialFailure(engine.create(types.Release, release(ns, nowhere, { timeout: 1 })));
      assert.equal(error.id, `${ns}/app`);
      const stored = { type: types.Release, id: error.id, inputs: {}, state: error.state };
      const repaired = await engine.update(stored, release(ns, { nodeSelector: { "kubernetes.io/os": "linux" } }));
      assert.equal(field(repaired.state, "status", "status"), "deployed");
      await engine.delete(repaired);
    });

    it("leaves nothing of an atomic installation that failed, and reports no state", async () => {
      const ns = namespace();
      const inputs = release(ns, nowhere, { timeout: 2, atomic: true });
      const error: unknown = await engine.create(types.Release, inputs).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof Error && !(error instanceof PartialFailure), String(error));
      assert.equal(kubectl("get", "secrets,deployments", "--namespace", ns, "--output", "name"), "");
    });
  });
});
