import { type Lifetime, type RootNames, type TrustedRoots, certificateLife } from "./authority";

/* The certificate of the leg client → gateway. */

/** Name of the Secrets that we make. */
export const servingSecretName = "gateway-serving-certificate";

/** The root of a stack that names none. */
export const defaultServingRoot = "ca";
/** Life of the leaf: 90 days. */
export const defaultValidity = "2160h";

/** Roots of a generated certificate with the defaults filled in. */
export function servingRoots({ roots = [defaultServingRoot], signer = roots[0]! }: RootNames): TrustedRoots {
  return { roots, signer };
}

/** Common name of a generated root's certificate. */
export function servingRootName(root: string): string {
  return root === defaultServingRoot ? "EnRoute gateway CA" : `EnRoute gateway CA ${root}`;
}

/** The root that a common name belongs to; undefined if it is none of ours. */
export function servingRootOf(commonName: string): string | undefined {
  const [, root] = /^EnRoute gateway CA(?: (.+))?$/.exec(commonName) ?? [undefined, undefined];
  return commonName === servingRootName(defaultServingRoot) ? defaultServingRoot : root;
}

/** Life of a generated leaf and the part of it in which it is renewed, in hours. */
export function leafLife({ validity = defaultValidity, renewBefore }: Lifetime) {
  return certificateLife(validity, renewBefore);
}
