import { type IncomingMessage, request } from "node:http";
import { isIP } from "node:net";
import { type SecureVersion, connect } from "node:tls";
import { messageOf } from "../../cluster/client";

/**
 * What an attempt to connect came to. `silent` tells nothing about the gateway: no answer, or none that got through to us.
 */
export type TlsAttempt =
  | { outcome: "connected"; fingerprint: string; version: string }
  | { outcome: "refused"; reason: string }
  | { outcome: "silent"; reason: string };

export type HttpAttempt =
  | {
      outcome: "answered";
      status: number;
      location?: string;
      /** Whether the answer came from a workload behind the gateway: Envoy then adds how long that took. */
      isFromWorkload?: true;
    }
  | { outcome: "closed"; reason: string }
  | { outcome: "silent"; reason: string };

/** What a client sees of one host. */
export interface HostProbe {
  /** The handshake of a client of today. */
  handshake: TlsAttempt;
  /** The handshake of a client that speaks nothing as new as the host's minimum version. */
  outdated: TlsAttempt;
  /** A request without TLS. */
  plain: HttpAttempt;
}

export interface HostProbeOptions {
  /** IP address or DNS name of the gateway. */
  address: string;
  host: string;
  minimumTlsVersion: "1.2" | "1.3";
  /** What is asked for without TLS. @default "/" */
  path?: string;
  /** @default 443 */
  httpsPort?: number;
  /** @default 80 */
  httpPort?: number;
  /** Of each attempt, in milliseconds. @default 3000 */
  timeout?: number;
}

/** Connects to the gateway as clients of a host do. Never fails: that nothing answers is an outcome, too. */
export async function probeHost(options: HostProbeOptions): Promise<HostProbe> {
  const [handshake, outdated, plain] = await Promise.all([
    shakeHands(options),
    shakeHands(options, options.minimumTlsVersion === "1.3" ? "TLSv1.2" : "TLSv1.1"),
    requestPlain(options),
  ]);
  return { handshake, outdated, plain };
}

function shakeHands(options: HostProbeOptions, maxVersion?: SecureVersion): Promise<TlsAttempt> {
  const { address, host, httpsPort = 443, timeout = 3000 } = options;
  return new Promise((resolve) => {
    let reached = false;
    const socket = connect({
      host: address,
      port: httpsPort,
      servername: host,
      // Whom the certificate comes from is no matter here: it is compared with the one in the Secret.
      rejectUnauthorized: false,
      ALPNProtocols: ["h2", "http/1.1"],
      // OpenSSL speaks TLS 1.1 only if all its scruples are put aside.
      ...(maxVersion === undefined ? {} : { maxVersion, minVersion: "TLSv1", ciphers: "DEFAULT:@SECLEVEL=0" }),
    });
    const end = (attempt: TlsAttempt) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(attempt);
    };
    const timer = setTimeout(() => end({ outcome: "silent", reason: `no answer within ${timeout / 1000} s` }), timeout);
    socket.on("connect", () => (reached = true));
    socket.on("secureConnect", () =>
      end({
        outcome: "connected",
        fingerprint: socket.getPeerX509Certificate()?.fingerprint256 ?? "",
        version: socket.getProtocol() ?? "",
      }),
    );
    socket.on("error", (error: NodeJS.ErrnoException) =>
      // Without protocols of its own that it may speak, it is our side that refuses.
      end({
        outcome: reached && error.code !== "ERR_SSL_NO_PROTOCOLS_AVAILABLE" ? "refused" : "silent",
        reason: messageOf(error),
      }),
    );
    socket.on("close", () => end({ outcome: reached ? "refused" : "silent", reason: "the connection was closed" }));
  });
}

/** A request without TLS. */
export function requestPlain({
  address,
  host,
  path = "/",
  httpPort = 80,
  timeout = 3000,
}: Omit<HostProbeOptions, "minimumTlsVersion">): Promise<HttpAttempt> {
  return new Promise((resolve) => {
    const call = request({
      host: address,
      family: isIP(address),
      port: httpPort,
      path,
      headers: { Host: host },
      agent: false,
    });
    const end = (attempt: HttpAttempt) => {
      clearTimeout(timer);
      call.destroy();
      resolve(attempt);
    };
    const timer = setTimeout(() => end({ outcome: "silent", reason: `no answer within ${timeout / 1000} s` }), timeout);
    call.on("response", ({ statusCode = 0, headers }: IncomingMessage) => {
      const { location } = headers;
      const isFromWorkload = headers["x-envoy-upstream-service-time"] !== undefined;
      end({
        ...{ outcome: "answered", status: statusCode },
        ...(location === undefined ? {} : { location }),
        ...(isFromWorkload ? { isFromWorkload } : {}),
      });
    });
    call.on("error", (error: NodeJS.ErrnoException) =>
      end({
        outcome: error.code === "ECONNREFUSED" || error.code === "ECONNRESET" ? "closed" : "silent",
        reason: messageOf(error),
      }),
    );
    call.end();
  });
}
