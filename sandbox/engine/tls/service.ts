import * as grpc from "@grpc/grpc-js";
import { PluginInfo, type PluginAttach } from "@pulumi/pulumi/proto/plugin_pb";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import {
  CheckFailure,
  CheckResponse,
  ConfigureResponse,
  CreateResponse,
  DiffResponse,
  PropertyDiff,
  ProviderHandshakeResponse,
  ReadResponse,
  UpdateResponse,
  type CheckRequest,
  type CreateRequest,
  type DiffRequest,
  type ProviderHandshakeRequest,
  type ReadRequest,
  type UpdateRequest,
} from "@pulumi/pulumi/proto/provider_pb";
import { version } from "@pulumi/tls/package.json";
import { decode, empty, encode, EngineLog, rpcError, unary } from "../wire";
import {
  changes,
  checkInputs,
  createState,
  currentState,
  markSecrets,
  plannedState,
  updatedState,
  type Change,
} from "./plan";
import { resourceKinds, type ResourceKind } from "./resources";

const kinds = {
  add: [PropertyDiff.Kind.ADD, PropertyDiff.Kind.ADD_REPLACE],
  delete: [PropertyDiff.Kind.DELETE, PropertyDiff.Kind.DELETE_REPLACE],
  update: [PropertyDiff.Kind.UPDATE, PropertyDiff.Kind.UPDATE_REPLACE],
} as const;

/** Adds the provider's service; warnings go to the engine's log, at `engineAddress`. */
export function addTlsProvider(server: grpc.Server, engineAddress: string): void {
  let log = engineAddress === "" ? undefined : new EngineLog(engineAddress);
  const useEngine = (address: string): void => {
    if (address === "") return;
    log?.close();
    log = new EngineLog(address);
  };

  server.addService(ResourceProviderService, {
    handshake: unary((request: ProviderHandshakeRequest) => {
      useEngine(request.getEngineAddress());
      return new ProviderHandshakeResponse().setAcceptResources(true);
    }),

    attach: unary((request: PluginAttach) => {
      useEngine(request.getAddress());
      return empty();
    }),

    getPluginInfo: unary(() => new PluginInfo().setVersion(version)),
    checkConfig: unary((request: CheckRequest) => new CheckResponse().setInputs(request.getNews())),
    diffConfig: unary(() => new DiffResponse().setChanges(DiffResponse.DiffChanges.DIFF_NONE)),

    // As the official plugin: without secrets, the engine marks outputs whose inputs of the same name were secret.
    configure: unary(() =>
      new ConfigureResponse().setAcceptsecrets(false).setSupportspreview(true).setAcceptresources(true),
    ),

    check: unary((request: CheckRequest) => {
      const kind = kindOf(request);
      const inputs = decode(request.getNews());
      const failures = checkInputs(kind, inputs).map(({ property, reason }) =>
        new CheckFailure().setProperty(property).setReason(reason),
      );
      return new CheckResponse().setInputs(encode(markSecrets(kind, inputs))).setFailuresList(failures);
    }),

    diff: unary((request: DiffRequest) => {
      const ignored = request.getIgnorechangesList().map((path) => path.split(/[.[]/)[0] ?? path);
      const [state, inputs] = [decode(request.getOlds()), decode(request.getNews())];
      return diffResponse(changes(kindOf(request), state, inputs, ignored, new Date()));
    }),

    create: unary(async (request: CreateRequest) => {
      const kind = kindOf(request);
      const inputs = decode(request.getProperties());
      if (request.getPreview()) return new CreateResponse().setProperties(encode(plannedState(kind, inputs)));
      const warnings: string[] = [];
      const { id, state } = await createState(kind, inputs, (message) => warnings.push(message));
      for (const warning of warnings) await log?.log("warning", request.getUrn(), warning);
      return new CreateResponse().setId(id).setProperties(encode(state));
    }),

    read: unary((request: ReadRequest) => {
      const kind = kindOf(request);
      const state = decode(request.getProperties());
      if (Object.keys(state).length === 0)
        throw new Error("resources of tls exist in the state only: they cannot be imported");
      return new ReadResponse()
        .setId(request.getId())
        .setProperties(encode(currentState(kind, state, new Date())))
        .setInputs(encode(markSecrets(kind, decode(request.getInputs()))));
    }),

    update: unary((request: UpdateRequest) => {
      const state = updatedState(kindOf(request), decode(request.getOlds()), decode(request.getNews()));
      return new UpdateResponse().setProperties(encode(state));
    }),

    delete: unary(() => empty()),
    cancel: unary(() => empty()),
  });
}

function diffResponse(found: Change[]): DiffResponse {
  const { DIFF_NONE, DIFF_SOME } = DiffResponse.DiffChanges;
  const response = new DiffResponse()
    .setChanges(found.length > 0 ? DIFF_SOME : DIFF_NONE)
    .setDiffsList(found.map(({ property }) => property))
    .setReplacesList(found.filter(({ replaces }) => replaces).map(({ property }) => property))
    .setHasdetaileddiff(true);
  for (const { property, replaces, kind } of found) {
    response.getDetaileddiffMap().set(property, new PropertyDiff().setKind(kinds[kind][replaces ? 1 : 0]));
  }
  return response;
}

function kindOf(request: { getUrn(): string }): ResourceKind {
  // urn:pulumi:<stack>::<project>::<parents' types$type>::<name>
  const type = request.getUrn().split("::")[2]?.split("$").at(-1) ?? "";
  const kind = resourceKinds[type];
  if (kind === undefined) {
    throw rpcError(
      `resources of type ${type} are not known to the sandbox's stand-in for pulumi-resource-tls`,
      grpc.status.NOT_FOUND,
    );
  }
  return kind;
}
