import type { KeyObject, X509Certificate } from "node:crypto";
import {
  type CertificatePart,
  type ProvidedPem,
  certificateProblems,
  commonName,
  isSignedBy,
  mayAuthenticate,
  signatureHash,
  tryParse,
} from "../base/certificate";
import { type KeyAlgorithm, type Lifetime, type RootNames, type TrustedRoots, certificateLife } from "./authority";
import { defaultEnvoyTag } from "./enroute";

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

/*
 * Who must take a serving certificate: Envoy, which loads it, and clients, which check it. What Envoy does not load is not served at
 * all: handshakes of that host are reset, and nothing in the cluster tells.
 */

/** The Envoy that serves: its version, and how it is called in a message. */
export interface ServingEnvoy {
  name: string;
  /** Undefined where the image's tag does not tell; such an Envoy is taken for a new one. */
  version: { major: number; minor: number } | undefined;
}

/** The Envoy of an image's tag, such as `v1.27.0` or `distroless-v1.33.2@sha256:…`. @default that of the chart */
export function envoyOf(tag: string = defaultEnvoyTag): ServingEnvoy {
  const [plain = ""] = tag.split("@");
  const [, major, minor] = /(?:^|-)v?(\d+)\.(\d+)(?:\.\d+)?(?:-|$)/.exec(plain) ?? [];
  return {
    name: `Envoy ${plain}`,
    version: major === undefined ? undefined : { major: Number(major), minor: Number(minor) },
  };
}

/** Whether an Envoy takes ECDSA on P-384 and P-521, and Ed25519: from 1.33 on (envoyproxy/envoy#36369; before, #10855). */
function takesEveryCurve({ version }: ServingEnvoy): boolean {
  return version === undefined || version.major > 1 || version.minor >= 33;
}

const curves: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };

/** A kind of key, as far as it matters here. */
interface KeyKind {
  /** In words: `an ECDSA key on P-384`. */
  text: string;
  rsaBits?: number | undefined;
  /** `P-256`, `P-384`, `P-521`, or another one by its name. */
  curve?: string | undefined;
  isEd25519?: boolean;
}

function kindOf(key: KeyObject): KeyKind {
  const { modulusLength, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "rsa":
      return { text: `an RSA key of ${modulusLength} bits`, rsaBits: modulusLength };
    case "ec": {
      const curve = curves[namedCurve] ?? namedCurve;
      return { text: `an ECDSA key on ${curve}`, curve };
    }
    case "ed25519":
      return { text: "an Ed25519 key", isEd25519: true };
    default:
      return { text: `a key of kind ${key.asymmetricKeyType}` };
  }
}

/** The kind of a certificate's key, in words. */
export function keyText({ publicKey }: X509Certificate): string {
  return kindOf(publicKey).text;
}

/** A kind of key as settings, @pulumi/tls and cert-manager write it. */
export function keyKindOf(algorithm: string, size: string | number): KeyKind {
  const digits = String(size).replace(/^P-?/, "");
  switch (algorithm.toUpperCase()) {
    case "RSA":
      return { text: `an RSA key of ${digits} bits`, rsaBits: Number(digits) };
    case "ECDSA":
      return { text: `an ECDSA key on P-${digits}`, curve: `P-${digits}` };
    case "ED25519":
      return { text: "an Ed25519 key", isEd25519: true };
    default:
      return { text: `a key of kind ${algorithm}` };
  }
}

/** Why an Envoy does not load a certificate with such a key; undefined where it does. */
export function keyProblem({ text, rsaBits, curve, isEd25519 }: KeyKind, envoy: ServingEnvoy): string | undefined {
  if (rsaBits !== undefined)
    return rsaBits < 2048 ? `has ${text}: Envoy loads RSA of 2048 bits or more alone` : undefined;
  if (curve === "P-256") return undefined;
  if (isEd25519 === true || Object.values(curves).includes(curve ?? ""))
    return takesEveryCurve(envoy) ? undefined : `has ${text}: ${envoy.name} loads ECDSA on P-256, or RSA, alone`;
  return `has ${text}: Envoy loads RSA, ECDSA on P-256, P-384 or P-521, and Ed25519 alone`;
}

/** Why an Envoy does not serve what a stack would have made; undefined where it does. */
export function algorithmProblem(algorithm: KeyAlgorithm, envoy: ServingEnvoy): string | undefined {
  const [kind, size] = algorithm.split("-") as [string, string];
  return keyProblem(keyKindOf(kind, size), envoy);
}

const serverAuthentication = "1.3.6.1.5.5.7.3.1";
const anyPurpose = "2.5.29.37.0";
const brokenHashes = ["MD2", "MD5", "SHA-1"];

/** What of a chain Envoy does not load, or clients refuse, beside its names, its dates and its order. One sentence each. */
export function servingProblems(chain: readonly X509Certificate[], envoy: ServingEnvoy): string[] {
  const [leaf, ...issuers] = chain;
  if (leaf === undefined) return [];
  const key = keyProblem(kindOf(leaf.publicKey), envoy);
  // Node.js calls the extended key usage so.
  const purposes = leaf.keyUsage as string[] | undefined;
  return [
    ...(key === undefined ? [] : [key]),
    ...(purposes === undefined || purposes.some((one) => one === serverAuthentication || one === anyPurpose)
      ? []
      : ["is not for servers: its extended key usage lacks serverAuth, and clients refuse it"]),
    ...(mayAuthenticate(leaf)
      ? []
      : ["may not sign handshakes: its key usage lacks digitalSignature, and clients refuse it"]),
    ...issuers.flatMap(({ publicKey, subject }) => {
      const { rsaBits, text } = kindOf(publicKey);
      return rsaBits !== undefined && rsaBits < 2048
        ? [`holds ${commonName(subject)}, which has ${text}: clients refuse what it signs`]
        : [];
    }),
    ...chain.flatMap((certificate) => {
      // Nobody checks the signature of a root.
      const hash =
        isSignedBy(certificate, certificate) && certificate !== leaf ? undefined : signatureHash(certificate);
      return hash !== undefined && brokenHashes.includes(hash)
        ? [`holds ${commonName(certificate.subject)}, signed by ${hash}: clients refuse that`]
        : [];
    }),
  ];
}

/** Everything that is wrong with a serving certificate, each naming its part: that of base/certificate, and who must take it. */
export function servedProblems(
  pem: ProvidedPem,
  { hosts, envoy, now }: { hosts: readonly string[]; envoy: ServingEnvoy; now: Date },
): { part: CertificatePart; problem: string }[] {
  const chain = tryParse(pem.certificateChain) ?? [];
  const problems = certificateProblems(pem, hosts, now);
  // In a wrong order, the first certificate is not what is served.
  if (problems.some(({ problem }) => problem.startsWith("is in the wrong order"))) return problems;
  const more = servingProblems(chain, envoy).map((problem) => ({ part: "certificateChain" as const, problem }));
  return [...problems, ...more];
}
