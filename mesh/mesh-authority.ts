import { type Lifetime, type RootNames, type TrustedRoots, certificateLife } from "./authority";

/* The CA that is plugged into istiod. */

/** Name of the Secret from which istiod takes its CA (Istio's "plug in CA certificates"). */
export const authoritySecretName = "cacerts";

/** Life of the intermediate: a year. */
export const defaultIntermediateValidity = "8760h";

/** Roots of a generated CA with the defaults filled in. */
export function meshRoots({ roots = ["root"], signer = roots[0]! }: RootNames): TrustedRoots {
  return { roots, signer };
}

/** Common name of a generated root's certificate. */
export function meshRootName(root: string): string {
  return `Istio mesh root ${root}`;
}

/** The root that a common name belongs to; undefined if it is none of ours. */
export function meshRootOf(commonName: string): string | undefined {
  return /^Istio mesh root (.+)$/.exec(commonName)?.[1];
}

/** Life of the intermediate and the part of it in which it is renewed, in hours. */
export function intermediateLife({ validity = defaultIntermediateValidity, renewBefore }: Lifetime) {
  return certificateLife(validity, renewBefore);
}
