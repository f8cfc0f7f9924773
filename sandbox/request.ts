import type { X509Certificate } from "node:crypto";
import { request as plainRequest } from "node:http";
import { Agent, request } from "node:https";
import type { TLSSocket } from "node:tls";
import type { Echo } from "./workload";

/** Where the gateway is, and which host is asked for. */
export interface Target {
  readonly address: string;
  /** Default 443. */
  readonly port?: number;
  readonly host: string;
  readonly path?: string;
  /** Certificates to trust, PEM. Without them the request goes out in clear text. */
  readonly ca?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Keeps the connection for the next request. */
  readonly agent?: Agent;
  /** Milliseconds. Default 5000. */
  readonly timeout?: number;
}

/** A request that was answered, and what client and workload saw. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly location?: string;
  /** What the gateway presented; missing in clear text. */
  readonly presented?: X509Certificate;
  readonly tlsVersion?: string;
  /** What the workload saw; missing where the answer is not a workload's. */
  readonly echo?: Echo;
}

/** Sends one real request to the gateway. Rejects where no answer comes, or where the client refuses the certificate. */
export function sendRequest(target: Target): Promise<Answer> {
  const { address, host, path = "/", ca, agent = new Agent(), timeout = 5000, headers } = target;
  const common = { host: address, path, timeout, headers: { ...headers, Host: host } };
  return new Promise((resolve, reject) => {
    const call =
      ca === undefined
        ? plainRequest({ ...common, port: target.port ?? 80, agent: false })
        : request({ ...common, port: target.port ?? 443, agent, servername: host, ca });
    call.on("response", (response) => {
      const socket = response.socket as Partial<TLSSocket>;
      const presented = socket.getPeerX509Certificate?.();
      const tlsVersion = socket.getProtocol?.();
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("error", reject).on("end", () => {
        const echo = echoOf(body);
        resolve({
          status: response.statusCode ?? 0,
          body,
          ...(response.headers.location === undefined ? {} : { location: response.headers.location }),
          ...(tlsVersion == null ? {} : { tlsVersion }),
          ...(echo === undefined ? {} : { echo }),
          ...(presented === undefined ? {} : { presented }),
        });
      });
    });
    call.on("timeout", () => call.destroy(new Error(`no answer within ${timeout / 1000} s`)));
    call.on("error", reject);
    call.end();
  });
}

function echoOf(body: string): Echo | undefined {
  try {
    const value = JSON.parse(body) as Partial<Echo>;
    return typeof value.pod === "string" ? (value as Echo) : undefined;
  } catch {
    return undefined;
  }
}

/** The identity (SPIFFE) of the client that a workload's sidecar saw; undefined where the connection was not encrypted. */
export function clientIdentity({ echo }: Answer): string | undefined {
  return /(?:^|;)URI=([^;,]+)/.exec(echo?.clientCertificate ?? "")?.[1];
}
