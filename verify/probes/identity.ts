import { X509Certificate, createPrivateKey, webcrypto } from "node:crypto";
import { BinaryReader, BinaryWriter } from "google-protobuf";
import { pemBlocks } from "../../base/certificate";
import { isAbsent, messageOf } from "../../cluster/client";
import { IstiodError, type IstiodOptions, meshToken, withIstiod } from "./istiod";

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

type Unsigned = Exclude<SigningAttempt, { outcome: "signed" }>;

export interface SigningOptions extends IstiodOptions {
  /** Whose certificate is asked for. */
  account: { namespace: string; name: string };
}

/**
 * Asks istiod's certificate authority for a certificate, as the sidecar of a pod does: with a token of its service account,
 * and trusting nothing but the mesh's root. The key is made for this and forgotten; the certificate lasts ten minutes.
 */
export async function probeSigning(options: SigningOptions): Promise<SigningAttempt> {
  const answer = await requestCertificate(options);
  return "outcome" in answer ? answer : examine(answer.chain, answer.keys, options.roots);
}

/** A certificate of the mesh with its key and the roots that it trusts, PEM: for a connection of this process, and never written down. */
export interface MeshCredentials {
  chain: string;
  privateKey: string;
  roots: string;
}

/** Gets a certificate for an account from istiod, for ten minutes, to connect in its name. */
export async function meshCredentials(options: SigningOptions): Promise<MeshCredentials | Unsigned> {
  const answer = await requestCertificate(options);
  if ("outcome" in answer) return answer;
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", answer.keys.privateKey));
  const privateKey = createPrivateKey({ key, format: "der", type: "pkcs8" }).export({ type: "pkcs8", format: "pem" });
  return { chain: answer.chain.join("\n"), privateKey: privateKey.toString(), roots: options.roots };
}

async function requestCertificate(
  options: SigningOptions,
): Promise<{ chain: string[]; keys: webcrypto.CryptoKeyPair } | Unsigned> {
  const { cluster, account } = options;
  let token: string;
  try {
    token = await meshToken(cluster, account);
  } catch (error) {
    // Without its service account the gateway's own sidecar gets none either.
    const reason = messageOf(error);
    return isAbsent(error) ? { outcome: "denied", reason, noAccount: true } : { outcome: "silent", reason };
  }
  const { request, keys } = await certificateRequest();
  try {
    const chain = await withIstiod(
      options,
      token,
      ({ client, metadata, timeout }) =>
        new Promise<string[]>((resolve, reject) => {
          client.makeUnaryRequest(
            "/istio.v1.auth.IstioCertificateService/CreateCertificate",
            encodeRequest,
            decodeResponse,
            { csr: request, seconds: 600 },
            metadata,
            { deadline: Date.now() + timeout },
            (error, value) => (error === null ? resolve(value ?? []) : reject(error)),
          );
        }),
    );
    return { chain, keys };
  } catch (error) {
    if (!(error instanceof IstiodError)) throw error;
    return { outcome: error.unreached ? "silent" : "denied", reason: error.message };
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
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
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
