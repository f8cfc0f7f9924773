import { type Socket, connect as connectPlain } from "node:net";
import { connect as connectTls } from "node:tls";
import { messageOf } from "../../cluster/client";
import type { MeshCredentials } from "./identity";

/** What a connection came to. `silent` tells nothing about the workload: nobody answered. */
export type PortAttempt =
  { outcome: "taken"; text: string } | { outcome: "refused"; reason: string } | { outcome: "silent"; reason: string };

/** How a port of a workload answers. */
export interface PortProbe {
  /** A connection in clear text. */
  plain: PortAttempt;
  /** One by mutual TLS, in the gateway's name. */
  mutual: PortAttempt;
}

export interface PortProbeOptions {
  address: string;
  port: number;
  /** The gateway's certificate with its key and the mesh's roots, or why there is none. */
  credentials: MeshCredentials | { reason: string };
  /** What the identity of the workload must begin with. */
  identity: string;
  /** Of each attempt, in milliseconds. */
  timeout: number;
}

/** Connects to a port as somebody without the mesh would, and as the gateway does. Sends no request that an application acts on. */
export async function probePort(options: PortProbeOptions): Promise<PortProbe> {
  const [plain, mutual] = await Promise.all([speakPlain(options), speakMutual(options)]);
  return { plain, mutual };
}

/** Asks what the server can do; a program that speaks no HTTP will say at least that. */
const question = "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/** Follows a connection to its end: one that ends after it stood is refused, and one that never stood tells nothing. */
function attempt<Connection extends Socket>(
  socket: Connection,
  timeout: number,
  converse: (socket: Connection, end: (attempt: PortAttempt) => void) => void,
): Promise<PortAttempt> {
  return new Promise((resolve) => {
    let connected = false;
    const end = (result: PortAttempt) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const closed = (reason: string) => end({ outcome: connected ? "refused" : "silent", reason });
    const late = () => end({ outcome: "silent", reason: `no answer within ${timeout / 1000} s` });
    const timer = setTimeout(late, timeout);
    socket
      .on("connect", () => (connected = true))
      .on("error", (error) => closed(messageOf(error)))
      .on("close", () => closed("the connection was closed"));
    converse(socket, end);
  });
}

function speakPlain({ address, port, timeout }: PortProbeOptions): Promise<PortAttempt> {
  return attempt(connectPlain({ host: address, port }), timeout, (socket, end) =>
    socket
      .on("connect", () => socket.write(question))
      .on("data", (data) =>
        end({
          outcome: "taken",
          text: data
            .toString("latin1")
            .split(/[\r\n]/)[0]!
            .slice(0, 40),
        }),
      ),
  );
}

/** With TLS 1.3 the server refuses a certificate only when the client is done: so long it has for that. */
const refusalMilliseconds = 300;

function speakMutual({ address, port, credentials, identity, timeout }: PortProbeOptions): Promise<PortAttempt> {
  if ("reason" in credentials)
    return Promise.resolve({ outcome: "silent", reason: `no certificate of the gateway: ${credentials.reason}` });
  const connection = connectTls({
    host: address,
    port,
    key: credentials.privateKey,
    cert: credentials.chain,
    ca: credentials.roots,
    // By this a proxy that takes plain text as well knows the mesh (istio/istio, pilot/pkg/networking/util: ALPNInMesh).
    ALPNProtocols: ["istio", "http/1.1"],
    // The name is in the certificate as an identity, which is compared below.
    checkServerIdentity: () => undefined,
  });
  return attempt(connection, timeout, (socket, end) =>
    socket.on("secureConnect", () => {
      const names = socket.getPeerX509Certificate()?.subjectAltName ?? "";
      if (!names.split(", ").some((name) => name.startsWith(`URI:${identity}`)))
        end({ outcome: "refused", reason: `it shows the certificate of ${names || "nobody"}` });
      else setTimeout(() => end({ outcome: "taken", text: names }), refusalMilliseconds);
    }),
  );
}
