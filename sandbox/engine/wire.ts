// What every stand-in of the engine's plugins needs: the property values of the wire, a gRPC server, and the engine's log.

import { fstatSync } from "node:fs";
import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { CheckResponse } from "@pulumi/pulumi/proto/provider_pb";
import type { Empty } from "google-protobuf/google/protobuf/empty_pb";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb";

// Marks of special values, from the engine's sdk/go/common/resource/sig and …/plugin/rpc.go.
const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const resourceSignature = "5cf8f73096256a8f31e491e813e4eb8e";
const outputSignature = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const unknownText = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const unknownTexts = new Set([
  unknownText,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** Stands for a value that is not known during a preview. */
export const unknown: unique symbol = Symbol("unknown");

/** A value that the engine must encrypt in the state and hide from people. */
export class Secret {
  constructor(readonly value: Value) {}
}

/** A property value. Assets and archives are plain objects with their signature key. */
export type Value = null | boolean | number | string | Value[] | { [key: string]: Value } | Secret | typeof unknown;

/** An object's properties by name. */
export type Properties = Record<string, Value>;

/** Whether the value is an object with properties (no list, no secret). */
export function isObject(value: Value | undefined): value is { [key: string]: Value } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Secret);
}

/** Reads a message's properties; none if the message has none. Resource references become their id, or their URN. */
export function decode(struct: Struct | undefined): Properties {
  return struct === undefined ? {} : mapValues<Wire, Value>(struct.toJavaScript(), decodeValue);
}

/** Writes properties for a message. `secrets: false` leaves the secret marks out, for an engine that did not ask for them. */
export function encode(value: Properties, options: { secrets?: boolean } = {}): Struct {
  return structClass().fromJavaScript(mapValues(value, (item) => encodeValue(item, options.secrets ?? true)));
}

/** The value as ordinary JSON data, secrets unwrapped at every depth. Throws if a part of it is unknown. */
export function plain(value: Value): unknown {
  if (value === unknown) throw new Error("the value is not known yet");
  if (value instanceof Secret) return plain(value.value);
  if (Array.isArray(value)) return value.map(plain);
  return isObject(value) ? mapValues(value, plain) : value;
}

/** Whether any part of the value is unknown. */
export function containsUnknown(value: Value): boolean {
  return some(value, (part) => part === unknown);
}

/** Whether any part of the value is a secret. */
export function containsSecret(value: Value): boolean {
  return some(value, (part) => part instanceof Secret);
}

/** An answer without content, of the very class that the SDK's services check for. */
export function empty(): Empty {
  return ResourceProviderService.delete.responseDeserialize(Buffer.alloc(0));
}

/** An error that the engine shows by its message alone. */
export function rpcError(message: string, code: grpc.status = grpc.status.UNKNOWN): grpc.ServiceError {
  return Object.assign(new Error(message), { code, details: message, metadata: new grpc.Metadata() });
}

/**
 * Makes a gRPC handler of an async function. What the function throws becomes the call's error: its message, never its
 * stack, which would mean nothing to the user of a provider.
 */
export function unary<Request, Response>(
  answer: (request: Request, call: grpc.ServerUnaryCall<Request, Response>) => Promise<Response> | Response,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    Promise.resolve()
      .then(() => answer(call.request, call))
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(asServiceError(error)),
      );
  };
}

/** gRPC options of all connections with the engine: its messages may have 400 MB. */
export const channelOptions = {
  "grpc.max_receive_message_length": 400 * 1024 * 1024,
  "grpc.max_send_message_length": 400 * 1024 * 1024,
};

/** Starts a gRPC server on a free port of 127.0.0.1. */
export async function listen(add: (server: grpc.Server) => void): Promise<{ server: grpc.Server; port: number }> {
  const server = new grpc.Server(channelOptions);
  add(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { server, port };
}

/**
 * Serves as a plugin of the engine: prints the port as the first line, resolves then, and ends the process when the engine
 * goes away or asks for it (SIGINT, SIGTERM). `onEnd` runs first, synchronously; it must end what this process started.
 */
export async function serve(add: (server: grpc.Server) => void, onEnd: () => void = () => {}): Promise<void> {
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    try {
      onEnd();
    } finally {
      process.exit(0);
    }
  };
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  process.stdout.on("error", end);
  endWithParent(end);
  const { port } = await listen(add);
  process.stdout.write(`${port}\n`);
}

/** How a message is shown. */
export type Severity = "debug" | "info" | "warning" | "error";

const severities: Record<Severity, LogSeverity> = {
  debug: LogSeverity.DEBUG,
  info: LogSeverity.INFO,
  warning: LogSeverity.WARNING,
  error: LogSeverity.ERROR,
};

/** The engine's log, which people see at the resource that a message is about. */
export class EngineLog {
  private readonly client: EngineClient;

  /** @param engineAddress host and port, the plugin's first argument */
  constructor(engineAddress: string) {
    this.client = new EngineClient(engineAddress, grpc.credentials.createInsecure(), channelOptions);
  }

  /**
   * Shows a message; never fails, as a lost message is no reason to fail a deployment.
   * @param urn the resource it is about; "" for the stack
   * @param ephemeral true for progress that the next message replaces
   */
  log(severity: Severity, urn: string, message: string, ephemeral = false): Promise<void> {
    const request = new LogRequest();
    request.setSeverity(severities[severity]);
    request.setUrn(urn);
    request.setMessage(message);
    request.setEphemeral(ephemeral);
    return new Promise((resolve) => {
      this.client.log(request, () => resolve());
    });
  }

  /** Closes the connection. */
  close(): void {
    this.client.close();
  }
}

type Wire = null | boolean | number | string | Wire[] | { [key: string]: Wire };

function decodeValue(value: Wire): Value {
  if (typeof value === "string") return unknownTexts.has(value) ? unknown : value;
  if (Array.isArray(value)) return value.map(decodeValue);
  if (typeof value !== "object" || value === null) return value;
  switch (value[signatureKey]) {
    case secretSignature:
      return secret(decodeValue(value["value"] ?? null));
    case outputSignature: {
      const inner = value["value"] === undefined ? unknown : decodeValue(value["value"]);
      return value["secret"] === true ? secret(inner) : inner;
    }
    case resourceSignature:
      // An empty id is how the engine says that the resource has none yet.
      return value["id"] === undefined
        ? decodeValue(value["urn"] ?? "")
        : value["id"] === ""
          ? unknown
          : decodeValue(value["id"]);
    default:
      return mapValues(value, decodeValue);
  }
}

function encodeValue(value: Value, secrets: boolean): Wire {
  if (value === unknown) return unknownText;
  if (value instanceof Secret) {
    const inner = encodeValue(value.value, secrets);
    return secrets ? { [signatureKey]: secretSignature, value: inner } : inner;
  }
  if (Array.isArray(value)) return value.map((item) => encodeValue(item, secrets));
  return isObject(value) ? mapValues(value, (item) => encodeValue(item, secrets)) : value;
}

function secret(value: Value): Secret {
  return value instanceof Secret ? value : new Secret(value);
}

function mapValues<From, To>(object: { [key: string]: From }, map: (value: From) => To): { [key: string]: To } {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}

function some(value: Value, test: (part: Value) => boolean): boolean {
  if (test(value)) return true;
  if (value instanceof Secret) return some(value.value, test);
  if (Array.isArray(value)) return value.some((item) => some(item, test));
  return isObject(value) && Object.values(value).some((item) => some(item, test));
}

let cachedStructClass: typeof Struct | undefined;

// npm may give the SDK a google-protobuf of its own, and messages of two copies do not mix: take the class from the SDK.
function structClass(): typeof Struct {
  const emptyInputs = Uint8Array.of(0x0a, 0);
  cachedStructClass ??= CheckResponse.deserializeBinary(emptyInputs).getInputs()?.constructor as typeof Struct;
  return cachedStructClass;
}

/** Makes a call's error of anything thrown: its message, never its stack. */
export function asServiceError(error: unknown): grpc.ServiceError {
  if (error instanceof Error && "code" in error && "metadata" in error) return error as grpc.ServiceError;
  return rpcError(error instanceof Error ? error.message : String(error));
}

// The engine holds our standard input open for as long as it lives; the parent's id covers launchers that do not.
function endWithParent(end: () => void): void {
  if (heldByParent()) {
    process.stdin.on("end", end);
    process.stdin.on("close", end);
    process.stdin.on("error", end);
    process.stdin.resume();
  }
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) end();
  }, 1000).unref();
}

// A terminal, a file and /dev/null say nothing about the parent; a pipe closes when it ends.
function heldByParent(): boolean {
  try {
    const input = fstatSync(0);
    return input.isFIFO() || input.isSocket();
  } catch {
    return false;
  }
}
