import { X509Certificate, createPrivateKey, createPublicKey } from "node:crypto";
import { rootCertificates } from "node:tls";
import type * as peculiar from "@peculiar/x509";

/** The certificates of a PEM text, each still as text. */
export function pemBlocks(pem: string | undefined): string[] {
  return pem?.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
}

/**
 * Why a text is nothing that may stand where certificates are asked for: a block of another kind, such as a private key. It would
 * go where everybody reads: into trust bundles, the stack's outputs, the mesh. Undefined where there is none.
 */
export function foreignBlocksProblem(pem: string): string | undefined {
  const kinds = [...pem.matchAll(/-----BEGIN ([^-\n]*)-----/g)].map(([, kind]) => kind!);
  const foreign = [...new Set(kinds.filter((kind) => kind !== "CERTIFICATE"))];
  if (foreign.length === 0) return undefined;
  const found = foreign.join(", ");
  return `certificates alone (-----BEGIN CERTIFICATE-----); it holds a block ${found} beside, take that out${foreign.some((kind) => kind.endsWith("PRIVATE KEY")) ? ": a private key belongs into privateKey, and where it was readable, have it replaced" : ""}`;
}

/** Whether a text holds a private key in PEM, of whatever kind. */
export function holdsPrivateKey(text: string): boolean {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text);
}

/** The certificates of a PEM text, in its order. Throws a message without the text if there is none, or one cannot be read. */
export function parseChain(pem: string): X509Certificate[] {
  const blocks = pemBlocks(pem);
  if (blocks.length === 0) throw new Error("holds no PEM certificate (-----BEGIN CERTIFICATE-----)");
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new Error(`certificate ${index + 1} of ${blocks.length} cannot be read`);
    }
  });
}

/** As {@link parseChain}; undefined where that throws. */
export function tryParse(pem: string | undefined): X509Certificate[] | undefined {
  try {
    return parseChain(pem ?? "");
  } catch {
    return undefined;
  }
}

/** End of validity of the first certificate of a PEM text, RFC 3339 in UTC. */
export function endOfValidity(pem: string): string {
  return new Date(parseChain(pem)[0]!.validTo).toISOString();
}

/** Whether a certificate was signed by another one, which its extensions allow to sign. */
export function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** Whether one of the public roots that Node.js knows signed a certificate, or is it. */
export function isPubliclyTrusted(certificate: X509Certificate): boolean {
  return rootCertificates.some((pem) => {
    const root = new X509Certificate(pem);
    return (
      (root.subject === certificate.issuer && isSignedBy(certificate, root)) ||
      root.fingerprint256 === certificate.fingerprint256
    );
  });
}

/**
 * The common name of a distinguished name as Node.js writes it, or all of it where it has none. An empty one, such as of
 * cert-manager's leaves, is undefined in Node.js, whatever its types say.
 */
export function commonName(distinguishedName: string | undefined): string {
  if (distinguishedName === undefined || distinguishedName === "") return "(no subject)";
  return /CN=(.*)/.exec(distinguishedName)?.[1] ?? distinguishedName.replaceAll("\n", ", ");
}

/** Parts of a certificate that is brought along, by the names of their settings. */
export type CertificatePart = "certificateChain" | "privateKey" | "caCertificate";

export type ProvidedPem = ({ privateKey: string } | { publicKey: string }) & {
  certificateChain: string;
  /** The CAs that clients trust, where they are known. */
  caCertificate?: string | undefined;
};

/**
 * Problems of a certificate chain with its key (or the public half), each naming its part. The texts never hold the key.
 * Checked: readable, key matches, valid at `now`, leaf first with each issuer after it up to one that the CA signed, issuers
 * allowed to issue, every host covered.
 */
export function certificateProblems(
  pem: ProvidedPem,
  hosts: readonly string[],
  now: Date = new Date(),
): { part: CertificatePart; problem: string }[] {
  const problems: { part: CertificatePart; problem: string }[] = [];
  const say = (part: CertificatePart, problem: string) => problems.push({ part, problem });
  let chain: X509Certificate[];
  try {
    chain = parseChain(pem.certificateChain);
  } catch (error) {
    say("certificateChain", (error as Error).message);
    return problems;
  }
  const leaf = chain[0]!;
  try {
    const key = createPublicKey("publicKey" in pem ? pem.publicKey : createPrivateKey(pem.privateKey));
    const owner = chain.findIndex((certificate) => certificate.publicKey.equals(key));
    if (owner > 0) {
      // Everything else about it would follow from that.
      say("certificateChain", `is in the wrong order: the key is that of certificate ${owner + 1}; put the leaf first`);
      return problems;
    }
    if (owner < 0) say("privateKey", "does not match the first certificate of certificateChain");
  } catch {
    say("privateKey", "is no PEM private key that can be read (an encrypted key must be decrypted first)");
  }
  for (const problem of chainProblems(chain, now)) say("certificateChain", problem);
  if (pem.caCertificate !== undefined)
    try {
      const trusted = parseChain(pem.caCertificate);
      for (const ca of trusted.filter((certificate) => !certificate.ca))
        say("caCertificate", `${commonName(ca.subject)} is no CA: ${noCa}`);
      const last = chain.at(-1)!;
      if (!trusted.some((ca) => ca.fingerprint256 === last.fingerprint256 || isSignedBy(last, ca)))
        say(
          "certificateChain",
          `is incomplete, or of another CA: it ends at ${commonName(last.subject)}, issued by ${commonName(last.issuer)}, which caCertificate does not hold`,
        );
    } catch (error) {
      say("caCertificate", (error as Error).message);
    }
  const uncovered = uncoveredHosts(leaf, hosts);
  if (uncovered !== undefined) say("certificateChain", uncovered);
  return problems;
}

/** Why a certificate is not for some hosts; undefined where it is. As clients judge it: by its alternative names alone (RFC 9525). */
export function uncoveredHosts(leaf: X509Certificate, hosts: readonly string[]): string | undefined {
  const uncovered = hosts.filter(
    (host) => leaf.checkHost(host, { subject: "never", partialWildcards: false }) === undefined,
  );
  if (uncovered.length === 0) return undefined;
  const names = leaf.subjectAltName
    ? `it is for ${leaf.subjectAltName}`
    : `it has no subject alternative name, and clients do not look at its common name (${commonName(leaf.subject)})`;
  return `does not cover ${uncovered.join(", ")}; ${names}`;
}

/** Parts of a CA that is brought along, by the names of their settings. */
export type AuthorityPart = "rootCertificates" | "certificateChain" | "privateKey";

/**
 * Problems of a CA for the mesh, each naming its part. The texts never hold the key. Checked as istiod does, and further:
 * readable, key matches and is RSA or ECDSA, valid at `now`, the CA that signs first with each issuer after it up to one of
 * the roots, CAs that may issue, and as many below each other as they allow.
 */
export function authorityProblems(
  pem: Record<AuthorityPart, string>,
  now: Date = new Date(),
): { part: AuthorityPart; problem: string }[] {
  const problems: { part: AuthorityPart; problem: string }[] = [];
  const say = (part: AuthorityPart, problem: string) => problems.push({ part, problem });
  const read = (part: "rootCertificates" | "certificateChain"): X509Certificate[] => {
    try {
      return parseChain(pem[part]);
    } catch (error) {
      say(part, (error as Error).message);
      return [];
    }
  };
  const [roots, chain] = [read("rootCertificates"), read("certificateChain")];
  for (const root of roots) for (const problem of rootProblems(root, now)) say("rootCertificates", problem);
  const [signer] = chain;
  const last = chain.at(-1);
  if (signer === undefined || last === undefined || roots.length === 0) return problems;
  try {
    const key = createPrivateKey(pem.privateKey);
    const owner = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
    if (owner > 0) {
      say(
        "certificateChain",
        `is in the wrong order: the key is that of certificate ${owner + 1}; put the CA that signs first`,
      );
      return problems;
    }
    if (owner < 0) say("privateKey", "does not match the first certificate of certificateChain");
    else if (key.asymmetricKeyType !== "rsa" && key.asymmetricKeyType !== "ec")
      say("privateKey", `is of type ${key.asymmetricKeyType}: istiod signs with RSA and ECDSA keys`);
  } catch {
    say("privateKey", "is no PEM private key that can be read (an encrypted key must be decrypted first)");
  }
  if (!signer.ca) say("certificateChain", `the first certificate may not issue certificates: ${noCa}`);
  for (const problem of chainProblems(chain, now, "put the CA that signs first, then its issuer"))
    say("certificateChain", problem);
  const root = roots.find((one) => one.fingerprint256 === last.fingerprint256 || isSignedBy(last, one));
  if (root === undefined)
    say(
      "certificateChain",
      `is incomplete, or of another CA: it ends at ${commonName(last.subject)}, issued by ${commonName(last.issuer)}, which rootCertificates does not hold`,
    );
  const path = root === undefined || root.fingerprint256 === last.fingerprint256 ? chain : [...chain, root];
  path.forEach((certificate, below) => {
    const most = pathLength(certificate);
    if (most !== undefined && most < below)
      say(
        "certificateChain",
        `${commonName(certificate.subject)} allows ${most} CAs below it (path length), and has ${below}`,
      );
  });
  return problems;
}

/** Problems of a bundle of roots that are only trusted. */
export function rootCertificateProblems(pem: string, now: Date = new Date()): string[] {
  try {
    return parseChain(pem).flatMap((root) => rootProblems(root, now));
  } catch (error) {
    return [(error as Error).message];
  }
}

function rootProblems(root: X509Certificate, now: Date): string[] {
  const name = commonName(root.subject);
  if (!root.ca) return [`${name} is no CA: ${noCa}`];
  if (!isSignedBy(root, root)) return [`${name} is no root: ${commonName(root.issuer)} issued it`];
  return validityProblems(name, root, now);
}

/** What Node.js does not tell of a certificate. Loaded here: whoever does not ask need not wait for it. */
function inDetail(certificate: X509Certificate) {
  /* eslint-disable @typescript-eslint/no-require-imports */
  require("reflect-metadata");
  const x509 = require("@peculiar/x509") as typeof peculiar;
  /* eslint-enable @typescript-eslint/no-require-imports */
  return { x509, detailed: new x509.X509Certificate(certificate.raw) };
}

/** How many CAs may stand below one; undefined for any number. */
function pathLength(certificate: X509Certificate): number | undefined {
  const { x509, detailed } = inDetail(certificate);
  return detailed.getExtension(x509.BasicConstraintsExtension)?.pathLength;
}

/** Whether the key of a certificate may sign handshakes, as far as its key usage says something. */
export function mayAuthenticate(certificate: X509Certificate): boolean {
  const { x509, detailed } = inDetail(certificate);
  const usages = detailed.getExtension(x509.KeyUsagesExtension)?.usages;
  return usages === undefined || (usages & x509.KeyUsageFlags.digitalSignature) !== 0;
}

/** The hash of the signature on a certificate, such as `SHA-256`; undefined where the algorithm has none, or is not known. */
export function signatureHash(certificate: X509Certificate): string | undefined {
  const { hash } = inDetail(certificate).detailed.signatureAlgorithm as { hash?: { name?: string } };
  return hash?.name;
}

/** Problems of a chain in itself: a certificate that is not valid at `now`, an issuer that is none, a wrong order. */
export function chainProblems(
  chain: readonly X509Certificate[],
  now: Date,
  order = "put the leaf first, then its issuer",
): string[] {
  return chain.flatMap((certificate, index) => {
    const which = index === 0 ? "the certificate" : `certificate ${index + 1} of the chain`;
    return [
      ...validityProblems(which, certificate, now),
      ...(index === 0 ? [] : issuerProblems(chain[index - 1]!, certificate, index + 1, order)),
    ];
  });
}

function validityProblems(which: string, { validFrom, validTo }: X509Certificate, now: Date): string[] {
  return [
    ...(new Date(validTo) <= now ? [`${which} expired on ${iso(validTo)}`] : []),
    ...(new Date(validFrom) > now ? [`${which} is not valid before ${iso(validFrom)}`] : []),
  ];
}

const noCa = "it lacks the CA flag, or the key usage to sign certificates";

function issuerProblems(certificate: X509Certificate, issuer: X509Certificate, place: number, order: string): string[] {
  if (!certificate.verify(issuer.publicKey))
    return [`certificate ${place} did not sign certificate ${place - 1}: ${order}`];
  // Node.js takes it for a CA only where its key usage, if it has any, allows signing as well.
  if (!issuer.ca) return [`certificate ${place} of the chain may not issue certificates: ${noCa}`];
  if (!certificate.checkIssued(issuer))
    return [`certificate ${place - 1} names another issuer than certificate ${place}, whose key signed it`];
  return [];
}

export function iso(date: string): string {
  return new Date(date).toISOString();
}
