import type { ClientDuplexStream, Metadata } from "@grpc/grpc-js";
import { BinaryReader, BinaryWriter } from "google-protobuf";
import { asText, isTree, parsedJson, treesAt } from "../../base/tree";
import { messageOf } from "../../cluster/client";
import { type IstiodCall, type IstiodOptions, meshToken, withIstiod } from "./istiod";

/*
 * What istiod sends to its proxies, asked of its debug interface over xDS, as `istioctl` asks it: TLS, and a token of an account of
 * istiod's own namespace (istio/istio, pilot/pkg/xds/debuggen.go and debug.go).
 */

/** A proxy that is connected to an istiod. */
interface Connection {
  /** `<pod>.<namespace>` */
  proxy: string;
  proxy_type?: string;
  listener_sent?: string;
  listener_acked?: string;
  resources?: Record<string, { lastError?: string }>;
}

/** What istiod sends to a proxy, or why that is not known. */
export type Sent = { state: "sent"; dump: unknown } | { state: "unknown"; reason: string };

/** What is asked for: by `<pod>.<namespace>`, the kinds of resources, such as `lds`. */
export type Wanted = ReadonlyMap<string, string>;

export interface ProxyProbe {
  proxies: Map<string, Sent>;
  /** Why an istiod could not be asked; then every proxy may be connected to that one. */
  silent?: string;
}

/** Streams to one istiod at a time: it answers the questions of one in turn. */
const streams = 4;

/**
 * Asks istiods for what they send to proxies. Never fails: what cannot be told is said for each proxy.
 *
 * @param use reduces a dump to what is to be kept of it.
 */
export async function probeProxies(
  istiods: readonly IstiodOptions[],
  wanted: Wanted,
  use: (kinds: string, dump: unknown) => unknown,
): Promise<ProxyProbe> {
  const proxies = new Map<string, Sent>();
  const reasons: string[] = [];
  for (const istiod of istiods) {
    if (proxies.size === wanted.size) break;
    try {
      const token = await meshToken(istiod.cluster, { namespace: istiod.rootNamespace, name: "default" });
      await withIstiod(istiod, token, async (call) => {
        const found = await askOne(
          call,
          istiod.rootNamespace,
          async (namespace) => {
            const metadata = call.metadata.clone();
            metadata.set("authorization", `Bearer ${await meshToken(istiod.cluster, { namespace, name: "default" })}`);
            return metadata;
          },
          new Map([...wanted].filter(([proxy]) => !proxies.has(proxy))),
          use,
        );
        found.forEach((sent, proxy) => proxies.set(proxy, sent));
      });
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  return { proxies, ...(reasons.length === 0 ? {} : { silent: [...new Set(reasons)].join("; ") }) };
}

const unanswered = "its connection to istiod ended while it was asked about";
const isUnanswered = (sent: Sent | undefined) => sent?.state === "unknown" && sent.reason === unanswered;

async function askOne(
  call: IstiodCall,
  namespace: string,
  metadataFor: (namespace: string) => Promise<Metadata>,
  wanted: Wanted,
  use: (kinds: string, dump: unknown) => unknown,
): Promise<Map<string, Sent>> {
  const first = new DebugStream(call, namespace);
  const opened = [first];
  try {
    const connections = (await first.ask("syncz")) as Connection[] | undefined;
    if (!Array.isArray(connections)) throw new Error("istiod's debug interface gives no list of proxies");
    const here = connections.filter(({ proxy }) => wanted.has(proxy));
    const names = [...new Set(connections.map(({ proxy }) => proxy))];
    // istiod takes the first connection that has the name anywhere in it (getProxyConnection): some need their connection's own.
    const alike = (proxy: string) => names.find((other) => other !== proxy && other.includes(proxy));
    const ids = here.some(({ proxy }) => alike(proxy) !== undefined) ? await connectionIds(first) : [];
    const found = new Map<string, Sent>();
    const work = async (stream: DebugStream, queue: Connection[]) => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { proxy } = next;
        const other = alike(proxy);
        const id = other === undefined ? proxy : unambiguousId(proxy, ids);
        const problem =
          id === undefined ? `istiod cannot tell it from ${other}, whose name ends alike` : connectionProblem(next);
        const kinds = wanted.get(proxy)!;
        const answer = problem === undefined ? await stream.ask(`config_dump?proxyID=${id}&types=${kinds}`) : {};
        // A proxy without any such resource is answered with an empty object; one that is not connected, with a text.
        if (problem === undefined && isTree(answer)) found.set(proxy, { state: "sent", dump: use(kinds, answer) });
        else found.set(proxy, { state: "unknown", reason: problem ?? unanswered });
      }
    };
    for (let more = 1; more < Math.min(streams, here.length); more++) opened.push(new DebugStream(call, namespace));
    const queue = [...here];
    await Promise.all(opened.map((stream) => work(stream, queue)));
    // Where istiod takes another namespace for the mesh's root, it shows a proxy to accounts of the proxy's own alone.
    const left = here.filter(({ proxy }) => isUnanswered(found.get(proxy)));
    for (const own of new Set(left.map(({ proxy }) => proxy.slice(proxy.lastIndexOf(".") + 1)))) {
      const theirs = left.filter(({ proxy }) => proxy.endsWith(`.${own}`));
      try {
        const stream = new DebugStream({ ...call, metadata: await metadataFor(own) }, own);
        opened.push(stream);
        await work(stream, [...theirs]);
      } catch (error) {
        for (const { proxy } of theirs) found.set(proxy, { state: "unknown", reason: messageOf(error) });
      }
    }
    return found;
  } finally {
    opened.forEach((stream) => stream.close());
  }
}

/** `<pod>.<namespace>-<number>` of every connection. */
async function connectionIds(stream: DebugStream): Promise<string[]> {
  return treesAt(await stream.ask("connections"), "clients").flatMap((each) => asText(each["connectionId"]) ?? []);
}

/** A proxy's connection by a name that no other one has in it. */
function unambiguousId(proxy: string, ids: readonly string[]): string | undefined {
  const own = ids.filter((id) => id.startsWith(`${proxy}-`) && /^\d+$/.test(id.slice(proxy.length + 1)));
  return own.find((id) => ids.every((other) => other === id || !other.includes(id)));
}

/** Why what istiod sends to a proxy says nothing about it. */
function connectionProblem(connection: Connection): string | undefined {
  const { proxy_type: type, listener_sent: sent, listener_acked: acked, resources = {} } = connection;
  if (type !== undefined && type !== "sidecar") return `it is no sidecar, but a proxy of type ${type}`;
  const errors = Object.values(resources).flatMap(({ lastError }) =>
    lastError === undefined || lastError === "" ? [] : lastError,
  );
  if (errors.length > 0) return `it refuses what istiod sends: ${errors[0]}`;
  return sent === undefined || sent !== acked ? "it has not taken over yet what istiod sent last" : undefined;
}

/** A stream of questions to the debug interface. */
class DebugStream {
  private readonly stream: ClientDuplexStream<Question, unknown>;
  private waiting: { resolve: (answer: unknown) => void; reject: (error: Error) => void } | undefined;
  private failure: Error | undefined;

  constructor(
    { client, metadata, timeout }: IstiodCall,
    private readonly namespace: string,
  ) {
    this.patience = timeout;
    this.stream = client.makeBidiStreamRequest(
      "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
      encodeQuestion,
      decodeAnswer,
      metadata,
    );
    const fail = (error: Error) => {
      this.failure = error;
      this.waiting?.reject(error);
    };
    this.stream
      .on("data", (answer: unknown) => this.waiting?.resolve(answer))
      .on("error", fail)
      .on("end", () => fail(new Error("istiod closed the connection")));
  }

  private readonly patience: number;

  /** The answer to a question such as `syncz`; one at a time. */
  async ask(question: string): Promise<unknown> {
    if (this.failure !== undefined) throw this.failure;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.waiting = { resolve, reject };
        timer = setTimeout(() => reject(new Error(`no answer within ${this.patience / 1000} s`)), this.patience);
        this.stream.write({ text: question, namespace: this.namespace });
      });
    } finally {
      clearTimeout(timer);
      this.waiting = undefined;
    }
  }

  close(): void {
    this.stream.cancel();
  }
}

// Two messages of Envoy's discovery service (envoyproxy/data-plane-api, service/discovery/v3/discovery.proto), as far as they matter.

const debugType = "istio.io/debug";

/** A question, and the namespace of the account that asks, by whose name the node goes. */
type Question = { text: string; namespace: string };

function encodeQuestion({ text, namespace }: Question): Buffer {
  const writer = new BinaryWriter();
  const node = `sidecar~127.0.0.1~enroute-istio-verify.${namespace}~${namespace}.svc.cluster.local`;
  writer.writeMessage(2, {}, () => writer.writeString(1, node));
  writer.writeString(3, text); // resource_names
  writer.writeString(4, debugType); // type_url
  return Buffer.from(writer.getResultBuffer());
}

/** The first resource of an answer, as JSON; undefined for none, or what is not JSON, such as "not connected". */
function decodeAnswer(message: Buffer): unknown {
  let value: Uint8Array | undefined;
  const reader = new BinaryReader(message);
  while (reader.nextField()) {
    if (reader.getFieldNumber() !== 2) reader.skipField();
    else
      reader.readMessage({}, () => {
        while (reader.nextField()) {
          if (reader.getFieldNumber() === 2) value = reader.readBytes();
          else reader.skipField();
        }
      });
  }
  return value === undefined ? undefined : parsedJson(Buffer.from(value).toString());
}
