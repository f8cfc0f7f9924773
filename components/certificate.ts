import { X509Certificate, createPrivateKey } from "node:crypto";

/** The certificates of a PEM text, in its order. Throws a message without the text if there is none, or one cannot be read. */
export function parseChain(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error("holds no PEM certificate (-----BEGIN CERTIFICATE-----)");
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new Error(`certificate ${index + 1} of ${blocks.length} cannot be read`);
    }
  });
}

/** End of validity of the first certificate of a PEM text, RFC 3339 in UTC. */
export function endOfValidity(pem: string): string {
  return new Date(parseChain(pem)[0]!.validTo).toISOString();
}

/**
 * Problems of a certificate chain with its key, each naming the part it is about. The texts never hold the key.
 * Checked: readable, key matches, valid at `now`, leaf first with each issuer after it, every host covered.
 */
export function certificateProblems(
  chainPem: string,
  keyPem: string,
  hosts: readonly string[],
  now: Date = new Date(),
): { part: "certificateChain" | "privateKey"; problem: string }[] {
  const problems: { part: "certificateChain" | "privateKey"; problem: string }[] = [];
  const say = (part: "certificateChain" | "privateKey", problem: string) => problems.push({ part, problem });
  let chain: X509Certificate[];
  try {
    chain = parseChain(chainPem);
  } catch (error) {
    say("certificateChain", (error as Error).message);
    return problems;
  }
  const leaf = chain[0]!;
  try {
    if (!leaf.checkPrivateKey(createPrivateKey(keyPem)))
      say("privateKey", "does not match the first certificate of certificateChain");
  } catch {
    say("privateKey", "is no PEM private key that can be read (an encrypted key must be decrypted first)");
  }
  chain.forEach((certificate, index) => {
    const which = index === 0 ? "the certificate" : `certificate ${index + 1} of the chain`;
    if (new Date(certificate.validTo) <= now)
      say("certificateChain", `${which} expired on ${iso(certificate.validTo)}`);
    if (new Date(certificate.validFrom) > now)
      say("certificateChain", `${which} is not valid before ${iso(certificate.validFrom)}`);
    const issuer = chain[index + 1];
    if (issuer !== undefined && !(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)))
      say(
        "certificateChain",
        `certificate ${index + 2} did not sign certificate ${index + 1}: put the leaf first, then its issuer`,
      );
  });
  const uncovered = hosts.filter((host) => leaf.checkHost(host) === undefined);
  if (uncovered.length > 0)
    say(
      "certificateChain",
      `does not cover ${uncovered.join(", ")}; it is for ${leaf.subjectAltName ?? "no name at all"}`,
    );
  return problems;
}

function iso(date: string): string {
  return new Date(date).toISOString();
}
