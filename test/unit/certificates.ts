import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);
const rsa = (modulusLength: number) => ({
  ...{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ...{ modulusLength, publicExponent: new Uint8Array([1, 0, 1]) },
});
const kinds = {
  "P-256": { name: "ECDSA", namedCurve: "P-256" },
  "P-384": { name: "ECDSA", namedCurve: "P-384" },
  "P-521": { name: "ECDSA", namedCurve: "P-521" },
  Ed25519: { name: "Ed25519" },
  "RSA-1024": rsa(1024),
  "RSA-2048": rsa(2048),
};

const usage = { true: x509.KeyUsageFlags.keyCertSign, false: x509.KeyUsageFlags.digitalSignature };

export interface Issued {
  certificate: string;
  privateKey: string;
  keys: webcrypto.CryptoKeyPair;
  name: string;
}

/** Makes a certificate at run time: no key is ever kept in the repository. */
export async function issue(
  options: {
    name?: string;
    hosts?: string[];
    /** Identities, as the certificates of a mesh have. */
    uris?: string[];
    issuer?: Issued;
    notBefore?: Date;
    notAfter?: Date;
    ca?: boolean;
    /** How many CAs may stand below it. @default any number */
    pathLength?: number;
    /** Whether its key may be used to sign certificates. @default not said */
    maySign?: boolean;
    /** Kind of its key. @default ECDSA on P-256 */
    key?: keyof typeof kinds;
    /** Its extended key usage: OIDs. @default not said */
    purposes?: string[];
    /** Its key usage, by flags of x509.KeyUsageFlags. @default not said, or by maySign */
    usages?: number;
    /** Hash by which its key signs, where that is RSA. @default "SHA-256" */
    hash?: string;
  } = {},
): Promise<Issued> {
  const kind = { ...kinds[options.key ?? "P-256"], ...(options.hash === undefined ? {} : { hash: options.hash }) };
  const keys = (await webcrypto.subtle.generateKey(kind, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const signer = options.issuer?.keys ?? keys;
  const name = `CN=${options.name ?? "test"}`;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: options.issuer?.name ?? name,
    notBefore: options.notBefore ?? new Date(Date.now() - 3600_000),
    notAfter: options.notAfter ?? new Date(Date.now() + 24 * 3600_000),
    publicKey: keys.publicKey,
    signingKey: signer.privateKey,
    signingAlgorithm: { name: signer.privateKey.algorithm.name, hash: "SHA-256" } as never,
    extensions: [
      new x509.BasicConstraintsExtension(options.ca ?? false, options.pathLength),
      ...(options.maySign === undefined ? [] : [new x509.KeyUsagesExtension(usage[`${options.maySign}`], true)]),
      ...(options.usages === undefined ? [] : [new x509.KeyUsagesExtension(options.usages, true)]),
      ...(options.purposes === undefined ? [] : [new x509.ExtendedKeyUsageExtension(options.purposes)]),
      new x509.SubjectAlternativeNameExtension([
        ...(options.hosts ?? []).map((value) => ({ type: "dns" as const, value })),
        ...(options.uris ?? []).map((value) => ({ type: "url" as const, value })),
      ]),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    certificate: `${certificate.toString("pem")}\n`,
    privateKey: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`,
    keys,
    name,
  };
}
