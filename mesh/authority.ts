import { durationHours } from "../base/duration";

/* Certificate authorities of our own making: their roots, and the lives of what they sign. */

/** Kind and size of a generated key. */
export type KeyAlgorithm = "ECDSA-P256" | "ECDSA-P384" | "RSA-2048" | "RSA-4096";

export const defaultKeyAlgorithm: KeyAlgorithm = "ECDSA-P256";

/** Life of a root: ten years. */
export const defaultRootValidity = "87600h";

/** The names of roots as a stack gives them; what is left out has a default. */
export interface RootNames {
  roots?: string[];
  signer?: string;
}

/** The life of what a root signs, as a stack gives it. */
export interface Lifetime {
  validity?: string;
  renewBefore?: string;
}

/** Life of a certificate and the part of it in which it is renewed, by default its last third, in hours. */
export function certificateLife(validity: string, renewBefore: string | undefined) {
  const validityPeriodHours = durationHours(validity)!;
  const third = Math.max(1, Math.floor(validityPeriodHours / 3));
  return { validityPeriodHours, earlyRenewalHours: renewBefore === undefined ? third : durationHours(renewBefore)! };
}

/** Roots that are trusted, in their order, and the one that signs. */
export interface TrustedRoots {
  roots: readonly string[];
  signer: string;
}

/**
 * Why a change of roots would break trust; undefined where it does not. Whoever checks a certificate has to know its root
 * before it is presented, and until it is presented no more: add the new root → let it sign → drop the old one, an update each.
 */
export function skippedPhase(before: TrustedRoots, after: TrustedRoots): { problem: string; fix: string } | undefined {
  if (!before.roots.includes(after.signer))
    return {
      problem: `root ${after.signer} is to sign in the update that adds it: nobody trusts it yet`,
      fix: `add it to roots first and keep signer: ${before.signer}; let it sign in a later update`,
    };
  if (!after.roots.includes(before.signer))
    return {
      problem: `root ${before.signer} has signed the certificates in use, and is dropped`,
      fix: `keep it in roots; switch signer to ${after.signer} first, and drop ${before.signer} in a later update`,
    };
  return undefined;
}
