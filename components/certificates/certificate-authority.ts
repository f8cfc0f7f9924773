import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import type { KeyAlgorithm } from "../../mesh/authority";

export { type KeyAlgorithm, type TrustedRoots, certificateLife, skippedPhase } from "../../mesh/authority";

/** Arguments of `tls.PrivateKey` for a key algorithm. */
export function keyArguments(algorithm: KeyAlgorithm): tls.PrivateKeyArgs {
  const [kind, size] = algorithm.split("-") as ["ECDSA" | "RSA", string];
  return kind === "ECDSA" ? { algorithm: kind, ecdsaCurve: size } : { algorithm: kind, rsaBits: Number(size) };
}

/** A certificate authority's root that the stack generates. */
export interface Root {
  key: tls.PrivateKey;
  certificate: tls.SelfSignedCert;
}

export interface RootArgs {
  /** Common name of its certificate; no two roots may share one, or clients would confuse them. */
  commonName: string;
  keyAlgorithm: KeyAlgorithm;
  /** Life of its certificate, in hours. */
  validityHours: number;
}

/**
 * Generates a root. It stays as it was made: other settings count for the next root only, because a root that
 * changed would be another one, which no client trusts yet.
 */
export function generateRoot(name: string, args: RootArgs, parent: pulumi.Resource): Root {
  const key = new tls.PrivateKey(name, keyArguments(args.keyAlgorithm), {
    parent,
    ignoreChanges: ["algorithm", "ecdsaCurve", "rsaBits"],
  });
  const certificate = new tls.SelfSignedCert(
    name,
    {
      privateKeyPem: key.privateKeyPem,
      subject: subject(args.commonName),
      isCaCertificate: true,
      setSubjectKeyId: true,
      validityPeriodHours: args.validityHours,
      allowedUses: ["cert_signing", "crl_signing"],
    },
    { parent, ignoreChanges: ["validityPeriodHours"] },
  );
  return { key, certificate };
}

export interface SignedArgs {
  keyAlgorithm: KeyAlgorithm;
  request: Omit<tls.CertRequestArgs, "privateKeyPem">;
  certificate: Omit<tls.LocallySignedCertArgs, "certRequestPem" | "caCertPem" | "caPrivateKeyPem">;
}

/** Generates a key, and its certificate, signed by a root. */
export function generateSigned(name: string, signer: Root, args: SignedArgs, parent: pulumi.Resource) {
  const key = new tls.PrivateKey(name, keyArguments(args.keyAlgorithm), { parent });
  const request = new tls.CertRequest(name, { privateKeyPem: key.privateKeyPem, ...args.request }, { parent });
  const certificate = new tls.LocallySignedCert(
    name,
    {
      certRequestPem: request.certRequestPem,
      caCertPem: signer.certificate.certPem,
      caPrivateKeyPem: signer.key.privateKeyPem,
      setSubjectKeyId: true,
      ...args.certificate,
    },
    { parent },
  );
  return { certificateChain: certificate.certPem, privateKey: key.privateKeyPem };
}

/** Certificates one after the other, as a PEM bundle. */
export function bundle(certificates: pulumi.Input<string>[]): pulumi.Output<string> {
  return pulumi.all(certificates).apply((all) => all.map((pem) => `${pem.trimEnd()}\n`).join(""));
}

export function subject(commonName: string) {
  return { commonName, organization: "enroute-istio" };
}
