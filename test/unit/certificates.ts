import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", publicExponent: new Uint8Array([1, 0, 1]) };

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
    issuer?: Issued;
    notBefore?: Date;
    notAfter?: Date;
    ca?: boolean;
    /** How many CAs may stand below it. @default any number */
    pathLength?: number;
    /** Whether its key may be used to sign certificates. @default not said */
    maySign?: boolean;
    /** Signs itself with an RSA key of so many bits. @default an ECDSA key */
    rsaBits?: number;
  } = {},
): Promise<Issued> {
  const own = options.rsaBits === undefined ? algorithm : { ...rsa, modulusLength: options.rsaBits };
  const keys = (await webcrypto.subtle.generateKey(own, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const name = `CN=${options.name ?? "test"}`;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: options.issuer?.name ?? name,
    notBefore: options.notBefore ?? new Date(Date.now() - 3600_000),
    notAfter: options.notAfter ?? new Date(Date.now() + 24 * 3600_000),
    publicKey: keys.publicKey,
    signingKey: (options.issuer?.keys ?? keys).privateKey,
    signingAlgorithm: options.issuer === undefined ? own : algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(options.ca ?? false, options.pathLength),
      ...(options.maySign === undefined ? [] : [new x509.KeyUsagesExtension(usage[`${options.maySign}`], true)]),
      new x509.SubjectAlternativeNameExtension((options.hosts ?? []).map((value) => ({ type: "dns" as const, value }))),
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
