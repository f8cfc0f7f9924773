import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import type { LogRequest } from "@pulumi/pulumi/proto/engine_pb";
import { ResourceProviderClient, ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { build } from "esbuild";
import type { Sandbox } from "../../sandbox/cluster";
import { Provider } from "../../sandbox/engine/kubernetes/provider";
import {
  containsSecret,
  decode,
  empty,
  encode,
  listen,
  plain,
  Secret,
  unary,
  unknown as notKnown,
  type Properties,
} from "../../sandbox/engine/wire";
import { sharedSandbox } from "./sandbox-fixture";

/** A failure that the engine keeps the state of. */
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

/** The state that the engine has of a resource. */
interface Stored {
  readonly type: string;
  readonly name: string;
  readonly id: string;
  readonly inputs: Properties;
  readonly state: Properties;
}

interface Options {
  readonly timeout?: number;
  readonly ignoreChanges?: string[];
}

/** Plays the engine: talks to the provider over gRPC, and keeps states. */
class Engine {
  private constructor(
    private readonly provider: Provider,
    private readonly server: grpc.Server,
    private readonly client: ResourceProviderClient,
  ) {}

  static async start(config: Record<string, string>, engineAddress = ""): Promise<Engine> {
    const provider = new Provider("4.34.2", engineAddress);
    const { server, port } = await listen((target) => target.addService(ResourceProviderService, provider.service()));
    const client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const engine = new Engine(provider, server, client);
    const request = new rpc.ConfigureRequest();
    for (const [key, value] of Object.entries(config)) request.getVariablesMap().set(`kubernetes:config:${key}`, value);
    request.setAcceptsecrets(true);
    await engine.call<rpc.ConfigureResponse>((done) => client.configure(request, done));
    return engine;
  }

  async check(type: string, name: string, news: Properties, olds: Properties = {}): Promise<Properties> {
    const request = new rpc.CheckRequest();
    request.setUrn(urn(type, name));
    request.setNews(encode(news));
    request.setOlds(encode(olds));
    request.setRandomseed(Uint8Array.of(1, 2, 3));
    const response = await this.call<rpc.CheckResponse>((done) => this.client.check(request, done));
    const [failure] = response.getFailuresList();
    if (failure !== undefined) throw new Error(`${failure.getProperty()}: ${failure.getReason()}`);
    return decode(response.getInputs());
  }

  async preview(type: string, name: string, news: Properties): Promise<Properties> {
    return decode((await this.requestCreate(type, name, await this.check(type, name, news), true)).getProperties());
  }

  async create(type: string, name: string, news: Properties, options: Options = {}): Promise<Stored> {
    const inputs = await this.check(type, name, news);
    const response = await this.requestCreate(type, name, inputs, false, options);
    return { type, name, id: response.getId(), inputs, state: decode(response.getProperties()) };
  }

  /** Kinds of changes by path, "!" marking those that replace. */
  async diff(old: Stored, news: Properties, options: Options = {}): Promise<Record<string, string>> {
    const response = await this.requestDiff(old, await this.check(old.type, old.name, news, old.inputs), options);
    const { Kind } = rpc.PropertyDiff;
    const names = new Map<number, string>(Object.entries(Kind).map(([key, value]) => [value as number, key]));
    const entries = response.getDetaileddiffMap().toArray() as unknown as [string, [number]][];
    const found = Object.fromEntries(
      entries.map(([path]) => {
        const kind = names.get(response.getDetaileddiffMap().get(path)!.getKind()) ?? "";
        return [path, kind.toLowerCase().replace("_replace", "!")];
      }),
    );
    const { DIFF_NONE } = rpc.DiffResponse.DiffChanges;
    assert.equal(response.getChanges() === DIFF_NONE, entries.length === 0);
    return found;
  }

  async deletesFirst(old: Stored, news: Properties): Promise<boolean> {
    const inputs = await this.check(old.type, old.name, news, old.inputs);
    return (await this.requestDiff(old, inputs)).getDeletebeforereplace();
  }

  async update(old: Stored, news: Properties, options: Options & { preview?: boolean } = {}): Promise<Stored> {
    const inputs = await this.check(old.type, old.name, news, old.inputs);
    const request = new rpc.UpdateRequest();
    request.setUrn(urn(old.type, old.name));
    request.setId(old.id);
    request.setOlds(encode(old.state));
    request.setOldInputs(encode(old.inputs));
    request.setNews(encode(inputs));
    request.setTimeout(options.timeout ?? 0);
    request.setIgnorechangesList(options.ignoreChanges ?? []);
    request.setPreview(options.preview ?? false);
    const response = await this.call<rpc.UpdateResponse>((done) => this.client.update(request, done));
    return { ...old, inputs, state: decode(response.getProperties()) };
  }

  async read(old: Stored): Promise<Stored> {
    const request = new rpc.ReadRequest();
    request.setUrn(urn(old.type, old.name));
    request.setId(old.id);
    if (Object.keys(old.state).length > 0) request.setProperties(encode(old.state));
    if (Object.keys(old.inputs).length > 0) request.setInputs(encode(old.inputs));
    const response = await this.call<rpc.ReadResponse>((done) => this.client.read(request, done));
    const [inputs, state] = [decode(response.getInputs()), decode(response.getProperties())];
    return { ...old, id: response.getId(), inputs, state };
  }

  import(type: string, id: string): Promise<Stored> {
    return this.read({ type, name: "imported", id, inputs: {}, state: {} });
  }

  async delete(old: Stored, options: Options = {}): Promise<void> {
    const request = new rpc.DeleteRequest();
    request.setUrn(urn(old.type, old.name));
    request.setId(old.id);
    request.setProperties(encode(old.state));
    request.setOldInputs(encode(old.inputs));
    request.setTimeout(options.timeout ?? 0);
    await this.call((done) => this.client.delete(request, done));
  }

  cancel(): Promise<unknown> {
    return this.call((done) => this.client.cancel(empty(), done));
  }

  stop(): void {
    this.client.close();
    this.server.forceShutdown();
    this.provider.dispose();
  }

  private requestCreate(type: string, name: string, inputs: Properties, preview: boolean, options: Options = {}) {
    const request = new rpc.CreateRequest();
    request.setUrn(urn(type, name));
    request.setProperties(encode(inputs));
    request.setPreview(preview);
    request.setTimeout(options.timeout ?? 0);
    return this.call<rpc.CreateResponse>((done) => this.client.create(request, done));
  }

  private requestDiff(old: Stored, inputs: Properties, options: Options = {}) {
    const request = new rpc.DiffRequest();
    request.setUrn(urn(old.type, old.name));
    request.setId(old.id);
    request.setOlds(encode(old.state));
    request.setOldInputs(encode(old.inputs));
    request.setNews(encode(inputs));
    request.setIgnorechangesList(options.ignoreChanges ?? []);
    return this.call<rpc.DiffResponse>((done) => this.client.diff(request, done));
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

function urn(type: string, name: string): string {
  return `urn:pulumi:test::project::${type}::${name}`;
}

const types = {
  Namespace: "kubernetes:core/v1:Namespace",
  NamespacePatch: "kubernetes:core/v1:NamespacePatch",
  ConfigMap: "kubernetes:core/v1:ConfigMap",
  ConfigMapPatch: "kubernetes:core/v1:ConfigMapPatch",
  Secret: "kubernetes:core/v1:Secret",
  Service: "kubernetes:core/v1:Service",
  Pod: "kubernetes:core/v1:Pod",
  Deployment: "kubernetes:apps/v1:Deployment",
  Job: "kubernetes:batch/v1:Job",
  Crd: "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
  Widget: "kubernetes:example.test/v1:Widget",
  Release: "kubernetes:helm.sh/v3:Release",
};

function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>((here, step) => (here as Record<string | number, unknown> | undefined)?.[step], value);
}

function field(properties: Properties, ...path: (string | number)[]): unknown {
  return at(plain(properties), ...path);
}

async function failure(action: Promise<unknown>): Promise<PartialFailure> {
  const error = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof PartialFailure, `no partial failure: ${String(error)}`);
  return error;
}

let sandbox: Sandbox;
let engine: Engine;
let folder: string;
let count = 0;

function kubectl(...args: string[]): string {
  return execFileSync(sandbox.binaries.kubectl, ["--kubeconfig", sandbox.kubeconfig, ...args], {
    encoding: "utf8",
    stdio: "pipe",
  }).trim();
}

function startEngine(config: Record<string, string> = {}, engineAddress = ""): Promise<Engine> {
  return Engine.start({ kubeconfig: sandbox.kubeconfig, ...config }, engineAddress);
}

/** Hooks of each group: the shared sandbox, and for each test a provider and a folder. */
function setUp(): void {
  before(async function () {
    this.timeout(0);
    sandbox = await sharedSandbox();
    process.env["ENROUTE_SANDBOX_HELM"] = sandbox.binaries.helm;
  });
  beforeEach(async () => {
    engine = await startEngine();
    folder = mkdtempSync(join(tmpdir(), "provider-test-"));
  });
  afterEach(() => {
    engine.stop();
    rmSync(folder, { recursive: true });
  });
}

/** A namespace of the test's own. */
function namespace(): string {
  const name = `provider-${++count}`;
  kubectl("create", "namespace", name);
  return name;
}

const configMap = (metadata: Record<string, string>, data: Properties): Properties => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata,
  data,
});

describe("kubernetes stand-in: objects", () => {
  setUp();

  it("creates an object, finds no difference afterwards, updates it and deletes it", async () => {
    const inputs = { apiVersion: "v1", kind: "Namespace", metadata: { name: "made-here", labels: { a: "1", b: "2" } } };
    const made = await engine.create(types.Namespace, "ns", inputs);
    assert.equal(made.id, "made-here");
    assert.deepEqual(await engine.diff(made, inputs), {});
    const changed = { ...inputs, metadata: { name: "made-here", labels: { a: "3" } } };
    assert.deepEqual(await engine.diff(made, changed), {
      "metadata.labels.a": "update",
      "metadata.labels.b": "delete",
    });
    const updated = await engine.update(made, changed);
    assert.deepEqual(field(updated.state, "metadata", "labels"), {
      a: "3",
      "kubernetes.io/metadata.name": "made-here",
    });
    assert.deepEqual(await engine.diff(updated, changed), {});
    await engine.delete(updated);
    assert.equal(kubectl("get", "namespaces", "--field-selector", "metadata.name=made-here", "--output", "name"), "");
    await engine.delete(updated);
  });

  it("says what to do about an object that exists already, and keeps no state of it", async () => {
    const ns = namespace();
    const error: unknown = await engine
      .create(types.Namespace, "ns", { apiVersion: "v1", kind: "Namespace", metadata: { name: ns } })
      .catch((thrown: unknown) => thrown);
    assert.ok(error instanceof Error && !(error instanceof PartialFailure));
    assert.match(
      error.message,
      /was not successfully created by the Kubernetes API server: namespaces "provider-\d+" already exists/,
    );
    assert.match(error.message, /NamespacePatch/);
  });

  it("previews with the server's defaults, without making anything", async () => {
    const ns = namespace();
    const inputs = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "previewed", namespace: ns },
      spec: { ports: [{ port: 80 }] },
    };
    assert.equal(field(await engine.preview(types.Service, "s", inputs), "spec", "ports", 0, "protocol"), "TCP");
    assert.equal(kubectl("get", "services", "--namespace", ns, "--output", "name"), "");
  });

  it("previews the inputs alone where a value is unknown, the kind's CRD or the namespace is missing", async () => {
    const name = { name: "x", namespace: "not-there-yet" };
    assert.deepEqual(await engine.preview(types.ConfigMap, "c", configMap(name, { a: notKnown })), {
      ...configMap(name, { a: notKnown }),
    });
    const widget = { apiVersion: "absent.example.test/v1", kind: "Widget", metadata: { name: "x" }, spec: { a: 1 } };
    const previewed = await engine.preview("kubernetes:absent.example.test/v1:Widget", "w", widget);
    assert.deepEqual(previewed, { ...widget, metadata: { name: "x", namespace: "default" } });
    assert.deepEqual(
      await engine.preview(types.ConfigMap, "c", configMap(name, { a: "1" })),
      configMap(name, { a: "1" }),
    );
  });

  it("fails a preview with the server's own words when the object is invalid", async () => {
    const invalid = configMap({ name: "Not_Valid", namespace: "default" }, {});
    await assert.rejects(engine.preview(types.ConfigMap, "c", invalid), /Not_Valid.*a lowercase RFC 1123 subdomain/s);
  });

  it("makes up a name once, the same in preview and update, and puts a new object beside the old one", async () => {
    const ns = namespace();
    const inputs = configMap({ namespace: ns }, { a: "1" });
    const previewed = await engine.preview(types.ConfigMap, "auto", inputs);
    const made = await engine.create(types.ConfigMap, "auto", inputs);
    assert.match(made.id, new RegExp(`^${ns}/auto-[0-9a-f]{8}$`));
    assert.equal(field(previewed, "metadata", "name"), field(made.state, "metadata", "name"));
    assert.deepEqual(await engine.diff(made, inputs), {});
    const changed = configMap({ namespace: ns }, { a: "2" });
    assert.deepEqual(await engine.diff(made, changed), { "data.a": "update!" });
    assert.equal(await engine.deletesFirst(made, changed), false);
  });

  it("replaces a named ConfigMap in place of the old one, or updates it where the configuration says so", async () => {
    const ns = namespace();
    const made = await engine.create(types.ConfigMap, "c", configMap({ name: "c", namespace: ns }, { a: "1" }));
    const changed = configMap({ name: "c", namespace: ns }, { a: "2" });
    assert.equal(await engine.deletesFirst(made, changed), true);
    const mutable = await startEngine({ enableConfigMapMutable: "true" });
    try {
      assert.deepEqual(await mutable.diff(made, changed), { "data.a": "update" });
      assert.deepEqual(field((await mutable.update(made, changed)).state, "data"), { a: "2" });
    } finally {
      mutable.stop();
    }
  });

  it("keeps secrets secret in inputs, state and kept inputs", async () => {
    const ns = namespace();
    const made = await engine.create(types.Secret, "s", {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s", namespace: ns },
      stringData: { password: "hidden" },
    });
    const data = { password: Buffer.from("hidden").toString("base64") };
    for (const part of [made.inputs, made.state, made.state["__inputs"] as Properties]) {
      assert.deepEqual(part["data"], new Secret(data));
    }
    assert.equal(made.inputs["stringData"], undefined);
    const rest = { ...made.state, data: null, __inputs: { ...(made.state["__inputs"] as Properties), data: null } };
    assert.equal(containsSecret(rest), false);
    const marked = await engine.create(
      types.ConfigMap,
      "c",
      configMap({ name: "c", namespace: ns }, { a: new Secret("hidden"), b: "shown" }),
    );
    assert.deepEqual(marked.state["data"], { a: new Secret("hidden"), b: "shown" });
    assert.deepEqual((await engine.read(marked)).inputs["data"], { a: new Secret("hidden"), b: "shown" });
  });

  it("shows drift after a refresh, but not what others added", async () => {
    const ns = namespace();
    const inputs = configMap({ name: "c", namespace: ns }, { a: "1" });
    const made = await engine.create(types.ConfigMap, "c", inputs);
    kubectl("label", "configmap", "c", "--namespace", ns, "added=by-someone");
    assert.deepEqual(await engine.diff(await engine.read(made), inputs), {});
    kubectl("patch", "configmap", "c", "--namespace", ns, "--type", "merge", "--patch", '{"data":{"a":"drifted"}}');
    const read = await engine.read(made);
    assert.deepEqual(read.inputs["data"], { a: "drifted" });
    assert.deepEqual(await engine.diff(read, inputs), { "data.a": "update!" });
    kubectl("delete", "configmap", "c", "--namespace", ns);
    assert.equal((await engine.read(made)).id, "");
  });

  it("imports an object by its id, with inputs that show no difference", async () => {
    const ns = namespace();
    kubectl("create", "configmap", "c", "--namespace", ns, "--from-literal", "a=1");
    const imported = await engine.import(types.ConfigMap, `${ns}/c`);
    assert.deepEqual(imported.inputs, configMap({ name: "c", namespace: ns }, { a: "1" }));
    assert.deepEqual(await engine.diff(imported, imported.inputs), {});
    assert.equal((await engine.import(types.ConfigMap, `${ns}/absent`)).id, "");
  });

  it("keeps what was asked for and what the cluster has when an update conflicts", async () => {
    const ns = namespace();
    const inputs = (replicas: number): Properties => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "d", namespace: ns, annotations: { "pulumi.com/skipAwait": "true" } },
      spec: { replicas, ...deploymentSpec("d") },
    });
    const made = await engine.create(types.Deployment, "d", inputs(0));
    const scaled = [
      "kind: Deployment",
      "apiVersion: apps/v1",
      `metadata: {name: d, namespace: ${ns}}`,
      "spec: {replicas: 2}",
    ];
    const file = join(folder, "d.yaml");
    writeFileSync(file, scaled.join("\n"));
    kubectl("apply", "--server-side", "--force-conflicts", "--field-manager", "autoscaler", "--filename", file);
    const error = await failure(engine.update(made, inputs(3)));
    assert.match(error.message, /Apply failed with 1 conflict: conflict with "autoscaler".*\.spec\.replicas/s);
    assert.match(error.message, /field manager "pulumi-kubernetes-[0-9a-f]{8}"/);
    assert.equal(field(error.state, "spec", "replicas"), 2);
    assert.equal(field(error.state, "__inputs", "spec", "replicas"), 3);
    const ignoring = await engine.update(made, inputs(3), { ignoreChanges: ["spec.replicas"] });
    assert.equal(field(ignoring.state, "spec", "replicas"), 2);
    const forced = inputs(4);
    (forced["metadata"] as { annotations: Properties }).annotations["pulumi.com/patchForce"] = "true";
    assert.equal(field((await engine.update(made, forced)).state, "spec", "replicas"), 4);
  });

  it("names the cluster that cannot be reached, and previews without it", async () => {
    const kubeconfig = readFileSync(sandbox.kubeconfig, "utf8").replace(sandbox.serverUrl, "https://127.0.0.1:1");
    const cutOff = await startEngine({ kubeconfig });
    try {
      const inputs = configMap({ name: "c", namespace: "default" }, {});
      assert.deepEqual(await cutOff.preview(types.ConfigMap, "c", inputs), inputs);
      await assert.rejects(
        cutOff.create(types.ConfigMap, "c", inputs),
        /configured Kubernetes cluster is unreachable: .*https:\/\/127\.0\.0\.1:1\/.*ECONNREFUSED/,
      );
      const stored = { type: types.ConfigMap, name: "c", id: "default/c", inputs, state: inputs };
      await assert.rejects(cutOff.delete(stored), /PULUMI_K8S_DELETE_UNREACHABLE/);
    } finally {
      cutOff.stop();
    }
  });
});

/** Objects as people write them: with empty values, defaults left out, and numbers in their own way. */
function manyKinds(ns: string): Properties[] {
  const object = (kind: string, more: Properties, named = "x"): Properties => {
    const [apiVersion = "", name = ""] = kind.split(" ");
    const annotations = { "pulumi.com/skipAwait": "true" };
    return { apiVersion, kind: name, metadata: { name: named, namespace: ns, annotations, labels: {} }, ...more };
  };
  const container: Properties = {
    name: "main",
    image: "example.test/app:1",
    env: [{ name: "EMPTY", value: "" }],
    ports: [{ containerPort: 80 }],
    resources: { requests: { cpu: "1000m", memory: "1024Mi" }, limits: { cpu: 2 } },
    volumeMounts: [{ name: "empty", mountPath: "/tmp", readOnly: false }],
    securityContext: {},
  };
  const template: Properties = {
    metadata: { labels: { app: "x" } },
    spec: {
      hostNetwork: false,
      containers: [container],
      volumes: [{ name: "empty", emptyDir: {} }],
      terminationGracePeriodSeconds: 0,
      tolerations: [],
    },
  };
  const workload = { selector: { matchLabels: { app: "x" } }, template };
  const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1024Mi" } } };
  const once: Properties = { ...template, spec: { ...(template["spec"] as Properties), restartPolicy: "Never" } };
  const subject = { kind: "ServiceAccount", name: "x", namespace: ns };
  return [
    object("v1 ServiceAccount", { automountServiceAccountToken: false }),
    object("v1 Service", {
      spec: { type: "NodePort", ports: [{ port: 80, targetPort: "http" }], selector: { app: "x" } },
    }),
    object("v1 PersistentVolumeClaim", { spec: { storageClassName: "", ...claim } }),
    object("v1 Secret", { stringData: { a: "b" } }),
    object("v1 ConfigMap", { data: {}, immutable: false }),
    object("apps/v1 Deployment", { spec: { replicas: 0, strategy: { type: "Recreate" }, ...workload } }),
    object("apps/v1 StatefulSet", {
      spec: { serviceName: "x", ...workload, volumeClaimTemplates: [{ metadata: { name: "data" }, spec: claim }] },
    }),
    object("apps/v1 DaemonSet", { spec: workload }),
    object("batch/v1 Job", { spec: { template: once } }),
    object("batch/v1 CronJob", {
      spec: { schedule: "0 0 * * *", suspend: false, jobTemplate: { spec: { template: once } } },
    }),
    object("policy/v1 PodDisruptionBudget", { spec: { minAvailable: 1, selector: { matchLabels: { app: "x" } } } }),
    object("networking.k8s.io/v1 NetworkPolicy", { spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [] } }),
    object("networking.k8s.io/v1 Ingress", {
      spec: { defaultBackend: { service: { name: "x", port: { number: 80 } } } },
    }),
    object("rbac.authorization.k8s.io/v1 Role", { rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] }),
    object("rbac.authorization.k8s.io/v1 RoleBinding", {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "x" },
      subjects: [subject],
    }),
    object("autoscaling/v2 HorizontalPodAutoscaler", {
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "x" },
        maxReplicas: 2,
        metrics: [
          { type: "Resource", resource: { name: "memory", target: { type: "AverageValue", averageValue: "1024Mi" } } },
        ],
      },
    }),
  ];
}

describe("kubernetes stand-in: objects of many kinds", () => {
  setUp();

  it("show no difference after creation, refresh and update", async () => {
    const ns = namespace();
    for (const inputs of manyKinds(ns)) {
      const kind = inputs["kind"] as string;
      const apiVersion = inputs["apiVersion"] as string;
      const type = `kubernetes:${apiVersion.replace(/^v1$/, "core/v1")}:${kind}`;
      await engine.preview(type, "x", inputs);
      const made = await engine.create(type, "x", inputs);
      assert.deepEqual(await engine.diff(made, inputs), {}, kind);
      assert.deepEqual(await engine.diff(await engine.read(made), inputs), {}, `${kind} after a refresh`);
      const labelled = { ...inputs, metadata: { ...(inputs["metadata"] as Properties), labels: { new: "label" } } };
      await engine.update(made, labelled, { preview: true });
      const updated = await engine.update(made, labelled);
      assert.deepEqual(await engine.diff(updated, labelled), {}, `${kind} after an update`);
    }
  });
});

describe("kubernetes stand-in: Patch resources", () => {
  setUp();

  it("own only their fields, and give them back", async () => {
    const ns = namespace();
    kubectl("label", "namespace", ns, "theirs=stays");
    const inputs = { apiVersion: "v1", kind: "Namespace", metadata: { name: ns, labels: { ours: "1" } } };
    assert.deepEqual(await engine.preview(types.NamespacePatch, "p", inputs), inputs);
    const made = await engine.create(types.NamespacePatch, "p", inputs);
    assert.equal(made.id, ns);
    assert.deepEqual(await engine.diff(made, inputs), {});
    const changed = { ...inputs, metadata: { name: ns, labels: { ours: "2" } } };
    assert.deepEqual(await engine.diff(made, changed), { "metadata.labels.ours": "update" });
    const updated = await engine.update(made, changed);
    const labels = (): unknown =>
      JSON.parse(kubectl("get", "namespace", ns, "--output", "jsonpath={.metadata.labels}"));
    assert.deepEqual(labels(), { "kubernetes.io/metadata.name": ns, ours: "2", theirs: "stays" });
    await engine.delete(updated);
    assert.deepEqual(labels(), { "kubernetes.io/metadata.name": ns, theirs: "stays" });
  });

  it("are gone with their object, and do not bring it back", async () => {
    const ns = namespace();
    kubectl("create", "configmap", "c", "--namespace", ns);
    const made = await engine.create(types.ConfigMapPatch, "p", configMap({ name: "c", namespace: ns }, { a: "1" }));
    kubectl("delete", "configmap", "c", "--namespace", ns);
    await engine.delete(made);
    assert.equal(kubectl("get", "configmaps", "--namespace", ns, "--output", "name"), "configmap/kube-root-ca.crt");
  });

  it("need the name of their object", async () => {
    const inputs = { apiVersion: "v1", kind: "Namespace", metadata: { labels: { a: "1" } } };
    await assert.rejects(engine.check(types.NamespacePatch, "p", inputs), /require the \.metadata\.name field/);
  });
});

function deploymentSpec(app: string): Properties {
  return {
    selector: { matchLabels: { app } },
    template: {
      metadata: { labels: { app } },
      spec: { containers: [{ name: "main", image: "example.test/app:1", resources: { limits: { cpu: "1000m" } } }] },
    },
  };
}

describe("kubernetes stand-in: waiting", () => {
  setUp();

  it("waits until a Deployment's pods are ready, and finds no difference afterwards", async () => {
    const ns = namespace();
    const inputs = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "d", namespace: ns },
      spec: deploymentSpec("d"),
    };
    const made = await engine.create(types.Deployment, "d", inputs);
    assert.equal(field(made.state, "status", "readyReplicas"), 1);
    assert.deepEqual(await engine.diff(made, inputs), {});
    assert.deepEqual(await engine.diff(await engine.read(made), inputs), {});
  });

  it("keeps the state of what did not become ready, says why, and repairs it by an update", async () => {
    const ns = namespace();
    const inputs = (nodeSelector: Properties): Properties => {
      const spec = deploymentSpec("d");
      ((spec["template"] as Properties)["spec"] as Properties)["nodeSelector"] = nodeSelector;
      return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d", namespace: ns }, spec };
    };
    const error = await failure(engine.create(types.Deployment, "d", inputs({ nowhere: "yes" }), { timeout: 1 }));
    assert.match(
      error.message,
      /was successfully created, but.*failed to fully initialize or become live: 'd' timed out waiting to be Ready/,
    );
    assert.equal(error.id, `${ns}/d`);
    assert.ok(
      error.reasons.some((reason) => /\[Pod .*\]: Unschedulable: 0\/\d nodes/.test(reason)),
      error.reasons.join("\n"),
    );
    const stored = { type: types.Deployment, name: "d", id: error.id, inputs: {}, state: error.state };
    const repaired = await engine.update(stored, inputs({}));
    assert.equal(field(repaired.state, "status", "readyReplicas"), 1);
  });

  it("does not wait where it is told not to", async () => {
    const ns = namespace();
    const made = await engine.create(types.Pod, "p", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: ns, annotations: { "pulumi.com/skipAwait": "true" } },
      spec: { nodeSelector: { nowhere: "yes" }, containers: [{ name: "main", image: "example.test/app:1" }] },
    });
    assert.equal(field(made.state, "status", "phase"), "Pending");
  });

  it("waits for a load balancer's address", async () => {
    const ns = namespace();
    const made = await engine.create(types.Service, "s", {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "s", namespace: ns },
      spec: { type: "LoadBalancer", ports: [{ port: 80 }], selector: { app: "none" } },
    });
    assert.equal(typeof field(made.state, "status", "loadBalancer", "ingress", 0, "ip"), "string");
  });

  it("waits for conditions of the user's own, within the annotation's time", async () => {
    const ns = namespace();
    const inputs = configMap({ name: "c", namespace: ns }, { a: "1" });
    const annotations = { "pulumi.com/waitFor": "jsonpath={.data.later}=yes", "pulumi.com/timeoutSeconds": "1" };
    (inputs["metadata"] as Properties)["annotations"] = annotations;
    const error = await failure(engine.create(types.ConfigMap, "c", inputs));
    assert.match(error.message, /'c' timed out waiting to be Ready/);
    assert.match(error.reasons.join("\n"), /jsonpath=\{\.data\.later\}=yes/);
  });

  it("stops waiting when the run is cancelled, and keeps the state", async () => {
    const ns = namespace();
    const creating = failure(
      engine.create(types.Service, "s", {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "p", namespace: ns },
        spec: { nodeSelector: { nowhere: "yes" }, containers: [{ name: "main", image: "example.test/app:1" }] },
      }),
    );
    while (kubectl("get", "pods", "--namespace", ns, "--output", "name") === "") await sleep(50);
    await engine.cancel();
    const error = await creating;
    assert.match(error.message, /Resource operation was cancelled for "p"/);
    assert.equal(error.id, `${ns}/p`);
  });

  it("names the finalizers that keep an object from going", async () => {
    const ns = namespace();
    const inputs = configMap({ name: "c", namespace: ns }, {});
    (inputs["metadata"] as Properties)["finalizers"] = ["example.test/held"];
    const made = await engine.create(types.ConfigMap, "c", inputs);
    const error = await failure(engine.delete(made, { timeout: 1 }));
    assert.match(error.message, /timed out waiting for the condition/);
    assert.match(error.reasons.join("\n"), /finalizers might be preventing deletion \(.*example\.test\/held/);
    kubectl(
      "patch",
      "configmap",
      "c",
      "--namespace",
      ns,
      "--type",
      "merge",
      "--patch",
      '{"metadata":{"finalizers":null}}',
    );
  });
});

function crd(scope: "Cluster" | "Namespaced", extra: Properties = {}): Properties {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.example.test" },
    spec: {
      group: "example.test",
      scope,
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", x_kubernetes_preserve_unknown_fields: true, ...extra } },
        },
      ],
    },
  };
}

describe("kubernetes stand-in: custom resources", () => {
  setUp();

  it("follow their definition in the same run: scope, creation, update, removal", async () => {
    // The garbage collector, which completes a foreground deletion, learns of new kinds only every half minute.
    const annotations = { "pulumi.com/deletionPropagationPolicy": "background" };
    const metadata = { name: "w", annotations };
    const widget = { apiVersion: "example.test/v1", kind: "Widget", metadata, spec: { size: 1 } };
    const checked = await engine.check(types.Crd, "crd", crd("Cluster"));
    assert.equal(field(await engine.check(types.Widget, "w", widget), "metadata", "namespace"), undefined);
    assert.equal(
      field(checked, "spec", "versions", 0, "schema", "openAPIV3Schema", "x-kubernetes-preserve-unknown-fields"),
      true,
    );
    // The custom resource is asked for first, as without a dependency it may be.
    const making = engine.create(types.Widget, "w", widget);
    const definition = await engine.create(types.Crd, "crd", crd("Cluster"));
    const made = await making;
    assert.equal(made.id, "w");
    assert.deepEqual(await engine.diff(definition, crd("Cluster")), {});
    const bigger = { ...widget, spec: { size: 2 } };
    assert.deepEqual(await engine.diff(made, bigger), { "spec.size": "update" });
    assert.equal(field((await engine.update(made, bigger)).state, "spec", "size"), 2);
    const described = await engine.update(definition, crd("Cluster", { description: "A widget." }));
    assert.deepEqual(await engine.diff(described, crd("Cluster", { description: "A widget." })), {});
    await engine.delete(made);
    await engine.delete(described);
    await engine.delete(made);
  });
});

/** A chart with a Deployment whose pods can be kept from being ready, and a cluster-scoped CRD. */
function writeChart(name: string, version: string): string {
  const chart = join(folder, name);
  mkdirSync(join(chart, "templates"), { recursive: true });
  writeFileSync(join(chart, "Chart.yaml"), `apiVersion: v2\nname: ${name}\nversion: ${version}\nappVersion: "7"\n`);
  writeFileSync(join(chart, "values.yaml"), "text: none\nnodeSelector: {}\ncrd: false\n");
  const template = `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
data:
  text: {{ .Values.text | quote }}
---
apiVersion: apps/v1
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
{{- if .Values.crd }}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: gadgets.chart.test
spec:
  group: chart.test
  names:
    kind: Gadget
    plural: gadgets
  scope: Cluster
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
{{- end }}
`;
  writeFileSync(join(chart, "templates", "all.yaml"), template);
  return chart;
}

function release(ns: string, chart: string, values: Properties = {}, more: Properties = {}): Properties {
  return { chart, name: "app", namespace: ns, values, compat: "true", ...more };
}

describe("kubernetes stand-in: Helm releases", function () {
  this.timeout(60_000);
  setUp();

  it("installs, finds no difference, upgrades, refreshes and uninstalls", async () => {
    const ns = namespace();
    const chart = writeChart("demo", "1.2.3");
    const inputs = release(ns, chart, { text: new Secret("hidden") });
    const made = await engine.create(types.Release, "r", inputs);
    assert.equal(made.id, `${ns}/app`);
    assert.deepEqual(field(made.state, "status"), {
      status: "deployed",
      name: "app",
      namespace: ns,
      revision: 1,
      chart: "demo",
      version: "1.2.3",
      appVersion: "7",
    });
    assert.deepEqual(field(made.state, "resourceNames"), {
      "ConfigMap/v1": [`${ns}/app`],
      "Deployment.apps/apps/v1": ["app"],
    });
    assert.ok(made.state["__inputs"] instanceof Secret);
    assert.deepEqual(made.state["values"], { text: new Secret("hidden") });
    assert.equal(
      kubectl("get", "deployment", "app", "--namespace", ns, "--output", "jsonpath={.status.readyReplicas}"),
      "1",
    );
    assert.deepEqual(await engine.diff(made, inputs), {});
    const changed = release(ns, chart, { text: "shown" });
    assert.deepEqual(await engine.diff(made, changed), { "values.text": "update" });
    const updated = await engine.update(made, changed);
    assert.equal(field(updated.state, "status", "revision"), 2);
    const read = await engine.read(updated);
    assert.deepEqual(await engine.diff(read, changed), {});
    assert.deepEqual(await engine.diff(read, { ...changed, name: "other" }), { name: "update!" });
    await engine.delete(read);
    assert.equal(kubectl("get", "deployments", "--namespace", ns, "--output", "name"), "");
    assert.equal((await engine.read(read)).id, "");
    await assert.rejects(engine.delete(read), /release: not found/);
  });

  it("previews without touching the cluster: what is not known yet stays unknown", async () => {
    const ns = namespace();
    const previewed = await engine.preview(types.Release, "r", release(ns, writeChart("demo", "1.0.0")));
    assert.equal(previewed["status"], notKnown);
    assert.equal(previewed["resourceNames"], notKnown);
    assert.equal(kubectl("get", "secrets", "--namespace", ns, "--output", "name"), "");
  });

  it("tells the scope of the kinds that a chart will define", async () => {
    await engine.check(types.Release, "r", release("later", writeChart("demo", "1.0.0"), { crd: true }));
    const gadget = { apiVersion: "chart.test/v1", kind: "Gadget", metadata: { name: "g" } };
    const previewed = await engine.preview("kubernetes:chart.test/v1:Gadget", "g", gadget);
    assert.deepEqual(previewed, gadget);
  });

  it("keeps a failed installation, and repairs it by an upgrade", async () => {
    const ns = namespace();
    const chart = writeChart("demo", "1.0.0");
    const error = await failure(
      engine.create(types.Release, "r", release(ns, chart, { nodeSelector: { nowhere: "yes" } }, { timeout: 1 })),
    );
    assert.match(
      error.message,
      /^Helm release ".*\/app" was created, but failed to initialize completely\. Use Helm CLI to investigate: .*: context deadline exceeded/s,
    );
    assert.equal(field(error.state, "status", "status"), "failed");
    const stored = { type: types.Release, name: "r", id: error.id, inputs: {}, state: error.state };
    // Helm keeps the old values when an upgrade brings none at all.
    const repaired = await engine.update(stored, release(ns, chart, { text: "repaired" }));
    assert.equal(field(repaired.state, "status", "status"), "deployed");
    assert.equal(field(repaired.state, "status", "revision"), 2);
    const failed = await failure(
      engine.update(repaired, release(ns, chart, { nodeSelector: { nowhere: "yes" } }, { timeout: 1 })),
    );
    assert.match(failed.message, /^Helm release ".*\/app" failed to initialize completely/);
    assert.equal(field(failed.state, "status", "revision"), 3);
  });

  it("leaves nothing of a failed atomic installation, and reports it without a state", async () => {
    const ns = namespace();
    const inputs = release(
      ns,
      writeChart("demo", "1.0.0"),
      { nodeSelector: { nowhere: "yes" } },
      { timeout: 2, atomic: true },
    );
    const error: unknown = await engine.create(types.Release, "r", inputs).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof Error && !(error instanceof PartialFailure), String(error));
    assert.match(error.message, /atomic/);
    assert.equal(kubectl("get", "secrets,deployments", "--namespace", ns, "--output", "name"), "");
  });

  it("passes on that a name is taken, or that another operation is in progress", async () => {
    const ns = namespace();
    const inputs = release(ns, writeChart("demo", "1.0.0"), {}, { skipAwait: true });
    const made = await engine.create(types.Release, "r", inputs);
    await assert.rejects(
      engine.create(types.Release, "r", inputs),
      /^Error: cannot re-use a name that is still in use$/,
    );
    const pending = "sh.helm.release.v1.app.v1";
    markPending(ns, pending);
    await assert.rejects(
      engine.update(made, inputs),
      /^Error: another operation \(install\/upgrade\/rollback\) is in progress$/,
    );
  });

  it("records a cancelled installation as failed", async () => {
    const ns = namespace();
    const inputs = release(ns, writeChart("demo", "1.0.0"), { nodeSelector: { nowhere: "yes" } });
    const creating = failure(engine.create(types.Release, "r", inputs));
    while (kubectl("get", "deployments", "--namespace", ns, "--output", "name") === "") await sleep(50);
    await engine.cancel();
    const error = await creating;
    assert.match(error.message, /context canceled/);
    assert.equal(field(error.state, "status", "status"), "failed");
  });

  it("downloads a chart once, with the account of its repository, which it never shows", async () => {
    const ns = namespace();
    const chart = writeChart("served", "2.0.0");
    execFileSync(sandbox.binaries.helm, ["package", chart, "--destination", folder], { stdio: "pipe" });
    execFileSync(sandbox.binaries.helm, ["repo", "index", folder], { stdio: "pipe" });
    const asked: string[] = [];
    const account = `Basic ${Buffer.from("user:pass word").toString("base64")}`;
    const server = createServer((request, response) => {
      if (request.headers.authorization !== account) return void response.writeHead(401).end();
      asked.push(request.url ?? "");
      return void response.end(readFileSync(join(folder, request.url ?? "")));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const repo = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const repositoryOpts = { repo, username: "user", password: new Secret("pass word") };
      const inputs = { ...release(ns, "served"), repositoryOpts };
      const made = await engine.create(types.Release, "r", inputs);
      assert.equal(made.inputs["version"], "2.0.0");
      assert.deepEqual(made.state["repositoryOpts"], repositoryOpts);
      assert.equal(asked.filter((url) => url.endsWith(".tgz")).length, 1);
      const wrong = { ...inputs, repositoryOpts: { repo, username: "user", password: new Secret("wrong") } };
      await assert.rejects(
        engine.check(types.Release, "r", wrong),
        (error: Error) =>
          /^chart: .*401.*; check the chart name and repository configuration\.$/s.test(error.message) &&
          !error.message.includes("wrong"),
      );
    } finally {
      server.close();
    }
  });

  it("names a chart that is not there", async () => {
    const missing = join(folder, "missing");
    await assert.rejects(engine.check(types.Release, "r", release("default", missing)), {
      message: `chart: path "${missing}" not found; check the chart name and repository configuration.`,
    });
  });

  it("leaves no temporary files behind", async () => {
    const mine = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("enroute-helm-"));
    const before = mine();
    const other = await startEngine();
    await other.check(types.Release, "r", release("default", writeChart("demo", "1.0.0")));
    const made = await other.create(
      types.Release,
      "r",
      release(namespace(), writeChart("demo", "1.0.0"), {}, { skipAwait: true }),
    );
    assert.notEqual(made.id, "");
    assert.equal(mine().length, before.length + 1);
    other.stop();
    assert.deepEqual(mine(), before);
  });
});

describe("kubernetes stand-in: the process", () => {
  setUp();

  it("prints its port, and ends with the engine that started it", async () => {
    const bundle = join(folder, "provider.js");
    const entry = join(__dirname, "../../sandbox/engine/kubernetes/main.ts");
    await build({
      entryPoints: [entry],
      outfile: bundle,
      bundle: true,
      platform: "node",
      target: "node20",
      logLevel: "error",
    });
    const child = spawn(process.execPath, [bundle], { stdio: ["pipe", "pipe", "inherit"] });
    const [first] = (await once(child.stdout, "data")) as [Buffer];
    assert.match(first.toString(), /^\d+\n$/);
    const client = new ResourceProviderClient(
      `127.0.0.1:${first.toString().trim()}`,
      grpc.credentials.createInsecure(),
    );
    const info = await new Promise<string>((resolve, reject) => {
      client.getPluginInfo(empty(), (error, answer) => (error ? reject(error) : resolve(answer.getVersion())));
    });
    assert.match(info, /^4\.\d+\.\d+$/);
    client.close();
    const ended = once(child, "exit");
    child.stdin.end();
    assert.deepEqual(await ended, [0, null]);
  });

  it("says once that it is a stand-in, unless it is told to be quiet", async () => {
    const said: string[] = [];
    const { server, port } = await listen((target) =>
      target.addService(EngineService, {
        log: unary((request: LogRequest) => {
          said.push(request.getMessage());
          return empty();
        }),
      }),
    );
    try {
      for (const quiet of ["1", ""]) {
        process.env["ENROUTE_SANDBOX_QUIET"] = quiet;
        const talking = await startEngine({}, `127.0.0.1:${port}`);
        await talking.check(types.ConfigMap, "c", configMap({ name: "c" }, {}));
        talking.stop();
      }
    } finally {
      delete process.env["ENROUTE_SANDBOX_QUIET"];
      server.forceShutdown();
    }
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", /stand-in for pulumi-resource-kubernetes/);
  });
});

/** Makes a release look as if Helm had been killed in the middle of it. */
function markPending(ns: string, secret: string): void {
  const edit = `{"metadata":{"labels":{"status":"pending-upgrade"}}}`;
  const stored = kubectl("get", "secret", secret, "--namespace", ns, "--output", "jsonpath={.data.release}");
  const packed = Buffer.from(Buffer.from(stored, "base64").toString(), "base64");
  const text = gunzipSync(packed).toString().replace('"status":"deployed"', '"status":"pending-upgrade"');
  const repacked = Buffer.from(gzipSync(text).toString("base64")).toString("base64");
  kubectl("patch", "secret", secret, "--namespace", ns, "--type", "merge", "--patch", edit);
  const patch = join(folder, "release.json");
  writeFileSync(patch, JSON.stringify({ data: { release: repacked } }));
  kubectl("patch", "secret", secret, "--namespace", ns, "--type", "merge", "--patch-file", patch);
}
