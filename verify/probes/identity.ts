import { X509Certificate, webcrypto } from "node:crypto";
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import { PortForward } from "@kubernetes/client-node";
import { BinaryReader, BinaryWriter } from "google-protobuf";
import { pemBlocks } from "../../base/certificate";
import { type Cluster, isAbsent, messageOf } from "../../cluster/client";

/** What asking istiod for a certificate came to. `silent` tells nothing about istiod: it could not be asked. */
export type SigningAttempt =
  | { outcome: "signed"; names: string; trusted: boolean; validUntil: string }
  | {
      outcome: "denied";
      reason: string;
      /** The gateway has no service account, and so no name to ask in. */
      noAccount?: true;
    }
  | { outcome: "silent"; reason: string };

export interface SigningOptions {
  cluster: Cluster;
  /** Namespace of istiod. */
  rootNamespace: string;
  /** Name of istiod's Service; its certificate is for that name. */
  service: string;
  /** How to reach it: a Service address that can be dialled from here, or else a pod, through the API server. */
  route: { clusterIP: string } | { pod: string };
  /** Port of its certificate authority. @default 15012 */
  port?: number;
  /** Whose certificate is asked for. */
  account: { namespace: string; name: string };
  /** The mesh's root certificates, PEM. */
  roots: string;
  /** In milliseconds. @default 5000 */
  timeout?: number;
}

/**
 * Asks istiod's certificate authority for a certificate, as the sidecar of a pod does: with a token of its service account,
 * and trusting nothing but the mesh's root. The key is made for this and forgotten; the certificate lasts ten minutes.
 */
export async function probeSigning(options: SigningOptions): Promise<SigningAttempt> {
  const { cluster, account, route, port = 15012 } = options;
  let token: string;
  try {
    token = (
      await cluster.ask<{ status: { token: string } }>(
        `/api/v1/namespaces/${account.namespace}/serviceaccounts/${account.name}/token`,
        {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { audiences: ["istio-ca"], expirationSeconds: 600 },
        },
      )
    ).status.token;
  } catch (error) {
    // Without its service account the gateway's own sidecar gets none either.
    const reason = `no token for ${account.namespace}/${account.name}: ${messageOf(error)}`;
    return isAbsent(error) ? { outcome: "denied", reason, noAccount: true } : { outcome: "silent", reason };
  }
  if ("clusterIP" in route) return sign(`${route.clusterIP}:${port}`, token, options);
  const tunnel = await openTunnel(cluster, options.rootNamespace, route.pod, port);
  try {
    const attempt = await sign(`127.0.0.1:${tunnel.port}`, token, options);
    return attempt.outcome === "silent"
      ? { ...attempt, reason: tunnel.failure() ?? `through a port-forward to pod ${route.pod}: ${attempt.reason}` }
      : attempt;
  } finally {
    tunnel.close();
  }
}

async function sign(address: string, token: string, options: SigningOptions): Promise<SigningAttempt> {
  // Loaded here: whoever verifies no identity need not wait for them.
  const grpc = await import("@grpc/grpc-js");
  const { rootNamespace, service, roots, timeout = 5000 } = options;
  const { request, keys } = await certificateRequest();
  const name = `${service}.${rootNamespace}.svc`;
  const client = new grpc.Client(address, grpc.credentials.createSsl(Buffer.from(roots)), {
    "grpc.ssl_target_name_override": name,
    "grpc.default_authority": name,
    "grpc.enable_http_proxy": 0,
  });
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  try {
    const chain = await new Promise<string[]>((resolve, reject) => {
      client.makeUnaryRequest(
        "/istio.v1.auth.IstioCertificateService/CreateCertificate",
        encodeRequest,
        decodeResponse,
        { csr: request, seconds: 600 },
        metadata,
        { deadline: Date.now() + timeout },
        (error, value) => (error === null ? resolve(value ?? []) : reject(error)),
      );
    });
    return examine(chain, keys, roots);
  } catch (error) {
    const { code, details } = error as { code?: number; details?: string };
    const { UNAVAILABLE, DEADLINE_EXCEEDED } = grpc.status;
    const unreached = code === UNAVAILABLE || code === DEADLINE_EXCEEDED || code === undefined;
    const reason = details ?? messageOf(error);
    // A certificate of istiod that the mesh's root does not vouch for stops every proxy in the same way.
    return unreached && !/certificate|altname/i.test(reason)
      ? { outcome: "silent", reason }
      : { outcome: "denied", reason };
  } finally {
    client.close();
  }
}

async function examine(chain: string[], keys: webcrypto.CryptoKeyPair, roots: string): Promise<SigningAttempt> {
  const [leaf, ...issuers] = chain.map((pem) => new X509Certificate(pem));
  if (leaf === undefined) return { outcome: "denied", reason: "istiod answered without a certificate" };
  const publicKey = Buffer.from(await webcrypto.subtle.exportKey("spki", keys.publicKey));
  if (!leaf.publicKey.export({ type: "spki", format: "der" }).equals(publicKey))
    return { outcome: "denied", reason: "istiod signed another key than ours" };
  const anchors = pemBlocks(roots).map((pem) => new X509Certificate(pem));
  // From the leaf upwards, until an issuer is one of the mesh's roots.
  let current = leaf;
  let trusted = false;
  for (let steps = 0; steps <= issuers.length && !trusted; steps++) {
    const issuerOf = (candidate: X509Certificate) =>
      current.checkIssued(candidate) && current.verify(candidate.publicKey);
    trusted = anchors.some(issuerOf);
    const next = issuers.find((candidate) => candidate !== current && issuerOf(candidate));
    if (next === undefined) break;
    current = next;
  }
  return {
    outcome: "signed",
    names: leaf.subjectAltName ?? "",
    trusted,
    validUntil: new Date(leaf.validTo).toISOString(),
  };
}

/** A key, and a request for a certificate of it. istiod takes the identity from the token, and only the key from the request. */
async function certificateRequest(): Promise<{ request: string; keys: webcrypto.CryptoKeyPair }> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
  return { request: request.toString("pem"), keys };
}

// The two messages of istio.v1.auth.IstioCertificateService (istio.io/api, security/v1alpha1/ca.proto).

interface CertificateRequest {
  csr: string;
  seconds: number;
}

function encodeRequest({ csr, seconds }: CertificateRequest): Buffer {
  const writer = new BinaryWriter();
  writer.writeString(1, csr);
  writer.writeInt64(3, seconds); // validity_duration
  return Buffer.from(writer.getResultBuffer());
}

function decodeResponse(message: Buffer): string[] {
  const reader = new BinaryReader(message);
  const chain: string[] = [];
  while (reader.nextField()) {
    if (reader.getFieldNumber() === 1) chain.push(reader.readString());
    else reader.skipField();
  }
  return chain;
}

interface Tunnel {
  port: number;
  /** Why the API server does not forward, if it said so. */
  failure: () => string | undefined;
  close: () => void;
}

/** A port of this machine that leads to a port of a pod, through the API server, as `kubectl port-forward` does. */
async function openTunnel(cluster: Cluster, namespace: string, pod: string, port: number): Promise<Tunnel> {
  const forward = new PortForward(cluster.config, true);
  let failure: string | undefined;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    forward.portForward(namespace, pod, [port], socket, null, socket).then(
      // Its type belongs to a package that has none.
      (websocket: unknown) => socket.on("close", () => (websocket as { close?: () => void }).close?.()),
      (error: unknown) => {
        failure = `the API server forwards nothing to pod ${pod}: ${messageOf(error)}`;
        socket.destroy();
      },
    );
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    failure: () => failure,
    close: () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}
