import type { Client, Metadata } from "@grpc/grpc-js";
import { type Cluster, ClusterError, messageOf } from "../../cluster/client";
import { openTunnel } from "./tunnel";

/* How istiod is reached, as every proxy reaches it: gRPC over TLS that the mesh's root vouches for, with a token of a service account. */

export interface IstiodOptions {
  cluster: Cluster;
  /** Namespace of istiod. */
  rootNamespace: string;
  /** Name of istiod's Service; its certificate is for that name. */
  service: string;
  /** How to reach it: a Service address that can be dialled from here, or else a pod, through the API server. */
  route: { clusterIP: string } | { pod: string };
  /** Port of its certificate authority and its configuration. @default 15012 */
  port?: number;
  /** The mesh's root certificates, PEM. */
  roots: string;
  /** In milliseconds. @default 5000 */
  timeout?: number;
}

/** A token by which istiod knows a service account, for ten minutes. @throws ClusterError if the API server gives none. */
export async function meshToken(cluster: Cluster, account: { namespace: string; name: string }): Promise<string> {
  try {
    const { status } = await cluster.ask<{ status: { token: string } }>(
      `/api/v1/namespaces/${account.namespace}/serviceaccounts/${account.name}/token`,
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { audiences: ["istio-ca"], expirationSeconds: 600 },
      },
    );
    return status.token;
  } catch (error) {
    const status = error instanceof ClusterError ? error.status : undefined;
    throw new ClusterError(`no token for ${account.namespace}/${account.name}: ${messageOf(error)}`, status);
  }
}

/** istiod answered with an error, or not at all. */
export class IstiodError extends Error {
  constructor(
    message: string,
    /** Nothing is known about istiod: no connection to it came about. */
    readonly unreached: boolean,
  ) {
    super(message);
  }
}

export interface IstiodCall {
  client: Client;
  /** Carries the token. */
  metadata: Metadata;
  timeout: number;
}

/** Calls istiod, by port-forward where it cannot be dialled. @throws IstiodError */
export async function withIstiod<Answer>(
  options: IstiodOptions,
  token: string,
  use: (call: IstiodCall) => Promise<Answer>,
): Promise<Answer> {
  const { cluster, rootNamespace, route, port = 15012 } = options;
  if ("clusterIP" in route) return call(`${route.clusterIP}:${port}`, options, token, use);
  const tunnel = await openTunnel(cluster, rootNamespace, route.pod, port);
  try {
    return await call(`127.0.0.1:${tunnel.port}`, options, token, use);
  } catch (error) {
    if (!(error instanceof IstiodError && error.unreached)) throw error;
    const reason = tunnel.failure() ?? `through a port-forward to pod ${route.pod}: ${error.message}`;
    throw new IstiodError(reason, true);
  } finally {
    tunnel.close();
  }
}

async function call<Answer>(
  address: string,
  { rootNamespace, service, roots, timeout = 5000 }: IstiodOptions,
  token: string,
  use: (call: IstiodCall) => Promise<Answer>,
): Promise<Answer> {
  // Loaded here: whoever verifies nothing of istiod need not wait for it.
  const grpc = await import("@grpc/grpc-js");
  const name = `${service}.${rootNamespace}.svc`;
  const client = new grpc.Client(address, grpc.credentials.createSsl(Buffer.from(roots)), {
    "grpc.ssl_target_name_override": name,
    "grpc.default_authority": name,
    "grpc.enable_http_proxy": 0,
    // What a proxy of a large mesh is sent is large.
    "grpc.max_receive_message_length": -1,
  });
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  try {
    return await use({ client, metadata, timeout });
  } catch (error) {
    const { code, details } = error as { code?: number; details?: string };
    const { UNAVAILABLE, DEADLINE_EXCEEDED } = grpc.status;
    const reason = details ?? messageOf(error);
    const unanswered = code === UNAVAILABLE || code === DEADLINE_EXCEEDED || code === undefined;
    // A certificate of istiod that the mesh's root does not vouch for stops every proxy in the same way.
    throw new IstiodError(reason, unanswered && !/certificate|altname/i.test(reason));
  } finally {
    client.close();
  }
}
