// The engine's provider protocol, translated to and from what the other files do.

import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { decode, EngineLog, encode, empty, rpcError, unary, type Properties } from "../wire";
import type { Wait } from "./await";
import { checkObject } from "./check";
import { Cluster } from "./cluster";
import { compareObject } from "./compare";
import { createObject } from "./create";
import { deleteObject } from "./delete";
import { InitFailedError, initFailedStatus } from "./errors";
import { Helm } from "./helm/cli";
import { ChartError, Releases, releaseType } from "./helm/releases";
import type { Operation } from "./operation";
import { readObject } from "./read";
import { checkSettings, diffSettings, readSettings } from "./settings";
import { readState } from "./state";
import { bareMap } from "./tree";
import { updateObject } from "./update";
import { differenceMessage, failureMessage, nameOf, naming, typeOf, type ResourceRequest } from "./messages";

/** What the user is told once per run. */
const notice = "sandbox stand-in for pulumi-resource-kubernetes is in use (docs/sandbox.md says what it leaves out)";

/** The provider of one engine run. */
export class Provider {
  private readonly abort = new AbortController();
  private cluster: Cluster | undefined;
  private releases: Releases | undefined;
  private helm: Helm | undefined;
  private log: EngineLog | undefined;
  private told = false;

  /** @param version the version that it stands in for; @param engineAddress "" until the engine attaches */
  constructor(
    private readonly version: string,
    engineAddress: string,
  ) {
    this.attachTo(engineAddress);
  }

  /** The methods of the protocol; all others are answered with "unimplemented". */
  service(): UntypedServiceImplementation {
    return {
      handshake: unary((request: rpc.ProviderHandshakeRequest) => this.handshake(request)),
      attach: unary((request: { getAddress(): string }) => {
        this.attachTo(request.getAddress());
        return empty();
      }),
      getPluginInfo: unary(() => new PluginInfo().setVersion(this.version)),
      getSchema: unary(() => new rpc.GetSchemaResponse().setSchema("{}")),
      checkConfig: unary((request: rpc.CheckRequest) => checkConfig(request)),
      diffConfig: unary((request: rpc.DiffRequest) => diffConfig(request)),
      configure: unary((request: rpc.ConfigureRequest) => this.configure(request)),
      check: unary((request: rpc.CheckRequest) => this.check(request)),
      diff: unary((request: rpc.DiffRequest) => this.diff(request)),
      create: unary((request: rpc.CreateRequest) => partially(() => this.create(request))),
      read: unary((request: rpc.ReadRequest) => partially(() => this.read(request))),
      update: unary((request: rpc.UpdateRequest) => partially(() => this.update(request))),
      delete: unary((request: rpc.DeleteRequest) => partially(() => this.delete(request))),
      invoke: unary((request: rpc.InvokeRequest) => {
        throw rpcError(`the function ${request.getTok()} is not supported by this stand-in`);
      }),
      cancel: unary(() => {
        this.cancel();
        return empty();
      }),
    };
  }

  /** Ends waits and running Helm processes; what they had begun stays in the state. */
  cancel(): void {
    this.abort.abort();
    this.helm?.interrupt();
  }

  /** Removes temporary files and ends what is running. */
  dispose(): void {
    this.abort.abort();
    this.helm?.dispose();
  }

  private attachTo(address: string): void {
    if (address === "") return;
    this.log?.close();
    this.log = new EngineLog(address);
  }

  private handshake(request: rpc.ProviderHandshakeRequest): rpc.ProviderHandshakeResponse {
    if (this.log === undefined) this.attachTo(request.getEngineAddress());
    const response = new rpc.ProviderHandshakeResponse();
    response.setAcceptSecrets(true);
    response.setAcceptResources(false);
    response.setAcceptOutputs(false);
    response.setSupportsAutonamingConfiguration(true);
    return response;
  }

  private async configure(request: rpc.ConfigureRequest): Promise<rpc.ConfigureResponse> {
    const variables = request.getVariablesMap();
    const settings = readSettings((key) => variables.get(`kubernetes:config:${key}`));
    this.cluster = new Cluster(settings, this.abort.signal);
    this.helm = new Helm(process.env["ENROUTE_SANDBOX_HELM"] || "helm", settings.helmEnv);
    this.releases = new Releases(this.cluster, this.helm);
    if (!this.told && process.env["ENROUTE_SANDBOX_QUIET"] !== "1") await this.log?.log("info", "", notice);
    this.told = true;
    const response = new rpc.ConfigureResponse();
    response.setAcceptsecrets(true);
    response.setSupportspreview(true);
    response.setAcceptresources(false);
    response.setAcceptoutputs(false);
    response.setSupportsAutonamingConfiguration(true);
    return response;
  }

  private async check(request: rpc.CheckRequest): Promise<rpc.CheckResponse> {
    const [news, olds] = [decode(request.getNews()), decode(request.getOlds())];
    const { cluster, releases } = this.configured();
    const response = new rpc.CheckResponse();
    try {
      const inputs =
        typeOf(request) === releaseType
          ? await releases.check(nameOf(request), news, olds)
          : await checkObject(cluster, typeOf(request), news, olds, naming(request));
      response.setInputs(encode(inputs));
    } catch (error) {
      if (!(error instanceof ChartError)) throw error;
      response.setInputs(encode(news));
      response.addFailures(failureMessage({ property: "chart", reason: error.message }));
    }
    return response;
  }

  private async diff(request: rpc.DiffRequest): Promise<rpc.DiffResponse> {
    const { cluster, releases } = this.configured();
    const old = readState(decode(request.getOlds()), decode(request.getOldInputs()));
    const news = bareMap(decode(request.getNews()));
    const ignored = request.getIgnorechangesList();
    return differenceMessage(
      typeOf(request) === releaseType
        ? releases.compare(old, news, ignored)
        : await compareObject(cluster, typeOf(request), old, news, ignored),
    );
  }

  private async create(request: rpc.CreateRequest): Promise<rpc.CreateResponse> {
    const operation = this.operation(request, request.getPreview());
    const inputs = decode(request.getProperties());
    const { id, state } =
      operation.type === releaseType
        ? await this.configured().releases.create(operation, inputs)
        : await createObject(operation, inputs);
    const response = new rpc.CreateResponse();
    response.setId(id);
    response.setProperties(encode(state));
    return response;
  }

  private async read(request: rpc.ReadRequest): Promise<rpc.ReadResponse> {
    const operation = this.operation(request, false);
    const [id, properties, inputs] = [request.getId(), decode(request.getProperties()), decode(request.getInputs())];
    const found =
      operation.type === releaseType
        ? await this.configured().releases.read(id, properties, inputs)
        : await readObject(operation, id, properties, inputs);
    const response = new rpc.ReadResponse();
    response.setId(found.id);
    response.setProperties(encode(found.state));
    response.setInputs(encode(found.inputs));
    return response;
  }

  private async update(request: rpc.UpdateRequest): Promise<rpc.UpdateResponse> {
    const operation = this.operation(request, request.getPreview());
    const old = readState(decode(request.getOlds()), decode(request.getOldInputs()));
    const news = decode(request.getNews());
    const state =
      operation.type === releaseType
        ? await this.configured().releases.update(operation, request.getId(), old, news)
        : await updateObject(operation, request.getId(), old, news, request.getIgnorechangesList());
    return new rpc.UpdateResponse().setProperties(encode(state));
  }

  private async delete(request: rpc.DeleteRequest): Promise<ReturnType<typeof empty>> {
    const operation = this.operation(request, false);
    const old = readState(decode(request.getProperties()), decode(request.getOldInputs()));
    if (operation.type === releaseType) await this.configured().releases.delete(old);
    else await deleteObject(operation, request.getId(), old);
    return empty();
  }

  private configured(): { cluster: Cluster; releases: Releases } {
    const { cluster, releases } = this;
    if (cluster === undefined || releases === undefined) throw rpcError("the provider is not configured");
    return { cluster, releases };
  }

  private operation(request: ResourceRequest & { getTimeout(): number }, preview: boolean): Operation {
    const urn = request.getUrn();
    const progress: Wait["onProgress"] = (missing) => void this.progress(urn, missing);
    const wait = { timeout: request.getTimeout(), onProgress: progress };
    return { cluster: this.configured().cluster, urn, type: typeOf(request), preview, wait };
  }

  private readonly shown = new Map<string, string>();

  private async progress(urn: string, missing: string): Promise<void> {
    if (missing === "" || this.shown.get(urn) === missing) return;
    this.shown.set(urn, missing);
    await this.log?.log("info", urn, missing, true);
  }
}

function checkConfig(request: rpc.CheckRequest): rpc.CheckResponse {
  const news = decode(request.getNews());
  const isDefault = nameOf(request).startsWith("default");
  const response = new rpc.CheckResponse();
  response.setInputs(encode(news));
  response.setFailuresList(checkSettings(bareMap(news), isDefault).map(failureMessage));
  return response;
}

function diffConfig(request: rpc.DiffRequest): rpc.DiffResponse {
  const oldInputs: Properties = decode(request.getOldInputs());
  const olds = Object.keys(oldInputs).length > 0 ? oldInputs : decode(request.getOlds());
  const { diffs, replaces } = diffSettings(bareMap(olds), bareMap(decode(request.getNews())));
  const { DIFF_NONE, DIFF_SOME } = rpc.DiffResponse.DiffChanges;
  const response = new rpc.DiffResponse();
  response.setChanges(diffs.length + replaces.length > 0 ? DIFF_SOME : DIFF_NONE);
  response.setDiffsList(diffs);
  response.setReplacesList(replaces);
  return response;
}

async function partially<Answer>(answer: () => Promise<Answer>): Promise<Answer> {
  try {
    return await answer();
  } catch (error) {
    throw error instanceof InitFailedError ? initFailedStatus(error) : error;
  }
}
