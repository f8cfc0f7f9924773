// tsyringe, inside the certificate library, asks for this before anything else.
import "reflect-metadata";
import { webcrypto, type KeyObject } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";
import { algorithmOf, parsePrivateKey, publicHalf, subjectKeyId, type Algorithm } from "./keys";
import { extendedKeyUsages, keyUsageBits } from "./usages";

/** The parts of a name, as inputs give them. */
export interface Subject {
  commonName?: string;
  organization?: string;
  organizationalUnit?: string;
  streetAddresses?: string[];
  locality?: string;
  province?: string;
  country?: string;
  postalCode?: string;
  serialNumber?: string;
  emailAddress?: string;
}

/** Whom a certificate is for. */
export interface Identity {
  subject?: Subject;
  dnsNames?: string[];
  ipAddresses?: string[];
  uris?: string[];
}

/** What a certificate may be used for, and how long. */
export interface CertificateTerms {
  validityPeriodHours: number;
  allowedUses: string[];
  isCaCertificate: boolean;
  /** -1: no limit */
  maxPathLength?: number;
  setSubjectKeyId: boolean;
}

/** A new certificate. */
export interface Issued {
  certPem: string;
  /** decimal */
  serialNumber: string;
  start: Date;
  end: Date;
  /** of the key that signed it */
  algorithm: Algorithm;
}

type KeyAlgorithm = Parameters<typeof webcrypto.subtle.importKey>[2];

const emailType = "1.2.840.113549.1.9.1";

/** Makes a certificate request, signed by the key that it asks a certificate for. */
export async function requestCertificate(
  privateKeyPem: string,
  identity: Identity,
): Promise<{ pem: string; der: Buffer; algorithm: Algorithm }> {
  const key = parsePrivateKey(privateKeyPem, "private key");
  const { algorithm, signing } = signingAlgorithm(key, "private key");
  const privateKey = await importKey(key, algorithm);
  const publicKey = await webcrypto.subtle.importKey("spki", spkiOf(key), algorithm, true, ["verify"]);
  const names = alternativeNames(identity);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: nameOf(identity.subject),
    keys: { privateKey, publicKey },
    signingAlgorithm: signing,
    extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
  });
  const der = Buffer.from(request.rawData);
  return { pem: pemOf("CERTIFICATE REQUEST", der), der, algorithm: algorithmOf(key) };
}

/** Makes a certificate signed by its own key. */
export async function selfSign(
  privateKeyPem: string,
  identity: Identity,
  terms: CertificateTerms,
  setAuthorityKeyId: boolean,
  now: Date,
): Promise<Issued> {
  const key = parsePrivateKey(privateKeyPem, "private key");
  const name = nameOf(identity.subject);
  if (terms.isCaCertificate && isEmpty(name)) {
    throw new Error("Invalid Certificate Subject: a certificate authority needs a subject that is not empty");
  }
  if (setAuthorityKeyId && !terms.isCaCertificate && !terms.setSubjectKeyId) {
    throw new Error(
      "Invalid Certificate Authority: setAuthorityKeyId copies the subject key id, so it needs isCaCertificate or setSubjectKeyId",
    );
  }
  const spki = spkiOf(key);
  return issue({
    terms,
    now,
    issuer: name,
    subject: name,
    spki,
    names: alternativeNames(identity),
    ...(setAuthorityKeyId ? { authorityKeyId: subjectKeyId(spki) } : {}),
    signer: key,
    signerName: "private key",
  });
}

/**
 * Makes a certificate for a request, signed by a certificate authority.
 * @param warn told when the authority's certificate does not allow it to be one
 */
export async function locallySign(
  certRequestPem: string,
  caCertPem: string,
  caPrivateKeyPem: string,
  terms: CertificateTerms,
  now: Date,
  warn: (message: string) => void,
): Promise<Issued> {
  const request = parse("certificate request", () => {
    return new x509.Pkcs10CertificateRequest(derOf("CERTIFICATE REQUEST", certRequestPem));
  });
  const authority = parse("CA certificate", () => new x509.X509Certificate(derOf("CERTIFICATE", caCertPem)));
  const signer = parsePrivateKey(caPrivateKeyPem, "CA private key");
  const subject = withoutEmail(request.subjectName);
  if (terms.isCaCertificate && isEmpty(subject)) {
    throw new Error("Invalid Certificate Subject: a certificate authority needs a subject that is not empty");
  }
  if (authority.getExtension(x509.BasicConstraintsExtension)?.ca !== true) {
    warn("The CA certificate is not marked as one (isCaCertificate): what it signs will not be trusted");
  }
  const issuer = authority.subjectName;
  const authorityKeyId = authority.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  const differs = !Buffer.from(issuer.toArrayBuffer()).equals(Buffer.from(subject.toArrayBuffer()));
  return issue({
    terms,
    now,
    issuer,
    subject,
    spki: Buffer.from(request.publicKey.rawData),
    names: requestedNames(request),
    ...(differs && authorityKeyId !== undefined ? { authorityKeyId } : {}),
    signer,
    signerName: "CA private key",
  });
}

interface Certificate {
  terms: CertificateTerms;
  now: Date;
  issuer: x509.Name;
  subject: x509.Name;
  /** DER of the public key that is certified */
  spki: Buffer;
  names: x509.JsonGeneralNames;
  /** hex */
  authorityKeyId?: string;
  signer: KeyObject;
  signerName: string;
}

async function issue(certificate: Certificate): Promise<Issued> {
  const { terms, now, signer } = certificate;
  const { algorithm, signing } = signingAlgorithm(signer, certificate.signerName);
  const end = new Date(now.getTime() + terms.validityPeriodHours * 3_600_000);
  const serialNumber = randomSerialNumber();
  const made = await x509.X509CertificateGenerator.create({
    serialNumber,
    issuer: certificate.issuer,
    subject: certificate.subject,
    notBefore: wholeSeconds(now),
    notAfter: wholeSeconds(end),
    publicKey: certificate.spki,
    signingKey: await importKey(signer, algorithm),
    signingAlgorithm: signing,
    extensions: extensions(certificate),
  });
  return {
    certPem: pemOf("CERTIFICATE", Buffer.from(made.rawData)),
    serialNumber: BigInt(`0x${serialNumber}`).toString(),
    start: now,
    end,
    algorithm: algorithmOf(signer),
  };
}

// In the order in which Go writes them.
function extensions({ terms, subject, spki, names, authorityKeyId }: Certificate): x509.Extension[] {
  const usages = terms.allowedUses.reduce((flags, use) => flags | keyUsage(use), 0);
  const extended = terms.allowedUses.flatMap((use) => extendedKeyUsages[use] ?? []);
  const pathLength = terms.maxPathLength ?? -1;
  if (pathLength > 0 && !terms.isCaCertificate) throw new Error("only CAs are allowed to specify MaxPathLen");
  return [
    ...(usages === 0 ? [] : [new x509.KeyUsagesExtension(usages, true)]),
    ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(extended)]),
    new x509.BasicConstraintsExtension(terms.isCaCertificate, pathLength > 0 ? pathLength : undefined, true),
    ...(terms.isCaCertificate || terms.setSubjectKeyId
      ? [new x509.SubjectKeyIdentifierExtension(subjectKeyId(spki))]
      : []),
    ...(authorityKeyId === undefined ? [] : [new x509.AuthorityKeyIdentifierExtension(authorityKeyId)]),
    // Nothing but these names says whom a certificate without subject is for, so readers must understand them.
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names, isEmpty(subject))]),
  ];
}

// The library's flags are the bits of the extension in their order; a use that is not of this kind adds none.
function keyUsage(use: string): number {
  const bit = keyUsageBits[use];
  return bit === undefined ? 0 : 1 << bit;
}

// In the order in which Go writes them, not in that of the inputs.
function nameOf(subject: Subject = {}): x509.Name {
  const parts: [string, string[]][] = [
    ["2.5.4.6", [subject.country ?? ""]],
    ["2.5.4.8", [subject.province ?? ""]],
    ["2.5.4.7", [subject.locality ?? ""]],
    ["2.5.4.9", subject.streetAddresses ?? []],
    ["2.5.4.17", [subject.postalCode ?? ""]],
    ["2.5.4.10", [subject.organization ?? ""]],
    ["2.5.4.11", [subject.organizationalUnit ?? ""]],
    ["2.5.4.3", [subject.commonName ?? ""]],
    ["2.5.4.5", [subject.serialNumber ?? ""]],
    [emailType, [subject.emailAddress ?? ""]],
  ];
  const attributes = parts.flatMap(([type, values]) => {
    const given = values.filter((value) => value !== "").map((value) => attribute(type, value));
    return given.length > 0 ? [{ [type]: given }] : [];
  });
  return new x509.Name(attributes);
}

function attribute(type: string, value: string): { ia5String?: string; printableString?: string; utf8String?: string } {
  if (type === emailType) return { ia5String: value };
  return x509.Name.isPrintableString(value) ? { printableString: value } : { utf8String: value };
}

function isEmpty(name: x509.Name): boolean {
  return name.toJSON().length === 0;
}

// Go does not carry a request's e-mail attribute over to the certificate.
function withoutEmail(name: x509.Name): x509.Name {
  if (name.getField(emailType).length === 0) return name;
  const kept = name.toJSON().filter((part) => !("E" in part) && !(emailType in part));
  return new x509.Name(
    kept.map((part) =>
      Object.fromEntries(
        Object.entries(part).map(([type, values]) => [type, values.map((value) => attribute(type, value))]),
      ),
    ),
  );
}

function alternativeNames({ dnsNames = [], ipAddresses = [], uris = [] }: Identity): x509.JsonGeneralNames {
  return [
    ...dnsNames.map((value) => ({ type: "dns" as const, value })),
    ...ipAddresses.map((value) => {
      if (isIP(value) === 0) throw new Error(`Invalid IP address: failed to parse "${value}"`);
      return { type: "ip" as const, value };
    }),
    ...uris.map((value) => {
      if (!URL.canParse(value)) throw new Error(`Invalid URI: failed to parse "${value}"`);
      return { type: "url" as const, value };
    }),
  ];
}

function requestedNames(request: x509.Pkcs10CertificateRequest): x509.JsonGeneralNames {
  const extension = request.extensions.find((item) => item instanceof x509.SubjectAlternativeNameExtension);
  const names = extension?.names.toJSON() ?? [];
  return ["dns", "ip", "url"].flatMap((type) => names.filter((name) => name.type === type));
}

function signingAlgorithm(
  key: KeyObject,
  name: string,
): { algorithm: KeyAlgorithm; signing: { name: string; hash?: string } } {
  if (key.asymmetricKeyType === "rsa") {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    return { algorithm, signing: algorithm };
  }
  if (key.asymmetricKeyType === "ed25519") return { algorithm: { name: "Ed25519" }, signing: { name: "Ed25519" } };
  switch (key.asymmetricKeyDetails?.namedCurve) {
    case "prime256v1":
      return ecdsa("P-256", "SHA-256");
    case "secp384r1":
      return ecdsa("P-384", "SHA-384");
    case "secp521r1":
      return ecdsa("P-521", "SHA-512");
    default:
      throw new Error(
        `the ${name} is on curve ${key.asymmetricKeyDetails?.namedCurve}, with which the sandbox's stand-in for ` +
          "pulumi-resource-tls cannot sign: use ecdsaCurve P256, P384 or P521 (the default is P224)",
      );
  }
}

function ecdsa(namedCurve: string, hash: string): ReturnType<typeof signingAlgorithm> {
  return { algorithm: { name: "ECDSA", namedCurve }, signing: { name: "ECDSA", hash } };
}

function importKey(key: KeyObject, algorithm: KeyAlgorithm): Promise<webcrypto.CryptoKey> {
  const der = key.export({ format: "der", type: "pkcs8" });
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}

function spkiOf(key: KeyObject): Buffer {
  return publicHalf(key).export({ format: "der", type: "spki" });
}

function randomSerialNumber(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  // A serial number must not be 0, and leading zeros would make the DER longer than need be.
  bytes[0] = (bytes[0] ?? 0) | 0x01;
  return bytes.toString("hex");
}

function wholeSeconds(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}

function derOf(type: string, pem: string): Buffer {
  const block = /-----BEGIN ([^-]+)-----([^-]*)-----END \1-----/.exec(pem);
  if (block === null) throw new Error("failed to decode PEM block: empty or malformed");
  if (block[1] !== type) throw new Error(`invalid PEM type - expected "${type}", got "${block[1]}"`);
  return Buffer.from(block[2] ?? "", "base64");
}

function parse<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`Failed to parse ${name} PEM: ${(error as Error).message}`, { cause: error });
  }
}

function pemOf(type: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${type}-----`, ...lines, `-----END ${type}-----`, ""].join("\n");
}
