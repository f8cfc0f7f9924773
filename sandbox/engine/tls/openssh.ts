import { createHash, randomBytes, type JsonWebKey, type KeyObject } from "node:crypto";

// OpenSSH's names of the curves that it knows, by Node.js's names; P-224 is none of them.
const curves: Record<string, { name: string; size: number }> = {
  "P-256": { name: "nistp256", size: 32 },
  "P-384": { name: "nistp384", size: 48 },
  "P-521": { name: "nistp521", size: 66 },
};

/** A key in OpenSSH's forms; all empty where OpenSSH has no such kind of key. */
export interface OpenSshForms {
  privateKey: string;
  /** ends in a line break, has no comment */
  publicKey: string;
  /** aa:bb:… */
  fingerprintMd5: string;
  /** SHA256:… */
  fingerprintSha256: string;
}

/** Writes a private key and its public key the way OpenSSH does. */
export function openSshForms(key: KeyObject): OpenSshForms {
  if (key.asymmetricKeyDetails?.namedCurve === "secp224r1") {
    return { privateKey: "", publicKey: "", fingerprintMd5: "", fingerprintSha256: "" };
  }
  const { type, publicFields, privateFields } = fields(key.export({ format: "jwk" }));
  const blob = join([text(type), ...publicFields]);
  return {
    privateKey: privateKeyFile(blob, join([text(type), ...privateFields, text("")])),
    publicKey: `${type} ${blob.toString("base64")}\n`,
    fingerprintMd5: createHash("md5")
      .update(blob)
      .digest("hex")
      .replace(/(..)(?!$)/g, "$1:"),
    fingerprintSha256: `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`,
  };
}

// As in OpenSSH's PROTOCOL and PROTOCOL.key files.
function fields(jwk: JsonWebKey): { type: string; publicFields: Buffer[]; privateFields: Buffer[] } {
  const bytes = (name: keyof JsonWebKey): Buffer => Buffer.from(String(jwk[name]), "base64url");
  if (jwk.kty === "RSA") {
    const [n, e] = [integer(bytes("n")), integer(bytes("e"))];
    const rest = (["d", "qi", "p", "q"] as const).map((name) => integer(bytes(name)));
    return { type: "ssh-rsa", publicFields: [e, n], privateFields: [n, e, ...rest] };
  }
  if (jwk.kty === "EC") {
    const curve = curves[String(jwk.crv)];
    if (curve === undefined) throw new Error(`OpenSSH has no curve ${jwk.crv}`);
    const point = Buffer.concat([
      Buffer.of(4),
      ...(["x", "y"] as const).map((name) => padded(bytes(name), curve.size)),
    ]);
    const publicFields = [text(curve.name), string(point)];
    return {
      type: `ecdsa-sha2-${curve.name}`,
      publicFields,
      privateFields: [...publicFields, integer(bytes("d"))],
    };
  }
  const [x, d] = [bytes("x"), bytes("d")];
  return { type: "ssh-ed25519", publicFields: [string(x)], privateFields: [string(x), string(Buffer.concat([d, x]))] };
}

function privateKeyFile(publicBlob: Buffer, privateBlob: Buffer): string {
  const check = randomBytes(4);
  const secret = Buffer.concat([check, check, privateBlob]);
  // Padded with 1, 2, 3 … to the block size that goes with "no cipher".
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const content = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    join([text("none"), text("none"), string(Buffer.alloc(0))]),
    uint32(1),
    string(publicBlob),
    string(Buffer.concat([secret, padding])),
  ]);
  const lines = content.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join("\n");
}

const join = (parts: Buffer[]): Buffer => Buffer.concat(parts);
const string = (bytes: Buffer): Buffer => Buffer.concat([uint32(bytes.length), bytes]);
const text = (value: string): Buffer => string(Buffer.from(value));
const padded = (bytes: Buffer, size: number): Buffer => Buffer.concat([Buffer.alloc(size - bytes.length), bytes]);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

// Positive, without leading zeros except the one that keeps it positive.
function integer(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const short = bytes.subarray(start);
  return string((short[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.of(0), short]) : short);
}
