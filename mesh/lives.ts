/* When a certificate is due, and what is to be done then, by where it comes from. */

/** What a certificate says of its validity, in the form of Node.js. */
export interface Validity {
  validFrom: string;
  validTo: string;
}

/** Milliseconds until a certificate ends; negative afterwards. */
export function timeLeft({ validTo }: Pick<Validity, "validTo">, now: Date): number {
  return new Date(validTo).getTime() - now.getTime();
}

/**
 * Whether a certificate ends within a notice, in milliseconds, or has ended. One that was made for a short life is renewed in
 * its last third; until then its end is not worth a word.
 */
export function isDue(certificate: Validity, now: Date, notice: number): boolean {
  const life = new Date(certificate.validTo).getTime() - new Date(certificate.validFrom).getTime();
  return timeLeft(certificate, now) <= Math.min(notice, life / 3);
}

/** Notice before the end of a certificate where a stack asks for no other: two weeks. */
export const defaultWarnBefore = "336h";

/** Where a serving certificate comes from. */
export type ServingIssuer = "generated" | "provided" | "existingSecret" | "certManager";

/** What to do about a serving certificate. */
export interface Remedy {
  /** When it is about to end. */
  renew: string;
  /** When it is missing, or wrong. */
  repair: string;
  /** When another kind of certificate is needed: another key, other names. */
  replace: string;
}

export const servingRemedies: Readonly<Record<ServingIssuer, Remedy>> = {
  generated: {
    renew: "pulumi up --refresh renews it; run that on a schedule",
    repair: "run pulumi up --refresh",
    replace: "run pulumi up --refresh; what Envoy would not load, the settings refuse (certificate.keyAlgorithm)",
  },
  provided: {
    renew: "set the renewed one in certificate.certificateChain and .privateKey",
    repair:
      "set a certificate and key that belong together in certificate.certificateChain and .privateKey, then pulumi up",
    replace:
      "have one issued for servers with an ECDSA key on P-256 or RSA of 2048 bits, set it in certificate.certificateChain and .privateKey, then pulumi up",
  },
  existingSecret: {
    renew: "have its issuer renew it",
    repair: "have its issuer make it again",
    replace: "have its issuer make it for servers, with an ECDSA key on P-256 or RSA of 2048 bits",
  },
  certManager: {
    renew: "see what holds cert-manager back: kubectl describe certificate",
    repair: "see what holds cert-manager back: kubectl describe certificate, in the namespace of the hosts",
    replace:
      "set certificate.keyAlgorithm to ECDSA-P256 or RSA-2048, and run pulumi up; what its issuer adds, such as usages, is the issuer's",
  },
};

/** Where the CA of the mesh comes from; istiod renews its own. */
export type MeshIssuer = "istiod" | "generated" | "provided";

/** What to do about a CA of the mesh that is about to end. */
export const meshRenewal: Readonly<Record<MeshIssuer, string>> = {
  istiod: "istiod renews it by itself",
  generated: servingRemedies.generated.renew,
  provided: "set a new one in istio.ca.certificateChain and .privateKey, below the same root",
};
