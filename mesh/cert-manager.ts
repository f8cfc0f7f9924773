import { type KeyAlgorithm, defaultKeyAlgorithm } from "./authority";

/** What issues a certificate: an object of cert-manager, or of one of its external issuers. */
export interface IssuerReference {
  name: string;
  /** @default "Issuer", in the namespace of the hosts; `ClusterIssuer` serves every namespace */
  kind?: string;
  /** API group of an external issuer. @default "cert-manager.io" */
  group?: string;
}

/** A certificate that cert-manager (https://cert-manager.io) orders, renews and writes into the Secret by itself. */
export interface CertManagerCertificate {
  issuer: "certManager";
  issuerRef: IssuerReference;
  /** Name of the Secret, and of the Certificate: another than that of our own Secrets, which are deleted when they go. */
  secretName: string;
  /** Further DNS names beside the hosts. @default none */
  extraNames?: string[];
  /** @default none */
  ipAddresses?: string[];
  /** @default "ECDSA-P256" */
  keyAlgorithm?: KeyAlgorithm;
  /** Life to ask for, a Go duration; an ACME issuer decides by itself. @default cert-manager's 2160h */
  validity?: string;
  /** How long before its end it is renewed, a Go duration. @default cert-manager's third of the life */
  renewBefore?: string;
  /** Certificates of the CAs that clients should trust, for the stack's outputs. @default none */
  caCertificate?: string;
}

export const certManagerGroup = "cert-manager.io";

/** Name of the Secrets that cert-manager fills, unless the stack says another. */
export const managedSecretName = "gateway-serving-certificate-managed";

/** The `spec` of a `cert-manager.io/v1` Certificate. */
export function certManagerSpec(hosts: readonly string[], args: CertManagerCertificate): Record<string, unknown> {
  const [algorithm, size] = (args.keyAlgorithm ?? defaultKeyAlgorithm).split("-") as [string, string];
  const { name, kind = "Issuer", group = certManagerGroup } = args.issuerRef;
  return {
    secretName: args.secretName,
    issuerRef: { name, kind, group },
    dnsNames: [...new Set([...hosts, ...(args.extraNames ?? [])])],
    ...(args.ipAddresses === undefined ? {} : { ipAddresses: args.ipAddresses }),
    ...(args.validity === undefined ? {} : { duration: args.validity }),
    ...(args.renewBefore === undefined ? {} : { renewBefore: args.renewBefore }),
    // Always: a key that outlives its certificate would be worth stealing for longer.
    privateKey: { algorithm, size: Number(size.replace("P", "")), rotationPolicy: "Always" },
    usages: ["digital signature", "key encipherment", "server auth"],
  };
}
