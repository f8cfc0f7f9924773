import assert from "node:assert/strict";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogSeverity, type LogRequest } from "@pulumi/pulumi/proto/engine_pb";
import { ResourceProviderClient, ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { CheckRequest, CheckResponse } from "@pulumi/pulumi/proto/provider_pb";
import {
  channelOptions,
  containsSecret,
  containsUnknown,
  decode,
  empty,
  encode,
  EngineLog,
  listen,
  plain,
  rpcError,
  Secret,
  unary,
  unknown,
  type Properties,
} from "../../../sandbox/engine/wire";

const signature = "4dabf18193072939515e22adb298388d";
const everything: Properties = {
  nothing: null,
  flag: false,
  number: 1.5,
  text: "",
  list: [1, [], { deep: new Secret("hidden") }, unknown],
  secret: new Secret({ list: [unknown] }),
  object: {},
};

describe("property values on the wire", () => {
  it("come back as they were sent, secrets and unknowns included", () => {
    assert.deepEqual(decode(encode(everything)), everything);
  });

  it("survive the SDK's own message classes", () => {
    const message = new CheckResponse();
    message.setInputs(encode(everything));
    assert.deepEqual(decode(CheckResponse.deserializeBinary(message.serializeBinary()).getInputs()), everything);
  });

  it("are none for a message without properties", () => {
    assert.deepEqual(decode(undefined), {});
  });

  it("lose their secret marks, at every depth, only where that is asked for", () => {
    assert.deepEqual(decode(encode({ a: new Secret([new Secret(1)]) }, { secrets: false })), { a: [1] });
  });

  it("use the engine's own signatures", () => {
    assert.deepEqual(encode({ a: new Secret("x"), b: unknown }).toJavaScript(), {
      a: { [signature]: "1b47061264138c4ac30d75fd1eb44270", value: "x" },
      b: "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
    });
  });

  it("read every kind of unknown as unknown", () => {
    const kinds = ["1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", "dd056dcd-154b-4c76-9bd3-c8f88648b5ff"];
    assert.deepEqual(decode(encode({ kinds })), { kinds: [unknown, unknown] });
  });

  it("read output values as what they hold", () => {
    const output = { [signature]: "d0e6a833031e9bbcd3f4e8bde6ca49a4", dependencies: ["urn:x"] };
    const sent = { known: { ...output, value: 1 }, secret: { ...output, value: 2, secret: true }, unknown: output };
    assert.deepEqual(decode(encode(sent)), { known: 1, secret: new Secret(2), unknown });
  });

  it("read resource references as the resource's id, or else its URN", () => {
    const reference = { [signature]: "5cf8f73096256a8f31e491e813e4eb8e", urn: "urn:x" };
    const sent = { created: { ...reference, id: "i" }, planned: { ...reference, id: "" }, component: reference };
    assert.deepEqual(decode(encode(sent)), { created: "i", planned: unknown, component: "urn:x" });
  });

  it("keep assets as plain objects", () => {
    const asset = { [signature]: "c44067f5952c0a294b673a41bacd8c17", text: "hello" };
    assert.deepEqual(decode(encode({ asset })), { asset });
  });

  it("become plain data without their marks, and refuse to when something is unknown", () => {
    assert.deepEqual(plain({ a: new Secret([{ b: new Secret(1) }]) }), { a: [{ b: 1 }] });
    assert.throws(() => plain({ a: new Secret([unknown]) }), /not known yet/);
  });

  it("tell whether they hide a secret or something unknown", () => {
    assert.deepEqual([{ a: [new Secret(1)] }, { a: [1] }].map(containsSecret), [true, false]);
    assert.deepEqual([new Secret({ a: unknown }), new Secret({ a: "" })].map(containsUnknown), [true, false]);
  });
});

describe("a plugin's server", () => {
  const opened: { close(): void }[] = [];
  afterEach(() => opened.splice(0).forEach((item) => item.close()));

  async function client(handlers: Partial<grpc.UntypedServiceImplementation>): Promise<ResourceProviderClient> {
    const { server, port } = await listen((to) =>
      to.addService(ResourceProviderService, handlers as grpc.UntypedServiceImplementation),
    );
    const made = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), channelOptions);
    opened.push(made, { close: () => server.forceShutdown() });
    return made;
  }

  it("passes messages far above gRPC's usual limit", async () => {
    const check = unary((request: CheckRequest) => {
      const response = new CheckResponse();
      response.setInputs(request.getNews());
      return response;
    });
    const provider = await client({ check });
    const request = new CheckRequest();
    const text = "x".repeat(9_000_000);
    request.setNews(encode({ text }));
    const response = await new Promise<CheckResponse>((resolve, reject) =>
      provider.check(request, (error, answer) => (error ? reject(error) : resolve(answer))),
    );
    assert.equal(decode(response.getInputs())["text"], text);
  });

  it("answers with an empty message that the SDK accepts", async () => {
    const provider = await client({ cancel: unary(() => empty()) });
    await new Promise<void>((resolve, reject) =>
      provider.cancel(empty(), (error) => (error ? reject(error) : resolve())),
    );
  });

  it("passes on what a handler throws as the call's message and code, without a stack", async () => {
    const provider = await client({
      check: unary(() => Promise.reject(new Error("no such thing"))),
      cancel: unary(() => {
        throw rpcError("not here", grpc.status.UNIMPLEMENTED);
      }),
    });
    const failure = (start: (done: (error: grpc.ServiceError | null) => void) => void) =>
      new Promise<unknown>((resolve) => start((error) => resolve([error?.code, error?.details])));
    assert.deepEqual(await failure((done) => provider.check(new CheckRequest(), done)), [2, "no such thing"]);
    assert.deepEqual(await failure((done) => provider.cancel(empty(), done)), [12, "not here"]);
  });
});

describe("a plugin's process", () => {
  const wire = JSON.stringify(resolve(__dirname, "../../../sandbox/engine/wire"));
  const program = `require(${wire}).serve(() => {}, () => process.stderr.write("cleaned up"))`;
  const started: ChildProcessWithoutNullStreams[] = [];
  afterEach(() => started.splice(0).forEach((child) => child.kill("SIGKILL")));

  async function start(): Promise<{ child: ChildProcessWithoutNullStreams; ended: Promise<unknown> }> {
    const child = spawn(process.execPath, ["--require", "tsx", "--eval", program]);
    started.push(child);
    let errors = "";
    child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
    const ended = once(child, "close").then(([code]: unknown[]) => [code, errors]);
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    assert.match(line, /^[0-9]+$/, "the first line is the port alone");
    return { child, ended };
  }

  it("ends in order when the engine's side of its standard input closes", async () => {
    const { child, ended } = await start();
    child.stdin.destroy();
    assert.deepEqual(await ended, [0, "cleaned up"]);
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`ends in order on ${signal}`, async () => {
      const { child, ended } = await start();
      child.kill(signal);
      assert.deepEqual(await ended, [0, "cleaned up"]);
    });
  }
});

describe("the engine's log", () => {
  it("receives severity, resource, message and whether it is passing", async () => {
    const received: LogRequest.AsObject[] = [];
    const { server, port } = await listen((to) =>
      to.addService(EngineService, {
        log: unary((request: LogRequest) => {
          received.push(request.toObject());
          return empty();
        }),
      }),
    );
    const log = new EngineLog(`127.0.0.1:${port}`);
    await log.log("warning", "urn:a", "careful");
    await log.log("info", "", "working", true);
    log.close();
    server.forceShutdown();
    assert.deepEqual(received, [
      { severity: LogSeverity.WARNING, message: "careful", urn: "urn:a", streamid: 0, ephemeral: false },
      { severity: LogSeverity.INFO, message: "working", urn: "", streamid: 0, ephemeral: true },
    ]);
  });

  it("does not fail a deployment when the engine is gone", async () => {
    const log = new EngineLog("127.0.0.1:1");
    await log.log("info", "", "lost");
    log.close();
  });
});
