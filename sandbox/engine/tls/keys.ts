import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

const generate = promisify(generateKeyPair);

/** The kinds of key that the provider makes. */
export const algorithms = ["RSA", "ECDSA", "ED25519"] as const;
/** The curves for ECDSA keys. */
export const ecdsaCurves = ["P224", "P256", "P384", "P521"] as const;

/** A kind of key. */
export type Algorithm = (typeof algorithms)[number];

const opensslCurves = { P224: "secp224r1", P256: "prime256v1", P384: "secp384r1", P521: "secp521r1" };

/** Makes a new private key; `rsaBits` and `curve` count for their own algorithm only. */
export async function generatePrivateKey(
  algorithm: Algorithm,
  rsaBits: number,
  curve: (typeof ecdsaCurves)[number],
): Promise<KeyObject> {
  switch (algorithm) {
    case "RSA":
      return (await generate("rsa", { modulusLength: rsaBits })).privateKey;
    case "ECDSA":
      return (await generate("ec", { namedCurve: opensslCurves[curve] })).privateKey;
    case "ED25519":
      return (await generate("ed25519")).privateKey;
  }
}

/** Reads a private key in one of the forms that {@link keyOutputs} writes. Errors never show the key. */
export function parsePrivateKey(pem: string, name: string): KeyObject {
  const failure = `Failed to parse ${name} PEM`;
  const block = /-----BEGIN ([^-]+)-----[^-]*-----END \1-----/.exec(pem);
  if (block === null) throw new Error(`${failure}: failed to decode PEM block: empty or malformed`);
  if (!["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"].includes(block[1] ?? "")) {
    throw new Error(`${failure}: unsupported preamble "${block[1]}"`);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(block[0]);
  } catch {
    throw new Error(`${failure}: the content is not a private key`);
  }
  if (!["rsa", "ec", "ed25519"].includes(key.asymmetricKeyType ?? "")) {
    throw new Error(`${failure}: keys of type ${key.asymmetricKeyType} are not supported`);
  }
  return key;
}

/** The public half of a private key. */
export function publicHalf(key: KeyObject): KeyObject {
  return createPublicKey(key);
}

/** The kind of a key, as the provider names it. */
export function algorithmOf(key: KeyObject): Algorithm {
  return ({ rsa: "RSA", ec: "ECDSA", ed25519: "ED25519" } as const)[key.asymmetricKeyType as "rsa" | "ec" | "ed25519"];
}

/** The id of a key pair: SHA-1 of the public key's DER, in hex. */
export function keyId(key: KeyObject): string {
  return createHash("sha1")
    .update(publicHalf(key).export({ format: "der", type: "spki" }))
    .digest("hex");
}

/** A private key in its PEM forms, and its public half. */
export function keyOutputs(key: KeyObject): Record<string, string> {
  const pkcs8 = key.export({ format: "pem", type: "pkcs8" }).toString();
  const own = { RSA: "pkcs1", ECDSA: "sec1", ED25519: "pkcs8" } as const;
  const type = own[algorithmOf(key)];
  return {
    privateKeyPem: key.export({ format: "pem", type }).toString(),
    privateKeyPemPkcs8: pkcs8,
    publicKeyPem: publicHalf(key).export({ format: "pem", type: "spki" }).toString(),
  };
}

/** The key identifier that certificates carry: SHA-1 of the bare public key, in hex. */
export function subjectKeyId(spki: ArrayBuffer | Uint8Array): string {
  const key = createPublicKey({ key: Buffer.from(spki as Uint8Array), format: "der", type: "spki" });
  return createHash("sha1").update(barePublicKey(key)).digest("hex");
}

function barePublicKey(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === "rsa") return key.export({ format: "der", type: "pkcs1" });
  const { x = "", y = "" } = key.export({ format: "jwk" });
  const bytes = (part: string): Buffer => Buffer.from(part, "base64url");
  if (key.asymmetricKeyType === "ec") return Buffer.concat([Buffer.of(4), bytes(x), bytes(y)]);
  return Buffer.concat([Buffer.of(4, 32), bytes(x)]);
}
